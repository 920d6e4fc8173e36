//! Consensus: one replicated log and the tables it makes, on the disk of each node.
//!
//! Knows openraft and RocksDB; nothing outside does. Commands go in through
//! [`Consensus::propose`], outcomes come out when they are applied, tables are read
//! through [`TableView`].
//!
//! Must not know: RADIUS, what a command means, who asked for it.

mod bounded;
mod clocks;
mod codec;
mod compare;
mod config;
mod contact;
mod disk;
mod flusher;
mod forward;
mod founding;
mod halt;
mod handle;
mod hashes;
mod inspect;
mod layout;
mod log_store;
mod member;
mod messages;
mod network;
mod port;
mod proposer;
mod raft;
mod recent;
mod reign;
mod service;
mod snapshot;
mod state_machine;
mod status;
mod tables;
#[cfg(test)]
mod testing;
mod tuning;

pub use config::{Config, MembersError, Peers, Ports, Timing};
pub use contact::Unready;
pub use disk::{OpenError, Owner};
pub use halt::{Halt, OnHalt, abort};
pub use handle::{Consensus, Figures, HandOverError, Lead, Opened, StartError};
pub use hashes::Difference;
pub use inspect::inspect;
pub use port::LiveTables;
pub use proposer::{Because, ProposeError};
pub use state_machine::{Applied, Facts};
pub use status::StatusFault;
pub use tables::TableView;
