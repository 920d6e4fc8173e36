//! The real actions over the real `apply`, on tables in memory.

#![expect(clippy::unwrap_used, reason = "a failed preparation fails the test")]

use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Barrier, Mutex};
use std::thread::ThreadId;
use std::time::Duration;

use arc_swap::ArcSwap;
use countersign::login::{Clock, Ledger, ProposeError};
use countersign::operate::{
    Caller, ClusterStanding, ClusterView, Event, EventLog, EventQuery, Member, MemberStanding,
    NodeRole, Operate, Role, Shells, Sighting, SightingLog, TransferError,
};
use countersign::sources::Sources;
use countersign_core::base::{
    ClientId, KeyId, NodeId, RequestId, Secret, SeededEntropy, Timestamp,
};
use countersign_core::ledger::storage::{self, change::Kind};
use countersign_core::ledger::{
    CLUSTER_VERSION, Command, Draft, Entry, MemoryTables, Outcome, Table, Write, apply,
};
use countersign_core::otp::{self, Parameters};
use countersign_core::seal::{DataKey, Keyring, Purpose};
use futures_util::future::BoxFuture;
use prost::Message as _;
use sha2::{Digest as _, Sha256};
use tokio::sync::broadcast;
use tokio::time::Instant;

/// Some day in 2030.
pub(super) const NOW: u64 = 1_900_000_000_000;
pub(super) const BOOTSTRAP: &str = "the bootstrap token of this test";

/// A ledger of one node that keeps nothing.
pub(super) struct MemoryLedger {
    state: Mutex<(MemoryTables, u64)>,
    /// How many of the next answers get lost after they are applied.
    lose: AtomicU64,
    cut_off: AtomicBool,
    /// The thread that looked at the tables last.
    viewer: Mutex<Option<ThreadId>>,
}

impl MemoryLedger {
    fn apply(&self, command: Command) -> Outcome {
        let mut state = self.state.lock().unwrap();
        let (tables, index) = &mut *state;
        *index += 1;
        let entry = Entry {
            version: CLUSTER_VERSION,
            at: Timestamp::from_millis(NOW),
            proposer: NodeId(1),
            commands: vec![command],
        };
        let mut draft = Draft::new(&*tables);
        let outcomes = apply(&mut draft, *index, &entry).unwrap();
        let writes = draft.into_writes();
        tables.write(writes);
        outcomes.into_iter().next().unwrap()
    }

    /// Writes behind the log's back.
    pub(super) fn write(&self, writes: impl IntoIterator<Item = Write>) {
        let writes = writes.into_iter().collect();
        self.state.lock().unwrap().0.write(writes);
    }

    /// Revokes the token that callers of the role show.
    pub(super) fn revoke_token_of(&self, role: Role) {
        let hash = caller(role).token.to_vec();
        self.write([Write::Delete(Table::ApiTokens, hash)]);
    }

    /// Whether the last look at the tables was taken by this thread.
    pub(super) fn was_viewed_here(&self) -> bool {
        *self.viewer.lock().unwrap() == Some(std::thread::current().id())
    }

    /// Takes its leader from it.
    pub(super) fn cut_off(&self) {
        self.cut_off.store(true, Ordering::SeqCst);
    }

    pub(super) fn lose_answers(&self, count: u64) {
        self.lose.store(count, Ordering::SeqCst);
    }
}

impl Ledger for MemoryLedger {
    type View = MemoryTables;

    fn view(&self) -> MemoryTables {
        *self.viewer.lock().unwrap() = Some(std::thread::current().id());
        self.state.lock().unwrap().0.clone()
    }

    async fn propose(&self, command: Command, _: Duration) -> Result<Outcome, ProposeError> {
        let outcome = self.apply(command);
        let lost = self
            .lose
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| {
                left.checked_sub(1)
            });
        lost.map_or(Ok(outcome), |_| Err(ProposeError::Unknown))
    }

    fn standing(&self) -> Option<Timestamp> {
        let cut_off = self.cut_off.load(Ordering::SeqCst);
        (!cut_off).then(|| Timestamp::from_millis(NOW))
    }

    async fn progress(&self) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// A clock that stands until a test sets it.
pub(super) struct StoppedClock(AtomicU64);

impl StoppedClock {
    pub(super) fn set(&self, millis: u64) {
        self.0.store(millis, Ordering::SeqCst);
    }
}

impl Clock for StoppedClock {
    fn monotonic(&self) -> Instant {
        Instant::now()
    }

    fn wall(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }
}

struct AloneNode;

impl ClusterView for AloneNode {
    fn standing(&self) -> ClusterStanding {
        ClusterStanding {
            node: NodeId(1),
            role: NodeRole::Leader,
            term: 2,
            leader: Some(NodeId(1)),
            applied: 7,
        }
    }

    fn members(&self) -> BoxFuture<'_, Vec<Member>> {
        let own = Member {
            node: NodeId(1),
            said: Ok(MemberStanding {
                role: "leader".to_owned(),
                applied: 7,
                ..Default::default()
            }),
        };
        let other = Member {
            node: NodeId(2),
            said: Err("no answer in time".to_owned()),
        };
        Box::pin(std::future::ready(vec![own, other]))
    }

    fn transfer_leader(&self, to: Option<NodeId>) -> BoxFuture<'_, Result<NodeId, TransferError>> {
        Box::pin(std::future::ready(to.ok_or(TransferError::NoSuchVoter)))
    }
}

/// Events that a test hands out.
pub(super) struct MemoryEvents {
    pub(super) sent: broadcast::Sender<Event>,
    /// None: one that is made up.
    pub(super) kept: Mutex<Vec<Event>>,
    /// Where whoever lists them meets the test, on coming and on going.
    pub(super) gate: Mutex<Option<Arc<Barrier>>>,
}

impl EventLog for MemoryEvents {
    fn list(&self, query: &EventQuery) -> io::Result<Vec<Event>> {
        let gate = self.gate.lock().unwrap().clone();
        if let Some(gate) = gate {
            gate.wait();
            gate.wait();
        }
        let kept = self.kept.lock().unwrap().clone();
        if !kept.is_empty() {
            return Ok(kept);
        }
        Ok(vec![Event {
            at: Timestamp::from_millis(NOW),
            user: query.user.clone(),
            reason: "CS-R301".to_owned(),
            ..Default::default()
        }])
    }

    fn follow(&self) -> broadcast::Receiver<Event> {
        self.sent.subscribe()
    }
}

/// What two of three nodes have seen of every client.
#[derive(Default)]
pub(super) struct MemorySightings(pub(super) Mutex<Sighting>);

impl SightingLog for MemorySightings {
    fn of(&self, _: ClientId) -> BoxFuture<'_, Vec<(NodeId, Result<Sighting, String>)>> {
        let seen = self.0.lock().unwrap().clone();
        let at = |host: &str| Sighting {
            authentication: vec![format!("{host}:1812")],
            accounting: vec![format!("{host}:1813")],
            ..seen.clone()
        };
        let told = vec![
            (NodeId(1), Ok(at("192.0.2.1"))),
            (NodeId(2), Ok(at("node2.contoso.example"))),
            (NodeId(3), Err("no answer in time".to_owned())),
        ];
        Box::pin(std::future::ready(told))
    }
}

pub(super) struct World {
    pub(super) operate: Arc<Operate<MemoryLedger>>,
    pub(super) ledger: Arc<MemoryLedger>,
    pub(super) events: Arc<MemoryEvents>,
    pub(super) clock: Arc<StoppedClock>,
    pub(super) sightings: Arc<MemorySightings>,
    pub(super) sources: Arc<Sources>,
}

/// A founded cluster without an operator.
pub(super) fn world() -> World {
    let ledger = Arc::new(MemoryLedger {
        state: Mutex::new((MemoryTables::default(), 0)),
        lose: AtomicU64::new(0),
        cut_off: AtomicBool::new(false),
        viewer: Mutex::default(),
    });
    found(&ledger);
    ledger.write([Role::Auditor, Role::Helpdesk, Role::Admin].map(token_of));
    let mut entropy = SeededEntropy::new(4711);
    let key = DataKey::draw(KeyId(1), Purpose::Fields, &mut entropy);
    let keyring = Keyring::new([key], KeyId(1)).unwrap();
    let events = Arc::new(MemoryEvents {
        sent: broadcast::channel(4).0,
        kept: Mutex::default(),
        gate: Mutex::default(),
    });
    let clock = Arc::new(StoppedClock(AtomicU64::new(NOW)));
    let sightings = Arc::<MemorySightings>::default();
    let sources = Arc::<Sources>::default();
    let operate = Operate::new(Shells {
        ledger: Arc::clone(&ledger),
        keyring: Arc::new(ArcSwap::from_pointee(keyring)),
        clock: Arc::<StoppedClock>::clone(&clock),
        entropy: Box::new(entropy),
        cluster: Arc::new(AloneNode),
        events: Arc::<MemoryEvents>::clone(&events),
        sightings: Arc::<MemorySightings>::clone(&sightings),
        sources: Arc::clone(&sources),
    });
    World {
        operate: Arc::new(operate),
        ledger,
        events,
        clock,
        sightings,
        sources,
    }
}

fn found(ledger: &MemoryLedger) {
    let wrap = storage::key::Wrap {
        kek: vec![1; 8],
        wrapped: vec![2; 60],
    };
    let key = storage::Key {
        id: 1,
        purpose: storage::KeyPurpose::Seal.into(),
        wraps: vec![wrap],
        recovery: vec![3; 60],
        ..Default::default()
    };
    let found = storage::Found {
        cluster: vec![7; 16],
        keys: vec![key],
        member: Some(storage::Member {
            node: 1,
            incarnation: 1,
            role: storage::member::MemberRole::Voter.into(),
            address: "node1.contoso.example:8300".to_owned(),
            version_max: CLUSTER_VERSION,
            removed: false,
        }),
        bootstrap_hash: Sha256::digest(BOOTSTRAP).to_vec(),
        ..Default::default()
    };
    let outcome = ledger.apply(Command::Change(Box::new(storage::Change {
        request_id: vec![9; 16],
        actor: None,
        digest: Vec::new(),
        kind: Some(Kind::Found(found)),
    })));
    let Outcome::Change(outcome) = outcome else {
        panic!("{outcome:?}");
    };
    assert_eq!(
        outcome.refusal(),
        storage::Refusal::Unspecified,
        "{}",
        outcome.detail
    );
}

pub(super) fn caller(role: Role) -> Caller {
    Caller {
        operator: "root".to_owned(),
        role,
        source: IpAddr::V4(Ipv4Addr::LOCALHOST),
        token: [role as u8; 32],
    }
}

/// The token that callers of the role show.
fn token_of(role: Role) -> Write {
    let hash = caller(role).token.to_vec();
    let token = storage::ApiToken {
        name: format!("a token of {role}"),
        operator: "root".to_owned(),
        hash: hash.clone(),
        role: role.stored().into(),
        ..Default::default()
    };
    Write::Put(Table::ApiTokens, hash, token.encode_to_vec())
}

pub(super) fn admin() -> Caller {
    caller(Role::Admin)
}

pub(super) fn request(number: u8) -> RequestId {
    RequestId([number; 16])
}

/// An API token as a caller draws it.
pub(super) fn first_token() -> Secret {
    Secret::from(format!("cst_{}", "A".repeat(51) + "Q"))
}

/// The code that a device with this seed shows, `steps` from now.
pub(super) fn code(seed: &[u8], steps: i64) -> Secret {
    let step = (NOW / 1000 / 30).saturating_add_signed(steps);
    let code = otp::code_at(&Secret::from(seed), &Parameters::default(), step).unwrap();
    Secret::from(code.as_bytes())
}
