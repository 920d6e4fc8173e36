//! Spent steps and drift.

use super::world::*;
use crate::ledger::{Begin, BeginResult, Match, RefusedBy, SourceOutcome, Table, Verdict, storage};

#[test]
fn drift_moves_one_step_a_login_and_five_in_all() {
    let mut world = World::new();
    for (number, drift) in (1_u8..).zip([1, 2, 3, 4, 5, 5, 5]) {
        let begin = off_by(&world, number, 100 + u64::from(number), 9);
        world.ask(&begin, SourceOutcome::Right);
        assert_eq!(world.counter().drift, drift);
    }
    for (number, drift) in (51_u8..).zip([4, 3, 3]) {
        let begin = off_by(&world, number, 100 + u64::from(number), 3);
        world.ask(&begin, SourceOutcome::Right);
        assert_eq!(world.counter().drift, drift);
    }
}

#[test]
fn drift_goes_both_ways() {
    let mut world = World::new();
    let begin = Begin {
        factors: crate::ledger::Factors::Code,
        ..off_by(&world, 1, 100, -1)
    };
    assert_eq!(world.begin(&begin), BeginResult::Repeat(Verdict::Accepted));
    assert_eq!(world.counter().drift, -1);
}

#[test]
fn drift_is_not_learnt_from_a_login_that_is_not_let_in() {
    for outcome in [
        SourceOutcome::Wrong,
        SourceOutcome::Denied,
        SourceOutcome::NotAsked,
    ] {
        let mut world = World::new();
        let begin = off_by(&world, 1, 100, 1);
        world.ask(&begin, outcome);
        assert_eq!(world.counter().drift, 0);
    }
}

#[test]
fn drift_is_not_learnt_from_a_step_below_the_mark() {
    let mut world = World::new();
    let older = off_by(&world, 1, 100, -1);
    let older = world.grant(&older);
    world.let_in(2, 101);
    world.settle(1, older, SourceOutcome::Right);
    assert_eq!(world.counter().drift, 0);
}

#[test]
fn drift_is_learnt_from_the_highest_of_several_matches() {
    let mut world = World::new();
    let begin = Begin {
        matches: vec![
            Match {
                offset: 1,
                ..matched(101)
            },
            Match {
                offset: 0,
                ..matched(100)
            },
        ],
        ..world.login(1, 0)
    };
    world.ask(&begin, SourceOutcome::Right);
    assert_eq!(world.counter().drift, 1);
}

#[test]
fn a_new_seed_starts_its_own_count() {
    let mut world = World::new();
    world.let_in(1, 100);
    world.edit_token(|it| it.generation = 2);
    let begin = Begin {
        matches: vec![Match {
            generation: 2,
            ..matched(50)
        }],
        ..world.login(2, 0)
    };
    world.ask(&begin, SourceOutcome::Right);
    let counter = world.counter();
    assert_eq!((counter.generation, counter.last_spent), (2, 50));
}

#[test]
fn another_spend_takes_the_burner_its_right() {
    let mut world = World::new();
    world.edit_client(|it| it.burn_code = storage::BurnCode::OnMatch.into());
    let begin = world.login(1, 100);
    let prev = world.grant(&begin);
    world.settle(1, prev, SourceOutcome::NotAsked);
    world.edit_client(|it| it.burn_code = storage::BurnCode::OnAccept.into());
    world.let_in(2, 101);
    let again = Begin {
        prev,
        ..world.login(1, 100)
    };
    assert_eq!(world.begin(&again), BeginResult::Refused(RefusedBy::Spent));
}

#[test]
fn a_burned_step_stays_spent_when_the_password_is_wrong() {
    let mut world = World::new();
    world.edit_client(|it| it.burn_code = storage::BurnCode::OnMatch.into());
    let begin = world.login(1, 100);
    world.ask(&begin, SourceOutcome::Wrong);
    let other = world.login(2, 100);
    assert_eq!(world.begin(&other), BeginResult::Refused(RefusedBy::Spent));
    assert_eq!(world.count(Table::Counters), 1);
}

fn off_by(world: &World, key: u8, step: u64, offset: i32) -> Begin {
    Begin {
        matches: vec![Match {
            offset,
            ..matched(step)
        }],
        ..world.login(key, step)
    }
}
