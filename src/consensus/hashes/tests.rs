//! What is compared, and who is believed.

use super::*;

const OWN: NodeId = NodeId(1);
const SECOND: NodeId = NodeId(2);
const THIRD: NodeId = NodeId(3);
const STRANGER: NodeId = NodeId(9);

fn of_three() -> Arc<Hashes> {
    let hashes = Hashes::new(OWN);
    hashes.set_voters([OWN, SECOND, THIRD]);
    hashes
}

#[test]
fn the_same_hash_at_the_same_index_is_no_difference() {
    let hashes = of_three();
    hashes.record(5, [1; 32]);
    hashes.told(SECOND, 5, &[1; 32]);
    hashes.told(SECOND, 4, &[9; 32]);
    hashes.told(SECOND, 5, b"short");
    assert_eq!(hashes.difference(), None);
}

#[test]
fn until_a_majority_has_spoken_a_difference_silences_both() {
    for (own, other) in [(1, 2), (2, 1)] {
        let hashes = of_three();
        hashes.record(5, [own; 32]);
        hashes.told(SECOND, 5, &[other; 32]);
        let found = hashes.difference().expect("nobody knows who is right");
        assert_eq!((found.index, found.node), (5, SECOND));
    }
}

#[test]
fn who_shares_the_tables_of_most_voters_goes_on() {
    let hashes = of_three();
    hashes.record(5, [1; 32]);
    hashes.told(SECOND, 5, &[2; 32]);
    hashes.told(THIRD, 5, &[1; 32]);
    assert_eq!(hashes.difference(), None);
    assert_eq!(hashes.differing(), BTreeSet::from([SECOND]));
    hashes.record(6, [3; 32]);
    hashes.told(SECOND, 6, &[4; 32]);
    assert_eq!(hashes.difference(), None, "it was outvoted at entry 5");
}

#[test]
fn who_is_alone_against_two_is_fenced() {
    let hashes = of_three();
    hashes.record(5, [1; 32]);
    hashes.told(SECOND, 5, &[2; 32]);
    hashes.told(THIRD, 5, &[2; 32]);
    assert!(hashes.difference().is_some());
    hashes.record(6, [1; 32]);
    assert!(hashes.difference().is_some());
}

#[test]
fn what_was_equal_before_the_difference_counts_for_nobody() {
    let hashes = of_three();
    hashes.record(4, [1; 32]);
    hashes.told(THIRD, 4, &[1; 32]);
    hashes.record(5, [1; 32]);
    hashes.told(SECOND, 5, &[2; 32]);
    assert!(hashes.difference().is_some());
    hashes.record(6, [1; 32]);
    hashes.told(THIRD, 6, &[1; 32]);
    assert_eq!(hashes.difference(), None);
}

#[test]
fn two_of_two_that_differ_are_both_silent_and_one_alone_never_is() {
    let hashes = Hashes::new(OWN);
    hashes.set_voters([OWN, SECOND]);
    hashes.record(5, [1; 32]);
    hashes.told(SECOND, 5, &[2; 32]);
    assert!(hashes.difference().is_some());
    hashes.set_voters([OWN]);
    assert_eq!(hashes.difference(), None);
}

#[test]
fn the_tables_of_who_does_not_vote_decide_nothing() {
    let hashes = of_three();
    hashes.record(5, [1; 32]);
    hashes.told(STRANGER, 5, &[2; 32]);
    assert_eq!(hashes.difference(), None);
    hashes.told(SECOND, 5, &[2; 32]);
    hashes.told(STRANGER, 5, &[1; 32]);
    assert!(hashes.difference().is_some());
}

#[test]
fn one_that_does_not_vote_is_fenced_by_a_voter_and_freed_by_most() {
    let hashes = Hashes::new(STRANGER);
    hashes.set_voters([OWN, SECOND, THIRD]);
    hashes.record(5, [1; 32]);
    hashes.told(OWN, 5, &[2; 32]);
    hashes.told(SECOND, 5, &[1; 32]);
    assert!(hashes.difference().is_some(), "one voter is no majority");
    hashes.told(THIRD, 5, &[1; 32]);
    assert_eq!(hashes.difference(), None);
}

#[test]
fn tables_that_are_equal_again_are_believed_again() {
    let hashes = of_three();
    hashes.record(5, [1; 32]);
    hashes.told(SECOND, 5, &[2; 32]);
    hashes.told(THIRD, 5, &[2; 32]);
    // As after a snapshot from the others.
    hashes.record(8, [8; 32]);
    hashes.told(SECOND, 8, &[8; 32]);
    hashes.told(THIRD, 8, &[8; 32]);
    assert_eq!(hashes.difference(), None);
    hashes.told(SECOND, 5, &[2; 32]);
    assert_eq!(hashes.difference(), None, "an old word, told late");
}

#[test]
fn what_is_long_past_is_not_compared() {
    let hashes = of_three();
    for index in 0..2000 {
        hashes.record(index, [1; 32]);
    }
    hashes.told(SECOND, 500, &[2; 32]);
    assert_eq!(hashes.difference(), None);
    hashes.told(SECOND, 1500, &[2; 32]);
    assert!(hashes.difference().is_some());
    assert_eq!(hashes.recent().len(), RECENT_HASHES_MAX);
}

#[test]
fn a_word_from_ahead_is_judged_when_this_node_gets_there() {
    let hashes = of_three();
    hashes.record(5, [1; 32]);
    hashes.told(SECOND, 7, &[7; 32]);
    hashes.told(SECOND, 9, &[9; 32]);
    hashes.record(8, [8; 32]);
    assert_eq!(hashes.difference(), None);
    hashes.record(9, [6; 32]);
    let found = hashes.difference().map(|found| found.index);
    assert_eq!(found, Some(9));
}

#[test]
fn words_from_ahead_are_bounded() {
    let hashes = of_three();
    for index in 0..10_000 {
        hashes.told(SECOND, index, &[1; 32]);
    }
    assert_eq!(hashes.state().others[&SECOND].told.len(), TOLD_HASHES_MAX);
}
