//! Entries as a whole: versions, time, the rolling hash, commands that cannot be read.

use super::world::*;
use crate::base::{NodeId, Timestamp};
use crate::ledger::{
    Begin, BeginResult, CLUSTER_VERSION, Command, CommandError, Draft, Entry, RefusedBy, Revisions,
    StoreError, Table, Verdict, apply, storage,
};

#[test]
fn an_entry_newer_than_the_binary_stops_the_node() {
    let world = World::new();
    let mut draft = Draft::new(&world.tables);
    let result = apply(
        &mut draft,
        1,
        &entry(CLUSTER_VERSION + 1, START, Vec::new()),
    );
    assert!(matches!(result, Err(StoreError::Newer(2, 1))));
    assert_eq!(draft.into_writes(), []);
}

#[test]
fn an_entry_of_no_version_is_answered_with_refusals() {
    let world = World::new();
    let mut draft = Draft::new(&world.tables);
    let begin = Command::Begin(world.login(1, 100));
    let outcomes = apply(&mut draft, 1, &entry(0, START, vec![begin])).unwrap();
    assert_eq!(outcomes, [Outcome::Unreadable(CommandError::Version(0))]);
}

#[test]
fn limits_changed_within_an_entry_hold_for_the_commands_after_it() {
    let mut world = World::new();
    world.edit(Table::Head, &[], |it: &mut storage::Head| {
        it.cluster = vec![5; 16];
    });
    world.edit(Table::ApiTokens, &TOKEN, |it: &mut storage::ApiToken| {
        it.hash = TOKEN.to_vec();
    });
    let before = wrong_code_alone(&world, 1, 0);
    let change = Command::Change(Box::new(allow_one_failure()));
    // Two of three by the old limits, one too many by the new ones.
    let after = wrong_code_alone(&world, 2, 1);
    let locked_out = wrong_code_alone(&world, 3, 1);
    let outcomes = world.run(vec![before, change, after, locked_out]);
    let counted = Outcome::Begin(BeginResult::Repeat(Verdict::WrongCode));
    assert_eq!((&outcomes[0], &outcomes[2]), (&counted, &counted));
    let locked = Outcome::Begin(BeginResult::Refused(RefusedBy::Locked));
    assert_eq!(outcomes[3], locked);
}

#[test]
fn a_command_that_cannot_be_read_is_refused_and_the_others_count() {
    let mut world = World::new();
    let begin = Command::Begin(world.code_login(1, 100));
    let outcomes = world.run(vec![Command::Unreadable(CommandError::Kind), begin]);
    assert_eq!(outcomes[0], Outcome::Unreadable(CommandError::Kind));
    assert_eq!(world.counter().last_spent, 100);
}

#[test]
fn a_record_that_cannot_be_read_stops_the_node() {
    let mut world = World::new();
    let unknown = storage::strict::Key {
        key: vec![1; 32],
        kind: 9,
        until: 0,
    };
    world.edit(
        Table::Budgets,
        &USER.0.to_be_bytes(),
        |it: &mut storage::Budgets| {
            it.strict.get_or_insert_default().keys.push(unknown);
        },
    );
    let begin = Command::Begin(world.login(1, 100));
    let mut draft = Draft::new(&world.tables);
    let result = apply(&mut draft, 1, &entry(1, START, vec![begin]));
    assert!(matches!(result, Err(StoreError::Contradiction(..))));
}

#[test]
fn the_hash_tells_index_time_and_every_write_apart() {
    let hash = |index, millis, key| {
        let world = World::new();
        let mut draft = Draft::new(&world.tables);
        let begin = Command::Begin(world.wrong_code(key));
        apply(&mut draft, index, &entry(1, millis, vec![begin])).unwrap();
        crate::ledger::query::head(&draft).unwrap().hash
    };
    let first = hash(1, START, 1);
    assert_eq!(first.len(), 32);
    assert_eq!(first, hash(1, START, 1));
    assert_ne!(first, hash(2, START, 1));
    assert_ne!(first, hash(1, START + 1, 1));
    assert_ne!(first, hash(1, START, 2));
}

#[test]
fn the_hash_rolls_on_from_the_one_before() {
    let mut world = World::new();
    world.run(Vec::new());
    let (tables, index) = (world.tables.clone(), world.index);
    world.run(Vec::new());
    let one = world.head().hash;
    let mut other = World {
        tables,
        index,
        now: world.now,
    };
    other.edit(Table::Head, &[], |it: &mut storage::Head| it.hash[0] ^= 1);
    other.run(Vec::new());
    assert_ne!(other.head().hash, one);
}

fn wrong_code_alone(world: &World, key: u8, settings: u64) -> Command {
    Command::Begin(Begin {
        matches: Vec::new(),
        revisions: Revisions {
            settings,
            ..Revisions::default()
        },
        ..world.code_login(key, 0)
    })
}

fn allow_one_failure() -> storage::Change {
    let limits = storage::Limits {
        strict_failures: 1,
        ..storage::Limits::default()
    };
    let put = storage::PutSettings {
        settings: Some(storage::Settings {
            limits: Some(limits),
            ..storage::Settings::default()
        }),
        expected_revision: 0,
        confirm_within: 0,
    };
    storage::Change {
        request_id: vec![1; 16],
        actor: Some(storage::Actor {
            token: TOKEN.to_vec(),
            ..storage::Actor::default()
        }),
        kind: Some(storage::change::Kind::PutSettings(put)),
        ..storage::Change::default()
    }
}

const TOKEN: [u8; 32] = [7; 32];

fn entry(version: u32, millis: u64, commands: Vec<Command>) -> Entry {
    Entry {
        version,
        at: Timestamp::from_millis(millis),
        proposer: NodeId(1),
        commands,
    }
}
