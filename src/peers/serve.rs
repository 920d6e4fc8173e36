//! The listener for peers: handshake, whose call it is, whether it may call now.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use countersign_core::base::{NodeId, Operations};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_stream::wrappers::ReceiverStream;
use tonic::service::{InterceptorLayer, Routes};
use tonic::transport::Server;
use tonic::transport::server::Connected;
use tonic::{Request, Status};

use super::credentials::Credentials;
use super::name::PeerName;
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

/// Serves `routes` to peers until `stop` resolves.
///
/// # Errors
/// When the listener fails.
pub async fn serve(
    listener: TcpListener,
    credentials: Arc<Credentials>,
    routes: Routes,
    gate: Gate,
    operations: Arc<dyn Operations>,
    stop: impl Future<Output = ()>,
) -> Result<(), ServeError> {
    let (accepted, incoming) = mpsc::channel(HANDSHAKES_MAX);
    let accepting = tokio::spawn(accept(
        listener,
        credentials,
        accepted,
        Arc::clone(&operations),
    ));
    let served = Server::builder()
        .http2_keepalive_interval(Some(KEEPALIVE))
        .http2_keepalive_timeout(Some(KEEPALIVE))
        .http2_max_header_list_size(HEADER_OCTETS_MAX)
        .max_concurrent_streams(STREAMS_PER_LINK_MAX)
        .layer(InterceptorLayer::new(move |request| {
            admit(request, &gate, &*operations)
        }))
        .add_routes(routes)
        .serve_with_incoming_shutdown(ReceiverStream::new(incoming), stop)
        .await;
    accepting.abort();
    Ok(served?)
}

/// In this order: the protocol's number, then membership. The certificate was checked in
/// the handshake.
fn admit(
    request: Request<()>,
    gate: &Gate,
    operations: &dyn Operations,
) -> Result<Request<()>, Status> {
    let spoken = request.metadata().get(PROTOCOL_HEADER);
    let spoken = spoken.and_then(|number| number.to_str().ok()?.parse().ok());
    if spoken != Some(PROTOCOL) {
        operations.count("peer_calls_refused", "protocol");
        return Err(Status::failed_precondition("another protocol: upgrade"));
    }
    match request.extensions().get::<Caller>() {
        Some(Caller(node)) if gate(*node) => Ok(request),
        Some(_) | None => {
            operations.count("peer_calls_refused", "not_a_member");
            Err(Status::permission_denied("not a member"))
        }
    }
}

async fn accept(
    listener: TcpListener,
    credentials: Arc<Credentials>,
    accepted: mpsc::Sender<io::Result<PeerStream>>,
    operations: Arc<dyn Operations>,
) {
    let room = Arc::new(Semaphore::new(HANDSHAKES_MAX));
    loop {
        let Ok(place) = Arc::clone(&room).acquire_owned().await else {
            return;
        };
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                // Out of files, mostly: others close some meanwhile.
                tracing::warn!(%error, "a peer's connection cannot be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let (credentials, accepted) = (Arc::clone(&credentials), accepted.clone());
        let operations = Arc::clone(&operations);
        tokio::spawn(async move {
            match timeout(HANDSHAKE_TIME_MAX, shake(stream, &credentials)).await {
                Ok(Ok(peer)) => drop(accepted.send(Ok(peer)).await),
                Ok(Err(error)) => {
                    operations.count("peer_calls_refused", "handshake");
                    tracing::warn!(%error, "a peer was refused");
                }
                Err(_) => operations.count("peer_calls_refused", "slow_handshake"),
            }
            drop(place);
        });
    }
}

async fn shake(stream: TcpStream, credentials: &Credentials) -> io::Result<PeerStream> {
    stream.set_nodelay(true)?;
    let stream = TlsAcceptor::from(credentials.server())
        .accept(stream)
        .await?;
    let (_, session) = stream.get_ref();
    let shown = session.peer_certificates().and_then(<[_]>::first);
    let name = PeerName::of(shown.ok_or(io::ErrorKind::PermissionDenied)?);
    let name = name.map_err(io::Error::other)?;
    if name.cluster != credentials.own().cluster {
        return Err(io::Error::other(format!("{name} is of another cluster")));
    }
    let caller = Caller(name.node);
    Ok(PeerStream { stream, caller })
}

/// A connection whose other end is known.
struct PeerStream {
    stream: TlsStream<TcpStream>,
    caller: Caller,
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

/// Handshakes at one time; strangers who hold them up keep others waiting, not more.
const HANDSHAKES_MAX: usize = 64;
const HANDSHAKE_TIME_MAX: Duration = Duration::from_secs(3);
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
const KEEPALIVE: Duration = Duration::from_secs(1);
const HEADER_OCTETS_MAX: u32 = 8 * 1024;
const STREAMS_PER_LINK_MAX: u32 = 4096;
