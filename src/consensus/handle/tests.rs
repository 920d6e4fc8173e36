//! One node as the rest of the house sees it.

use std::path::Path;
use std::sync::Condvar;

use countersign_core::base::Timestamp;
use countersign_core::ledger::query;
use countersign_core::ledger::storage::change::Kind;
use countersign_core::ledger::storage::{PutSettings, Settings};
use futures_util::future::join_all;
use openraft::async_runtime::watch::WatchReceiver;

use super::*;
use crate::consensus::testing::{
    FixedWall, Halts, command, config, found, founded, has_user, is_done, put_user, start,
};
use crate::consensus::{Because, ProposeError};
use crate::login::{Clock, Ledger};

#[tokio::test]
async fn a_blank_node_says_so_and_proposes_nothing() {
    let place = tempfile::tempdir().unwrap();
    let node = start(place.path(), clock()).await;
    assert_eq!(node.opened(), Opened::Blank);
    let because = Because::NotLeader(None);
    let refused = node.propose(put_user(1)).await;
    assert_eq!(refused, Err(ProposeError::NotProposed(because)));
    assert!(!node.is_ready());
}

#[tokio::test]
async fn a_restart_keeps_everything() {
    let place = tempfile::tempdir().unwrap();
    let node = founded(place.path(), clock()).await;
    propose_all(&node, 1..=300).await;
    let (applied, head) = (node.applied(), query::head(&node.tables()).unwrap());
    node.shutdown().await;
    drop(node);

    let node = start(place.path(), clock()).await;
    assert_eq!(node.opened(), Opened::Member);
    assert_eq!(node.boot().0, 2);
    assert!(node.leading().await);
    assert!(node.applied().index >= applied.index);
    assert_eq!(query::head(&node.tables()).unwrap(), head);
    propose_all(&node, 301..=310).await;
    assert!((1..=310).all(|number| has_user(&node.tables(), number)));
}

#[tokio::test]
async fn who_keeps_copies_is_woken_by_a_change_of_the_facts_alone() {
    let place = tempfile::tempdir().unwrap();
    let node = founded(place.path(), clock()).await;
    let mut facts = node.watch_facts();
    let before = *facts.borrow_and_update();
    propose_all(&node, 1..=10).await;
    assert!(!facts.has_changed().unwrap());
    let put = Kind::PutSettings(PutSettings {
        settings: Some(Settings::default()),
        expected_revision: before.settings,
        confirm_within: 0,
    });
    assert!(is_done(&node.propose(command(11, put)).await.unwrap()));
    let now = *facts.borrow_and_update();
    assert_eq!(now.settings, before.settings + 1);
    node.shutdown().await;
    drop(node);

    let node = start(place.path(), clock()).await;
    assert_eq!(*node.watch_facts().borrow(), now);
}

#[tokio::test]
async fn a_killed_node_has_all_it_acknowledged() {
    let (place, after) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let node = founded(place.path(), clock()).await;
    propose_all(&node, 1..=300).await;
    copy(place.path(), after.path());
    // What comes later is not in the copy: it is the disk as the kill left it.
    propose_all(&node, 301..=301).await;

    let node = start(after.path(), clock()).await;
    assert!(node.leading().await);
    assert!((1..=300).all(|number| has_user(&node.tables(), number)));
    assert!(!has_user(&node.tables(), 301));
}

#[tokio::test]
async fn founding_again_after_a_crash_on_the_way_does_no_harm() {
    let place = tempfile::tempdir().unwrap();
    let node = founded(place.path(), clock()).await;
    node.shutdown().await;
    drop(node);
    let node = founded(place.path(), clock()).await;
    propose_all(&node, 1..=1).await;
    assert_eq!(node.raft.voter_ids().count(), 1);
}

#[tokio::test]
async fn commands_that_wait_share_entries_and_each_gets_its_own_outcome() {
    let place = tempfile::tempdir().unwrap();
    let node = founded(place.path(), clock()).await;
    let before = node.figures().last_log;
    let outcomes = join_all((1..=2000).map(|n| node.propose(put_user(n)))).await;
    assert!(outcomes.iter().all(Result::is_ok));
    let entries = node.applied().index - before;
    assert!((8..200).contains(&entries), "{entries} entries");
    assert!((1..=2000).all(|number| has_user(&node.tables(), number)));
}

#[tokio::test]
async fn stamped_time_never_goes_back() {
    let place = tempfile::tempdir().unwrap();
    let time = clock();
    let node = founded(place.path(), Arc::clone(&time) as Arc<dyn Clock>).await;
    time.set(5_000_000);
    propose_all(&node, 1..=1).await;
    assert_eq!(node.applied().at, Timestamp::from_millis(5_000_000));
    time.set(4_000_000);
    propose_all(&node, 2..=2).await;
    assert_eq!(node.applied().at, Timestamp::from_millis(5_000_000));
    node.shutdown().await;
    drop(node);
    let node = start(place.path(), time).await;
    assert!(node.leading().await);
    assert_eq!(node.applied().at, Timestamp::from_millis(5_000_000));
    propose_all(&node, 3..=3).await;
    assert_eq!(node.applied().at, Timestamp::from_millis(5_000_000));
}

#[tokio::test]
async fn purged_entries_are_not_missed_after_a_restart() {
    let place = tempfile::tempdir().unwrap();
    let node = founded(place.path(), clock()).await;
    propose_all(&node, 1..=100).await;
    node.raft.trigger().snapshot().await.unwrap();
    let index = node.applied().index;
    let wait = node.raft.wait(Some(Duration::from_secs(10)));
    let done = wait.metrics(|m| m.snapshot.is_some(), "snapshot");
    done.await.unwrap();
    node.raft.trigger().purge_log(index).await.unwrap();
    let wait = node.raft.wait(Some(Duration::from_secs(10)));
    let done = wait.metrics(|m| m.purged.is_some_and(|p| p.index == index), "purge");
    done.await.unwrap();
    propose_all(&node, 101..=110).await;
    node.shutdown().await;
    drop(node);

    let node = start(place.path(), clock()).await;
    assert!(node.leading().await);
    assert_eq!(node.figures().purged, index);
    propose_all(&node, 111..=111).await;
    assert!((1..=111).all(|number| has_user(&node.tables(), number)));
}

#[tokio::test]
async fn a_leader_with_a_quorum_is_ready_until_it_stops() {
    let place = tempfile::tempdir().unwrap();
    let node = founded(place.path(), clock()).await;
    let mut metrics = node.raft.data_metrics();
    while !node.is_ready() {
        metrics.changed().await.unwrap();
    }
    node.shutdown().await;
    assert!(!node.is_ready());
    let because = Because::Stopping;
    let refused = node.propose(put_user(1)).await;
    assert_eq!(refused, Err(ProposeError::NotProposed(because)));
}

#[tokio::test]
async fn a_full_queue_refuses_at_once() {
    let place = tempfile::tempdir().unwrap();
    let gate = Arc::new(GatedClock::default());
    let node = founded(place.path(), Arc::clone(&gate) as Arc<dyn Clock>).await;
    gate.close();
    let (mut waiting, mut number) = (Vec::new(), 0);
    loop {
        number += 1;
        let mut asked = Box::pin(node.propose(put_user(number)));
        if let Some(refused) = futures_util::FutureExt::now_or_never(&mut asked) {
            let because = Because::Busy;
            assert_eq!(refused, Err(ProposeError::NotProposed(because)));
            break;
        }
        waiting.push(asked);
    }
    assert!(waiting.len() >= QUEUE_COMMANDS_MAX);
    gate.open();
    // A slow machine may take longer for all of them than a command lives.
    let unknown = Err(ProposeError::Unknown);
    let answers = join_all(waiting).await;
    assert!(answers.iter().all(|it| it.is_ok() || *it == unknown));
    assert!(!has_user(&node.tables(), number));
}

#[tokio::test]
async fn a_command_whose_core_dies_on_the_way_is_unknown() {
    let place = tempfile::tempdir().unwrap();
    let gate = Arc::new(GatedClock::default());
    let node = founded(place.path(), Arc::clone(&gate) as Arc<dyn Clock>).await;
    gate.close();
    let asked = node.propose(put_user(1));
    gate.until_asked();
    node.tasks.stop();
    node.raft.shutdown().await.unwrap();
    gate.open();
    assert_eq!(asked.await, Err(ProposeError::Unknown));
}

#[tokio::test]
async fn a_core_that_panics_halts_the_node() {
    let place = tempfile::tempdir().unwrap();
    let (said, mut halts) = mpsc::unbounded_channel();
    let ports = Ports {
        clock: clock(),
        operations: Arc::new(countersign_core::base::Unobserved),
        on_halt: Arc::new(move |halt| drop(said.send(halt.to_string()))),
    };
    let node = Consensus::start(config(place.path()), ports).await.unwrap();
    assert!(is_done(&node.found(found()).await.unwrap()));
    let panicked = node.raft.with_raft_state(|_| panic!("as by a bug"));
    assert!(panicked.await.is_err());
    let first = tokio::time::timeout(Duration::from_secs(20), halts.recv()).await;
    let first = first.expect("a node without a core must not live").unwrap();
    assert!(first.contains("core") || first.contains("reign"), "{first}");
}

#[tokio::test]
async fn a_node_that_is_stopped_or_dropped_does_not_halt() {
    let place = tempfile::tempdir().unwrap();
    let halts = Halts::default();
    for stops in [true, false] {
        let ports = Ports {
            clock: clock(),
            operations: Arc::new(countersign_core::base::Unobserved),
            on_halt: halts.port(),
        };
        let node = Consensus::start(config(place.path()), ports).await.unwrap();
        assert!(is_done(&node.found(found()).await.unwrap()));
        if stops {
            node.shutdown().await;
        }
    }
    assert_eq!(halts.said(), Vec::<String>::new());
}

#[tokio::test]
async fn progress_is_of_what_comes_after_the_call() {
    let place = tempfile::tempdir().unwrap();
    let node = Arc::new(founded(place.path(), clock()).await);
    propose_all(&node, 1..=1).await;
    let mut progress = Box::pin(Ledger::progress(&node));
    assert!(futures_util::FutureExt::now_or_never(&mut progress).is_none());
    propose_all(&node, 2..=2).await;
    progress.await;
}

#[tokio::test]
async fn a_fenced_node_is_silent_and_proposes_nothing() {
    let place = tempfile::tempdir().unwrap();
    let node = Arc::new(founded(place.path(), clock()).await);
    propose_all(&node, 1..=1).await;
    let hashes = node.hashes();
    hashes.set_voters([1, 2].map(NodeId));
    hashes.told(NodeId(2), node.applied().index, &[9; 32]);
    assert!(!node.is_ready());
    assert_eq!(Ledger::standing(&node), None);
    assert!(
        node.status().fenced.contains("0909"),
        "{}",
        node.status().fenced
    );
    let refused = Consensus::propose(&node, put_user(2)).await;
    let because = Because::Fenced;
    assert_eq!(refused, Err(ProposeError::NotProposed(because)));
}

#[tokio::test]
async fn status_tells_how_a_node_does() {
    let place = tempfile::tempdir().unwrap();
    let node = founded(place.path(), clock()).await;
    propose_all(&node, 1..=9).await;
    let all = node.cluster_status(Duration::from_secs(1)).await;
    let [(NodeId(1), Ok(status))] = &all[..] else {
        panic!("{all:?}");
    };
    let head = query::head(&node.tables()).unwrap();
    assert_eq!((status.role.as_str(), status.leader), ("leader", 1));
    assert_eq!(
        (status.hash.as_slice(), status.applied),
        (&*head.hash, node.applied().index)
    );
    assert_eq!((status.applied_at, status.now), (1_000_000, 1_000_000));
    assert!(status.ready && status.fenced.is_empty() && status.fsync_p50_micros > 0);
}

/// A clock that keeps who asks waiting while it is closed.
#[derive(Default)]
struct GatedClock {
    state: Mutex<(bool, bool)>,
    changed: Condvar,
}

impl GatedClock {
    fn close(&self) {
        *self.state.lock().unwrap() = (true, false);
    }

    fn open(&self) {
        *self.state.lock().unwrap() = (false, false);
        self.changed.notify_all();
    }

    fn until_asked(&self) {
        let state = self.state.lock().unwrap();
        let asked = self.changed.wait_while(state, |(_, asked)| !*asked);
        drop(asked.unwrap());
    }
}

impl Clock for GatedClock {
    fn monotonic(&self) -> tokio::time::Instant {
        tokio::time::Instant::now()
    }

    fn wall(&self) -> Timestamp {
        let mut state = self.state.lock().unwrap();
        state.1 = true;
        let is_closed = state.0;
        self.changed.notify_all();
        let wait = || {
            drop(
                self.changed
                    .wait_while(state, |(closed, _)| *closed)
                    .unwrap(),
            )
        };
        // Only whoever asks is to wait, not all that its thread does.
        if is_closed {
            tokio::task::block_in_place(wait);
        }
        Timestamp::from_millis(1_000_000)
    }
}

fn clock() -> Arc<FixedWall> {
    let clock = FixedWall::default();
    clock.set(1_000_000);
    Arc::new(clock)
}

async fn propose_all(node: &Consensus, numbers: std::ops::RangeInclusive<u64>) {
    let outcomes = join_all(numbers.map(|n| node.propose(put_user(n)))).await;
    let done = |it: &Result<_, _>| it.as_ref().is_ok_and(is_done);
    assert!(outcomes.iter().all(done), "{outcomes:?}");
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target);
        } else {
            std::fs::copy(&path, &target).unwrap();
        }
    }
}
