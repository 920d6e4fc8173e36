//! The fixed state on which every input begins: a founded cluster with three clients, five
//! users and six tokens, made by commands as an operator would make it.

use std::sync::LazyLock;

use countersign_core::base::{ClusterId, Entropy, KeyId, NodeId, Secret, SeededEntropy, Timestamp};
use countersign_core::ledger::storage::change::Kind;
use countersign_core::ledger::storage::{self, member::MemberRole};
use countersign_core::ledger::{
    CLUSTER_VERSION, Command, Draft, Entry, MemoryTables, Outcome, apply, fields,
};
use countersign_core::login::Secrets;
use countersign_core::otp::{self, Algorithm, Digits, Parameters, Period};
use countersign_core::radius::Policy;
use countersign_core::seal::{
    DataKey, KeyEncryptionKey, KeyFile, Keyring, Purpose, RecoverySecretKey, WrappedKey,
};

/// 2026-11-21, at the start of a step of 30 and of 60 seconds.
pub(crate) const START: Timestamp = Timestamp::from_millis(1_795_219_200_000);

/// The hash of the API token of all changes.
pub const TOKEN: [u8; 32] = [9; 32];

/// What no input changes.
pub struct State {
    /// The tables after the founding.
    pub tables: MemoryTables,
    /// The index of the last entry in them.
    pub index: u64,
    /// The opened keyring.
    pub secrets: Secrets,
    /// What the users' devices and apps know.
    pub testers: Vec<Tester>,
}

/// A client as its own device knows it.
pub struct Client {
    /// Its number in the tables.
    pub id: u64,
    /// Its shared secrets, the new one first.
    pub secrets: [Secret; 2],
    /// What is asked of its packets.
    pub policy: Policy,
}

/// A token as the user's app knows it.
#[derive(Debug)]
pub struct Tester {
    /// Its number in the tables.
    pub token: u64,
    /// Its seed.
    pub seed: Secret,
    /// How codes are computed from it.
    pub parameters: Parameters,
}

impl Tester {
    /// The code of the step that is `offset` steps away from `now`.
    pub fn code(&self, now: Timestamp, offset: i64) -> Vec<u8> {
        let step = now.as_secs() / self.parameters.period.as_secs();
        self.code_of(step.saturating_add_signed(offset))
    }

    /// The code of a step.
    pub fn code_of(&self, step: u64) -> Vec<u8> {
        let code = otp::code_at(&self.seed, &self.parameters, step);
        code.map_or_else(Vec::new, |code| code.as_bytes().to_vec())
    }
}

/// The clients, as the devices know them.
pub static CLIENTS: LazyLock<[Client; 3]> = LazyLock::new(|| {
    [
        (1, Policy::Require),
        (2, Policy::LimitProxyState),
        (3, Policy::DangerousTakeAny),
    ]
    .map(|(id, policy)| Client {
        id,
        secrets: ["a new shared secret", "the old shared secret"]
            .map(|text| Secret::from(format!("{text} {id}"))),
        policy,
    })
});

/// The state.
pub static STATE: LazyLock<State> = LazyLock::new(Founding::run);

/// Name, id and status of each user.
const USERS: [(&str, u64, storage::UserStatus); 5] = [
    ("alice@contoso.example", 1, storage::UserStatus::Active),
    ("bob@contoso.example", 2, storage::UserStatus::Active),
    ("carol@contoso.example", 3, storage::UserStatus::Disabled),
    ("dave@contoso.example", 4, storage::UserStatus::Active),
    ("erin@contoso.example", 5, storage::UserStatus::Active),
];

/// Token, owner, algorithm, digits and period. Erin's last is not proven yet.
const TOKENS: [(u64, u64, Algorithm, u32, u64); 6] = [
    (11, 1, Algorithm::Sha1, 6, 30),
    (21, 2, Algorithm::Sha256, 8, 60),
    (22, 2, Algorithm::Sha1, 6, 30),
    (31, 3, Algorithm::Sha1, 6, 30),
    (51, 5, Algorithm::Sha512, 6, 30),
    (52, 5, Algorithm::Sha1, 6, 30),
];
const PENDING: u64 = 52;

struct Founding {
    tables: MemoryTables,
    index: u64,
    entropy: SeededEntropy,
    cluster: ClusterId,
}

impl Founding {
    fn run() -> State {
        let mut this = Self {
            tables: MemoryTables::default(),
            index: 0,
            entropy: SeededEntropy::new(1),
            cluster: ClusterId([7; 16]),
        };
        let secrets = this.found();
        this.put_clients(&secrets);
        this.put_users();
        let testers = this.put_tokens(&secrets);
        State {
            tables: this.tables,
            index: this.index,
            secrets,
            testers,
        }
    }

    /// Wraps the data keys, founds the cluster with them and opens them again.
    fn found(&mut self) -> Secrets {
        let file = KeyFile::new(KeyEncryptionKey::draw(&mut self.entropy));
        let recovery = RecoverySecretKey::draw(&mut self.entropy).public();
        let purposes = [(1, Purpose::Fields), (2, Purpose::Hashes)];
        let wrapped = purposes.map(|(id, purpose)| {
            let key = DataKey::draw(KeyId(id), purpose, &mut self.entropy);
            WrappedKey::wrap(&key, self.cluster, &file, &recovery, &mut self.entropy)
        });
        let found = Kind::Found(storage::Found {
            bootstrap_hash: TOKEN.to_vec(),
            cluster: self.cluster.0.to_vec(),
            keys: wrapped.iter().map(stored_key).collect(),
            member: Some(storage::Member {
                node: 1,
                role: MemberRole::Voter.into(),
                version_max: CLUSTER_VERSION,
                ..storage::Member::default()
            }),
            ..storage::Found::default()
        });
        let first = [
            change(self.entropy.array(), found),
            change([0; 16], administrator()),
        ];
        self.apply(first.into());
        let keyring = Keyring::unwrap_with(&wrapped, KeyId(1), self.cluster, &file);
        let keyring = keyring.expect("the keys were wrapped for this file");
        let places = keyring.derive(KeyId(2), "place").expect("the key is there");
        Secrets {
            cluster: self.cluster,
            keyring,
            places,
        }
    }

    fn put_clients(&mut self, secrets: &Secrets) {
        use storage::{BurnCode, Factors, MessageAuthenticatorMode as Mode};
        let ways = [
            (Factors::Code, Mode::Require, BurnCode::OnAccept),
            (
                Factors::PasswordAndCode,
                Mode::LimitProxyState,
                BurnCode::OnAccept,
            ),
            (Factors::PasswordAndCode, Mode::No, BurnCode::OnMatch),
        ];
        for (client, (factors, mode, burn_code)) in CLIENTS.iter().zip(ways) {
            let row = client.id.to_be_bytes();
            let context = fields::client_secret(self.cluster, &row);
            let sealed = client.secrets.iter().map(|secret| {
                let sealed = secrets.keyring.seal(&context, secret, &mut self.entropy);
                sealed.expect("a short secret").encode()
            });
            let stored = storage::Client {
                id: client.id,
                name: format!("client {}", client.id),
                ranges: vec![format!("198.51.100.{}/32", client.id)],
                secrets: sealed.collect(),
                factors: factors.into(),
                message_authenticator: mode.into(),
                timeout: 3_000,
                tries: 2,
                servers: 2,
                default_domain: "contoso.example".into(),
                burn_code: burn_code.into(),
                ..storage::Client::default()
            };
            self.change(Kind::PutClient(storage::PutClient {
                client: Some(stored),
                ..storage::PutClient::default()
            }));
        }
    }

    fn put_users(&mut self) {
        for (name, id, status) in USERS {
            let user = storage::User {
                id,
                name: name.into(),
                aliases: vec![format!("alias{id}")],
                status: status.into(),
                ..storage::User::default()
            };
            self.change(Kind::PutUser(storage::PutUser {
                user: Some(user),
                expected_revision: 0,
            }));
        }
    }

    fn put_tokens(&mut self, secrets: &Secrets) -> Vec<Tester> {
        let tokens = TOKENS.into_iter();
        let put = |(id, owner, algorithm, digits, period): (u64, u64, _, u32, u64)| {
            let seed = otp::draw_seed(algorithm, &mut self.entropy);
            let row = id.to_be_bytes();
            let context = fields::token_seed(self.cluster, &row);
            let sealed = secrets.keyring.seal(&context, &seed, &mut self.entropy);
            let state = match id {
                PENDING => storage::TokenState::Pending,
                _ => storage::TokenState::Active,
            };
            let token = storage::Token {
                id,
                owner,
                seed: sealed.expect("a short seed").encode(),
                algorithm: stored_algorithm(algorithm).into(),
                digits,
                period: period.try_into().expect("a short period"),
                serial: format!("serial-{id}"),
                state: state.into(),
                ..storage::Token::default()
            };
            self.change(Kind::PutToken(storage::PutToken {
                token: Some(token),
                expected_revision: 0,
            }));
            let parameters = Parameters {
                algorithm,
                digits: Digits::try_from(digits).expect("6 to 8 digits"),
                period: Period::try_from(period).expect("30 or 60 seconds"),
            };
            Tester {
                token: id,
                seed,
                parameters,
            }
        };
        tokens.map(put).collect()
    }

    /// Applies a change that must be done.
    fn change(&mut self, kind: Kind) {
        let id = self.entropy.array();
        self.apply(vec![change(id, kind)]);
    }

    /// Applies changes as one entry; all must be done.
    fn apply(&mut self, changes: Vec<storage::Change>) {
        self.index += 1;
        let commands = changes.into_iter().map(Box::new).map(Command::Change);
        let entry = Entry {
            version: CLUSTER_VERSION,
            at: START,
            proposer: NodeId(1),
            commands: commands.collect(),
        };
        let mut draft = Draft::new(&self.tables);
        let outcomes = apply(&mut draft, self.index, &entry).expect("an empty store");
        for outcome in &outcomes {
            let Outcome::Change(outcome) = outcome else {
                panic!("not of a change: {outcome:?}");
            };
            assert_eq!(
                outcome.refusal(),
                storage::Refusal::Unspecified,
                "{outcome:?}"
            );
        }
        let writes = draft.into_writes();
        self.tables.write(writes);
    }
}

fn change(id: [u8; 16], kind: Kind) -> storage::Change {
    storage::Change {
        request_id: id.to_vec(),
        actor: Some(storage::Actor {
            name: "bootstrap".into(),
            source: "198.51.100.250".into(),
            token: match &kind {
                Kind::Found(_) | Kind::PutOperator(_) => Vec::new(),
                _ => TOKEN.to_vec(),
            },
            ..Default::default()
        }),
        digest: Vec::new(),
        kind: Some(kind),
    }
}

/// The operator by whose token all else is changed.
fn administrator() -> Kind {
    let first_token = storage::ApiToken {
        name: "ada-1".into(),
        operator: "ada".into(),
        hash: TOKEN.to_vec(),
        role: storage::Role::Admin.into(),
        ..Default::default()
    };
    Kind::PutOperator(storage::PutOperator {
        operator: Some(storage::Operator {
            name: "ada".into(),
            role: storage::Role::Admin.into(),
            ..Default::default()
        }),
        bootstrap_hash: TOKEN.to_vec(),
        first_token: Some(first_token),
        ..Default::default()
    })
}

fn stored_key(key: &WrappedKey) -> storage::Key {
    let purpose = match key.purpose {
        Purpose::Fields => storage::KeyPurpose::Seal,
        Purpose::Hashes => storage::KeyPurpose::Place,
    };
    let wraps = key.by_kek.iter().map(|(kek, wrapped)| storage::key::Wrap {
        kek: kek.0.to_vec(),
        wrapped: wrapped.clone(),
    });
    storage::Key {
        id: key.key.0,
        purpose: purpose.into(),
        wraps: wraps.collect(),
        recovery: key.recovery.clone(),
        created: 0,
    }
}

const fn stored_algorithm(algorithm: Algorithm) -> storage::TokenAlgorithm {
    match algorithm {
        Algorithm::Sha1 => storage::TokenAlgorithm::Sha1,
        Algorithm::Sha256 => storage::TokenAlgorithm::Sha256,
        Algorithm::Sha512 => storage::TokenAlgorithm::Sha512,
    }
}
