//! Strangers at a listener.
//!
//! Anyone can connect. Connections are always taken at once, and where too many have not
//! shown yet who they are, the oldest of the most crowded address goes: whoever opens
//! connections and says nothing keeps out nobody but himself.

use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, Id, JoinError, JoinSet};
use tokio::time::Instant;

/// How much strangers may take.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Handshakes at one time.
    pub handshakes: usize,
    /// How long one may last.
    pub handshake_time: Duration,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            handshakes: HANDSHAKES_MAX,
            handshake_time: HANDSHAKE_TIME_MAX,
        }
    }
}

/// Told of an address from which a connection was sent away that said nothing.
pub type Crowded<'a> = &'a (dyn Fn(IpAddr) + Send + Sync);

/// Takes connections for as long as it is polled, and has each met in a task of its own;
/// when it is dropped, all that are being met end.
pub async fn keep<M: Future<Output = ()> + Send + 'static>(
    listener: &TcpListener,
    handshakes: usize,
    meet: impl Fn(TcpStream, SocketAddr) -> M,
    crowded: Crowded<'_>,
) {
    let mut crowd = Crowd::default();
    loop {
        tokio::select! {
            taken = listener.accept() => match taken {
                Ok((stream, from)) => {
                    let met = meet(stream, from);
                    // LIMIT: handshakes at one time.
                    if crowd.waiting.len() >= handshakes
                        && let Some(away) = crowd.send_one_away()
                    {
                        crowded(away);
                    }
                    crowd.add(from.ip(), met);
                }
                Err(error) => {
                    // Out of files, mostly: others close some meanwhile.
                    tracing::warn!(%error, "a connection cannot be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
            Some(ended) = crowd.tasks.join_next_with_id() => crowd.forget(&ended),
        }
    }
}

/// Which refusals the log tells of already. A line for each would let strangers fill the
/// disk; all of them are counted.
#[derive(Debug)]
pub struct Told(Mutex<Lines>);

#[derive(Debug)]
struct Lines {
    since: Instant,
    seen: HashSet<(IpAddr, &'static str)>,
}

impl Told {
    /// None, as of `since`.
    #[must_use]
    pub fn new(since: Instant) -> Self {
        let seen = HashSet::new();
        Self(Mutex::new(Lines { since, seen }))
    }

    /// Whether it is the first of its kind from there for a while, and worth a line.
    pub fn is_first(&self, now: Instant, from: IpAddr, label: &'static str) -> bool {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if now.saturating_duration_since(lines.since) >= TELL_EVERY {
            lines.seen.clear();
            lines.since = now;
        }
        lines.seen.len() < TOLD_MAX && lines.seen.insert((neighbourhood(from), label))
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
    fn send_one_away(&mut self) -> Option<IpAddr> {
        let mut each: HashMap<IpAddr, usize> = HashMap::new();
        for (from, _) in &self.waiting {
            let count = each.entry(*from).or_default();
            *count = count.saturating_add(1);
        }
        let most = each.values().copied().max();
        let crowded = |from| each.get(from).copied() == most;
        let oldest = self.waiting.iter().position(|(from, _)| crowded(from))?;
        let (from, handle) = self.waiting.remove(oldest);
        handle.abort();
        Some(from)
    }
}

/// What counts as one address: whoever has one of IPv6 has as many as he likes beside it.
#[must_use]
pub fn neighbourhood(from: IpAddr) -> IpAddr {
    match from.to_canonical() {
        IpAddr::V6(from) => {
            let network = u128::from(from) & !u128::from(u64::MAX);
            IpAddr::V6(Ipv6Addr::from(network))
        }
        from @ IpAddr::V4(_) => from,
    }
}

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
        let told = Told::new(start);
        let from = |number: u32| IpAddr::from(std::net::Ipv4Addr::from(number));
        let lines = |count: u32, now, addresses: u32| {
            let each = (0..count).filter(|it| told.is_first(now, from(it % addresses), "name"));
            each.count()
        };
        assert_eq!(lines(1000, start, 2), 2);
        assert_eq!(lines(1000, start, 1000), TOLD_MAX - 2);
        assert_eq!(lines(1, start + TELL_EVERY, 1), 1, "told again");
    }
}
