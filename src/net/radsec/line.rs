//! One connection: packets in, in any number up to a bound, and their replies out as they
//! come.
//!
//! When it ends, nobody can be told any more: what is asked for stops waiting, and a login
//! that was begun settles by itself.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use countersign_core::base::limits::{PACKET_OCTETS_MAX, STREAM_REQUESTS_MAX};
use countersign_core::base::{ClientId, Secret};
use countersign_core::login::Reason;
use countersign_core::radius::{Datagram, Splitter, Version, protocol_error};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::watch;
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, interval, timeout};

use super::door::Known;
use super::listener::{House, Phase};
use crate::fail_point::{Point, fail_point};
use crate::net::clients::Client;
use crate::net::desk::{Answer, Arrived, Desk, Proof as PacketProof, Served};
use crate::net::duplicates::Duplicates;
use crate::net::room::Place;
use crate::net::witness::{Sender, Witness};

/// A connection of a client.
pub(super) struct Line<A, W> {
    house: Arc<House<A, W>>,
    known: Known,
    desk: Arc<Desk<A, W>>,
    splitter: Splitter,
    tasks: JoinSet<Served>,
    /// When the last packet was whole, or the next began.
    since: Instant,
}

/// A packet that has a place in the room.
struct Arrival {
    octets: Box<[u8]>,
    client: Arc<Client>,
    certificate: String,
    source: std::net::SocketAddr,
    received: Instant,
    _place: Place,
}

/// Why a connection ends.
#[derive(Debug, thiserror::Error)]
enum End {
    #[error("the client has closed it")]
    Closed,
    #[error("{0}")]
    Refused(Reason),
    #[error("the certificate is trusted no more")]
    Distrust,
    #[error("nothing was asked for long")]
    Idle,
    #[error("a packet took too long")]
    Slow,
    #[error("this node takes no requests now")]
    Phase,
    #[error("it is broken")]
    Io(#[from] io::Error),
}

/// What happens next on a connection.
enum Event {
    Read(usize),
    Served(Result<Served, JoinError>),
    Tick,
    Phase,
}

impl<A: Answer, W: Witness> Line<A, W> {
    pub(super) fn new(house: Arc<House<A, W>>, known: Known) -> Self {
        let desk = Arc::new(Desk {
            answer: Arc::clone(&house.answer),
            witness: Arc::clone(&house.witness),
            proof: PacketProof::Session(known.version, Arc::clone(&house.secrets)),
            seen: Mutex::new(Duplicates::new(DUPLICATES_MAX)),
        });
        Self {
            house,
            known,
            desk,
            splitter: Splitter::default(),
            tasks: JoinSet::new(),
            since: Instant::now(),
        }
    }

    /// Serves it until it ends.
    pub(super) async fn run(mut self, mut phase: watch::Receiver<Phase>) {
        let (source, version) = (self.known.source, self.known.version);
        tracing::debug!(%source, names = ?self.known.names, ?version, "RadSec connection");
        if let Err(end) = self.talk(&mut phase).await {
            tracing::debug!(%source, %end, "RadSec connection ended");
        }
        self.tasks.abort_all();
        // Tells the client that this was no cut; one that does not hear it is not waited for.
        let _told = timeout(GOODBYE_TIME, self.known.stream.shutdown()).await;
    }

    async fn talk(&mut self, phase: &mut watch::Receiver<Phase>) -> Result<(), End> {
        let mut inbox = vec![0; PACKET_OCTETS_MAX].into_boxed_slice();
        let mut tick = interval(TICK);
        loop {
            let open = *phase.borrow_and_update() == Phase::Open;
            // What is full is not read from: the client's own stream holds it up then.
            let reading = open && self.take_packets()?;
            match self.next(&mut inbox, reading, &mut tick, phase).await? {
                Event::Read(0) => return Err(End::Closed),
                Event::Read(octets) => {
                    if !self.splitter.is_amid() {
                        self.since = Instant::now();
                    }
                    self.splitter.put(inbox.get(..octets).unwrap_or_default());
                }
                Event::Served(served) => self.send(served).await?,
                Event::Tick => self.check(reading)?,
                Event::Phase => {}
            }
            match *phase.borrow() {
                Phase::Silent => return Err(End::Phase),
                Phase::Leaving if self.tasks.is_empty() => return Err(End::Phase),
                Phase::Leaving | Phase::Open => {}
            }
        }
    }

    async fn next(
        &mut self,
        inbox: &mut [u8],
        reading: bool,
        tick: &mut tokio::time::Interval,
        phase: &mut watch::Receiver<Phase>,
    ) -> Result<Event, End> {
        let stream = &mut self.known.stream;
        tokio::select! {
            read = stream.read(inbox), if reading => Ok(Event::Read(read?)),
            Some(served) = self.tasks.join_next() => Ok(Event::Served(served)),
            _ = tick.tick() => Ok(Event::Tick),
            changed = phase.changed() => match changed {
                Ok(()) => Ok(Event::Phase),
                Err(_) => Err(End::Phase),
            },
        }
    }

    /// Hands on every whole packet for which there is room; whether all of them were.
    fn take_packets(&mut self) -> Result<bool, End> {
        while self.tasks.len() < STREAM_REQUESTS_MAX {
            let packet = self.splitter.next_packet();
            let Ok(packet) = packet else {
                return Err(self.refuse(None, Reason::BrokenPacket));
            };
            let Some(packet) = packet.map(Box::from) else {
                return Ok(true);
            };
            self.since = Instant::now();
            self.admit(packet)?;
        }
        Ok(false)
    }

    fn admit(&mut self, octets: Box<[u8]>) -> Result<(), End> {
        let Known { names, source, .. } = &self.known;
        // Asked for each packet: the entry may have changed since the last one.
        let clients = self.house.clients.load();
        let (client, certificate) = match clients.find_named(names, source.ip()) {
            Ok((client, name)) => (Arc::clone(client), name.to_owned()),
            Err(reason) => return Err(self.refuse(None, reason)),
        };
        if !client.may_send(self.house.opened.elapsed()) {
            self.refuse(Some(&client), Reason::ClientRate);
            return Ok(());
        }
        let Some(place) = self.house.room.take(ClientId(client.entry.id)) else {
            self.refuse(Some(&client), Reason::Overload);
            return Ok(());
        };
        let arrival = Arrival {
            octets,
            client,
            certificate,
            source: *source,
            received: Instant::now(),
            _place: place,
        };
        let (desk, version) = (Arc::clone(&self.desk), self.known.version);
        let secrets = Arc::clone(&self.house.secrets);
        self.tasks.spawn(serve(desk, arrival, version, secrets));
        Ok(())
    }

    /// Sends the reply of a request that has ended, and of all others that have meanwhile.
    async fn send(&mut self, first: Result<Served, JoinError>) -> Result<(), End> {
        let mut replies = Vec::new();
        let mut next = Some(first);
        while let Some(served) = next {
            match served {
                Ok(Served::Reply(reply)) => replies.extend_from_slice(&reply),
                // The client is at odds with its own session: nothing it says can be relied on.
                Ok(Served::Dropped(reason @ (Reason::BrokenPacket | Reason::Forged))) => {
                    return Err(End::Refused(reason));
                }
                // A request that broke is as one that was lost.
                Ok(Served::Dropped(_) | Served::Silence) | Err(_) => {}
            }
            next = self.tasks.try_join_next();
        }
        if replies.is_empty() {
            return Ok(());
        }
        let stream = &mut self.known.stream;
        let written = async {
            stream.write_all(&replies).await?;
            stream.flush().await
        };
        match timeout(self.house.limits.write, written).await {
            Ok(written) => written?,
            Err(_) => return Err(End::Slow),
        }
        fail_point(Point::ReplySent);
        Ok(())
    }

    fn check(&self, reading: bool) -> Result<(), End> {
        let limits = &self.house.limits;
        if !self.house.credentials.trusts(self.known.proof) {
            return Err(End::Distrust);
        }
        let silent = self.since.elapsed();
        if reading && self.splitter.is_amid() && silent > limits.packet {
            return Err(End::Slow);
        }
        if self.tasks.is_empty() && silent > limits.idle {
            return Err(End::Idle);
        }
        Ok(())
    }

    fn refuse(&self, client: Option<&Client>, reason: Reason) -> End {
        let sender = Sender {
            source: self.known.source,
            client: client.map(|client| &*client.entry.name),
            certificate: self.known.names.first().map(String::as_str),
        };
        self.house.witness.dropped(&sender, reason);
        End::Refused(reason)
    }
}

async fn serve<A: Answer, W: Witness>(
    desk: Arc<Desk<A, W>>,
    arrival: Arrival,
    version: Version,
    secrets: Arc<[Secret]>,
) -> Served {
    let arrived = Arrived {
        octets: &arrival.octets,
        client: &arrival.client,
        source: arrival.source,
        certificate: Some(&arrival.certificate),
        received: arrival.received,
    };
    let served = desk.serve(&arrived).await;
    if !matches!(served, Served::Dropped(Reason::UnservedCode)) {
        return served;
    }
    let secret = secrets.first();
    let reply = secret.and_then(|it| unserved(&arrival.octets, version, it));
    reply.map_or(Served::Silence, |reply| Served::Reply(reply.into()))
}

/// Says that a kind is not served, where that may be said.
fn unserved(octets: &[u8], version: Version, secret: &Secret) -> Option<Vec<u8>> {
    let datagram = Datagram::parse(octets).ok()?;
    protocol_error(&datagram, version, secret).ok()?
}

/// LIMIT: replies remembered for one connection, on which nothing need be sent twice.
const DUPLICATES_MAX: usize = 1024;
const TICK: Duration = Duration::from_secs(1);
const GOODBYE_TIME: Duration = Duration::from_secs(1);
