//! A snapshot on its way to a peer that is too far behind for the log.
//!
//! The tables are read out of the checkpoint once; the files stay until they are sent, so
//! that a broken transfer goes on with the very same octets.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use openraft::errors::StreamingError;
use openraft::raft::SnapshotResponse;
use sha2::{Digest, Sha256};
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use tokio::sync::{Mutex, mpsc};
use tokio::time::timeout;
use tokio_stream::wrappers::ReceiverStream;

use super::{Content, Image, Local, Snapshot};
use crate::consensus::messages;
use crate::consensus::network::{Remote, answer, unreachable};
use crate::consensus::raft::{SnapshotMeta, Types, Vote};
use crate::peers::wire;
use crate::peers::wire::snapshot_mark::File as FileMark;

/// The exports of a node: at most one, made by one thread at a time.
pub(in crate::consensus) struct Exports {
    directory: PathBuf,
    made: AtomicU64,
    slot: Arc<Mutex<Option<Arc<Export>>>>,
}

/// A snapshot as files; gone with its last holder.
#[derive(Debug)]
struct Export {
    directory: PathBuf,
    meta: SnapshotMeta,
    content: Content,
    files: Vec<Exported>,
}

#[derive(Debug)]
struct Exported {
    path: PathBuf,
    mark: FileMark,
}

impl Drop for Export {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.directory) {
            tracing::warn!(%error, path = %self.directory.display(), "a sent snapshot stays");
        }
    }
}

impl Exports {
    /// None yet; they will lie under `directory`.
    pub(in crate::consensus) fn new(directory: PathBuf) -> Self {
        Self {
            directory,
            made: AtomicU64::new(0),
            slot: Arc::default(),
        }
    }

    async fn of(&self, snapshot: &Snapshot) -> io::Result<Arc<Export>> {
        let Image::Local(local) = snapshot.snapshot.clone() else {
            return Err(io::Error::other("only a snapshot of this node can be sent"));
        };
        let mut slot = Arc::clone(&self.slot).lock_owned().await;
        if let Some(same) = slot.as_ref().filter(|it| it.meta == snapshot.meta) {
            return Ok(Arc::clone(same));
        }
        let number = self.made.fetch_add(1, Ordering::Relaxed);
        let directory = self.directory.join(number.to_string());
        let meta = snapshot.meta.clone();
        // The lock goes along: who asked may be gone before the thread has done.
        let making = tokio::task::spawn_blocking(move || {
            let made = Arc::new(Export::make(&local, meta, directory)?);
            *slot = Some(Arc::clone(&made));
            Ok(made)
        });
        making.await.map_err(io::Error::other)?
    }

    /// Forgets `export` unless somebody else sends it too.
    async fn done(&self, export: Arc<Export>) {
        let mut slot = self.slot.lock().await;
        let same = slot.as_ref().is_some_and(|it| Arc::ptr_eq(it, &export));
        if same && Arc::strong_count(&export) == 2 {
            *slot = None;
        }
    }
}

impl Export {
    fn make(local: &Local, meta: SnapshotMeta, directory: PathBuf) -> io::Result<Self> {
        let (paths, content) = local.export(&directory)?;
        let mut export = Self {
            directory,
            meta,
            content,
            files: Vec::with_capacity(paths.len()),
        };
        for path in paths {
            let mark = file_mark(&path)?;
            export.files.push(Exported { path, mark });
        }
        Ok(export)
    }

    fn mark(&self) -> wire::SnapshotMark {
        wire::SnapshotMark {
            version: self.content.version,
            hash: self.content.hash.clone(),
            files: self.files.iter().map(|file| file.mark.clone()).collect(),
            ..messages::snapshot_mark(&self.meta)
        }
    }
}

fn file_mark(path: &Path) -> io::Result<FileMark> {
    struct Hashed(Sha256);
    impl io::Write for Hashed {
        fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
            self.0.update(octets);
            Ok(octets.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut hashed = Hashed(Sha256::new());
    let octets = io::copy(&mut fs::File::open(path)?, &mut hashed)?;
    Ok(FileMark {
        octets,
        sha256: hashed.0.finalize().to_vec(),
    })
}

/// Sends `snapshot`, from where the peer stands.
pub(in crate::consensus) async fn send(
    remote: &Remote,
    vote: Vote,
    snapshot: &Snapshot,
) -> Result<SnapshotResponse<Types>, StreamingError<Types>> {
    let exports = &remote.reach.exports;
    // A full disk here must cost the peer its snapshot, not the cluster its leader.
    let export = exports.of(snapshot).await.map_err(|error| {
        tracing::warn!(%error, "a snapshot cannot be read out for a peer");
        unreachable(&error)
    })?;
    let mut client = remote.client()?;
    let offer = wire::SnapshotOffer {
        header: remote.between().header(),
        vote: Some(crate::consensus::codec::stored_vote(&vote)),
        mark: Some(export.mark()),
    };
    let standing = answer(OFFER_TIME_MAX, client.offer_snapshot(offer.clone())).await?;
    if let Some(higher) = &standing.higher_vote {
        let higher = messages::any_vote(Some(higher), vote.leader_id.term);
        let higher = higher.map_err(|error| unreachable(&error))?;
        return Ok(SnapshotResponse::new(higher));
    }
    let (pieces, queued) = mpsc::channel(PIECES_QUEUED_MAX);
    let call = client.send_snapshot(ReceiverStream::new(queued));
    tokio::pin!(call);
    let fed = tokio::select! {
        early = &mut call => {
            let reply = early.map_err(|status| unreachable(&status))?.into_inner();
            return response(&reply, vote);
        }
        fed = feed(&export, offer, &standing, pieces) => fed,
    };
    fed.map_err(|error| unreachable(&error))?;
    let reply = answer(INSTALL_TIME_MAX, call).await?;
    exports.done(export).await;
    response(&reply, vote)
}

fn response(
    reply: &wire::SnapshotReply,
    own: Vote,
) -> Result<SnapshotResponse<Types>, StreamingError<Types>> {
    let vote = messages::any_vote(reply.vote.as_ref(), own.leader_id.term);
    Ok(SnapshotResponse::new(
        vote.map_err(|error| unreachable(&error))?,
    ))
}

/// Hands out the pieces, each by a deadline; the first one names the snapshot.
async fn feed(
    export: &Export,
    offer: wire::SnapshotOffer,
    standing: &wire::SnapshotStanding,
    pieces: mpsc::Sender<wire::SnapshotPiece>,
) -> io::Result<()> {
    let first = wire::SnapshotPiece {
        offer: Some(offer),
        file: standing.file,
        offset: standing.offset,
        octets: Vec::new(),
    };
    hand_out(&pieces, first).await?;
    let skipped = usize::try_from(standing.file).unwrap_or(usize::MAX);
    let mut offset = standing.offset;
    for (file, exported) in (standing.file..).zip(export.files.iter().skip(skipped)) {
        let mut source = File::open(&exported.path).await?;
        source.seek(io::SeekFrom::Start(offset)).await?;
        while offset < exported.mark.octets {
            let mut octets = Vec::with_capacity(PIECE_OCTETS_MAX);
            let bound = u64::try_from(PIECE_OCTETS_MAX).unwrap_or(u64::MAX);
            (&mut source).take(bound).read_to_end(&mut octets).await?;
            if octets.is_empty() {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let read = u64::try_from(octets.len()).unwrap_or(u64::MAX);
            let piece = wire::SnapshotPiece {
                offer: None,
                file,
                offset,
                octets,
            };
            hand_out(&pieces, piece).await?;
            offset = offset.saturating_add(read);
        }
        offset = 0;
    }
    Ok(())
}

async fn hand_out(
    pieces: &mpsc::Sender<wire::SnapshotPiece>,
    piece: wire::SnapshotPiece,
) -> io::Result<()> {
    let handed = timeout(PIECE_TIME_MAX, pieces.send(piece)).await?;
    handed.map_err(|_| io::ErrorKind::BrokenPipe.into())
}

/// Octets of one piece.
pub(super) const PIECE_OCTETS_MAX: usize = 256 << 10;
/// Pieces read and not yet taken by the link.
const PIECES_QUEUED_MAX: usize = 4;
/// How long the link may take for one piece.
pub(in crate::consensus) const PIECE_TIME_MAX: Duration = Duration::from_secs(5);
/// How long the peer may take to say how it stands: longer than for a piece, since it may
/// have to give up a stream that broke without a word.
const OFFER_TIME_MAX: Duration = Duration::from_secs(8);
/// How long the peer may take to put the tables in place once it has them.
const INSTALL_TIME_MAX: Duration = Duration::from_secs(120);
