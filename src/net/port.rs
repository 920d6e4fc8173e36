//! A RADIUS port of datagrams: a socket, and who may send to it.
//!
//! In this order, cheapest first: a known client, its rate, room for its request; then, in
//! a task of its own, the desk. What has no place is dropped in silence.

use std::future::Future;
use std::io;
use std::sync::Arc;

use arc_swap::ArcSwap;
use countersign_core::base::ClientId;
use countersign_core::login::Reason;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::clients::{Client, Clients};
use super::desk::{Answer, Arrived, Desk, Served};
use super::room::{Place, Room};
use super::socket::{Inbox, Origin, Socket};
use super::witness::{Sender, Witness};
use crate::fail_point::{Point, fail_point};

/// One socket of a port and all that its requests need.
#[derive(Debug)]
pub(super) struct Port<A, W> {
    pub(super) socket: Socket,
    pub(super) clients: Arc<ArcSwap<Clients>>,
    pub(super) room: Arc<Room>,
    pub(super) desk: Desk<A, W>,
    /// What the clients' rates are measured from.
    pub(super) opened: Instant,
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
            self.drop(&origin, None, Reason::UnknownClient);
            return None;
        };
        if !client.may_send(self.opened.elapsed()) {
            self.drop(&origin, Some(client), Reason::ClientRate);
            return None;
        }
        let Some(place) = self.room.take(ClientId(client.entry.id)) else {
            self.drop(&origin, Some(client), Reason::Overload);
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
        let arrived = Arrived {
            octets: &arrival.octets,
            client: &arrival.client,
            source: arrival.origin.from,
            certificate: None,
            received: arrival.received,
        };
        if let Served::Reply(reply) = self.desk.serve(&arrived).await {
            self.send(&reply, &arrival.origin);
            fail_point(Point::ReplySent);
        }
    }

    fn send(&self, reply: &[u8], origin: &Origin) {
        if let Err(error) = self.socket.send(reply, origin) {
            tracing::debug!(%error, to = %origin.from, "a reply was not sent");
        }
    }

    fn drop(&self, origin: &Origin, client: Option<&Arc<Client>>, reason: Reason) {
        let sender = Sender {
            source: origin.from,
            client: client.map(|client| &*client.entry.name),
            certificate: None,
        };
        self.desk.witness.dropped(&sender, reason);
    }
}
