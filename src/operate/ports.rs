//! What the actions need of the shells around them.
//!
//! The ledger and the clock are ports of [`crate::login`]; here is the rest.

use std::io;

use countersign_core::base::{NodeId, Timestamp};
use tokio::sync::broadcast;

/// What consensus says about itself.
pub trait ClusterView: Send + Sync + 'static {
    /// How it stands now.
    fn standing(&self) -> ClusterStanding;
}

/// How a node stands in its cluster.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ClusterStanding {
    /// This node.
    pub node: NodeId,
    /// What it is at present.
    pub role: NodeRole,
    /// Raft's term.
    pub term: u64,
    /// Who leads, as far as this node knows.
    pub leader: Option<NodeId>,
    /// Index of the last applied entry.
    pub applied: u64,
}

/// What a node is in its cluster.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum NodeRole {
    /// Stamps and replicates entries.
    Leader,
    /// Votes.
    Voter,
    /// Holds the store, does not vote.
    Replica,
}

/// The events of this node: logins, accounting, administration. Telemetry implements it.
pub trait EventLog: Send + Sync + 'static {
    /// The latest `query.limit` events that fit, oldest first. Reads files: slow.
    ///
    /// # Errors
    /// When the files cannot be read.
    fn list(&self, query: &EventQuery) -> io::Result<Vec<Event>>;

    /// Every event from now on. A reader that is too slow misses some and is told how many.
    fn follow(&self) -> broadcast::Receiver<Event>;
}

/// Which events are asked for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct EventQuery {
    /// Not before.
    pub from: Timestamp,
    /// Not at or after.
    pub until: Timestamp,
    /// The user's name as stored or typed; empty: any.
    pub user: String,
    /// The reference that the user was told; empty: any.
    pub reference: String,
    /// At most so many.
    pub limit: usize,
}

/// Something that happened on one node. Texts from outside are as they came.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Event {
    /// When.
    pub at: Timestamp,
    /// Where.
    pub node: NodeId,
    /// `login`, `accounting`, …
    pub kind: String,
    /// What the user was told.
    pub reference: String,
    /// The user, as stored where known, else as typed.
    pub user: String,
    /// Name of the client entry.
    pub client: String,
    /// Address that the packet came from.
    pub source: String,
    /// Calling-Station-Id.
    pub caller: String,
    /// `accept`, `reject`, `silence`.
    pub answer: String,
    /// The stable reason, `CS-R…`.
    pub reason: String,
    /// The reason in words.
    pub cause: String,
    /// Who can change it, and how.
    pub remedy: String,
    /// The password source's own code; 0: none.
    pub source_code: u32,
    /// From the first packet to the answer, in milliseconds.
    pub took_millis: u32,
}
