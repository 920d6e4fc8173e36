//! A snapshot on its way in: bounded, checked octet by octet, resumed where it broke off.
//!
//! Nothing of it reaches the tables or the Raft core before all of it is there and is
//! what was offered.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use countersign_core::ledger::CLUSTER_VERSION;
use sha2::{Digest, Sha256};
use tokio::fs::{self, File};
use tokio::io::AsyncWriteExt;
use tokio::sync::{Mutex, OwnedMutexGuard};
use tokio::time::timeout;

use super::Content;
use super::outgoing::{PIECE_OCTETS_MAX, PIECE_TIME_MAX};
use crate::peers::wire;

/// Where a node receives: one snapshot at a time.
pub(in crate::consensus) struct Incoming {
    directory: PathBuf,
    slot: Arc<Mutex<Slot>>,
}

/// What is received at present.
#[derive(Default)]
pub(in crate::consensus) struct Slot {
    begun: u64,
    closed: bool,
    receiving: Option<Receiving>,
}

/// The only one who may go on with it.
pub(in crate::consensus) type Turn = OwnedMutexGuard<Slot>;

/// Why a snapshot, or a piece of it, is not taken.
#[derive(Debug, thiserror::Error)]
pub(in crate::consensus) enum RefusedSnapshot {
    /// Another one is on its way in and does not end.
    #[error("another snapshot is being received")]
    Busy,
    /// The disk.
    #[error("it cannot be kept")]
    Disk(#[from] io::Error),
    /// The octets are not those that were offered.
    #[error("file {0} is not what was offered")]
    File(usize),
    /// Larger than any that is meant.
    #[error("it is too large")]
    Large,
    /// Its tables are of a newer program.
    #[error("its tables have version {0}, this program reads up to {CLUSTER_VERSION}: upgrade it")]
    Newer(u32),
    /// A piece that does not follow the one before.
    #[error("its pieces do not follow each other")]
    Order,
    /// It was never offered, or another was since.
    #[error("it was not offered")]
    Unknown,
}

struct Receiving {
    mark: wire::SnapshotMark,
    directory: PathBuf,
    whole: Vec<PathBuf>,
    open: Option<Open>,
}

struct Open {
    file: File,
    path: PathBuf,
    offset: u64,
    hash: Sha256,
}

impl Drop for Receiving {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.directory)
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(%error, path = %self.directory.display(), "half a snapshot stays");
        }
    }
}

impl Incoming {
    /// Nothing yet; it will lie under `directory`.
    pub(in crate::consensus) fn new(directory: PathBuf) -> Self {
        Self {
            directory,
            slot: Arc::default(),
        }
    }

    /// Waits, for a bounded time, until nobody else receives.
    pub(in crate::consensus) async fn turn(&self) -> Result<Turn, RefusedSnapshot> {
        let turn = timeout(PIECE_TIME_MAX, Arc::clone(&self.slot).lock_owned()).await;
        turn.map_err(|_| RefusedSnapshot::Busy)
    }

    /// How far the snapshot with `mark` is here. Any other one is forgotten.
    pub(in crate::consensus) async fn offered(
        &self,
        mark: wire::SnapshotMark,
    ) -> Result<wire::SnapshotStanding, RefusedSnapshot> {
        bounded(&mark)?;
        let mut slot = self.turn().await?;
        if slot.closed {
            return Err(RefusedSnapshot::Busy);
        }
        if slot.receiving.as_ref().is_none_or(|it| it.mark != mark) {
            slot.receiving = None;
            slot.begun = slot.begun.saturating_add(1);
            let directory = self.directory.join(slot.begun.to_string());
            fs::create_dir_all(&directory).await?;
            slot.receiving = Some(Receiving {
                mark,
                directory,
                whole: Vec::new(),
                open: None,
            });
        }
        let standing = slot.receiving.as_ref().map(Receiving::standing);
        standing.ok_or(RefusedSnapshot::Unknown)
    }
}

impl Slot {
    /// Takes one piece; true when all is there.
    pub(in crate::consensus) async fn take(
        &mut self,
        mark: &wire::SnapshotMark,
        piece: &wire::SnapshotPiece,
    ) -> Result<bool, RefusedSnapshot> {
        let receiving = self.receiving.as_mut().filter(|it| it.mark == *mark);
        receiving.ok_or(RefusedSnapshot::Unknown)?.take(piece).await
    }

    /// The files, in order, and what their tables must be.
    pub(in crate::consensus) fn files(&self) -> Option<(Vec<PathBuf>, Content)> {
        let receiving = self.receiving.as_ref()?;
        let content = Content {
            version: receiving.mark.version,
            hash: receiving.mark.hash.clone(),
        };
        Some((receiving.whole.clone(), content))
    }

    /// Takes nothing any more.
    pub(in crate::consensus) fn close(&mut self) {
        self.clear();
        self.closed = true;
    }

    /// Forgets it, with its files.
    pub(in crate::consensus) fn clear(&mut self) {
        self.receiving = None;
    }
}

impl Receiving {
    fn standing(&self) -> wire::SnapshotStanding {
        wire::SnapshotStanding {
            // LIMIT: FILES_MAX.
            file: u32::try_from(self.whole.len()).unwrap_or(u32::MAX),
            offset: self.open.as_ref().map_or(0, |open| open.offset),
            higher_vote: None,
        }
    }

    async fn take(&mut self, piece: &wire::SnapshotPiece) -> Result<bool, RefusedSnapshot> {
        let standing = self.standing();
        if (piece.file, piece.offset) != (standing.file, standing.offset) {
            return Err(RefusedSnapshot::Order);
        }
        if piece.octets.len() > PIECE_OCTETS_MAX {
            return Err(RefusedSnapshot::Large);
        }
        if piece.octets.is_empty() {
            return Ok(self.is_whole());
        }
        let number = self.whole.len();
        let mark = self.mark.files.get(number);
        let mark = mark.ok_or(RefusedSnapshot::Order)?.clone();
        // Taken out: a write that fails leaves no file of unknown length behind; the file
        // then begins anew.
        let mut open = match self.open.take() {
            Some(open) => open,
            None => Open::new(self.directory.join(format!("{number:06}.sst"))).await?,
        };
        open.write(&piece.octets).await?;
        if open.offset < mark.octets {
            self.open = Some(open);
            return Ok(false);
        }
        self.whole.push(open.close(&mark, number).await?);
        Ok(self.is_whole())
    }

    fn is_whole(&self) -> bool {
        self.whole.len() == self.mark.files.len()
    }
}

impl Open {
    async fn new(path: PathBuf) -> io::Result<Self> {
        Ok(Self {
            file: File::create(&path).await?,
            path,
            offset: 0,
            hash: Sha256::new(),
        })
    }

    async fn write(&mut self, octets: &[u8]) -> io::Result<()> {
        self.file.write_all(octets).await?;
        self.hash.update(octets);
        let more = u64::try_from(octets.len()).unwrap_or(u64::MAX);
        self.offset = self.offset.saturating_add(more);
        Ok(())
    }

    async fn close(
        mut self,
        mark: &wire::snapshot_mark::File,
        number: usize,
    ) -> Result<PathBuf, RefusedSnapshot> {
        self.file.flush().await?;
        self.file.sync_all().await?;
        let hash = self.hash.finalize();
        if self.offset == mark.octets && hash.as_slice() == mark.sha256 {
            Ok(self.path)
        } else {
            Err(RefusedSnapshot::File(number))
        }
    }
}

fn bounded(mark: &wire::SnapshotMark) -> Result<(), RefusedSnapshot> {
    if mark.version > CLUSTER_VERSION {
        return Err(RefusedSnapshot::Newer(mark.version));
    }
    let empty = mark.files.iter().any(|file| file.octets == 0);
    let sizes = mark.files.iter().map(|file| file.octets);
    let all = sizes.fold(0_u64, u64::saturating_add);
    if mark.files.len() > FILES_MAX || all > SNAPSHOT_OCTETS_MAX {
        return Err(RefusedSnapshot::Large);
    }
    if empty {
        return Err(RefusedSnapshot::Order);
    }
    Ok(())
}

const FILES_MAX: usize = 4096;
/// Far beyond what a cluster holds; what is offered may not fill the disk unasked.
const SNAPSHOT_OCTETS_MAX: u64 = 64 << 30;

#[cfg(test)]
mod tests;
