//! Group fsync: appends and votes queue up while one sync runs, the next sync covers all
//! of them. Nobody is told before it is done (I10).

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{Builder, JoinHandle};

use countersign_core::base::Operations;
use openraft::storage::IOFlushed;
use tokio::time::Instant;

use super::halt::{Halt, OnHalt};
use super::raft::Types;

/// Syncs the log; the disk's own in the product.
pub(super) type Sync = Box<dyn Fn() -> io::Result<()> + Send>;

/// The thread that syncs, for as long as this lives.
pub(super) struct Flusher {
    queue: Option<Sender<IOFlushed<Types>>>,
    thread: Option<JoinHandle<()>>,
}

impl Flusher {
    /// Starts the thread.
    pub(super) fn start(
        sync: Sync,
        operations: Arc<dyn Operations>,
        on_halt: OnHalt,
    ) -> io::Result<Self> {
        // LIMIT: openraft has few appends in flight; the proposer bounds them.
        let (queue, waiting) = channel();
        let thread = Builder::new()
            .name("log-flusher".to_owned())
            .spawn(move || run(&waiting, &sync, &*operations, &on_halt))?;
        Ok(Self {
            queue: Some(queue),
            thread: Some(thread),
        })
    }

    /// Calls `done` once everything that is written by now is synced.
    pub(super) fn after_sync(&self, done: IOFlushed<Types>) {
        let refused = match &self.queue {
            Some(queue) => queue.send(done).err().map(|refused| refused.0),
            None => Some(done),
        };
        if let Some(done) = refused {
            done.io_completed(Err(stopped()));
        }
    }
}

impl Drop for Flusher {
    fn drop(&mut self) {
        drop(self.queue.take());
        if let Some(thread) = self.thread.take() {
            // A panic there has been reported; there is nothing left to wait for.
            drop(thread.join());
        }
    }
}

fn run(
    waiting: &Receiver<IOFlushed<Types>>,
    sync: &Sync,
    operations: &dyn Operations,
    on_halt: &OnHalt,
) {
    while let Ok(first) = waiting.recv() {
        let mut group = vec![first];
        group.extend(waiting.try_iter());
        let started = Instant::now();
        let result = sync();
        operations.time("fsync_seconds", "log", started.elapsed());
        match result {
            Ok(()) => group.into_iter().for_each(|done| done.io_completed(Ok(()))),
            Err(error) => {
                on_halt(&Halt::Sync(io::Error::other(error.to_string())));
                for done in group {
                    done.io_completed(Err(io::Error::other(error.to_string())));
                }
                // Never sync again: what the kernel dropped would look written.
                return;
            }
        }
    }
}

fn stopped() -> io::Error {
    io::Error::other("the log's flusher has stopped")
}

#[cfg(test)]
mod tests;
