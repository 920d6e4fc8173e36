//! Passcodes of known places apart from those of all others, so that an attacker elsewhere who
//! knows a user's name does not keep the user out.

use super::passcodes::{ask, know, send, sent, typed};
use super::world::*;
use crate::base::{PasscodeId, PlaceId};
use crate::ledger::BeginResult::{Granted, Refused, Repeat};
use crate::ledger::{
    Begin, RefusedBy, SendPasscode, SendResult, SettleResult, SourceOutcome, Table, Verdict,
    storage,
};

const OF_HOME: PasscodeId = PasscodeId([5; 16]);
const OF_ELSEWHERE: PasscodeId = PasscodeId([6; 16]);
const WRONG: PasscodeId = PasscodeId([9; 16]);
const FAR: PlaceId = PlaceId([99; 16]);
const FULL: SendResult = SendResult::Refused(RefusedBy::Limit);

/// A ledger that knows [`HOME`].
fn world() -> World {
    let mut world = World::new();
    know(&mut world, USER);
    world
}

fn ask_far(world: &World, key: u8) -> SendPasscode {
    SendPasscode {
        place: FAR,
        ..ask(world, key, OF_ELSEWHERE)
    }
}

fn sent_far(world: &mut World, key: u8) {
    let asked = ask_far(world, key);
    assert_eq!(send(world, &asked), SendResult::Sent);
}

fn typed_far(world: &World, key: u8, hash: PasscodeId) -> Begin {
    Begin {
        place: FAR,
        ..typed(world, key, hash)
    }
}

fn of_home(world: &World) -> storage::Passcode {
    let key = [&USER.0.to_be_bytes()[..], &[1]].concat();
    world.record(Table::Passcodes, &key)
}

fn of_elsewhere(world: &World) -> storage::Passcode {
    world.record(Table::Passcodes, &USER.0.to_be_bytes())
}

#[test]
fn who_asks_elsewhere_uses_up_none_of_what_known_places_have() {
    let mut world = world();
    for key in 1..10 {
        let asked = ask_far(&world, key);
        send(&mut world, &asked);
        world.pass(1);
    }
    let asked = ask_far(&world, 10);
    assert_eq!(send(&mut world, &asked), FULL);
    for key in 11..14 {
        sent(&mut world, key, OF_HOME);
    }
    let asked = ask(&world, 14, OF_HOME);
    assert_eq!(send(&mut world, &asked), FULL);
    assert_eq!(of_elsewhere(&world).sent.len(), 2);
    assert_eq!(of_home(&world).sent.len(), 3);
}

#[test]
fn elsewhere_two_in_ten_minutes_and_five_a_day_and_at_home_twice_as_many() {
    for (place, in_a_row, a_day) in [(FAR, 2, 5), (HOME, 3, 10)] {
        let mut world = world();
        let (mut key, mut all) = (0, 0);
        for _ in 0..6 {
            for turn in 0..4 {
                key += 1;
                let asked = SendPasscode {
                    place,
                    ..ask(&world, key, OF_HOME)
                };
                let result = send(&mut world, &asked);
                let fits = turn < in_a_row && all < a_day;
                let expected = if fits { SendResult::Sent } else { FULL };
                assert_eq!(result, expected, "{place:?} {key}");
                all += usize::from(fits);
            }
            world.pass(10 * MINUTE);
        }
        assert_eq!(all, a_day);
    }
}

#[test]
fn who_asks_elsewhere_replaces_no_passcode_of_a_known_place() {
    let mut world = world();
    sent(&mut world, 1, OF_HOME);
    sent_far(&mut world, 2);
    let begin = typed(&world, 3, OF_HOME);
    let result = world.ask(&begin, SourceOutcome::Right);
    assert_eq!(result, SettleResult::Settled(Verdict::Accepted));
    assert!(of_home(&world).spent && !of_elsewhere(&world).spent);
}

#[test]
fn wrong_codes_from_elsewhere_take_no_try_of_a_known_places_passcode() {
    let mut world = world();
    sent(&mut world, 1, OF_HOME);
    sent_far(&mut world, 2);
    for key in 3..6 {
        let begin = typed_far(&world, key, WRONG);
        assert_eq!(world.begin(&begin), Repeat(Verdict::WrongCode));
    }
    assert_eq!((of_home(&world).tries, of_elsewhere(&world).tries), (3, 0));
    let begin = typed(&world, 6, WRONG);
    world.begin(&begin);
    assert_eq!((of_home(&world).tries, of_elsewhere(&world).tries), (2, 0));
}

#[test]
fn a_passcode_lets_in_only_from_the_places_that_it_was_asked_for_at() {
    let mut world = world();
    sent(&mut world, 1, OF_HOME);
    sent_far(&mut world, 2);
    let stolen = typed_far(&world, 3, OF_HOME);
    assert_eq!(world.begin(&stolen), Repeat(Verdict::WrongCode));
    let other_way = typed(&world, 4, OF_ELSEWHERE);
    assert_eq!(world.begin(&other_way), Repeat(Verdict::WrongCode));
    let from_another = Begin {
        place: PlaceId([98; 16]),
        ..typed(&world, 5, OF_ELSEWHERE)
    };
    assert!(matches!(world.begin(&from_another), Granted { .. }));
}

#[test]
fn a_place_that_becomes_known_meanwhile_changes_nothing_for_who_has_begun() {
    let mut world = World::new();
    sent(&mut world, 1, OF_HOME);
    let begin = typed(&world, 2, OF_HOME);
    let prev = world.grant(&begin);
    world.settle(2, prev, SourceOutcome::NotAsked);
    know(&mut world, USER);
    let again = Begin { prev, ..begin };
    let epoch = world.grant(&again);
    let other = typed(&world, 3, OF_HOME);
    assert_eq!(
        world.begin(&other),
        Repeat(Verdict::WrongCode),
        "it is of elsewhere"
    );
    world.settle(2, epoch, SourceOutcome::Right);
    assert!(of_elsewhere(&world).spent);
    assert_eq!(of_home(&world).number, 0);
}

#[test]
fn what_has_let_in_is_a_replay_also_where_the_place_is_known_by_it() {
    let mut world = World::new();
    sent(&mut world, 1, OF_HOME);
    let begin = typed(&world, 2, OF_HOME);
    world.ask(&begin, SourceOutcome::Right);
    for (key, place) in [(3, HOME), (4, FAR)] {
        let again = Begin {
            place,
            ..typed(&world, key, OF_HOME)
        };
        assert_eq!(world.begin(&again), Refused(RefusedBy::Spent));
    }
}

#[test]
fn a_retry_of_one_ask_is_known_though_the_place_became_known() {
    let mut world = World::new();
    sent(&mut world, 1, OF_HOME);
    know(&mut world, USER);
    let again = SendPasscode {
        owner: owner(2, 1, 1),
        ..ask(&world, 1, OF_HOME)
    };
    assert_eq!(send(&mut world, &again), SendResult::Already);
}

#[test]
fn the_numbers_of_the_two_are_never_the_same() {
    let mut world = world();
    for key in [1, 2] {
        sent(&mut world, key, OF_HOME);
        sent_far(&mut world, key + 2);
        let numbers = (of_home(&world).number, of_elsewhere(&world).number);
        assert_eq!(numbers, (2 * u64::from(key), 2 * u64::from(key) - 1));
    }
}

#[test]
fn one_whose_number_is_of_other_places_lets_nobody_in() {
    let mut world = World::new();
    sent(&mut world, 1, OF_HOME);
    let key = USER.0.to_be_bytes();
    world.edit(Table::Passcodes, &key, |it: &mut storage::Passcode| {
        it.number = 2
    });
    let begin = typed(&world, 2, OF_HOME);
    assert_eq!(world.begin(&begin), Repeat(Verdict::WrongCode));
}

#[test]
fn asks_from_elsewhere_leave_half_of_the_clusters_share_to_known_places() {
    let mut world = World::new();
    know(&mut world, OTHER_USER);
    world.set_limits(storage::Limits {
        passcodes_per_minute: 4,
        ..storage::Limits::default()
    });
    let full = SendResult::Refused(RefusedBy::Overload);
    let mut one = |key, user| {
        let asked = SendPasscode {
            user,
            ..ask(&world, key, OF_HOME)
        };
        send(&mut world, &asked)
    };
    assert_eq!([one(1, USER), one(2, USER)], [SendResult::Sent; 2]);
    let at_home = [one(3, OTHER_USER), one(4, OTHER_USER)];
    assert_eq!(at_home, [SendResult::Sent; 2]);
    assert_eq!(one(5, OTHER_USER), full, "all of a minute");
}

#[test]
fn elsewhere_no_more_than_half_of_a_minute_is_sent_at_once() {
    let mut world = World::new();
    world.set_limits(storage::Limits {
        passcodes_per_minute: 4,
        ..storage::Limits::default()
    });
    let one = |world: &mut World, key, user| {
        let asked = SendPasscode {
            user,
            ..ask(world, key, OF_HOME)
        };
        send(world, &asked)
    };
    assert_eq!(one(&mut world, 1, USER), SendResult::Sent);
    assert_eq!(one(&mut world, 2, OTHER_USER), SendResult::Sent);
    let full = SendResult::Refused(RefusedBy::Overload);
    assert_eq!(one(&mut world, 3, OTHER_USER), full);
    world.pass(MINUTE / 4);
    assert_eq!(one(&mut world, 4, OTHER_USER), SendResult::Sent);
}

#[test]
fn where_the_cluster_sends_one_a_minute_elsewhere_has_it_too() {
    let mut world = World::new();
    world.set_limits(storage::Limits {
        passcodes_per_minute: 1,
        ..storage::Limits::default()
    });
    sent(&mut world, 1, OF_HOME);
    let asked = ask(&world, 2, OF_HOME);
    let full = SendResult::Refused(RefusedBy::Overload);
    assert_eq!(send(&mut world, &asked), full);
}

#[test]
fn an_attacker_elsewhere_keeps_nobody_out_at_home_whatever_is_asked_and_typed() {
    let mut world = world();
    for round in 0..20 {
        let asked = ask_far(&world, 100 + round);
        send(&mut world, &asked);
        let guess = typed_far(&world, 150 + round, WRONG);
        world.begin(&guess);
        world.pass(1);
    }
    sent(&mut world, 1, OF_HOME);
    let asked = ask_far(&world, 2);
    send(&mut world, &asked);
    let guess = typed_far(&world, 3, WRONG);
    assert_eq!(world.begin(&guess), Refused(RefusedBy::Waiting));
    let begin = typed(&world, 4, OF_HOME);
    let result = world.ask(&begin, SourceOutcome::Right);
    assert_eq!(result, SettleResult::Settled(Verdict::Accepted));
}
