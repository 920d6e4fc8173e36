//! The handle through which the rest of the node proposes commands and reads tables.
//!
//! The Raft core, its tick and the proposer run on threads of their own, so that a busy
//! front cannot delay a heartbeat.

mod cluster;
mod speaking;
mod start;
mod tasks;

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use countersign_core::base::{Boot, NodeId};
use tokio::runtime::Runtime;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;

pub use self::cluster::HandOverError;
pub use self::speaking::Lead;
use self::speaking::Voice;
use self::tasks::Tasks;
use super::config::{Config, MembersError, Ports};
use super::disk::{Disk, OpenError};
use super::halt::Halt;
use super::member::{Member, Raft};
use super::port::LiveTables;
use super::proposer::Asked;
use super::reign::Reign;
use super::state_machine::{Applied, Facts};
use super::status::StatusFault;
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
    pub(super) disk: Arc<Disk>,
    queue: mpsc::Sender<Asked>,
    applied: watch::Receiver<Applied>,
    facts: watch::Receiver<Facts>,
    reign: watch::Receiver<Reign>,
    voice: Voice,
    opened: Opened,
    clock: Arc<dyn Clock>,
    pub(super) member: Arc<Member>,
    tasks: Tasks,
    running: Mutex<Option<Running>>,
}

struct Running {
    runtime: Runtime,
    stop: oneshot::Sender<()>,
    proposer: JoinHandle<()>,
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

    /// How far the tables are.
    pub fn applied(&self) -> Applied {
        *self.applied.borrow()
    }

    /// Wakes whoever waits for the tables to change.
    pub fn watch_applied(&self) -> watch::Receiver<Applied> {
        self.applied.clone()
    }

    /// Wakes whoever keeps copies of the facts when the tables hold other ones.
    pub fn watch_facts(&self) -> watch::Receiver<Facts> {
        self.facts.clone()
    }

    /// Waits until this node may propose; false when it stopped instead.
    pub async fn leading(&self) -> bool {
        let mut reign = self.reign.clone();
        let led = reign.wait_for(|reign| matches!(reign, Reign::Leading { .. }));
        led.await.is_ok()
    }

    /// Runs `task` on the threads of consensus, which no busy front keeps from a heartbeat.
    /// `None`: they have ended.
    pub fn spawn<T: Send + 'static>(
        &self,
        task: impl Future<Output = T> + Send + 'static,
    ) -> Option<JoinHandle<T>> {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        running.as_ref().map(|running| running.runtime.spawn(task))
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
        self.tasks.stop();
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
        self.tasks.stop();
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
