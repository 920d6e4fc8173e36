//! A directory that is refused is left as it was found.

use std::collections::BTreeMap;

use countersign_core::base::ClusterId;

use super::*;
use crate::consensus::codec;
use crate::consensus::disk::{APPLIED, Disk};
use crate::consensus::raft::StoredMembership;
use crate::consensus::testing::{OWNER, disk, must_not_halt};

#[test]
fn a_store_is_made_and_found_again_with_a_higher_boot() {
    let place = tempfile::tempdir().unwrap();
    let root = place.path().join("raft");
    assert_eq!(disk(&root).boot().0, 1);
    let again = disk(&root);
    assert_eq!((again.boot().0, again.incarnation()), (2, 1));
}

#[test]
fn a_crash_while_the_store_was_made_leaves_a_blank_directory() {
    let place = tempfile::tempdir().unwrap();
    let unfinished = Layout::new(place.path()).unfinished();
    fs::create_dir_all(&unfinished).unwrap();
    fs::write(unfinished.join("CURRENT"), "half").unwrap();
    assert_eq!(disk(place.path()).boot().0, 1);
}

#[test]
fn another_clusters_store_is_refused_untouched() {
    let other = Owner {
        cluster: ClusterId([8; 16]),
        ..OWNER
    };
    let error = refusal(|_| {}, other);
    assert!(matches!(error, OpenError::OtherCluster { .. }), "{error}");
}

#[test]
fn another_nodes_store_is_refused_untouched() {
    let other = Owner {
        node: NodeId(2),
        ..OWNER
    };
    let error = refusal(|_| {}, other);
    assert!(matches!(error, OpenError::OtherNode { .. }), "{error}");
}

#[test]
fn a_newer_store_is_refused_untouched() {
    let newer = |root: &Path| {
        let marks = StoreMarks {
            format: FORMAT + 1,
            ..StoreMarks::default()
        };
        remake(root, Some(&marks));
    };
    let error = refusal(newer, OWNER);
    assert!(
        matches!(error, OpenError::Newer { found: 2, known: 1 }),
        "{error}"
    );
}

#[test]
fn a_store_without_marks_is_refused_untouched() {
    let error = refusal(|root| remake(root, None), OWNER);
    assert!(matches!(error, OpenError::Unmarked(_)), "{error}");
}

#[test]
fn a_directory_with_other_files_is_refused_untouched() {
    let other = |root: &Path| {
        fs::remove_dir_all(root).unwrap();
        fs::create_dir_all(root).unwrap();
        fs::write(root.join("letters.txt"), "dear").unwrap();
    };
    let error = refusal(other, OWNER);
    assert!(matches!(error, OpenError::Foreign(_)), "{error}");
}

#[test]
fn a_store_that_has_lost_its_tables_is_refused() {
    let place = tempfile::tempdir().unwrap();
    let applied = codec::applied_octets(7, None, &StoredMembership::default());
    disk(place.path())
        .put_meta_synced(APPLIED, applied)
        .unwrap();
    let error = Disk::open(place.path(), OWNER, 1, must_not_halt())
        .err()
        .unwrap();
    assert!(matches!(error, OpenError::Tables(..)), "{error}");
    assert!(error.to_string().contains("tables-7"), "{error}");
}

/// Makes a store, spoils it, opens it as `owner`, checks that nothing changed.
fn refusal(spoil: impl FnOnce(&Path), owner: Owner) -> OpenError {
    let place = tempfile::tempdir().unwrap();
    drop(disk(place.path()));
    spoil(place.path());
    let before = contents(place.path());
    let opened = Disk::open(place.path(), owner, 1, must_not_halt());
    let error = opened.err().unwrap();
    assert_eq!(contents(place.path()), before);
    error
}

fn remake(root: &Path, marks: Option<&StoreMarks>) {
    let store = Layout::new(root).store();
    fs::remove_dir_all(&store).unwrap();
    match marks {
        Some(marks) => disk::create(&store, marks).unwrap(),
        None => {
            let mut options = rocksdb::Options::default();
            options.create_if_missing(true);
            drop(rocksdb::DB::open(&options, &store).unwrap());
        }
    }
}

fn contents(directory: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(contents(&path));
        } else {
            found.insert(path.clone(), fs::read(path).unwrap());
        }
    }
    found
}
