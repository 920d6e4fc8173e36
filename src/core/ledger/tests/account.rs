//! Logins whose account must be alive, by the code alone or by a password as well: DESIGN §2,
//! tables "Begin" and "Settle", where a source is asked about the account.

use super::world::*;
use crate::base::{Epoch, PlaceId};
use crate::ledger::BeginResult::{Granted, LetIn, Refused, Repeat};
use crate::ledger::{Begin, Carried, Factors, RefusedBy, SettleResult, SourceOutcome, Verdict};

/// The same login where its rule asks for the account as well.
fn with_account(begin: Begin) -> Begin {
    let account = true;
    Begin { account, ..begin }
}

fn accepted(world: &mut World, begin: &Begin) {
    let result = world.ask(begin, SourceOutcome::Right);
    assert_eq!(result, SettleResult::Settled(Verdict::Accepted));
}

#[test]
fn line_10_a_wrong_code_counts_as_a_wrong_password_where_it_is_all() {
    let mut world = World::new();
    for key in 1..4 {
        let wrong = Begin {
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

#[test]
fn line_4_a_password_is_no_repeat_where_the_account_is_asked_for_now() {
    let mut world = World::new();
    for (key, begin) in [(1, world.login(1, 100)), (2, world.password_login(2))] {
        accepted(&mut world, &begin);
        let stricter = with_account(begin.clone());
        assert_eq!(world.begin(&stricter), Refused(RefusedBy::Revoked), "{key}");
        assert_eq!(world.begin(&begin), Repeat(Verdict::Accepted), "{key}");
    }
    let code = Begin {
        factors: Factors::CodeAndAccount,
        ..world.login(1, 100)
    };
    // A proposer that is older says no more than this, and is answered as ever.
    assert_eq!(world.begin(&code), Repeat(Verdict::Accepted));
    let code = with_account(code);
    assert_eq!(world.begin(&code), Refused(RefusedBy::Revoked));
}

#[test]
fn line_4_who_was_looked_at_is_a_repeat_with_the_account_and_without() {
    let mut world = World::new();
    for begin in [world.login(1, 100), world.password_login(2)] {
        let looked = with_account(begin.clone());
        accepted(&mut world, &looked);
        for again in [begin, looked] {
            assert_eq!(world.begin(&again), Repeat(Verdict::Accepted));
        }
    }
}

#[test]
fn line_5_a_grant_is_none_for_a_question_about_more_or_about_less() {
    let mut world = World::new();
    let mut begin = world.login(1, 100);
    let mut last = world.grant(&begin);
    assert!(matches!(world.begin(&begin), Granted { epoch, .. } if epoch == last));
    for account in [true, false] {
        begin.account = account;
        let other = world.grant(&begin);
        assert_ne!(other, last, "{account}");
        let late = world.settle(1, last, SourceOutcome::Right);
        assert_eq!(late, SettleResult::Superseded, "{account}");
        last = other;
    }
    let result = world.settle(1, last, SourceOutcome::Right);
    assert_eq!(result, SettleResult::Settled(Verdict::Accepted));
    assert_eq!(world.counter().last_spent, 100);
}

#[test]
fn line_6_an_owner_started_anew_asks_about_the_account_that_is_asked_for_now() {
    let mut world = World::new();
    let begin = world.login(1, 100);
    let prev = world.grant(&begin);
    let anew = with_account(Begin {
        owner: owner(1, 2, 7),
        prev,
        ..begin
    });
    accepted(&mut world, &anew);
    assert_eq!(world.begin(&anew), Repeat(Verdict::Accepted));
}

#[test]
fn line_9_an_open_attempt_was_looked_at_only_if_its_last_grant_was_for_that() {
    let mut world = World::new();
    let open = |world: &mut World, begin: &Begin| -> Epoch {
        let epoch = world.grant(begin);
        world.settle(begin.key.0[0], epoch, SourceOutcome::NotAsked);
        epoch
    };
    let going_on = |world: &mut World, key: u8, first: bool| {
        let begin = world.login(key, 100 + u64::from(key));
        let account = first;
        let prev = open(
            world,
            &Begin {
                account,
                ..begin.clone()
            },
        );
        let account = !first;
        let begin = Begin {
            prev,
            account,
            ..begin
        };
        accepted(world, &begin);
        world.begin(&with_account(begin))
    };
    assert_eq!(going_on(&mut world, 1, false), Repeat(Verdict::Accepted));
    let looked_at_once = going_on(&mut world, 2, true);
    assert_eq!(looked_at_once, Refused(RefusedBy::Revoked));
}

#[test]
fn lines_4_and_7_of_settle_a_right_password_without_an_account_counts_and_spends_nothing() {
    let mut world = World::new();
    for key in 1..9 {
        let outcome = if key % 2 == 0 {
            SourceOutcome::NotAsked
        } else {
            SourceOutcome::Denied
        };
        let begin = with_account(world.login(key, 100));
        world.ask(&begin, outcome);
        assert_eq!(world.counter().last_spent, 0);
    }
    let begin = with_account(world.login(9, 100));
    accepted(&mut world, &begin);
}

#[test]
fn what_a_directory_told_is_kept_where_one_was_asked_and_said_to_each_repeat() {
    let told = |class: &[u8]| Carried {
        server: None,
        ..old_answer(class)
    };
    for by_code in [true, false] {
        let mut world = World::new();
        let begin = if by_code {
            world.account_login(1, 100)
        } else {
            with_account(world.login(1, 100))
        };
        let epoch = world.grant(&begin);
        let first = SettleResult::LetIn(told(b"vpn-a"));
        assert_eq!(world.relay(1, epoch, &told(b"vpn-a")), first);
        assert_eq!(world.relay(1, epoch, &told(b"vpn-b")), first, "again");
        let repeat = Begin {
            owner: owner(2, 1, 9),
            ..begin
        };
        assert_eq!(world.begin(&repeat), LetIn(told(b"vpn-a")));
    }
}

#[test]
fn what_somebody_tells_who_was_not_asked_is_not_kept() {
    let accepted = SettleResult::Settled(Verdict::Accepted);
    let mut world = World::new();
    let epoch = world.grant(&world.login(1, 100));
    let told = Carried {
        server: None,
        ..old_answer(b"vpn")
    };
    assert_eq!(
        world.relay(1, epoch, &told),
        accepted,
        "no account was asked about"
    );
    let epoch = world.grant(&world.account_login(2, 101));
    let result = world.relay(2, epoch, &old_answer(b"vpn"));
    assert_eq!(result, accepted, "it was not forwarded");
    assert_eq!(world.look(2).unwrap().relayed, None);
}

#[test]
fn who_was_let_in_by_the_account_leaves_no_window_to_the_next_failure() {
    let mut world = World::new();
    let begin = world.account_login(1, 100);
    world.ask(&begin, SourceOutcome::Unanswered);
    let again = Begin {
        prev: world.look(1).unwrap().epoch,
        ..begin
    };
    accepted(&mut world, &again);
    assert_eq!(world.strict().reset_at, 0);
    world.pass(9 * MINUTE);
    let wrong = Begin {
        matches: Vec::new(),
        ..world.account_login(2, 0)
    };
    assert_eq!(world.begin(&wrong), Repeat(Verdict::WrongCode));
    assert_eq!(world.strict().reset_at, world.now + 10 * MINUTE);
}
