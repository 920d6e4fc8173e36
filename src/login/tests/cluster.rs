//! Several nodes over one ledger: each sees it as far as its own tables are, which lag by
//! some entries; what is not pushed out by later ones comes after a while.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use countersign_core::base::{Boot, NodeId, SeededEntropy, Timestamp};
use countersign_core::ledger::{
    BeginResult, CLUSTER_VERSION, Command, Draft, Entry, MemoryTables, Outcome, SettleResult,
    Table, Write, apply, query, storage,
};
use countersign_core::login::{AttemptMacs, Request};
use prost::Message;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use super::world::{
    self, ALICE, COMMIT, Fault, Outcomes, TestClock, TestSource, code_of_alice, request,
};
use crate::login::{
    Boxed, Clock, Ledger, Logins, Neighbours, NoMessenger, Parts, ProposeError, Taken,
};

pub(super) type NodeLogins = Logins<NodeLedger, TestSource, TestClock>;

/// Three nodes with one set of attempt keys.
pub(super) struct Cluster {
    pub(super) nodes: Vec<Node>,
    pub(super) source: TestSource,
    pub(super) log: Arc<Log>,
    pub(super) clock: TestClock,
}

pub(super) struct Node {
    pub(super) logins: NodeLogins,
    pub(super) ledger: NodeLedger,
    source: TestSource,
}

/// The one ledger.
pub(super) struct Log {
    clock: TestClock,
    /// The tables after each entry, and when that was committed.
    states: Mutex<Vec<(MemoryTables, Instant)>>,
    grown: Notify,
    /// How each Begin and Settle came out.
    pub(super) begins: Mutex<Vec<BeginResult>>,
    pub(super) settles: Mutex<Vec<SettleResult>>,
    pub(super) named: AtomicU64,
}

/// The ledger as one node sees it.
#[derive(Clone)]
pub(super) struct NodeLedger {
    log: Arc<Log>,
    node: NodeId,
    pub(super) state: Arc<State>,
}

#[derive(Default)]
pub(super) struct State {
    /// By how many entries its tables lag.
    lag: AtomicUsize,
    /// Its process is gone: nothing that it does has an effect any more.
    is_dead: Mutex<bool>,
    /// It has no contact with a leader.
    is_cut_off: Mutex<bool>,
    /// How far its time is behind the leader's.
    behind: Mutex<Duration>,
    faults: Mutex<VecDeque<Fault>>,
}

impl Cluster {
    /// Three nodes whose tables lag by so many entries.
    pub(super) fn new(lag: usize) -> Self {
        let clock = TestClock::new();
        let mut entropy = SeededEntropy::new(1);
        let secrets = world::secrets(&mut entropy);
        let tables = world::tables(&secrets, &mut entropy);
        let log = Arc::new(Log {
            clock,
            states: Mutex::new(vec![(tables, Instant::now())]),
            grown: Notify::new(),
            begins: Mutex::default(),
            settles: Mutex::default(),
            named: AtomicU64::new(1),
        });
        let source = TestSource::default();
        let street = Arc::new(Street::default());
        let nodes: Vec<_> = (1..=3)
            .map(|id| {
                let ledger = NodeLedger::new(&log, NodeId(id), lag);
                node(&log, ledger, &source, &street, Boot(1))
            })
            .collect();
        street.move_in(&nodes);
        Self {
            nodes,
            source,
            log,
            clock,
        }
    }

    pub(super) fn right(&self) -> Request {
        self.vpn(&format!("secret{}", code_of_alice(self.clock, 0)))
    }

    pub(super) fn vpn(&self, typed: &str) -> Request {
        request(self.clock, world::VPN, typed)
    }

    /// Starts a login at a node that runs beside the test.
    pub(super) fn start(&self, node: usize, request: Request) -> JoinHandle<Outcomes> {
        let logins = self.nodes[node].logins.clone();
        let received = Instant::now();
        tokio::spawn(async move { logins.login(request, received).await })
    }

    pub(super) async fn login(&self, node: usize, request: Request) -> Outcomes {
        self.start(node, request).await.unwrap()
    }

    /// The same login at all nodes at once.
    pub(super) async fn everywhere(&self, request: impl Fn() -> Request) -> Vec<Outcomes> {
        let started: Vec<_> = (0..self.nodes.len())
            .map(|node| self.start(node, request()))
            .collect();
        let mut outcomes = Vec::new();
        for login in started {
            outcomes.push(login.await.unwrap());
        }
        outcomes
    }

    /// Waits until every node's tables show everything.
    pub(super) async fn applied_everywhere(&self) {
        sleep(PUSHED_OUT * 2).await;
    }

    pub(super) fn adopt_everywhere(&self, set: &AttemptMacs, now: Timestamp) {
        self.log.named.store(set.number, Ordering::Relaxed);
        for node in &self.nodes {
            node.logins.adopt_attempt_keys(set.folded(now));
        }
    }

    /// The node's process starts again on the same ledger.
    pub(super) fn reboot(&mut self, at: usize, boot: Boot) {
        let ledger = NodeLedger::new(&self.log, self.nodes[at].ledger.node, 0);
        let street = Arc::new(Street::default());
        self.nodes[at] = node(&self.log, ledger, &self.source, &street, boot);
    }

    pub(super) fn edit<M: Message + Default>(
        &self,
        table: Table,
        key: u64,
        change: impl FnOnce(&mut M),
    ) {
        self.edit_at(table, &key.to_be_bytes(), change);
    }

    pub(super) fn edit_head(&self, change: impl FnOnce(&mut storage::Head)) {
        self.edit_at(Table::Head, &[], change);
    }

    /// As one change of the rules.
    pub(super) fn edit_rules(&self, change: impl FnOnce(&mut storage::Rules)) {
        self.edit_at(Table::Rules, &[], change);
        self.edit_head(|head| head.rules_revision += 1);
    }

    fn edit_at<M: Message + Default>(&self, table: Table, key: &[u8], change: impl FnOnce(&mut M)) {
        let mut tables = self.log.tables();
        let record: Option<M> = query::record(&tables, table, key).unwrap();
        let mut record = record.unwrap_or_default();
        change(&mut record);
        let octets = record.encode_to_vec();
        tables.write(vec![Write::Put(table, key.to_vec(), octets)]);
        self.log.push(tables);
    }

    /// Wrong passwords, and wrong codes from elsewhere.
    pub(super) fn counted(&self) -> (usize, u32) {
        let tables = self.log.tables();
        let key = ALICE.0.to_be_bytes();
        let budgets: Option<storage::Budgets> =
            query::record(&tables, Table::Budgets, &key).unwrap();
        let budgets = budgets.unwrap_or_default();
        let keys = budgets.strict.unwrap_or_default().keys;
        let known = budgets.places.into_iter().filter_map(|place| place.codes);
        let codes = known
            .chain(budgets.elsewhere)
            .map(|codes| codes.failures)
            .sum();
        (keys.iter().filter(|key| key.kind == 1).count(), codes)
    }
}

fn node(
    log: &Arc<Log>,
    ledger: NodeLedger,
    source: &TestSource,
    street: &Arc<Street>,
    boot: Boot,
) -> Node {
    let id = u64::from(ledger.node.0);
    let own = source.of_another_node();
    let logins = Logins::new(Parts {
        ledger: ledger.clone(),
        source: own.clone(),
        neighbours: Arc::new(House(Arc::clone(log), Arc::clone(street), ledger.node)),
        messenger: Arc::new(NoMessenger),
        clock: log.clock,
        entropy: Box::new(SeededEntropy::new(100 + id)),
        secrets: world::secrets(&mut SeededEntropy::new(1)),
        node: ledger.node,
        boot,
    });
    logins.adopt_attempt_keys(world::attempt_keys(log.clock.wall()));
    Node {
        logins,
        ledger,
        source: own,
    }
}

impl Node {
    /// Its process is killed.
    pub(super) fn die(&self) {
        *self.ledger.state.is_dead.lock().unwrap() = true;
    }

    pub(super) fn is_cut_off(&self, cut_off: bool) {
        *self.ledger.state.is_cut_off.lock().unwrap() = cut_off;
    }

    pub(super) fn is_behind(&self, behind: Duration) {
        *self.ledger.state.behind.lock().unwrap() = behind;
    }

    /// It cannot connect to the source.
    pub(super) fn is_without_source(&self, without: bool) {
        *self.source.down.lock().unwrap() = without;
    }

    pub(super) fn will(&self, faults: impl IntoIterator<Item = Fault>) {
        self.ledger.state.faults.lock().unwrap().extend(faults);
    }
}

impl Log {
    fn tables(&self) -> MemoryTables {
        self.states.lock().unwrap().last().unwrap().0.clone()
    }

    fn push(&self, tables: MemoryTables) {
        self.states.lock().unwrap().push((tables, Instant::now()));
        self.grown.notify_waiters();
    }

    fn apply(&self, node: NodeId, command: Command) -> Outcome {
        let mut tables = self.tables();
        let index = u64::try_from(self.states.lock().unwrap().len()).unwrap();
        let entry = Entry {
            version: CLUSTER_VERSION,
            at: self.clock.wall(),
            proposer: node,
            commands: vec![command],
        };
        let mut draft = Draft::new(&tables);
        let outcome = apply(&mut draft, index, &entry).unwrap().remove(0);
        let writes = draft.into_writes();
        tables.write(writes);
        match &outcome {
            Outcome::Begin(result) => self.begins.lock().unwrap().push(result.clone()),
            Outcome::Settle(result) => self.settles.lock().unwrap().push(result.clone()),
            Outcome::SendPasscode(_) | Outcome::Change(_) | Outcome::Unreadable(_) => {}
        }
        self.push(tables);
        outcome
    }
}

impl NodeLedger {
    fn new(log: &Arc<Log>, node: NodeId, lag: usize) -> Self {
        let state = State::default();
        state.lag.store(lag, Ordering::Relaxed);
        Self {
            log: Arc::clone(log),
            node,
            state: Arc::new(state),
        }
    }

    pub(super) fn lags(&self, lag: usize) {
        self.state.lag.store(lag, Ordering::Relaxed);
    }

    fn is_dead(&self) -> bool {
        *self.state.is_dead.lock().unwrap()
    }
}

impl Ledger for NodeLedger {
    type View = MemoryTables;

    fn view(&self) -> MemoryTables {
        let states = self.log.states.lock().unwrap();
        let newest = states.len() - 1;
        let pushed = newest.saturating_sub(self.state.lag.load(Ordering::Relaxed));
        let old = |(_, at): &(MemoryTables, Instant)| at.elapsed() >= PUSHED_OUT;
        let arrived = states.iter().rposition(old).unwrap_or(0);
        states[pushed.max(arrived)].0.clone()
    }

    async fn propose(&self, command: Command, _: Duration) -> Result<Outcome, ProposeError> {
        let fault = self.state.faults.lock().unwrap().pop_front();
        sleep(COMMIT).await;
        if self.is_dead() {
            return std::future::pending().await;
        }
        if fault == Some(Fault::NotProposed) {
            return Err(ProposeError::NotProposed);
        }
        let outcome = self.log.apply(self.node, command);
        match fault {
            Some(Fault::AnswerLost) => Err(ProposeError::Unknown),
            Some(Fault::AnswerLate(after)) => {
                sleep(after).await;
                Err(ProposeError::Unknown)
            }
            Some(Fault::Nothing | Fault::NotProposed) | None => Ok(outcome),
        }
    }

    fn standing(&self) -> Option<Timestamp> {
        let silent = self.is_dead() || *self.state.is_cut_off.lock().unwrap();
        let behind = *self.state.behind.lock().unwrap();
        (!silent).then(|| self.log.clock.wall().minus(behind))
    }

    fn progress(&self) -> impl Future<Output = ()> + Send {
        self.log.grown.notified()
    }
}

/// Who lives next to whom.
#[derive(Default)]
struct Street(Mutex<Vec<(NodeId, NodeLogins, Arc<State>)>>);

impl Street {
    fn move_in(&self, nodes: &[Node]) {
        *self.0.lock().unwrap() = nodes
            .iter()
            .map(|node| {
                let state = Arc::clone(&node.ledger.state);
                (node.ledger.node, node.logins.clone(), state)
            })
            .collect();
    }
}

struct House(Arc<Log>, Arc<Street>, NodeId);

impl Neighbours for House {
    fn attempt_keys(&self) -> Option<u64> {
        Some(self.0.named.load(Ordering::Relaxed))
    }

    fn hand_over<'a>(
        &'a self,
        request: &'a Request,
        except: &'a [NodeId],
        deadline: Instant,
    ) -> Boxed<'a, Option<Taken>> {
        Box::pin(async move {
            sleep(COMMIT).await;
            let peers = self.1.0.lock().unwrap().clone();
            for (node, logins, state) in peers {
                let passed = node == self.2 || except.contains(&node);
                if passed || *state.is_dead.lock().unwrap() {
                    continue;
                }
                let copy = world::copied(request);
                if let Some(judged) = logins.take(copy, Instant::now(), deadline) {
                    let judged: Taken = Box::pin(async move {
                        let outcome = judged.await;
                        let died = *state.is_dead.lock().unwrap();
                        (!died).then_some(Outcomes {
                            judged_by: Some(node),
                            ..outcome
                        })
                    });
                    return Some(judged);
                }
            }
            None
        })
    }
}

/// What lags arrives after this time at the latest.
pub(super) const PUSHED_OUT: Duration = Duration::from_millis(100);
