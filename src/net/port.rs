//! A RADIUS port: its sockets, and what every datagram must pass before it is read.
//!
//! In this order, cheapest first: a known client, room for its request; then, in a task
//! of its own, shape, proof and duplicates. Up to there every drop is silent: an answer to
//! a packet that nobody proved could be turned against a third party, or tell an attacker
//! which addresses are clients.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use countersign_core::base::ClientId;
use countersign_core::ledger::storage::MessageAuthenticatorMode;
use countersign_core::login::Reason;
use countersign_core::radius::{Forged, Malformed, Packet, Policy, Service, Verified};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::clients::{Client, Clients};
use super::duplicates::{Duplicates, Seen};
use super::room::{Place, Room};
use super::socket::{Inbox, Origin, Socket};
use super::witness::Witness;
use crate::fail_point::{Point, fail_point};

/// What gives the proven requests of a port their answers.
pub(super) trait Answer: Send + Sync + 'static {
    /// Which codes the port serves.
    const SERVICE: Service;

    /// The reply's octets; none: silence, and the same packet again is tried again.
    fn answer(&self, request: &Request<'_>) -> impl Future<Output = Option<Vec<u8>>> + Send;
}

/// A request that a client sent for certain, or as far as its entry asks for proof.
#[derive(Debug)]
pub(super) struct Request<'a> {
    pub(super) packet: Packet<'a, Verified<'a>>,
    pub(super) client: &'a Client,
    pub(super) source: SocketAddr,
    pub(super) received: Instant,
}

/// One socket of a port and all that its requests need.
#[derive(Debug)]
pub(super) struct Port<A, W> {
    pub(super) socket: Socket,
    pub(super) clients: Arc<ArcSwap<Clients>>,
    pub(super) room: Arc<Room>,
    pub(super) answer: Arc<A>,
    pub(super) witness: Arc<W>,
    pub(super) seen: Mutex<Duplicates>,
}

/// A datagram that has a place in the room.
struct Arrival {
    octets: Box<[u8]>,
    origin: Origin,
    client: Arc<Client>,
    received: Instant,
    _place: Place,
}

impl<A: Answer, W: Witness> Port<A, W> {
    /// Receives until `stop` resolves, then waits for the requests in hand.
    ///
    /// # Errors
    /// When the socket fails for good.
    pub(super) async fn run(
        self: Arc<Self>,
        stop: impl Future<Output = ()> + Send,
    ) -> io::Result<()> {
        let mut inbox = Inbox::new();
        let mut tasks = JoinSet::new();
        let mut stop = std::pin::pin!(stop);
        loop {
            let arrived = self.socket.receive(&mut inbox, |origin, octets| {
                if let Some(arrival) = self.admit(origin, octets) {
                    tasks.spawn(Arc::clone(&self).serve(arrival));
                }
            });
            tokio::select! {
                received = arrived => received?,
                () = &mut stop => break,
            }
            // Ended tasks are cleared away as new ones come: never more than the room.
            while tasks.try_join_next().is_some() {}
        }
        while tasks.join_next().await.is_some() {}
        Ok(())
    }

    fn admit(&self, origin: Origin, octets: &[u8]) -> Option<Arrival> {
        let clients = self.clients.load();
        let Some(client) = clients.find(origin.from.ip()) else {
            self.witness
                .dropped(origin.from, None, Reason::UnknownClient);
            return None;
        };
        let Some(place) = self.room.take(ClientId(client.entry.id)) else {
            self.witness
                .dropped(origin.from, Some(&client.entry.name), Reason::Overload);
            return None;
        };
        Some(Arrival {
            octets: octets.into(),
            origin,
            client: Arc::clone(client),
            received: Instant::now(),
            _place: place,
        })
    }

    async fn serve(self: Arc<Self>, arrival: Arrival) {
        let Arrival {
            octets,
            origin,
            client,
            received,
            _place,
        } = arrival;
        let packet = match prove::<A>(&octets, &client) {
            Ok(packet) => packet,
            Err(reason) => {
                return self
                    .witness
                    .dropped(origin.from, Some(&client.entry.name), reason);
            }
        };
        let datagram = packet.datagram();
        let name = (datagram.identifier(), *datagram.authenticator());
        match self.seen().see(origin.from, name, received) {
            Seen::InProgress => return,
            Seen::Answered(reply) => return self.send(&reply, &origin),
            Seen::New => {}
        }
        let request = Request {
            packet,
            client: &client,
            source: origin.from,
            received,
        };
        match self.answer.answer(&request).await {
            None => self.seen().forget(origin.from, name),
            Some(reply) => {
                let reply = Arc::from(reply);
                self.seen().answered(origin.from, name, &reply);
                self.send(&reply, &origin);
                fail_point(Point::ReplySent);
            }
        }
    }

    fn send(&self, reply: &[u8], origin: &Origin) {
        if let Err(error) = self.socket.send(reply, origin) {
            tracing::debug!(%error, to = %origin.from, "a reply was not sent");
        }
    }

    fn seen(&self) -> std::sync::MutexGuard<'_, Duplicates> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// From octets to a request that may be read.
fn prove<'a, A: Answer>(
    octets: &'a [u8],
    client: &'a Client,
) -> Result<Packet<'a, Verified<'a>>, Reason> {
    let packet = Packet::receive(octets, A::SERVICE).map_err(|malformed| match malformed {
        Malformed::Code(_) => Reason::UnservedCode,
        Malformed::Attribute(_)
        | Malformed::AttributeZero(_)
        | Malformed::Length(_)
        | Malformed::Short
        | Malformed::TooManyAttributes => Reason::BrokenPacket,
    })?;
    packet
        .verify(&client.secrets, policy(client))
        .map_err(|forged| match forged {
            Forged::MessageAuthenticatorMissing
            | Forged::ProxyStateUnprotected
            | Forged::EapUnprotected => Reason::Unauthenticated,
            Forged::AccountingAuthenticator
            | Forged::MessageAuthenticator
            | Forged::MessageAuthenticatorLength(_)
            | Forged::MessageAuthenticatorRepeated
            | Forged::NoSecret => Reason::Forged,
        })
}

fn policy(client: &Client) -> Policy {
    match client.entry.message_authenticator() {
        MessageAuthenticatorMode::Unspecified | MessageAuthenticatorMode::Require => {
            Policy::Require
        }
        MessageAuthenticatorMode::LimitProxyState => Policy::LimitProxyState,
        MessageAuthenticatorMode::No => Policy::DangerousTakeAny,
    }
}
