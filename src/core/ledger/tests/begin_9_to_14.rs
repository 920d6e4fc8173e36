//! The table "Begin" of DESIGN §2, lines 9 to 14.

use super::world::*;
use crate::base::Epoch;
use crate::ledger::BeginResult::{Busy, Granted, Refused, Repeat};
use crate::ledger::attempts::State;
use crate::ledger::{
    Begin, Match, RefusedBy, SettleResult, SourceOutcome, Table, Verdict, storage,
};

#[test]
fn line_9_an_open_attempt_goes_on_with_its_own_matches() {
    let mut world = World::new();
    let prev = open(&mut world);
    let again = Begin {
        prev,
        ..world.wrong_code(1)
    };
    let epoch = world.grant(&again);
    let result = world.settle(1, epoch, SourceOutcome::Right);
    assert_eq!(result, SettleResult::Settled(Verdict::Accepted));
    assert_eq!(world.counter().last_spent, 100);
}

#[test]
fn line_9_an_open_attempt_whose_token_is_no_longer_good_is_revoked() {
    let mut world = World::new();
    let prev = open(&mut world);
    world.edit_token(|it| it.generation = 2);
    let again = Begin {
        prev,
        ..world.wrong_code(1)
    };
    assert_eq!(world.begin(&again), Refused(RefusedBy::Revoked));
}

#[test]
fn line_9_an_open_attempt_with_a_password_still_needs_it_where_the_code_is_enough_now() {
    let mut world = World::new();
    let prev = open(&mut world);
    let again = Begin {
        prev,
        ..world.code_login(1, 100)
    };
    assert!(matches!(world.begin(&again), Granted { .. }));
}

#[test]
fn line_9_a_locked_user_is_refused() {
    let mut world = World::new();
    for key in 1..4 {
        let begin = world.login(key, 100);
        world.ask(&begin, SourceOutcome::Wrong);
    }
    let begin = world.login(9, 100);
    assert_eq!(world.begin(&begin), Refused(RefusedBy::Locked));
    let wrong = world.wrong_code(8);
    assert_eq!(world.begin(&wrong), Refused(RefusedBy::Locked));
}

#[test]
fn line_9_a_place_that_has_to_wait_is_refused_with_a_right_code_too() {
    let mut world = World::new();
    for key in 1..6 {
        let begin = world.wrong_code(key);
        assert_eq!(world.begin(&begin), Repeat(Verdict::WrongCode));
    }
    let begin = world.login(9, 100);
    assert_eq!(world.begin(&begin), Refused(RefusedBy::Waiting));
}

#[test]
fn line_9_a_password_known_to_be_wrong_is_refused_after_its_record_is_gone() {
    let mut world = World::new();
    let begin = world.login(1, 100);
    world.ask(&begin, SourceOutcome::Wrong);
    world.pass(5 * MINUTE);
    let again = world.login(1, 110);
    assert_eq!(world.begin(&again), Refused(RefusedBy::Wrong));
}

#[test]
fn line_10_a_wrong_code_with_a_password_counts_for_the_place_alone() {
    let mut world = World::new();
    let begin = world.wrong_code(1);
    assert_eq!(world.begin(&begin), Repeat(Verdict::WrongCode));
    assert_eq!(world.codes(crate::base::PlaceId::ELSEWHERE).failures, 1);
    assert_eq!(world.strict_keys(), []);
    let state = world.look(1).unwrap().state;
    let (verdict, at) = (Verdict::WrongCode, at(world.now));
    assert_eq!(state, State::Settled { verdict, at });
}

#[test]
fn line_10_a_wrong_code_that_is_the_only_factor_uses_the_strict_budget() {
    let mut world = World::new();
    for key in 1..4 {
        let begin = Begin {
            matches: Vec::new(),
            ..world.code_login(key, 0)
        };
        assert_eq!(world.begin(&begin), Repeat(Verdict::WrongCode));
    }
    assert_eq!(world.strict_keys(), [(1, 1), (2, 1), (3, 1)]);
    assert!(world.strict().locked);
    assert_eq!(world.codes(crate::base::PlaceId::ELSEWHERE).failures, 3);
}

#[test]
fn line_11_a_spent_step_is_a_replay_and_not_counted() {
    let mut world = World::new();
    world.let_in(1, 100);
    for step in [99, 100] {
        let begin = world.login(2, step);
        assert_eq!(world.begin(&begin), Refused(RefusedBy::Spent));
    }
    assert_eq!(world.look(2), None);
    assert_eq!(world.strict_keys(), []);
    assert_eq!(world.codes(HOME), storage::Codes::default());
    let begin = world.login(2, 101);
    assert!(matches!(world.begin(&begin), Granted { .. }));
}

#[test]
fn line_11_one_spent_match_of_several_is_enough() {
    let mut world = World::new();
    world.let_in(1, 100);
    let begin = Begin {
        matches: vec![matched(101), matched(100)],
        ..world.login(2, 0)
    };
    assert_eq!(world.begin(&begin), Refused(RefusedBy::Spent));
}

#[test]
fn line_11_an_open_attempt_goes_on_with_the_step_it_burned_itself() {
    let mut world = World::new();
    burn_on_match(&mut world);
    let prev = open(&mut world);
    assert_eq!(world.counter().last_spent, 100);
    let other = world.login(2, 100);
    assert_eq!(world.begin(&other), Refused(RefusedBy::Spent));
    let again = Begin {
        prev,
        ..world.login(1, 100)
    };
    assert!(matches!(world.begin(&again), Granted { .. }));
}

#[test]
fn line_11_an_open_attempt_whose_step_another_spent_is_a_replay() {
    let mut world = World::new();
    let prev = open(&mut world);
    world.let_in(2, 100);
    let again = Begin {
        prev,
        ..world.login(1, 100)
    };
    assert_eq!(world.begin(&again), Refused(RefusedBy::Spent));
}

#[test]
fn line_11_what_a_key_burned_is_its_own_only_while_the_attempt_is_open() {
    let mut world = World::new();
    burn_on_match(&mut world);
    let begin = world.login(1, 100);
    world.ask(&begin, SourceOutcome::Denied);
    world.pass(GRACE + 1);
    let again = world.login(1, 100);
    assert_eq!(world.begin(&again), Refused(RefusedBy::Spent));
}

#[test]
fn line_12_a_claimed_step_is_busy_until_the_lease_ends() {
    let mut world = World::new();
    let first = world.login(1, 100);
    world.grant(&first);
    let until = at(world.now + LEASE);
    world.pass(1_000);
    let second = Begin {
        matches: vec![matched(101), matched(100)],
        ..world.login(2, 0)
    };
    assert_eq!(world.begin(&second), Busy { until });
    assert_eq!(world.strict_keys(), [(1, 3)]);
    let third = world.login(3, 101);
    assert!(matches!(world.begin(&third), Granted { .. }));
}

#[test]
fn line_12_steps_of_another_token_are_not_claimed() {
    let mut world = World::new();
    let first = world.login(1, 100);
    world.grant(&first);
    let other = Match {
        token: SECOND_TOKEN,
        ..matched(100)
    };
    let second = Begin {
        matches: vec![other],
        ..world.login(2, 0)
    };
    assert!(matches!(world.begin(&second), Granted { .. }));
}

#[test]
fn line_12_a_code_alone_is_claimed_against_too() {
    let mut world = World::new();
    let first = world.login(1, 100);
    world.grant(&first);
    let until = at(world.now + LEASE);
    let second = world.code_login(2, 100);
    assert_eq!(world.begin(&second), Busy { until });
}

#[test]
fn line_13_a_used_budget_is_busy_while_keys_in_flight_hold_a_part_of_it() {
    let mut world = World::new();
    for key in 1..4 {
        let begin = world.login(key, 100 + u64::from(key));
        world.grant(&begin);
        world.pass(1);
    }
    let until = at(START + LEASE);
    let begin = world.login(9, 109);
    assert_eq!(world.begin(&begin), Busy { until });
    let code = world.code_login(8, 108);
    assert_eq!(world.begin(&code), Busy { until });
}

#[test]
fn line_13_a_budget_of_wrong_and_unsure_keys_is_refused() {
    let mut world = World::new();
    for (key, outcome) in [
        (1, SourceOutcome::Unanswered),
        (2, SourceOutcome::Unanswered),
        (3, SourceOutcome::Wrong),
    ] {
        let begin = world.login(key, 100 + u64::from(key));
        world.ask(&begin, outcome);
    }
    let begin = world.login(9, 109);
    assert_eq!(world.begin(&begin), Refused(RefusedBy::Limit));
}

#[test]
fn line_13_a_key_in_flight_that_was_unsure_before_counts_as_unsure() {
    let mut world = World::new();
    let mut last = Epoch::default();
    for key in 1..4 {
        let begin = world.login(key, 100 + u64::from(key));
        last = world.grant(&begin);
        world.settle(key, last, SourceOutcome::Unanswered);
    }
    let again = Begin {
        prev: last,
        ..world.login(3, 103)
    };
    world.grant(&again);
    let begin = world.login(9, 109);
    assert_eq!(world.begin(&begin), Refused(RefusedBy::Limit));
}

#[test]
fn line_13_leaves_the_key_itself_out() {
    let mut world = World::new();
    let mut epochs = Vec::new();
    for key in 1..4 {
        let begin = world.login(key, 100 + u64::from(key));
        let epoch = world.grant(&begin);
        world.settle(key, epoch, SourceOutcome::Unanswered);
        epochs.push(epoch);
    }
    let again = Begin {
        prev: epochs[2],
        ..world.login(3, 103)
    };
    assert!(matches!(world.begin(&again), Granted { .. }));
}

#[test]
fn line_14_a_code_alone_is_spent_and_settled_at_once() {
    let mut world = World::new();
    let second = Match {
        token: SECOND_TOKEN,
        ..matched(90)
    };
    let begin = Begin {
        matches: vec![matched(100), matched(99), second],
        ..world.code_login(1, 0)
    };
    assert_eq!(world.begin(&begin), Repeat(Verdict::Accepted));
    assert_eq!(world.counter().last_spent, 100);
    let second: storage::Counter = world.record(Table::Counters, &SECOND_TOKEN.0.to_be_bytes());
    assert_eq!(second.last_spent, 90);
    let replay = world.code_login(2, 100);
    assert_eq!(world.begin(&replay), Refused(RefusedBy::Spent));
}

#[test]
fn line_14_a_code_alone_clears_the_places_wrong_codes_and_no_wrong_password() {
    let mut world = World::new();
    let wrong = world.login(1, 100);
    world.ask(&wrong, SourceOutcome::Wrong);
    let wrong = world.wrong_code(2);
    world.begin(&wrong);
    let before = world.strict();
    let begin = world.code_login(3, 101);
    assert_eq!(world.begin(&begin), Repeat(Verdict::Accepted));
    assert_eq!(
        world.codes(crate::base::PlaceId::ELSEWHERE),
        storage::Codes::default()
    );
    assert_eq!(world.strict(), before);
}

#[test]
fn line_14_a_grant_names_its_entry_and_place_and_lasts_for_the_lease() {
    let mut world = World::new();
    let (first, second) = (world.login(1, 100), world.login(2, 101));
    let commands = vec![
        crate::ledger::Command::Begin(first),
        crate::ledger::Command::Begin(second),
    ];
    let until = at(world.now + LEASE);
    let granted = |place| {
        let epoch = Epoch { index: 1, place };
        Outcome::Begin(Granted { epoch, until })
    };
    assert_eq!(world.run(commands), [granted(0), granted(1)]);
    assert_eq!(world.strict_keys(), [(1, 3), (2, 3)]);
    assert_eq!(world.strict().reset_at, 0);
    assert_eq!(world.counter().last_spent, 0);
}

#[test]
fn line_14_burns_at_the_match_where_the_client_says_so() {
    let mut world = World::new();
    burn_on_match(&mut world);
    let begin = world.login(1, 100);
    world.grant(&begin);
    assert_eq!(world.counter().last_spent, 100);
    assert_eq!(world.counter().burned_by, attempt_key(1).0);
}

/// An attempt on step 100, granted and released without a question.
fn open(world: &mut World) -> Epoch {
    let begin = world.login(1, 100);
    let epoch = world.grant(&begin);
    let released = world.settle(1, epoch, SourceOutcome::NotAsked);
    assert_eq!(released, SettleResult::Released);
    epoch
}

fn burn_on_match(world: &mut World) {
    world.edit_client(|it| it.burn_code = storage::BurnCode::OnMatch.into());
}
