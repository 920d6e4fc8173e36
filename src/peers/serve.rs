//! The listener for peers: handshake, whose call it is, whether it may call now.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use countersign_core::base::NodeId;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_rustls::server::TlsStream;
use tokio_stream::wrappers::ReceiverStream;
use tonic::service::{InterceptorLayer, Routes};
use tonic::transport::Server;
use tonic::transport::server::Connected;
use tonic::{Request, Status};

use super::credentials::Credentials;
use super::handshakes::{Bounds, Door};
use super::overhear::Overhear;
use super::refusals::Refusals;
use super::{PROTOCOL, PROTOCOL_HEADER};

/// Who calls; among the extensions of each request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Caller(pub NodeId);

/// Whether a node may call now: it is a member. Asked at each call.
pub type Gate = Arc<dyn Fn(NodeId) -> bool + Send + Sync>;

/// The listener failed.
#[derive(Debug, thiserror::Error)]
#[error("peers cannot be served")]
pub struct ServeError(#[from] tonic::transport::Error);

/// Serves `routes` to peers until `stop` resolves; what is refused is noted in `refusals`.
///
/// # Errors
/// When the listener fails.
pub async fn serve(
    listener: TcpListener,
    credentials: Arc<Credentials>,
    routes: Routes,
    gate: Gate,
    refusals: Arc<Refusals>,
    stop: impl Future<Output = ()>,
) -> Result<(), ServeError> {
    let door = Door {
        credentials,
        refusals,
        bounds: Bounds::default(),
    };
    serve_behind(door, listener, routes, gate, stop).await
}

/// The same with bounds of the caller's.
pub(super) async fn serve_behind(
    door: Door,
    listener: TcpListener,
    routes: Routes,
    gate: Gate,
    stop: impl Future<Output = ()>,
) -> Result<(), ServeError> {
    let (accepted, incoming) = mpsc::channel(door.bounds.handshakes);
    let refusals = Arc::clone(&door.refusals);
    let overhear = Overhear {
        refusals: Arc::clone(&refusals),
        gate: Arc::clone(&gate),
    };
    // Ended, with all handshakes, when it is dropped.
    let mut accepting = JoinSet::new();
    accepting.spawn(door.keep(listener, accepted));
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
        .serve_with_incoming_shutdown(ReceiverStream::new(incoming), stop)
        .await?;
    Ok(())
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
pub(super) struct PeerStream {
    pub(super) stream: TlsStream<TcpStream>,
    pub(super) caller: Caller,
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
const STREAMS_PER_LINK_MAX: u32 = 4096;
