//! The handle through which the rest of the node proposes commands and reads tables.
//!
//! The Raft core, its tick and the proposer run on threads of their own, so that a busy
//! front cannot delay a heartbeat.

mod cluster;
mod start;

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use countersign_core::base::{Boot, NodeId};
use countersign_core::ledger::{Command, Outcome};
use openraft::Instant;
use openraft::async_runtime::watch::WatchReceiver;
use tokio::runtime::Runtime;
use tokio::sync::{mpsc, oneshot, watch};

pub use self::cluster::HandOverError;
use super::config::{Config, MembersError, Ports};
use super::disk::{Disk, OpenError};
use super::halt::Halt;
use super::member::{Member, Raft};
use super::port::LiveTables;
use super::proposer::{Asked, Because, ProposeError};
use super::raft::RaftId;
use super::reign::{CONTACT_MAX, Reign};
use super::state_machine::Applied;
use super::tables::TableView;
use crate::login::Clock;

/// What was found on the disk.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Opened {
    /// Nothing: this disk was never part of a cluster.
    Blank,
    /// The store of a member.
    Member,
}

/// Why the node cannot take part.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The store.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// No threads, or the store failed while starting.
    #[error("consensus cannot start")]
    Io(#[from] io::Error),
    /// The Raft core refuses.
    #[error("the Raft core cannot start: {0}")]
    Core(String),
    /// The members.
    #[error(transparent)]
    Members(#[from] MembersError),
}

/// How the core stands; for metrics and status.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Figures {
    /// The current term.
    pub term: u64,
    /// Who leads.
    pub leader: Option<NodeId>,
    /// Index of the last entry in the log.
    pub last_log: u64,
    /// Of the last one known to be committed.
    pub committed: u64,
    /// Of the last one applied.
    pub applied: u64,
    /// Of the last one in the snapshot.
    pub snapshot: u64,
    /// Of the last one purged.
    pub purged: u64,
    /// Commands that wait for an entry.
    pub queued: u64,
}

/// One node's part in the cluster.
pub struct Consensus {
    pub(super) raft: Raft,
    disk: Arc<Disk>,
    queue: mpsc::Sender<Asked>,
    applied: watch::Receiver<Applied>,
    reign: watch::Receiver<Reign>,
    opened: Opened,
    clock: Arc<dyn Clock>,
    pub(super) member: Arc<Member>,
    running: Mutex<Option<Running>>,
}

struct Running {
    runtime: Runtime,
    stop: oneshot::Sender<()>,
    proposer: tokio::task::JoinHandle<()>,
}

impl Consensus {
    /// Opens the store and takes part; waits for no peer. A blank store takes no part
    /// before [`Self::found`], with peers not before it is admitted.
    ///
    /// # Errors
    /// When the store is not this node's or cannot be read; it is left as it was.
    pub async fn start(config: Config, ports: Ports) -> Result<Self, StartError> {
        let runtime = start::runtime()?;
        let started = runtime.spawn(start::inside(config, ports));
        let (mut consensus, stop, proposer) = started
            .await
            .map_err(|e| StartError::Core(e.to_string()))??;
        consensus.running = Mutex::new(Some(Running {
            runtime,
            stop,
            proposer,
        }));
        Ok(consensus)
    }

    /// What was found on the disk.
    pub fn opened(&self) -> Opened {
        self.opened
    }

    /// How often this node has started; on disk before anything else is.
    pub fn boot(&self) -> Boot {
        self.disk.boot()
    }

    /// Queues `command` for the log. The future may be dropped: the command is then
    /// applied or not, as if its answer were lost.
    ///
    /// # Errors
    /// [`ProposeError::NotProposed`]: it is certainly not in the log. Else it is unknown.
    pub fn propose(
        &self,
        command: Command,
    ) -> impl Future<Output = Result<Outcome, ProposeError>> + Send + use<> {
        let (reply, answer) = oneshot::channel();
        let refused = self.queue.try_send(Asked { command, reply }).err();
        let refused = refused.map(|error| match error {
            mpsc::error::TrySendError::Full(_) => Because::Busy,
            mpsc::error::TrySendError::Closed(_) => Because::Stopping,
        });
        async move {
            match refused {
                Some(because) => Err(ProposeError::NotProposed(because)),
                None => answer.await.unwrap_or(Err(ProposeError::Unknown)),
            }
        }
    }

    /// The tables; each read sees what is applied by then.
    pub fn tables(&self) -> TableView<'_> {
        self.disk.tables()
    }

    /// The tables as they are now; all reads see the same.
    pub fn frozen_tables(&self) -> TableView<'_> {
        self.disk.frozen_tables()
    }

    /// The tables for whoever outlives a borrow of this handle.
    pub(super) fn live_tables(&self) -> LiveTables {
        LiveTables::new(Arc::clone(&self.disk))
    }

    /// The clock that this node stamps by when it leads.
    pub(super) fn clock(&self) -> &dyn Clock {
        &*self.clock
    }

    /// How far the tables are.
    pub fn applied(&self) -> Applied {
        *self.applied.borrow()
    }

    /// Wakes whoever waits for the tables to change.
    pub fn watch_applied(&self) -> watch::Receiver<Applied> {
        self.applied.clone()
    }

    /// Whether this node leads, has caught up and has had a quorum just now.
    pub fn is_ready(&self) -> bool {
        match *self.reign.borrow() {
            Reign::Leading { alone: true, .. } => true,
            Reign::Leading { alone: false, .. } => self.has_contact(),
            Reign::Following(_) | Reign::Vacant => false,
        }
    }

    fn has_contact(&self) -> bool {
        let acked = self.raft.data_metrics().borrow_watched().last_quorum_acked;
        acked.is_some_and(|acked| acked.elapsed() < CONTACT_MAX)
    }

    /// Waits until this node may propose; false when it stopped instead.
    pub async fn leading(&self) -> bool {
        let mut reign = self.reign.clone();
        let led = reign.wait_for(|reign| matches!(reign, Reign::Leading { .. }));
        led.await.is_ok()
    }

    /// How the core stands.
    pub fn figures(&self) -> Figures {
        let metrics = self.raft.metrics();
        let now = metrics.borrow_watched();
        let index = |id: &Option<super::raft::LogId>| id.map_or(0, |id| id.index);
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

    /// Answers what waits, finishes what is on its way, syncs and stops. Later proposals
    /// are refused. Does nothing the second time.
    pub async fn shutdown(&self) {
        let running = {
            let mut slot = self.running.lock().unwrap_or_else(PoisonError::into_inner);
            slot.take()
        };
        let Some(running) = running else {
            return;
        };
        running.stop.send(()).ok();
        drop(running.proposer.await);
        drop(self.raft.shutdown().await);
        if let Err(error) = self.disk.sync() {
            self.disk.halt(&Halt::Sync(error));
        }
        close(running.runtime).await;
    }
}

impl Drop for Consensus {
    fn drop(&mut self) {
        let slot = self
            .running
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(running) = slot.take() {
            // Waiting is not allowed here; what is not on the disk was never promised.
            running.runtime.shutdown_background();
        }
    }
}

/// Ends the threads and with them all that holds the store open.
async fn close(runtime: Runtime) {
    let closed = tokio::task::spawn_blocking(|| runtime.shutdown_timeout(CLOSE_MAX));
    // It fails only when the caller's runtime ends as well.
    closed.await.ok();
}

/// How long tasks may take to end after the core has stopped.
const CLOSE_MAX: Duration = Duration::from_secs(5);
/// Commands that may wait for an entry; the next is refused.
const QUEUE_COMMANDS_MAX: usize = 8192;

#[cfg(test)]
mod tests;
