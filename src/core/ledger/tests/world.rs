//! A ledger with two users and two clients, and short ways to say what happens to it.

use std::time::Duration;

use prost::Message;

use crate::base::{
    AttemptKey, Boot, ClientId, Epoch, NodeId, Owner, PlaceId, Timestamp, TokenId, UserId,
};
use crate::ledger::attempts::{Attempt, look};
use crate::ledger::budgets::{Limits, Standing, standing};
use crate::ledger::{
    Begin, BeginResult, CLUSTER_VERSION, Carried, Command, Draft, Entry, Factors, Match,
    MemoryTables, Read, Revisions, Settle, SettleResult, SourceOutcome, Table, Verdict, Write,
    apply, query, storage,
};

pub(super) use crate::ledger::Outcome;
use crate::radius::{Attribute, Number, Relayed};

pub(super) const USER: UserId = UserId(1);
pub(super) const OTHER_USER: UserId = UserId(2);
pub(super) const TOKEN: TokenId = TokenId(11);
pub(super) const SECOND_TOKEN: TokenId = TokenId(12);
pub(super) const CLIENT: ClientId = ClientId(1);
pub(super) const HOME: PlaceId = PlaceId([7; 16]);
pub(super) const START: u64 = 1_800_000_000_000;
pub(super) const LEASE: u64 = 10_000;
/// The grace of the test's client.
pub(super) const GRACE: u64 = 20_000;
pub(super) const MINUTE: u64 = 60_000;

pub(super) struct World {
    pub(super) tables: MemoryTables,
    pub(super) index: u64,
    pub(super) now: u64,
}

impl World {
    pub(super) fn new() -> Self {
        let mut world = Self {
            tables: MemoryTables::default(),
            index: 0,
            now: START,
        };
        world.edit(Table::Clients, &CLIENT.0.to_be_bytes(), client);
        for (user, tokens) in [
            (USER, vec![TOKEN, SECOND_TOKEN]),
            (OTHER_USER, vec![TokenId(21)]),
        ] {
            world.edit(
                Table::Users,
                &user.0.to_be_bytes(),
                |it: &mut storage::User| {
                    it.id = user.0;
                    it.status = storage::UserStatus::Active.into();
                },
            );
            for token in tokens {
                world.edit(
                    Table::Tokens,
                    &token.0.to_be_bytes(),
                    |it: &mut storage::Token| {
                        it.owner = user.0;
                        it.generation = 1;
                        it.state = storage::TokenState::Active.into();
                    },
                );
            }
        }
        world
    }

    /// Changes a record behind the log's back, as an administrative change would.
    pub(super) fn edit<M: Message + Default>(
        &mut self,
        table: Table,
        key: &[u8],
        change: impl FnOnce(&mut M),
    ) {
        let mut record: M = self.record(table, key);
        change(&mut record);
        let write = Write::Put(table, key.to_vec(), record.encode_to_vec());
        self.tables.write(vec![write]);
    }

    pub(super) fn edit_user(&mut self, change: impl FnOnce(&mut storage::User)) {
        self.edit(Table::Users, &USER.0.to_be_bytes(), change);
    }

    pub(super) fn edit_token(&mut self, change: impl FnOnce(&mut storage::Token)) {
        self.edit(Table::Tokens, &TOKEN.0.to_be_bytes(), change);
    }

    pub(super) fn edit_client(&mut self, change: impl FnOnce(&mut storage::Client)) {
        self.edit(Table::Clients, &CLIENT.0.to_be_bytes(), change);
    }

    pub(super) fn set_limits(&mut self, limits: storage::Limits) {
        self.edit(Table::Settings, &[], |it: &mut storage::Settings| {
            it.limits = Some(limits)
        });
    }

    pub(super) fn remove(&mut self, table: Table, key: u64) {
        let write = Write::Delete(table, key.to_be_bytes().to_vec());
        self.tables.write(vec![write]);
    }

    pub(super) fn record<M: Message + Default>(&self, table: Table, key: &[u8]) -> M {
        query::record(&self.tables, table, key)
            .unwrap()
            .unwrap_or_default()
    }

    pub(super) fn counter(&self) -> storage::Counter {
        self.record(Table::Counters, &TOKEN.0.to_be_bytes())
    }

    pub(super) fn budgets(&self) -> storage::Budgets {
        self.record(Table::Budgets, &USER.0.to_be_bytes())
    }

    pub(super) fn strict(&self) -> storage::Strict {
        self.budgets().strict.unwrap_or_default()
    }

    /// The first octets and the kinds of the user's strict keys.
    pub(super) fn strict_keys(&self) -> Vec<(u8, u32)> {
        let keys = self.strict().keys;
        keys.iter()
            .map(|it| (it.key.first().copied().unwrap(), it.kind))
            .collect()
    }

    /// The wrong codes from a known place, or from all others together.
    pub(super) fn codes(&self, place: PlaceId) -> storage::Codes {
        let budgets = self.budgets();
        let codes = if place == PlaceId::ELSEWHERE {
            budgets.elsewhere
        } else {
            let mut known = budgets.places.into_iter();
            known.find(|it| it.place == place.0).and_then(|it| it.codes)
        };
        codes.unwrap_or_default()
    }

    /// The first octet of each known place, and when it was noted.
    pub(super) fn places(&self) -> Vec<(u8, u64)> {
        let places = self.budgets().places;
        places.iter().map(|it| (it.place[0], it.seen)).collect()
    }

    pub(super) fn head(&self) -> storage::Head {
        query::head(&self.tables).unwrap()
    }

    pub(super) fn count(&self, table: Table) -> usize {
        let mut count = 0;
        let mut visit = |_: &[u8], _: &[u8]| {
            count += 1;
            std::ops::ControlFlow::Continue(())
        };
        self.tables.scan(table, &[], &mut visit).unwrap();
        count
    }

    /// One entry with these commands, now.
    pub(super) fn run(&mut self, commands: Vec<Command>) -> Vec<Outcome> {
        self.index += 1;
        let entry = Entry {
            version: CLUSTER_VERSION,
            at: at(self.now),
            proposer: NodeId(1),
            commands,
        };
        let mut draft = Draft::new(&self.tables);
        let outcomes = apply(&mut draft, self.index, &entry).unwrap();
        let writes = draft.into_writes();
        self.tables.write(writes);
        outcomes
    }

    pub(super) fn begin(&mut self, begin: &Begin) -> BeginResult {
        match self.run(vec![Command::Begin(begin.clone())]).pop() {
            Some(Outcome::Begin(result)) => result,
            other => panic!("not of a Begin: {other:?}"),
        }
    }

    pub(super) fn settle(&mut self, key: u8, epoch: Epoch, outcome: SourceOutcome) -> SettleResult {
        let settle = Settle {
            key: attempt_key(key),
            epoch,
            outcome,
            relayed: None,
        };
        self.settle_with(settle)
    }

    /// An old server lets a forwarded login in.
    pub(super) fn relay(&mut self, key: u8, epoch: Epoch, old: &Carried) -> SettleResult {
        self.settle_with(Settle {
            key: attempt_key(key),
            epoch,
            outcome: SourceOutcome::Right,
            relayed: Some(old.clone()),
        })
    }

    fn settle_with(&mut self, settle: Settle) -> SettleResult {
        match self.run(vec![Command::Settle(settle)]).pop() {
            Some(Outcome::Settle(result)) => result,
            other => panic!("not of a Settle: {other:?}"),
        }
    }

    /// Begins a login that must be granted.
    pub(super) fn grant(&mut self, begin: &Begin) -> Epoch {
        match self.begin(begin) {
            BeginResult::Granted { epoch, .. } => epoch,
            other => panic!("not granted: {other:?}"),
        }
    }

    /// Begins a login and has the source answer it.
    pub(super) fn ask(&mut self, begin: &Begin, outcome: SourceOutcome) -> SettleResult {
        let epoch = self.grant(begin);
        self.settle(begin.key.0[0], epoch, outcome)
    }

    /// A login with a fresh key, step and right password, through to its acceptance.
    pub(super) fn let_in(&mut self, key: u8, step: u64) {
        let begin = self.login(key, step);
        let result = self.ask(&begin, SourceOutcome::Right);
        assert_eq!(result, SettleResult::Settled(Verdict::Accepted));
    }

    /// A login of [`USER`] with password and code, issued now.
    pub(super) fn login(&self, key: u8, step: u64) -> Begin {
        Begin {
            key: attempt_key(key),
            prev: Epoch::default(),
            owner: owner(1, 1, key.into()),
            user: USER,
            client: CLIENT,
            place: HOME,
            matches: vec![matched(step)],
            revisions: Revisions::default(),
            factors: Factors::PasswordAndCode,
            issued: at(self.now),
            lease: Duration::from_millis(LEASE),
            caller_named: true,
            burn_code: None,
            answer: None,
            passcodes: Vec::new(),
            account: false,
            initial_logins: 0,
        }
    }

    /// The same with the code alone.
    pub(super) fn code_login(&self, key: u8, step: u64) -> Begin {
        Begin {
            factors: Factors::Code,
            ..self.login(key, step)
        }
    }

    /// The same where the account must be alive, too.
    pub(super) fn account_login(&self, key: u8, step: u64) -> Begin {
        Begin {
            factors: Factors::CodeAndAccount,
            account: true,
            ..self.login(key, step)
        }
    }

    /// A login with the password alone.
    pub(super) fn password_login(&self, key: u8) -> Begin {
        Begin {
            factors: Factors::Password,
            matches: Vec::new(),
            ..self.login(key, 0)
        }
    }

    /// One of so many without a token.
    pub(super) fn initial_login(&self, key: u8, allowed: u32) -> Begin {
        Begin {
            initial_logins: allowed,
            ..self.password_login(key)
        }
    }

    /// A login that an old server decides.
    pub(super) fn forward(&self, key: u8) -> Begin {
        Begin {
            factors: Factors::Forward,
            ..self.password_login(key)
        }
    }

    /// The user has [`TOKEN`], in this state.
    pub(super) fn give_token(&mut self, state: storage::TokenState) {
        self.edit_user(|it| it.tokens = vec![TOKEN.0]);
        self.edit_token(|it| it.state = state.into());
    }

    /// A login with a wrong code.
    pub(super) fn wrong_code(&self, key: u8) -> Begin {
        Begin {
            matches: Vec::new(),
            ..self.login(key, 0)
        }
    }

    pub(super) fn look(&self, key: u8) -> Option<Attempt> {
        look(&self.tables, &self.head(), &attempt_key(key), at(self.now)).unwrap()
    }

    pub(super) fn standing(&self, place: PlaceId) -> Standing {
        let limits = Limits::load(&self.tables).unwrap();
        standing(&self.tables, &limits, USER, place, at(self.now)).unwrap()
    }

    pub(super) const fn pass(&mut self, millis: u64) {
        self.now += millis;
    }
}

fn client(it: &mut storage::Client) {
    it.id = CLIENT.0;
    it.retry_grace = 20_000;
    it.timeout = 3_000;
    it.tries = 2;
    it.servers = 2;
}

pub(super) const fn at(millis: u64) -> Timestamp {
    Timestamp::from_millis(millis)
}

pub(super) const fn attempt_key(key: u8) -> AttemptKey {
    AttemptKey([key; 32])
}

pub(super) const fn owner(node: u16, boot: u64, flow: u64) -> Owner {
    Owner {
        node: NodeId(node),
        boot: Boot(boot),
        flow,
    }
}

/// An old server's Accept with this Class.
pub(super) fn old_answer(class: &[u8]) -> Carried {
    let class = Attribute::new(Number::Standard(25), class).unwrap();
    Carried {
        server: Some("old".into()),
        attributes: Relayed::new(&[class]).unwrap(),
    }
}

/// A match of [`TOKEN`]'s present seed, on time.
pub(super) const fn matched(step: u64) -> Match {
    Match {
        token: TOKEN,
        generation: 1,
        step,
        offset: 0,
    }
}
