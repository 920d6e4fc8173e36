//! Applies committed entries to the tables.
//!
//! A run of entries becomes one draft and one write, with the index it reaches inside:
//! after a crash the tables are exactly as some entry left them. The write is not synced:
//! entries after it come again from the log, which was.

use std::error::Error;
use std::io;
use std::sync::Arc;

use countersign_core::base::Timestamp;
use countersign_core::ledger::storage::Head;
use countersign_core::ledger::{self, Draft, Entry, Outcome, query};
use futures_util::{Stream, StreamExt};
use openraft::storage::{ApplyResponder, EntryResponder, RaftStateMachine};
use openraft::{EntryPayload, OptionalSend};
use rocksdb::WriteBatch;
use tokio::sync::watch;

use super::codec;
use super::disk::{APPLIED, Disk, applied_record};
use super::halt::Halt;
use super::hashes::{Hash, Hashes};
use super::raft::{LogEntry, LogId, RaftId, SnapshotMeta, StoredMembership, Types};
use super::snapshot::{Builder, Image, Images, Snapshot};
use super::tables::TableView;
use crate::fail_point;

/// How far the tables are.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Applied {
    /// Of the last entry.
    pub index: u64,
    /// Entry time, as the last batch of commands has it.
    pub at: Timestamp,
}

/// Which versions the tables hold of the facts that the node keeps copies of. These change
/// with what operators do, not with each login.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Facts {
    /// Of all clients.
    pub clients: u64,
    /// Of the settings.
    pub settings: u64,
    /// Of the keyring.
    pub keys: u64,
}

impl From<&Head> for Facts {
    fn from(head: &Head) -> Self {
        Self {
            clients: head.clients_revision,
            settings: head.settings_revision,
            keys: head.keys_revision,
        }
    }
}

/// The tables and what they reach to.
pub(super) struct StateMachine {
    disk: Arc<Disk>,
    images: Arc<Images>,
    last: Option<LogId>,
    membership: StoredMembership,
    hash: Option<Hash>,
    hashes: Arc<Hashes>,
    applied: watch::Sender<Applied>,
    facts: watch::Sender<Facts>,
}

type Answered = (Option<ApplyResponder<Types>>, Vec<Outcome>);

impl StateMachine {
    pub(super) fn open(disk: Arc<Disk>) -> io::Result<Self> {
        let images = Arc::new(Images::open(Arc::clone(&disk))?);
        let hashes = Hashes::new(disk.node());
        let mut machine = Self {
            disk,
            images,
            last: None,
            membership: StoredMembership::default(),
            hash: None,
            hashes,
            applied: watch::Sender::default(),
            facts: watch::Sender::default(),
        };
        machine.reload()?;
        Ok(machine)
    }

    /// Tells how far the tables are, after each write of them.
    pub(super) fn watch(&self) -> watch::Receiver<Applied> {
        self.applied.subscribe()
    }

    /// Tells of the facts, when they change.
    pub(super) fn watch_facts(&self) -> watch::Receiver<Facts> {
        self.facts.subscribe()
    }

    /// The node's snapshots.
    pub(super) fn images(&self) -> Arc<Images> {
        Arc::clone(&self.images)
    }

    /// The rolling hashes that the tables went through.
    pub(super) fn hashes(&self) -> Arc<Hashes> {
        Arc::clone(&self.hashes)
    }

    fn reload(&mut self) -> io::Result<()> {
        if let Some(octets) = applied_record(self.disk.db())? {
            (_, self.last, self.membership) = codec::applied(&octets)?;
        }
        let head = query::head(&self.disk.tables()).map_err(io::Error::other)?;
        self.tell_voters();
        self.publish(Some(&head));
        Ok(())
    }

    fn tell_voters(&self) {
        let voters = self.membership.membership().voter_ids();
        self.hashes
            .set_voters(voters.filter_map(|id| RaftId(id).node()));
    }

    /// Tells how far the tables are. `head`: of the tables, where it has changed.
    fn publish(&mut self, head: Option<&Head>) {
        let index = self.last.map_or(0, |last| last.index);
        if let Some(head) = head {
            self.hash = Hash::try_from(&*head.hash).ok();
        }
        if let Some(hash) = self.hash {
            self.hashes.record(index, hash);
        }
        self.applied.send_modify(|applied| {
            applied.index = index;
            applied.at = head.map_or(applied.at, |head| Timestamp::from_millis(head.at));
        });
        // Whoever keeps copies is not woken for each login.
        if let Some(facts) = head.map(Facts::from) {
            self.facts
                .send_if_modified(|known| std::mem::replace(known, facts) != facts);
        }
    }

    /// Applies a run of entries; the caller answers after it is written.
    fn apply_run(&mut self, run: Vec<io::Result<EntryResponder<Types>>>) -> io::Result<()> {
        let disk = Arc::clone(&self.disk);
        let tables = disk.tables();
        let mut draft = Draft::new(&tables);
        let mut answered: Vec<Answered> = Vec::with_capacity(run.len());
        let mut commands = false;
        for item in run {
            let (entry, responder) = item?;
            commands |= matches!(entry.payload, EntryPayload::Normal(_));
            let outcomes = self.apply_entry(&mut draft, &entry)?;
            answered.push((responder, outcomes));
        }
        let head = commands.then(|| query::head(&draft)).transpose();
        let head = head.map_err(io::Error::other)?;
        let mut batch = WriteBatch::default();
        tables.add_writes(&mut batch, draft.into_writes());
        let state =
            codec::applied_octets(disk.tables_number(), self.last.as_ref(), &self.membership);
        disk.put_meta(&mut batch, APPLIED, state);
        disk.write(batch)?;
        self.publish(head.as_ref());
        for (responder, outcomes) in answered {
            if let Some(responder) = responder {
                fail_point::applied(&outcomes);
                responder.send(outcomes);
            }
        }
        Ok(())
    }

    fn apply_entry(
        &mut self,
        draft: &mut Draft<'_, TableView<'_>>,
        entry: &LogEntry,
    ) -> io::Result<Vec<Outcome>> {
        self.last = Some(entry.log_id);
        match &entry.payload {
            EntryPayload::Blank => Ok(Vec::new()),
            EntryPayload::Membership(membership) => {
                self.membership = StoredMembership::new(self.last, membership.clone());
                self.tell_voters();
                Ok(Vec::new())
            }
            EntryPayload::Normal(batch) => {
                let index = entry.log_id.index;
                let parsed = Entry::decode(batch.octets())
                    .map_err(|cause| self.cannot_apply(index, cause.into()))?;
                ledger::apply(draft, index, &parsed)
                    .map_err(|cause| self.cannot_apply(index, cause.into()))
            }
        }
    }

    fn cannot_apply(&self, index: u64, cause: Box<dyn Error + Send + Sync>) -> io::Error {
        let text = cause.to_string();
        self.disk.halt(&Halt::Apply { index, cause });
        io::Error::other(text)
    }
}

impl RaftStateMachine<Types> for StateMachine {
    type SnapshotData = Image;
    type SnapshotBuilder = Builder;

    async fn applied_state(&mut self) -> io::Result<(Option<LogId>, StoredMembership)> {
        Ok((self.last, self.membership.clone()))
    }

    async fn apply<Strm>(&mut self, entries: Strm) -> io::Result<()>
    where
        Strm: Stream<Item = io::Result<EntryResponder<Types>>> + Unpin + OptionalSend,
    {
        let mut runs = entries.ready_chunks(RUN_ENTRIES_MAX);
        while let Some(run) = runs.next().await {
            self.apply_run(run)?;
        }
        Ok(())
    }

    async fn get_snapshot_builder(&mut self) -> Builder {
        Builder::new(Arc::clone(&self.images))
    }

    async fn install_snapshot(&mut self, meta: &SnapshotMeta, image: Image) -> io::Result<()> {
        let images = Arc::clone(&self.images);
        let meta = meta.clone();
        tokio::task::spawn_blocking(move || images.install(&meta, &image))
            .await
            .map_err(io::Error::other)??;
        self.reload()
    }

    async fn get_current_snapshot(&mut self) -> io::Result<Option<Snapshot>> {
        Ok(self.images.current())
    }
}

/// Entries that become one write. Each holds up to 256 commands.
const RUN_ENTRIES_MAX: usize = 32;
