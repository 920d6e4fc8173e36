//! Snapshots: the tables alone, at one applied index.
//!
//! Building one is a checkpoint: hard links to what is on the disk already, so the log
//! can be purged often. Only when a peer needs it are the tables read out of it, into
//! files that the peer ingests in a fresh family. Log and vote never leave the node.

mod files;
pub(super) mod incoming;
pub(super) mod outgoing;

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use countersign_core::ledger::query;
use openraft::alias::SnapshotOf;
use openraft::storage::RaftSnapshotBuilder;
use rocksdb::checkpoint::Checkpoint;
use rocksdb::{IngestExternalFileOptions, IteratorMode};

use self::files::Files;
use super::codec;
use super::disk::{self, Db, Disk, META};
use super::raft::{SnapshotMeta, StoredMembership, Types};
use super::tables::TableView;
use super::tuning;

pub(super) type Snapshot = SnapshotOf<Types, Image>;

/// A snapshot on this node's disk.
#[derive(Clone, Debug)]
pub(super) enum Image {
    /// Made here; gone when nobody holds it and a newer one exists.
    Local(Local),
    /// Come from a peer, checked, and in a family that nobody reads yet.
    Staged {
        /// The family's number.
        family: u64,
    },
}

/// A checkpoint of this node's own store.
#[derive(Clone, Debug)]
pub(super) struct Local(Arc<Place>);

/// What the tables say of themselves.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Content {
    /// Cluster version.
    pub(super) version: u32,
    /// Rolling hash.
    pub(super) hash: Vec<u8>,
}

impl Content {
    fn of(db: &Db, name: &str) -> io::Result<Self> {
        let tables = TableView::latest(db, disk::family(db, name));
        let head = query::head(&tables).map_err(io::Error::other)?;
        Ok(Self {
            version: head.version,
            hash: head.hash,
        })
    }
}

#[derive(Debug)]
struct Place {
    path: PathBuf,
    meta: SnapshotMeta,
    family: u64,
    superseded: AtomicBool,
}

impl Drop for Place {
    fn drop(&mut self) {
        if self.superseded.load(Ordering::Acquire)
            && let Err(error) = fs::remove_dir_all(&self.path)
        {
            tracing::warn!(%error, path = %self.path.display(), "old snapshot stays");
        }
    }
}

impl Local {
    /// Reads the applied index and all else from the checkpoint itself.
    fn open(path: PathBuf) -> io::Result<Self> {
        let db = open_read_only(&path, &[META])?;
        let (family, last_log_id, last_membership) = match disk::applied_record(&db)? {
            Some(octets) => codec::applied(&octets)?,
            None => (0, None, StoredMembership::default()),
        };
        let meta = SnapshotMeta {
            last_log_id,
            last_membership,
        };
        Ok(Self(Arc::new(Place {
            path,
            meta,
            family,
            superseded: AtomicBool::new(false),
        })))
    }

    /// Writes the tables into files under `to`, each ordered and after the one before.
    fn export(&self, to: &Path) -> io::Result<(Vec<PathBuf>, Content)> {
        let name = disk::tables_name(self.0.family);
        let db = open_read_only(&self.0.path, &[&name])?;
        let family = disk::family(&db, &name);
        let content = Content::of(&db, &name)?;
        let mut files = Files::new(to, &name)?;
        for record in db.iterator_cf(&family, IteratorMode::Start) {
            let (key, value) = record.map_err(io::Error::other)?;
            files.put(&key, &value)?;
        }
        Ok((files.finish()?, content))
    }

    /// How large the export is.
    #[cfg(test)]
    pub(super) fn export_octets(&self, to: &Path) -> u64 {
        let (files, _) = self.export(to).unwrap();
        let sizes = files.iter().map(|file| fs::metadata(file).unwrap().len());
        sizes.sum()
    }

    fn snapshot(&self) -> Snapshot {
        Snapshot {
            meta: self.0.meta.clone(),
            snapshot: Image::Local(self.clone()),
        }
    }
}

/// The node's snapshots: at most one is current.
pub(super) struct Images {
    disk: Arc<Disk>,
    current: Mutex<Option<Local>>,
}

impl Images {
    /// Finds the newest whole snapshot and removes what else lies there.
    pub(super) fn open(disk: Arc<Disk>) -> io::Result<Self> {
        let directory = disk.layout().snapshots();
        fs::create_dir_all(&directory)?;
        remove_if_there(&disk.layout().incoming())?;
        remove_if_there(&disk.layout().outgoing())?;
        let mut found = Vec::new();
        for entry in fs::read_dir(&directory)? {
            let path = entry?.path();
            match index_of(&path) {
                Some(index) => found.push((index, path)),
                None => fs::remove_dir_all(path)?,
            }
        }
        found.sort();
        let newest = found.pop();
        for (_, path) in found {
            fs::remove_dir_all(path)?;
        }
        Ok(Self {
            disk,
            current: Mutex::new(newest.and_then(|(_, path)| reopen(path))),
        })
    }

    /// The current snapshot.
    pub(super) fn current(&self) -> Option<Snapshot> {
        self.slot().as_ref().map(Local::snapshot)
    }

    /// Makes a snapshot of the tables as they are now.
    pub(super) fn build(&self) -> io::Result<Snapshot> {
        let directory = self.disk.layout().snapshots();
        let unfinished = directory.join("unfinished");
        remove_if_there(&unfinished)?;
        Checkpoint::new(self.disk.db())
            .and_then(|checkpoint| checkpoint.create_checkpoint(&unfinished))
            .map_err(io::Error::other)?;
        let index = Local::open(unfinished.clone())?.0.meta.last_log_id;
        let path = directory.join(index.map_or(0, |last| last.index).to_string());
        let mut current = self.slot();
        if let Some(same) = current.as_ref().filter(|image| image.0.path == path) {
            fs::remove_dir_all(&unfinished)?;
            return Ok(same.snapshot());
        }
        remove_if_there(&path)?;
        fs::rename(&unfinished, &path)?;
        File::open(&directory)?.sync_all()?;
        let image = Local::open(path)?;
        if let Some(old) = current.replace(image.clone()) {
            old.0.superseded.store(true, Ordering::Release);
        }
        Ok(image.snapshot())
    }

    /// Puts the tables of `image` in the place of this node's.
    pub(super) fn install(&self, meta: &SnapshotMeta, image: &Image) -> io::Result<()> {
        let family = match image {
            Image::Staged { family } => *family,
            Image::Local(local) => {
                let own = self.disk.layout().incoming().join("own");
                remove_if_there(&own)?;
                let (files, _) = local.export(&own)?;
                let family = self.fill(files)?.0;
                remove_if_there(&own)?;
                family
            }
        };
        let last = meta.last_log_id.as_ref();
        let state = codec::applied_octets(family, last, &meta.last_membership);
        self.disk.switch(&disk::tables_name(family), state)?;
        self.build().map(drop)
    }

    /// Puts the tables in `files` where [`Self::install`] finds them. What is not as
    /// `content` says goes no further: past here a fault stops the node.
    pub(super) fn stage(&self, files: Vec<PathBuf>, content: &Content) -> io::Result<Image> {
        let staged = self.fill(files).and_then(|(family, name)| {
            let found = Content::of(self.disk.db(), &name)?;
            if found == *content {
                Ok(Image::Staged { family })
            } else {
                Err(io::Error::other("the tables are not those that were named"))
            }
        });
        if staged.is_err() {
            self.drop_staged()?;
        }
        staged
    }

    /// Forgets what was staged and never installed.
    pub(super) fn drop_staged(&self) -> io::Result<()> {
        self.disk.drop_leftovers()
    }

    fn fill(&self, files: Vec<PathBuf>) -> io::Result<(u64, String)> {
        let (family, name) = self.disk.fresh_tables()?;
        self.ingest(&name, files)?;
        Ok((family, name))
    }

    fn ingest(&self, family: &str, files: Vec<PathBuf>) -> io::Result<()> {
        if files.is_empty() {
            return Ok(());
        }
        let mut options = IngestExternalFileOptions::default();
        options.set_move_files(true);
        let db = self.disk.db();
        db.ingest_external_file_cf_opts(&disk::family(db, family), &options, files)
            .map_err(io::Error::other)
    }

    fn slot(&self) -> std::sync::MutexGuard<'_, Option<Local>> {
        // Nothing under the lock leaves the slot half changed.
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Builds one snapshot, beside the entries that are applied meanwhile.
pub(super) struct Builder(Arc<Images>);

impl Builder {
    pub(super) fn new(images: Arc<Images>) -> Self {
        Self(images)
    }
}

impl RaftSnapshotBuilder<Types> for Builder {
    type SnapshotData = Image;

    async fn build_snapshot(&mut self) -> io::Result<Snapshot> {
        let images = Arc::clone(&self.0);
        tokio::task::spawn_blocking(move || images.build())
            .await
            .map_err(io::Error::other)?
    }
}

fn open_read_only(path: &Path, families: &[&str]) -> io::Result<Db> {
    let families = families.iter().map(|name| tuning::family(name));
    Db::open_cf_descriptors_read_only(&tuning::store(false), path, families, false)
        .map_err(io::Error::other)
}

/// A snapshot that a power cut broke is no loss: another is built when one is needed.
fn reopen(path: PathBuf) -> Option<Local> {
    match Local::open(path.clone()) {
        Ok(image) => Some(image),
        Err(error) => {
            tracing::warn!(%error, path = %path.display(), "broken snapshot removed");
            fs::remove_dir_all(path).ok();
            None
        }
    }
}

fn index_of(path: &Path) -> Option<u64> {
    path.file_name()?.to_str()?.parse().ok()
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
