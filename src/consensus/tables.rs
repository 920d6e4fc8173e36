//! The replicated tables on RocksDB: [`Read`] over one family, keys under their table's
//! octet.

use std::ops::ControlFlow;
use std::sync::LazyLock;

use countersign_core::ledger::table::Visit;
use countersign_core::ledger::{Read, StoreError, Table, Write, Writes};
use rocksdb::{Direction, IteratorMode, ReadOptions, SnapshotWithThreadMode, WriteBatch};

use super::disk::{Db, Family};

/// How the newest record is read; made once, since making it costs as much as a hit.
static LATEST: LazyLock<ReadOptions> = LazyLock::new(ReadOptions::default);

/// The tables, for reading.
pub struct TableView<'a> {
    db: &'a Db,
    family: Family<'a>,
    frozen: Option<SnapshotWithThreadMode<'a, Db>>,
}

impl<'a> TableView<'a> {
    /// Each read sees what is applied by then.
    pub(super) fn latest(db: &'a Db, family: Family<'a>) -> Self {
        Self {
            db,
            family,
            frozen: None,
        }
    }

    /// All reads see what is applied now.
    pub(super) fn frozen(db: &'a Db, family: Family<'a>) -> Self {
        Self {
            db,
            family,
            frozen: Some(db.snapshot()),
        }
    }

    /// Adds `writes` to `batch`, in their order.
    pub(super) fn add_writes(&self, batch: &mut WriteBatch, writes: Writes) {
        for write in writes {
            match write {
                Write::Put(table, key, value) => {
                    batch.put_cf(&self.family, on_disk(table, &key), value);
                }
                Write::Delete(table, key) => batch.delete_cf(&self.family, on_disk(table, &key)),
                Write::DeleteRange(table, from, to) => {
                    batch.delete_range_cf(&self.family, on_disk(table, &from), on_disk(table, &to))
                }
            }
        }
    }

    fn options(&self) -> ReadOptions {
        let mut options = ReadOptions::default();
        if let Some(frozen) = &self.frozen {
            options.set_snapshot(frozen);
        }
        options
    }
}

impl Read for TableView<'_> {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let key = on_disk(table, key);
        match &self.frozen {
            None => self.db.get_cf_opt(&self.family, key, &LATEST),
            Some(frozen) => frozen.get_cf(&self.family, key),
        }
        .map_err(unreadable)
    }

    fn scan(&self, table: Table, from: &[u8], visit: &mut Visit<'_>) -> Result<(), StoreError> {
        let start = on_disk(table, from);
        let mut options = self.options();
        options.set_iterate_upper_bound(vec![(table as u8).saturating_add(1)]);
        let mode = IteratorMode::From(&start, Direction::Forward);
        for record in self.db.iterator_cf_opt(&self.family, options, mode) {
            let (key, value) = record.map_err(unreadable)?;
            let Some((_, key)) = key.split_first() else {
                continue;
            };
            if visit(key, &value) == ControlFlow::Break(()) {
                break;
            }
        }
        Ok(())
    }
}

fn on_disk(table: Table, key: &[u8]) -> Vec<u8> {
    let mut octets = Vec::with_capacity(key.len().saturating_add(1));
    octets.push(table as u8);
    octets.extend_from_slice(key);
    octets
}

fn unreadable(error: rocksdb::Error) -> StoreError {
    StoreError::Read(Box::new(error))
}
