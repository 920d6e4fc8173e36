//! The ledger: the replicated state and the only function that changes it.
//!
//! [`apply()`] is a function of the tables and the entry alone: no clock, no chance, no
//! I/O. Given the same entries in the same order, every node holds the same octets, and
//! a rolling hash over every write proves it (DESIGN §3).
//!
//! Must not know: packets, names of attributes, codes and seeds in the clear, how entries
//! are replicated or where tables are kept.

pub mod address;
mod allowed;
mod apply;
pub mod attempts;
pub mod budgets;
mod carried;
mod change;
pub mod command;
pub mod fields;
pub mod limits;
pub mod outcome;
mod passcodes;
pub mod query;
pub mod rules;
pub mod synced;
pub mod table;
#[cfg(test)]
mod tests;

/// The messages of `proto/storage.proto`.
#[expect(
    missing_docs,
    clippy::all,
    reason = "generated; the comments are in the proto file"
)]
pub mod storage {
    include!(concat!(env!("OUT_DIR"), "/countersign.storage.v1.rs"));
}

pub use allowed::AllowedFactors;
pub use apply::apply;
pub use carried::{Carried, NoCarried, is_server_name};
pub use change::names_its_token;
pub use command::{
    Begin, BurnCode, Command, CommandError, Entry, Factors, Match, Revisions, SendPasscode, Settle,
    SourceOutcome,
};
pub use limits::{CLUSTER_VERSION, Limits};
pub use outcome::{BeginResult, Outcome, RefusedBy, SendResult, SettleResult, Verdict};
pub use table::{Draft, MemoryTables, Read, StoreError, Table, Write, Writes};
