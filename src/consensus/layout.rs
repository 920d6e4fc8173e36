//! What lies where under a node's store directory, and whether it may be touched.
//!
//! Marks are read before anything is written: a directory that is refused is left as it
//! was found.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use countersign_core::base::{ClusterId, NodeId};
use countersign_core::ledger::storage::StoreMarks;

use super::disk::{self, OpenError, Owner};

/// The directories of one node.
#[derive(Clone, Debug)]
pub(super) struct Layout(PathBuf);

impl Layout {
    pub(super) fn new(root: &Path) -> Self {
        Self(root.to_owned())
    }

    /// RocksDB's own directory.
    pub(super) fn store(&self) -> PathBuf {
        self.0.join("store")
    }

    /// The snapshot that peers are given.
    pub(super) fn snapshots(&self) -> PathBuf {
        self.0.join("snapshots")
    }

    /// A snapshot on its way in.
    pub(super) fn incoming(&self) -> PathBuf {
        self.0.join("incoming")
    }

    /// A snapshot on its way out.
    pub(super) fn outgoing(&self) -> PathBuf {
        self.0.join("outgoing")
    }

    /// The marks of the store; none when there is nothing here at all.
    pub(super) fn marks(&self) -> Result<Option<StoreMarks>, OpenError> {
        let store = self.store();
        if !store.join("CURRENT").exists() {
            return if self.is_empty()? {
                Ok(None)
            } else {
                Err(OpenError::Foreign(self.0.clone()))
            };
        }
        disk::read_marks(&store)?
            .map(Some)
            .ok_or(OpenError::Unmarked(store))
    }

    /// Makes an empty store. It gets its name last, when it is whole: a crash on the way
    /// leaves nothing that would be taken for a store.
    pub(super) fn create(&self, owner: Owner, incarnation: u16) -> io::Result<StoreMarks> {
        let marks = StoreMarks {
            format: FORMAT,
            cluster: owner.cluster.0.to_vec(),
            node: u32::from(owner.node.0),
            incarnation: u32::from(incarnation),
        };
        fs::create_dir_all(&self.0)?;
        let unfinished = self.unfinished();
        if unfinished.exists() {
            fs::remove_dir_all(&unfinished)?;
        }
        disk::create(&unfinished, &marks)?;
        fs::rename(&unfinished, self.store())?;
        File::open(&self.0)?.sync_all()?;
        Ok(marks)
    }

    fn is_empty(&self) -> io::Result<bool> {
        let entries = match fs::read_dir(&self.0) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(true),
            Err(error) => return Err(error),
        };
        for entry in entries {
            if entry?.path() != self.unfinished() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn unfinished(&self) -> PathBuf {
        self.0.join("store.new")
    }
}

/// Checks that a store with these marks is `owner`'s and readable.
pub(super) fn accept(marks: StoreMarks, owner: Owner) -> Result<StoreMarks, OpenError> {
    if marks.format > FORMAT {
        return Err(OpenError::Newer {
            found: marks.format,
            known: FORMAT,
        });
    }
    let cluster = ClusterId::try_from(&*marks.cluster).map_err(io::Error::other)?;
    if cluster != owner.cluster {
        return Err(OpenError::OtherCluster {
            found: cluster,
            expected: owner.cluster,
        });
    }
    let node = u16::try_from(marks.node)
        .map(NodeId)
        .map_err(io::Error::other)?;
    if node != owner.node {
        return Err(OpenError::OtherNode {
            found: node,
            expected: owner.node,
        });
    }
    Ok(marks)
}

/// The newest format of a store that this program reads, and the one it writes.
pub(super) const FORMAT: u32 = 1;

#[cfg(test)]
mod tests;
