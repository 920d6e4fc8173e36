//! Where attempts are kept, how they are counted, and when they go.

use super::world::*;
use crate::base::limits::{ATTEMPTS_LIVE_MAX, ATTEMPTS_STORED_MAX};
use crate::ledger::storage::head::Generation;
use crate::ledger::{Begin, BeginResult, RefusedBy, SourceOutcome, Table, Verdict, storage};

#[test]
fn a_rewritten_record_moves_and_is_one() {
    let mut world = World::new();
    world.now = START - START % MINUTE + 55_000;
    let generation = world.now / MINUTE;
    let begin = world.login(1, 100);
    let epoch = world.grant(&begin);
    assert_eq!(counts(&world), [(generation + 1, 1, 1)]);
    world.settle(1, epoch, SourceOutcome::Denied);
    assert_eq!(counts(&world), [(generation, 1, 0)]);
    assert_eq!(world.count(Table::Attempts), 1);
}

#[test]
fn the_head_counts_what_is_stored_and_what_is_live() {
    let mut world = World::new();
    for key in 1..4 {
        let begin = world.login(key, 100 + u64::from(key));
        world.grant(&begin);
    }
    let wrong = world.wrong_code(9);
    world.begin(&wrong);
    assert_eq!(stored_and_live(&world), (4, 3));
    assert_eq!(world.head().attempts_live, 3);
    let again = world.wrong_code(9);
    world.begin(&again);
    assert_eq!(stored_and_live(&world), (4, 3));
}

#[test]
fn a_record_that_no_longer_answers_makes_room_for_the_next_of_its_key() {
    let mut world = World::new();
    world.now = START - START % MINUTE;
    let begin = world.login(1, 100);
    world.ask(&begin, SourceOutcome::Denied);
    world.pass(GRACE + 1);
    let again = Begin {
        owner: owner(2, 1, 1),
        ..world.login(1, 101)
    };
    assert!(matches!(world.begin(&again), BeginResult::Granted { .. }));
    assert_eq!(world.count(Table::Attempts), 1);
    assert_eq!(stored_and_live(&world), (1, 1));
}

#[test]
fn a_record_answers_commands_issued_within_its_keep_and_not_after() {
    let mut world = World::new();
    let begin = world.login(1, 100);
    world.ask(&begin, SourceOutcome::Denied);
    world.pass(GRACE);
    let issued = at(world.now);
    assert!(world.look(1).is_some());
    world.pass(5_000);
    let travelled = Begin {
        issued,
        owner: owner(2, 1, 1),
        ..world.login(1, 100)
    };
    assert_eq!(
        world.begin(&travelled),
        BeginResult::Repeat(Verdict::Denied)
    );
    let fresh = Begin {
        issued: at(issued.as_millis() + 1),
        ..travelled
    };
    assert!(matches!(world.begin(&fresh), BeginResult::Granted { .. }));
}

#[test]
fn a_generation_goes_as_a_whole_once_none_of_it_is_stored() {
    let mut world = World::new();
    world.now = START - START % MINUTE;
    for key in 1..4 {
        let begin = world.login(key, 100);
        world.ask(&begin, SourceOutcome::Denied);
    }
    world.now += MINUTE + GRACE + 5_000 - 1;
    world.run(Vec::new());
    assert_eq!(world.count(Table::Attempts), 3);
    world.pass(1);
    world.run(Vec::new());
    assert_eq!(world.count(Table::Attempts), 0);
    assert_eq!(world.head().generations, []);
}

#[test]
fn the_longest_keep_of_a_generation_holds_it() {
    let mut world = World::new();
    world.now = START - START % MINUTE;
    world.edit_client(|it| it.retry_grace = 120_000);
    let long = world.login(1, 100);
    world.ask(&long, SourceOutcome::Denied);
    world.edit_client(|it| it.retry_grace = 1_000);
    let short = world.login(2, 101);
    world.ask(&short, SourceOutcome::Denied);
    world.now += MINUTE + 120_000;
    world.run(Vec::new());
    assert_eq!(world.count(Table::Attempts), 2);
}

#[test]
fn an_open_attempt_counts_as_live_until_its_generation_goes() {
    let mut world = World::new();
    let begin = world.login(1, 100);
    world.grant(&begin);
    world.pass(LEASE);
    world.run(Vec::new());
    assert_eq!(stored_and_live(&world), (1, 1));
    world.pass(10 * MINUTE);
    world.run(Vec::new());
    assert_eq!(stored_and_live(&world), (0, 0));
}

#[test]
fn above_the_live_bound_a_new_begin_is_refused_whatever_its_code() {
    let mut world = World::new();
    let repeat = world.wrong_code(1);
    world.begin(&repeat);
    let known = world.login(2, 100);
    world.grant(&known);
    fill(&mut world, 0, ATTEMPTS_LIVE_MAX - 1);
    let (right, wrong) = (world.login(8, 101), world.wrong_code(9));
    for begin in [right, wrong] {
        let result = world.begin(&begin);
        assert_eq!(result, BeginResult::Refused(RefusedBy::Overload));
    }
    assert_eq!(world.codes(crate::base::PlaceId::ELSEWHERE).failures, 1);
    assert_eq!(
        world.begin(&repeat),
        BeginResult::Repeat(Verdict::WrongCode)
    );
    assert!(matches!(world.begin(&known), BeginResult::Granted { .. }));
}

#[test]
fn one_below_the_live_bound_there_is_room() {
    let mut world = World::new();
    fill(&mut world, 0, ATTEMPTS_LIVE_MAX - 1);
    let begin = world.login(1, 100);
    assert!(matches!(world.begin(&begin), BeginResult::Granted { .. }));
}

#[test]
fn above_the_live_bound_an_open_attempt_may_be_taken_again() {
    let mut world = World::new();
    let begin = world.login(1, 100);
    let prev = world.grant(&begin);
    world.settle(1, prev, SourceOutcome::NotAsked);
    fill(&mut world, 0, ATTEMPTS_LIVE_MAX - 1);
    let again = Begin { prev, ..begin };
    assert!(matches!(world.begin(&again), BeginResult::Granted { .. }));
}

#[test]
fn above_the_bound_of_what_is_stored_a_new_begin_is_refused() {
    let mut world = World::new();
    fill(&mut world, ATTEMPTS_STORED_MAX, 0);
    let begin = world.code_login(1, 100);
    let result = world.begin(&begin);
    assert_eq!(result, BeginResult::Refused(RefusedBy::Overload));
    assert_eq!(world.counter(), storage::Counter::default());
}

/// Pretends that this many more attempts are there.
fn fill(world: &mut World, stored: u64, live: u64) {
    let number = world.now / MINUTE + 2;
    world.edit(Table::Head, &[], |head: &mut storage::Head| {
        head.generations.push(Generation {
            number,
            stored,
            live,
            keep: 0,
        });
    });
}

fn counts(world: &World) -> Vec<(u64, u64, u64)> {
    let generations = world.head().generations;
    generations
        .iter()
        .map(|it| (it.number, it.stored, it.live))
        .collect()
}

fn stored_and_live(world: &World) -> (u64, u64) {
    let counts = counts(world);
    let stored = counts.iter().map(|&(_, stored, _)| stored).sum();
    (stored, counts.iter().map(|&(_, _, live)| live).sum())
}
