//! The listener for peers: handshake, whose call it is, whether it may call now.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use countersign_core::base::NodeId;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_rustls::server::TlsStream;
use tokio_stream::StreamExt as _;
use tokio_stream::wrappers::ReceiverStream;
use tonic::service::{InterceptorLayer, Routes};
use tonic::transport::Server;
use tonic::transport::server::Connected;
use tonic::{Request, Status};

use super::credentials::Credentials;
use super::handshakes::{Door, Known};
use super::overhear::Overhear;
use super::refusals::Refusals;
use super::socket::Socket;
use super::trusted::Trusted;
use super::{PROTOCOL, PROTOCOL_HEADER};
use crate::tls::{Bounds, Place};

/// Who calls; among the extensions of each request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Caller(pub NodeId);

/// Whether a node may call now: it is a member. Asked at each call.
pub type Gate = Arc<dyn Fn(NodeId) -> bool + Send + Sync>;

/// The listener failed.
#[derive(Debug, thiserror::Error)]
#[error("peers cannot be served")]
pub struct ServeError(#[from] tonic::transport::Error);

/// Serves `routes` to peers until `stop` resolves, by the runtime that polls the future;
/// what is refused is noted in `refusals`.
/// To be called on the one that is to meet strangers: from here on it accepts connections
/// and shakes hands, until the future is dropped.
///
/// # Errors
/// When the listener fails.
pub fn serve(
    listener: TcpListener,
    credentials: Arc<Credentials>,
    routes: Routes,
    gate: Gate,
    refusals: Arc<Refusals>,
    stop: impl Future<Output = ()> + Send,
) -> impl Future<Output = Result<(), ServeError>> + Send {
    let door = Door {
        credentials,
        gate,
        refusals,
        bounds: Bounds::default(),
    };
    serve_behind(door, listener, routes, stop)
}

/// The same with bounds of the caller's.
pub(super) fn serve_behind(
    door: Door,
    listener: TcpListener,
    routes: Routes,
    stop: impl Future<Output = ()> + Send,
) -> impl Future<Output = Result<(), ServeError>> + Send {
    let (accepted, known) = mpsc::channel(door.bounds.handshakes);
    let (gate, refusals) = (Arc::clone(&door.gate), Arc::clone(&door.refusals));
    let overhear = Overhear {
        refusals: Arc::clone(&refusals),
        gate: Arc::clone(&gate),
    };
    // Ended, with all handshakes, when it is dropped.
    let mut accepting = JoinSet::new();
    accepting.spawn(door.keep(listener, accepted));
    async move {
        let _accepting = accepting;
        let peers = ReceiverStream::new(known).filter_map(PeerStream::open);
        Server::builder()
            .http2_keepalive_interval(Some(KEEPALIVE))
            .http2_keepalive_timeout(Some(KEEPALIVE))
            .http2_max_header_list_size(HEADER_OCTETS_MAX)
            .max_concurrent_streams(STREAMS_PER_LINK_MAX)
            .layer(overhear)
            .layer(InterceptorLayer::new(move |request| {
                admit(request, &gate, &refusals)
            }))
            .add_routes(routes)
            .serve_with_incoming_shutdown(peers.map(Ok::<_, io::Error>), stop)
            .await?;
        Ok(())
    }
}

/// In this order: the protocol's number, then membership. The certificate was checked in
/// the handshake.
fn admit(request: Request<()>, gate: &Gate, refusals: &Refusals) -> Result<Request<()>, Status> {
    let spoken = request.metadata().get(PROTOCOL_HEADER);
    let spoken = spoken.and_then(|number| number.to_str().ok()?.parse().ok());
    if spoken != Some(PROTOCOL) {
        refusals.count("protocol");
        return Err(Status::failed_precondition("another protocol: upgrade"));
    }
    match request.extensions().get::<Caller>() {
        Some(Caller(node)) if gate(*node) => Ok(request),
        Some(_) | None => {
            refusals.count("not_a_member");
            Err(Status::permission_denied("not a member"))
        }
    }
}

/// A connection whose other end is known.
struct PeerStream {
    stream: Trusted<TlsStream<Socket>>,
    caller: Caller,
    _place: Place,
}

impl PeerStream {
    /// To be called on the runtime that serves it.
    fn open(known: Known) -> Option<Self> {
        let caller = known.caller;
        match known.stream.resume() {
            Ok(stream) => Some(Self {
                stream: Trusted::new(stream, known.credentials, known.proof),
                caller,
                _place: known.place,
            }),
            Err(error) => {
                // The peer dials again.
                tracing::warn!(%error, node = %caller.0, "a peer's connection cannot be served");
                None
            }
        }
    }
}

impl Connected for PeerStream {
    type ConnectInfo = Caller;

    fn connect_info(&self) -> Caller {
        self.caller
    }
}

impl AsyncRead for PeerStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for PeerStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, octets)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

const KEEPALIVE: Duration = Duration::from_secs(1);
const HEADER_OCTETS_MAX: u32 = 8 * 1024;
/// Mostly logins that were handed over, each a small message. What may be large is bounded
/// by those who read it.
const STREAMS_PER_LINK_MAX: u32 = 4096;
