//! A ledger in memory with the real `apply`, a source that follows a script, two users and
//! two clients.

mod ledger;
mod store;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use countersign_core::base::{Boot, ClientId, NodeId, Secret, SeededEntropy, Timestamp, UserId};
use countersign_core::ledger::{SourceOutcome, Table, query, storage};
use countersign_core::login::{AttemptMacs, Call, Caller, Reason, Request, Stages};
use countersign_core::otp::{Parameters, code_at};
use countersign_core::radius::{Attribute, Number, Relayed};
use tokio::time::{Instant, sleep};

pub(super) use self::ledger::{Fault, TestLedger};
use self::store::seed;
pub(super) use self::store::{secrets, tables};
use crate::login::{
    Against, Alone, Answer, Clock, Forwarded, Ledger, Letter, Logins, Messenger, Parts,
    PasswordSource, Question,
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

/// Knows one right password; what it is asked is counted.
#[derive(Clone, Default)]
pub(super) struct TestSource {
    pub(super) questions: Arc<AtomicUsize>,
    /// How long an answer takes.
    pub(super) delay: Arc<Mutex<Duration>>,
    /// Nobody can connect.
    pub(super) down: Arc<Mutex<bool>>,
    /// Groups of whoever is right, where the account is asked about.
    pub(super) groups: Arc<Mutex<Vec<String>>>,
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
        let asked = question.account.is_some() && outcome == SourceOutcome::Right;
        let groups = self.groups.lock().unwrap().clone();
        Answer {
            groups: if asked { groups } else { Vec::new() },
            ..Answer::new(outcome, reason, 0)
        }
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
