//! How many records a login costs: each is a look into the store on every node.

use std::collections::BTreeSet;

use super::world::*;
use crate::base::NodeId;
use crate::ledger::table::Counting;
use crate::ledger::{
    Begin, BeginResult, CLUSTER_VERSION, Command, Draft, Entry, Table, Verdict, Write, Writes,
    apply,
};

#[test]
fn an_accepted_code_costs_seven_records_and_one_per_live_generation() {
    let mut world = World::new();
    for (key, step, pause) in [(1, 98, MINUTE), (2, 99, 10_000)] {
        let begin = world.code_login(key, step);
        world.begin(&begin);
        world.pass(pause);
    }
    let generations = world.head().generations.len();
    assert_eq!(generations, 2);
    let (gets, _) = accept(&world, &[world.code_login(3, 100)]);
    assert_eq!(gets.len(), 7 + generations, "{gets:?}");
    let attempts = gets.iter().filter(|(table, _)| *table == Table::Attempts);
    assert_eq!(attempts.count(), generations);
}

#[test]
fn commands_of_one_batch_share_what_they_read() {
    let world = World::new();
    let logins = [98, 99, 100].map(|step| world.code_login(u8::try_from(step).unwrap(), step));
    let (one, _) = accept(&world, &logins[..1]);
    let (three, _) = accept(&world, &logins);
    // The later two look for their records in the generation that the first began.
    let attempts = three.iter().filter(|(table, _)| *table == Table::Attempts);
    assert_eq!(three.len(), one.len() + attempts.count());
}

#[test]
fn a_login_from_a_place_noted_lately_writes_nothing_but_what_it_spends() {
    let mut world = World::new();
    let begin = world.code_login(1, 99);
    world.begin(&begin);
    let (_, writes) = accept(&world, &[world.code_login(2, 100)]);
    let written: Vec<_> = writes.iter().map(table_of).collect();
    assert_eq!(written, [Table::Counters, Table::Attempts, Table::Head]);
}

/// What the base was asked for while these logins were let in, and what is to be written.
fn accept(world: &World, logins: &[Begin]) -> (Vec<(Table, Vec<u8>)>, Writes) {
    let base = Counting::new(&world.tables);
    let mut draft: Draft<'_, Counting<'_>> = Draft::new(&base);
    let entry = Entry {
        version: CLUSTER_VERSION,
        at: at(world.now),
        proposer: NodeId(1),
        commands: logins.iter().cloned().map(Command::Begin).collect(),
    };
    let accepted = Outcome::Begin(BeginResult::Repeat(Verdict::Accepted));
    let outcomes = apply(&mut draft, world.index + 1, &entry).unwrap();
    assert_eq!(outcomes, vec![accepted; logins.len()]);
    let gets = base.gets();
    let different: BTreeSet<_> = gets.iter().collect();
    assert_eq!(different.len(), gets.len(), "read twice: {gets:?}");
    assert_eq!(base.scans(), 0);
    (gets, draft.into_writes())
}

fn table_of(write: &Write) -> Table {
    match write {
        Write::Put(table, ..) | Write::Delete(table, _) | Write::DeleteRange(table, ..) => *table,
    }
}
