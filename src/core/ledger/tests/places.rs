//! Wrong codes per place: known places apart, all others together.

use super::world::*;
use crate::base::PlaceId;
use crate::ledger::budgets::Standing;
use crate::ledger::storage;
use crate::ledger::{Begin, BeginResult, RefusedBy, SettleResult, SourceOutcome, Table, Verdict};

const DAY: u64 = 24 * 60 * MINUTE;

#[test]
fn an_attacker_elsewhere_does_not_keep_the_user_out_at_home() {
    let mut world = World::new();
    world.let_in(1, 100);
    for number in 0..50 {
        let guess = Begin {
            place: PlaceId([100 + number; 16]),
            ..world.wrong_code(100 + number)
        };
        world.begin(&guess);
    }
    assert_eq!(world.standing(HOME), Standing::Free);
    assert!(matches!(
        world.standing(PlaceId([100; 16])),
        Standing::Waiting { .. }
    ));
    world.let_in(2, 101);
    assert_eq!(world.codes(PlaceId::ELSEWHERE).failures, 5);
}

#[test]
fn a_code_alone_makes_the_place_known_too() {
    let mut world = World::new();
    let begin = world.code_login(1, 100);
    world.begin(&begin);
    let wrong = world.wrong_code(2);
    world.begin(&wrong);
    assert_eq!(world.codes(HOME).failures, 1);
}

#[test]
fn a_known_place_waits_after_ten_wrong_codes_until_its_window_ends() {
    let mut world = World::new();
    world.let_in(1, 100);
    let end = world.now + 10 * MINUTE;
    for key in 10..20 {
        assert_eq!(world.standing(HOME), Standing::Free);
        let begin = world.wrong_code(key);
        assert_eq!(world.begin(&begin), BeginResult::Repeat(Verdict::WrongCode));
        world.pass(1_000);
    }
    assert_eq!(world.standing(HOME), Standing::Waiting { until: at(end) });
    world.now = end - 1;
    let begin = world.wrong_code(30);
    assert_eq!(
        world.begin(&begin),
        BeginResult::Refused(RefusedBy::Waiting)
    );
    world.now = end;
    assert_eq!(world.standing(HOME), Standing::Free);
    let begin = world.wrong_code(31);
    world.begin(&begin);
    assert_eq!(world.codes(HOME).failures, 1);
}

#[test]
fn elsewhere_one_guess_per_wait_that_doubles_up_to_a_day() {
    let mut world = World::new();
    for key in 1..5 {
        let begin = world.wrong_code(key);
        world.begin(&begin);
        assert_eq!(world.standing(HOME), Standing::Free);
    }
    let mut wait = MINUTE;
    for key in 5..25 {
        let begin = world.wrong_code(key);
        assert_eq!(world.begin(&begin), BeginResult::Repeat(Verdict::WrongCode));
        let until = at(world.now + wait);
        assert_eq!(world.standing(HOME), Standing::Waiting { until });
        world.pass(wait);
        assert_eq!(world.standing(HOME), Standing::Free);
        wait = (wait * 2).min(DAY);
    }
    assert_eq!(wait, DAY);
}

#[test]
fn elsewhere_time_alone_clears_nothing() {
    let mut world = World::new();
    for key in 1..6 {
        let begin = world.wrong_code(key);
        world.begin(&begin);
    }
    world.pass(30 * DAY);
    let begin = world.wrong_code(9);
    world.begin(&begin);
    let until = at(world.now + 2 * MINUTE);
    assert_eq!(world.standing(HOME), Standing::Waiting { until });
}

#[test]
fn a_login_from_a_known_place_clears_its_own_budget_only() {
    let mut world = World::new();
    world.let_in(1, 100);
    let elsewhere = Begin {
        place: PlaceId([9; 16]),
        ..world.wrong_code(2)
    };
    world.begin(&elsewhere);
    let home = world.wrong_code(3);
    world.begin(&home);
    world.let_in(4, 101);
    assert_eq!(world.codes(HOME), storage::Codes::default());
    assert_eq!(world.codes(PlaceId::ELSEWHERE).failures, 1);
}

#[test]
fn a_login_from_elsewhere_clears_the_shared_budget() {
    let mut world = World::new();
    let wrong = Begin {
        place: PlaceId([9; 16]),
        ..world.wrong_code(2)
    };
    world.begin(&wrong);
    world.let_in(1, 100);
    assert_eq!(world.codes(PlaceId::ELSEWHERE), storage::Codes::default());
}

#[test]
fn a_place_is_known_for_ninety_days() {
    let mut world = World::new();
    world.let_in(1, 100);
    world.pass(90 * DAY);
    let wrong = world.wrong_code(2);
    world.begin(&wrong);
    assert_eq!(world.codes(HOME).failures, 1);
    world.pass(1);
    let wrong = world.wrong_code(3);
    world.begin(&wrong);
    assert_eq!(world.codes(HOME).failures, 1);
    assert_eq!(world.codes(PlaceId::ELSEWHERE).failures, 1);
}

#[test]
fn the_place_not_seen_for_longest_makes_room_and_its_budget_goes() {
    let mut world = World::new();
    let let_in_at = |world: &mut World, place: u8| {
        world.pass(30_000);
        let begin = Begin {
            place: PlaceId([place; 16]),
            ..world.login(place, world.now / 30_000)
        };
        let result = world.ask(&begin, SourceOutcome::Right);
        assert_eq!(result, SettleResult::Settled(Verdict::Accepted));
    };
    for place in 1..9 {
        let_in_at(&mut world, place);
    }
    for (key, place) in [(101, 1), (102, 2)] {
        let wrong = Begin {
            place: PlaceId([place; 16]),
            ..world.wrong_code(key)
        };
        world.begin(&wrong);
    }
    world.pass(5 * MINUTE);
    let_in_at(&mut world, 1);
    let_in_at(&mut world, 9);
    let known: Vec<_> = world.places().iter().map(|(place, _)| *place).collect();
    assert_eq!(known, [3, 4, 5, 6, 7, 8, 1, 9]);
    let budgets = world.budgets();
    assert!(budgets.places.iter().all(|it| it.codes.is_none()));
    assert_eq!(budgets.elsewhere, None);
}

#[test]
fn elsewhere_itself_never_becomes_known() {
    let mut world = World::new();
    let begin = Begin {
        place: PlaceId::ELSEWHERE,
        ..world.login(1, 100)
    };
    world.ask(&begin, SourceOutcome::Right);
    assert_eq!(world.count(Table::Budgets), 0);
}

#[test]
fn a_login_from_a_known_place_is_noted_again_after_an_hour() {
    let mut world = World::new();
    world.let_in(1, 100);
    let first = world.now;
    world.pass(60 * MINUTE - 1);
    world.let_in(2, 101);
    assert_eq!(world.places(), [(7, first)]);
    world.pass(1);
    world.let_in(3, 102);
    assert_eq!(world.places(), [(7, world.now)]);
}

#[test]
fn a_place_that_was_just_noted_still_clears_its_wrong_codes() {
    let mut world = World::new();
    world.let_in(1, 100);
    world.pass(MINUTE);
    let wrong = world.wrong_code(2);
    world.begin(&wrong);
    world.let_in(3, 101);
    assert_eq!(world.codes(HOME), storage::Codes::default());
    assert_eq!(world.places(), [(7, world.now)]);
}

#[test]
fn a_place_known_once_more_starts_without_the_failures_of_before() {
    let mut world = World::new();
    world.let_in(1, 100);
    let wrong = world.wrong_code(2);
    world.begin(&wrong);
    world.pass(90 * DAY + 1);
    world.let_in(3, 101);
    assert_eq!(world.codes(HOME), storage::Codes::default());
    assert_eq!(world.places(), [(7, world.now)]);
}
