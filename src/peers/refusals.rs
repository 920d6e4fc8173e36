//! What was refused to whom, for operators: a member that is not heard must be seen, and
//! so must whoever knocks without being one.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use countersign_core::base::{NodeId, Operations, Shown};

/// The refusals of a listener since it started.
#[derive(Debug)]
pub struct Refusals {
    operations: Arc<dyn Operations>,
    record: Mutex<Record>,
}

/// How often, and why the last time.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Refused {
    /// How often.
    pub count: u64,
    /// Why the last one was. Fit to be shown.
    pub last: String,
}

#[derive(Debug, Default)]
struct Record {
    /// LIMIT: members alone have a place of their own.
    members: BTreeMap<NodeId, Refused>,
    strangers: Refused,
}

impl Refusals {
    /// None yet. Those that never become a call are counted by `operations`.
    #[must_use]
    pub fn new(operations: Arc<dyn Operations>) -> Self {
        Self {
            operations,
            record: Mutex::default(),
        }
    }

    /// What was refused to a member.
    #[must_use]
    pub fn of(&self, member: NodeId) -> Refused {
        self.with(|record| record.members.get(&member).cloned())
            .unwrap_or_default()
    }

    /// What was refused to whoever has shown no member's certificate.
    #[must_use]
    pub fn of_strangers(&self) -> Refused {
        self.with(|record| record.strangers.clone())
    }

    /// Counts by the kind alone.
    pub(super) fn count(&self, label: &'static str) {
        self.operations.count(REFUSALS, label);
    }

    pub(super) fn member(&self, node: NodeId, why: &str) {
        self.with(|record| record.members.entry(node).or_default().add(&why));
    }

    pub(super) fn stranger(&self, why: &impl fmt::Display) {
        self.with(|record| record.strangers.add(why));
    }

    fn with<T>(&self, act: impl FnOnce(&mut Record) -> T) -> T {
        act(&mut self.record.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Refused {
    fn add(&mut self, why: &impl fmt::Display) {
        self.count = self.count.saturating_add(1);
        // The other end may have chosen some of the words.
        self.last = Shown::from(&*why.to_string()).to_string();
    }
}

const REFUSALS: &str = "peer_calls_refused";
