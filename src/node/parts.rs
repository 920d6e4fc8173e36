//! The parts of a running node, each made from those before it.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use arc_swap::ArcSwap;
use countersign_core::base::{NodeId, Operations};
use countersign_core::seal::KeyFile;
use tokio::net::TcpListener;

use super::cluster::{Peering, Seat, View};
use super::config::Config;
use super::error::ServeError;
use super::follow::Copies;
use super::keys::Opened;
use super::learning::Pupil;
use super::senders::{SenderSurroundings, Teller};
use super::sources::SourceSurroundings;
use super::sync::Synchroniser;
use super::system::{SystemClock, SystemEntropy};
use super::witness::Reporter;
use super::{cluster, keys};
use crate::consensus::{self, Consensus, Owner, TableView};
use crate::login::{Clock, Ledger, Logins, Parts};
use crate::net::{Alive, RadSec, Server, Setup, Wall};
use crate::operate::{Operate, Shells};
use crate::relay::{Keeper, OverLinks};
use crate::senders::Post;
use crate::sources::Sources;
use crate::telemetry::events::Events;
use crate::telemetry::{Metrics, Noise, Sightings};

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
    pub(super) sightings: Arc<Sightings>,
}

impl Telling {
    pub(super) fn start(node: NodeId, data_dir: &Path) -> io::Result<Self> {
        if cfg!(feature = "dangerous-forget-attempts") {
            tracing::error!("DANGEROUS: built to forget every attempt, so retries are replays");
        }
        if cfg!(feature = "dangerous-fail-points") {
            tracing::error!("DANGEROUS: built to die wherever COUNTERSIGN_DIE_AT tells it to");
        }
        let metrics = Arc::new(Metrics::default());
        let operations: Arc<dyn Operations> = Arc::clone(&metrics) as _;
        let events = Events::open(node, &data_dir.join("events"), operations)?;
        Ok(Self {
            metrics,
            events: Arc::new(events),
            noise: Arc::default(),
            sightings: Arc::default(),
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

/// Opens the store.
pub(super) async fn consensus(
    config: &Config,
    peering: Option<&Peering>,
    telling: &Telling,
) -> Result<Arc<Consensus>, ServeError> {
    let own = config.peers.iter().flat_map(|peers| &peers.initial_members);
    let own = own.clone().find(|(node, _)| *node == config.node);
    let settings = consensus::Config {
        directory: config.data_dir.join(STORE),
        cluster: config.cluster,
        node: config.node,
        address: own.map(|(_, address)| address.clone()).unwrap_or_default(),
        timing: consensus::Timing::default(),
        peers: peering.map(Peering::members),
    };
    let ports = consensus::Ports {
        clock: Arc::new(SystemClock),
        operations: Arc::clone(&telling.metrics) as _,
        on_halt: consensus::abort(),
    };
    Ok(Arc::new(Consensus::start(settings, ports).await?))
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
    peering: Option<&Peering>,
    (key_file, opened): keys::FileAndKeys,
    (telling, sources): (&Telling, Arc<Sources>),
) -> Result<Judging, ServeError> {
    let Opened { keyring, secrets } = opened;
    let keyring = Arc::new(ArcSwap::new(keyring));
    let operations: Arc<dyn Operations> = Arc::clone(&telling.metrics) as _;
    let teller = Teller::new(consensus, &telling.events);
    let post = Arc::new(Post::new(Arc::clone(&operations), Arc::new(teller)));
    let logins = Logins::new(Parts {
        ledger: Arc::clone(consensus),
        source: Arc::clone(&sources),
        neighbours: cluster::neighbours(consensus, peering),
        messenger: Arc::clone(&post) as _,
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
        cluster: Arc::new(View(Arc::clone(consensus), config.node)),
        events: Arc::clone(&telling.events) as _,
        sightings: cluster::sightings(config, consensus, peering, telling),
        sources: Arc::clone(&sources),
    });
    let rests = cluster::rests(consensus, peering, &sources);
    let surroundings = SourceSurroundings::new(config, SystemEntropy, operations, rests)?;
    let copies = Copies {
        consensus: Arc::clone(consensus),
        cluster: config.cluster,
        key_file,
        keyring,
        clients: Arc::default(),
        sources,
        surroundings,
        post,
        senders: SenderSurroundings::new(config)?,
    };
    // Before the first packet: a client that is known must not be met as a stranger.
    copies.take_clients(&consensus.view());
    copies.take_sources(&consensus.view());
    copies.take_old_servers(&consensus.view());
    copies.take_senders(&consensus.view());
    Ok(Judging {
        logins,
        operate: Arc::new(operate),
        copies,
    })
}

/// Who keeps the attempt keys.
pub(super) fn keeper(
    consensus: &Arc<Consensus>,
    peering: Option<&Peering>,
    judging: &Judging,
) -> Keeper<Seat, NodeLogins, Option<OverLinks>, SystemEntropy> {
    let seat = Arc::new(Seat(Arc::clone(consensus)));
    let sets = cluster::sets(peering);
    Keeper::new(seat, judging.logins.clone(), sets, SystemEntropy)
}

/// Who has users synchronised.
pub(super) fn synchroniser(
    config: &Config,
    consensus: &Arc<Consensus>,
    judging: &Judging,
) -> Synchroniser<Seat> {
    Synchroniser {
        node: config.node,
        reign: Arc::new(Seat(Arc::clone(consensus))),
        operate: Arc::clone(&judging.operate),
        alarms: judging.copies.surroundings.alarms(),
    }
}

/// Opens the RADIUS ports.
pub(super) fn radius(
    config: &Config,
    radsec: Option<RadSec>,
    judging: &Judging,
    (telling, pupil): (&Telling, Pupil),
    alive: impl Fn() -> bool + Send + Sync + 'static,
) -> Result<Server, ServeError> {
    let server = Server::start(Setup {
        authentication: config.authentication.clone(),
        accounting: config.accounting.clone(),
        radsec,
        sockets: config.sockets,
        in_hand: config.in_hand,
        clients: Arc::clone(&judging.copies.clients),
        logins: judging.logins.clone(),
        witness: Arc::new(Reporter {
            events: Arc::clone(&telling.events),
            metrics: Arc::clone(&telling.metrics),
            noise: Arc::clone(&telling.noise),
            sightings: Arc::clone(&telling.sightings),
            pupil,
        }),
        wall: Wall(Arc::new(|| SystemClock.wall())),
        alive: Alive(Arc::new(alive)),
    });
    server.map_err(ServeError::Radius)
}

/// Opens a TCP listener.
pub(super) async fn listen(what: &'static str, at: SocketAddr) -> Result<TcpListener, ServeError> {
    TcpListener::bind(at)
        .await
        .map_err(|error| ServeError::Listen(what, at, error))
}

/// Where the store lies in the data directory.
const STORE: &str = "raft";
