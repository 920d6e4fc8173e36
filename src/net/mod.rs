//! Datagrams in, datagrams out: the RADIUS ports.
//!
//! Knows sockets, clients and duplicates. Must not know how a login is judged.

mod accounting;
mod authentication;
mod clients;
mod duplicates;
mod handles;
mod port;
mod room;
mod server;
mod socket;
mod witness;

pub use clients::{Client, Clients};
pub use handles::{Alive, Wall};
pub use server::{Server, Setup};
pub use witness::{Ended, Session, Witness};
