//! Properties of random histories: equal to the model, equal on every node, and DESIGN's
//! invariants all along the way.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::model::{Client, Model, Record, Stage, Token};
use super::script::{CODE_CLIENT, Change, Event, PLACES, Player, TOKENS, events};
use super::world::*;
use crate::base::{AttemptKey, Epoch, NodeId, Timestamp, TokenId, UserId};
use crate::ledger::attempts::{State, look};
use crate::ledger::budgets::{Limits, Standing, standing};
use crate::ledger::{
    Begin, BeginResult, Carried, Command, Draft, Entry, MemoryTables, RefusedBy, SettleResult,
    Table, Verdict, apply, query, storage,
};

const CASES: u32 = 2000;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(CASES))]

    #[test]
    fn the_ledger_does_what_the_model_does_and_keeps_the_invariants(
        history in events(true),
    ) {
        let mut trial = Trial::new();
        for event in &history {
            trial.play(event)?;
        }
        trial.play(&Event::Commit)?;
    }

    #[test]
    fn replay_snapshots_and_batching_end_in_the_same_octets(
        history in events(false),
        cut in any::<prop::sample::Index>(),
        sizes in prop::collection::vec(1..6_usize, 1..8),
    ) {
        let log = log_of(&history);
        let whole = replay(MemoryTables::default(), 0, &log, &[1]);
        prop_assert_eq!(&whole, &replay(MemoryTables::default(), 0, &log, &sizes));
        let cut = cut.index(log.len() + 1);
        let snapshot = replay(MemoryTables::default(), 0, &log[..cut], &sizes);
        prop_assert_eq!(&whole, &replay(snapshot, cut, &log[cut..], &sizes));
    }
}

/// A history as octets of a log, each entry as it was first proposed.
fn log_of(history: &[Event]) -> Vec<Vec<u8>> {
    let mut player = Player::new();
    let mut log = Vec::new();
    for event in history.iter().chain([&Event::Commit]) {
        player.play(event);
        if matches!(event, Event::Commit) {
            let (commands, _) = player.commit();
            let entry = Entry {
                version: 1,
                at: at(player.world.now),
                proposer: NodeId(1),
                commands,
            };
            log.push(entry.encode());
        }
    }
    log
}

/// Applies the log after `applied` entries, so many entries to a draft in turn.
fn replay(
    mut tables: MemoryTables,
    applied: usize,
    log: &[Vec<u8>],
    sizes: &[usize],
) -> MemoryTables {
    if applied == 0 {
        tables = Player::new().world.tables;
    }
    let mut index = applied as u64;
    let mut rest = log;
    for size in sizes.iter().cycle() {
        if rest.is_empty() {
            break;
        }
        let (now, later) = rest.split_at((*size).min(rest.len()));
        rest = later;
        let mut draft = Draft::new(&tables);
        for octets in now {
            index += 1;
            apply(&mut draft, index, &Entry::decode(octets).unwrap()).unwrap();
        }
        let writes = draft.into_writes();
        tables.write(writes);
    }
    tables
}

/// The ledger and the model side by side, and what was seen so far.
struct Trial {
    player: Player,
    model: Model,
    /// Who was let in by each step.
    let_in: BTreeMap<(TokenId, u64, u64), (AttemptKey, Epoch)>,
    /// Who was let in by each passcode.
    by_passcode: BTreeMap<(UserId, u64), (AttemptKey, Epoch)>,
    /// The highest step seen spent.
    spent: BTreeMap<(TokenId, u64), u64>,
    /// How each login ended last: verdict, until when every repeat gets it.
    ended: BTreeMap<AttemptKey, (Verdict, Timestamp)>,
    keys: BTreeSet<AttemptKey>,
    /// What an old server said of each login at first.
    relayed: BTreeMap<AttemptKey, Carried>,
}

impl Trial {
    fn new() -> Self {
        let mut model = Model::default();
        for user in [USER, OTHER_USER] {
            model.users.insert(user, true);
        }
        for (token, owner) in TOKENS {
            let (generation, active) = (1, true);
            model.tokens.insert(
                token,
                Token {
                    owner,
                    generation,
                    active,
                },
            );
        }
        for client in [CLIENT, CODE_CLIENT] {
            let (revision, grace, grace_unnamed, burns) = (0, 20_000, 6_000, false);
            let client_facts = Client {
                revision,
                grace,
                grace_unnamed,
                revalidation: 0,
                burns,
            };
            model.clients.insert(client, client_facts);
        }
        Self {
            player: Player::new(),
            model,
            let_in: BTreeMap::new(),
            by_passcode: BTreeMap::new(),
            spent: BTreeMap::new(),
            ended: BTreeMap::new(),
            keys: BTreeSet::new(),
            relayed: BTreeMap::new(),
        }
    }

    fn play(&mut self, event: &Event) -> Result<(), TestCaseError> {
        match event {
            Event::Commit => return self.commit(),
            Event::Change(change) => self.change(change),
            Event::Login(_)
            | Event::Again(..)
            | Event::Copy(_)
            | Event::Answer(..)
            | Event::Ask(_)
            | Event::Pass(_)
            | Event::Restart(_) => self.player.play(event),
        }
        Ok(())
    }

    /// An administrative change, which the ledger's other half makes, to both sides.
    fn change(&mut self, change: &Change) {
        let world = &mut self.player.world;
        match *change {
            Change::User(user, on) => {
                let user = UserId(user.into());
                let status = if on {
                    storage::UserStatus::Active
                } else {
                    storage::UserStatus::Disabled
                };
                world.edit(
                    Table::Users,
                    &user.0.to_be_bytes(),
                    |it: &mut storage::User| {
                        it.status = status.into();
                    },
                );
                self.model.users.insert(user, on);
            }
            Change::Token(which, active) => {
                let (token, _) = TOKENS[usize::from(which)];
                let state = if active {
                    storage::TokenState::Active
                } else {
                    storage::TokenState::Disabled
                };
                world.edit(
                    Table::Tokens,
                    &token.0.to_be_bytes(),
                    |it: &mut storage::Token| {
                        it.state = state.into();
                    },
                );
                self.model.tokens.get_mut(&token).unwrap().active = active;
            }
            Change::Seed(which) => {
                let (token, _) = TOKENS[usize::from(which)];
                let key = token.0.to_be_bytes();
                world.edit(Table::Tokens, &key, |it: &mut storage::Token| {
                    it.generation += 1;
                });
                self.model.tokens.get_mut(&token).unwrap().generation += 1;
            }
            Change::Owns(user, on) => self.own(UserId(user.into()), on),
            Change::Client(to) => {
                world.edit_client(|it| {
                    it.burn_code = if to.burns { 2 } else { 1 };
                    it.strict_grace = to.strict;
                    it.revalidation = if to.revalidates { 200_000 } else { 0 };
                    it.revision += 1;
                });
                let client = self.model.clients.get_mut(&CLIENT).unwrap();
                client.revision += 1;
                client.burns = to.burns;
                client.grace = if to.strict { 0 } else { 20_000 };
                client.grace_unnamed = if to.strict { 0 } else { 6_000 };
                client.revalidation = if to.revalidates { 200_000 } else { 0 };
            }
        }
    }

    /// The user's record lists the user's tokens, or none.
    fn own(&mut self, user: UserId, on: bool) {
        let tokens = TOKENS.iter().filter(|(_, owner)| on && *owner == user);
        let tokens: Vec<_> = tokens.map(|(token, _)| token.0).collect();
        let world = &mut self.player.world;
        let key = user.0.to_be_bytes();
        world.edit(Table::Users, &key, |it: &mut storage::User| {
            it.tokens = tokens;
        });
        if on {
            self.model.owners.insert(user);
        } else {
            self.model.owners.remove(&user);
        }
    }

    fn commit(&mut self) -> Result<(), TestCaseError> {
        let (commands, outcomes) = self.player.commit();
        self.model.now = self.player.world.now;
        let index = self.player.world.index;
        for (place, (command, outcome)) in (0..).zip(commands.iter().zip(&outcomes)) {
            let epoch = Epoch { index, place };
            match (command, outcome) {
                (Command::Begin(begin), Outcome::Begin(result)) => {
                    self.begun(begin, result, epoch)?;
                }
                (Command::Settle(settle), Outcome::Settle(result)) => {
                    let before = self.model.attempts.get(&settle.key);
                    let is_over = |record: &Record| matches!(record.stage, Stage::Settled(..));
                    let repeated = before.is_some_and(is_over);
                    let expected = self.model.settle(settle);
                    prop_assert_eq!(result, &expected, "{:?}", settle);
                    match result {
                        SettleResult::Settled(verdict) => self.ended(settle.key, *verdict)?,
                        SettleResult::LetIn(carried) => {
                            self.let_in(settle.key, repeated, carried)?
                        }
                        _ => {}
                    }
                }
                (Command::SendPasscode(send), Outcome::SendPasscode(result)) => {
                    prop_assert_eq!(*result, self.model.send(send), "{:?}", send);
                }
                other => prop_assert!(false, "{:?}", other),
            }
        }
        self.compare()
    }

    fn begun(
        &mut self,
        begin: &Begin,
        result: &BeginResult,
        epoch: Epoch,
    ) -> Result<(), TestCaseError> {
        self.keys.insert(begin.key);
        let expected = self.model.begin(begin, epoch);
        prop_assert_eq!(result, &expected, "{:?}", begin);
        if let BeginResult::LetIn(carried) = result {
            // I2: with what was said at first, and forwarded never who has a token by now.
            prop_assert_eq!(self.relayed.get(&begin.key), Some(carried));
            let owner = self.model.owners.contains(&begin.user);
            prop_assert!(carried.server.is_none() || !owner);
            return Ok(());
        }
        // I2: a retry gets the verdict of its login, or none.
        if let Some(&(verdict, until)) = self.ended.get(&begin.key)
            && begin.issued <= until
        {
            let fine = [
                BeginResult::Repeat(verdict),
                BeginResult::Refused(RefusedBy::Revoked),
                BeginResult::Stale,
                BeginResult::TooLate,
            ];
            prop_assert!(fine.contains(result), "{:?} after {:?}", result, verdict);
        }
        // I4: between two resets no more than `limit` different keys are asked.
        let asked = &self.model.budget(begin.user).asked;
        prop_assert!(asked.len() <= 3, "{:?}", asked);
        let settled = self
            .model
            .attempts
            .get(&begin.key)
            .filter(|it| it.epoch == epoch);
        match settled.map(|record| record.stage) {
            Some(Stage::Settled(verdict, _)) => self.ended(begin.key, verdict),
            Some(Stage::InFlight(_)) => {
                self.ended.remove(&begin.key);
                Ok(())
            }
            Some(Stage::Open(_)) | None => Ok(()),
        }
    }

    /// A login was let in, now or before, and its Accept carries that.
    fn let_in(
        &mut self,
        key: AttemptKey,
        repeated: bool,
        carried: &Carried,
    ) -> Result<(), TestCaseError> {
        let user = self.model.attempts.get(&key).unwrap().user;
        prop_assert!(carried.server.is_none() || !self.model.owners.contains(&user));
        if repeated {
            prop_assert_eq!(self.relayed.get(&key), Some(carried));
            return Ok(());
        }
        self.relayed.insert(key, carried.clone());
        self.ended(key, Verdict::Accepted)
    }

    /// A login got its verdict just now.
    fn ended(&mut self, key: AttemptKey, verdict: Verdict) -> Result<(), TestCaseError> {
        let world = &self.player.world;
        // By the ledger's own record, as far as later commands of the entry left it.
        let found = look(&world.tables, &world.head(), &key, at(world.now)).unwrap();
        let Some(attempt) = found else {
            return Ok(());
        };
        let span = if verdict == Verdict::Accepted {
            attempt.grace.min(attempt.keep)
        } else {
            attempt.keep
        };
        self.ended.insert(key, (verdict, at(world.now).plus(span)));
        if verdict != Verdict::Accepted {
            return Ok(());
        }
        let epoch = self.model.attempts.get(&key).unwrap().epoch;
        for step in &attempt.matches {
            // I1: a step of a token's seed lets in one attempt, ever.
            let step = (step.token, step.generation, step.step);
            let before = self.let_in.insert(step, (key, epoch));
            prop_assert_eq!(before, None, "{:?} let in twice", step);
        }
        if attempt.passcode != 0 {
            let passcode = (attempt.user, attempt.passcode);
            let before = self.by_passcode.insert(passcode, (key, epoch));
            prop_assert_eq!(before, None, "{:?} let in twice", passcode);
        }
        Ok(())
    }

    fn compare(&mut self) -> Result<(), TestCaseError> {
        let world = &self.player.world;
        let now = at(world.now);
        let head = world.head();
        for (token, _) in TOKENS {
            let counter: storage::Counter = world.record(Table::Counters, &token.0.to_be_bytes());
            let id = (token, counter.generation);
            let model = self.model.counters.get(&id).copied().unwrap_or_default();
            prop_assert_eq!(
                (counter.last_spent, counter.drift),
                (model.last_spent, model.drift)
            );
            // I3: no acknowledged spend is forgotten.
            let before = self.spent.insert(id, counter.last_spent);
            prop_assert!(before <= Some(counter.last_spent));
        }
        for ((user, known), model) in &self.model.passcodes {
            let user = user.0.to_be_bytes();
            let key = if *known {
                [&user[..], &[1]].concat()
            } else {
                user.to_vec()
            };
            let stored: storage::Passcode = world.record(Table::Passcodes, &key);
            prop_assert_eq!((stored.tries, stored.spent), (model.tries, model.spent));
        }
        let limits = Limits::load(&world.tables).unwrap();
        for user in [USER, OTHER_USER] {
            self.model.due(user);
            for place in PLACES {
                let standing = standing(&world.tables, &limits, user, place, now).unwrap();
                let locked = self.model.budget(user).locked;
                let waits = self.model.waits(user, place);
                prop_assert_eq!(standing == Standing::Locked, locked);
                prop_assert_eq!(
                    matches!(standing, Standing::Waiting { .. }),
                    waits && !locked
                );
            }
        }
        for key in &self.keys {
            let seen = look(&world.tables, &head, key, now).unwrap();
            let model = self.model.attempts.get(key);
            let model = model.filter(|record| record.answers(world.now));
            let stage = seen.map(|attempt| match attempt.state {
                State::InFlight { until } => Stage::InFlight(until.as_millis()),
                State::Open { at } => Stage::Open(at.as_millis()),
                State::Settled { verdict, at } => Stage::Settled(verdict, at.as_millis()),
            });
            prop_assert_eq!(stage, model.map(|record| record.stage));
        }
        self.counts_are_those_of_the_records()
    }

    fn counts_are_those_of_the_records(&self) -> Result<(), TestCaseError> {
        let world = &self.player.world;
        let head = query::head(&world.tables).unwrap();
        let stored: u64 = head.generations.iter().map(|it| it.stored).sum();
        prop_assert_eq!(stored, world.count(Table::Attempts) as u64);
        let mut keys = BTreeSet::new();
        let records = world.tables.records();
        for (_, key, _) in records.filter(|(table, ..)| *table == Table::Attempts) {
            prop_assert!(keys.insert(key[8..].to_vec()), "two records of one attempt");
        }
        Ok(())
    }
}
