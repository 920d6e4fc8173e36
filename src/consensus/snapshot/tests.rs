//! What one node snapshots, another installs, and is then equal.

use countersign_core::base::{NodeId, Timestamp};
use countersign_core::ledger::Entry;
use openraft::EntryPayload;
use openraft::storage::RaftStateMachine;

use super::files::Record;
use super::*;
use crate::consensus::raft::{Batch, LogEntry, LogId};
use crate::consensus::state_machine::StateMachine;
use crate::consensus::testing::{administrator, disk, found, has_user, put_user};

#[tokio::test]
async fn an_installed_snapshot_equals_what_it_was_made_of() {
    let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let from = disk(here.path());
    let mut sender = StateMachine::open(Arc::clone(&from)).unwrap();
    apply(&mut sender, 1..=200).await;
    let made = built(&mut sender).await;
    // Later entries are no part of it.
    apply(&mut sender, 201..=201).await;

    let to = disk(there.path());
    let mut receiver = StateMachine::open(Arc::clone(&to)).unwrap();
    apply(&mut receiver, 1..=3).await;
    receiver
        .install_snapshot(&made.meta, made.snapshot)
        .await
        .unwrap();
    assert_eq!(last_of(&mut receiver).await, Some(entry(200).log_id));
    assert!(has_user(&to.tables(), 200) && !has_user(&to.tables(), 201));
    apply(&mut receiver, 201..=201).await;
    assert_eq!(records(&to), records(&from));
    let current = receiver.get_current_snapshot().await.unwrap().unwrap();
    assert_eq!(current.meta, made.meta);
}

#[tokio::test]
async fn an_installed_snapshot_survives_a_restart_and_the_old_tables_do_not() {
    let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let from = disk(here.path());
    let mut sender = StateMachine::open(Arc::clone(&from)).unwrap();
    apply(&mut sender, 1..=50).await;
    let made = built(&mut sender).await;
    {
        let to = disk(there.path());
        let mut receiver = StateMachine::open(to).unwrap();
        apply(&mut receiver, 1..=3).await;
        let image = made.snapshot.clone();
        receiver.install_snapshot(&made.meta, image).await.unwrap();
    }
    let to = disk(there.path());
    let mut receiver = StateMachine::open(Arc::clone(&to)).unwrap();
    assert_eq!(last_of(&mut receiver).await, Some(entry(50).log_id));
    assert_eq!(records(&to), records(&from));
    let names = disk::family_names(&to.layout().store()).unwrap();
    assert!(names.contains(&disk::tables_name(1)));
    assert!(!names.contains(&disk::tables_name(0)));
}

#[tokio::test]
async fn a_newer_snapshot_replaces_the_older_once_nobody_reads_that() {
    let place = tempfile::tempdir().unwrap();
    let disk = disk(place.path());
    let mut machine = StateMachine::open(Arc::clone(&disk)).unwrap();
    apply(&mut machine, 1..=10).await;
    let old = built(&mut machine).await;
    apply(&mut machine, 11..=20).await;
    drop(built(&mut machine).await);
    let Image::Local(local) = &old.snapshot else {
        panic!("made here");
    };
    let old_path = local.0.path.clone();
    assert!(old_path.exists());
    drop(old);
    assert!(!old_path.exists());
    drop(machine);
    let mut machine = StateMachine::open(disk).unwrap();
    let current = machine.get_current_snapshot().await.unwrap().unwrap();
    assert_eq!(current.meta.last_log_id, Some(entry(20).log_id));
}

#[tokio::test]
async fn a_view_taken_before_a_snapshot_came_keeps_its_tables() {
    let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut sender = StateMachine::open(disk(here.path())).unwrap();
    apply(&mut sender, 1..=50).await;
    let made = built(&mut sender).await;
    let to = disk(there.path());
    let mut receiver = StateMachine::open(Arc::clone(&to)).unwrap();
    apply(&mut receiver, 1..=3).await;
    let before = to.frozen_tables();
    receiver
        .install_snapshot(&made.meta, made.snapshot)
        .await
        .unwrap();
    assert!(has_user(&before, 3) && !has_user(&before, 50));
    assert!(has_user(&to.tables(), 50));
}

async fn built(machine: &mut StateMachine) -> Snapshot {
    let mut builder = machine.get_snapshot_builder().await;
    builder.build_snapshot().await.unwrap()
}

async fn apply(machine: &mut StateMachine, indices: std::ops::RangeInclusive<u64>) {
    let entries = indices.map(|index| Ok((entry(index), None)));
    machine
        .apply(futures_util::stream::iter(entries))
        .await
        .unwrap();
}

async fn last_of(machine: &mut StateMachine) -> Option<LogId> {
    machine.applied_state().await.unwrap().0
}

fn entry(index: u64) -> LogEntry {
    let commands = match index {
        1 => vec![found(), administrator()],
        index => vec![put_user(index)],
    };
    let entry = Entry {
        version: 1,
        at: Timestamp::from_millis(index),
        proposer: NodeId(1),
        commands,
    };
    LogEntry {
        log_id: codec::new_log_id(1, index),
        payload: EntryPayload::Normal(Batch::new(entry.encode())),
    }
}

fn records(disk: &Disk) -> Vec<Record> {
    let family = disk.tables_family();
    let all = disk.db().iterator_cf(&family, IteratorMode::Start);
    all.map(Result::unwrap).collect()
}
