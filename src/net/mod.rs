//! The RADIUS ports: datagrams in, datagrams out, and the same over TLS.
//!
//! Knows sockets, clients and duplicates. Must not know how a login is judged.

mod accounting;
mod authentication;
mod both;
mod clients;
mod desk;
mod duplicates;
mod handles;
mod port;
pub mod radsec;
mod room;
mod server;
mod socket;
mod witness;

pub use clients::{Client, Clients};
pub use handles::{Alive, Wall};
pub use server::{RadSec, Server, Setup};
pub use witness::{Ended, Evidence, Heard, Sender, Session, Witness, learns};
