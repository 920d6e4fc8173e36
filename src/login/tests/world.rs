//! A ledger in memory with the real `apply`, a source that follows a script, two users and
//! two clients.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use countersign_core::base::{
    Boot, ClientId, ClusterId, KeyId, NodeId, Secret, SeededEntropy, Timestamp, TokenId, UserId,
};
use countersign_core::ledger::table::Visit;
use countersign_core::ledger::{
    CLUSTER_VERSION, Command, Draft, Entry, MemoryTables, Outcome, Read, SourceOutcome, StoreError,
    Table, Write, apply, fields, query, storage,
};
use countersign_core::login::{AttemptMacs, Call, Caller, Reason, Request, Secrets, Stages};
use countersign_core::otp::{Parameters, code_at};
use countersign_core::radius::{Attribute, Number, Relayed};
use countersign_core::seal::{DataKey, Keyring, MacKey, Purpose};
use prost::Message;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep};

use crate::login::{
    Against, Alone, Answer, Clock, Forwarded, Ledger, Letter, Logins, Messenger, Parts,
    PasswordSource, ProposeError, Question,
};

pub(super) type Outcomes = countersign_core::login::Outcome;
pub(super) type TestLogins = Logins<TestLedger, TestSource, TestClock>;

/// Needs password and code.
pub(super) const VPN: ClientId = ClientId(1);
/// Needs the code alone.
pub(super) const PROXY: ClientId = ClientId(2);
pub(super) const ALICE: UserId = UserId(7);
const BOB: UserId = UserId(8);
const START: u64 = 1_800_000_000_000;
pub(super) const COMMIT: Duration = Duration::from_millis(1);
pub(super) const SOURCE_TIMEOUT: Duration = Duration::from_secs(5);

pub(super) struct World {
    pub(super) logins: TestLogins,
    pub(super) ledger: TestLedger,
    pub(super) source: TestSource,
    pub(super) messenger: Arc<TestMessenger>,
    clock: TestClock,
}

impl World {
    pub(super) fn new() -> Self {
        let clock = TestClock::new();
        let mut entropy = SeededEntropy::new(1);
        let secrets = secrets(&mut entropy);
        let ledger = TestLedger::new(clock, tables(&secrets, &mut entropy));
        let source = TestSource::default();
        let messenger = Arc::new(TestMessenger::default());
        let logins = Logins::new(Parts {
            ledger: ledger.clone(),
            source: source.clone(),
            neighbours: Arc::new(Alone),
            messenger: Arc::clone(&messenger) as _,
            clock,
            entropy: Box::new(entropy),
            secrets,
            node: NodeId(1),
            boot: Boot(1),
        });
        logins.adopt_attempt_keys(attempt_keys(clock.wall()));
        Self {
            logins,
            ledger,
            source,
            messenger,
            clock,
        }
    }

    /// The code that Alice's token shows now, or so many steps later.
    pub(super) fn code(&self, later: u64) -> String {
        code_of_alice(self.clock, later)
    }

    pub(super) fn request(&self, client: ClientId, typed: &str) -> Request {
        request(self.clock, client, typed)
    }

    /// Alice's right login through the VPN gateway.
    pub(super) fn right(&self) -> Request {
        self.request(VPN, &format!("secret{}", self.code(0)))
    }

    pub(super) async fn login(&self, request: Request) -> Outcomes {
        self.logins.login(request, Instant::now()).await
    }

    /// Starts a login that runs beside the test.
    pub(super) fn start(&self, request: Request) -> tokio::task::JoinHandle<Outcomes> {
        let logins = self.logins.clone();
        let received = Instant::now();
        tokio::spawn(async move { logins.login(request, received).await })
    }

    pub(super) fn counted_wrong(&self) -> usize {
        let budgets: Option<storage::Budgets> =
            query::record(&self.ledger.view(), Table::Budgets, &ALICE.0.to_be_bytes()).unwrap();
        let strict = budgets.unwrap_or_default().strict;
        let keys = strict.unwrap_or_default().keys;
        keys.iter().filter(|key| key.kind == 1).count()
    }
}

/// Keeps what it is given.
#[derive(Default)]
pub(super) struct TestMessenger(Mutex<Vec<Letter>>);

impl Messenger for TestMessenger {
    fn send(&self, letter: Letter) {
        self.0.lock().unwrap().push(letter);
    }
}

impl TestMessenger {
    /// Addresses and texts of all messages, in order.
    pub(super) fn sent(&self) -> Vec<(String, String)> {
        let text = |it: &Secret| String::from_utf8(it.expose().to_vec()).unwrap();
        let letters = self.0.lock().unwrap();
        letters
            .iter()
            .map(|it| (text(&it.to), text(&it.text)))
            .collect()
    }
}

/// The first set of the cluster.
pub(super) fn attempt_keys(now: Timestamp) -> AttemptMacs {
    AttemptMacs::draw(1, now, &mut SeededEntropy::new(3))
}

/// What Alice's device asks with these octets as the password.
pub(super) fn request(clock: TestClock, client: ClientId, typed: &str) -> Request {
    Request {
        client,
        client_revision: 1,
        user_name: b"alice@contoso.example".to_vec(),
        password: Secret::from(typed.as_bytes()),
        state: None,
        response: None,
        proven: true,
        caller: Caller {
            calling_station_id: Some(b"198.51.100.7".to_vec()),
            ..Caller::default()
        },
        arrived: clock.wall(),
        call: Call::default(),
    }
}

/// The request as a peer gets it.
pub(super) fn copied(request: &Request) -> Request {
    Request {
        user_name: request.user_name.clone(),
        password: request.password.duplicate(),
        state: request.state.clone(),
        response: request.response.clone(),
        caller: request.caller.clone(),
        call: request.call.clone(),
        ..*request
    }
}

/// The code that Alice's token shows now, or so many steps later.
pub(super) fn code_of_alice(clock: TestClock, later: u64) -> String {
    let step = clock.wall().as_secs() / 30 + later;
    let code = code_at(&seed(ALICE), &Parameters::default(), step).unwrap();
    code.as_str().to_owned()
}

pub(super) fn without_stages(mut outcome: Outcomes) -> Outcomes {
    outcome.stages = Stages::default();
    outcome
}

/// The real rules over tables in memory; each commit takes a while.
#[derive(Clone)]
pub(super) struct TestLedger(Arc<Inner>);

struct Inner {
    clock: TestClock,
    state: Mutex<(MemoryTables, u64)>,
    applied: Notify,
    /// The tables of all records that were looked for.
    reads: Arc<Mutex<Vec<Table>>>,
    /// What goes wrong with the next commands.
    pub(super) faults: Mutex<VecDeque<Fault>>,
    /// How long each command was waited for.
    within: Mutex<Vec<Duration>>,
    begins: AtomicUsize,
    settles: AtomicUsize,
}

/// What goes wrong with a command.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Fault {
    Nothing,
    /// It is applied, and nobody hears of it.
    AnswerLost,
    /// The same, and that is noticed only after a while.
    AnswerLate(Duration),
    /// It never gets into the log.
    NotProposed,
}

impl TestLedger {
    fn new(clock: TestClock, tables: MemoryTables) -> Self {
        Self(Arc::new(Inner {
            clock,
            state: Mutex::new((tables, 0)),
            applied: Notify::new(),
            reads: Arc::default(),
            faults: Mutex::default(),
            within: Mutex::default(),
            begins: AtomicUsize::new(0),
            settles: AtomicUsize::new(0),
        }))
    }

    pub(super) fn will(&self, faults: impl IntoIterator<Item = Fault>) {
        self.0.faults.lock().unwrap().extend(faults);
    }

    pub(super) fn edit<M: Message + Default>(
        &self,
        table: Table,
        key: u64,
        change: impl FnOnce(&mut M),
    ) {
        self.edit_at(table, &key.to_be_bytes(), change);
    }

    pub(super) fn edit_at<M: Message + Default>(
        &self,
        table: Table,
        key: &[u8],
        change: impl FnOnce(&mut M),
    ) {
        let mut state = self.0.state.lock().unwrap();
        let mut record: M = query::record(&state.0, table, key)
            .unwrap()
            .unwrap_or_default();
        change(&mut record);
        state.0.write(vec![Write::Put(
            table,
            key.to_vec(),
            record.encode_to_vec(),
        )]);
    }

    /// How long each command was waited for.
    pub(super) fn within(&self) -> Vec<Duration> {
        self.0.within.lock().unwrap().clone()
    }

    /// The tables of the records that were looked for since the last call.
    pub(super) fn reads(&self) -> Vec<Table> {
        std::mem::take(&mut self.0.reads.lock().unwrap())
    }

    /// Claims and settlings proposed so far.
    pub(super) fn commands(&self) -> (usize, usize) {
        let count = |counter: &AtomicUsize| counter.load(Ordering::Relaxed);
        (count(&self.0.begins), count(&self.0.settles))
    }

    pub(super) fn in_flight(&self) -> u64 {
        let view = self.view();
        let mut in_flight = 0;
        let mut visit = |_: &[u8], octets: &[u8]| {
            let attempt = storage::Attempt::decode(octets).unwrap();
            let state = attempt.state.unwrap();
            in_flight += u64::from(matches!(state, storage::attempt::State::InFlightUntil(_)));
            std::ops::ControlFlow::Continue(())
        };
        Read::scan(&view, Table::Attempts, &[], &mut visit).unwrap();
        in_flight
    }

    fn apply(&self, command: Command) -> Outcome {
        let mut state = self.0.state.lock().unwrap();
        let (tables, index) = &mut *state;
        *index += 1;
        let entry = Entry {
            version: CLUSTER_VERSION,
            at: self.0.clock.wall(),
            proposer: NodeId(1),
            commands: vec![command],
        };
        let mut draft = Draft::new(tables);
        let mut outcomes = apply(&mut draft, *index, &entry).unwrap();
        let writes = draft.into_writes();
        tables.write(writes);
        outcomes.remove(0)
    }
}

/// The tables as they were, and who tells what is looked for in them.
pub(super) struct TestView {
    tables: MemoryTables,
    reads: Arc<Mutex<Vec<Table>>>,
}

impl Read for TestView {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.reads.lock().unwrap().push(table);
        self.tables.get(table, key)
    }

    fn scan(&self, table: Table, from: &[u8], visit: &mut Visit<'_>) -> Result<(), StoreError> {
        self.tables.scan(table, from, visit)
    }
}

impl Ledger for TestLedger {
    type View = TestView;

    fn view(&self) -> TestView {
        TestView {
            tables: self.0.state.lock().unwrap().0.clone(),
            reads: Arc::clone(&self.0.reads),
        }
    }

    async fn propose(&self, command: Command, within: Duration) -> Result<Outcome, ProposeError> {
        self.0.within.lock().unwrap().push(within);
        let counter = match &command {
            Command::Begin(_) => &self.0.begins,
            Command::Settle(_)
            | Command::SendPasscode(_)
            | Command::Change(_)
            | Command::Unreadable(_) => &self.0.settles,
        };
        counter.fetch_add(1, Ordering::Relaxed);
        let fault = self.0.faults.lock().unwrap().pop_front();
        sleep(COMMIT).await;
        if fault == Some(Fault::NotProposed) {
            return Err(ProposeError::NotProposed);
        }
        let outcome = self.apply(command);
        self.0.applied.notify_waiters();
        match fault {
            Some(Fault::AnswerLost | Fault::AnswerLate(_)) => Err(ProposeError::Unknown),
            Some(Fault::Nothing | Fault::NotProposed) | None => Ok(outcome),
        }
    }

    fn standing(&self) -> Option<Timestamp> {
        Some(self.0.clock.wall())
    }

    fn progress(&self) -> impl Future<Output = ()> + Send {
        self.0.applied.notified()
    }
}

/// Knows one right password; what it is asked is counted.
#[derive(Clone, Default)]
pub(super) struct TestSource {
    pub(super) questions: Arc<AtomicUsize>,
    /// How long an answer takes.
    pub(super) delay: Arc<Mutex<Duration>>,
    /// Nobody can connect.
    pub(super) down: Arc<Mutex<bool>>,
}

impl TestSource {
    pub(super) fn asked(&self) -> usize {
        self.questions.load(Ordering::Relaxed)
    }

    /// The same source, as another node reaches it.
    pub(super) fn of_another_node(&self) -> Self {
        Self {
            down: Arc::default(),
            ..self.clone()
        }
    }

    /// Knows one password, and says which question it was that it answers.
    fn old_server(&self, forwarded: &Forwarded, question: &Question) -> Answer {
        assert_eq!(
            (&*forwarded.server, &*question.name),
            ("old", "alice@contoso.example")
        );
        if question.password.expose() != b"secret123456" {
            return Answer::new(SourceOutcome::Wrong, Reason::WrongPassword, 0);
        }
        let class = format!("question {}", self.asked());
        let class = Attribute::new(Number::Standard(25), class.as_bytes()).unwrap();
        Answer {
            relayed: Relayed::new(&[class]).unwrap(),
            ..Answer::new(SourceOutcome::Right, Reason::Accepted, 0)
        }
    }

    pub(super) fn takes(&self, delay: Duration) {
        *self.delay.lock().unwrap() = delay;
    }
}

impl PasswordSource for TestSource {
    async fn ask(&self, question: Question) -> Answer {
        assert!(
            !question.password.is_empty(),
            "an empty password reaches no source"
        );
        let down = *self.down.lock().unwrap();
        let delay = *self.delay.lock().unwrap();
        let (outcome, reason) = if down {
            (SourceOutcome::NotAsked, Reason::SourceUnreachable)
        } else {
            self.questions.fetch_add(1, Ordering::Relaxed);
            sleep(delay).await;
            if let Against::Forward(forwarded) = &question.against {
                return self.old_server(forwarded, &question);
            }
            match question.password.expose() {
                b"secret" => (SourceOutcome::Right, Reason::Accepted),
                _ => (SourceOutcome::Wrong, Reason::WrongPassword),
            }
        };
        Answer::new(outcome, reason, 0)
    }
}

/// The paused clock of the test's runtime.
#[derive(Clone, Copy)]
pub(super) struct TestClock(Instant);

impl TestClock {
    pub(super) fn new() -> Self {
        Self(Instant::now())
    }
}

impl Clock for TestClock {
    fn monotonic(&self) -> Instant {
        Instant::now()
    }

    fn wall(&self) -> Timestamp {
        Timestamp::from_millis(START).plus(self.0.elapsed())
    }
}

fn seed(user: UserId) -> Secret {
    Secret::new(vec![u8::try_from(user.0).unwrap(); 20])
}

pub(super) fn secrets(entropy: &mut SeededEntropy) -> Secrets {
    let key = DataKey::draw(KeyId(1), Purpose::Fields, entropy);
    Secrets {
        cluster: ClusterId([9; 16]),
        keyring: Keyring::new([key], KeyId(1)).unwrap(),
        places: MacKey::draw(entropy),
    }
}

pub(super) fn tables(secrets: &Secrets, entropy: &mut SeededEntropy) -> MemoryTables {
    let mut tables = MemoryTables::default();
    let mut put = |table, key: &[u8], value: Vec<u8>| {
        tables.write(vec![Write::Put(table, key.to_vec(), value)]);
    };
    let clients = [
        (VPN, storage::Factors::PasswordAndCode),
        (PROXY, storage::Factors::Code),
    ];
    for (client, factors) in clients {
        let record = storage::Client {
            id: client.0,
            name: format!("client-{}", client.0),
            factors: factors.into(),
            timeout: 3000,
            tries: 1,
            revision: 1,
            ..storage::Client::default()
        };
        put(
            Table::Clients,
            &client.0.to_be_bytes(),
            record.encode_to_vec(),
        );
    }
    for (user, name) in [
        (ALICE, "alice@contoso.example"),
        (BOB, "bob@contoso.example"),
    ] {
        let id = user.0.to_be_bytes();
        let record = storage::User {
            id: user.0,
            name: name.into(),
            status: storage::UserStatus::Active.into(),
            tokens: vec![user.0],
            ..storage::User::default()
        };
        put(Table::Users, &id, record.encode_to_vec());
        put(Table::Names, name.as_bytes(), id.to_vec());
        let token = token(secrets, user, entropy);
        put(Table::Tokens, &id, token.encode_to_vec());
    }
    let settings = storage::Settings {
        sources: vec![storage::Source {
            kind: Some(storage::source::Kind::Entra(storage::EntraSettings {
                timeout: u32::try_from(SOURCE_TIMEOUT.as_millis()).unwrap(),
                ..storage::EntraSettings::default()
            })),
            ..storage::Source::default()
        }],
        ..storage::Settings::default()
    };
    put(Table::Settings, &[], settings.encode_to_vec());
    tables
}

/// The one active token of a user, under the user's own number.
fn token(secrets: &Secrets, user: UserId, entropy: &mut SeededEntropy) -> storage::Token {
    let id = user.0.to_be_bytes();
    let context = fields::token_seed(secrets.cluster, &id);
    let seed = seed(user);
    let sealed = secrets.keyring.seal(&context, &seed, entropy).unwrap();
    storage::Token {
        id: TokenId(user.0).0,
        owner: user.0,
        seed: sealed.encode(),
        algorithm: storage::TokenAlgorithm::Sha1.into(),
        digits: 6,
        period: 30,
        state: storage::TokenState::Active.into(),
        generation: 1,
        ..storage::Token::default()
    }
}
