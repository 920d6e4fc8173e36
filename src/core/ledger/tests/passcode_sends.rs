//! The command that makes a passcode, line by line.

use super::passcodes::{RIGHT, WRONG, alone, ask, know, send, sent, stored, world};
use super::world::*;
use crate::ledger::BeginResult::Repeat;
use crate::ledger::{RefusedBy, SendPasscode, SendResult, SourceOutcome, Table, Verdict, storage};

#[test]
fn send_line_1_a_late_ask_does_nothing() {
    let mut world = World::new();
    let late = ask(&world, 200, RIGHT);
    world.pass(5001);
    assert_eq!(send(&mut world, &late), SendResult::TooLate);
    assert_eq!(world.count(Table::Passcodes), 0);
}

#[test]
fn send_line_2_an_ask_decided_by_old_facts_is_stale() {
    let changes: [fn(&mut World); 4] = [
        |world| world.edit_user(|it| it.revision = 2),
        |world| world.edit_client(|it| it.revision = 2),
        |world| {
            world.edit(Table::Head, &[], |it: &mut storage::Head| {
                it.rules_revision = 2
            })
        },
        |world| {
            world.edit(Table::Head, &[], |it: &mut storage::Head| {
                it.settings_revision = 2
            })
        },
    ];
    for (number, change) in changes.into_iter().enumerate() {
        let mut world = World::new();
        let asked = ask(&world, 200, RIGHT);
        change(&mut world);
        assert_eq!(send(&mut world, &asked), SendResult::Stale, "{number}");
    }
}

#[test]
fn send_line_3_a_disabled_user_is_sent_nothing() {
    let mut world = World::new();
    world.edit_user(|it| it.status = storage::UserStatus::Disabled.into());
    let asked = ask(&world, 200, RIGHT);
    let result = send(&mut world, &asked);
    assert_eq!(result, SendResult::Refused(RefusedBy::Revoked));
}

#[test]
fn send_line_4_a_retry_of_one_ask_is_sent_by_its_first_owner_alone() {
    let mut world = world();
    let again = ask(&world, 200, WRONG);
    assert_eq!(send(&mut world, &again), SendResult::Sent);
    let elsewhere = SendPasscode {
        owner: owner(2, 1, 1),
        ..again
    };
    assert_eq!(send(&mut world, &elsewhere), SendResult::Already);
    assert_eq!(stored(&world).number, 1);
    assert_eq!(stored(&world).hash, RIGHT.0);
}

#[test]
fn send_line_5_who_is_locked_or_has_to_wait_is_sent_nothing() {
    let mut world = World::new();
    for key in 1..6 {
        let begin = world.wrong_code(key);
        world.begin(&begin);
    }
    let asked = ask(&world, 200, RIGHT);
    let result = send(&mut world, &asked);
    assert_eq!(result, SendResult::Refused(RefusedBy::Waiting));
    let mut world = World::new();
    for key in 1..4 {
        let begin = world.login(key, 100);
        world.ask(&begin, SourceOutcome::Wrong);
    }
    let asked = ask(&world, 200, RIGHT);
    let result = send(&mut world, &asked);
    assert_eq!(result, SendResult::Refused(RefusedBy::Locked));
}

#[test]
fn send_line_6_what_counts_no_more_is_forgotten() {
    let mut world = World::new();
    for key in 1..3 {
        sent(&mut world, key, RIGHT);
    }
    world.pass(10 * MINUTE - 1);
    let asked = ask(&world, 3, RIGHT);
    let full = SendResult::Refused(RefusedBy::Limit);
    assert_eq!(send(&mut world, &asked), full);
    world.pass(1);
    sent(&mut world, 4, RIGHT);
    assert_eq!(stored(&world).sent.len(), 3);
    world.pass(24 * 60 * MINUTE);
    sent(&mut world, 5, RIGHT);
    assert_eq!(stored(&world).sent.len(), 1);
}

#[test]
fn send_line_7_the_cluster_sends_no_more_than_its_share() {
    let mut world = World::new();
    for user in [USER, OTHER_USER] {
        know(&mut world, user);
    }
    world.set_limits(storage::Limits {
        passcodes_per_minute: 2,
        ..storage::Limits::default()
    });
    let one = |world: &mut World, key: u8, user| {
        let asked = SendPasscode {
            user,
            ..ask(world, key, RIGHT)
        };
        send(world, &asked)
    };
    assert_eq!(one(&mut world, 1, USER), SendResult::Sent);
    assert_eq!(one(&mut world, 2, OTHER_USER), SendResult::Sent);
    let full = SendResult::Refused(RefusedBy::Overload);
    assert_eq!(one(&mut world, 3, USER), full);
    world.pass(MINUTE / 2 - 1);
    assert_eq!(one(&mut world, 4, USER), full);
    world.pass(1);
    assert_eq!(one(&mut world, 5, USER), SendResult::Sent);
    assert_eq!(one(&mut world, 6, OTHER_USER), full);
}

#[test]
fn send_line_8_another_one_begins_anew() {
    let mut world = World::new();
    know(&mut world, USER);
    sent(&mut world, 200, RIGHT);
    let begin = alone(&world, 1, RIGHT);
    assert_eq!(world.begin(&begin), Repeat(Verdict::Accepted));
    sent(&mut world, 201, WRONG);
    let begin = alone(&world, 2, WRONG);
    assert_eq!(world.begin(&begin), Repeat(Verdict::Accepted));
}
