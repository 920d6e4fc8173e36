//! Logins by the password alone: DESIGN §2, tables "Begin" and "Settle", where the rule asks
//! for no code.

use super::world::*;
use crate::base::{Epoch, PlaceId};
use crate::ledger::BeginResult::{Granted, Refused, Repeat};
use crate::ledger::attempts::State;
use crate::ledger::{Begin, BurnCode, RefusedBy, SettleResult, SourceOutcome, Verdict, storage};

fn accepted(world: &mut World, begin: &Begin) {
    let result = world.ask(begin, SourceOutcome::Right);
    assert_eq!(result, SettleResult::Settled(Verdict::Accepted));
}

#[test]
fn line_10_a_login_by_the_password_alone_is_no_wrong_code() {
    let mut world = World::new();
    let begin = world.password_login(1);
    accepted(&mut world, &begin);
    assert_eq!(world.codes(PlaceId::ELSEWHERE).failures, 0);
    assert_eq!(world.counter().last_spent, 0);
    assert_eq!(world.begin(&begin), Repeat(Verdict::Accepted));
}

#[test]
fn line_13_wrong_passwords_alone_use_up_the_strict_budget() {
    let mut world = World::new();
    for key in 1..4 {
        let begin = world.password_login(key);
        let result = world.ask(&begin, SourceOutcome::Wrong);
        assert_eq!(result, SettleResult::Settled(Verdict::WrongPassword));
    }
    let begin = world.password_login(9);
    assert_eq!(world.begin(&begin), Refused(RefusedBy::Locked));
}

#[test]
fn line_13_unanswered_passwords_alone_are_counted() {
    let mut world = World::new();
    for key in 1..4 {
        let begin = world.password_login(key);
        world.ask(&begin, SourceOutcome::Unanswered);
    }
    let begin = world.password_login(9);
    assert_eq!(world.begin(&begin), Refused(RefusedBy::Limit));
}

#[test]
fn line_9_of_settle_a_password_alone_makes_up_for_no_wrong_code() {
    let mut world = World::new();
    let wrong = world.wrong_code(8);
    world.begin(&wrong);
    let begin = world.password_login(1);
    accepted(&mut world, &begin);
    assert_eq!(world.codes(PlaceId::ELSEWHERE).failures, 1);
    assert_eq!(world.places(), []);
}

#[test]
fn line_4_a_password_alone_is_no_repeat_where_a_code_is_asked_for_now() {
    let mut world = World::new();
    let begin = world.password_login(1);
    accepted(&mut world, &begin);
    for stricter in [world.login(1, 100), world.code_login(1, 100)] {
        assert_eq!(world.begin(&stricter), Refused(RefusedBy::Revoked));
    }
}

#[test]
fn line_5_a_grant_by_the_password_alone_is_none_where_a_code_is_asked_for_now() {
    let mut world = World::new();
    let begin = world.password_login(1);
    let first = world.grant(&begin);
    assert!(matches!(world.begin(&begin), Granted { epoch, .. } if epoch == first));
    let stricter = Begin {
        owner: begin.owner,
        ..world.wrong_code(1)
    };
    assert_eq!(world.begin(&stricter), Repeat(Verdict::WrongCode));
    let late = world.settle(1, first, SourceOutcome::Right);
    assert_eq!(late, SettleResult::Already(Verdict::WrongCode));
}

#[test]
fn line_6_an_owner_started_anew_needs_the_code_that_is_asked_for_now() {
    let mut world = World::new();
    let begin = world.password_login(1);
    let prev = world.grant(&begin);
    let anew = |begin: Begin| Begin {
        owner: owner(1, 2, 7),
        prev,
        ..begin
    };
    let spent = world.login(3, 100);
    accepted(&mut world, &spent);
    let replay = anew(world.login(1, 100));
    assert_eq!(world.begin(&replay), Refused(RefusedBy::Spent));
    let record = world.look(1).unwrap();
    assert_eq!(record.state, State::Open { at: at(world.now) });
    let fresh = anew(world.login(1, 101));
    accepted(&mut world, &fresh);
    assert_eq!(world.counter().last_spent, 101);
}

#[test]
fn line_9_an_open_attempt_by_the_password_alone_needs_the_code_that_is_asked_for_now() {
    let mut world = World::new();
    let begin = world.password_login(1);
    let prev = world.grant(&begin);
    world.settle(1, prev, SourceOutcome::NotAsked);
    let again = Begin {
        prev,
        ..world.login(1, 100)
    };
    accepted(&mut world, &again);
    assert_eq!(world.counter().last_spent, 100);
}

#[test]
fn line_9_an_open_attempt_keeps_its_code_where_the_password_is_enough_now() {
    let mut world = World::new();
    let begin = world.login(1, 100);
    let prev = world.grant(&begin);
    world.settle(1, prev, SourceOutcome::NotAsked);
    let again = Begin {
        prev,
        ..world.password_login(1)
    };
    accepted(&mut world, &again);
    assert_eq!(world.counter().last_spent, 100);
}

#[test]
fn line_14_the_rule_says_when_a_code_is_burned_and_else_the_client() {
    let burned = |of_client: storage::BurnCode, burn_code| {
        let mut world = World::new();
        world.edit_client(|it| it.burn_code = of_client.into());
        let begin = Begin {
            burn_code,
            ..world.login(1, 100)
        };
        world.grant(&begin);
        world.counter().last_spent == 100
    };
    use storage::BurnCode::{OnAccept, OnMatch};
    assert!(burned(OnMatch, None) && !burned(OnAccept, None));
    assert!(burned(OnAccept, Some(BurnCode::OnMatch)));
    assert!(!burned(OnMatch, Some(BurnCode::OnAccept)));
}

#[test]
fn a_user_who_is_gone_is_not_let_in_by_the_password_alone() {
    let mut world = World::new();
    let begin = world.password_login(1);
    let epoch: Epoch = world.grant(&begin);
    world.edit_user(|it| it.status = storage::UserStatus::Disabled.into());
    let result = world.settle(1, epoch, SourceOutcome::Right);
    assert_eq!(result, SettleResult::Settled(Verdict::Revoked));
    let again = world.password_login(2);
    assert_eq!(world.begin(&again), Refused(RefusedBy::Revoked));
}
