//! Logins by the code alone whose account must be alive: DESIGN §2, tables "Begin" and
//! "Settle", where a source is asked for no password.

use super::world::*;
use crate::base::PlaceId;
use crate::ledger::BeginResult::{Granted, Refused, Repeat};
use crate::ledger::{RefusedBy, SettleResult, SourceOutcome, Verdict};

#[test]
fn line_10_a_wrong_code_counts_as_a_wrong_password_where_it_is_all() {
    let mut world = World::new();
    for key in 1..4 {
        let wrong = crate::ledger::Begin {
            matches: Vec::new(),
            ..world.account_login(key, 0)
        };
        assert_eq!(world.begin(&wrong), Repeat(Verdict::WrongCode));
    }
    let begin = world.account_login(9, 100);
    assert_eq!(world.begin(&begin), Refused(RefusedBy::Locked));
}

#[test]
fn line_14_the_code_is_claimed_and_not_spent_until_the_account_is_known() {
    let mut world = World::new();
    let begin = world.account_login(1, 100);
    assert!(matches!(world.begin(&begin), Granted { .. }));
    assert_eq!(world.counter().last_spent, 0);
    let result = world.ask(&world.account_login(2, 101), SourceOutcome::Right);
    assert_eq!(result, SettleResult::Settled(Verdict::Accepted));
    assert_eq!(world.counter().last_spent, 101);
}

#[test]
fn lines_4_and_7_of_settle_no_account_and_no_answer_spend_nothing() {
    let mut world = World::new();
    let begin = world.account_login(1, 100);
    let denied = world.ask(&begin, SourceOutcome::Denied);
    assert_eq!(denied, SettleResult::Settled(Verdict::Denied));
    let begin = world.account_login(2, 101);
    let released = world.ask(&begin, SourceOutcome::NotAsked);
    assert_eq!(released, SettleResult::Released);
    assert_eq!(world.counter().last_spent, 0);
    assert_eq!(world.codes(PlaceId::ELSEWHERE).failures, 0);
}

#[test]
fn line_9_of_settle_a_code_alone_clears_no_wrong_password() {
    let mut world = World::new();
    for key in 1..3 {
        let begin = world.login(key, 100 + u64::from(key));
        world.ask(&begin, SourceOutcome::Wrong);
    }
    let begin = world.account_login(5, 105);
    let result = world.ask(&begin, SourceOutcome::Right);
    assert_eq!(result, SettleResult::Settled(Verdict::Accepted));
    let begin = world.login(6, 106);
    world.ask(&begin, SourceOutcome::Wrong);
    let begin = world.login(7, 107);
    assert_eq!(world.begin(&begin), Refused(RefusedBy::Locked));
}

#[test]
fn line_4_a_code_alone_is_no_repeat_where_the_account_must_be_alive_now() {
    let mut world = World::new();
    let code = world.code_login(1, 100);
    assert_eq!(world.begin(&code), Repeat(Verdict::Accepted));
    let stricter = world.account_login(1, 100);
    assert_eq!(world.begin(&stricter), Refused(RefusedBy::Revoked));
    let account = world.account_login(2, 101);
    world.ask(&account, SourceOutcome::Right);
    let weaker = world.code_login(2, 101);
    assert_eq!(world.begin(&weaker), Repeat(Verdict::Accepted));
}
