//! Tables that tell what was read from them, for tests.

use std::cell::{Cell, RefCell};

use super::{MemoryTables, Read, StoreError, Table, Visit};

/// Tables in memory, and what was read from them.
pub(crate) struct Counting<'a> {
    tables: &'a MemoryTables,
    gets: RefCell<Vec<(Table, Vec<u8>)>>,
    scans: Cell<usize>,
}

impl<'a> Counting<'a> {
    /// Nothing was read yet.
    pub(crate) fn new(tables: &'a MemoryTables) -> Self {
        Self {
            tables,
            gets: RefCell::default(),
            scans: Cell::default(),
        }
    }

    /// Every record that was asked for, in order.
    pub(crate) fn gets(&self) -> Vec<(Table, Vec<u8>)> {
        self.gets.borrow().clone()
    }

    /// How many scans were begun.
    pub(crate) const fn scans(&self) -> usize {
        self.scans.get()
    }
}

impl Read for Counting<'_> {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.gets.borrow_mut().push((table, key.to_vec()));
        self.tables.get(table, key)
    }

    fn scan(&self, table: Table, from: &[u8], visit: &mut Visit<'_>) -> Result<(), StoreError> {
        self.scans.set(self.scans.get() + 1);
        self.tables.scan(table, from, visit)
    }
}
