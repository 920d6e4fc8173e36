//! The tasks that a node cannot do without. Where one ends early the process ends too: a
//! node that holds its port and its disk, and does nothing, is worse than none.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::task::JoinHandle;

use crate::consensus::halt::{Halt, OnHalt};

/// Starts tasks and watches over them.
#[derive(Clone)]
pub(super) struct Tasks {
    on_halt: OnHalt,
    stopping: Arc<AtomicBool>,
}

impl Tasks {
    pub(super) fn new(on_halt: OnHalt) -> Self {
        Self {
            on_halt,
            stopping: Arc::default(),
        }
    }

    /// From here on every end is meant.
    pub(super) fn stop(&self) {
        self.stopping.store(true, Ordering::Release);
    }

    /// Halts the node, unless it is stopping.
    pub(super) fn halt(&self, cause: &Halt) {
        if !self.stopping.load(Ordering::Acquire) {
            (self.on_halt)(cause);
        }
    }

    /// Starts a task that ends with the node alone.
    pub(super) fn endless(
        &self,
        name: &'static str,
        task: impl Future<Output = ()> + Send + 'static,
    ) -> JoinHandle<()> {
        self.start(name, task, true)
    }

    /// Starts a task that may have nothing left to do.
    pub(super) fn ending(
        &self,
        name: &'static str,
        task: impl Future<Output = ()> + Send + 'static,
    ) {
        self.start(name, task, false);
    }

    fn start(
        &self,
        name: &'static str,
        task: impl Future<Output = ()> + Send + 'static,
        endless: bool,
    ) -> JoinHandle<()> {
        let (task, tasks) = (tokio::spawn(task), self.clone());
        tokio::spawn(async move {
            match task.await {
                Ok(()) if !endless => {}
                Ok(()) => tasks.halt(&Halt::Task(name, "it ended")),
                Err(error) if error.is_panic() => tasks.halt(&Halt::Task(name, "it panicked")),
                // The runtime is gone.
                Err(_) => {}
            }
        })
    }
}
