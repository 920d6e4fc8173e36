//! How a node does, for operators, and how all of them do.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use countersign_core::base::NodeId;
use countersign_core::ledger::CLUSTER_VERSION;
use futures_util::future::join_all;
use openraft::async_runtime::watch::WatchReceiver;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::time::{Instant, timeout};
use tonic::{Request, Response, Status};

use super::compare;
use super::config::Peers;
use super::contact::Contact;
use super::hashes::Hashes;
use super::raft::{RaftId, Types};
use super::reign::Reign;
use super::service::caller;
use super::state_machine::StateMachine;
use crate::login::Clock;
use crate::peers::wire::standing_client::StandingClient;
use crate::peers::wire::standing_server::{self, StandingServer};
use crate::peers::wire::{CompareReply, CompareRequest, NodeStatus, StatusRequest, node_status};

type Raft = openraft::Raft<Types, StateMachine>;

/// Why nothing is known of a member.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum StatusFault {
    /// It did not answer in time.
    #[error("no answer within {} ms", .0.as_millis())]
    Late(Duration),
    /// It cannot be reached, or refuses.
    #[error("{0}")]
    Failed(String),
}

/// Knows how this node does.
#[derive(Clone)]
pub(super) struct Standing {
    pub(super) raft: Raft,
    pub(super) contact: Arc<Contact>,
    pub(super) hashes: Arc<Hashes>,
    pub(super) reign: watch::Receiver<Reign>,
    pub(super) syncs: Arc<SyncTimes>,
    pub(super) peers: Option<Peers>,
    pub(super) clock: Arc<dyn Clock>,
    /// That of consensus: it drives the links.
    pub(super) runtime: Handle,
}

/// Every member of the present membership, with where it is dialled.
pub(super) fn members(raft: &Raft) -> Vec<(NodeId, String)> {
    let membership = Arc::clone(&raft.metrics().borrow_watched().membership_config);
    let members = membership.nodes();
    members
        .filter_map(|(id, peer)| Some((RaftId(*id).node()?, peer.address.clone())))
        .collect()
}

impl Standing {
    /// The service.
    pub(super) fn server(self) -> StandingServer<Self> {
        StandingServer::new(self)
    }

    /// How this node does.
    pub(super) fn status(&self) -> NodeStatus {
        let own = RaftId(*self.raft.node_id());
        let metrics = self.raft.metrics().borrow_watched().clone();
        let (hash_index, hash) = self.hashes.latest().unwrap_or_default();
        let differs = self.hashes.difference().map(|it| it.to_string());
        let fenced = differs.or_else(|| Some(self.contact.clock_fault()?.to_string()));
        let [median, slowest] = self.syncs.percentiles([50, 99]);
        let expires = self.peers.as_ref().map(|peers| peers.links.expires());
        NodeStatus {
            node: own.node().map_or(0, |node| node.0.into()),
            raft_id: own.0,
            role: self.role(own).to_owned(),
            term: metrics.current_term,
            leader: metrics
                .current_leader
                .and_then(|id| RaftId(id).node())
                .map_or(0, |node| node.0.into()),
            last_log: metrics.last_log_index.unwrap_or(0),
            committed: metrics.local_committed.map_or(0, |id| id.index),
            applied: hash_index,
            applied_at: self.contact.applied_at().as_millis(),
            hash: hash.to_vec(),
            fsync_p50_micros: median,
            fsync_p99_micros: slowest,
            certificate_expires: expires.map_or(0, |expires| expires.as_millis()),
            ready: self.contact.standing(*self.reign.borrow()).is_ok(),
            fenced: fenced.unwrap_or_default(),
            program: env!("CARGO_PKG_VERSION").to_owned(),
            version_max: CLUSTER_VERSION,
            now: self.clock.wall().as_millis(),
            links: self.links(own),
            strangers: self.strangers(),
        }
    }

    fn role(&self, own: RaftId) -> &'static str {
        let membership = Arc::clone(&self.raft.metrics().borrow_watched().membership_config);
        if matches!(*self.reign.borrow(), Reign::Leading { .. }) {
            "leader"
        } else if membership.voter_ids().any(|id| id == own.0) {
            "voter"
        } else if membership.get_node(&own.0).is_some() {
            "replica"
        } else {
            "blank"
        }
    }

    fn links(&self, own: RaftId) -> Vec<node_status::Link> {
        let Some(peers) = &self.peers else {
            return Vec::new();
        };
        let others = self.all().into_iter();
        let others = others.filter(|(node, _)| Some(*node) != own.node());
        let links = others.map(|(node, _)| {
            let standing = peers.links.standing(node).unwrap_or_default();
            let refused = peers.refusals.of(node);
            node_status::Link {
                node: node.0.into(),
                connected: standing.connected,
                fault: standing.fault,
                refused: refused.count,
                refusal: refused.last,
            }
        });
        links.collect()
    }

    fn strangers(&self) -> Option<node_status::Strangers> {
        let refused = self.peers.as_ref()?.refusals.of_strangers();
        Some(node_status::Strangers {
            refused: refused.count,
            refusal: refused.last,
        })
    }

    /// The members, or who is to become one.
    fn all(&self) -> Vec<(NodeId, String)> {
        let members = members(&self.raft);
        match &self.peers {
            Some(peers) if members.is_empty() => peers.initial_members.clone(),
            Some(_) | None => members,
        }
    }

    /// How every member does; each has `deadline` to answer.
    pub(super) async fn of_all(
        &self,
        deadline: Duration,
    ) -> Vec<(NodeId, Result<NodeStatus, StatusFault>)> {
        let this = self.clone();
        let own = RaftId(*self.raft.node_id()).node();
        let asked = self.runtime.spawn(async move {
            let each = this.all().into_iter().map(|(node, address)| {
                let this = &this;
                async move {
                    if Some(node) == own {
                        return (node, Ok(this.status()));
                    }
                    (node, this.of_other(node, &address, deadline).await)
                }
            });
            join_all(each).await
        });
        // It fails only when the node stops: then there is nothing to tell.
        asked.await.unwrap_or_default()
    }

    async fn of_other(
        &self,
        node: NodeId,
        address: &str,
        deadline: Duration,
    ) -> Result<NodeStatus, StatusFault> {
        let failed = |why: &str| Err(StatusFault::Failed(why.to_owned()));
        let Some(peers) = &self.peers else {
            return failed("this node has no links");
        };
        let mut client = StandingClient::new(peers.links.to(node, address))
            .max_decoding_message_size(STATUS_OCTETS_MAX);
        match timeout(deadline, client.get_status(StatusRequest {})).await {
            Err(_) => Err(StatusFault::Late(deadline)),
            Ok(Ok(answer)) => {
                let status = answer.into_inner();
                if status.node != u32::from(node.0) {
                    return failed("it answers for another node");
                }
                Ok(status)
            }
            Ok(Err(status)) => {
                let standing = peers.links.standing(node).unwrap_or_default();
                if standing.connected || standing.fault.is_empty() {
                    return failed(status.message());
                }
                failed(&standing.fault)
            }
        }
    }
}

#[tonic::async_trait]
impl standing_server::Standing for Standing {
    async fn get_status(&self, _: Request<StatusRequest>) -> Result<Response<NodeStatus>, Status> {
        Ok(Response::new(self.status()))
    }

    async fn compare(
        &self,
        request: Request<CompareRequest>,
    ) -> Result<Response<CompareReply>, Status> {
        let caller = caller(&request)?;
        compare::take(&self.hashes, caller.0, &request.get_ref().tables);
        Ok(Response::new(CompareReply {
            now: self.clock.wall().as_millis(),
            tables: compare::tell(&self.hashes),
        }))
    }
}

/// How long the syncs of late took.
#[derive(Debug, Default)]
pub(super) struct SyncTimes(Mutex<VecDeque<u64>>);

impl SyncTimes {
    /// Runs `sync` and remembers its time.
    pub(super) fn timed(&self, sync: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
        let started = Instant::now();
        let result = sync();
        self.record(started.elapsed());
        result
    }

    fn record(&self, took: Duration) {
        let micros = took.as_micros().try_into().unwrap_or(u64::MAX);
        let mut times = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if times.len() == SYNC_TIMES_MAX {
            times.pop_front();
        }
        times.push_back(micros);
    }

    /// Percentiles of the last ones, in microseconds; 0 where there was none.
    pub(super) fn percentiles<const N: usize>(&self, wanted: [usize; N]) -> [u64; N] {
        let times = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut sorted: Vec<_> = times.iter().copied().collect();
        drop(times);
        sorted.sort_unstable();
        wanted.map(|percent| {
            // The nearest rank, from 1.
            let rank = sorted.len().saturating_mul(percent).div_ceil(100);
            let found = sorted.get(rank.saturating_sub(1));
            found.copied().unwrap_or(0)
        })
    }
}

/// As many as say what the disk is like now.
const SYNC_TIMES_MAX: usize = 1024;
const STATUS_OCTETS_MAX: usize = 256 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_the_syncs_of_late() {
        let times = SyncTimes::default();
        assert_eq!(times.percentiles([50, 99]), [0, 0]);
        (0..5000).for_each(|_| times.record(Duration::from_secs(1)));
        (1..=1024).for_each(|micros| times.record(Duration::from_micros(micros)));
        assert_eq!(times.percentiles([50, 99]), [512, 1014]);
    }
}
