//! Passcodes: the lines of the tables "Begin" and "Settle" that they touch.

use super::world::*;
use crate::base::{Epoch, PasscodeId, PlaceId, UserId};
use crate::ledger::BeginResult::{Busy, Granted, Refused, Repeat};
use crate::ledger::{
    Begin, Command, Factors, RefusedBy, Revisions, SendPasscode, SendResult, SettleResult,
    SourceOutcome, Table, Verdict, storage,
};

pub(super) const RIGHT: PasscodeId = PasscodeId([5; 16]);
pub(super) const WRONG: PasscodeId = PasscodeId([6; 16]);

/// An answer of [`USER`] that asks for a passcode.
pub(super) fn ask(world: &World, key: u8, hash: PasscodeId) -> SendPasscode {
    SendPasscode {
        key: attempt_key(key),
        owner: owner(1, 1, key.into()),
        user: USER,
        client: CLIENT,
        place: HOME,
        revisions: Revisions::default(),
        hash,
        issued: at(world.now),
    }
}

pub(super) fn send(world: &mut World, send: &SendPasscode) -> SendResult {
    let command = Command::SendPasscode(Box::new(send.clone()));
    match world.run(vec![command]).pop() {
        Some(Outcome::SendPasscode(result)) => result,
        other => panic!("not of a passcode: {other:?}"),
    }
}

pub(super) fn sent(world: &mut World, key: u8, hash: PasscodeId) {
    let one = ask(world, key, hash);
    assert_eq!(send(world, &one), SendResult::Sent);
}

/// [`HOME`] is known from now on.
pub(super) fn know(world: &mut World, user: UserId) {
    let now = world.now;
    let key = user.0.to_be_bytes();
    world.edit(Table::Budgets, &key, |it: &mut storage::Budgets| {
        it.places = vec![storage::Place {
            place: HOME.0.to_vec(),
            seen: now,
            codes: None,
        }];
    });
}

/// A ledger that has sent [`RIGHT`].
pub(super) fn world() -> World {
    let mut world = World::new();
    sent(&mut world, 200, RIGHT);
    world
}

/// A login with this as its code.
pub(super) fn typed(world: &World, key: u8, hash: PasscodeId) -> Begin {
    Begin {
        passcodes: vec![hash],
        ..world.wrong_code(key)
    }
}

pub(super) fn alone(world: &World, key: u8, hash: PasscodeId) -> Begin {
    Begin {
        factors: Factors::Code,
        ..typed(world, key, hash)
    }
}

pub(super) fn stored(world: &World) -> storage::Passcode {
    world.record(Table::Passcodes, &USER.0.to_be_bytes())
}

#[test]
fn a_passcode_that_was_sent_lets_in_once() {
    let mut world = world();
    let begin = typed(&world, 1, RIGHT);
    let result = world.ask(&begin, SourceOutcome::Right);
    assert_eq!(result, SettleResult::Settled(Verdict::Accepted));
    let again = typed(&world, 2, RIGHT);
    assert_eq!(world.begin(&again), Refused(RefusedBy::Spent));
    assert_eq!(
        world.codes(PlaceId::ELSEWHERE).failures,
        0,
        "a replay is not counted"
    );
}

#[test]
fn it_is_found_under_any_of_the_keys_that_it_may_have_been_made_with() {
    let mut world = world();
    let begin = Begin {
        passcodes: vec![WRONG, RIGHT],
        ..alone(&world, 1, WRONG)
    };
    assert_eq!(world.begin(&begin), Repeat(Verdict::Accepted));
}

#[test]
fn line_4_a_retry_has_its_verdict_and_none_where_passcodes_are_allowed_no_more() {
    let mut world = world();
    let begin = alone(&world, 1, RIGHT);
    assert_eq!(world.begin(&begin), Repeat(Verdict::Accepted));
    let retry = Begin {
        owner: owner(2, 1, 1),
        ..begin
    };
    assert_eq!(world.begin(&retry), Repeat(Verdict::Accepted));
    let stricter = Begin {
        passcodes: Vec::new(),
        ..retry
    };
    assert_eq!(world.begin(&stricter), Refused(RefusedBy::Revoked));
}

#[test]
fn line_4_a_retry_of_a_wrong_one_takes_no_second_try() {
    let mut world = world();
    let begin = typed(&world, 1, WRONG);
    for flow in 1..4 {
        let retry = Begin {
            owner: owner(2, 1, flow),
            ..begin.clone()
        };
        assert_eq!(world.begin(&retry), Repeat(Verdict::WrongCode));
    }
    assert_eq!(stored(&world).tries, 2);
    assert_eq!(world.codes(PlaceId::ELSEWHERE).failures, 1);
}

#[test]
fn line_6_a_node_that_died_goes_on_with_its_passcode() {
    let mut world = world();
    let begin = typed(&world, 1, RIGHT);
    let prev = world.grant(&begin);
    let reborn = Begin {
        prev,
        owner: owner(1, 2, 1),
        ..begin
    };
    let epoch = world.grant(&reborn);
    let result = world.settle(1, epoch, SourceOutcome::Right);
    assert_eq!(result, SettleResult::Settled(Verdict::Accepted));
    assert!(stored(&world).spent);
}

#[test]
fn line_9_an_open_attempt_goes_on_with_its_passcode_though_its_time_is_over() {
    let mut world = world();
    world.pass(5 * MINUTE - 1);
    let prev = open(&mut world, 1);
    world.pass(1);
    let again = Begin {
        prev,
        ..typed(&world, 1, RIGHT)
    };
    assert!(matches!(world.begin(&again), Granted { .. }));
}

#[test]
fn line_9_an_open_attempt_whose_passcode_was_replaced_is_revoked() {
    let mut world = World::new();
    know(&mut world, USER);
    sent(&mut world, 200, RIGHT);
    let prev = open(&mut world, 1);
    let spent = alone(&world, 2, RIGHT);
    assert_eq!(world.begin(&spent), Repeat(Verdict::Accepted));
    sent(&mut world, 201, WRONG);
    let again = Begin {
        prev,
        ..typed(&world, 1, RIGHT)
    };
    assert_eq!(world.begin(&again), Refused(RefusedBy::Revoked));
}

#[test]
fn line_9_an_open_attempt_is_revoked_where_passcodes_are_allowed_no_more() {
    let mut world = world();
    let prev = open(&mut world, 1);
    let again = Begin {
        prev,
        ..world.wrong_code(1)
    };
    assert_eq!(world.begin(&again), Refused(RefusedBy::Revoked));
}

#[test]
fn line_10_a_wrong_one_counts_as_a_wrong_code_and_takes_a_try() {
    let mut world = world();
    for key in 1..4 {
        let begin = typed(&world, key, WRONG);
        assert_eq!(world.begin(&begin), Repeat(Verdict::WrongCode));
    }
    assert_eq!(world.codes(PlaceId::ELSEWHERE).failures, 3);
    assert_eq!(stored(&world).tries, 0);
    let right = typed(&world, 4, RIGHT);
    assert_eq!(
        world.begin(&right),
        Repeat(Verdict::WrongCode),
        "its tries are over"
    );
}

#[test]
fn line_10_a_wrong_one_that_is_the_only_factor_uses_the_strict_budget() {
    let mut world = world();
    let begin = alone(&world, 1, WRONG);
    assert_eq!(world.begin(&begin), Repeat(Verdict::WrongCode));
    assert_eq!(world.strict_keys(), [(1, 1)]);
}

#[test]
fn line_10_a_code_that_can_be_no_passcode_takes_no_try() {
    let mut world = world();
    let begin = world.wrong_code(1);
    world.begin(&begin);
    let begin = Begin {
        matches: vec![matched(100)],
        ..typed(&world, 2, WRONG)
    };
    assert!(
        matches!(world.begin(&begin), Granted { .. }),
        "it is a token's"
    );
    assert_eq!(stored(&world).tries, 3);
}

#[test]
fn line_10_after_five_minutes_a_passcode_is_a_wrong_code() {
    let mut world = world();
    world.pass(5 * MINUTE - 1);
    let begin = alone(&world, 1, RIGHT);
    let early = Begin { ..begin.clone() };
    world.pass(1);
    let late = Begin {
        issued: at(world.now),
        ..begin
    };
    assert_eq!(world.begin(&late), Repeat(Verdict::WrongCode));
    let mut world = self::world();
    world.pass(5 * MINUTE - 1);
    assert_eq!(world.begin(&early), Repeat(Verdict::Accepted));
}

#[test]
fn line_10_one_that_was_replaced_is_a_wrong_code() {
    let mut world = world();
    sent(&mut world, 201, WRONG);
    let begin = alone(&world, 1, RIGHT);
    assert_eq!(world.begin(&begin), Repeat(Verdict::WrongCode));
}

#[test]
fn line_10_nobody_is_let_in_by_the_passcode_of_another_user() {
    let mut world = world();
    let begin = Begin {
        user: OTHER_USER,
        ..alone(&world, 1, RIGHT)
    };
    assert_eq!(world.begin(&begin), Repeat(Verdict::WrongCode));
}

#[test]
fn line_11_what_was_burned_at_the_match_is_its_own_keys_alone() {
    let mut world = world();
    world.edit_client(|it| it.burn_code = storage::BurnCode::OnMatch.into());
    let prev = open(&mut world, 1);
    assert!(stored(&world).spent, "at the match");
    let other = typed(&world, 2, RIGHT);
    assert_eq!(world.begin(&other), Refused(RefusedBy::Spent));
    let again = Begin {
        prev,
        ..typed(&world, 1, RIGHT)
    };
    assert!(matches!(world.begin(&again), Granted { .. }));
}

#[test]
fn line_12_a_passcode_in_flight_is_one_logins() {
    let mut world = world();
    let begin = typed(&world, 1, RIGHT);
    let epoch = world.grant(&begin);
    let other = typed(&world, 2, RIGHT);
    assert!(matches!(world.begin(&other), Busy { .. }));
    world.settle(1, epoch, SourceOutcome::NotAsked);
    assert!(matches!(world.begin(&other), Granted { .. }), "given back");
}

#[test]
fn line_14_a_code_alone_spends_it_at_once() {
    let mut world = world();
    let begin = alone(&world, 1, RIGHT);
    assert_eq!(world.begin(&begin), Repeat(Verdict::Accepted));
    assert!(stored(&world).spent);
    let other = alone(&world, 2, RIGHT);
    assert_eq!(world.begin(&other), Refused(RefusedBy::Spent));
}

#[test]
fn line_14_a_tokens_code_that_is_the_passcode_too_spends_the_tokens_alone() {
    let mut world = world();
    let begin = Begin {
        matches: vec![matched(100)],
        ..alone(&world, 1, RIGHT)
    };
    assert_eq!(world.begin(&begin), Repeat(Verdict::Accepted));
    assert_eq!(world.counter().last_spent, 100);
    assert!(!stored(&world).spent);
}

#[test]
fn line_14_a_record_of_the_password_alone_goes_on_with_the_passcode_that_is_typed_now() {
    let mut world = world();
    let begin = world.password_login(1);
    let prev = world.grant(&begin);
    world.settle(1, prev, SourceOutcome::NotAsked);
    let again = Begin {
        prev,
        ..typed(&world, 1, RIGHT)
    };
    assert!(matches!(world.begin(&again), Granted { .. }));
    let epoch = world.grant(&again);
    world.settle(1, epoch, SourceOutcome::Right);
    assert!(stored(&world).spent);
}

#[test]
fn settle_line_6_a_wrong_password_does_not_spend_it() {
    let mut world = world();
    let begin = typed(&world, 1, RIGHT);
    world.ask(&begin, SourceOutcome::Wrong);
    assert!(!stored(&world).spent);
    let begin = typed(&world, 2, RIGHT);
    let result = world.ask(&begin, SourceOutcome::Right);
    assert_eq!(result, SettleResult::Settled(Verdict::Accepted));
}

#[test]
fn settle_line_9_one_that_was_replaced_meanwhile_spends_no_other() {
    let mut world = world();
    let begin = typed(&world, 1, RIGHT);
    let epoch = world.grant(&begin);
    sent(&mut world, 201, WRONG);
    let result = world.settle(1, epoch, SourceOutcome::Right);
    assert_eq!(result, SettleResult::Settled(Verdict::Accepted));
    assert!(!stored(&world).spent);
}

#[test]
fn what_is_stored_says_nothing_of_the_passcode_but_its_hash() {
    let stored = stored(&world());
    assert_eq!((stored.number, stored.tries, stored.spent), (1, 3, false));
    assert_eq!(stored.until, START + 5 * MINUTE);
    assert_eq!(stored.hash, RIGHT.0);
}

#[test]
fn an_ask_survives_the_way_to_the_leader() {
    let world = World::new();
    let command = Command::SendPasscode(Box::new(ask(&world, 200, RIGHT)));
    assert_eq!(Command::decode(&command.encode()), Ok(command));
    let begin = Command::Begin(typed(&world, 1, RIGHT));
    assert_eq!(Command::decode(&begin.encode()), Ok(begin));
    let many = Command::Begin(Begin {
        passcodes: vec![RIGHT; 4],
        ..typed(&world, 1, RIGHT)
    });
    assert!(Command::decode(&many.encode()).is_err());
}

/// An attempt with the passcode that the source never got to.
fn open(world: &mut World, key: u8) -> Epoch {
    let begin = typed(world, key, RIGHT);
    let epoch = world.grant(&begin);
    let result = world.settle(key, epoch, SourceOutcome::NotAsked);
    assert_eq!(result, SettleResult::Released);
    epoch
}
