//! What operators look at: how the node stands, what happened, who changed what.

use std::sync::Arc;

use countersign_core::base::limits::PAGE_RECORDS_MAX;
use countersign_core::base::{ClusterId, NodeId};
use countersign_core::ledger::{query, storage};
use prost::Message as _;
use tokio::sync::broadcast;

use super::{
    Action, Caller, ClusterStanding, Event, EventQuery, Member, Operate, OperateError, read,
};
use crate::login::Ledger;

/// How the node stands. Answered even without a quorum, when it is needed most.
#[derive(Clone, Debug)]
pub struct Status {
    /// What consensus says.
    pub standing: ClusterStanding,
    /// The cluster's id, hexadecimal; empty: not founded.
    pub cluster: String,
    /// Rolling hash of the applied state: equal on all nodes at the same index.
    pub state_hash: Vec<u8>,
    /// Entry time, in milliseconds since 1970.
    pub entry_time: u64,
    /// The version whose rules are applied.
    pub cluster_version: u32,
    /// This program's.
    pub program_version: &'static str,
    /// In fresh contact with a leader that has a quorum.
    pub in_sync: bool,
    /// A demo: may only listen on loopback.
    pub demo: bool,
}

/// How fresh the tables are that an answer was read from.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Freshness {
    /// Whose tables.
    pub node: NodeId,
    /// Index of the last entry applied to them.
    pub applied: u64,
    /// In fresh contact with a leader that has a quorum, and caught up with it.
    pub in_sync: bool,
}

/// An audit record with its number.
#[derive(Clone, Debug, PartialEq)]
pub struct AuditShown {
    /// Counted from the founding.
    pub number: u64,
    /// The record.
    pub record: storage::Audit,
}

impl<L: Ledger> Operate<L> {
    /// How fresh an answer is that is read now. No secret, so nobody's rights are asked.
    pub fn freshness(&self) -> Freshness {
        let standing = self.cluster.standing();
        Freshness {
            node: standing.node,
            applied: standing.applied,
            in_sync: self.ledger.standing().is_some(),
        }
    }

    /// How this node stands.
    ///
    /// # Errors
    /// When the caller may not, or the store cannot be read.
    pub fn status(&self, caller: &Caller) -> Result<Status, OperateError> {
        caller.may(Action::Status)?;
        let head = query::head(&self.ledger.view())?;
        let cluster = ClusterId::try_from(&*head.cluster);
        Ok(Status {
            standing: self.cluster.standing(),
            cluster: cluster.map(|id| id.to_string()).unwrap_or_default(),
            state_hash: head.hash,
            entry_time: head.at,
            cluster_version: head.version,
            program_version: env!("CARGO_PKG_VERSION"),
            in_sync: self.ledger.standing().is_some(),
            demo: head.demo,
        })
    }

    /// How every node stands. Answered even without a quorum.
    ///
    /// # Errors
    /// When the caller may not.
    pub async fn members(&self, caller: &Caller) -> Result<Vec<Member>, OperateError> {
        caller.may(Action::Status)?;
        Ok(self.cluster.members().await)
    }

    /// Makes another voter lead, and tells who does.
    ///
    /// # Errors
    /// When the caller may not, this node does not lead, or nobody took over.
    pub async fn transfer_leader(
        &self,
        caller: &Caller,
        to: Option<NodeId>,
    ) -> Result<NodeId, OperateError> {
        self.reading(caller, Action::TransferLeader)?;
        let taken = self.cluster.transfer_leader(to).await?;
        tracing::info!(operator = caller.operator, leader = %taken, "leadership handed over");
        Ok(taken)
    }

    /// Events of this node that fit, oldest first. Whether the caller's token was revoked is
    /// not known where the tables are old.
    ///
    /// # Errors
    /// When the caller may not, the node is not in sync, or the files cannot be read.
    pub async fn list_events(
        &self,
        caller: &Caller,
        mut query: EventQuery,
    ) -> Result<Vec<Event>, OperateError> {
        self.reading(caller, Action::EventsRead)?;
        query.limit = query.limit.clamp(1, EVENTS_MAX);
        let events = Arc::clone(&self.events);
        // Files are read on a thread of their own: the event loop must not wait for a disk.
        tokio::task::spawn_blocking(move || events.list(&query))
            .await
            .map_err(|e| OperateError::Events(e.into()))?
            .map_err(OperateError::Events)
    }

    /// Every event of this node from now on.
    ///
    /// # Errors
    /// When the caller may not, or the node is not in sync.
    pub fn follow_events(
        &self,
        caller: &Caller,
    ) -> Result<broadcast::Receiver<Event>, OperateError> {
        self.reading(caller, Action::EventsRead)?;
        Ok(self.events.follow())
    }

    /// Audit records before number `before` (0: the newest), newest first. There may be fewer
    /// than `limit` although more follow; none are the end.
    ///
    /// # Errors
    /// When the caller may not, or the node is not in sync.
    pub fn list_audit(
        &self,
        caller: &Caller,
        before: u64,
        limit: usize,
    ) -> Result<Vec<AuditShown>, OperateError> {
        self.reading(caller, Action::AuditRead)?;
        let view = self.ledger.view();
        let next = query::head(&view)?.audit_next;
        let end = if before == 0 { next } else { before.min(next) };
        let limit = limit.clamp(1, PAGE_RECORDS_MAX);
        let first = end.saturating_sub(limit.try_into().unwrap_or(u64::MAX));
        let records = query::audit(&view, first, limit)?;
        let numbered = (first..end).zip(records);
        let mut shown: Vec<_> = numbered
            .map(|(number, record)| AuditShown { number, record })
            .collect();
        shown.reverse();
        let mut room = read::Room::default();
        let fitting = shown
            .iter()
            .take_while(|it| room.takes(it.record.encoded_len()));
        let fitting = fitting.count();
        shown.truncate(fitting);
        Ok(shown)
    }
}

/// Events told at one time.
const EVENTS_MAX: usize = 10_000;
