//! The ledger of one input: every command goes through its octets into an entry, and the
//! entry through its octets into the tables.

use std::collections::BTreeMap;

use countersign_core::base::{NodeId, Timestamp, TokenId};
use countersign_core::ledger::{
    CLUSTER_VERSION, Command, Draft, Entry, MemoryTables, Outcome, Read, StoreError, Table, apply,
    query,
};

use crate::octets::Octets;
use crate::state::{START, STATE};

/// The tables as they stand, drafted over the fixed state.
pub(crate) struct Ledger {
    draft: Draft<'static, MemoryTables>,
    index: u64,
    /// The leader's clock.
    pub(crate) now: Timestamp,
    /// Every entry as it is in the log.
    log: Vec<Vec<u8>>,
}

impl Ledger {
    pub(crate) fn new() -> Self {
        Self {
            draft: Draft::new(&STATE.tables),
            index: STATE.index,
            now: START,
            log: Vec::new(),
        }
    }

    pub(crate) const fn view(&self) -> &Draft<'static, MemoryTables> {
        &self.draft
    }

    /// Applies one command in an entry of its own.
    pub(crate) fn propose(&mut self, command: &Command) -> Outcome {
        let read = Command::decode(&command.encode());
        assert_eq!(
            read.as_ref(),
            Ok(command),
            "a command changed on its way to the leader"
        );
        let entry = Entry {
            version: CLUSTER_VERSION,
            at: self.now,
            proposer: NodeId(1),
            commands: vec![command.clone()],
        };
        let octets = entry.encode();
        assert_eq!(
            Entry::decode(&octets).as_ref(),
            Ok(&entry),
            "an entry changed in the log"
        );
        self.log.push(octets);
        self.index += 1;
        let outcomes = apply(&mut self.draft, self.index, &entry);
        let mut outcomes = outcomes.expect("well-formed state can be read");
        assert_eq!(outcomes.len(), 1, "one command has one outcome");
        outcomes.pop().expect("there is one")
    }

    /// Another node applies the same log from the same state, each entry in a draft of its
    /// own: it must hold the same octets (I8).
    pub(crate) fn check_replica(self) {
        let mut replica = Replica::new();
        for octets in &self.log {
            let entry = Entry::decode(octets).expect("it was encoded");
            replica
                .apply(&entry)
                .expect("well-formed state can be read");
            replica.check();
        }
        let mut own = STATE.tables.clone();
        own.write(self.draft.into_writes());
        let same = own.records().eq(replica.tables.records());
        assert!(same, "two nodes differ after the same log");
    }
}

/// A node that writes after every entry, and is looked over then.
struct Replica {
    tables: MemoryTables,
    index: u64,
    /// Generation and last spent step of each token.
    spent: BTreeMap<TokenId, (u64, u64)>,
}

impl Replica {
    fn new() -> Self {
        Self {
            tables: STATE.tables.clone(),
            index: STATE.index,
            spent: BTreeMap::new(),
        }
    }

    fn apply(&mut self, entry: &Entry) -> Result<Vec<Outcome>, StoreError> {
        self.index += 1;
        let mut draft = Draft::new(&self.tables);
        let outcomes = apply(&mut draft, self.index, entry)?;
        let writes = draft.into_writes();
        self.tables.write(writes);
        Ok(outcomes)
    }

    fn check(&mut self) {
        self.check_generations();
        self.check_counters();
    }

    /// The head counts the attempts that are there; none is stored where it cannot be found.
    fn check_generations(&self) {
        let head = query::head(&self.tables).expect("the head can be read");
        let counted = head.generations.iter().map(|generation| generation.stored);
        let stored = self
            .tables
            .records()
            .filter(|(table, ..)| *table == Table::Attempts);
        assert_eq!(
            counted.sum::<u64>(),
            stored.count() as u64,
            "attempts stored"
        );
        let live = head.generations.iter().map(|generation| generation.live);
        assert_eq!(live.sum::<u64>(), head.attempts_live, "attempts live");
        let ordered = head.generations.is_sorted_by(|a, b| a.number < b.number);
        assert!(ordered, "generations out of order");
    }

    /// What is spent stays spent, as long as the token has the same seed (I1).
    fn check_counters(&mut self) {
        for tester in &STATE.testers {
            let id = TokenId(tester.token);
            let counter = query::counter(&self.tables, id).expect("counters can be read");
            let now = (counter.generation, counter.last_spent);
            let before = self.spent.insert(id, now).unwrap_or_default();
            let is_gone = !self.has_token(id);
            let rose = before.0 != now.0 || before.1 <= now.1;
            assert!(rose || is_gone, "a spent step of token {id} came back");
        }
    }

    fn has_token(&self, id: TokenId) -> bool {
        let token = self.tables.get(Table::Tokens, &id.0.to_be_bytes());
        token.expect("tokens can be read").is_some()
    }
}

/// Entries of arbitrary octets, one after the other: whatever the log holds, no node may
/// stop for it but at an entry that is newer than its binary.
pub fn run_entries(input: &[u8]) {
    let mut input = Octets::new(input);
    let mut replica = Replica::new();
    for _ in 0..ENTRIES_MAX {
        if input.is_empty() {
            return;
        }
        let Ok(entry) = Entry::decode(input.long_text()) else {
            continue;
        };
        check_round_trip(&entry);
        match replica.apply(&entry) {
            Ok(outcomes) => assert_eq!(outcomes.len(), entry.commands.len(), "outcomes"),
            Err(StoreError::Newer(..)) if entry.version > CLUSTER_VERSION => return,
            Err(error) => panic!("apply stopped the node: {error:?}"),
        }
        replica.check_generations();
    }
}

/// What could be read is written and read again as the same.
fn check_round_trip(entry: &Entry) {
    let is_readable = |command: &Command| !matches!(command, Command::Unreadable(_));
    if entry.commands.iter().all(is_readable) {
        let again = Entry::decode(&entry.encode());
        assert_eq!(again.as_ref(), Ok(entry), "an entry changed in the log");
    }
}

const ENTRIES_MAX: usize = 16;
