//! From a connection to a peer: TLS, then whose certificate it is.
//!
//! Must not run where heartbeats do: each handshake costs a signature, and a stranger can
//! ask for as many as he likes.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsAcceptor;

use super::Places;
use super::credentials::Credentials;
use super::name::{NameError, PeerName};
use super::refusals::Refusals;
use super::serve::{Caller, Gate};
use super::socket::{Parked, Socket};
use crate::tls::{self, Bounds, Place, Proof, Told, proof};

/// What strangers meet.
pub(super) struct Door {
    pub(super) credentials: Arc<Credentials>,
    pub(super) gate: Gate,
    pub(super) refusals: Arc<Refusals>,
    pub(super) bounds: Bounds,
}

/// A connection whose other end is known, watched by no runtime.
pub(super) struct Known {
    pub(super) stream: Parked,
    pub(super) caller: Caller,
    pub(super) credentials: Arc<Credentials>,
    pub(super) proof: Proof,
    /// Of the node's connections.
    pub(super) place: Place,
}

type Accepted = mpsc::Sender<Known>;

/// Why a connection is no peer's.
#[derive(Debug, thiserror::Error)]
enum Refused {
    #[error("{0} is of another cluster")]
    Cluster(PeerName),
    #[error("{0} has as many connections as it may")]
    Connections(PeerName),
    #[error("no handshake")]
    Handshake(#[source] io::Error),
    #[error("{0} is not a member")]
    Member(PeerName),
    #[error(transparent)]
    Name(#[from] NameError),
    #[error("no certificate was shown")]
    Unnamed,
}

impl Refused {
    /// The label under which it is counted.
    fn label(&self) -> &'static str {
        match self {
            Self::Cluster(_) => "cluster",
            Self::Connections(_) => "connections",
            Self::Handshake(error) if is_of_certificate(error) => "certificate",
            Self::Handshake(_) => "handshake",
            Self::Member(_) => "not_a_member",
            Self::Name(_) | Self::Unnamed => "name",
        }
    }
}

impl Door {
    /// Takes connections and hands on those of peers.
    pub(super) async fn keep(self, listener: TcpListener, accepted: Accepted) {
        let told = Arc::new(Told::new(Instant::now()));
        let desk = Arc::new(Desk::new(&self));
        let meet = |stream, from: SocketAddr| self.meet(&desk, stream, from.ip(), &accepted, &told);
        let crowded = |_| {
            self.refusals.count("crowd");
            self.refusals
                .stranger(&"too many connections that say nothing");
        };
        tls::keep(&listener, self.bounds.handshakes, meet, &crowded).await;
    }

    fn meet(
        &self,
        desk: &Arc<Desk>,
        stream: TcpStream,
        from: IpAddr,
        accepted: &Accepted,
        told: &Arc<Told>,
    ) -> impl Future<Output = ()> + Send + use<> {
        let handshake = Arc::clone(desk).shake(stream);
        let (accepted, refusals) = (accepted.clone(), Arc::clone(&self.refusals));
        let (time, told) = (self.bounds.handshake_time, Arc::clone(told));
        async move {
            match timeout(time, handshake).await {
                // A server that is stopping takes nobody any more.
                Ok(Ok(peer)) => drop(accepted.send(peer).await),
                Ok(Err(error)) => {
                    let cause = cause(&error);
                    if told.is_first(Instant::now(), from, error.label()) {
                        tracing::warn!(%from, error = %cause, "a peer was refused");
                    }
                    refusals.stranger(&format_args!("{from}: {cause}"));
                    refusals.count(error.label());
                }
                Err(_) => {
                    refusals.stranger(&format_args!("{from}: no handshake within {time:?}"));
                    refusals.count("slow_handshake");
                }
            }
        }
    }
}

/// Who comes in, and who does not.
struct Desk {
    credentials: Arc<Credentials>,
    gate: Gate,
    connections: Places,
}

impl Desk {
    fn new(door: &Door) -> Self {
        Self {
            credentials: Arc::clone(&door.credentials),
            gate: Arc::clone(&door.gate),
            connections: Places::new(CONNECTIONS_OF_NODE_MAX),
        }
    }

    async fn shake(self: Arc<Self>, stream: TcpStream) -> Result<Known, Refused> {
        stream.set_nodelay(true).map_err(Refused::Handshake)?;
        let (config, generation) = self.credentials.server();
        let stream = TlsAcceptor::from(config)
            .accept(Socket::from(stream))
            .await
            .map_err(Refused::Handshake)?;
        let (_, session) = stream.get_ref();
        let shown = session.peer_certificates().and_then(<[_]>::first);
        let name = PeerName::of(shown.ok_or(Refused::Unnamed)?)?;
        if name.cluster != self.credentials.own().cluster {
            return Err(Refused::Cluster(name));
        }
        if !(self.gate)(name.node) {
            return Err(Refused::Member(name));
        }
        let place = self.connections.take(name.node);
        let place = place.ok_or(Refused::Connections(name))?;
        let proof = proof(session, generation).map_err(|_| NameError::Unreadable)?;
        Ok(Known {
            stream: Parked::new(stream).map_err(Refused::Handshake)?,
            caller: Caller(name.node),
            credentials: Arc::clone(&self.credentials),
            proof,
            place,
        })
    }
}

fn is_of_certificate(error: &io::Error) -> bool {
    let inner = error.get_ref().and_then(|it| it.downcast_ref());
    matches!(
        inner,
        Some(rustls::Error::InvalidCertificate(_) | rustls::Error::NoCertificatesPresented)
    )
}

fn cause(error: &Refused) -> String {
    match error {
        Refused::Handshake(source) => format!("{error}: {source}"),
        Refused::Cluster(_)
        | Refused::Connections(_)
        | Refused::Member(_)
        | Refused::Name(_)
        | Refused::Unnamed => error.to_string(),
    }
}

/// A node needs two, and others while old ones break unheard.
const CONNECTIONS_OF_NODE_MAX: usize = 8;
