//! From a connection to a peer: TLS, then whose certificate it is.
//!
//! Anyone can connect. Connections are always taken at once, and where too many have not
//! shown yet who they are, the oldest of the most crowded address goes: whoever opens
//! connections and says nothing keeps out nobody but himself.
//!
//! Must not run where heartbeats do: each handshake costs a signature, and a stranger can
//! ask for as many as he likes.

use std::collections::{HashMap, HashSet};
use std::io;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, Id, JoinError, JoinSet};
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsAcceptor;

use super::credentials::{Credentials, Proof};
use super::name::{NameError, PeerName};
use super::places::{Place, Places};
use super::refusals::Refusals;
use super::serve::{Caller, Gate};
use super::socket::{Parked, Socket};
use super::trusted::proof;

/// What strangers meet.
pub(super) struct Door {
    pub(super) credentials: Arc<Credentials>,
    pub(super) gate: Gate,
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
        let mut crowd = Crowd::default();
        let told = Arc::new(Mutex::new(Told::new(Instant::now())));
        let desk = Arc::new(Desk::new(&self));
        loop {
            tokio::select! {
                taken = listener.accept() => match taken {
                    Ok((stream, from)) => {
                        let met = self.meet(&desk, stream, from.ip(), &accepted, &told);
                        self.add(&mut crowd, from.ip(), met);
                    }
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

    fn add(&self, crowd: &mut Crowd, from: IpAddr, met: impl Future<Output = ()> + Send + 'static) {
        // LIMIT: handshakes at one time.
        if crowd.waiting.len() >= self.bounds.handshakes && crowd.send_one_away() {
            self.refusals.count("crowd");
            self.refusals
                .stranger(&"too many connections that say nothing");
        }
        crowd.add(from, met);
    }

    fn meet(
        &self,
        desk: &Arc<Desk>,
        stream: TcpStream,
        from: IpAddr,
        accepted: &Accepted,
        told: &Arc<Mutex<Told>>,
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
                    if is_first(&told, from, error.label()) {
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

/// Which refusals the log tells of already. A line for each would let strangers fill the
/// disk; all of them are counted.
struct Told {
    since: Instant,
    seen: HashSet<(IpAddr, &'static str)>,
}

impl Told {
    fn new(since: Instant) -> Self {
        Self {
            since,
            seen: HashSet::new(),
        }
    }

    /// Whether it is the first of its kind from there for a while, and worth a line.
    fn is_first(&mut self, now: Instant, from: IpAddr, label: &'static str) -> bool {
        if now.saturating_duration_since(self.since) >= TELL_EVERY {
            self.seen.clear();
            self.since = now;
        }
        self.seen.len() < TOLD_MAX && self.seen.insert((neighbourhood(from), label))
    }
}

fn is_first(told: &Mutex<Told>, from: IpAddr, label: &'static str) -> bool {
    let mut told = told.lock().unwrap_or_else(PoisonError::into_inner);
    told.is_first(Instant::now(), from, label)
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
        Refused::Cluster(_)
        | Refused::Connections(_)
        | Refused::Member(_)
        | Refused::Name(_)
        | Refused::Unnamed => error.to_string(),
    }
}

/// A node needs two, and others while old ones break unheard.
const CONNECTIONS_OF_NODE_MAX: usize = 8;
const HANDSHAKES_MAX: usize = 64;
const HANDSHAKE_TIME_MAX: Duration = Duration::from_secs(3);
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// After so long the same refusal of the same address is told again.
const TELL_EVERY: Duration = Duration::from_secs(10);
/// LIMIT: lines in that time; addresses are many.
const TOLD_MAX: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_strangers_is_a_few_lines() {
        let start = Instant::now();
        let mut told = Told::new(start);
        let from = |number: u32| IpAddr::from(std::net::Ipv4Addr::from(number));
        let mut lines = |count: u32, now, addresses: u32| {
            let each = (0..count).filter(|it| told.is_first(now, from(it % addresses), "name"));
            each.count()
        };
        assert_eq!(lines(1000, start, 2), 2);
        assert_eq!(lines(1000, start, 1000), TOLD_MAX - 2);
        assert_eq!(lines(1, start + TELL_EVERY, 1), 1, "told again");
    }
}
