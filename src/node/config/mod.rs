//! The node's own file: what differs from node to node and what must not be replicated.
//!
//! Everything else is in the replicated settings. Every fault is told at once, with its
//! line and what to do.

mod files;
mod peers;
mod radsec;
mod reader;
mod resolve;
#[cfg(test)]
mod tests;

pub use peers::Peers;
pub use radsec::RadSec;
pub use reader::Fault;
pub use resolve::{Config, ConfigError, load};
