//! The rule.

use super::*;
use crate::consensus::testing::FixedWall;

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
