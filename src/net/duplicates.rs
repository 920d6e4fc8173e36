//! Duplicate detection (RFC 5080 §2.2.2): the same packet again gets the same octets.
//!
//! It saves work and answers a lost reply. It is not what keeps a code from being spent
//! twice: that is the ledger, since a retry mostly comes as a new packet.

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

/// What is known of a packet that came in.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Seen {
    /// It was answered; send these octets again.
    Answered(Arc<[u8]>),
    /// It is being worked on; the answer will come.
    InProgress,
    /// It is new, and from now on in progress.
    New,
}

/// The packets of the last [`KEPT`], and no more than a bound.
#[derive(Debug)]
pub(super) struct Duplicates {
    most: usize,
    packets: HashMap<Slot, Packet>,
    order: VecDeque<(Instant, Slot, [u8; 16])>,
}

/// A packet as its sender names it: by identifier or Token, and its authenticator.
pub(super) type Name = (u32, [u8; 16]);

/// Sender and identifier: a sender has one request in flight under each.
type Slot = (SocketAddr, u32);

#[derive(Debug)]
struct Packet {
    authenticator: [u8; 16],
    reply: Option<Arc<[u8]>>,
}

impl Default for Duplicates {
    /// For a socket.
    fn default() -> Self {
        Self::new(PACKETS_MAX)
    }
}

impl Duplicates {
    /// LIMIT: `most` packets are remembered; the oldest goes first.
    pub(super) fn new(most: usize) -> Self {
        Self {
            most,
            packets: HashMap::new(),
            order: VecDeque::new(),
        }
    }

    /// Looks a packet up, and notes it when it is new. Another authenticator under the
    /// same sender and identifier is a new request; the old one is forgotten.
    pub(super) fn see(&mut self, from: SocketAddr, packet: Name, now: Instant) -> Seen {
        let (identifier, authenticator) = packet;
        let slot = (from, identifier);
        match self.packets.get(&slot) {
            Some(known) if known.authenticator == authenticator => match &known.reply {
                Some(reply) => Seen::Answered(Arc::clone(reply)),
                None => Seen::InProgress,
            },
            _ => {
                self.make_room(now);
                self.packets.insert(
                    slot,
                    Packet {
                        authenticator,
                        reply: None,
                    },
                );
                self.order.push_back((now, slot, authenticator));
                Seen::New
            }
        }
    }

    /// Keeps the reply of a packet. Only a verdict that is durable may come here.
    pub(super) fn answered(&mut self, from: SocketAddr, packet: Name, reply: &Arc<[u8]>) {
        if let Some(known) = self.packets.get_mut(&(from, packet.0))
            && known.authenticator == packet.1
        {
            known.reply = Some(Arc::clone(reply));
        }
    }

    /// Forgets a packet that got no reply, so that the same one again is tried again.
    pub(super) fn forget(&mut self, from: SocketAddr, packet: Name) {
        self.remove((from, packet.0), packet.1);
    }

    fn remove(&mut self, slot: Slot, authenticator: [u8; 16]) {
        if self
            .packets
            .get(&slot)
            .is_some_and(|known| known.authenticator == authenticator)
        {
            self.packets.remove(&slot);
        }
    }

    fn make_room(&mut self, now: Instant) {
        while let Some(&(noted, slot, authenticator)) = self.order.front() {
            let old = now.saturating_duration_since(noted) > KEPT;
            if !old && self.order.len() < self.most {
                break;
            }
            self.order.pop_front();
            self.remove(slot, authenticator);
        }
    }
}

/// How long a reply is kept. RFC 5080 says 5 to 30 seconds.
const KEPT: Duration = Duration::from_secs(10);
/// LIMIT: packets remembered by one socket; the oldest goes first.
const PACKETS_MAX: usize = 131_072;

#[cfg(test)]
mod tests {
    use super::*;

    fn device() -> SocketAddr {
        "198.51.100.7:40000".parse().unwrap()
    }

    #[tokio::test]
    async fn the_same_packet_gets_the_same_octets() {
        let (mut seen, now) = (Duplicates::default(), Instant::now());
        let packet = (7, [1; 16]);
        assert_eq!(seen.see(device(), packet, now), Seen::New);
        assert_eq!(seen.see(device(), packet, now), Seen::InProgress);
        let reply: Arc<[u8]> = Arc::from(&b"reply"[..]);
        seen.answered(device(), packet, &reply);
        assert_eq!(seen.see(device(), packet, now), Seen::Answered(reply));
    }

    #[tokio::test]
    async fn another_authenticator_is_a_new_request() {
        let (mut seen, now) = (Duplicates::default(), Instant::now());
        assert_eq!(seen.see(device(), (7, [1; 16]), now), Seen::New);
        assert_eq!(seen.see(device(), (7, [2; 16]), now), Seen::New);
        let late: Arc<[u8]> = Arc::from(&b"of the first"[..]);
        seen.answered(device(), (7, [1; 16]), &late);
        assert_eq!(seen.see(device(), (7, [2; 16]), now), Seen::InProgress);
    }

    #[tokio::test]
    async fn what_got_no_reply_is_tried_again() {
        let (mut seen, now) = (Duplicates::default(), Instant::now());
        assert_eq!(seen.see(device(), (7, [1; 16]), now), Seen::New);
        seen.forget(device(), (7, [1; 16]));
        assert_eq!(seen.see(device(), (7, [1; 16]), now), Seen::New);
    }

    #[tokio::test]
    async fn memory_is_bounded_in_time_and_number() {
        let (mut seen, now) = (Duplicates::default(), Instant::now());
        for port in 1..=u16::MAX {
            for identifier in 0..3 {
                let from = SocketAddr::new(device().ip(), port);
                seen.see(from, (identifier, [0; 16]), now);
            }
        }
        assert!(seen.packets.len() <= PACKETS_MAX && seen.order.len() <= PACKETS_MAX);
        seen.see(device(), (7, [9; 16]), now + KEPT + Duration::from_secs(1));
        assert_eq!(seen.order.len(), 1);
    }
}
