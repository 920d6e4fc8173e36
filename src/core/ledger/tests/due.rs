//! What becomes due for a user: resets and ends of leases, in order of time.

use super::world::*;
use crate::base::PlaceId;
use crate::ledger::budgets::Standing;
use crate::ledger::{Begin, BeginResult, RefusedBy, SourceOutcome, storage};

#[test]
fn a_lease_that_ends_leaves_the_key_unsure_from_that_moment() {
    let mut world = World::new();
    let begin = world.login(1, 100);
    world.grant(&begin);
    let end = world.now + LEASE;
    world.pass(LEASE);
    touch(&mut world);
    assert_eq!(world.strict_keys(), [(1, 2)]);
    assert_eq!(world.strict().reset_at, end + 10 * MINUTE);
}

#[test]
fn a_lease_holds_to_its_last_millisecond() {
    let mut world = World::new();
    let begin = world.login(1, 100);
    world.grant(&begin);
    world.pass(LEASE - 1);
    touch(&mut world);
    assert_eq!(world.strict_keys(), [(1, 3)]);
}

#[test]
fn the_window_is_counted_from_the_lapse_however_late_it_is_noticed() {
    let mut world = World::new();
    let begin = world.login(1, 100);
    world.grant(&begin);
    world.pass(LEASE + 10 * MINUTE);
    touch(&mut world);
    assert_eq!(world.strict(), storage::Strict::default());
}

#[test]
fn a_reset_forgets_wrong_and_unsure_keys_and_unlocks() {
    let mut world = World::new();
    for key in 1..4 {
        let begin = world.login(key, 100);
        world.ask(&begin, SourceOutcome::Wrong);
    }
    assert_eq!(world.standing(HOME), Standing::Locked);
    world.pass(10 * MINUTE - 1);
    assert_eq!(world.standing(HOME), Standing::Locked);
    world.pass(1);
    assert_eq!(world.standing(HOME), Standing::Free);
    let begin = world.login(1, 100);
    assert!(matches!(world.begin(&begin), BeginResult::Granted { .. }));
    assert_eq!(world.strict_keys(), [(1, 3)]);
}

#[test]
fn a_reset_before_the_end_of_a_lease_does_not_forget_that_key() {
    let mut world = World::new();
    let reset = wrong_then_in_flight(&mut world, 1);
    world.now = reset + 1;
    touch(&mut world);
    assert_eq!(world.strict_keys(), [(2, 2)]);
    assert_eq!(world.strict().reset_at, reset + 1 + 10 * MINUTE);
}

#[test]
fn the_end_of_a_lease_before_the_reset_is_forgotten_by_it() {
    let mut world = World::new();
    let reset = wrong_then_in_flight(&mut world, 0);
    world.now = reset;
    // The tie: the reset is first, so the key counts into the next window.
    touch(&mut world);
    assert_eq!(world.strict_keys(), [(2, 2)]);
    assert_eq!(world.strict().reset_at, reset + 10 * MINUTE);

    let mut world = World::new();
    let wrong = world.login(1, 100);
    world.ask(&wrong, SourceOutcome::Wrong);
    let reset = world.now + 10 * MINUTE;
    world.now = reset - LEASE - 1;
    let begin = world.login(2, 101);
    world.grant(&begin);
    world.now = reset;
    touch(&mut world);
    assert_eq!(world.strict(), storage::Strict::default());
}

#[test]
fn a_reset_takes_the_unsureness_of_a_key_in_flight_but_not_its_claim() {
    let mut world = World::new();
    world.edit_client(|it| it.retry_grace = 120_000);
    world.set_limits(storage::Limits {
        strict_window: 60_000,
        ..storage::Limits::default()
    });
    let begin = world.login(1, 100);
    let prev = world.grant(&begin);
    world.settle(1, prev, SourceOutcome::Unanswered);
    world.pass(55_000);
    let again = Begin {
        prev,
        ..world.login(1, 100)
    };
    let epoch = world.grant(&again);
    assert_eq!(world.strict_keys(), [(1, 4)]);
    world.pass(6_000);
    let other = world.login(2, 100);
    assert!(matches!(world.begin(&other), BeginResult::Busy { .. }));
    assert_eq!(world.strict_keys(), [(1, 3)]);
    world.settle(1, epoch, SourceOutcome::NotAsked);
    assert_eq!(world.strict_keys(), []);
}

#[test]
fn what_is_due_is_seen_by_the_nodes_own_look() {
    let mut world = World::new();
    let begin = world.login(1, 100);
    world.grant(&begin);
    let until = at(world.now + LEASE);
    world.pass(LEASE);
    let wrong = Begin {
        user: OTHER_USER,
        matches: Vec::new(),
        ..world.login(9, 0)
    };
    world.begin(&wrong);
    let state = world.look(1).unwrap().state;
    assert_eq!(state, crate::ledger::attempts::State::Open { at: until });
}

#[test]
fn entry_time_never_goes_back() {
    let mut world = World::new();
    let begin = world.login(1, 100);
    world.grant(&begin);
    let issued = begin.issued;
    world.now -= 60_000;
    let late = world.login(2, 100);
    let late = Begin { issued, ..late };
    let until = issued.plus(std::time::Duration::from_millis(LEASE));
    assert_eq!(world.begin(&late), BeginResult::Busy { until });
    assert_eq!(world.head().at, START);
}

#[test]
fn the_window_opens_at_the_first_failure_and_later_ones_do_not_stretch_it() {
    let mut world = World::new();
    let first = world.login(1, 100);
    world.ask(&first, SourceOutcome::Wrong);
    let reset = world.now + 10 * MINUTE;
    world.pass(MINUTE);
    let second = world.login(2, 100);
    world.ask(&second, SourceOutcome::Wrong);
    assert_eq!(world.strict().reset_at, reset);
    world.pass(MINUTE);
    let third = world.login(3, 100);
    world.ask(&third, SourceOutcome::Wrong);
    assert_eq!(world.strict().reset_at, world.now + 10 * MINUTE);
}

#[test]
fn a_login_refused_as_locked_does_not_stretch_the_lock() {
    let mut world = World::new();
    for key in 1..4 {
        let begin = world.login(key, 100);
        world.ask(&begin, SourceOutcome::Wrong);
    }
    let reset = world.strict().reset_at;
    world.pass(MINUTE);
    let begin = world.login(9, 100);
    assert_eq!(world.begin(&begin), BeginResult::Refused(RefusedBy::Locked));
    assert_eq!(world.strict().reset_at, reset);
    assert_eq!(world.codes(PlaceId::ELSEWHERE), storage::Codes::default());
}

/// A wrong key, and another in flight whose lease ends `after` the reset. Returns when
/// the reset is.
fn wrong_then_in_flight(world: &mut World, after: u64) -> u64 {
    let wrong = world.login(1, 100);
    world.ask(&wrong, SourceOutcome::Wrong);
    let reset = world.now + 10 * MINUTE;
    world.now = reset - LEASE + after;
    let begin = world.login(2, 101);
    world.grant(&begin);
    reset
}

/// A replay of the user's, which changes nothing by itself.
fn touch(world: &mut World) {
    let begin = Begin {
        matches: vec![matched(0)],
        ..world.login(200, 0)
    };
    assert_eq!(world.begin(&begin), BeginResult::Refused(RefusedBy::Spent));
}
