//! The types that openraft is told to use.
//!
//! A log entry carries a [`Batch`]: the octets of an entry, encoded once by who proposes
//! it, shared by the log, the peers and `apply`.

use std::fmt;

use countersign_core::base::NodeId;
use countersign_core::ledger::Outcome;
use openraft::raft::responder::Responder;
use openraft::{OptionalSend, RaftTypeConfig, alias};
use prost::bytes::Bytes;

/// The choice of types. Leaders are numbered as in the Raft paper: one per term.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Types;

impl RaftTypeConfig for Types {
    type D = Batch;
    type R = Vec<Outcome>;
    type NodeId = u64;
    type Node = Peer;
    type Term = u64;
    type LeaderId = openraft::impls::leader_id_std::LeaderId<u64, u64>;
    type Vote = openraft::impls::Vote<Self::LeaderId>;
    type Payload = openraft::EntryPayload<Self::D, Self::NodeId, Self::Node>;
    type Entry = alias::DefaultEntryOf<Self>;
    type AsyncRuntime = openraft::impls::TokioRuntime;
    type Responder<T>
        = Answer<T>
    where
        T: OptionalSend + 'static;
    type Batch<T>
        = openraft::impls::InlineBatch<T>
    where
        T: OptionalSend + 'static;
    type ErrorSource = openraft::impls::BoxedErrorSource;
}

pub(super) type LogEntry = alias::EntryOf<Types>;
pub(super) type LogId = alias::LogIdOf<Types>;
pub(super) type Vote = alias::VoteOf<Types>;
pub(super) type Membership = openraft::Membership<u64, Peer>;
pub(super) type StoredMembership = alias::StoredMembershipOf<Types>;
pub(super) type SnapshotMeta = alias::SnapshotMetaOf<Types>;

/// A node's identity in Raft: a node that lost its disk comes back as another.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct RaftId(pub(super) u64);

impl RaftId {
    /// `node` in its `incarnation`.
    pub(super) fn new(node: NodeId, incarnation: u16) -> Self {
        Self(u64::from(node.0) << 16 | u64::from(incarnation))
    }

    /// Which life of the node.
    pub(super) fn incarnation(self) -> u16 {
        u16::try_from(self.0 & u64::from(u16::MAX)).unwrap_or(u16::MAX)
    }

    /// The node; none when the number was never made by [`Self::new`].
    pub(super) fn node(self) -> Option<NodeId> {
        u16::try_from(self.0 >> 16).ok().map(NodeId)
    }
}

/// Where a member is dialled.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Peer {
    /// DNS name and port.
    pub(super) address: String,
}

/// The octets of a ledger entry. The node that proposed it reads them back like every
/// other: what all apply is what all have, also where encoding is not one to one (I8).
#[derive(Clone)]
pub(super) struct Batch(Bytes);

impl Batch {
    pub(super) fn new(octets: Vec<u8>) -> Self {
        Self(octets.into())
    }

    /// As written.
    pub(super) fn octets(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Batch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Batch({} octets)", self.0.len())
    }
}

impl fmt::Display for Batch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// What to do with the result of one entry. Dropped unused: the result is unknown.
pub(super) struct Answer<T>(Box<dyn FnOnce(T) + Send>);

impl<T> Answer<T> {
    pub(super) fn new(then: impl FnOnce(T) + Send + 'static) -> Self {
        Self(Box::new(then))
    }
}

impl<T: OptionalSend + 'static> Responder<Types, T> for Answer<T> {
    fn on_complete(self, result: T) {
        (self.0)(result);
    }
}

/// The leader of a term, as entries name it.
pub(super) type Leader = alias::CommittedLeaderIdOf<Types>;
