//! A client's re-validation: for a time an accepted login may be repeated by its caller.

use super::world::*;
use crate::base::limits::{ATTEMPT_KEEP_MAX, REVALIDATION_MAX};
use crate::ledger::BeginResult::{Granted, Refused, Repeat};
use crate::ledger::{Begin, RefusedBy, SourceOutcome, Table, Verdict, storage};

const REVALIDATION: u64 = 300_000;

#[test]
fn line_4_a_repeat_within_the_revalidation_is_the_same_login() {
    let mut world = revalidating();
    world.let_in(1, 100);
    world.pass(REVALIDATION);
    let repeat = repeated(&world);
    assert_eq!(world.begin(&repeat), Repeat(Verdict::Accepted));
}

#[test]
fn line_4_after_the_revalidation_the_same_login_is_a_replay() {
    let mut world = revalidating();
    world.let_in(1, 100);
    world.pass(REVALIDATION + 1);
    let replay = repeated(&world);
    assert_eq!(world.begin(&replay), Refused(RefusedBy::Spent));
}

#[test]
fn line_4_a_repeat_does_not_extend_the_revalidation() {
    let mut world = revalidating();
    world.let_in(1, 100);
    for (pass, result) in [
        (REVALIDATION, Repeat(Verdict::Accepted)),
        (1, Refused(RefusedBy::Spent)),
    ] {
        world.pass(pass);
        let repeat = repeated(&world);
        assert_eq!(world.begin(&repeat), result);
    }
}

#[test]
fn line_4_where_nothing_names_the_caller_nobody_is_revalidated() {
    let mut world = revalidating();
    let begin = unnamed(world.login(1, 100));
    world.ask(&begin, SourceOutcome::Right);
    world.pass(MINUTE);
    let repeat = unnamed(repeated(&world));
    assert_eq!(world.begin(&repeat), Refused(RefusedBy::Spent));
}

#[test]
fn line_4_revalidation_that_was_turned_off_lets_nobody_in_but_retries() {
    let mut world = revalidating();
    world.let_in(1, 100);
    world.edit_client(|it| it.revalidation = 0);
    world.pass(GRACE);
    let retry = repeated(&world);
    assert_eq!(world.begin(&retry), Repeat(Verdict::Accepted));
    world.pass(1);
    let repeat = repeated(&world);
    assert_eq!(world.begin(&repeat), Refused(RefusedBy::Spent));
}

#[test]
fn line_4_a_login_from_before_revalidation_was_turned_on_has_none() {
    let mut world = World::new();
    world.let_in(1, 100);
    world.edit_client(|it| it.revalidation = 300_000);
    world.pass(GRACE + 1);
    let repeat = repeated(&world);
    assert_eq!(world.begin(&repeat), Refused(RefusedBy::Spent));
}

#[test]
fn line_4_a_disabled_token_ends_the_revalidation() {
    let mut world = revalidating();
    world.let_in(1, 100);
    world.edit_token(|it| it.state = storage::TokenState::Disabled.into());
    world.pass(MINUTE);
    let repeat = Begin {
        matches: Vec::new(),
        ..repeated(&world)
    };
    assert_eq!(world.begin(&repeat), Refused(RefusedBy::Revoked));
}

#[test]
fn a_refusal_answers_no_longer_for_it() {
    let mut world = revalidating();
    let begin = world.login(1, 100);
    world.ask(&begin, SourceOutcome::Denied);
    world.pass(GRACE);
    assert!(world.look(1).is_some());
    world.pass(1);
    assert_eq!(world.look(1), None);
}

#[test]
fn an_open_login_holds_its_code_no_longer_for_it() {
    let mut world = revalidating();
    let begin = world.login(1, 100);
    let epoch = world.grant(&begin);
    world.settle(1, epoch, SourceOutcome::Unanswered);
    world.pass(GRACE + 1);
    assert_eq!(world.look(1), None);
}

#[test]
fn its_generation_stays_as_long_as_it_may_be_repeated() {
    let mut world = revalidating();
    world.now = START - START % MINUTE;
    world.let_in(1, 100);
    world.now += MINUTE + REVALIDATION + 5_000 - 1;
    world.run(Vec::new());
    assert_eq!(world.count(Table::Attempts), 1);
    world.pass(1);
    world.run(Vec::new());
    assert_eq!(world.count(Table::Attempts), 0);
}

#[test]
fn a_generation_without_accepted_logins_stays_no_longer_for_it() {
    let mut world = revalidating();
    world.now = START - START % MINUTE;
    let begin = world.login(1, 100);
    world.ask(&begin, SourceOutcome::Wrong);
    world.now += MINUTE + GRACE + 5_000;
    world.run(Vec::new());
    assert_eq!(world.count(Table::Attempts), 0);
}

#[test]
fn it_is_bounded_and_a_strict_client_has_none() {
    let mut world = World::new();
    world.edit_client(|it| it.revalidation = u32::MAX);
    world.let_in(1, 100);
    assert_eq!(world.look(1).unwrap().grace, REVALIDATION_MAX);
    assert!(world.look(1).unwrap().keep <= ATTEMPT_KEEP_MAX);
    world.edit_client(|it| it.strict_grace = true);
    world.let_in(2, 101);
    assert_eq!(world.look(2).unwrap().grace.as_millis(), 0);
}

#[test]
fn a_login_repeated_by_another_step_is_another_login() {
    let mut world = revalidating();
    world.let_in(1, 100);
    world.pass(MINUTE);
    let other = world.login(2, 101);
    assert!(matches!(world.begin(&other), Granted { .. }));
}

fn revalidating() -> World {
    let mut world = World::new();
    world.edit_client(|it| it.revalidation = 300_000);
    world
}

/// The same login, now, by another flow.
fn repeated(world: &World) -> Begin {
    Begin {
        owner: owner(2, 1, 1),
        ..world.login(1, 100)
    }
}

fn unnamed(begin: Begin) -> Begin {
    Begin {
        caller_named: false,
        ..begin
    }
}
