//! The node among others: what it serves them, how a cluster begins, who leads next.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use countersign_core::base::NodeId;
use countersign_core::ledger::{Command, Outcome, query};
use openraft::async_runtime::watch::WatchReceiver;
use tokio::time::{sleep, timeout};
use tonic::service::Routes;

use super::Consensus;
use crate::consensus::bounded::Bounded;
use crate::consensus::founding::{FoundingService, TELL_EVERY};
use crate::consensus::proposer::{Because, ProposeError};
use crate::consensus::raft::{Peer, RaftId};
use crate::consensus::reign::Reign;
use crate::consensus::service::RaftService;
use crate::peers::wire::founding_server::FoundingServer;
use crate::peers::wire::raft_server::RaftServer;
use crate::peers::{Gate, Places};

/// Why another node did not take the lead.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum HandOverError {
    /// Nobody took it in time. The cluster elects; it may be this node again.
    #[error("no node took the lead in time")]
    Late,
    /// There is no other voter, or not that one.
    #[error("there is no such other voter")]
    Nobody,
    /// Only the leader can hand over.
    #[error("this node does not lead")]
    NotLeader,
    /// The node is shutting down.
    #[error("this node is stopping")]
    Stopping,
    /// There are such voters, but each is fenced, not in sync or does not answer.
    #[error("no such voter is in sync and fit to lead")]
    Unfit,
}

impl Consensus {
    /// What this node serves its peers.
    #[must_use]
    pub fn routes(&self) -> Routes {
        let member = Arc::downgrade(&self.member);
        let raft = RaftService {
            member: Weak::clone(&member),
            streams: Places::new(STREAMS_OF_NODE_MAX),
        };
        let raft = Bounded {
            service: RaftServer::new(raft).max_decoding_message_size(MESSAGE_OCTETS_MAX),
            places: Places::new(CALLS_OF_NODE_MAX),
        };
        let founding = FoundingServer::new(FoundingService(member))
            .max_decoding_message_size(QUESTION_OCTETS_MAX);
        self.add_services(Routes::new(raft).add_service(founding))
    }

    /// Who may call: the members, before the founding those that are to found.
    #[must_use]
    pub fn gate(&self) -> Gate {
        let member = Arc::downgrade(&self.member);
        Arc::new(move |caller| member.upgrade().is_some_and(|it| it.allows(caller)))
    }

    /// Whether this node is the one that founds: it is alone, or the first.
    #[must_use]
    pub fn founds(&self) -> bool {
        let first = self.member.initial_members().first();
        first.is_none_or(|(node, _)| Some(*node) == self.member.id.node())
    }

    /// Founds the cluster and applies `first` before anything else: alone, or as soon as
    /// all initial members are there. Waits for them without end; may be dropped. Safe to
    /// repeat after a crash on the way.
    ///
    /// To be called on the node that [`Self::founds`].
    ///
    /// # Errors
    /// As [`Self::propose`].
    pub async fn found(&self, first: Command) -> Result<Outcome, ProposeError> {
        if self.member.peers.is_none() {
            let peer = Peer {
                address: self.member.address.clone(),
            };
            let alone = BTreeMap::from([(self.member.id.0, peer)]);
            // A store that has members already refuses; the command then finds out the rest.
            drop(self.raft.initialize(alone).await);
        }
        let proposed = async {
            loop {
                if !self.led().await {
                    return Err(ProposeError::NotProposed(Because::Stopping));
                }
                match self.propose(first.clone()).await {
                    // An election: nobody leads yet, or no longer.
                    Err(ProposeError::NotProposed(Because::NotLeader(_) | Because::Busy)) => {
                        sleep(FOUND_AGAIN).await;
                    }
                    other => return other,
                }
            }
        };
        self.telling(proposed).await
    }

    /// Waits until the cluster is founded, here too, and some node leads it; false when
    /// the node stopped instead. Every ten seconds it says what is missing.
    pub async fn takes_part(&self) -> bool {
        let mut applied = self.watch_applied();
        let founded = async {
            while query::head(&self.tables()).is_ok_and(|head| head.cluster.is_empty()) {
                if applied.changed().await.is_err() {
                    return false;
                }
            }
            self.led().await
        };
        self.telling(founded).await
    }

    /// Waits until some node leads, and this one knows it; false when it stopped instead.
    async fn led(&self) -> bool {
        let mut reign = self.reign.clone();
        let led = reign.wait_for(|reign| *reign != Reign::Vacant).await;
        led.is_ok()
    }

    /// `waiting`, and meanwhile what it waits for.
    async fn telling<T>(&self, waiting: impl Future<Output = T>) -> T {
        tokio::pin!(waiting);
        loop {
            match timeout(TELL_EVERY, &mut waiting).await {
                Ok(done) => return done,
                Err(_) => {
                    let waits_for = self.member.waits_for();
                    tracing::warn!(%waits_for, "still waiting to take part in the cluster");
                }
            }
        }
    }

    /// Hands the lead to `heir`, else to the voter whose log reaches furthest, if it is in
    /// sync and not fenced; who leads then. While it is handed over, proposals are refused.
    ///
    /// # Errors
    /// When this node does not lead, nobody is fit to, or nobody took the lead in time.
    pub async fn hand_over_leadership(
        &self,
        heir: Option<NodeId>,
    ) -> Result<NodeId, HandOverError> {
        let fit = timeout(HEIR_TIME_MAX, self.fit_heir(heir)).await;
        let heir = fit.map_err(|_| HandOverError::Unfit)??;
        let mut server = self.raft.server_metrics();
        let handed = self.raft.trigger().transfer_leader(heir.0).await;
        handed.map_err(|_| HandOverError::Stopping)?;
        let own = self.member.id.0;
        let taken = async {
            loop {
                let leader = server.borrow_watched().current_leader;
                if let Some(leader) = leader.filter(|leader| *leader != own) {
                    return RaftId(leader).node().ok_or(HandOverError::Nobody);
                }
                if server.changed().await.is_err() {
                    return Err(HandOverError::Stopping);
                }
            }
        };
        let taken = timeout(HAND_OVER_MAX, taken).await;
        taken.map_err(|_| HandOverError::Late)?
    }

    /// Waits for an heir that may answer devices as the leader does: one that may not would
    /// take the lead and be silent. Each says so itself.
    async fn fit_heir(&self, wanted: Option<NodeId>) -> Result<RaftId, HandOverError> {
        loop {
            let said = self.cluster_status(HEIR_ANSWER_MAX).await;
            let ready = said.into_iter().filter_map(|(_, said)| said.ok());
            let ready: Vec<_> = ready.filter(|it| it.ready).map(|it| it.raft_id).collect();
            if let Some(heir) = self.heir(wanted, &ready)? {
                return Ok(heir);
            }
            sleep(HEIR_AGAIN).await;
        }
    }

    /// Of the voters that are wanted, the furthest that is `ready`; `None`: there are some,
    /// and none is.
    fn heir(&self, wanted: Option<NodeId>, ready: &[u64]) -> Result<Option<RaftId>, HandOverError> {
        let metrics = self.raft.metrics();
        let now = metrics.borrow_watched();
        let reach = now.replication.as_ref().ok_or(HandOverError::NotLeader)?;
        let own = self.member.id;
        let voters = self.raft.voter_ids().map(RaftId).filter(|id| *id != own);
        let wanted = voters.filter(|id| wanted.is_none_or(|wanted| id.node() == Some(wanted)));
        let mut wanted = wanted.peekable();
        if wanted.peek().is_none() {
            return Err(HandOverError::Nobody);
        }
        let fit = wanted.filter(|id| ready.contains(&id.0));
        Ok(fit.max_by_key(|id| reach.get(&id.0).and_then(|matched| *matched)))
    }
}

/// Longest message of a peer: as many entries as are sent at a time, the last of them with
/// a batch of the largest imports.
const MESSAGE_OCTETS_MAX: usize = 64 << 20;
/// Calls of the service Raft that a node has under way: a leader asks for few things at a
/// time, and may ask again before it knows that it is not heard.
const CALLS_OF_NODE_MAX: usize = 16;
/// And streams of appends: one, and others while old ones end.
const STREAMS_OF_NODE_MAX: usize = 4;
/// Longest message that asks for something, or says who is there.
pub(super) const QUESTION_OCTETS_MAX: usize = 64 << 10;
const FOUND_AGAIN: Duration = Duration::from_millis(100);
/// How long to look for an heir; just elected, followers hear the new leader's word soon.
const HEIR_TIME_MAX: Duration = Duration::from_secs(1);
/// How long one may take to say how it stands.
const HEIR_ANSWER_MAX: Duration = Duration::from_millis(250);
const HEIR_AGAIN: Duration = Duration::from_millis(25);
/// How long a hand-over may take: an heir that does not answer, then an election.
const HAND_OVER_MAX: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests;
