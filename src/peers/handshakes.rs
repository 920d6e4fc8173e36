//! From a connection to a peer: TLS, then whose certificate it is.
//!
//! Anyone can connect. Connections are always taken at once, and where too many have not
//! shown yet who they are, the oldest of the most crowded address goes: whoever opens
//! connections and says nothing keeps out nobody but himself.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, Id, JoinError, JoinSet};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use super::credentials::Credentials;
use super::name::{NameError, PeerName};
use super::refusals::Refusals;
use super::serve::{Caller, PeerStream};

/// What strangers meet.
pub(super) struct Door {
    pub(super) credentials: Arc<Credentials>,
    pub(super) refusals: Arc<Refusals>,
    pub(super) bounds: Bounds,
}

/// How much strangers may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// Handshakes at one time.
    pub(super) handshakes: usize,
    /// How long one may last.
    pub(super) handshake_time: Duration,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            handshakes: HANDSHAKES_MAX,
            handshake_time: HANDSHAKE_TIME_MAX,
        }
    }
}

type Accepted = mpsc::Sender<io::Result<PeerStream>>;

/// Why a connection is no peer's.
#[derive(Debug, thiserror::Error)]
enum Refused {
    #[error("{0} is of another cluster")]
    Cluster(PeerName),
    #[error("no handshake")]
    Handshake(#[source] io::Error),
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
            Self::Handshake(error) if is_of_certificate(error) => "certificate",
            Self::Handshake(_) => "handshake",
            Self::Name(_) | Self::Unnamed => "name",
        }
    }
}

impl Door {
    /// Takes connections and hands on those of peers.
    pub(super) async fn keep(self, listener: TcpListener, accepted: Accepted) {
        let mut crowd = Crowd::default();
        loop {
            tokio::select! {
                taken = listener.accept() => match taken {
                    Ok((stream, from)) => self.meet(&mut crowd, stream, from.ip(), &accepted),
                    Err(error) => {
                        // Out of files, mostly: others close some meanwhile.
                        tracing::warn!(%error, "a peer's connection cannot be accepted");
                        tokio::time::sleep(ACCEPT_PAUSE).await;
                    }
                },
                Some(ended) = crowd.tasks.join_next_with_id() => crowd.forget(&ended),
            }
        }
    }

    fn meet(&self, crowd: &mut Crowd, stream: TcpStream, from: IpAddr, accepted: &Accepted) {
        // LIMIT: handshakes at one time.
        if crowd.waiting.len() >= self.bounds.handshakes && crowd.send_one_away() {
            self.refusals.count("crowd");
            self.refusals
                .stranger(&"too many connections that say nothing");
        }
        let handshake = shake(stream, Arc::clone(&self.credentials));
        let (accepted, refusals) = (accepted.clone(), Arc::clone(&self.refusals));
        let time = self.bounds.handshake_time;
        crowd.add(from, async move {
            match timeout(time, handshake).await {
                // A server that is stopping takes nobody any more.
                Ok(Ok(peer)) => drop(accepted.send(Ok(peer)).await),
                Ok(Err(error)) => {
                    let cause = cause(&error);
                    tracing::warn!(%from, error = %cause, "a peer was refused");
                    refusals.stranger(&format_args!("{from}: {cause}"));
                    refusals.count(error.label());
                }
                Err(_) => {
                    refusals.stranger(&format_args!("{from}: no handshake within {time:?}"));
                    refusals.count("slow_handshake");
                }
            }
        });
    }
}

/// The handshakes under way, oldest first.
#[derive(Default)]
struct Crowd {
    tasks: JoinSet<()>,
    waiting: Vec<(IpAddr, AbortHandle)>,
}

impl Crowd {
    fn add(&mut self, from: IpAddr, handshake: impl Future<Output = ()> + Send + 'static) {
        let handle = self.tasks.spawn(handshake);
        self.waiting.push((neighbourhood(from), handle));
    }

    fn forget(&mut self, ended: &Result<(Id, ()), JoinError>) {
        let id = match ended {
            Ok((id, ())) => *id,
            Err(error) => error.id(),
        };
        self.waiting.retain(|(_, handle)| handle.id() != id);
    }

    /// Ends the oldest handshake of the address that has most of them.
    fn send_one_away(&mut self) -> bool {
        let mut each: HashMap<IpAddr, usize> = HashMap::new();
        for (from, _) in &self.waiting {
            let count = each.entry(*from).or_default();
            *count = count.saturating_add(1);
        }
        let most = each.values().copied().max();
        let crowded = |from| each.get(from).copied() == most;
        let Some(oldest) = self.waiting.iter().position(|(from, _)| crowded(from)) else {
            return false;
        };
        let (_, handle) = self.waiting.remove(oldest);
        handle.abort();
        true
    }
}

async fn shake(stream: TcpStream, credentials: Arc<Credentials>) -> Result<PeerStream, Refused> {
    stream.set_nodelay(true).map_err(Refused::Handshake)?;
    let stream = TlsAcceptor::from(credentials.server())
        .accept(stream)
        .await
        .map_err(Refused::Handshake)?;
    let (_, session) = stream.get_ref();
    let shown = session.peer_certificates().and_then(<[_]>::first);
    let name = PeerName::of(shown.ok_or(Refused::Unnamed)?)?;
    if name.cluster != credentials.own().cluster {
        return Err(Refused::Cluster(name));
    }
    let caller = Caller(name.node);
    Ok(PeerStream { stream, caller })
}

fn is_of_certificate(error: &io::Error) -> bool {
    let inner = error.get_ref().and_then(|it| it.downcast_ref());
    matches!(
        inner,
        Some(rustls::Error::InvalidCertificate(_) | rustls::Error::NoCertificatesPresented)
    )
}

/// Whoever has one address of IPv6 has as many as he likes beside it.
fn neighbourhood(from: IpAddr) -> IpAddr {
    match from.to_canonical() {
        IpAddr::V6(from) => {
            let network = u128::from(from) & !u128::from(u64::MAX);
            IpAddr::V6(Ipv6Addr::from(network))
        }
        from @ IpAddr::V4(_) => from,
    }
}

fn cause(error: &Refused) -> String {
    match error {
        Refused::Handshake(source) => format!("{error}: {source}"),
        Refused::Cluster(_) | Refused::Name(_) | Refused::Unnamed => error.to_string(),
    }
}

const HANDSHAKES_MAX: usize = 64;
const HANDSHAKE_TIME_MAX: Duration = Duration::from_secs(3);
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
