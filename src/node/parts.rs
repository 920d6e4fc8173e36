//! The parts of a running node, each made from those before it.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use arc_swap::ArcSwap;
use countersign_core::base::{Entropy, NodeId, Operations};
use countersign_core::seal::KeyFile;
use futures_util::future::BoxFuture;
use tokio::net::TcpListener;

use super::config::{Config, Peers};
use super::follow::Copies;
use super::keys::Opened;
use super::reign::Sole;
use super::serve::ServeError;
use super::system::{SystemClock, SystemEntropy};
use super::witness::Reporter;
use super::{follow, keys};
use crate::consensus::{self, Consensus, Owner, TableView};
use crate::login::{Alone, Clock, Ledger, Logins, Parts};
use crate::net::{Alive, Server, Setup, Wall};
use crate::operate::{
    ClusterStanding, ClusterView, Member, NodeRole, Operate, Shells, TransferError,
};
use crate::peers::{Credentials, PeerName};
use crate::relay::Keeper;
use crate::sources::Sources;
use crate::telemetry::events::Events;
use crate::telemetry::{Metrics, Noise};

/// The logins of a node.
pub(super) type NodeLogins = Logins<Arc<Consensus>, Arc<Sources>, SystemClock>;
/// The administrative actions of a node.
pub(super) type NodeOperate = Operate<Arc<Consensus>>;

/// What tells about the node.
#[derive(Clone)]
pub(super) struct Telling {
    pub(super) metrics: Arc<Metrics>,
    pub(super) events: Arc<Events>,
    pub(super) noise: Arc<Noise>,
}

impl Telling {
    pub(super) fn start(node: NodeId, data_dir: &Path) -> io::Result<Self> {
        let metrics = Arc::new(Metrics::default());
        let operations: Arc<dyn Operations> = Arc::clone(&metrics) as _;
        let events = Events::open(node, &data_dir.join("events"), operations)?;
        Ok(Self {
            metrics,
            events: Arc::new(events),
            noise: Arc::default(),
        })
    }
}

/// Tries the key file on the store, if there is one. To be asked before anything else, for
/// it writes nothing: a node that is refused has touched nothing.
pub(super) fn examine(config: &Config) -> Result<KeyFile, ServeError> {
    let file = keys::read(&config.key_file)?;
    let owner = Owner {
        cluster: config.cluster,
        node: config.node,
    };
    let opens = |tables: &TableView<'_>| keys::open_if_founded(tables, config.cluster, &file);
    consensus::inspect(&config.data_dir.join(STORE), owner, opens)?.transpose()?;
    Ok(file)
}

/// Opens the store and, where it is blank, founds the cluster or waits until it is.
pub(super) async fn consensus(
    config: &Config,
    file: KeyFile,
    telling: &Telling,
) -> Result<(Arc<Consensus>, keys::FileAndKeys), ServeError> {
    let settings = consensus::Config {
        directory: config.data_dir.join(STORE),
        cluster: config.cluster,
        node: config.node,
        address: String::new(),
        timing: consensus::Timing::default(),
        peers: None,
    };
    let ports = consensus::Ports {
        clock: Arc::new(SystemClock),
        operations: Arc::clone(&telling.metrics) as _,
        on_halt: consensus::abort(),
    };
    let consensus = Arc::new(Consensus::start(settings, ports).await?);
    super::founding::found_if_blank(config, &consensus, &file).await?;
    if !consensus.takes_part().await {
        return Err(ServeError::Stopped);
    }
    let opened = keys::open(&consensus.view(), config.cluster, &file)?;
    Ok((consensus, (file, opened)))
}

/// What the node shows its peers; `None`: it has none.
pub(super) fn credentials(config: &Config) -> Result<Option<Arc<Credentials>>, ServeError> {
    let own = PeerName {
        cluster: config.cluster,
        node: config.node,
    };
    let peers = config.peers.as_ref();
    let load = |peers: &Peers| Credentials::load(own, peers.files.clone());
    Ok(peers.map(load).transpose()?.map(Arc::new))
}

/// The judging side of a node.
pub(super) struct Judging {
    pub(super) logins: NodeLogins,
    pub(super) operate: Arc<NodeOperate>,
    pub(super) copies: Copies,
}

pub(super) fn judging(
    config: &Config,
    consensus: &Arc<Consensus>,
    (key_file, opened): keys::FileAndKeys,
    telling: &Telling,
) -> Result<Judging, ServeError> {
    let sources = Arc::new(Sources::new());
    let Opened { keyring, secrets } = opened;
    let keyring = Arc::new(ArcSwap::new(keyring));
    let logins = Logins::new(Parts {
        ledger: Arc::clone(consensus),
        source: Arc::clone(&sources),
        neighbours: Arc::new(Alone),
        clock: SystemClock,
        entropy: Box::new(SystemEntropy),
        secrets,
        node: config.node,
        boot: consensus.boot(),
    });
    let operate = Operate::new(Shells {
        ledger: Arc::new(Arc::clone(consensus)),
        keyring: Arc::clone(&keyring),
        clock: Arc::new(SystemClock),
        entropy: Box::new(SystemEntropy),
        cluster: Arc::new(Standing(Arc::clone(consensus), config.node)),
        events: Arc::clone(&telling.events) as _,
    });
    let surroundings = follow::surroundings(
        &config.source_hosts,
        config.source_ca_file.clone(),
        SystemEntropy.array(),
        Arc::clone(&telling.metrics) as _,
    )?;
    let copies = Copies {
        consensus: Arc::clone(consensus),
        cluster: config.cluster,
        key_file,
        keyring,
        clients: Arc::default(),
        sources,
        surroundings,
    };
    // Before the first packet: a client that is known must not be met as a stranger.
    copies.take_clients(&consensus.view());
    copies.take_source(&consensus.view());
    Ok(Judging {
        logins,
        operate: Arc::new(operate),
        copies,
    })
}

/// Who keeps the attempt keys of a node that is alone.
pub(super) fn keeper(
    consensus: &Arc<Consensus>,
    judging: &Judging,
) -> Keeper<Sole, NodeLogins, (), SystemEntropy> {
    let reign = Arc::new(Sole::new(Arc::clone(consensus)));
    Keeper::new(reign, judging.logins.clone(), (), SystemEntropy)
}

/// Opens the RADIUS ports.
pub(super) fn radius(
    config: &Config,
    judging: &Judging,
    telling: &Telling,
) -> Result<Server, ServeError> {
    let alive = judging.logins.clone();
    let server = Server::start(Setup {
        authentication: config.authentication.clone(),
        accounting: config.accounting.clone(),
        sockets: config.sockets,
        in_hand: config.in_hand,
        clients: Arc::clone(&judging.copies.clients),
        logins: judging.logins.clone(),
        witness: Arc::new(Reporter {
            events: Arc::clone(&telling.events),
            metrics: Arc::clone(&telling.metrics),
            noise: Arc::clone(&telling.noise),
        }),
        wall: Wall(Arc::new(|| SystemClock.wall())),
        alive: Alive(Arc::new(move || alive.is_ready())),
    });
    server.map_err(ServeError::Radius)
}

/// Opens a TCP listener.
pub(super) async fn listen(what: &'static str, at: SocketAddr) -> Result<TcpListener, ServeError> {
    TcpListener::bind(at)
        .await
        .map_err(|error| ServeError::Listen(what, at, error))
}

/// Consensus as operators see it.
struct Standing(Arc<Consensus>, NodeId);

impl ClusterView for Standing {
    fn standing(&self) -> ClusterStanding {
        let figures = self.0.figures();
        let leads = figures.leader == Some(self.1);
        ClusterStanding {
            node: self.1,
            role: if leads {
                NodeRole::Leader
            } else {
                NodeRole::Voter
            },
            term: figures.term,
            leader: figures.leader,
            applied: figures.applied,
        }
    }

    fn members(&self) -> BoxFuture<'_, Vec<Member>> {
        Box::pin(std::future::ready(Vec::new()))
    }

    fn transfer_leader(&self, _: Option<NodeId>) -> BoxFuture<'_, Result<NodeId, TransferError>> {
        Box::pin(std::future::ready(Err(TransferError::NoSuchVoter)))
    }
}

/// Where the store lies in the data directory.
const STORE: &str = "raft";
