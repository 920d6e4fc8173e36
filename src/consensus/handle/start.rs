//! Putting the parts together.

use std::io;
use std::sync::{Arc, Mutex};

use openraft::async_runtime::watch::WatchReceiver;
use tokio::runtime::Runtime;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;

use super::speaking::{Voice, VoiceParts};
use super::tasks::Tasks;
use super::{Consensus, Opened, QUEUE_COMMANDS_MAX, StartError};
use crate::consensus::config::{self, Config, Peers, Ports, core_config};
use crate::consensus::contact::Contact;
use crate::consensus::disk::{Disk, Owner};
use crate::consensus::flusher::Flusher;
use crate::consensus::founding;
use crate::consensus::halt::Halt;
use crate::consensus::log_store::{self, LogStore};
use crate::consensus::member::{FIRST_INCARNATION, Member, Raft};
use crate::consensus::network::{Network, Reach};
use crate::consensus::proposer::Proposer;
use crate::consensus::raft::RaftId;
use crate::consensus::reign::{self, Reign};
use crate::consensus::snapshot::incoming::Incoming;
use crate::consensus::snapshot::outgoing::Exports;
use crate::consensus::state_machine::{Applied, Facts, StateMachine};
use crate::consensus::status::SyncTimes;

/// A running node, how to stop its proposer, and the proposer.
type Started = (Consensus, oneshot::Sender<()>, JoinHandle<()>);

/// To be called on the node's own threads.
pub(super) async fn inside(config: Config, ports: Ports) -> Result<Started, StartError> {
    let owner = Owner {
        cluster: config.cluster,
        node: config.node,
    };
    let peers = config::peers(&config)?;
    let on_halt = Arc::clone(&ports.on_halt);
    let tasks = Tasks::new(Arc::clone(&on_halt));
    let disk = Disk::open(&config.directory, owner, FIRST_INCARNATION, on_halt)?;
    let disk = Arc::new(disk);
    let opened = opened(&disk)?;
    let node = config.node;
    let syncs = Arc::default();
    let (member, applied, facts) = member(config, peers.clone(), &ports, &disk, &syncs).await?;
    let member = Arc::new(member);
    let raft = &member.raft.clone();
    let (said, reign) = watch::channel(Reign::Vacant);
    tasks.endless("reign", reign::follow(raft.clone(), said));
    tokio::spawn(watch_core(raft.clone(), tasks.clone()));
    tasks.ending("founding", founding::run(Arc::clone(&member)));
    elect_if_alone(raft, member.id).await?;
    let (queue, asked) = mpsc::channel(QUEUE_COMMANDS_MAX);
    let voice = Voice::start(VoiceParts {
        raft,
        contact: &member.contact,
        syncs: &syncs,
        reign: &reign,
        queue: &queue,
        peers,
        ports: &ports,
        tasks: &tasks,
    });
    let (stop, stopped) = oneshot::channel();
    let proposer = Proposer {
        raft: raft.clone(),
        disk: Arc::clone(&disk),
        node,
        clock: Arc::clone(&ports.clock),
        queue: asked,
        reign: reign.clone(),
        contact: Arc::clone(&member.contact),
    };
    let proposer = tasks.endless("proposer", proposer.run(stopped));
    let consensus = Consensus {
        raft: raft.clone(),
        disk,
        queue,
        applied,
        facts,
        reign,
        voice,
        opened,
        clock: ports.clock,
        member,
        tasks,
        running: Mutex::new(None),
    };
    Ok((consensus, stop, proposer))
}

fn opened(disk: &Disk) -> io::Result<Opened> {
    Ok(if log_store::is_blank(disk)? {
        Opened::Blank
    } else {
        Opened::Member
    })
}

/// The Raft core, and what is said to peers and by them.
async fn member(
    config: Config,
    peers: Option<Peers>,
    ports: &Ports,
    disk: &Arc<Disk>,
    syncs: &Arc<SyncTimes>,
) -> Result<(Member, watch::Receiver<Applied>, watch::Receiver<Facts>), StartError> {
    let settings = core_config(&config);
    let settings = settings.map_err(|error| StartError::Core(error.to_string()))?;
    let id = RaftId::new(config.node, disk.incarnation());
    let machine = StateMachine::open(Arc::clone(disk))?;
    let (applied, facts) = (machine.watch(), machine.watch_facts());
    let images = machine.images();
    let contact = Contact::start(&ports.clock, machine.hashes(), &applied);
    let network = Network(Arc::new(Reach {
        own: id,
        links: peers.as_ref().map(|peers| Arc::clone(&peers.links)),
        contact: Arc::clone(&contact),
        exports: Exports::new(disk.layout().outgoing()),
        answer_max: config.timing.election_max.saturating_mul(3),
    }));
    let log = log_store(disk, ports, syncs)?;
    let raft = Raft::new(id.0, Arc::new(settings), network, log, machine)
        .await
        .map_err(|fatal| StartError::Core(fatal.to_string()))?;
    let member = Member {
        id,
        address: config.address,
        raft,
        disk: Arc::clone(disk),
        contact,
        clock: Arc::clone(&ports.clock),
        operations: Arc::clone(&ports.operations),
        images,
        incoming: Incoming::new(disk.layout().incoming()),
        peers,
        waits_for: watch::Sender::default(),
    };
    Ok((member, applied, facts))
}

pub(super) fn runtime() -> io::Result<Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("consensus")
        .enable_all()
        .build()
}

fn log_store(disk: &Arc<Disk>, ports: &Ports, syncs: &Arc<SyncTimes>) -> io::Result<LogStore> {
    let (synced, syncs) = (Arc::clone(disk), Arc::clone(syncs));
    let flusher = Flusher::start(
        Box::new(move || syncs.timed(|| synced.sync())),
        Arc::clone(&ports.operations),
        Arc::clone(&ports.on_halt),
    )?;
    Ok(LogStore::new(Arc::clone(disk), flusher))
}

/// The only voter need not wait for anybody's silence.
async fn elect_if_alone(raft: &Raft, id: RaftId) -> Result<(), StartError> {
    if raft.voter_ids().eq([id.0]) {
        let elected = raft.trigger().elect(true).await;
        elected.map_err(|fatal| StartError::Core(fatal.to_string()))?;
    }
    Ok(())
}

/// Halts the node when the core stops otherwise than by [`Consensus::shutdown`].
async fn watch_core(raft: Raft, tasks: Tasks) {
    let mut server = raft.server_metrics();
    while server.changed().await.is_ok() {}
    // A core that panics leaves the state in which it ran.
    let running = raft.metrics().borrow_watched().running_state.clone();
    let cause = running.err().map_or_else(
        || "it ended without a word".to_owned(),
        |fatal| fatal.to_string(),
    );
    tasks.halt(&Halt::Core(cause));
}
