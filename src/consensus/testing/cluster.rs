//! Several nodes in one process, with links as in the product.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use countersign_core::base::{NodeId, Operations};
use countersign_core::ledger::{Command, query};
use futures_util::future::{join_all, select_all};
use rcgen::{
    BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType,
};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::proxy::{Proxy, Way};
use super::{FixedWall, NOW, OWNER, administrator, found, is_done, must_not_halt};
use crate::consensus::{Config, Consensus, Peers, Ports, ProposeError, Timing};
use crate::peers::{self, Credentials, Gate, Links, PeerName, Refusals};
use crate::tls::Files;

/// An authority of peers.
pub(in crate::consensus) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: String,
}

impl Authority {
    pub(in crate::consensus) fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let certificate = params.self_signed(&key).unwrap().pem();
        Self {
            issuer: Issuer::new(params, key),
            certificate,
        }
    }

    /// Credentials of `node`, which trusts the authority `trusted`.
    pub(in crate::consensus) fn credentials(
        &self,
        node: u16,
        trusted: &Self,
        place: &Path,
    ) -> Arc<Credentials> {
        let own = PeerName {
            cluster: OWNER.cluster,
            node: NodeId(node),
        };
        let mut params = CertificateParams::default();
        params.subject_alt_names = vec![SanType::URI(own.to_string().try_into().unwrap())];
        params.extended_key_usages = vec![
            ExtendedKeyUsagePurpose::ServerAuth,
            ExtendedKeyUsagePurpose::ClientAuth,
        ];
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap().pem();
        let files = Files {
            certificate: place.join("peer.pem"),
            key: place.join("peer.key"),
            authority: place.join("peers.pem"),
        };
        fs::create_dir_all(place).unwrap();
        fs::write(&files.certificate, certificate).unwrap();
        fs::write(&files.key, key.serialize_pem()).unwrap();
        fs::write(&files.authority, &trusted.certificate).unwrap();
        Arc::new(Credentials::load(own, files).unwrap())
    }
}

/// Counts, and wakes who waits for a count.
#[derive(Debug, Default)]
pub(in crate::consensus) struct Counted(watch::Sender<HashMap<&'static str, u64>>);

impl Operations for Counted {
    fn count(&self, _: &'static str, label: &'static str) {
        self.0
            .send_modify(|counts| *counts.entry(label).or_default() += 1);
    }

    fn time(&self, _: &'static str, _: &'static str, _: Duration) {}
    fn level(&self, _: &'static str, _: &'static str, _: u64) {}
}

impl Counted {
    /// Waits until `label` was counted once more.
    pub(in crate::consensus) async fn one_more(&self, label: &'static str) {
        let mut counts = self.0.subscribe();
        let before = counts.borrow().get(label).copied();
        let more = counts.wait_for(|counts| counts.get(label).copied() > before);
        drop(soon(more).await.unwrap());
    }

    /// Waits until `label` was counted so often.
    pub(in crate::consensus) async fn reach(&self, label: &'static str, count: u64) {
        let mut counts = self.0.subscribe();
        let there = counts.wait_for(|counts| counts.get(label).is_some_and(|it| *it >= count));
        drop(soon(there).await.unwrap());
    }
}

/// A node that runs.
pub(in crate::consensus) struct Node {
    pub(in crate::consensus) consensus: Arc<Consensus>,
    pub(in crate::consensus) clock: Arc<FixedWall>,
    pub(in crate::consensus) counted: Arc<Counted>,
    way: Way,
    serving: JoinHandle<()>,
    stop: oneshot::Sender<()>,
}

/// Three places for nodes, numbered from 1.
pub(in crate::consensus) struct Cluster {
    pub(in crate::consensus) authority: Authority,
    pub(in crate::consensus) place: TempDir,
    /// Where the first node dials the second one by its own file.
    proxies: HashMap<(u16, u16), Proxy>,
    /// Whom the first calls in vain, the second.
    cut: Arc<Mutex<HashSet<(u16, u16)>>>,
    nodes: Mutex<HashMap<u16, Arc<Node>>>,
}

pub(in crate::consensus) const ALL: [u16; 3] = [1, 2, 3];
pub(in crate::consensus) const FOUNDER: u16 = 1;

impl Cluster {
    /// Places, and nobody there yet.
    pub(in crate::consensus) async fn new() -> Self {
        let links = ALL.iter().flat_map(|from| ALL.map(|to| (*from, to)));
        let proxies = links.map(async |link| (link, Proxy::start().await));
        Self {
            authority: Authority::new(),
            place: tempfile::tempdir().unwrap(),
            proxies: join_all(proxies).await.into_iter().collect(),
            cut: Arc::default(),
            nodes: Mutex::default(),
        }
    }

    /// A cluster that is founded and has a leader.
    pub(in crate::consensus) async fn founded() -> Self {
        let cluster = Self::new().await;
        for node in ALL {
            cluster.start(node).await;
        }
        cluster.found().await;
        cluster
    }

    /// As they are dialled once the cluster is founded: as the founder does it.
    pub(in crate::consensus) fn members(&self) -> Vec<(NodeId, String)> {
        self.members_by(FOUNDER)
    }

    /// As this node's own file names them.
    fn members_by(&self, from: u16) -> Vec<(NodeId, String)> {
        let address = |to| self.proxies[&(from, to)].address.to_string();
        ALL.map(|to| (NodeId(to), address(to))).into()
    }

    pub(in crate::consensus) fn store(&self, node: u16) -> PathBuf {
        self.place.path().join(node.to_string())
    }

    /// Before `node`, once the cluster is founded.
    pub(in crate::consensus) fn proxy(&self, node: u16) -> &Proxy {
        &self.proxies[&(FOUNDER, node)]
    }

    /// No call of `from` reaches `to`, by whatever address; the other way all is well.
    pub(in crate::consensus) fn cut(&self, from: u16, to: u16) {
        self.cut.lock().unwrap().insert((from, to));
        self.proxies[&(from, to)].set(Way::Cut);
    }

    /// All that was cut is whole.
    pub(in crate::consensus) fn heal(&self) {
        for (from, to) in self.cut.lock().unwrap().drain() {
            let way = self.nodes.lock().unwrap()[&to].way;
            self.proxies[&(from, to)].set(way);
        }
    }

    /// All ways to `node`, but for those that are cut.
    fn set_ways(&self, node: u16, way: Way) {
        let cut = self.cut.lock().unwrap();
        for from in ALL.into_iter().filter(|from| !cut.contains(&(*from, node))) {
            self.proxies[&(from, node)].set(way);
        }
    }

    pub(in crate::consensus) fn credentials(&self, node: u16) -> Arc<Credentials> {
        let place = self.place.path().join(format!("tls-{node}"));
        self.authority.credentials(node, &self.authority, &place)
    }

    pub(in crate::consensus) async fn start(&self, node: u16) -> Arc<Node> {
        let credentials = self.credentials(node);
        let clock = Arc::new(FixedWall::default());
        clock.set(NOW);
        let counted = Arc::new(Counted::default());
        let refusals = Arc::new(Refusals::new(Arc::clone(&counted) as _));
        let config = Config {
            directory: self.store(node),
            cluster: OWNER.cluster,
            node: NodeId(node),
            address: self.proxy(node).address.to_string(),
            timing: Timing {
                heartbeat: Duration::from_millis(100),
                election_min: Duration::from_millis(500),
                election_max: Duration::from_millis(1000),
            },
            peers: Some(Peers {
                links: Arc::new(Links::new(Arc::clone(&credentials))),
                refusals: Arc::clone(&refusals),
                initial_members: self.members_by(node),
            }),
        };
        let ports = Ports {
            clock: Arc::clone(&clock) as _,
            operations: Arc::clone(&counted) as _,
            on_halt: must_not_halt(),
        };
        let consensus = Arc::new(Consensus::start(config, ports).await.unwrap());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let way = Way::Open(listener.local_addr().unwrap());
        self.set_ways(node, way);
        let (stop, stopped) = oneshot::channel::<()>();
        let (routes, members) = (consensus.routes(), consensus.gate());
        let cut = Arc::clone(&self.cut);
        let gate: Gate = Arc::new(move |caller| {
            let is_cut = cut.lock().unwrap().contains(&(caller.0, node));
            !is_cut && members(caller)
        });
        let serving = tokio::spawn(async move {
            let until = async { drop(stopped.await) };
            peers::serve(listener, credentials, routes, gate, refusals, until)
                .await
                .unwrap();
        });
        let running = Arc::new(Node {
            consensus,
            clock,
            counted,
            way,
            serving,
            stop,
        });
        self.nodes
            .lock()
            .unwrap()
            .insert(node, Arc::clone(&running));
        running
    }

    /// Stops a node; its place stays.
    pub(in crate::consensus) async fn stop(&self, node: u16) {
        self.set_ways(node, Way::Cut);
        let running = self.nodes.lock().unwrap().remove(&node).unwrap();
        let Ok(running) = Arc::try_unwrap(running) else {
            panic!("somebody still holds node {node}");
        };
        running.consensus.shutdown().await;
        let left = Arc::downgrade(&running.consensus);
        drop(running.consensus);
        assert!(left.upgrade().is_none());
        drop(running.stop);
        soon(running.serving).await.unwrap();
    }

    /// As `kill -9` does it, but that the disk cannot be opened again in this process.
    pub(in crate::consensus) fn kill(&self, node: u16) {
        self.set_ways(node, Way::Cut);
        drop(self.nodes.lock().unwrap().remove(&node).unwrap());
    }

    pub(in crate::consensus) fn node(&self, node: u16) -> Arc<Node> {
        Arc::clone(&self.nodes.lock().unwrap()[&node])
    }

    pub(in crate::consensus) fn running(&self) -> Vec<Arc<Node>> {
        self.nodes.lock().unwrap().values().cloned().collect()
    }

    /// The founding change, from the node that founds.
    pub(in crate::consensus) async fn found(&self) {
        let founder = self.node(FOUNDER);
        let outcome = soon(founder.consensus.found(found())).await;
        assert!(is_done(&outcome.unwrap()));
        for node in self.running() {
            assert!(soon(node.consensus.takes_part()).await);
        }
        self.propose(administrator()).await;
    }

    /// The node that leads.
    pub(in crate::consensus) async fn leader(&self) -> (u16, Arc<Node>) {
        let nodes = self.running();
        let leading = nodes.iter().map(|node| Box::pin(node.consensus.leading()));
        let (led, at, _) = soon(select_all(leading)).await;
        assert!(led);
        let leader = Arc::clone(&nodes[at]);
        (leader.consensus.member.id.node().unwrap().0, leader)
    }

    /// Has it applied, whoever leads; repeats what may be lost.
    pub(in crate::consensus) async fn propose(&self, command: Command) {
        loop {
            let (_, leader) = self.leader().await;
            match soon(leader.consensus.propose(command.clone())).await {
                Ok(outcome) => return assert!(is_done(&outcome), "{outcome:?}"),
                Err(ProposeError::NotProposed(_) | ProposeError::Unknown) => {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            }
        }
    }

    /// Waits until all that run have what one of them has; then all are equal.
    pub(in crate::consensus) async fn converge(&self) {
        let nodes = self.running();
        let furthest = nodes
            .iter()
            .map(|node| node.consensus.applied().index)
            .max();
        for node in &nodes {
            let mut applied = node.consensus.watch_applied();
            let there = applied.wait_for(|applied| Some(applied.index) >= furthest);
            drop(soon(there).await.unwrap());
        }
        let heads = nodes
            .iter()
            .map(|node| query::head(&node.consensus.tables()).unwrap());
        let heads: Vec<_> = heads.collect();
        assert!(heads.iter().all(|head| *head == heads[0]), "{heads:?}");
        assert_eq!(heads[0].cluster, OWNER.cluster.0);
    }
}

/// What must come soon; a test that waits for ever says nothing.
pub(in crate::consensus) async fn soon<T>(what: impl Future<Output = T>) -> T {
    timeout(Duration::from_secs(60), what)
        .await
        .expect("in time")
}
