//! The table "Settle" of DESIGN §2: one test for each line.

use super::world::*;
use crate::base::{Epoch, PlaceId};
use crate::ledger::attempts::State;
use crate::ledger::{Begin, BeginResult, RefusedBy, SettleResult, SourceOutcome, Table, Verdict};
use crate::ledger::{Match, storage};

#[test]
fn line_1_a_settled_attempt_keeps_its_verdict() {
    let mut world = World::new();
    let begin = world.login(1, 100);
    let epoch = world.grant(&begin);
    world.settle(1, epoch, SourceOutcome::Wrong);
    let late = world.settle(1, epoch, SourceOutcome::Right);
    assert_eq!(late, SettleResult::Already(Verdict::WrongPassword));
    assert_eq!(world.counter().last_spent, 0);
}

#[test]
fn line_1_an_accepted_attempt_is_repeated_while_it_is_good() {
    let mut world = World::new();
    let begin = world.login(1, 100);
    let epoch = world.grant(&begin);
    world.settle(1, epoch, SourceOutcome::Right);
    let again = world.settle(1, epoch, SourceOutcome::Right);
    assert_eq!(again, SettleResult::Already(Verdict::Accepted));
    world.edit_user(|it| it.status = storage::UserStatus::Disabled.into());
    let again = world.settle(1, epoch, SourceOutcome::Right);
    assert_eq!(again, SettleResult::Already(Verdict::Revoked));
}

#[test]
fn line_1_a_refusal_stays_what_it_was_when_the_user_is_revoked() {
    let mut world = World::new();
    let begin = world.login(1, 100);
    let epoch = world.grant(&begin);
    world.settle(1, epoch, SourceOutcome::Denied);
    world.edit_user(|it| it.status = storage::UserStatus::Disabled.into());
    let again = world.settle(1, epoch, SourceOutcome::Right);
    assert_eq!(again, SettleResult::Already(Verdict::Denied));
}

#[test]
fn line_2_an_absent_attempt_is_gone() {
    let mut world = World::new();
    let epoch = Epoch { index: 1, place: 0 };
    let result = world.settle(1, epoch, SourceOutcome::Right);
    assert_eq!(result, SettleResult::Gone);
    assert_eq!(world.count(Table::Attempts), 0);
}

#[test]
fn line_2_an_open_attempt_is_gone() {
    let mut world = World::new();
    let begin = world.login(1, 100);
    let epoch = world.grant(&begin);
    world.settle(1, epoch, SourceOutcome::NotAsked);
    let result = world.settle(1, epoch, SourceOutcome::Right);
    assert_eq!(result, SettleResult::Gone);
}

#[test]
fn line_2_an_attempt_whose_lease_ended_is_gone() {
    let mut world = World::new();
    let begin = world.login(1, 100);
    let epoch = world.grant(&begin);
    world.pass(LEASE);
    let result = world.settle(1, epoch, SourceOutcome::Right);
    assert_eq!(result, SettleResult::Gone);
    assert_eq!(world.counter().last_spent, 0);
}

#[test]
fn line_2_a_record_past_its_keep_and_life_is_gone() {
    let mut world = World::new();
    let begin = world.login(1, 100);
    let epoch = world.grant(&begin);
    world.settle(1, epoch, SourceOutcome::Denied);
    world.pass(GRACE + 5_000);
    let result = world.settle(1, epoch, SourceOutcome::Right);
    assert_eq!(result, SettleResult::Already(Verdict::Denied));
    world.pass(1);
    let result = world.settle(1, epoch, SourceOutcome::Right);
    assert_eq!(result, SettleResult::Gone);
}

#[test]
fn line_3_another_grant_is_superseded() {
    let mut world = World::new();
    let begin = world.login(1, 100);
    let epoch = world.grant(&begin);
    let other = Epoch {
        place: epoch.place + 1,
        ..epoch
    };
    let result = world.settle(1, other, SourceOutcome::Wrong);
    assert_eq!(result, SettleResult::Superseded);
    let result = world.settle(1, epoch, SourceOutcome::Right);
    assert_eq!(result, SettleResult::Settled(Verdict::Accepted));
}

#[test]
fn line_4_a_question_that_was_not_asked_is_not_counted() {
    let mut world = World::new();
    let begin = world.login(1, 100);
    let result = world.ask(&begin, SourceOutcome::NotAsked);
    assert_eq!(result, SettleResult::Released);
    assert_eq!(world.strict(), storage::Strict::default());
    let open = State::Open { at: at(world.now) };
    assert_eq!(world.look(1).unwrap().state, open);
    assert_eq!(world.counter().last_spent, 0);
}

#[test]
fn line_4_a_key_that_was_unsure_before_stays_unsure() {
    let mut world = World::new();
    let prev = unanswered(&mut world);
    let again = Begin {
        prev,
        ..world.login(1, 100)
    };
    let result = world.ask(&again, SourceOutcome::NotAsked);
    assert_eq!(result, SettleResult::Released);
    assert_eq!(world.strict_keys(), [(1, 2)]);
}

#[test]
fn line_5_an_unanswered_question_leaves_the_key_unsure_and_the_attempt_open() {
    let mut world = World::new();
    unanswered(&mut world);
    assert_eq!(world.strict_keys(), [(1, 2)]);
    assert_eq!(world.strict().reset_at, world.now + 10 * MINUTE);
    let open = State::Open { at: at(world.now) };
    assert_eq!(world.look(1).unwrap().state, open);
}

#[test]
fn line_6_a_wrong_password_is_counted_and_settled() {
    let mut world = World::new();
    let begin = world.login(1, 100);
    let result = world.ask(&begin, SourceOutcome::Wrong);
    assert_eq!(result, SettleResult::Settled(Verdict::WrongPassword));
    assert_eq!(world.strict_keys(), [(1, 1)]);
    assert_eq!(world.counter().last_spent, 0);
    let settled = State::Settled {
        verdict: Verdict::WrongPassword,
        at: at(world.now),
    };
    assert_eq!(world.look(1).unwrap().state, settled);
    assert_eq!(world.codes(PlaceId::ELSEWHERE), storage::Codes::default());
}

#[test]
fn line_6_a_typo_in_the_password_does_not_burn_the_code() {
    let mut world = World::new();
    let begin = world.login(1, 100);
    world.ask(&begin, SourceOutcome::Wrong);
    world.let_in(2, 100);
}

#[test]
fn line_7_a_denial_is_settled_and_not_counted() {
    let mut world = World::new();
    let begin = world.login(1, 100);
    let result = world.ask(&begin, SourceOutcome::Denied);
    assert_eq!(result, SettleResult::Settled(Verdict::Denied));
    assert_eq!(world.strict(), storage::Strict::default());
    assert_eq!(world.counter().last_spent, 0);
}

#[test]
fn line_7_a_denial_does_not_make_up_for_an_earlier_question_without_an_answer() {
    let mut world = World::new();
    let prev = unanswered(&mut world);
    let again = Begin {
        prev,
        ..world.login(1, 100)
    };
    world.ask(&again, SourceOutcome::Denied);
    assert_eq!(world.strict_keys(), [(1, 2)]);
}

#[test]
fn line_8_nobody_is_let_in_whom_the_directory_refuses() {
    let mut world = World::new();
    let begin = world.login(1, 100);
    let epoch = world.grant(&begin);
    world.edit_user(|it| {
        it.synced = Some(storage::SyncedFacts {
            disabled: true,
            ..Default::default()
        });
    });
    let result = world.settle(1, epoch, SourceOutcome::Right);
    assert_eq!(result, SettleResult::Settled(Verdict::Revoked));
}

#[test]
fn line_8_a_right_password_of_a_revoked_user_is_revoked_and_spends_nothing() {
    let mut world = World::new();
    let begin = world.login(1, 100);
    let epoch = world.grant(&begin);
    world.edit_user(|it| it.status = storage::UserStatus::Disabled.into());
    let result = world.settle(1, epoch, SourceOutcome::Right);
    assert_eq!(result, SettleResult::Settled(Verdict::Revoked));
    assert_eq!(world.counter().last_spent, 0);
    assert_eq!(world.strict(), storage::Strict::default());
    world.edit_user(|it| it.status = storage::UserStatus::Active.into());
    let again = world.login(1, 100);
    let result = world.begin(&again);
    assert_eq!(result, BeginResult::Repeat(Verdict::Revoked));
}

#[test]
fn line_8_every_way_of_revoking_counts() {
    let revocations: [fn(&mut World); 6] = [
        |world| world.remove(Table::Users, USER.0),
        |world| world.remove(Table::Tokens, TOKEN.0),
        |world| world.remove(Table::Clients, CLIENT.0),
        |world| world.edit_token(|it| it.state = storage::TokenState::Disabled.into()),
        |world| world.edit_token(|it| it.generation = 2),
        |world| world.edit_token(|it| it.owner = OTHER_USER.0),
    ];
    for revoke in revocations {
        let mut world = World::new();
        let begin = world.login(1, 100);
        let epoch = world.grant(&begin);
        revoke(&mut world);
        let result = world.settle(1, epoch, SourceOutcome::Right);
        assert_eq!(result, SettleResult::Settled(Verdict::Revoked));
    }
}

#[test]
fn line_9_a_right_password_is_accepted_and_spends_every_match() {
    let mut world = World::new();
    let second = Match {
        token: SECOND_TOKEN,
        ..matched(90)
    };
    let begin = Begin {
        matches: vec![matched(99), matched(100), second],
        ..world.login(1, 0)
    };
    let result = world.ask(&begin, SourceOutcome::Right);
    assert_eq!(result, SettleResult::Settled(Verdict::Accepted));
    assert_eq!(world.counter().last_spent, 100);
    let second: storage::Counter = world.record(Table::Counters, &SECOND_TOKEN.0.to_be_bytes());
    assert_eq!(second.last_spent, 90);
}

#[test]
fn line_9_the_mark_never_goes_back_and_two_codes_in_flight_do_not_kill_each_other() {
    let mut world = World::new();
    let (older, newer) = (world.login(1, 100), world.login(2, 101));
    let (older, newer) = (world.grant(&older), world.grant(&newer));
    let result = world.settle(2, newer, SourceOutcome::Right);
    assert_eq!(result, SettleResult::Settled(Verdict::Accepted));
    let result = world.settle(1, older, SourceOutcome::Right);
    assert_eq!(result, SettleResult::Settled(Verdict::Accepted));
    assert_eq!(world.counter().last_spent, 101);
}

#[test]
fn line_9_clears_the_strict_budget_but_for_keys_in_flight() {
    let mut world = World::new();
    let wrong = world.login(1, 100);
    world.ask(&wrong, SourceOutcome::Wrong);
    let in_flight = world.login(2, 101);
    world.grant(&in_flight);
    world.let_in(3, 102);
    assert_eq!(world.strict_keys(), [(2, 3)]);
    assert_eq!(world.strict().reset_at, 0);
}

#[test]
fn line_9_unlocks() {
    let mut world = World::new();
    let right = world.login(9, 109);
    // Room for it in flight beside three wrong ones.
    world.set_limits(storage::Limits {
        strict_failures: 4,
        ..storage::Limits::default()
    });
    let epoch = world.grant(&right);
    for key in 1..4 {
        let wrong = world.login(key, 100);
        world.ask(&wrong, SourceOutcome::Wrong);
    }
    world.set_limits(storage::Limits::default());
    let wrong_code = Begin {
        matches: Vec::new(),
        ..world.code_login(8, 0)
    };
    world.begin(&wrong_code);
    assert!(world.strict().locked);
    world.settle(9, epoch, SourceOutcome::Right);
    assert!(!world.strict().locked);
}

#[test]
fn line_9_a_key_unsure_before_and_in_flight_is_merely_in_flight_afterwards() {
    let mut world = World::new();
    let prev = unanswered(&mut world);
    let again = Begin {
        prev,
        ..world.login(1, 100)
    };
    world.grant(&again);
    assert_eq!(world.strict_keys(), [(1, 4)]);
    world.let_in(2, 101);
    assert_eq!(world.strict_keys(), [(1, 3)]);
}

#[test]
fn line_9_clears_the_places_wrong_codes_and_makes_it_known() {
    let mut world = World::new();
    let wrong = world.wrong_code(1);
    world.begin(&wrong);
    world.let_in(2, 100);
    assert_eq!(world.codes(PlaceId::ELSEWHERE), storage::Codes::default());
    let places = world.budgets().places;
    let seen: Vec<_> = places.iter().map(|it| (&*it.place, it.seen)).collect();
    assert_eq!(seen, [(&HOME.0[..], world.now)]);
}

#[test]
fn line_9_a_login_let_in_is_not_let_in_again_by_another_caller() {
    let mut world = World::new();
    world.let_in(1, 100);
    let other = world.login(2, 100);
    let result = world.begin(&other);
    assert_eq!(result, BeginResult::Refused(RefusedBy::Spent));
}

fn unanswered(world: &mut World) -> Epoch {
    let begin = world.login(1, 100);
    let epoch = world.grant(&begin);
    let result = world.settle(1, epoch, SourceOutcome::Unanswered);
    assert_eq!(result, SettleResult::Released);
    epoch
}
