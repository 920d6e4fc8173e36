//! The listener: open while the node can decide, and all its connections with it. A client
//! whose connection breaks, and whose next one is refused, asks another server at once; one
//! that only hears nothing waits first.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use countersign_core::base::{ClientId, Secret};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use super::credentials::Credentials;
use super::door::{Known, Refused};
use super::limits::Limits;
use super::line::Line;
use crate::net::Alive;
use crate::net::clients::Clients;
use crate::net::desk::Answer;
use crate::net::room::Room;
use crate::net::witness::{Sender, Witness};
use crate::tls::{self, Places, Told};

/// What every connection shares.
pub(in crate::net) struct House<A, W> {
    pub(super) credentials: Arc<Credentials>,
    pub(super) clients: Arc<ArcSwap<Clients>>,
    pub(super) room: Arc<Room>,
    pub(super) answer: Arc<A>,
    pub(super) witness: Arc<W>,
    pub(super) alive: Alive,
    /// The one that everybody knows.
    pub(super) secrets: Arc<[Secret]>,
    pub(super) limits: Limits,
    pub(super) of_clients: Places<ClientId>,
    /// What is left of those that may be open.
    pub(in crate::net) connections: Arc<Semaphore>,
    told: Told,
    /// What the clients' rates are measured from.
    pub(super) opened: Instant,
}

/// What connections are to do.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Phase {
    /// Go on.
    Open,
    /// Take nothing more, finish what is in hand, and end.
    Leaving,
    /// End: this node cannot decide.
    Silent,
}

impl<A, W> House<A, W> {
    pub(in crate::net) fn new(
        credentials: Arc<Credentials>,
        (clients, room): (Arc<ArcSwap<Clients>>, Arc<Room>),
        (answer, witness): (Arc<A>, Arc<W>),
        alive: Alive,
        limits: Limits,
    ) -> Self {
        let secret = Secret::from(countersign_core::radius::RADSEC_SECRET.as_bytes());
        Self {
            credentials,
            clients,
            room,
            answer,
            witness,
            alive,
            secrets: Arc::new([secret]),
            limits,
            of_clients: Places::new(limits.of_client),
            connections: Arc::new(Semaphore::new(limits.connections)),
            told: Told::new(Instant::now()),
            opened: Instant::now(),
        }
    }
}

/// Serves by `listener` until `stop` resolves, then waits for what is in hand. While the node
/// cannot decide, nothing listens there.
///
/// # Errors
/// When the listener has no address.
pub(in crate::net) async fn run<A: Answer, W: Witness>(
    house: Arc<House<A, W>>,
    listener: TcpListener,
    stop: impl Future<Output = ()> + Send,
) -> io::Result<()> {
    let at = listener.local_addr()?;
    let mut next = Some(listener);
    let mut stop = std::pin::pin!(stop);
    loop {
        let listener = match next.take() {
            Some(listener) => listener,
            None => tokio::select! {
                listener = house.reopen(at) => listener,
                () = &mut stop => return Ok(()),
            },
        };
        let (phase, phases) = watch::channel(Phase::Open);
        let mut lines = JoinSet::new();
        let end = tokio::select! {
            () = Arc::clone(&house).take(&listener, &mut lines, phases) => Phase::Silent,
            () = house.fall_silent() => Phase::Silent,
            () = &mut stop => Phase::Leaving,
        };
        drop(listener);
        phase.send_replace(end);
        while lines.join_next().await.is_some() {}
        if end == Phase::Leaving {
            return Ok(());
        }
        tracing::warn!(listener = %at, "RadSec is closed while this node cannot decide");
    }
}

impl<A: Answer, W: Witness> House<A, W> {
    /// Takes connections for as long as it is polled.
    async fn take(
        self: Arc<Self>,
        listener: &TcpListener,
        lines: &mut JoinSet<()>,
        phases: watch::Receiver<Phase>,
    ) {
        let (accepted, mut known) = mpsc::channel(self.limits.strangers.handshakes);
        let meet = |stream, from| Arc::clone(&self).meet(stream, from, accepted.clone());
        let crowded = |from| self.refuse(SocketAddr::new(from, 0), &Refused::Slow);
        let met = tls::keep(listener, self.limits.strangers.handshakes, meet, &crowded);
        let mut met = std::pin::pin!(met);
        loop {
            tokio::select! {
                () = &mut met => return,
                Some(known) = known.recv() => {
                    let line = Line::new(Arc::clone(&self), known);
                    lines.spawn(line.run(phases.clone()));
                }
                Some(_ended) = lines.join_next() => {}
            }
        }
    }

    async fn meet(self: Arc<Self>, stream: TcpStream, from: SocketAddr, to: mpsc::Sender<Known>) {
        let source = SocketAddr::new(from.ip().to_canonical(), from.port());
        let time = self.limits.strangers.handshake_time;
        match timeout(time, self.shake(stream, source)).await {
            // A listener that closes takes nobody any more.
            Ok(Ok(known)) => drop(to.send(known).await),
            Ok(Err(refused)) => self.refuse(source, &refused),
            Err(_) => self.refuse(source, &Refused::Slow),
        }
    }

    fn refuse(&self, source: SocketAddr, refused: &Refused) {
        let reason = refused.reason();
        if self
            .told
            .is_first(Instant::now(), source.ip(), reason.code())
        {
            let cause = std::error::Error::source(refused).map(ToString::to_string);
            tracing::warn!(%source, error = %refused, cause, "a RadSec connection was refused");
        }
        let sender = Sender {
            source,
            client: None,
            certificate: refused.certificate(),
        };
        self.witness.dropped(&sender, reason);
    }

    /// Resolves when the node has been unable to decide for too long.
    async fn fall_silent(&self) {
        let mut since = Instant::now();
        while since.elapsed() < self.limits.silence {
            sleep(LOOK_EVERY).await;
            if (self.alive.0)() {
                since = Instant::now();
            }
        }
    }

    /// Listens again once the node can decide.
    async fn reopen(&self, at: SocketAddr) -> TcpListener {
        loop {
            sleep(LOOK_EVERY).await;
            if !(self.alive.0)() {
                continue;
            }
            match TcpListener::bind(at).await {
                Ok(listener) => return listener,
                Err(error) => tracing::warn!(%error, listener = %at, "RadSec cannot be reopened"),
            }
        }
    }
}

const LOOK_EVERY: Duration = Duration::from_millis(100);
