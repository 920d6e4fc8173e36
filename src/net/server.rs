//! Opens the ports and keeps them until told to stop.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use arc_swap::ArcSwap;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::accounting::Recorder;
use super::authentication::Authenticator;
use super::both::Both;
use super::clients::Clients;
use super::desk::{Answer, Desk, Proof};
use super::port::Port;
use super::radsec::{self, Credentials, Limits};
use super::room::Room;
use super::socket::Socket;
use super::witness::Witness;
use super::{Alive, Wall};
use crate::login::{Clock, Ledger, Logins, PasswordSource};

/// What the ports are made of.
pub struct Setup<L, S, C, W> {
    /// Where Access-Requests come in.
    pub authentication: Vec<SocketAddr>,
    /// Where Accounting-Requests come in.
    pub accounting: Vec<SocketAddr>,
    /// Where both come in over TLS.
    pub radsec: Option<RadSec>,
    /// Sockets on each address of datagrams.
    pub sockets: usize,
    /// Requests in hand at one time, on all ports.
    pub in_hand: usize,
    /// The client entries; swapped when they change.
    pub clients: Arc<ArcSwap<Clients>>,
    /// Judges logins.
    pub logins: Logins<L, S, C>,
    /// Hears what happens.
    pub witness: Arc<W>,
    /// The wall clock.
    pub wall: Wall,
    /// Whether Status-Server is answered.
    pub alive: Alive,
}

/// The listener for TLS.
#[derive(Debug)]
pub struct RadSec {
    /// Where it listens.
    pub listen: SocketAddr,
    /// What it shows, and trusts clients by.
    pub credentials: Arc<Credentials>,
}

/// The open ports.
#[derive(Debug)]
pub struct Server {
    running: JoinSet<io::Result<()>>,
    room: Arc<Room>,
    /// What is left of the connections that may be open over TLS.
    connections: Option<Arc<Semaphore>>,
    stop: watch::Sender<bool>,
    /// Where Access-Requests come in, ports filled in.
    pub authentication: Vec<SocketAddr>,
    /// Where Accounting-Requests come in, ports filled in.
    pub accounting: Vec<SocketAddr>,
    /// Where both come in over TLS, its port filled in.
    pub radsec: Option<SocketAddr>,
}

impl Server {
    /// Opens every port and begins to serve.
    ///
    /// # Errors
    /// When an address is taken or not ours; then nothing is served.
    pub fn start<L: Ledger, S: PasswordSource, C: Clock, W: Witness>(
        setup: Setup<L, S, C, W>,
    ) -> io::Result<Self> {
        let (stop, stopped) = watch::channel(false);
        let room = Room::new(setup.in_hand);
        let authenticator = Arc::new(Authenticator {
            logins: setup.logins,
            witness: Arc::clone(&setup.witness),
            wall: setup.wall.clone(),
            alive: setup.alive.clone(),
        });
        let recorder = Arc::new(Recorder {
            witness: Arc::clone(&setup.witness),
            wall: setup.wall,
            alive: setup.alive.clone(),
        });
        let ports = Ports {
            clients: setup.clients,
            room: Arc::clone(&room),
            witness: setup.witness,
            sockets: setup.sockets,
            stopped,
        };
        let mut server = Self {
            running: JoinSet::new(),
            room,
            connections: None,
            stop,
            authentication: Vec::new(),
            accounting: Vec::new(),
            radsec: None,
        };
        for address in setup.authentication {
            let opened = ports.open(address, &authenticator, &mut server.running)?;
            server.authentication.push(opened);
        }
        for address in setup.accounting {
            let opened = ports.open(address, &recorder, &mut server.running)?;
            server.accounting.push(opened);
        }
        if let Some(radsec) = setup.radsec {
            let both = Both {
                authenticator,
                recorder,
            };
            let (opened, connections) =
                ports.open_radsec(radsec, both, setup.alive, &mut server.running)?;
            server.radsec = Some(opened);
            server.connections = Some(connections);
        }
        Ok(server)
    }

    /// Tells how many requests are in hand, for as long as the node runs.
    pub fn gauge(&self) -> impl Fn() -> usize + Send + use<> {
        let room = Arc::clone(&self.room);
        move || room.in_hand()
    }

    /// Tells how many connections are open over TLS, likewise.
    pub fn connections(&self) -> impl Fn() -> usize + Send + use<> {
        let left = self.connections.clone();
        let most = Limits::default().connections;
        move || {
            let left = left.as_ref().map(|left| left.available_permits());
            left.map_or(0, |left| most.saturating_sub(left))
        }
    }

    /// Resolves when a port has failed.
    pub async fn failed(&mut self) -> io::Error {
        loop {
            match self.running.join_next().await {
                Some(Ok(Ok(()))) => {}
                Some(Ok(Err(error))) => return error,
                Some(Err(error)) => return io::Error::other(error),
                None => std::future::pending().await,
            }
        }
    }

    /// Takes no more requests and waits for those in hand.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        while self.running.join_next().await.is_some() {}
    }
}

/// What all ports are made of.
struct Ports<W> {
    clients: Arc<ArcSwap<Clients>>,
    room: Arc<Room>,
    witness: Arc<W>,
    sockets: usize,
    stopped: watch::Receiver<bool>,
}

type Running = JoinSet<io::Result<()>>;

impl<W: Witness> Ports<W> {
    /// Opens a port of datagrams; where it is open.
    fn open<A: Answer>(
        &self,
        address: SocketAddr,
        answer: &Arc<A>,
        running: &mut Running,
    ) -> io::Result<SocketAddr> {
        let sockets = Socket::open(address, self.sockets)?;
        let opened = local(&sockets)?;
        for socket in sockets {
            let port = Arc::new(Port {
                socket,
                clients: Arc::clone(&self.clients),
                room: Arc::clone(&self.room),
                desk: Desk {
                    answer: Arc::clone(answer),
                    witness: Arc::clone(&self.witness),
                    proof: Proof::Secret,
                    seen: Mutex::default(),
                },
                opened: Instant::now(),
            });
            running.spawn(port.run(until(self.stopped.clone())));
        }
        Ok(opened)
    }

    fn open_radsec<A: Answer>(
        &self,
        setup: RadSec,
        answer: A,
        alive: Alive,
        running: &mut Running,
    ) -> io::Result<(SocketAddr, Arc<Semaphore>)> {
        let listener = std::net::TcpListener::bind(setup.listen)?;
        listener.set_nonblocking(true)?;
        let listener = TcpListener::from_std(listener)?;
        let opened = listener.local_addr()?;
        let house = radsec::House::new(
            setup.credentials,
            (Arc::clone(&self.clients), Arc::clone(&self.room)),
            (Arc::new(answer), Arc::clone(&self.witness)),
            alive,
            Limits::default(),
        );
        let connections = Arc::clone(&house.connections);
        let stopped = until(self.stopped.clone());
        running.spawn(radsec::run(Arc::new(house), listener, stopped));
        Ok((opened, connections))
    }
}

fn local(sockets: &[Socket]) -> io::Result<SocketAddr> {
    sockets.first().ok_or(io::ErrorKind::InvalidInput)?.local()
}

async fn until(mut stopped: watch::Receiver<bool>) {
    // A dropped sender means that the server is gone: stop as well.
    let _gone = stopped.wait_for(|stopped| *stopped).await;
}
