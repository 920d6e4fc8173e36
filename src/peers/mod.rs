//! The links between nodes: who is at the other end, over mutual TLS.
//!
//! A node is the URI `countersign://<cluster>/node/<id>` in a certificate of the peers'
//! own authority, which is used for nothing else. Must not know what is said over a link.

use countersign_core::base::NodeId;

mod credentials;
mod examine;
mod handshakes;
mod links;
mod name;
mod overhear;
mod refusals;
mod serve;
mod socket;
#[cfg(test)]
mod tests;
mod trusted;
mod verify;
pub mod wire;

pub use credentials::{Credentials, CredentialsError};
pub use examine::examine;
pub use links::{Link, LinkStanding, Links};
pub use name::{NameError, PeerName};
pub use refusals::{Refusals, Refused};
pub use serve::{Caller, Gate, ServeError, serve};

pub use crate::tls::Place;

/// So many places for each node.
pub type Places = crate::tls::Places<NodeId>;

/// Goes up when a peer of before could not follow any more. A call with another number is
/// refused.
const PROTOCOL: u32 = 1;
/// The header of each call that carries it.
const PROTOCOL_HEADER: &str = "countersign-peer-protocol";
