//! The rule, and a cluster in which one clock is off.

use super::*;
use crate::consensus::testing::cluster::{Cluster, soon};
use crate::consensus::testing::{FixedWall, NOW, put_user};
use crate::consensus::{Consensus, Unready};

const NOT_BEHIND: Duration = Duration::ZERO;
const HOUR: i64 = 3_600_000;
const BEHIND: Duration = Duration::from_secs(3600);

#[test]
fn two_others_that_agree_are_believed() {
    let skewed = |ahead| Some(ClockFault::Skewed { ahead });
    assert_eq!(judge(&[HOUR, HOUR + 5000], NOT_BEHIND), skewed(HOUR + 5000));
    assert_eq!(judge(&[-HOUR, -HOUR], NOT_BEHIND), skewed(-HOUR));
    assert_eq!(judge(&[10_001, 10_001], NOT_BEHIND), skewed(10_001));
}

#[test]
fn clocks_within_ten_seconds_agree() {
    assert_eq!(judge(&[10_000, -10_000], NOT_BEHIND), None);
    assert_eq!(judge(&[], NOT_BEHIND), None);
}

#[test]
fn one_other_proves_nothing_nor_do_two_that_disagree() {
    assert_eq!(judge(&[HOUR], NOT_BEHIND), None);
    assert_eq!(judge(&[HOUR, 0], NOT_BEHIND), None);
    assert_eq!(judge(&[HOUR, -HOUR], NOT_BEHIND), None);
}

#[test]
fn the_larger_party_of_five_is_believed() {
    assert_eq!(judge(&[HOUR, HOUR, 0, 0], NOT_BEHIND), None);
    let fault = judge(&[HOUR, HOUR, HOUR, 0], NOT_BEHIND);
    assert_eq!(fault, Some(ClockFault::Skewed { ahead: HOUR }));
}

#[test]
fn behind_the_last_entry_unless_most_share_its_time() {
    let behind = Some(ClockFault::Behind(BEHIND));
    assert_eq!(judge(&[], BEHIND), behind);
    assert_eq!(judge(&[HOUR], BEHIND), behind);
    assert_eq!(
        judge(&[HOUR, 0], BEHIND),
        None,
        "a leader of another time stamped it"
    );
    assert_eq!(judge(&[], CLOCKS_APART_MAX), None);
}

#[test]
fn half_the_way_is_taken_off() {
    let clocks = Clocks::new(Arc::new(FixedWall::default()));
    let start = clocks.look();
    let after = Look {
        time: start.time.plus(Duration::from_millis(400)),
        at: start.at + Duration::from_millis(400),
    };
    let theirs = start.time.plus(Duration::from_millis(200));
    clocks.told(NodeId(2), theirs, start, after);
    let ahead = clocks.others.lock().unwrap()[&NodeId(2)].ahead;
    assert_eq!(ahead, 0);
}

/// Waits until `node` may speak, or may not for its clock.
async fn until(node: &Consensus, wanted: Result<(), Unready>) {
    let said = async {
        while node.standing().map(drop) != wanted {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    soon(said).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_whose_clock_is_off_is_silent_until_it_is_set() {
    let cluster = Cluster::founded().await;
    let (leader, _) = cluster.leader().await;
    let others = || cluster.running().into_iter();
    let off = cluster.node(leader % 3 + 1);
    off.clock.set(NOW + 3_600_000);
    until(&off.consensus, Err(Unready::Clock)).await;
    for node in others().filter(|node| !Arc::ptr_eq(node, &off)) {
        until(&node.consensus, Ok(())).await;
    }
    off.clock.set(NOW);
    until(&off.consensus, Ok(())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_whose_clock_is_off_lets_another_lead_and_stamps_nothing() {
    let cluster = Cluster::founded().await;
    let (_, off) = cluster.leader().await;
    off.clock.set(NOW + 86_400_000);
    until(&off.consensus, Err(Unready::Clock)).await;
    cluster.propose(put_user(1)).await;
    let (_, leader) = cluster.leader().await;
    assert!(!Arc::ptr_eq(&leader, &off));
    cluster.converge().await;
    assert_eq!(off.consensus.applied().at.as_millis(), NOW);
}
