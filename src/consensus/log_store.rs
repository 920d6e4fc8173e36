//! The Raft log, the vote and the commit mark on the disk.
//!
//! An append is written at once and reported when the flusher has synced it. Votes and
//! entries go through the same write-ahead log and the same flusher, so neither overtakes
//! the other.

use std::fmt::Debug;
use std::io;
use std::ops::{Bound, Range, RangeBounds};
use std::sync::Arc;

use openraft::OptionalSend;
use openraft::storage::{IOFlushed, LogState, RaftLogReader, RaftLogStorage};
use openraft::type_config::TypeConfigExt;
use rocksdb::{Direction, IteratorMode, WriteBatch};

use super::codec;
use super::disk::{COMMITTED, Disk, PURGED, VOTE};
use super::flusher::Flusher;
use super::raft::{LogEntry, LogId, Types, Vote};
use super::recent::{self, Recent};

/// The log. Clones share it; openraft reads through one and writes through another.
#[derive(Clone)]
pub(super) struct LogStore {
    disk: Arc<Disk>,
    flusher: Arc<Flusher>,
    recent: Arc<Recent>,
}

impl LogStore {
    pub(super) fn new(disk: Arc<Disk>, flusher: Flusher) -> Self {
        Self {
            disk,
            flusher: Arc::new(flusher),
            recent: Arc::default(),
        }
    }

    fn read(&self, range: &Range<u64>) -> io::Result<Vec<LogEntry>> {
        let family = self.disk.log();
        let start = range.start.to_be_bytes();
        let mode = IteratorMode::From(&start, Direction::Forward);
        let mut entries = Vec::new();
        for record in self.disk.db().iterator_cf(&family, mode) {
            let (_, octets) = record.map_err(io::Error::other)?;
            let entry = codec::record(&octets)?;
            if entry.log_id.index >= range.end {
                break;
            }
            entries.push(entry);
        }
        Ok(entries)
    }
}

impl RaftLogReader<Types> for LogStore {
    async fn try_get_log_entries<RB>(&mut self, range: RB) -> io::Result<Vec<LogEntry>>
    where
        RB: RangeBounds<u64> + Clone + Debug + OptionalSend,
    {
        let range = half_open(&range);
        if range.is_empty() {
            return Ok(Vec::new());
        }
        match self.recent.entries(&range) {
            Some(entries) => Ok(entries),
            None => self.read(&range),
        }
    }

    async fn read_vote(&mut self) -> io::Result<Option<Vote>> {
        self.disk
            .meta(VOTE)?
            .map(|octets| codec::vote(&octets))
            .transpose()
    }

    async fn limited_get_log_entries(&mut self, start: u64, end: u64) -> io::Result<Vec<LogEntry>> {
        let end = end.min(start.saturating_add(READ_ENTRIES_MAX));
        let mut entries = self.try_get_log_entries(start..end).await?;
        // The first always goes: one entry fits a message.
        let mut octets = 0_usize;
        let fit = entries.iter().take_while(|entry| {
            let fits = octets <= READ_OCTETS_MAX;
            octets = octets.saturating_add(recent::size(entry));
            fits
        });
        let fit = fit.count();
        entries.truncate(fit);
        Ok(entries)
    }
}

impl RaftLogStorage<Types> for LogStore {
    type LogReader = Self;

    async fn get_log_state(&mut self) -> io::Result<LogState<Types>> {
        Ok(LogState {
            last_purged_log_id: purged(&self.disk)?,
            last_log_id: last(&self.disk)?,
        })
    }

    async fn get_log_reader(&mut self) -> Self {
        self.clone()
    }

    async fn save_vote(&mut self, vote: &Vote) -> io::Result<()> {
        let mut batch = WriteBatch::default();
        self.disk
            .put_meta(&mut batch, VOTE, codec::vote_octets(vote));
        self.disk.write(batch)?;
        let (done, synced) = Types::oneshot();
        self.flusher.after_sync(IOFlushed::signal(done));
        synced.await.map_err(io::Error::other)?
    }

    async fn save_committed(&mut self, committed: Option<LogId>) -> io::Result<()> {
        let Some(committed) = committed else {
            return Ok(());
        };
        let mut batch = WriteBatch::default();
        self.disk
            .put_meta(&mut batch, COMMITTED, codec::log_id_octets(&committed));
        self.disk.write(batch)
    }

    async fn read_committed(&mut self) -> io::Result<Option<LogId>> {
        log_id_at(&self.disk, COMMITTED)
    }

    async fn append<I>(&mut self, entries: I, flushed: IOFlushed<Types>) -> io::Result<()>
    where
        I: IntoIterator<Item = LogEntry> + OptionalSend,
        I::IntoIter: OptionalSend,
    {
        let family = self.disk.log();
        let mut batch = WriteBatch::default();
        let mut appended = Vec::new();
        for entry in entries {
            let key = entry.log_id.index.to_be_bytes();
            batch.put_cf(&family, key, codec::record_octets(&entry));
            appended.push(entry);
        }
        self.disk.write(batch)?;
        self.recent.append(appended);
        self.flusher.after_sync(flushed);
        Ok(())
    }

    async fn truncate_after(&mut self, last: Option<LogId>) -> io::Result<()> {
        let from = last.map_or(0, |last| last.index.saturating_add(1));
        let mut batch = WriteBatch::default();
        let family = self.disk.log();
        batch.delete_range_cf(&family, from.to_be_bytes(), u64::MAX.to_be_bytes());
        self.recent.truncate_after(last.map(|last| last.index));
        // Not synced: entries that replace these come later in the same write-ahead log.
        self.disk.write(batch)
    }

    async fn purge(&mut self, upto: LogId) -> io::Result<()> {
        let from = purged(&self.disk)?.map_or(0, |purged| purged.index);
        let mut batch = WriteBatch::default();
        self.disk
            .put_meta(&mut batch, PURGED, codec::log_id_octets(&upto));
        let end = upto.index.saturating_add(1).to_be_bytes();
        batch.delete_range_cf(&self.disk.log(), from.to_be_bytes(), end);
        self.recent.purge(upto.index);
        // Not synced: the tables that make these entries superfluous were written before.
        self.disk.write(batch)
    }
}

/// Whether nothing was ever voted, logged or purged on `disk`.
pub(super) fn is_blank(disk: &Disk) -> io::Result<bool> {
    Ok(disk.meta(VOTE)?.is_none() && last(disk)?.is_none())
}

fn last(disk: &Disk) -> io::Result<Option<LogId>> {
    let family = disk.log();
    let mut newest = disk.db().iterator_cf(&family, IteratorMode::End);
    match newest.next() {
        Some(record) => {
            let (_, octets) = record.map_err(io::Error::other)?;
            codec::record(&octets).map(|entry| Some(entry.log_id))
        }
        None => purged(disk),
    }
}

fn purged(disk: &Disk) -> io::Result<Option<LogId>> {
    log_id_at(disk, PURGED)
}

fn log_id_at(disk: &Disk, key: &[u8]) -> io::Result<Option<LogId>> {
    disk.meta(key)?
        .map(|octets| codec::log_id(&octets))
        .transpose()
}

fn half_open(range: &impl RangeBounds<u64>) -> Range<u64> {
    let start = match range.start_bound() {
        Bound::Included(start) => *start,
        Bound::Excluded(before) => before.saturating_add(1),
        Bound::Unbounded => 0,
    };
    let end = match range.end_bound() {
        Bound::Included(last) => last.saturating_add(1),
        Bound::Excluded(end) => *end,
        Bound::Unbounded => u64::MAX,
    };
    start..end
}

/// Entries handed to one peer at a time.
pub(super) const READ_ENTRIES_MAX: u64 = 256;
/// Octets of these, beside the last one's.
const READ_OCTETS_MAX: usize = 4 << 20;

#[cfg(test)]
mod tests;
