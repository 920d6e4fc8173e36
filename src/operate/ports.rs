//! What the actions need of the shells around them.
//!
//! The ledger and the clock are ports of [`crate::login`]; here is the rest.

use std::io;

use countersign_core::base::{ClientId, NodeId, Timestamp};
use futures_util::future::BoxFuture;
use tokio::sync::broadcast;

/// What one node tells of a client, as nodes tell each other.
pub use crate::peers::wire::Sighting;
/// Of a [`Sighting`].
pub use crate::peers::wire::sighting::{Secret as UsedSecret, Stranger};

/// What consensus says about itself.
pub trait ClusterView: Send + Sync + 'static {
    /// How this node stands now.
    fn standing(&self) -> ClusterStanding;

    /// How every node stands, this one too; those that do not answer in time are named.
    fn members(&self) -> BoxFuture<'_, Vec<Member>>;

    /// Makes another voter lead: `to`, or whichever is closest behind. Tells who leads.
    fn transfer_leader(&self, to: Option<NodeId>) -> BoxFuture<'_, Result<NodeId, TransferError>>;
}

/// One node, as it was asked.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Member {
    /// Which.
    pub node: NodeId,
    /// What it said, or why it could not be asked.
    pub said: Result<MemberStanding, String>,
}

/// What a node says of itself. Times in milliseconds since 1970.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct MemberStanding {
    /// `leader`, `voter`, `replica` or `blank`.
    pub role: String,
    /// Raft's term.
    pub term: u64,
    /// Who leads, as far as it knows.
    pub leader: Option<NodeId>,
    /// Index of the last entry in its log.
    pub last_log: u64,
    /// Of the last one that it knows to be committed.
    pub committed: u64,
    /// Of the last one applied.
    pub applied: u64,
    /// Entry time of that.
    pub applied_at: u64,
    /// Rolling hash of its tables at `applied`.
    pub hash: Vec<u8>,
    /// How long half of its last syncs took at most, in microseconds.
    pub fsync_p50_micros: u64,
    /// How long 99 of 100 did.
    pub fsync_p99_micros: u64,
    /// When its peers' certificate ends; 0: it has none.
    pub certificate_expires: u64,
    /// It may answer devices.
    pub in_sync: bool,
    /// Why it may never again; empty: it may.
    pub fenced: String,
    /// Version of its program.
    pub program: String,
    /// Its clock.
    pub now: u64,
    /// Its links to the others.
    pub links: Vec<LinkStanding>,
    /// What it refused to whoever showed no member's certificate.
    pub strangers: Refusals,
}

/// One link between two nodes.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct LinkStanding {
    /// The other end.
    pub node: NodeId,
    /// The last attempt to connect was good.
    pub connected: bool,
    /// Why the last bad one was.
    pub fault: String,
    /// Calls from there that were refused.
    pub refused: Refusals,
}

/// Calls that were refused since the node started.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Refusals {
    /// How many.
    pub count: u64,
    /// Why the last one was.
    pub last: String,
}

/// Why the leadership was not handed over.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum TransferError {
    /// Only the leader can do it.
    #[error("this node does not lead{}; ask the leader", leader(*.0))]
    NotLeader(Option<NodeId>),
    /// Nobody else votes, or not the one that was named.
    #[error("there is no such other voter")]
    NoSuchVoter,
    /// Those that vote are fenced, not in sync or do not answer.
    #[error("no such voter is in sync and fit to lead; see `cluster status`")]
    Unfit,
    /// Nothing changed in time.
    #[error("the other voter did not take over in time; the leader is as before or unknown")]
    NotTaken,
}

fn leader(node: Option<NodeId>) -> String {
    node.map_or_else(String::new, |node| format!(", node {node} does"))
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

/// What all nodes have seen of a client since they started.
pub trait SightingLog: Send + Sync + 'static {
    /// As each node tells, in order of nodes; those that do not answer in time are named.
    fn of(&self, client: ClientId) -> BoxFuture<'_, Vec<(NodeId, Result<Sighting, String>)>>;
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

/// Secrets of one client that are told apart: one that is gone may be seen for a while.
pub const SECRETS_SEEN_MAX: usize = 8;
