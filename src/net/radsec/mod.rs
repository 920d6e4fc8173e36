//! RADIUS over TLS (RFC 6614), and RADIUS/1.1 (RFC 9765): connections in place of datagrams.
//!
//! A device is known by a name in its certificate, never by its CN. Must not know what is
//! asked: a packet that was cut from a stream goes over the same desk as a datagram.

mod credentials;
mod door;
mod limits;
mod line;
mod listener;
#[cfg(test)]
mod tests;

pub use credentials::{Credentials, examine};
pub(super) use limits::Limits;
pub(super) use listener::{House, run};
