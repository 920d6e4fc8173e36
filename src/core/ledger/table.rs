//! The key-value seam under the ledger: what is read while applying, what is written.
//!
//! Two implementations exist: RocksDB in the consensus shell, [`MemoryTables`] here for
//! tests and simulation. Keys are ordered by their octets. Must not know: what the
//! records mean.

#[cfg(test)]
mod counting;
mod draft;
mod memory;

use std::ops::ControlFlow;

#[cfg(test)]
pub(crate) use counting::Counting;
pub use draft::Draft;
pub use memory::MemoryTables;

/// The tables. The number is the first octet of every key on disk and never changes.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[repr(u8)]
pub enum Table {
    /// One record: entry time, hash, versions, revisions.
    Head = 0,
    /// User id → user.
    Users = 1,
    /// Folded name or alias → user id.
    Names = 2,
    /// Token id → token.
    Tokens = 3,
    // 4 was left out before the first release, and is free.
    /// Serial → token id.
    Serials = 5,
    /// Token id → counter.
    Counters = 6,
    /// User id → budgets of wrong passwords and codes, places where the user was let in.
    Budgets = 7,
    /// User id, share of places → the last passcode that was sent to the user of this share.
    Passcodes = 8,
    /// One record: how fast passcodes are sent.
    PasscodeRate = 9,
    /// Generation, attempt key → attempt.
    Attempts = 10,
    /// Client id → client.
    Clients = 11,
    /// One record: the rules.
    Rules = 12,
    /// One record: the settings.
    Settings = 13,
    /// Name → operator.
    Operators = 14,
    /// Name → API token.
    ApiTokens = 15,
    /// Key id → wrapped key.
    Keyring = 16,
    /// Node id → member.
    Members = 17,
    /// Sequence number → audit record.
    Audit = 18,
    /// Request id → outcome.
    Requests = 19,
    /// Time, request id → nothing; for expiry in order.
    RequestTimes = 20,
}

impl Table {
    /// How many there are.
    pub const COUNT: usize = Self::RequestTimes as usize + 1;
}

/// The store failed or holds what this binary cannot read. The node must stop: a node
/// that skips what it cannot read would differ from the others.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The record's octets are not what was written.
    #[error("record in table {0:?} cannot be decoded")]
    Corrupt(Table, #[source] prost::DecodeError),
    /// The record decodes but says what no command could have written.
    #[error("record in table {0:?} contradicts itself: {1}")]
    Contradiction(Table, &'static str),
    /// The entry is newer than this binary.
    #[error("entry of cluster version {0}, this binary speaks up to {1}: upgrade it")]
    Newer(u32, u32),
    /// Reading the disk failed.
    #[error("reading the store failed")]
    Read(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// What a scan calls for each record, in order of keys.
pub type Visit<'a> = dyn FnMut(&[u8], &[u8]) -> ControlFlow<()> + 'a;

/// The reading half.
pub trait Read {
    /// The record under `key`.
    ///
    /// # Errors
    /// When the disk cannot be read.
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError>;

    /// Visits the records from `from` on (inclusive), in order, until told to break or
    /// the table ends. The key is given without the table's octet.
    ///
    /// # Errors
    /// When the disk cannot be read.
    fn scan(&self, table: Table, from: &[u8], visit: &mut Visit<'_>) -> Result<(), StoreError>;
}

/// One change of the tables.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Write {
    /// Set a record.
    Put(Table, Vec<u8>, Vec<u8>),
    /// Remove a record.
    Delete(Table, Vec<u8>),
    /// Remove every record from the first key (inclusive) to the second (exclusive).
    DeleteRange(Table, Vec<u8>, Vec<u8>),
}

/// The changes of some entries, in the order in which they must be written.
pub type Writes = Vec<Write>;
