//! Whether the node may speak, and where what it proposes goes.

use std::sync::Arc;
use std::time::Duration;

use countersign_core::base::limits::COMMAND_LIFE;
use countersign_core::base::{NodeId, Timestamp};
use countersign_core::ledger::{Command, Outcome};
use openraft::Instant as _;
use openraft::async_runtime::watch::WatchReceiver;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::timeout_at;
use tonic::service::Routes;

use super::cluster::QUESTION_OCTETS_MAX;
use super::tasks::Tasks;
use super::{Consensus, Figures, StatusFault};
use crate::consensus::compare::Compare;
use crate::consensus::config::{Peers, Ports};
use crate::consensus::contact::{Contact, Quorum, Unready};
use crate::consensus::forward::{Forwarder, IsVoter, OWN_TABLES_WAIT_MAX, Proposals, refuse_one};
use crate::consensus::hashes::Difference;
use crate::consensus::proposer::{Asked, ProposeError};
use crate::consensus::raft::{RaftId, Types};
use crate::consensus::reign::Reign;
use crate::consensus::state_machine::StateMachine;
use crate::consensus::status::{Standing, SyncTimes, members};
use crate::peers::wire::NodeStatus;

type Raft = openraft::Raft<Types, StateMachine>;

/// What a node says and hears beside the log.
pub(super) struct Voice {
    contact: Arc<Contact>,
    /// To the leader, where that is another node.
    forward: Option<mpsc::Sender<Asked>>,
    proposals: Proposals,
    standing: Standing,
}

/// What it is made of.
pub(super) struct VoiceParts<'a> {
    pub(super) raft: &'a Raft,
    pub(super) contact: &'a Arc<Contact>,
    pub(super) syncs: &'a Arc<SyncTimes>,
    pub(super) reign: &'a watch::Receiver<Reign>,
    pub(super) queue: &'a mpsc::Sender<Asked>,
    pub(super) peers: Option<Peers>,
    pub(super) ports: &'a Ports,
    pub(super) tasks: &'a Tasks,
}

impl VoiceParts<'_> {
    fn compare(&self) {
        if let Some(peers) = &self.peers {
            let compare = Compare {
                raft: self.raft.clone(),
                contact: Arc::clone(self.contact),
                reign: self.reign.clone(),
                peers: peers.clone(),
                operations: Arc::clone(&self.ports.operations),
            };
            self.tasks.endless("compare", compare.run());
        }
    }
}

impl Voice {
    /// Starts its tasks. To be called on the runtime that drives the links.
    pub(super) fn start(parts: VoiceParts<'_>) -> Self {
        let VoiceParts { raft, ports, .. } = parts;
        parts.contact.ask_quorum_of(quorum(raft.clone()));
        parts.compare();
        let voters = raft.clone();
        let is_voter: IsVoter =
            Arc::new(move |node| voters.voter_ids().any(|id| RaftId(id).node() == Some(node)));
        let proposals = Proposals::new(
            parts.queue.clone(),
            parts.reign.clone(),
            Arc::clone(&ports.clock),
            is_voter,
        );
        let forward = parts.peers.as_ref().map(|peers| {
            let (forward, asked) = mpsc::channel(super::QUEUE_COMMANDS_MAX);
            let known = raft.clone();
            let forwarder = Forwarder {
                links: Arc::clone(&peers.links),
                address_of: Arc::new(move |node| {
                    let mut members = members(&known).into_iter();
                    members
                        .find(|(member, _)| *member == node)
                        .map(|(_, address)| address)
                }),
                clock: Arc::clone(&ports.clock),
                reign: parts.reign.clone(),
                applied: parts.contact.watch_applied(),
                own_tables_wait_max: OWN_TABLES_WAIT_MAX,
                queue: asked,
                local: parts.queue.clone(),
            };
            parts.tasks.endless("forwarder", forwarder.run());
            forward
        });
        Self {
            contact: Arc::clone(parts.contact),
            forward,
            proposals,
            standing: Standing {
                raft: raft.clone(),
                contact: Arc::clone(parts.contact),
                hashes: parts.contact.hashes(),
                reign: parts.reign.clone(),
                syncs: Arc::clone(parts.syncs),
                peers: parts.peers,
                clock: Arc::clone(&ports.clock),
                runtime: tokio::runtime::Handle::current(),
            },
        }
    }
}

/// When this node last had a quorum. A voter alone is one at any time.
fn quorum(raft: Raft) -> Quorum {
    Box::new(move |now| {
        if raft.voter_ids().eq([*raft.node_id()]) {
            return Some(now);
        }
        let acked = raft.data_metrics().borrow_watched().last_quorum_acked;
        Some(now - acked?.elapsed())
    })
}

/// Who leads.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Lead {
    /// This node, and it has caught up with those before it.
    This,
    /// Another.
    Other(NodeId),
    /// Nobody is known to.
    Nobody,
}

impl Consensus {
    /// Proposes `command` here, or at the leader. Once there is an outcome, the own
    /// tables show it, as a rule. The future may be dropped: the command is then applied
    /// or not, as if its answer were lost.
    ///
    /// # Errors
    /// [`ProposeError::NotProposed`]: it is certainly not in the log. Else it is unknown;
    /// at the latest when the command's life is over.
    pub fn propose(
        &self,
        command: Command,
    ) -> impl Future<Output = Result<Outcome, ProposeError>> + Send + use<> {
        self.propose_within(command, COMMAND_LIFE)
    }

    /// As [`Self::propose`], for whoever waits no longer than `remaining`.
    ///
    /// # Errors
    /// As there.
    pub fn propose_within(
        &self,
        command: Command,
        remaining: Duration,
    ) -> impl Future<Output = Result<Outcome, ProposeError>> + Send + use<> {
        let (reply, answer) = oneshot::channel();
        let deadline = self.clock.monotonic() + remaining.min(COMMAND_LIFE);
        let asked = Asked {
            command,
            reply,
            deadline,
        };
        let fenced = self.voice.standing.hashes.difference().is_some();
        let queue = match (&self.voice.forward, *self.reign.borrow()) {
            // The proposer says why not.
            (Some(forward), Reign::Following { .. }) if !fenced => forward,
            _ => &self.queue,
        };
        if let Err(refused) = queue.try_send(asked) {
            refuse_one(refused);
        }
        async move {
            match timeout_at(deadline, answer).await {
                Ok(Ok(reply)) => reply.map(|(_, outcome)| outcome),
                Ok(Err(_)) | Err(_) => Err(ProposeError::Unknown),
            }
        }
    }

    /// Where its tables differ from another voter's, while no majority shares its own; it
    /// does not speak then.
    pub fn difference(&self) -> Option<Difference> {
        self.voice.standing.hashes.difference()
    }

    /// Whether this node may speak: it is in contact with a leader that has a quorum,
    /// and in sync.
    pub fn is_ready(&self) -> bool {
        self.standing().is_ok()
    }

    /// Entry time as this node knows it, the leader's next stamp at the earliest.
    ///
    /// # Errors
    /// Why it may not speak.
    pub fn standing(&self) -> Result<Timestamp, Unready> {
        self.voice.contact.standing(*self.reign.borrow())
    }

    /// Who leads, as this node knows.
    pub fn lead(&self) -> Lead {
        match *self.reign.borrow() {
            Reign::Leading { .. } => Lead::This,
            Reign::Following { leader, .. } => Lead::Other(leader),
            Reign::Vacant => Lead::Nobody,
        }
    }

    /// The other members, with DNS name and port.
    pub fn others(&self) -> Vec<(NodeId, String)> {
        let own = self.member.id.node();
        let mut members = members(&self.raft);
        members.retain(|(node, _)| Some(*node) != own);
        members
    }

    /// Resolves when another leads, or the leader tells other attempt keys, than at the
    /// call.
    pub fn lead_changed(&self) -> impl Future<Output = ()> + Send + use<> {
        let (mut reign, mut told) = (self.reign.clone(), self.watch_attempt_keys());
        reign.mark_unchanged();
        async move {
            // Closed channels are a node that stops: whoever waits is stopped as well.
            tokio::select! {
                _ = reign.changed() => {}
                _ = told.changed() => {}
            }
        }
    }

    /// The number of the attempt keys in force: this node's where it leads, else what the
    /// leader told last; 0: none.
    pub fn attempt_keys(&self) -> u64 {
        self.voice.contact.attempt_keys(self.lead() == Lead::This)
    }

    /// Tells followers, while this node leads, which attempt keys are in force; 0: none.
    pub fn set_attempt_keys(&self, number: u64) {
        self.voice.contact.set_attempt_keys(number);
    }

    /// The number that the leader last told. Changes only while another node leads.
    pub fn watch_attempt_keys(&self) -> watch::Receiver<u64> {
        self.voice.contact.watch_attempt_keys()
    }

    /// Adds the services Ledger and Standing.
    pub(super) fn add_services(&self, routes: Routes) -> Routes {
        let standing = self.voice.standing.clone().server();
        routes
            .add_service(self.voice.proposals.clone().server())
            .add_service(standing.max_decoding_message_size(QUESTION_OCTETS_MAX))
    }

    /// The service of one that leaves it to `is_voter` who votes.
    #[cfg(test)]
    pub(in crate::consensus) fn proposals(&self, is_voter: IsVoter) -> Proposals {
        let (queue, reign) = (self.queue.clone(), self.reign.clone());
        Proposals::new(queue, reign, Arc::clone(&self.clock), is_voter)
    }

    /// What its tables hash to.
    #[cfg(test)]
    pub(in crate::consensus) fn hashes(&self) -> Arc<crate::consensus::hashes::Hashes> {
        self.voice.contact.hashes()
    }

    /// How this node does.
    pub fn status(&self) -> NodeStatus {
        self.voice.standing.status()
    }

    /// How every member does, this node too. Each is given `deadline` to answer; who does
    /// not is named with its fault.
    pub async fn cluster_status(
        &self,
        deadline: Duration,
    ) -> Vec<(NodeId, Result<NodeStatus, StatusFault>)> {
        self.voice.standing.of_all(deadline).await
    }

    /// How the core stands.
    pub fn figures(&self) -> Figures {
        let metrics = self.raft.metrics();
        let now = metrics.borrow_watched();
        let index = |id: &Option<crate::consensus::raft::LogId>| id.map_or(0, |id| id.index);
        let waiting = self
            .queue
            .max_capacity()
            .saturating_sub(self.queue.capacity());
        Figures {
            term: now.current_term,
            leader: now.current_leader.and_then(|id| RaftId(id).node()),
            last_log: now.last_log_index.unwrap_or(0),
            committed: index(&now.local_committed),
            applied: index(&now.last_applied),
            snapshot: index(&now.snapshot),
            purged: index(&now.purged),
            queued: u64::try_from(waiting).unwrap_or(u64::MAX),
        }
    }
}
