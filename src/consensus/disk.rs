//! One RocksDB, its families and its marks.
//!
//! `log` holds the Raft log by index, `meta` the node's own records, `tables-N` the
//! replicated tables. All share one write-ahead log, so what was written first is on the
//! disk first.
//!
//! Must not know: Raft, or what is in the tables.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use countersign_core::base::{Boot, ClusterId, NodeId};
use countersign_core::ledger::storage::StoreMarks;
use prost::Message;
use rocksdb::{BoundColumnFamily, DBWithThreadMode, MultiThreaded, WriteBatch, WriteOptions};

use super::codec;
use super::halt::{Halt, OnHalt};
use super::layout::{self, Layout};
use super::tables::TableView;
use super::tuning;

pub(super) type Db = DBWithThreadMode<MultiThreaded>;
pub(super) type Family<'a> = Arc<BoundColumnFamily<'a>>;

/// Whose store it is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Owner {
    /// The cluster.
    pub cluster: ClusterId,
    /// The node.
    pub node: NodeId,
}

/// Why a store cannot be used. None of these has changed what it holds.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The directory is not empty and holds no store.
    #[error("{0} holds files but no store of ours: give the node an empty directory")]
    Foreign(PathBuf),
    /// The store does not say whose it is.
    #[error("the store in {0} bears no marks: it was not made by this program, or is damaged")]
    Unmarked(PathBuf),
    /// The tables that it says are the node's are gone.
    #[error("the store in {0} has lost its tables, {1}: it is damaged, and cannot be used")]
    Tables(PathBuf, String),
    /// A newer program made it.
    #[error("the store has format {found}, this program reads up to {known}: upgrade it")]
    Newer {
        /// Of the store.
        found: u32,
        /// Of this program.
        known: u32,
    },
    /// It belongs to another cluster.
    #[error("the store belongs to cluster {found}, this node to {expected}")]
    OtherCluster {
        /// As the store says.
        found: ClusterId,
        /// As the configuration says.
        expected: ClusterId,
    },
    /// It belongs to another node.
    #[error("the store belongs to node {found}, this is node {expected}")]
    OtherNode {
        /// As the store says.
        found: NodeId,
        /// As the configuration says.
        expected: NodeId,
    },
    /// The disk failed, or another process has the store open.
    #[error("the store cannot be opened")]
    Io(#[from] io::Error),
}

/// An open store.
pub(super) struct Disk {
    db: Db,
    layout: Layout,
    tables: ArcSwap<String>,
    node: NodeId,
    incarnation: u16,
    boot: Boot,
    on_halt: OnHalt,
}

impl Disk {
    /// Opens the store under `root`, or makes one when there is nothing.
    ///
    /// `incarnation` counts for a new store alone; an old one keeps its own.
    pub(super) fn open(
        root: &Path,
        owner: Owner,
        incarnation: u16,
        on_halt: OnHalt,
    ) -> Result<Self, OpenError> {
        let layout = Layout::new(root);
        let marks = match layout.marks()? {
            Some(marks) => layout::accept(marks, owner)?,
            None => layout.create(owner, incarnation)?,
        };
        let db = open_families(&layout.store())?;
        let family = applied_record(&db)?
            .map(|octets| codec::applied(&octets))
            .transpose()?
            .map_or(0, |(family, _, _)| family);
        let tables = tables_name(family);
        if db.cf_handle(&tables).is_none() {
            return Err(OpenError::Tables(layout.store(), tables));
        }
        let boot = next_boot(&db)?;
        let disk = Self {
            db,
            tables: ArcSwap::from_pointee(tables),
            node: owner.node,
            incarnation: u16::try_from(marks.incarnation).unwrap_or(u16::MAX),
            boot,
            layout,
            on_halt,
        };
        disk.drop_leftovers()?;
        Ok(disk)
    }

    /// How often the store was opened; synced before this node does anything.
    pub(super) fn boot(&self) -> Boot {
        self.boot
    }

    /// Whose store this is.
    pub(super) fn node(&self) -> NodeId {
        self.node
    }

    /// Which life of the node this disk is.
    pub(super) fn incarnation(&self) -> u16 {
        self.incarnation
    }

    /// The directories beside the store.
    pub(super) fn layout(&self) -> &Layout {
        &self.layout
    }

    /// RocksDB itself.
    pub(super) fn db(&self) -> &Db {
        &self.db
    }

    /// The Raft log.
    pub(super) fn log(&self) -> Family<'_> {
        family(&self.db, LOG)
    }

    /// The family that holds the tables now.
    pub(super) fn tables_family(&self) -> Family<'_> {
        // A snapshot being installed swaps the name before it drops the old family.
        // INVARIANT: it was there when the store was opened, and only those that are not
        // the node's are dropped.
        loop {
            if let Some(family) = self.db.cf_handle(&self.tables.load()) {
                return family;
            }
        }
    }

    /// The tables as they are at each read.
    pub(super) fn tables(&self) -> TableView<'_> {
        TableView::latest(&self.db, self.tables_family())
    }

    /// The tables as they are now.
    pub(super) fn frozen_tables(&self) -> TableView<'_> {
        TableView::frozen(&self.db, self.tables_family())
    }

    /// The number of the family that holds the tables.
    pub(super) fn tables_number(&self) -> u64 {
        family_number(&self.tables.load()).unwrap_or(0)
    }

    /// Reads one of the node's own records.
    pub(super) fn meta(&self, key: &[u8]) -> io::Result<Option<Vec<u8>>> {
        self.db
            .get_cf(&family(&self.db, META), key)
            .map_err(io::Error::other)
    }

    /// Adds one of the node's own records to `batch`.
    pub(super) fn put_meta(&self, batch: &mut WriteBatch, key: &[u8], octets: Vec<u8>) {
        batch.put_cf(&family(&self.db, META), key, octets);
    }

    /// Writes one of the node's own records and syncs it.
    pub(super) fn put_meta_synced(&self, key: &[u8], octets: Vec<u8>) -> io::Result<()> {
        put_synced(&self.db, key, octets).inspect_err(|error| {
            self.halt(&Halt::Sync(io::Error::other(error.to_string())));
        })
    }

    /// Writes `batch`, not yet synced. A refusal halts the node: RocksDB refuses writes
    /// after any error of its own in the background.
    pub(super) fn write(&self, batch: WriteBatch) -> io::Result<()> {
        self.db.write(batch).map_err(|error| {
            let error = io::Error::other(error);
            (self.on_halt)(&Halt::Write(io::Error::other(error.to_string())));
            error
        })
    }

    /// Syncs everything written so far.
    pub(super) fn sync(&self) -> io::Result<()> {
        self.db.flush_wal(true).map_err(io::Error::other)
    }

    /// Halts the node.
    pub(super) fn halt(&self, cause: &Halt) {
        (self.on_halt)(cause);
    }

    /// Makes a family for tables to come; nobody reads it before [`Self::switch`].
    pub(super) fn fresh_tables(&self) -> io::Result<(u64, String)> {
        // Above those that were never finished, too.
        let names = family_names(&self.layout.store())?;
        let numbers = names.iter().filter_map(|name| family_number(name));
        let number = numbers.max().unwrap_or(0).saturating_add(1);
        let name = tables_name(number);
        self.db
            .create_cf(&name, &tuning::family_options(&name))
            .map_err(io::Error::other)?;
        Ok((number, name))
    }

    /// The tables are in family `name` from now on: `applied` says so on the disk, synced.
    pub(super) fn switch(&self, name: &str, applied: Vec<u8>) -> io::Result<()> {
        let mut batch = WriteBatch::default();
        self.put_meta(&mut batch, APPLIED, applied);
        self.write(batch)?;
        if let Err(error) = self.sync() {
            self.halt(&Halt::Sync(io::Error::other(error.to_string())));
            return Err(error);
        }
        self.tables.store(Arc::new(name.to_owned()));
        self.drop_leftovers()
    }

    /// Drops the families of tables that were replaced, or never finished.
    pub(super) fn drop_leftovers(&self) -> io::Result<()> {
        let current = self.tables.load();
        for name in family_names(&self.layout.store())? {
            if family_number(&name).is_some() && name != **current {
                self.db.drop_cf(&name).map_err(io::Error::other)?;
            }
        }
        Ok(())
    }
}

/// The record in `meta` that says how far the tables are.
pub(super) fn applied_record(db: &Db) -> io::Result<Option<Vec<u8>>> {
    db.get_cf(&family(db, META), APPLIED)
        .map_err(io::Error::other)
}

/// The family of the tables numbered `number`.
pub(super) fn tables_name(number: u64) -> String {
    format!("{TABLES_PREFIX}{number}")
}

/// Makes an empty store at `path`, marked and synced.
pub(super) fn create(path: &Path, marks: &StoreMarks) -> io::Result<()> {
    let families = [LOG, META, &tables_name(0)].map(tuning::family);
    let db =
        Db::open_cf_descriptors(&tuning::store(true), path, families).map_err(io::Error::other)?;
    put_synced(&db, MARKS, marks.encode_to_vec())
}

/// Reads the marks of the store at `path`, without writing anything there.
pub(super) fn read_marks(path: &Path) -> io::Result<Option<StoreMarks>> {
    if !family_names(path)?.iter().any(|name| name == META) {
        return Ok(None);
    }
    let db = Db::open_cf_descriptors_read_only(
        &tuning::store(false),
        path,
        [tuning::family(META)],
        false,
    )
    .map_err(io::Error::other)?;
    db.get_cf(&family(&db, META), MARKS)
        .map_err(io::Error::other)?
        .map(|octets| StoreMarks::decode(&*octets).map_err(io::Error::other))
        .transpose()
}

/// The names of the families of the store at `path`.
pub(super) fn family_names(path: &Path) -> io::Result<Vec<String>> {
    Db::list_cf(&tuning::store(false), path).map_err(io::Error::other)
}

fn open_families(path: &Path) -> io::Result<Db> {
    let families = family_names(path)?;
    let families = families.iter().map(|name| tuning::family(name));
    Db::open_cf_descriptors(&tuning::store(false), path, families).map_err(io::Error::other)
}

fn next_boot(db: &Db) -> io::Result<Boot> {
    let last = match db
        .get_cf(&family(db, META), BOOT)
        .map_err(io::Error::other)?
    {
        Some(octets) => octets.as_slice().try_into().map(u64::from_be_bytes),
        None => Ok(0),
    };
    let boot = last.map_err(io::Error::other)?.saturating_add(1);
    put_synced(db, BOOT, boot.to_be_bytes().to_vec())?;
    Ok(Boot(boot))
}

fn put_synced(db: &Db, key: &[u8], octets: Vec<u8>) -> io::Result<()> {
    let mut synced = WriteOptions::default();
    synced.set_sync(true);
    db.put_cf_opt(&family(db, META), key, octets, &synced)
        .map_err(io::Error::other)
}

pub(super) fn family<'a>(db: &'a Db, name: &str) -> Family<'a> {
    db.cf_handle(name)
        .expect("every family is opened with the store")
}

fn family_number(name: &str) -> Option<u64> {
    name.strip_prefix(TABLES_PREFIX)?.parse().ok()
}

/// Family of the Raft log; keys are the index, big-endian.
pub(super) const LOG: &str = "log";
/// Family of the node's own records.
pub(super) const META: &str = "meta";
const TABLES_PREFIX: &str = "tables-";

const MARKS: &[u8] = b"marks";
const BOOT: &[u8] = b"boot";
/// How far the tables are.
pub(super) const APPLIED: &[u8] = b"applied";
/// The incarnation in which this disk may take part.
pub(super) const ADMITTED: &[u8] = b"admitted";
/// The last vote.
pub(super) const VOTE: &[u8] = b"vote";
/// The last entry known to be committed.
pub(super) const COMMITTED: &[u8] = b"committed";
/// The last entry that was purged from the log.
pub(super) const PURGED: &[u8] = b"purged";
