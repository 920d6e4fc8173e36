//! The tables as they will be after some entries, kept apart from the ones on disk until
//! all are applied.

use std::array;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::mem;
use std::ops::Bound::{Excluded, Included, Unbounded};
use std::ops::ControlFlow;

use sha2::{Digest, Sha256};

use super::{Read, StoreError, Table, Visit, Write, Writes};
use crate::base::Timestamp;

/// Reads see the drafted writes first. A record written twice is kept once, with its last
/// value; the rolling hash still sees both writes, so it does not depend on how entries
/// are gathered into drafts.
///
/// A record is read from the base once, even one that is not there: the commands of a batch
/// ask for the same client and settings again and again.
///
/// INVARIANT: the base does not change under the draft.
/// LIMIT: what is remembered is what a run of entries reads, and each command reads little.
#[derive(Debug)]
pub struct Draft<'a, R> {
    base: &'a R,
    /// Per table: what the base was asked for. Scans do not add to it.
    known: [RefCell<Known>; Table::COUNT],
    /// Per table: key → where in `writes` its last write is.
    drafted: [BTreeMap<Vec<u8>, usize>; Table::COUNT],
    /// Ranges removed; what was drafted in them later is in `drafted`.
    removed: Vec<(Table, Vec<u8>, Vec<u8>)>,
    writes: Writes,
    hash: Sha256,
}

/// Key → what the base holds under it; `None`: nothing.
type Known = BTreeMap<Vec<u8>, Option<Vec<u8>>>;

impl<'a, R: Read> Draft<'a, R> {
    /// Starts with nothing drafted.
    pub fn new(base: &'a R) -> Self {
        Self {
            base,
            known: array::from_fn(|_| RefCell::default()),
            drafted: array::from_fn(|_| BTreeMap::new()),
            removed: Vec::new(),
            writes: Vec::new(),
            hash: Sha256::new(),
        }
    }

    /// Sets a record.
    pub fn put(&mut self, table: Table, key: &[u8], value: Vec<u8>) {
        self.absorb(PUT, table, key, &value);
        self.draft(table, key, Write::Put(table, key.to_vec(), value));
    }

    /// Removes a record.
    pub fn delete(&mut self, table: Table, key: &[u8]) {
        self.absorb(DELETE, table, key, &[]);
        self.draft(table, key, Write::Delete(table, key.to_vec()));
    }

    /// Removes every record from `from` (inclusive) to `to` (exclusive).
    pub fn delete_range(&mut self, table: Table, from: &[u8], to: &[u8]) {
        self.absorb(DELETE_RANGE, table, from, to);
        if from >= to {
            return;
        }
        let gone: Vec<_> = self
            .of(table)
            .range::<[u8], _>((Included(from), Excluded(to)))
            .map(|(key, _)| key.clone())
            .collect();
        for key in gone {
            self.of_mut(table).remove(&key);
        }
        self.removed.push((table, from.to_vec(), to.to_vec()));
        self.writes
            .push(Write::DeleteRange(table, from.to_vec(), to.to_vec()));
    }

    /// Everything drafted, in the order in which it must be written.
    #[must_use]
    pub fn into_writes(self) -> Writes {
        self.writes
    }

    /// Starts the hash of one entry: over the hash before it, its index and its time.
    pub(in crate::ledger) fn open_entry(&mut self, previous: &[u8], index: u64, at: Timestamp) {
        self.hash = Sha256::new();
        self.hash.update((previous.len() as u64).to_be_bytes());
        self.hash.update(previous);
        self.hash.update(index.to_be_bytes());
        self.hash.update(at.as_millis().to_be_bytes());
    }

    /// Ends it: `head`, the one record that holds the hash, is fed without it.
    pub(in crate::ledger) fn close_entry(&mut self, head: &[u8]) -> [u8; 32] {
        self.absorb(PUT, Table::Head, &[], head);
        mem::take(&mut self.hash).finalize().into()
    }

    /// Sets the head record, which [`Self::close_entry`] has already fed to the hash.
    pub(in crate::ledger) fn put_head(&mut self, value: Vec<u8>) {
        self.draft(Table::Head, &[], Write::Put(Table::Head, Vec::new(), value));
    }

    fn draft(&mut self, table: Table, key: &[u8], write: Write) {
        let drafted = self.of(table).get(key).copied();
        if let Some(before) = drafted.and_then(|at| self.writes.get_mut(at)) {
            *before = write;
            return;
        }
        let at = self.writes.len();
        self.of_mut(table).insert(key.to_vec(), at);
        self.writes.push(write);
    }

    /// Feeds one write to the rolling hash, each part with its length before it.
    fn absorb(&mut self, kind: u8, table: Table, key: &[u8], value: &[u8]) {
        let mut lengths = [0; 18];
        let head = [kind, table as u8].into_iter();
        let key_length = (key.len() as u64).to_be_bytes();
        let value_length = (value.len() as u64).to_be_bytes();
        for (to, from) in lengths
            .iter_mut()
            .zip(head.chain(key_length).chain(value_length))
        {
            *to = from;
        }
        self.hash.update(lengths);
        self.hash.update(key);
        self.hash.update(value);
    }

    fn of(&self, table: Table) -> &BTreeMap<Vec<u8>, usize> {
        self.drafted.get(table as usize).expect(EVERY_TABLE)
    }

    fn of_mut(&mut self, table: Table) -> &mut BTreeMap<Vec<u8>, usize> {
        self.drafted.get_mut(table as usize).expect(EVERY_TABLE)
    }

    /// What was drafted at `at`; `None` when the record was removed.
    fn value(&self, at: usize) -> Option<&[u8]> {
        match self.writes.get(at) {
            Some(Write::Put(_, _, value)) => Some(value),
            Some(Write::Delete(..) | Write::DeleteRange(..)) | None => None,
        }
    }

    /// What the base holds under `key`, removed or not.
    fn in_base(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let known = self.known.get(table as usize).expect(EVERY_TABLE);
        let mut known = known.borrow_mut();
        if let Some(value) = known.get(key) {
            return Ok(value.clone());
        }
        let value = self.base.get(table, key)?;
        known.insert(key.to_vec(), value.clone());
        Ok(value)
    }

    /// Whether what the base holds under `key` was removed with a range.
    fn is_removed(&self, table: Table, key: &[u8]) -> bool {
        self.removed
            .iter()
            .any(|(of, from, to)| *of == table && **from <= *key && *key < **to)
    }
}

impl<R: Read> Read for Draft<'_, R> {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        if let Some(&at) = self.of(table).get(key) {
            return Ok(self.value(at).map(<[u8]>::to_vec));
        }
        if self.is_removed(table, key) {
            return Ok(None);
        }
        self.in_base(table, key)
    }

    /// Merges the drafted records into the base's as it goes: nothing is gathered.
    fn scan(&self, table: Table, from: &[u8], visit: &mut Visit<'_>) -> Result<(), StoreError> {
        let mut drafted = self
            .of(table)
            .range::<[u8], _>((Included(from), Unbounded))
            .peekable();
        let mut flow = ControlFlow::Continue(());
        self.base.scan(table, from, &mut |key, value| {
            let mut replaced = false;
            while let Some((own, &at)) = drafted.next_if(|(own, _)| ***own <= *key) {
                replaced |= **own == *key;
                flow = self.value(at).map_or(flow, |value| visit(own, value));
                if flow.is_break() {
                    return flow;
                }
            }
            if !replaced && !self.is_removed(table, key) {
                flow = visit(key, value);
            }
            flow
        })?;
        while flow.is_continue()
            && let Some((own, &at)) = drafted.next()
        {
            flow = self.value(at).map_or(flow, |value| visit(own, value));
        }
        Ok(())
    }
}

const PUT: u8 = 1;
const DELETE: u8 = 2;
const DELETE_RANGE: u8 = 3;
const EVERY_TABLE: &str = "there is a map for every table";
