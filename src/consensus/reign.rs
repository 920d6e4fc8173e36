//! Who leads, and whether this node may stamp entries.
//!
//! A new leader knows the last stamped time only when everything that earlier leaders
//! committed is applied; until then it proposes nothing.

use countersign_core::base::NodeId;
use openraft::async_runtime::watch::WatchReceiver;
use openraft::vote::RaftLeaderId;
use tokio::sync::watch;

use super::raft::{Leader, RaftId, Types};
use super::state_machine::StateMachine;

/// As this node sees it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Reign {
    /// Nobody is known to lead, or this node not yet with all that went before.
    Vacant,
    /// Another node leads.
    Following {
        /// Which.
        leader: NodeId,
        /// Since.
        term: u64,
    },
    /// This node leads and has caught up.
    Leading {
        /// Its reign: no entry of another is stamped by it.
        reign: Leader,
        /// The only voter: its own word is the quorum's.
        alone: bool,
    },
}

impl Reign {
    /// The leader, where it is another node.
    pub(super) fn leader(self) -> Option<NodeId> {
        match self {
            Self::Following { leader, .. } => Some(leader),
            Self::Vacant | Self::Leading { .. } => None,
        }
    }
}

/// Follows the Raft core until it stops.
pub(super) async fn follow(raft: openraft::Raft<Types, StateMachine>, reign: watch::Sender<Reign>) {
    // These change with the leader, not with each entry.
    let mut server = raft.server_metrics();
    loop {
        let (leader, own) = {
            let now = server.borrow_watched();
            let leads = now.state.is_leader() && now.vote.committed;
            let own = leads.then(|| now.vote.leader_id.to_committed());
            (
                now.current_leader
                    .map(|leader| (leader, now.vote.leader_id.term)),
                own,
            )
        };
        let next = match leader {
            // After a restart the last vote may still name this node.
            Some((other, term)) if other != *raft.node_id() => {
                let node = RaftId(other).node();
                node.map_or(Reign::Vacant, |leader| Reign::Following { leader, term })
            }
            _ => Reign::Vacant,
        };
        // A change that is not of the reign must not silence the node for a moment.
        let still = matches!(*reign.borrow(), Reign::Leading { reign, .. } if Some(reign) == own);
        if !still {
            reign.send_replace(next);
        }
        let changed = match own {
            None => server.changed().await,
            Some(own) => {
                let caught_up = async {
                    if caught_up(&raft, own).await {
                        let alone = raft.voter_ids().eq([*raft.node_id()]);
                        reign.send_replace(Reign::Leading { reign: own, alone });
                    }
                    std::future::pending().await
                };
                tokio::select! {
                    changed = server.changed() => changed,
                    () = caught_up => Ok(()),
                }
            }
        };
        if changed.is_err() {
            reign.send_replace(Reign::Vacant);
            return;
        }
    }
}

/// Waits until the first entry of this reign is applied, and with it all before it;
/// false when the core stops first.
async fn caught_up(raft: &openraft::Raft<Types, StateMachine>, own: Leader) -> bool {
    let mut data = raft.data_metrics();
    loop {
        let last = data.borrow_watched().last_applied;
        if last.is_some_and(|last| last.leader_id == own) {
            return true;
        }
        if data.changed().await.is_err() {
            return false;
        }
    }
}
