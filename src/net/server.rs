//! Opens the ports and keeps them until told to stop.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use arc_swap::ArcSwap;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::accounting::Recorder;
use super::authentication::Authenticator;
use super::clients::Clients;
use super::port::{Answer, Port};
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
    /// Sockets on each address.
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

/// The open ports.
#[derive(Debug)]
pub struct Server {
    running: JoinSet<io::Result<()>>,
    room: Arc<Room>,
    stop: watch::Sender<bool>,
    /// Where Access-Requests come in, ports filled in.
    pub authentication: Vec<SocketAddr>,
    /// Where Accounting-Requests come in, ports filled in.
    pub accounting: Vec<SocketAddr>,
}

impl Server {
    /// Opens every port and begins to serve.
    ///
    /// # Errors
    /// When an address is taken or not ours; then nothing is served.
    pub fn start<L: Ledger, S: PasswordSource, C: Clock, W: Witness>(
        setup: Setup<L, S, C, W>,
    ) -> io::Result<Self> {
        let Setup {
            clients,
            logins,
            witness,
            wall,
            alive,
            ..
        } = setup;
        let room = Room::new(setup.in_hand);
        let (stop, stopped) = watch::channel(false);
        let mut server = Self {
            running: JoinSet::new(),
            room: Arc::clone(&room),
            stop,
            authentication: Vec::new(),
            accounting: Vec::new(),
        };
        let authenticator = Arc::new(Authenticator {
            logins,
            witness: Arc::clone(&witness),
            wall: wall.clone(),
            alive: alive.clone(),
        });
        let recorder = Arc::new(Recorder {
            witness: Arc::clone(&witness),
            wall,
            alive,
        });
        for address in setup.authentication {
            let sockets = Socket::open(address, setup.sockets)?;
            server.authentication.push(local(&sockets)?);
            for socket in sockets {
                let port = port(socket, &clients, &room, &authenticator, &witness);
                server.running.spawn(port.run(until(stopped.clone())));
            }
        }
        for address in setup.accounting {
            let sockets = Socket::open(address, setup.sockets)?;
            server.accounting.push(local(&sockets)?);
            for socket in sockets {
                let port = port(socket, &clients, &room, &recorder, &witness);
                server.running.spawn(port.run(until(stopped.clone())));
            }
        }
        Ok(server)
    }

    /// Tells how many requests are in hand, for as long as the node runs.
    pub fn gauge(&self) -> impl Fn() -> usize + Send + use<> {
        let room = Arc::clone(&self.room);
        move || room.in_hand()
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

fn port<A: Answer, W: Witness>(
    socket: Socket,
    clients: &Arc<ArcSwap<Clients>>,
    room: &Arc<Room>,
    answer: &Arc<A>,
    witness: &Arc<W>,
) -> Arc<Port<A, W>> {
    Arc::new(Port {
        socket,
        clients: Arc::clone(clients),
        room: Arc::clone(room),
        answer: Arc::clone(answer),
        witness: Arc::clone(witness),
        seen: Mutex::default(),
    })
}

fn local(sockets: &[Socket]) -> io::Result<SocketAddr> {
    sockets.first().ok_or(io::ErrorKind::InvalidInput)?.local()
}

async fn until(mut stopped: watch::Receiver<bool>) {
    // A dropped sender means that the server is gone: stop as well.
    let _gone = stopped.wait_for(|stopped| *stopped).await;
}
