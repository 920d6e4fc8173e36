//! Grace and keep, as a record fixes them when it is made.

use std::time::Duration;

use super::world::*;
use crate::ledger::{Begin, SourceOutcome, storage};

#[test]
fn the_grace_is_the_clients_own() {
    assert_eq!(grace_and_keep(|_| {}, true), (20_000, 20_000));
}

#[test]
fn the_grace_defaults_to_all_tries_at_all_servers_and_five_seconds() {
    assert_eq!(
        grace_and_keep(|it| it.retry_grace = 0, true),
        (17_000, 17_000)
    );
}

#[test]
fn a_client_that_tells_nothing_has_three_tries_of_three_seconds_at_two_servers() {
    let unset = |it: &mut storage::Client| *it = storage::Client::default();
    assert_eq!(grace_and_keep(unset, true), (23_000, 23_000));
}

#[test]
fn a_strict_client_has_no_grace_but_keeps_for_a_commands_life() {
    assert_eq!(
        grace_and_keep(|it| it.strict_grace = true, true),
        (0, 5_000)
    );
}

#[test]
fn where_nothing_names_the_caller_the_grace_is_one_devices_retry_time() {
    assert_eq!(grace_and_keep(|_| {}, false), (6_000, 6_000));
    assert_eq!(
        grace_and_keep(|it| it.retry_grace = 1_000, false),
        (1_000, 5_000)
    );
}

#[test]
fn the_grace_is_bounded() {
    let long = |it: &mut storage::Client| it.retry_grace = u32::MAX;
    assert_eq!(grace_and_keep(long, true), (120_000, 120_000));
    let long = |it: &mut storage::Client| (it.timeout, it.tries) = (u32::MAX, u32::MAX);
    assert_eq!(grace_and_keep(long, false), (20_000, 20_000));
}

#[test]
fn an_attempt_taken_again_keeps_the_grace_it_began_with() {
    let mut world = World::new();
    let begin = world.login(1, 100);
    let prev = world.grant(&begin);
    world.settle(1, prev, SourceOutcome::NotAsked);
    world.edit_client(|it| it.retry_grace = 90_000);
    let again = Begin {
        prev,
        ..world.login(1, 100)
    };
    world.grant(&again);
    assert_eq!(world.look(1).unwrap().grace, Duration::from_millis(GRACE));
}

fn grace_and_keep(change: impl FnOnce(&mut storage::Client), caller_named: bool) -> (u128, u128) {
    let mut world = World::new();
    world.edit_client(change);
    let begin = Begin {
        caller_named,
        ..world.login(1, 100)
    };
    world.grant(&begin);
    let attempt = world.look(1).unwrap();
    (attempt.grace.as_millis(), attempt.keep.as_millis())
}
