//! A small world for the tests of changes: tables in memory and a clock to turn.

mod client_policy;
mod clients;
mod cluster;
mod forward_settings;
mod forwards;
mod import;
mod operators;
mod properties;
mod requests;
mod rules;
mod settings;
mod sync;
mod tokens;
mod trials;
mod users;

use std::time::Duration;

use prost::Message;

use crate::base::Timestamp;
use crate::base::limits::BOOTSTRAP_LIFE;
use crate::ledger::storage::change::Kind;
use crate::ledger::storage::member::MemberRole;
use crate::ledger::storage::*;
use crate::ledger::table::{Draft, MemoryTables, Table};
use crate::ledger::{CLUSTER_VERSION, query};

/// 2026-11-21, at the start of a step of 30 and of 60 seconds.
const START: u64 = 1_795_219_200_000;

/// The hash of a token that allows all changes of these tests.
const TOKEN: [u8; 32] = [0xad; 32];

/// Table, key and value.
type Record = (Table, Vec<u8>, Vec<u8>);

struct World {
    tables: MemoryTables,
    head: Head,
    at: Timestamp,
    requests: u128,
}

impl World {
    /// A store on which nothing was founded.
    fn empty() -> Self {
        Self {
            tables: MemoryTables::default(),
            head: Head::default(),
            at: Timestamp::from_millis(START),
            requests: 0,
        }
    }

    /// A founded cluster.
    fn founded() -> Self {
        let mut world = Self::empty();
        world.done(Kind::Found(found()));
        let token = ApiToken {
            hash: TOKEN.to_vec(),
            ..api_token("root-1", "root", 0, Role::Admin)
        };
        world.plant(Table::ApiTokens, &TOKEN, &token);
        world
    }

    /// A founded cluster with the user 1, "alice@contoso.example".
    fn with_user() -> Self {
        let mut world = Self::founded();
        world.done(put_user(user(1, "alice@contoso.example"), 0));
        world
    }

    fn apply(&mut self, change: &Change) -> ChangeOutcome {
        let mut draft = Draft::new(&self.tables);
        let outcome = super::apply(&mut draft, &mut self.head, self.at, change);
        let writes = draft.into_writes();
        self.tables.write(writes);
        outcome.expect("tables in memory can be read")
    }

    /// Applies a change under a request id of its own.
    fn change(&mut self, kind: Kind) -> ChangeOutcome {
        self.requests += 1;
        let request = change(self.requests, kind);
        self.apply(&request)
    }

    /// Applies a change that must be done.
    #[track_caller]
    fn done(&mut self, kind: Kind) -> ChangeOutcome {
        let outcome = self.change(kind);
        assert_eq!(outcome.refusal(), Refusal::Unspecified, "{outcome:?}");
        outcome
    }

    /// Applies a change that must be refused, and leave no more than its two records.
    #[track_caller]
    fn refused(&mut self, kind: Kind) -> Refusal {
        let before = self.contents();
        let outcome = self.change(kind);
        assert_ne!(outcome.refusal(), Refusal::Unspecified, "{outcome:?}");
        assert_eq!(self.contents(), before, "a refused change left something");
        outcome.refusal()
    }

    /// All records but audit and requests, and the head but the audit's number.
    fn contents(&self) -> (Vec<Record>, Head) {
        let kept = |table| !matches!(table, Table::Audit | Table::Requests | Table::RequestTimes);
        let records = self.tables.records().filter(|(table, ..)| kept(*table));
        let records = records.map(|(table, key, value)| (table, key.to_vec(), value.to_vec()));
        let head = Head {
            audit_next: 0,
            ..self.head.clone()
        };
        (records.collect(), head)
    }

    fn passes(&mut self, span: Duration) {
        self.at = self.at.plus(span);
    }

    /// Any entry of the log, which ends what is over by its time.
    fn entry(&mut self) {
        let mut draft = Draft::new(&self.tables);
        let ended = super::end_over(&mut draft, &mut self.head, self.at);
        let writes = draft.into_writes();
        self.tables.write(writes);
        ended.expect("tables in memory can be read");
    }

    /// How many records a table holds.
    fn count(&self, table: Table) -> usize {
        self.tables.records().filter(|(t, ..)| *t == table).count()
    }

    fn record<M: Message + Default>(&self, table: Table, key: &[u8]) -> Option<M> {
        query::record(&self.tables, table, key).expect("what was written can be read")
    }

    /// Puts a record as another part of the ledger would.
    fn plant<M: Message>(&mut self, table: Table, key: &[u8], record: &M) {
        let mut draft = Draft::new(&self.tables);
        draft.put(table, key, record.encode_to_vec());
        let writes = draft.into_writes();
        self.tables.write(writes);
    }

    /// The tokens that the user's record names.
    fn tokens_of(&self, user: u64) -> Vec<u64> {
        self.user(user).tokens
    }

    fn user(&self, id: u64) -> User {
        self.record(Table::Users, &id.to_be_bytes())
            .expect("the user is there")
    }

    fn token(&self, id: u64) -> Token {
        self.record(Table::Tokens, &id.to_be_bytes())
            .expect("the token is there")
    }

    fn counter(&self, id: u64) -> Counter {
        self.record(Table::Counters, &id.to_be_bytes())
            .expect("the counter is there")
    }

    fn last_audit(&self) -> Audit {
        let last = self.head.audit_next.saturating_sub(1);
        self.record(Table::Audit, &last.to_be_bytes())
            .expect("something was recorded")
    }

    /// The step of 30 seconds that the clock is in.
    fn step(&self) -> u64 {
        self.at.as_secs() / 30
    }
}

fn change(request: u128, kind: Kind) -> Change {
    Change {
        request_id: request.to_be_bytes().to_vec(),
        actor: Some(Actor {
            name: "ada".into(),
            source: "198.51.100.7".into(),
            token: TOKEN.to_vec(),
            ..Actor::default()
        }),
        digest: Vec::new(),
        kind: Some(kind),
    }
}

fn key(id: u32) -> Key {
    Key {
        id,
        purpose: KeyPurpose::Seal.into(),
        wraps: vec![key::Wrap {
            kek: vec![7; 8],
            wrapped: vec![id.to_be_bytes()[3]; 48],
        }],
        recovery: vec![9; 80],
        created: 0,
    }
}

fn member(node: u32) -> Member {
    Member {
        node,
        incarnation: 1,
        role: MemberRole::Voter.into(),
        address: "node1.contoso.example:8300".into(),
        version_max: CLUSTER_VERSION,
        removed: false,
    }
}

fn found() -> Found {
    Found {
        cluster: vec![5; 16],
        keys: vec![key(1)],
        member: Some(member(1)),
        bootstrap_hash: vec![8; 32],
        demo: false,
        settings: None,
    }
}

fn user(id: u64, name: &str) -> User {
    User {
        id,
        name: name.into(),
        status: UserStatus::Active.into(),
        ..User::default()
    }
}

fn put_user(user: User, expected_revision: u64) -> Kind {
    Kind::PutUser(PutUser {
        user: Some(user),
        expected_revision,
    })
}

fn token(id: u64, owner: u64, state: TokenState) -> Token {
    Token {
        id,
        owner,
        seed: b"sealed seed one".to_vec(),
        algorithm: TokenAlgorithm::Sha1.into(),
        digits: 6,
        period: 30,
        state: state.into(),
        ..Token::default()
    }
}

fn put_token(token: Token, expected_revision: u64) -> Kind {
    Kind::PutToken(PutToken {
        token: Some(token),
        expected_revision,
    })
}

fn client(id: u64, name: &str, range: &str) -> Client {
    Client {
        id,
        name: name.into(),
        ranges: vec![range.into()],
        secrets: vec![b"sealed shared secret".to_vec()],
        factors: Factors::PasswordAndCode.into(),
        timeout: 3000,
        tries: 3,
        servers: 2,
        ..Client::default()
    }
}

fn put_client(client: Client, expected_revision: u64) -> Kind {
    Kind::PutClient(PutClient {
        client: Some(client),
        expected_revision,
        learn_anew: false,
    })
}

fn api_token(name: &str, operator: &str, octet: u8, role: Role) -> ApiToken {
    ApiToken {
        name: name.into(),
        operator: operator.into(),
        hash: vec![octet; 32],
        role: role.into(),
        ..ApiToken::default()
    }
}

fn operator(name: &str, role: Role) -> Operator {
    Operator {
        name: name.into(),
        role: role.into(),
        ..Operator::default()
    }
}

fn put_operator(operator: Operator, expected_revision: u64) -> Kind {
    Kind::PutOperator(PutOperator {
        operator: Some(operator),
        expected_revision,
        ..PutOperator::default()
    })
}
