//! The strict budget across logins, and what an operator may set.

use super::world::*;
use crate::base::PlaceId;
use crate::ledger::budgets::{Standing, unlock};
use crate::ledger::{Begin, BeginResult, Draft, RefusedBy, SourceOutcome, storage};

#[test]
fn limits_that_are_set_hold() {
    let mut world = World::new();
    world.set_limits(storage::Limits {
        strict_failures: 1,
        strict_lock: 1_000,
        ..storage::Limits::default()
    });
    let begin = world.login(1, 100);
    world.ask(&begin, SourceOutcome::Wrong);
    assert_eq!(world.standing(HOME), Standing::Locked);
    world.pass(1_000);
    assert_eq!(world.standing(HOME), Standing::Free);
}

#[test]
fn a_limit_beyond_every_bound_is_cut() {
    let mut world = World::new();
    world.set_limits(storage::Limits {
        strict_failures: u32::MAX,
        ..storage::Limits::default()
    });
    for key in 1..=50 {
        let begin = world.login(key, 100);
        world.ask(&begin, SourceOutcome::Wrong);
    }
    assert_eq!(world.standing(HOME), Standing::Locked);
}

#[test]
fn the_same_password_is_counted_once_however_often_it_is_asked() {
    let mut world = World::new();
    let mut begin = world.login(1, 100);
    for _ in 0..5 {
        let epoch = world.grant(&begin);
        world.settle(1, epoch, SourceOutcome::Unanswered);
        begin.prev = epoch;
    }
    assert_eq!(world.strict_keys(), [(1, 2)]);
}

#[test]
fn one_users_failures_are_not_anothers() {
    let mut world = World::new();
    for key in 1..4 {
        let begin = world.login(key, 100);
        world.ask(&begin, SourceOutcome::Wrong);
    }
    let other = Begin {
        user: OTHER_USER,
        matches: vec![crate::ledger::Match {
            token: crate::base::TokenId(21),
            ..matched(100)
        }],
        ..world.login(9, 0)
    };
    assert!(matches!(world.begin(&other), BeginResult::Granted { .. }));
}

#[test]
fn an_operators_unlock_forgets_failures_but_no_claim() {
    let mut world = World::new();
    world.set_limits(storage::Limits {
        strict_failures: 4,
        ..storage::Limits::default()
    });
    let in_flight = world.login(9, 109);
    world.grant(&in_flight);
    for key in 1..4 {
        let begin = world.login(key, 100);
        world.ask(&begin, SourceOutcome::Wrong);
    }
    let wrong = world.wrong_code(7);
    world.begin(&wrong);
    let mut draft = Draft::new(&world.tables);
    unlock(&mut draft, USER, at(world.now)).unwrap();
    let writes = draft.into_writes();
    world.tables.write(writes);
    assert_eq!(world.strict_keys(), [(9, 3)]);
    assert_eq!(world.codes(PlaceId::ELSEWHERE), storage::Codes::default());
    let other = world.login(8, 109);
    assert!(matches!(world.begin(&other), BeginResult::Busy { .. }));
}

#[test]
fn an_operators_unlock_forgets_wrong_codes_from_everywhere_and_no_place() {
    let mut world = World::new();
    world.let_in(1, 100);
    for (key, place) in [(2, HOME), (3, PlaceId([9; 16]))] {
        let wrong = Begin {
            place,
            ..world.wrong_code(key)
        };
        world.begin(&wrong);
        assert_eq!(world.codes(HOME).failures, 1);
    }
    let known = world.places();
    let mut draft = Draft::new(&world.tables);
    unlock(&mut draft, USER, at(world.now)).unwrap();
    let writes = draft.into_writes();
    world.tables.write(writes);
    for place in [HOME, PlaceId::ELSEWHERE] {
        assert_eq!(world.codes(place), storage::Codes::default());
    }
    assert_eq!(world.places(), known);
}

#[test]
fn an_unlock_of_one_user_leaves_the_next_users_codes() {
    let mut world = World::new();
    let wrong = Begin {
        user: OTHER_USER,
        ..world.wrong_code(7)
    };
    world.begin(&wrong);
    let mut draft = Draft::new(&world.tables);
    unlock(&mut draft, USER, at(world.now)).unwrap();
    assert_eq!(draft.into_writes(), []);
}

#[test]
fn a_thousand_wrong_codes_from_an_unknown_place_are_judged_five_times() {
    let mut world = World::new();
    let mut judged = 0;
    for number in 0..1_000_u16 {
        let mut begin = world.wrong_code(1);
        begin.key.0[..2].copy_from_slice(&number.to_be_bytes());
        match world.begin(&begin) {
            BeginResult::Repeat(_) => judged += 1,
            other => assert_eq!(other, BeginResult::Refused(RefusedBy::Waiting)),
        }
    }
    assert_eq!(judged, 5);
}
