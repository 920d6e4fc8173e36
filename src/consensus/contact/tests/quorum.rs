//! That openraft's word for the quorum is renewed with each heartbeat, and how old it gets
//! in between: three cores over a network that is a function call.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, Mutex};

use countersign_core::base::{NodeId, Unobserved};
use openraft::async_runtime::watch::WatchReceiver;
use openraft::errors::{RPCError, ReplicationClosed, StreamingError, Unreachable};
use openraft::network::{RPCOption, RaftNetworkFactory, RaftNetworkV2};
use openraft::raft::{
    AppendEntriesRequest, AppendEntriesResponse, SnapshotResponse, VoteRequest, VoteResponse,
};
use openraft::{AnyError, Instant as _, OptionalSend};

use super::*;
use crate::consensus::config::core_config;
use crate::consensus::disk::{Disk, Owner};
use crate::consensus::flusher::Flusher;
use crate::consensus::log_store::LogStore;
use crate::consensus::raft::{Peer, RaftId, Types, Vote};
use crate::consensus::snapshot::{Image, Snapshot};
use crate::consensus::state_machine::StateMachine;
use crate::consensus::testing::cluster::soon;
use crate::consensus::testing::{OWNER, config, must_not_halt};

type Raft = openraft::Raft<Types, StateMachine>;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leaders_quorum_is_renewed_while_nothing_is_proposed() {
    let place = tempfile::tempdir().unwrap();
    let wire = Wire::default();
    let mut peers = BTreeMap::new();
    for number in 1..=3 {
        let raft = core(&place.path().join(number.to_string()), number, &wire).await;
        peers.insert(*raft.node_id(), Peer::default());
        wire.0.lock().unwrap().insert(*raft.node_id(), raft);
    }
    let first = wire.to(RaftId::new(NodeId(1), 1).0);
    first.initialize(peers).await.unwrap();
    let leads = first.wait(Some(Duration::from_secs(60)));
    leads
        .metrics(|m| m.last_quorum_acked.is_some(), "a quorum")
        .await
        .unwrap();

    let mut metrics = first.data_metrics();
    let acked = |raft: &Raft| raft.data_metrics().borrow_watched().last_quorum_acked;
    let (mut ages, mut before) = (Vec::new(), acked(&first));
    let renewed = async {
        while ages.len() < 20 {
            metrics.changed().await.unwrap();
            let now = acked(&first);
            assert!(now >= before, "it goes back, or nobody leads any more");
            if now != before {
                // As old as it got just before it was renewed.
                ages.extend(before.map(|before| before.elapsed()));
                before = now;
            }
        }
    };
    soon(renewed).await;
    ages.sort_unstable();
    // A figure to read, for `CONTACT_MAX`: a busy machine may hold anything up.
    println!("renewed at these ages: {ages:?}");
    for raft in wire.0.lock().unwrap().split_off(&0).into_values() {
        tokio::spawn(async move { raft.shutdown().await });
    }
}

async fn core(root: &std::path::Path, number: u16, wire: &Wire) -> Raft {
    let owner = Owner {
        node: NodeId(number),
        ..OWNER
    };
    let disk = Arc::new(Disk::open(root, owner, 1, must_not_halt()).unwrap());
    let flusher = Flusher::start(Box::new(|| Ok(())), Arc::new(Unobserved), must_not_halt());
    let log = LogStore::new(Arc::clone(&disk), flusher.unwrap());
    let machine = StateMachine::open(disk).unwrap();
    let id = RaftId::new(NodeId(number), 1).0;
    let mut config = config(root);
    // Whatever else the machine does, the first leader stays.
    config.timing.election_min = Duration::from_secs(300);
    config.timing.election_max = Duration::from_secs(600);
    let settings = Arc::new(core_config(&config).unwrap());
    let raft = openraft::Raft::new(id, settings, wire.clone(), log, machine);
    raft.await.unwrap()
}

#[derive(Clone, Default)]
struct Wire(Arc<Mutex<BTreeMap<u64, Raft>>>);

impl Wire {
    fn to(&self, id: u64) -> Raft {
        self.0.lock().unwrap()[&id].clone()
    }
}

struct To(Wire, u64);

impl RaftNetworkFactory<Types> for Wire {
    type Network = To;

    async fn new_client(&mut self, target: u64, _: &Peer) -> To {
        To(self.clone(), target)
    }
}

impl RaftNetworkV2<Types> for To {
    type SnapshotData = Image;

    async fn append_entries(
        &mut self,
        request: AppendEntriesRequest<Types>,
        _: RPCOption,
    ) -> Result<AppendEntriesResponse<Types>, RPCError<Types>> {
        let answer = self.0.to(self.1).append_entries(request).await;
        answer.map_err(|error| gone(&error))
    }

    async fn vote(
        &mut self,
        request: VoteRequest<Types>,
        _: RPCOption,
    ) -> Result<VoteResponse<Types>, RPCError<Types>> {
        let answer = self.0.to(self.1).vote(request).await;
        answer.map_err(|error| gone(&error))
    }

    async fn pre_vote(
        &mut self,
        request: VoteRequest<Types>,
        _: RPCOption,
    ) -> Result<VoteResponse<Types>, RPCError<Types>> {
        let answer = self.0.to(self.1).pre_vote(request).await;
        answer.map_err(|error| gone(&error))
    }

    async fn full_snapshot(
        &mut self,
        _: Vote,
        _: Snapshot,
        _: impl Future<Output = ReplicationClosed> + OptionalSend + 'static,
        _: RPCOption,
    ) -> Result<SnapshotResponse<Types>, StreamingError<Types>> {
        Err(Unreachable::new(&AnyError::error("no snapshots here")).into())
    }
}

fn gone(error: &(impl std::error::Error + 'static)) -> RPCError<Types> {
    Unreachable::new(&AnyError::new(error)).into()
}
