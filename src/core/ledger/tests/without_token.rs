//! Users without a token: initial logins by the password alone, and logins that an old server
//! decides. DESIGN §2, tables "Begin" and "Settle", where nothing is claimed.

use super::world::*;
use crate::base::PlaceId;
use crate::ledger::BeginResult::{Granted, LetIn, Refused, Repeat, Stale};
use crate::ledger::attempts::State;
use crate::ledger::storage::{self, TokenState};
use crate::ledger::{Begin, Draft, RefusedBy, SettleResult, SourceOutcome, Table, Verdict};

const PROVEN: [TokenState; 3] = [
    TokenState::Active,
    TokenState::Disabled,
    // Of another version.
    TokenState::Unspecified,
];

fn accepted(world: &mut World, begin: &Begin) {
    let result = world.ask(begin, SourceOutcome::Right);
    assert_eq!(result, SettleResult::Settled(Verdict::Accepted));
}

/// A login that the old server lets in with this Class.
fn relayed(world: &mut World, key: u8, class: &[u8]) {
    let begin = world.forward(key);
    let epoch = world.grant(&begin);
    let old = old_answer(class);
    assert_eq!(
        world.relay(key, epoch, &old),
        SettleResult::LetIn(old.clone())
    );
}

#[test]
fn line_2_who_has_a_token_be_it_disabled_is_decided_again() {
    for state in PROVEN {
        let mut world = World::new();
        world.give_token(state);
        for begin in [world.forward(1), world.initial_login(2, 3)] {
            assert_eq!(world.begin(&begin), Stale, "{state:?}");
        }
        let exempt = world.password_login(3);
        accepted(&mut world, &exempt);
    }
}

#[test]
fn line_2_a_token_that_is_gone_counts_as_one() {
    let mut world = World::new();
    world.edit_user(|it| it.tokens = vec![99]);
    assert_eq!(world.begin(&world.forward(1).clone()), Stale);
}

#[test]
fn line_2_a_token_that_was_never_proven_is_none() {
    let mut world = World::new();
    world.give_token(TokenState::Pending);
    let begin = world.initial_login(1, 3);
    accepted(&mut world, &begin);
    relayed(&mut world, 2, b"vpn");
}

#[test]
fn line_3_a_disabled_user_is_not_forwarded() {
    let mut world = World::new();
    world.edit_user(|it| it.status = storage::UserStatus::Disabled.into());
    let begin = world.forward(1);
    assert_eq!(world.begin(&begin), Refused(RefusedBy::Revoked));
}

#[test]
fn line_4_a_repeat_carries_what_the_old_server_said_at_first() {
    let mut world = World::new();
    relayed(&mut world, 1, b"first");
    let again = Begin {
        owner: owner(2, 1, 9),
        ..world.forward(1)
    };
    assert_eq!(world.begin(&again), LetIn(old_answer(b"first")));
    let epoch = world.look(1).unwrap().epoch;
    let late = world.relay(1, epoch, &old_answer(b"second"));
    assert_eq!(late, SettleResult::LetIn(old_answer(b"first")));
}

#[test]
fn line_4_without_what_the_old_server_said_nobody_is_let_in_again() {
    let mut world = World::new();
    relayed(&mut world, 1, b"vpn");
    let records = world.tables.records();
    let mut attempts = records.filter(|(table, ..)| *table == Table::Attempts);
    let key = attempts.next().unwrap().1.to_vec();
    drop(attempts);
    world.edit(Table::Attempts, &key, |it: &mut storage::Attempt| {
        it.relayed = None;
    });
    let begin = world.forward(1);
    assert_eq!(world.begin(&begin), Refused(RefusedBy::Revoked));
    let epoch = world.look(1).unwrap().epoch;
    let late = world.relay(1, epoch, &old_answer(b"vpn"));
    assert_eq!(late, SettleResult::Already(Verdict::Revoked));
}

#[test]
fn line_4_a_forwarded_login_and_any_other_are_no_repeat_of_each_other() {
    let mut world = World::new();
    relayed(&mut world, 1, b"vpn");
    for other in [
        world.login(1, 100),
        world.code_login(1, 100),
        world.account_login(1, 100),
        world.password_login(1),
    ] {
        assert_eq!(world.begin(&other), Refused(RefusedBy::Revoked));
    }
    world.let_in(2, 100);
    let password = world.password_login(3);
    accepted(&mut world, &password);
    for key in [2, 3] {
        let forward = world.forward(key);
        assert_eq!(world.begin(&forward), Refused(RefusedBy::Revoked));
    }
}

#[test]
fn line_4_a_login_is_no_repeat_where_fewer_initial_logins_are_allowed_now() {
    let mut world = World::new();
    let exempt = world.password_login(1);
    accepted(&mut world, &exempt);
    let initial = world.initial_login(2, 3);
    accepted(&mut world, &initial);
    for (key, allowed, expected) in [
        (1, 3, Refused(RefusedBy::Revoked)),
        (2, 2, Refused(RefusedBy::Revoked)),
        (2, 3, Repeat(Verdict::Accepted)),
        (2, 4, Repeat(Verdict::Accepted)),
        (2, 0, Repeat(Verdict::Accepted)),
    ] {
        let begin = world.initial_login(key, allowed);
        assert_eq!(world.begin(&begin), expected, "{key} of {allowed}");
    }
    assert_eq!(world.budgets().initial_logins, 1, "a repeat takes none");
}

#[test]
fn line_5_a_grant_that_was_to_count_nowhere_is_none_where_it_counts_now() {
    let mut world = World::new();
    let exempt = world.password_login(1);
    let first = world.grant(&exempt);
    let initial = world.initial_login(1, 1);
    let second = world.grant(&initial);
    assert_ne!(first, second);
    let late = world.settle(1, first, SourceOutcome::Right);
    assert_eq!(late, SettleResult::Superseded);
    let result = world.settle(1, second, SourceOutcome::Right);
    assert_eq!(result, SettleResult::Settled(Verdict::Accepted));
    assert_eq!(world.budgets().initial_logins, 1);
}

#[test]
fn line_6_an_owner_started_anew_asks_the_old_server_once_more() {
    let mut world = World::new();
    let begin = world.forward(1);
    let prev = world.grant(&begin);
    let anew = Begin {
        owner: owner(1, 2, 7),
        prev,
        ..begin
    };
    let epoch = world.grant(&anew);
    // Until it is answered it counts as the question of before, too.
    assert_eq!(world.strict_keys(), [(1, 4)]);
    let old = old_answer(b"vpn");
    let result = world.relay(1, epoch, &old);
    assert_eq!(result, SettleResult::LetIn(old));
}

#[test]
fn line_9_an_open_login_goes_on_by_the_rule_in_force() {
    let mut world = World::new();
    let begin = world.forward(1);
    let prev = world.grant(&begin);
    world.settle(1, prev, SourceOutcome::NotAsked);
    let password = Begin {
        prev,
        ..world.password_login(1)
    };
    accepted(&mut world, &password);
    assert_eq!(world.budgets().forwarded, None);
    let begin = world.password_login(2);
    let prev = world.grant(&begin);
    world.settle(2, prev, SourceOutcome::Unanswered);
    let forward = Begin {
        prev,
        ..world.forward(2)
    };
    let epoch = world.grant(&forward);
    let old = old_answer(b"vpn");
    assert_eq!(world.relay(2, epoch, &old), SettleResult::LetIn(old));
}

#[test]
fn line_9_an_open_forward_of_who_has_got_a_token_needs_its_code() {
    let mut world = World::new();
    let begin = world.forward(1);
    let prev = world.grant(&begin);
    world.settle(1, prev, SourceOutcome::NotAsked);
    world.give_token(TokenState::Active);
    let stale = Begin {
        prev,
        ..world.forward(1)
    };
    assert_eq!(world.begin(&stale), Stale);
    let again = Begin {
        prev,
        ..world.login(1, 100)
    };
    accepted(&mut world, &again);
    assert_eq!(world.counter().last_spent, 100);
}

#[test]
fn line_9_who_has_had_all_initial_logins_is_asked_for_no_password() {
    let mut world = World::new();
    for key in 1..3 {
        let begin = world.initial_login(key, 2);
        accepted(&mut world, &begin);
    }
    let third = world.initial_login(3, 2);
    assert_eq!(world.begin(&third), Refused(RefusedBy::Initial));
    assert!(world.look(3).is_none(), "nothing is left of it");
    // The count is the user's: another rule grants no more than what is left of its own.
    let other = world.initial_login(4, 3);
    accepted(&mut world, &other);
    let over = world.initial_login(5, 3);
    assert_eq!(world.begin(&over), Refused(RefusedBy::Initial));
}

#[test]
fn line_9_an_initial_login_that_was_let_in_is_repeated_though_it_was_the_last() {
    let mut world = World::new();
    let begin = world.initial_login(1, 1);
    accepted(&mut world, &begin);
    let again = Begin {
        owner: owner(2, 1, 9),
        ..world.initial_login(1, 1)
    };
    assert_eq!(world.begin(&again), Repeat(Verdict::Accepted));
    assert_eq!(world.budgets().initial_logins, 1);
}

#[test]
fn line_13_an_old_server_is_asked_no_more_passwords_than_a_directory() {
    for (outcome, refused) in [
        (SourceOutcome::Wrong, RefusedBy::Locked),
        (SourceOutcome::Unanswered, RefusedBy::Limit),
    ] {
        let mut world = World::new();
        for key in 1..4 {
            let begin = world.forward(key);
            world.ask(&begin, outcome);
        }
        let begin = world.forward(9);
        assert_eq!(world.begin(&begin), Refused(refused));
    }
}

#[test]
fn line_8_of_settle_a_token_given_meanwhile_keeps_the_login_out() {
    for state in PROVEN {
        let mut world = World::new();
        let forward = world.forward(1);
        let epoch = world.grant(&forward);
        let initial = world.initial_login(2, 3);
        let other = world.grant(&initial);
        world.give_token(state);
        let result = world.relay(1, epoch, &old_answer(b"vpn"));
        assert_eq!(result, SettleResult::Settled(Verdict::Revoked), "{state:?}");
        let result = world.settle(2, other, SourceOutcome::Right);
        assert_eq!(result, SettleResult::Settled(Verdict::Revoked), "{state:?}");
        assert_eq!(world.budgets(), storage::Budgets::default());
    }
}

#[test]
fn line_1_of_settle_a_token_given_afterwards_ends_what_was_let_in_without() {
    let mut world = World::new();
    relayed(&mut world, 1, b"vpn");
    let epoch = world.look(1).unwrap().epoch;
    world.give_token(TokenState::Active);
    let late = world.relay(1, epoch, &old_answer(b"vpn"));
    assert_eq!(late, SettleResult::Already(Verdict::Revoked));
}

#[test]
fn line_9_of_settle_two_at_once_are_not_both_the_last_initial_login() {
    let mut world = World::new();
    let (first, second) = (world.initial_login(1, 1), world.initial_login(2, 1));
    let (one, other) = (world.grant(&first), world.grant(&second));
    let result = world.settle(1, one, SourceOutcome::Right);
    assert_eq!(result, SettleResult::Settled(Verdict::Accepted));
    let result = world.settle(2, other, SourceOutcome::Right);
    assert_eq!(result, SettleResult::Settled(Verdict::Denied));
    assert_eq!(world.budgets().initial_logins, 1);
    assert_eq!(world.strict_keys(), [], "a right password counts nothing");
}

#[test]
fn line_9_of_settle_only_what_is_let_in_takes_an_initial_login() {
    let mut world = World::new();
    for (key, outcome) in [
        (1, SourceOutcome::Wrong),
        (2, SourceOutcome::Denied),
        (3, SourceOutcome::NotAsked),
        (4, SourceOutcome::Unanswered),
    ] {
        let begin = world.initial_login(key, 1);
        world.ask(&begin, outcome);
        assert_eq!(world.budgets().initial_logins, 0, "{outcome:?}");
    }
    let begin = world.initial_login(5, 1);
    accepted(&mut world, &begin);
    assert_eq!(world.budgets().initial_logins, 1);
}

#[test]
fn line_9_of_settle_an_old_server_makes_up_for_no_wrong_code_and_makes_no_place_known() {
    let mut world = World::new();
    let wrong = world.wrong_code(8);
    world.begin(&wrong);
    relayed(&mut world, 1, b"vpn");
    assert_eq!(world.codes(PlaceId::ELSEWHERE).failures, 1);
    assert_eq!(world.places(), []);
    assert_eq!(world.counter().last_spent, 0);
}

#[test]
fn line_9_of_settle_an_old_server_that_said_nothing_lets_nobody_in() {
    let mut world = World::new();
    let begin = world.forward(1);
    let result = world.ask(&begin, SourceOutcome::Right);
    assert_eq!(result, SettleResult::Settled(Verdict::Denied));
    assert_eq!(world.budgets(), storage::Budgets::default());
    let record = world.look(1).unwrap();
    let (verdict, at) = (Verdict::Denied, at(world.now));
    assert_eq!(record.state, State::Settled { verdict, at });
}

#[test]
fn line_9_of_settle_what_a_directory_never_says_is_not_kept() {
    let mut world = World::new();
    let begin = world.password_login(1);
    let epoch = world.grant(&begin);
    let result = world.relay(1, epoch, &old_answer(b"vpn"));
    assert_eq!(result, SettleResult::Settled(Verdict::Accepted));
    assert_eq!(world.look(1).unwrap().relayed, None);
    assert_eq!(world.budgets().forwarded, None);
}

#[test]
fn the_last_forward_of_a_user_is_known_to_the_day() {
    let mut world = World::new();
    relayed(&mut world, 1, b"vpn");
    let last = || storage::LastForward {
        server: "old".into(),
        at: START,
    };
    world.pass(MINUTE);
    relayed(&mut world, 2, b"vpn");
    assert_eq!(world.budgets().forwarded, Some(last()));
    world.pass(24 * 60 * MINUTE);
    relayed(&mut world, 3, b"vpn");
    let at = world.now;
    let later = storage::LastForward { at, ..last() };
    assert_eq!(world.budgets().forwarded, Some(later));
}

#[test]
fn an_unlocked_user_has_had_as_many_initial_logins_as_before() {
    let mut world = World::new();
    let begin = world.initial_login(1, 3);
    accepted(&mut world, &begin);
    relayed(&mut world, 2, b"vpn");
    let wrong = world.forward(3);
    world.ask(&wrong, SourceOutcome::Wrong);
    let mut draft = Draft::new(&world.tables);
    crate::ledger::budgets::unlock(&mut draft, USER, at(world.now)).unwrap();
    let writes = draft.into_writes();
    world.tables.write(writes);
    let budgets = world.budgets();
    assert_eq!((budgets.strict, budgets.initial_logins), (None, 1));
    assert!(budgets.forwarded.is_some());
    let granted = matches!(world.begin(&world.forward(4).clone()), Granted { .. });
    assert!(granted);
}

#[test]
fn line_9_a_login_that_goes_on_forwarded_holds_and_spends_no_code() {
    let mut world = World::new();
    let epoch = world.grant(&world.login(1, 100));
    world.settle(1, epoch, SourceOutcome::NotAsked);
    let forwarded = Begin {
        prev: epoch,
        ..world.forward(1)
    };
    let epoch = world.grant(&forwarded);
    assert!(world.look(1).unwrap().matches.is_empty());
    let old = old_answer(b"vpn");
    assert_eq!(world.relay(1, epoch, &old), SettleResult::LetIn(old));
}
