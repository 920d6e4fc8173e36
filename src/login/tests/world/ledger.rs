//! A ledger in memory with the real `apply`.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use countersign_core::base::{NodeId, Timestamp};
use countersign_core::ledger::table::Visit;
use countersign_core::ledger::{
    CLUSTER_VERSION, Command, Draft, Entry, MemoryTables, Outcome, Read, StoreError, Table, Write,
    apply, query, storage,
};
use prost::Message;
use tokio::sync::Notify;
use tokio::time::sleep;

use super::{COMMIT, TestClock};
use crate::login::{Clock, Ledger, ProposeError};

/// The real rules over tables in memory; each commit takes a while.
#[derive(Clone)]
pub(in crate::login::tests) struct TestLedger(Arc<Inner>);

struct Inner {
    clock: TestClock,
    state: Mutex<(MemoryTables, u64)>,
    applied: Notify,
    /// The tables of all records that were looked for.
    reads: Arc<Mutex<Vec<Table>>>,
    /// What goes wrong with the next commands.
    faults: Mutex<VecDeque<Fault>>,
    /// How long each command was waited for.
    within: Mutex<Vec<Duration>>,
    begins: AtomicUsize,
    settles: AtomicUsize,
}

/// What goes wrong with a command.
#[derive(Clone, Copy, PartialEq)]
pub(in crate::login::tests) enum Fault {
    Nothing,
    /// It is applied, and nobody hears of it.
    AnswerLost,
    /// The same, and that is noticed only after a while.
    AnswerLate(Duration),
    /// It never gets into the log.
    NotProposed,
}

impl TestLedger {
    pub(super) fn new(clock: TestClock, tables: MemoryTables) -> Self {
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

    pub(in crate::login::tests) fn will(&self, faults: impl IntoIterator<Item = Fault>) {
        self.0.faults.lock().unwrap().extend(faults);
    }

    pub(in crate::login::tests) fn edit<M: Message + Default>(
        &self,
        table: Table,
        key: u64,
        change: impl FnOnce(&mut M),
    ) {
        self.edit_at(table, &key.to_be_bytes(), change);
    }

    pub(in crate::login::tests) fn edit_at<M: Message + Default>(
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
    pub(in crate::login::tests) fn within(&self) -> Vec<Duration> {
        self.0.within.lock().unwrap().clone()
    }

    /// The tables of the records that were looked for since the last call.
    pub(in crate::login::tests) fn reads(&self) -> Vec<Table> {
        std::mem::take(&mut self.0.reads.lock().unwrap())
    }

    /// Claims and settlings proposed so far.
    pub(in crate::login::tests) fn commands(&self) -> (usize, usize) {
        let count = |counter: &AtomicUsize| counter.load(Ordering::Relaxed);
        (count(&self.0.begins), count(&self.0.settles))
    }

    pub(in crate::login::tests) fn in_flight(&self) -> u64 {
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
pub(in crate::login::tests) struct TestView {
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
