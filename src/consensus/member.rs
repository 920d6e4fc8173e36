//! This node as a member: what its services for peers need to know and to reach.

use std::io;
use std::sync::Arc;

use countersign_core::base::{NodeId, Operations};
use openraft::async_runtime::watch::WatchReceiver;
use tokio::sync::watch;

use super::config::Peers;
use super::contact::Contact;
use super::disk::{ADMITTED, Disk};
use super::log_store;
use super::raft::{RaftId, Types};
use super::snapshot::Images;
use super::snapshot::incoming::Incoming;
use super::state_machine::StateMachine;
use crate::login::Clock;
use crate::peers::wire::Stage;

/// The Raft core.
pub(super) type Raft = openraft::Raft<Types, StateMachine>;

/// A node that has peers, or none.
pub(super) struct Member {
    /// Itself; a call to another incarnation is not for it.
    pub(super) id: RaftId,
    /// Where peers reach it.
    pub(super) address: String,
    pub(super) raft: Raft,
    pub(super) disk: Arc<Disk>,
    pub(super) contact: Arc<Contact>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) operations: Arc<dyn Operations>,
    pub(super) images: Arc<Images>,
    pub(super) incoming: Incoming,
    /// None: it founds alone.
    pub(super) peers: Option<Peers>,
    /// What it waits for before it can take part; for operators.
    pub(super) waits_for: watch::Sender<String>,
}

impl Member {
    /// How far this disk has come.
    pub(super) fn stage(&self) -> io::Result<Stage> {
        if !log_store::is_blank(&self.disk)? {
            return Ok(Stage::Member);
        }
        let admitted = self.disk.meta(ADMITTED)?;
        let own = self.id.incarnation().to_be_bytes();
        Ok(if admitted.is_some_and(|octets| octets == own) {
            Stage::Admitted
        } else {
            Stage::Blank
        })
    }

    /// Lets this disk take part, on disk before this returns.
    pub(super) fn admit(&self) -> io::Result<()> {
        let own = self.id.incarnation().to_be_bytes();
        self.disk.put_meta_synced(ADMITTED, own.to_vec())
    }

    /// The members as this node last heard; none while it has heard of none.
    pub(super) fn members(&self) -> Vec<RaftId> {
        let metrics = self.raft.server_metrics();
        let now = metrics.borrow_watched();
        let nodes = now.membership_config.membership().nodes();
        nodes.map(|(&id, _)| RaftId(id)).collect()
    }

    /// Whether `caller` may call at all.
    pub(super) fn allows(&self, caller: NodeId) -> bool {
        let members = self.members();
        if members.is_empty() {
            let first = self.initial_members();
            return first.iter().any(|(node, _)| *node == caller);
        }
        members.iter().any(|id| id.node() == Some(caller))
    }

    /// Whether a call from `from` to `to` is meant for this disk: an old or foreign disk
    /// speaks for nobody, a blank one hears nothing.
    pub(super) fn takes(&self, from: RaftId, to: RaftId) -> io::Result<bool> {
        if to != self.id || from == self.id || self.stage()? == Stage::Blank {
            return Ok(false);
        }
        let members = self.members();
        Ok(if members.is_empty() {
            from.incarnation() == FIRST_INCARNATION
        } else {
            members.contains(&from)
        })
    }

    /// Whether `id` votes at present, as this node last heard. Before it has heard of any
    /// member, all that are to found do.
    pub(super) fn may_vote(&self, id: RaftId) -> bool {
        let mut voters = self.raft.voter_ids().peekable();
        voters.peek().is_none() || voters.any(|voter| voter == id.0)
    }

    /// As configured, in order; empty where the node founds alone.
    pub(super) fn initial_members(&self) -> &[(NodeId, String)] {
        let peers = self.peers.as_ref();
        peers.map_or(&[], |peers| &peers.initial_members)
    }

    /// Says what this node waits for.
    pub(super) fn wait_for(&self, what: String) {
        self.waits_for.send_replace(what);
    }

    /// What it waits for.
    pub(super) fn waits_for(&self) -> String {
        self.waits_for.borrow().clone()
    }
}

/// A node's first life.
pub(super) const FIRST_INCARNATION: u16 = 1;
