//! The event log of a node: a bounded queue, one writing thread, readers.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use countersign_core::base::{NodeId, Operations};
use tokio::sync::{broadcast, oneshot};

use super::record::{Budget, Record};
use super::segments::{self, Segments};
use crate::operate::{Event, EventLog, EventQuery};

/// Takes events and gives them back.
#[derive(Debug)]
pub struct Events {
    node: NodeId,
    folder: PathBuf,
    queue: Option<SyncSender<Box<Line>>>,
    told: broadcast::Sender<Event>,
    operations: Arc<dyn Operations>,
    writer: Option<JoinHandle<()>>,
}

/// The queue was full, or the disk refuses: the event is not kept.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("event not kept")]
pub struct Lost;

#[derive(Debug)]
struct Line {
    record: Record,
    kept: Option<oneshot::Sender<()>>,
}

impl Events {
    /// Opens the files below `folder` and starts the writer.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn open(node: NodeId, folder: &Path, operations: Arc<dyn Operations>) -> io::Result<Self> {
        let mut writer = Writer::open(folder)?;
        let (queue, lines) = sync_channel(QUEUE_MAX);
        let counts = Arc::clone(&operations);
        let writer = std::thread::Builder::new()
            .name("events".into())
            .spawn(move || writer.run(&lines, &*counts))?;
        let (told, _) = broadcast::channel(FOLLOWED_MAX);
        let folder = folder.to_owned();
        Ok(Self {
            node,
            folder,
            queue: Some(queue),
            told,
            operations,
            writer: Some(writer),
        })
    }

    /// Keeps an event, or counts it as lost: a login never waits for its event.
    pub fn tell(&self, record: Record) {
        if self.told.receiver_count() > 0 {
            // A follower that has gone meanwhile misses nothing.
            let _followers = self.told.send(record.event(self.node));
        }
        if self.push(Line { record, kept: None }).is_err() {
            self.operations.count("events", "lost");
        }
    }

    /// Keeps an event and waits until the kernel has it; for accounting, which is answered
    /// only once it is recorded (RFC 2866 §2).
    ///
    /// # Errors
    /// When it was not kept.
    pub async fn record(&self, record: Record) -> Result<(), Lost> {
        let (kept, done) = oneshot::channel();
        self.push(Line {
            record,
            kept: Some(kept),
        })?;
        done.await.map_err(|_| Lost)
    }

    fn push(&self, line: Line) -> Result<(), Lost> {
        let queue = self.queue.as_ref().ok_or(Lost)?;
        queue.try_send(Box::new(line)).map_err(|_| Lost)
    }
}

impl EventLog for Events {
    fn list(&self, query: &EventQuery) -> io::Result<Vec<Event>> {
        let mut found: Vec<Record> = Vec::new();
        for (_, name, _) in BUDGETS {
            let mut of_budget = Vec::new();
            segments::read(&self.folder.join(name), |mut records| {
                records.retain(|record| record.fits(query));
                records.append(&mut of_budget);
                of_budget = records;
                of_budget.len() >= query.limit
            })?;
            found.append(&mut of_budget);
        }
        found.sort_by_key(|record| record.at);
        let latest = found.split_off(found.len().saturating_sub(query.limit));
        Ok(latest
            .iter()
            .map(|record| record.event(self.node))
            .collect())
    }

    fn follow(&self) -> broadcast::Receiver<Event> {
        self.told.subscribe()
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        drop(self.queue.take());
        if let Some(writer) = self.writer.take() {
            // A writer that panicked has said so already.
            let _panicked = writer.join();
        }
    }
}

#[derive(Debug)]
struct Writer([(Budget, Segments); 3]);

impl Writer {
    fn open(folder: &Path) -> io::Result<Self> {
        let [granted, refused, noise] = BUDGETS.map(|(budget, name, most)| {
            Segments::open(folder.join(name), most).map(|segments| (budget, segments))
        });
        Ok(Self([granted?, refused?, noise?]))
    }

    /// Writes until the queue is closed: batches to the kernel, once a second to the disk.
    fn run(&mut self, lines: &Receiver<Box<Line>>, operations: &dyn Operations) {
        loop {
            let first = match lines.recv_timeout(SYNC_EVERY) {
                Ok(line) => Some(line),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => break,
            };
            let durable = first.is_none();
            let batch = first.into_iter().chain(lines.try_iter().take(BATCH_MAX));
            match self.write(batch, durable) {
                Ok(kept) => {
                    acknowledge(kept);
                    // To be woken for each event by itself costs more than the event.
                    std::thread::sleep(GATHER);
                }
                Err(error) => {
                    operations.count("events", "refused_by_disk");
                    tracing::error!(%error, "events cannot be written");
                }
            }
        }
        if let Err(error) = self.write(lines.try_iter(), true) {
            tracing::error!(%error, "the last events cannot be written");
        }
    }

    fn write(
        &mut self,
        lines: impl Iterator<Item = Box<Line>>,
        durable: bool,
    ) -> io::Result<Vec<oneshot::Sender<()>>> {
        let mut kept = Vec::new();
        for line in lines {
            let line = *line;
            let budget = line.record.budget();
            for (own, segments) in &mut self.0 {
                if *own == budget {
                    segments.append(&line.record)?;
                }
            }
            kept.extend(line.kept);
        }
        self.0
            .iter_mut()
            .try_for_each(|(_, segments)| segments.flush(durable))?;
        Ok(kept)
    }
}

/// Tells those who wait. One that has gone does not need to know.
fn acknowledge(kept: Vec<oneshot::Sender<()>>) {
    for kept in kept {
        let _gone = kept.send(());
    }
}

/// Budget, folder, most files of 8 MiB.
const BUDGETS: [(Budget, &str, usize); 3] = [
    (Budget::Granted, "granted", 32),
    (Budget::Refused, "refused", 32),
    (Budget::Noise, "noise", 4),
];
/// LIMIT: events that wait for the writer; above that they are lost and counted. The
/// queue takes the memory for that many at the start, so it holds them by reference.
const QUEUE_MAX: usize = 65_536;
/// LIMIT: events that one follower may be behind.
const FOLLOWED_MAX: usize = 1024;
/// LIMIT: events between two hand-overs to the kernel.
const BATCH_MAX: usize = 1024;
/// How long events gather for one hand-over; what is recorded waits as long.
const GATHER: Duration = Duration::from_millis(2);
/// How long an idle writer waits before it makes sure of the disk.
const SYNC_EVERY: Duration = Duration::from_secs(1);
