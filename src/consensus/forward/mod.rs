//! Commands on their way to the leader.
//!
//! A voter that does not lead sends what is proposed on it over one stream to the leader
//! of the newest term it knows, batched and pipelined. The leader's service proposes
//! into the same queue as its own logins do, and never sends further.
//!
//! What was handed to a stream and got no answer is unknown; what was not is certainly
//! not in the log. In doubt it is unknown: the ledger tells who asks again.

mod client;
mod codec;
mod line;
mod service;
#[cfg(test)]
mod tests;

use std::time::Duration;

use countersign_core::base::NodeId;

pub(super) use client::{Forwarder, refuse_one};
pub(super) use service::{IsVoter, Proposals};

/// Who leads, and since when.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Seat {
    leader: NodeId,
    term: u64,
}

/// Requests of one stream that wait for their answer. Few: while they wait, what comes
/// gathers into larger batches, which cost the leader less.
const REQUESTS_IN_FLIGHT_MAX: usize = 8;
/// Octets of one message: the largest import that is all or nothing.
const MESSAGE_OCTETS_MAX: usize = 32 << 20;
/// Octets of the commands in one request; a single one may be larger.
const BATCH_OCTETS_MAX: usize = 1 << 20;
/// How long to wait for the own tables to show what the leader has applied.
pub(super) const OWN_TABLES_WAIT_MAX: Duration = Duration::from_millis(500);
