//! What comes in is what was offered, or nothing.

use super::*;
use crate::peers::wire::snapshot_mark::File as FileMark;
use crate::peers::wire::{SnapshotMark, SnapshotPiece};

#[tokio::test]
async fn a_transfer_that_broke_goes_on_where_it_was() {
    let place = tempfile::tempdir().unwrap();
    let incoming = Incoming::new(place.path().join("incoming"));
    let mark = mark(&[b"abcdef", b"gh"]);
    assert_eq!(standing(&incoming, &mark).await, (0, 0));
    assert!(!take(&incoming, &mark, 0, 0, b"abcd").await.unwrap());
    assert_eq!(standing(&incoming, &mark).await, (0, 4));
    assert!(!take(&incoming, &mark, 0, 4, b"ef").await.unwrap());
    assert_eq!(standing(&incoming, &mark).await, (1, 0));
    assert!(take(&incoming, &mark, 1, 0, b"gh").await.unwrap());
    let (files, _) = incoming.turn().await.unwrap().files().unwrap();
    let read = files.iter().map(|path| std::fs::read(path).unwrap());
    assert_eq!(
        read.collect::<Vec<_>>(),
        [b"abcdef".to_vec(), b"gh".to_vec()]
    );
    // Whoever offers it again has only to say so.
    assert!(take(&incoming, &mark, 2, 0, b"").await.unwrap());
}

#[tokio::test]
async fn another_snapshot_takes_the_place_of_the_first() {
    let place = tempfile::tempdir().unwrap();
    let incoming = Incoming::new(place.path().join("incoming"));
    let (old, new) = (mark(&[b"abcdef"]), mark(&[b"ABCDEF"]));
    standing(&incoming, &old).await;
    take(&incoming, &old, 0, 0, b"abc").await.unwrap();
    assert_eq!(standing(&incoming, &new).await, (0, 0));
    let late = take(&incoming, &old, 0, 3, b"def").await;
    assert!(matches!(late, Err(RefusedSnapshot::Unknown)));
    assert!(take(&incoming, &new, 0, 0, b"ABCDEF").await.unwrap());
    // No file of the first is left.
    let left = std::fs::read_dir(place.path().join("incoming")).unwrap();
    assert_eq!(left.count(), 1);
}

#[tokio::test]
async fn octets_that_were_not_offered_are_refused() {
    let place = tempfile::tempdir().unwrap();
    let incoming = Incoming::new(place.path().join("incoming"));
    let mark = mark(&[b"abcdef"]);
    standing(&incoming, &mark).await;
    let forged = take(&incoming, &mark, 0, 0, b"abcdeX").await;
    assert!(matches!(forged, Err(RefusedSnapshot::File(0))));
    assert_eq!(standing(&incoming, &mark).await, (0, 0));
    let more = take(&incoming, &mark, 0, 0, b"abcdefg").await;
    assert!(matches!(more, Err(RefusedSnapshot::File(0))));
    for (file, offset) in [(0, 1), (1, 0), (u32::MAX, u64::MAX)] {
        let gap = take(&incoming, &mark, file, offset, b"b").await;
        assert!(matches!(gap, Err(RefusedSnapshot::Order)));
    }
    let large = vec![0; PIECE_OCTETS_MAX + 1];
    let large = take(&incoming, &mark, 0, 0, &large).await;
    assert!(matches!(large, Err(RefusedSnapshot::Large)));
    assert!(take(&incoming, &mark, 0, 0, b"abcdef").await.unwrap());
    let beyond = take(&incoming, &mark, 1, 0, b"g").await;
    assert!(matches!(beyond, Err(RefusedSnapshot::Order)));
}

#[tokio::test]
async fn what_is_too_large_or_too_new_is_not_begun() {
    let place = tempfile::tempdir().unwrap();
    let incoming = Incoming::new(place.path().join("incoming"));
    let huge = FileMark {
        octets: u64::MAX,
        ..FileMark::default()
    };
    for spoil in [
        (|it: &mut SnapshotMark| it.version = CLUSTER_VERSION + 1) as fn(&mut _),
        |it| it.files[0].octets = 0,
        |it| it.files[0].octets = SNAPSHOT_OCTETS_MAX + 1,
        |it| it.files = vec![it.files[0].clone(); FILES_MAX + 1],
    ] {
        let mut mark = mark(&[b"abcdef"]);
        spoil(&mut mark);
        assert!(incoming.offered(mark).await.is_err());
    }
    let mut mark = mark(&[b"abcdef"]);
    mark.files = vec![huge; 2];
    assert!(incoming.offered(mark).await.is_err());
    assert!(!place.path().join("incoming").exists());
}

async fn standing(incoming: &Incoming, mark: &SnapshotMark) -> (u32, u64) {
    let standing = incoming.offered(mark.clone()).await.unwrap();
    (standing.file, standing.offset)
}

async fn take(
    incoming: &Incoming,
    mark: &SnapshotMark,
    file: u32,
    offset: u64,
    octets: &[u8],
) -> Result<bool, RefusedSnapshot> {
    let piece = SnapshotPiece {
        offer: None,
        file,
        offset,
        octets: octets.to_vec(),
    };
    incoming.turn().await.unwrap().take(mark, &piece).await
}

fn mark(files: &[&[u8]]) -> SnapshotMark {
    let file = |octets: &&[u8]| FileMark {
        octets: octets.len() as u64,
        sha256: Sha256::digest(octets).to_vec(),
    };
    SnapshotMark {
        version: CLUSTER_VERSION,
        files: files.iter().map(file).collect(),
        ..SnapshotMark::default()
    }
}
