//! Compares this node with the other members each second: clocks (DESIGN §4) and tables
//! (I8).
//!
//! While one of them is wrong, the node is silent, does not want to lead, and lets another:
//! what it would stamp is for ever, and outcomes would come from its own tables. It goes on
//! voting and holding the log, which are not in doubt.

use std::sync::Arc;
use std::time::Duration;

use countersign_core::base::{NodeId, Operations, Timestamp};
use futures_util::future::join_all;
use openraft::async_runtime::watch::WatchReceiver as _;
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::clocks::ClockFault;
use super::config::Peers;
use super::contact::Contact;
use super::hashes::{Difference, Hashes, RECENT_HASHES_MAX};
use super::raft::{RaftId, Types};
use super::reign::Reign;
use super::state_machine::StateMachine;
use super::status::members;
use crate::peers::wire::standing_client::StandingClient;
use crate::peers::wire::{CompareRequest, TableHash};

type Raft = openraft::Raft<Types, StateMachine>;

/// The task.
pub(super) struct Compare {
    pub(super) raft: Raft,
    pub(super) contact: Arc<Contact>,
    pub(super) reign: watch::Receiver<Reign>,
    pub(super) peers: Peers,
    pub(super) operations: Arc<dyn Operations>,
}

/// What is wrong with this node.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
struct Faults {
    clock: Option<ClockFault>,
    tables: Option<Difference>,
}

impl Faults {
    fn any(&self) -> bool {
        self.clock.is_some() || self.tables.is_some()
    }
}

impl Compare {
    /// Never ends; dropped with the runtime.
    pub(super) async fn run(self) {
        let mut differs = self.contact.hashes().watch();
        let mut tick = interval(COMPARE_EVERY);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut known = Faults::default();
        self.tell(known, known);
        loop {
            // Whose tables are right is not left open until the next round.
            tokio::select! {
                _ = tick.tick() => {}
                Ok(()) = differs.changed() => {}
            }
            self.act(&mut known);
            self.ask_all().await;
            let found = self.act(&mut known);
            let leads = matches!(*self.reign.borrow(), Reign::Leading { alone: false, .. });
            if leads && found.any() {
                self.let_another_lead(found).await;
            }
        }
    }

    fn act(&self, known: &mut Faults) -> Faults {
        let found = Faults {
            clock: self.contact.clock_fault(),
            tables: self.contact.hashes().difference(),
        };
        let before = std::mem::replace(known, found);
        if (before.clock.is_some(), before.tables) != (found.clock.is_some(), found.tables) {
            self.tell(before, found);
        }
        found
    }

    fn tell(&self, before: Faults, found: Faults) {
        let Faults { clock, tables } = found;
        let level = |what, wrong| self.operations.level("fenced", what, u64::from(wrong));
        level("clock", clock.is_some());
        level("tables", tables.is_some());
        self.raft.runtime_config().elect(!found.any());
        match (clock, before.clock) {
            (Some(fault), None) => {
                tracing::error!("this node is silent until its clock is set: {fault}");
            }
            (None, Some(_)) => {
                tracing::info!("the clock of this node agrees with the others again");
            }
            (Some(_), Some(_)) | (None, None) => {}
        }
        match (tables, before.tables) {
            (Some(difference), _) if tables != before.tables => {
                tracing::error!("this node is silent: {difference}");
            }
            (None, Some(_)) => tracing::info!("most voters have the tables of this node"),
            (Some(_) | None, _) => {}
        }
    }

    async fn ask_all(&self) {
        let own = RaftId(*self.raft.node_id()).node();
        let others = members(&self.raft)
            .into_iter()
            .filter(|(node, _)| Some(*node) != own);
        let (clocks, hashes) = (self.contact.clocks(), &self.contact.hashes());
        let asked = others.map(|(node, address)| {
            let mut client = StandingClient::new(self.peers.links.to(node, &address))
                .max_decoding_message_size(REPLY_OCTETS_MAX);
            async move {
                let before = clocks.look();
                let request = CompareRequest {
                    tables: tell(hashes),
                };
                if let Ok(Ok(reply)) = timeout(ANSWER_MAX, client.compare(request)).await {
                    let reply = reply.into_inner();
                    let time = Timestamp::from_millis(reply.now);
                    clocks.told(node, time, before, clocks.look());
                    take(hashes, node, &reply.tables);
                }
            }
        });
        join_all(asked).await;
    }

    /// One whose tables are not this node's, where that is why.
    async fn let_another_lead(&self, found: Faults) {
        let metrics = self.raft.metrics().borrow_watched().clone();
        let reach = metrics.replication.unwrap_or_default();
        let differing = self.contact.hashes().differing();
        let own = *self.raft.node_id();
        let fit = |id: &u64| {
            let node = RaftId(*id).node();
            *id != own && (found.tables.is_none() || node.is_some_and(|it| differing.contains(&it)))
        };
        let others = self.raft.voter_ids().filter(fit);
        let furthest = others.max_by_key(|id| reach.get(id).copied().flatten());
        if let Some(heir) = furthest {
            drop(self.raft.trigger().transfer_leader(heir).await);
        }
    }
}

/// What this node tells of its tables.
pub(super) fn tell(hashes: &Hashes) -> Vec<TableHash> {
    let recent = hashes.recent().into_iter();
    let told = recent.map(|(index, hash)| TableHash {
        index,
        hash: hash.to_vec(),
    });
    told.collect()
}

/// Takes what `node` tells of its own.
pub(super) fn take(hashes: &Hashes, node: NodeId, tables: &[TableHash]) {
    // Oldest first, as each is kept until this node gets there.
    for told in tables.iter().take(RECENT_HASHES_MAX).rev() {
        hashes.told(node, told.index, &told.hash);
    }
}

const COMPARE_EVERY: Duration = Duration::from_secs(1);
/// An answer that took longer says little: half the way is what a clock may be wrong by.
const ANSWER_MAX: Duration = Duration::from_millis(500);
const REPLY_OCTETS_MAX: usize = 16 << 10;

#[cfg(test)]
mod tests;
