//! The newest entries of the log, in memory: what is applied and replicated next is
//! nearly always what was appended last.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::{Mutex, MutexGuard, PoisonError};

use openraft::EntryPayload;

use super::raft::LogEntry;

/// A window on the end of the log; when not empty, it reaches to the log's last entry.
#[derive(Default)]
pub(super) struct Recent(Mutex<Window>);

#[derive(Default)]
struct Window {
    entries: VecDeque<LogEntry>,
    octets: usize,
}

impl Recent {
    /// Adds entries that follow the log's last one.
    pub(super) fn append(&self, entries: impl IntoIterator<Item = LogEntry>) {
        let mut window = self.window();
        for entry in entries {
            window.push(entry);
        }
    }

    /// The entries in `range`; none when the window does not reach back that far.
    pub(super) fn entries(&self, range: &Range<u64>) -> Option<Vec<LogEntry>> {
        let window = self.window();
        let first = window.entries.front()?.log_id.index;
        let skipped = usize::try_from(range.start.checked_sub(first)?).ok()?;
        let wanted = usize::try_from(range.end.saturating_sub(range.start)).ok()?;
        let entries = window.entries.iter().skip(skipped).take(wanted);
        Some(entries.cloned().collect())
    }

    /// Forgets the entries after `last`; none: all.
    pub(super) fn truncate_after(&self, last: Option<u64>) {
        let mut window = self.window();
        while let Some(entry) = window.entries.back()
            && last.is_none_or(|last| entry.log_id.index > last)
        {
            window.pop_newest();
        }
    }

    /// Forgets the entries up to `index`.
    pub(super) fn purge(&self, index: u64) {
        let mut window = self.window();
        while let Some(entry) = window.entries.front()
            && entry.log_id.index <= index
        {
            window.pop_oldest();
        }
    }

    fn window(&self) -> MutexGuard<'_, Window> {
        // Nothing under the lock can panic half-way through a change.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Window {
    fn push(&mut self, entry: LogEntry) {
        let follows =
            |last: &LogEntry| last.log_id.index.checked_add(1) == Some(entry.log_id.index);
        if !self.entries.back().is_none_or(follows) {
            self.entries.clear();
            self.octets = 0;
        }
        self.octets = self.octets.saturating_add(size(&entry));
        self.entries.push_back(entry);
        while self.octets > OCTETS_MAX || self.entries.len() > ENTRIES_MAX {
            self.pop_oldest();
        }
    }

    fn pop_oldest(&mut self) {
        if let Some(entry) = self.entries.pop_front() {
            self.octets = self.octets.saturating_sub(size(&entry));
        }
    }

    fn pop_newest(&mut self) {
        if let Some(entry) = self.entries.pop_back() {
            self.octets = self.octets.saturating_sub(size(&entry));
        }
    }
}

/// Octets that an entry carries.
pub(super) fn size(entry: &LogEntry) -> usize {
    match &entry.payload {
        EntryPayload::Normal(batch) => batch.octets().len(),
        EntryPayload::Blank | EntryPayload::Membership(_) => 0,
    }
}

const ENTRIES_MAX: usize = 512;
const OCTETS_MAX: usize = 16 << 20;
