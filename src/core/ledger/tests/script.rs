//! Random histories: logins of a few users over a few nodes, copies of their commands,
//! answers, crashes, revocations and the passing of time.

use std::time::Duration;

use proptest::prelude::*;

use super::world::*;
use crate::base::{AttemptKey, ClientId, Epoch, PasscodeId, PlaceId, TokenId, UserId};
use crate::ledger::attempts::look;
use crate::ledger::{
    Begin, BeginResult, BurnCode, Carried, Command, Factors, Match, Revisions, SendPasscode,
    Settle, SourceOutcome, Table, storage,
};

/// One happening. Numbers choose among what is there at the time.
#[derive(Clone, Debug)]
pub(super) enum Event {
    Login(Login),
    /// The device tries the same login again: at a node, joined by a flow of it. Its rule may
    /// have begun or ceased to ask for the account.
    Again(usize, u8, u8, bool),
    /// A copy of an earlier command arrives.
    Copy(usize),
    /// A grant's source answers; the same grant may be answered more than once.
    Answer(usize, SourceOutcome),
    /// A passcode is asked for.
    Ask(Ask),
    Pass(u64),
    /// The node starts again: its boot number rises.
    Restart(u8),
    /// What was gathered so far becomes one entry.
    Commit,
    Change(Change),
}

#[derive(Clone, Debug)]
pub(super) struct Login {
    user: u8,
    password: u8,
    caller: u8,
    code: u8,
    node: u8,
    flow: u8,
    by: Factors,
    account: bool,
    /// Of the password alone: one of so many without a token.
    initial: bool,
    burn_code: Option<BurnCode>,
    /// Typed in place of a code; 0: none.
    passcode: u8,
    passcodes_allowed: bool,
    out_of_window: bool,
    saw_record: bool,
    caller_named: bool,
    lag: u64,
}

/// The same number is the same ask, and the same passcode.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ask {
    user: u8,
    caller: u8,
    number: u8,
    node: u8,
    lag: u64,
}

#[derive(Clone, Debug)]
pub(super) enum Change {
    User(u8, bool),
    Token(u8, bool),
    Seed(u8),
    /// The user's own record lists a token, or none.
    Owns(u8, bool),
    Client(ClientChange),
}

#[derive(Clone, Copy, Debug)]
pub(super) struct ClientChange {
    pub(super) burns: bool,
    pub(super) strict: bool,
    pub(super) revalidates: bool,
}

pub(super) fn events(changes: bool) -> impl Strategy<Value = Vec<Event>> {
    let outcome = prop_oneof![
        3 => Just(SourceOutcome::Right),
        3 => Just(SourceOutcome::Wrong),
        1 => Just(SourceOutcome::Denied),
        1 => Just(SourceOutcome::NotAsked),
        2 => Just(SourceOutcome::Unanswered),
    ];
    let pass = prop_oneof![
        12 => 0..1_500_u64,
        3 => 1_500..12_000_u64,
        2 => Just(LEASE),
        1 => 12_000..100_000_u64,
        1 => 500_000..700_000_u64,
    ];
    let weight = u32::from(changes);
    let event = prop_oneof![
        8 => login().prop_map(Event::Login),
        7 => (0..3_usize, 1..3_u8, 0..3_u8, prop::bool::weighted(0.2))
            .prop_map(|(which, node, flow, turned)| Event::Again(which, node, flow, turned)),
        3 => prop_oneof![3 => 0..6_usize, 1 => 6..64_usize].prop_map(Event::Copy),
        6 => (prop_oneof![4 => 0..2_usize, 1 => 2..8_usize], outcome)
            .prop_map(|(which, outcome)| Event::Answer(which, outcome)),
        5 => ask().prop_map(Event::Ask),
        4 => pass.prop_map(Event::Pass),
        1 => (1..3_u8).prop_map(Event::Restart),
        8 => Just(Event::Commit),
        weight => change().prop_map(Event::Change),
    ];
    prop::collection::vec(event, 1..120)
}

fn login() -> impl Strategy<Value = Login> {
    let mostly = |usual: u8, other: u8| prop_oneof![4 => Just(usual), 1 => Just(other)];
    let code = prop_oneof![1 => Just(0_u8), 5 => 1..4_u8, 1 => Just(5_u8)];
    let who = (mostly(1, 2), 0..3_u8, mostly(0, 1), code, 1..3_u8, 0..2_u8);
    let by = prop_oneof![
        5 => Just(Factors::PasswordAndCode),
        2 => Just(Factors::Code),
        2 => Just(Factors::CodeAndAccount),
        2 => Just(Factors::Password),
        2 => Just(Factors::Forward),
    ];
    let burn_code = prop_oneof![
        4 => Just(None),
        1 => Just(Some(BurnCode::OnAccept)),
        1 => Just(Some(BurnCode::OnMatch)),
    ];
    let passcode = prop_oneof![3 => Just(0_u8), 2 => 1..4_u8];
    let flags = (
        by,
        prop::bool::weighted(0.3),
        burn_code,
        passcode,
        prop::bool::weighted(0.9),
        any::<bool>(),
        prop::bool::weighted(0.15),
        prop::bool::weighted(0.7),
        prop::bool::weighted(0.8),
    );
    let lag = prop_oneof![6 => Just(0), 2 => 0..5_000_u64, 1 => 4_990..5_010_u64];
    (who, flags, lag).prop_map(|(who, flags, lag)| {
        let (user, password, caller, code, node, flow) = who;
        let (
            by,
            account,
            burn_code,
            passcode,
            passcodes_allowed,
            initial,
            out_of_window,
            saw_record,
            caller_named,
        ) = flags;
        Login {
            user,
            password,
            caller,
            code,
            node,
            flow,
            by,
            // Who is let in by the code alone is let in before anyone could look.
            account: account && by != Factors::Code,
            initial,
            burn_code,
            passcode,
            passcodes_allowed,
            out_of_window,
            saw_record,
            caller_named,
            lag,
        }
    })
}

fn ask() -> impl Strategy<Value = Ask> {
    let mostly = |usual: u8, other: u8| prop_oneof![4 => Just(usual), 1 => Just(other)];
    let lag = prop_oneof![8 => Just(0), 1 => 4_990..5_010_u64];
    let asked = (mostly(1, 2), mostly(0, 1), 1..4_u8, 1..3_u8, lag);
    asked.prop_map(|(user, caller, number, node, lag)| Ask {
        user,
        caller,
        number,
        node,
        lag,
    })
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        (1..3_u8, prop::bool::weighted(0.7)).prop_map(|(user, on)| Change::User(user, on)),
        (0..3_u8, prop::bool::weighted(0.7)).prop_map(|(token, on)| Change::Token(token, on)),
        (0..3_u8).prop_map(Change::Seed),
        (1..3_u8, any::<bool>()).prop_map(|(user, on)| Change::Owns(user, on)),
        any::<(bool, bool, bool)>().prop_map(|(burns, strict, revalidates)| {
            Change::Client(ClientChange {
                burns,
                strict,
                revalidates,
            })
        }),
    ]
}

pub(super) const CODE_CLIENT: ClientId = ClientId(2);
/// Allowed without a token.
pub(super) const INITIAL_LOGINS: u32 = 2;
pub(super) const TOKENS: [(TokenId, UserId); 3] = [
    (TOKEN, USER),
    (SECOND_TOKEN, USER),
    (TokenId(21), OTHER_USER),
];
pub(super) const PLACES: [PlaceId; 2] = [PlaceId([7; 16]), PlaceId([8; 16])];

/// Turns events into commands, as nodes would, and keeps what may be copied or answered.
pub(super) struct Player {
    pub(super) world: World,
    boots: [u64; 3],
    pub(super) pending: Vec<Command>,
    sent: Vec<Command>,
    logins: Vec<Login>,
    grants: Vec<(AttemptKey, Epoch)>,
}

impl Player {
    pub(super) fn new() -> Self {
        let mut world = World::new();
        world.set_limits(storage::Limits {
            passcodes_per_minute: 3,
            ..storage::Limits::default()
        });
        world.edit(
            Table::Clients,
            &CODE_CLIENT.0.to_be_bytes(),
            |it: &mut storage::Client| {
                it.retry_grace = 20_000;
                it.timeout = 3_000;
                it.tries = 2;
            },
        );
        Self {
            world,
            boots: [1; 3],
            pending: Vec::new(),
            sent: Vec::new(),
            logins: Vec::new(),
            grants: Vec::new(),
        }
    }

    /// What whoever is asked says: each time something else, as a repeat must say what was
    /// said at first.
    fn said(&self, key: AttemptKey) -> Carried {
        let of_login = |command: &Command| match command {
            Command::Begin(begin) if begin.key == key => Some(begin.factors),
            _ => None,
        };
        let asked = self.sent.iter().rev().find_map(of_login);
        let said = old_answer(self.sent.len().to_string().as_bytes());
        let forwarded = asked == Some(Factors::Forward);
        let server = said.server.filter(|_| forwarded);
        Carried { server, ..said }
    }

    /// Takes one event; [`Event::Commit`] is the caller's.
    pub(super) fn play(&mut self, event: &Event) {
        match event {
            Event::Login(login) => {
                self.logins.push(login.clone());
                let begin = self.begin(login);
                self.send(Command::Begin(begin));
            }
            Event::Again(which, node, flow, turned) => {
                if let Some(login) = self.logins.iter().rev().nth(*which) {
                    let (node, flow, lag) = (*node, *flow, 0);
                    let account = (login.account ^ turned) && login.by != Factors::Code;
                    let again = Login {
                        node,
                        flow,
                        lag,
                        account,
                        ..login.clone()
                    };
                    let begin = self.begin(&again);
                    self.send(Command::Begin(begin));
                }
            }
            Event::Copy(which) => {
                let copied = self.sent.iter().rev().nth(*which).cloned();
                self.pending.extend(copied);
            }
            Event::Answer(which, outcome) => {
                if let Some(&(key, epoch)) = self.grants.iter().rev().nth(*which) {
                    let outcome = *outcome;
                    let right = outcome == SourceOutcome::Right && *which != 1;
                    self.send(Command::Settle(Settle {
                        key,
                        epoch,
                        outcome,
                        relayed: right.then(|| self.said(key)),
                    }));
                }
            }
            Event::Ask(ask) => {
                let send = self.ask(*ask);
                self.send(Command::SendPasscode(Box::new(send)));
            }
            Event::Pass(millis) => self.world.pass(*millis),
            Event::Restart(node) => self.boots[usize::from(*node)] += 1,
            Event::Commit | Event::Change(_) => {}
        }
    }

    /// Proposes what is pending as one entry.
    pub(super) fn commit(&mut self) -> (Vec<Command>, Vec<Outcome>) {
        let commands = std::mem::take(&mut self.pending);
        let outcomes = self.world.run(commands.clone());
        for (command, outcome) in commands.iter().zip(&outcomes) {
            if let (Command::Begin(begin), Outcome::Begin(BeginResult::Granted { epoch, .. })) =
                (command, outcome)
            {
                self.grants.push((begin.key, *epoch));
            }
        }
        (commands, outcomes)
    }

    fn send(&mut self, command: Command) {
        self.sent.push(command.clone());
        self.pending.push(command);
    }

    fn begin(&self, login: &Login) -> Begin {
        let client = match login.by {
            Factors::Code | Factors::CodeAndAccount => CODE_CLIENT,
            Factors::PasswordAndCode | Factors::Password | Factors::Forward => CLIENT,
        };
        let user = UserId(login.user.into());
        let key = self.key(login);
        let issued = at(self.world.now.saturating_sub(login.lag));
        let record = look(&self.world.tables, &self.world.head(), &key, issued).unwrap();
        let prev = record
            .filter(|_| login.saw_record)
            .map(|record| record.epoch);
        let revision = self
            .world
            .record::<storage::Client>(Table::Clients, &client.0.to_be_bytes());
        Begin {
            key,
            prev: prev.unwrap_or_default(),
            owner: owner(
                login.node.into(),
                self.boots[usize::from(login.node)],
                login.flow.into(),
            ),
            user,
            client,
            place: PLACES[usize::from(login.caller)],
            matches: self.matches(login),
            revisions: Revisions {
                client: revision.revision,
                ..Revisions::default()
            },
            factors: login.by,
            issued,
            lease: Duration::from_millis(LEASE),
            caller_named: login.caller_named,
            burn_code: login.burn_code,
            answer: None,
            passcodes: Self::passcodes(login),
            account: login.account,
            initial_logins: if login.initial && login.by == Factors::Password {
                INITIAL_LOGINS
            } else {
                0
            },
        }
    }

    /// No rule that asks for no code allows passcodes.
    fn passcodes(login: &Login) -> Vec<PasscodeId> {
        let allowed = login.passcodes_allowed && !login.by.is_whole();
        let typed = Some(login.passcode).filter(|number| allowed && *number != 0);
        typed.into_iter().map(passcode).collect()
    }

    fn ask(&self, ask: Ask) -> SendPasscode {
        let mut key = [0xee; 32];
        key[..3].copy_from_slice(&[ask.user, ask.caller, ask.number]);
        let client = self
            .world
            .record::<storage::Client>(Table::Clients, &CLIENT.0.to_be_bytes());
        SendPasscode {
            key: AttemptKey(key),
            owner: owner(ask.node.into(), self.boots[usize::from(ask.node)], 0),
            user: UserId(ask.user.into()),
            client: CLIENT,
            place: PLACES[usize::from(ask.caller)],
            revisions: Revisions {
                client: client.revision,
                ..Revisions::default()
            },
            hash: passcode(ask.number),
            issued: at(self.world.now.saturating_sub(ask.lag)),
        }
    }

    /// A passcode is no code of a token. Code 0 is wrong; 1 to 4 are steps; 5 is in the windows
    /// of two steps and, where the user has one, of a second token.
    fn matches(&self, login: &Login) -> Vec<Match> {
        let none = login.code == 0 || login.passcode != 0 || login.by.is_whole();
        if none || login.out_of_window {
            return Vec::new();
        }
        let tokens = TOKENS
            .iter()
            .filter(|(_, owner)| owner.0 == login.user.into());
        let both = login.code == 5;
        let tokens = tokens.take(if both { 2 } else { 1 });
        let of_token = |&(token, _): &(TokenId, UserId)| {
            let stored: storage::Token = self.world.record(Table::Tokens, &token.0.to_be_bytes());
            let one = Match {
                token,
                generation: stored.generation,
                step: self.step(login),
                offset: i32::from(login.code) - 3,
            };
            let other = Match {
                step: one.step + 1,
                ..one
            };
            if both { vec![other, one] } else { vec![one] }
        };
        tokens.flat_map(of_token).collect()
    }

    /// The code that is typed stands for this step.
    const fn step(&self, login: &Login) -> u64 {
        100 + (self.world.now - START) / 30_000 + login.code as u64
    }

    /// The same login from the same caller through the same client, whatever its rule asks
    /// for by now.
    fn key(&self, login: &Login) -> AttemptKey {
        let mut key = [0; 32];
        let parts = [
            login.user,
            login.password,
            login.caller,
            login.code,
            login.by.is_code_alone().into(),
            login.passcode,
        ];
        key[..6].copy_from_slice(&parts);
        key[6..14].copy_from_slice(&self.step(login).to_be_bytes());
        AttemptKey(key)
    }
}

const fn passcode(number: u8) -> PasscodeId {
    PasscodeId([number; 16])
}
