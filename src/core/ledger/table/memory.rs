//! Tables as ordered maps in memory, for tests and simulation.

use std::collections::BTreeMap;
use std::ops::Bound::{Included, Unbounded};

use super::{Read, StoreError, Table, Visit, Write, Writes};

/// Ordered maps in memory.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct MemoryTables(BTreeMap<Table, BTreeMap<Vec<u8>, Vec<u8>>>);

impl MemoryTables {
    /// Carries out what [`super::Draft::into_writes`] gave.
    pub fn write(&mut self, writes: Writes) {
        for write in writes {
            match write {
                Write::Put(table, key, value) => {
                    self.0.entry(table).or_default().insert(key, value);
                }
                Write::Delete(table, key) => {
                    self.0.entry(table).or_default().remove(&key);
                }
                Write::DeleteRange(table, from, to) => {
                    self.0
                        .entry(table)
                        .or_default()
                        .retain(|key, _| *key < from || *key >= to);
                }
            }
        }
    }

    /// All records, in order; what a snapshot carries.
    pub fn records(&self) -> impl Iterator<Item = (Table, &[u8], &[u8])> {
        self.0.iter().flat_map(|(table, records)| {
            records
                .iter()
                .map(|(key, value)| (*table, &**key, &**value))
        })
    }
}

impl Read for MemoryTables {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let record = self.0.get(&table).and_then(|records| records.get(key));
        Ok(record.cloned())
    }

    fn scan(&self, table: Table, from: &[u8], visit: &mut Visit<'_>) -> Result<(), StoreError> {
        let Some(records) = self.0.get(&table) else {
            return Ok(());
        };
        for (key, value) in records.range::<[u8], _>((Included(from), Unbounded)) {
            if visit(key, value).is_break() {
                break;
            }
        }
        Ok(())
    }
}
