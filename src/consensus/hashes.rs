//! Whether this node's tables are the others' (I8): the rolling hash at each index that
//! two of them stood at.
//!
//! A difference means that `apply` did something else at one of the two, or that a disk
//! lied. Which of them is not seen from the two alone: the majority of the voters decides.
//! Until it has spoken nothing is known, and unknown means no.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use countersign_core::base::NodeId;
use data_encoding::HEXLOWER;
use tokio::sync::watch;

/// A rolling hash.
pub(super) type Hash = [u8; 32];

/// Two tables at one index.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Difference {
    /// Of the last entry in both.
    pub index: u64,
    /// Of this node.
    pub own: Hash,
    /// The other node.
    pub node: NodeId,
    /// Of the other node.
    pub other: Hash,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (own, other) = (HEXLOWER.encode(&self.own), HEXLOWER.encode(&self.other));
        let Self { index, node, .. } = self;
        write!(
            f,
            "at entry {index} its tables hash to {own}, those of node {node} to {other}, \
             and no majority of the voters is known to share its own"
        )
    }
}

/// The hashes of late, and what came of comparing them.
#[derive(Debug)]
pub(super) struct Hashes {
    state: Mutex<State>,
    difference: watch::Sender<Option<Difference>>,
}

#[derive(Debug)]
struct State {
    node: NodeId,
    /// Of this node; ascends.
    own: VecDeque<(u64, Hash)>,
    others: BTreeMap<NodeId, Other>,
    voters: BTreeSet<NodeId>,
}

/// What another node said of its tables.
#[derive(Debug, Default)]
struct Other {
    /// Of indexes that are still to be applied here; ascends.
    told: VecDeque<(u64, Hash)>,
    /// The highest index at which both were equal; 0: none.
    agreed: u64,
    /// The first difference since then.
    differs: Option<Difference>,
}

impl Hashes {
    /// Of `node`, which knows none yet.
    pub(super) fn new(node: NodeId) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::new(State {
                node,
                own: VecDeque::new(),
                others: BTreeMap::new(),
                voters: BTreeSet::new(),
            }),
            difference: watch::Sender::default(),
        })
    }

    /// The tables are at `index`.
    pub(super) fn record(&self, index: u64, hash: Hash) {
        let mut state = self.state();
        state.record(index, hash);
        self.judge(&state);
    }

    /// The tables of `node` hash to `hash` at `index`. One of another length says nothing.
    pub(super) fn told(&self, node: NodeId, index: u64, hash: &[u8]) {
        let Ok(hash) = Hash::try_from(hash) else {
            return;
        };
        let mut state = self.state();
        state.told(node, index, hash);
        self.judge(&state);
    }

    /// Who votes, as the tables have it.
    pub(super) fn set_voters(&self, voters: impl IntoIterator<Item = NodeId>) {
        let mut state = self.state();
        state.voters = voters.into_iter().collect();
        self.judge(&state);
    }

    /// Where the tables are.
    pub(super) fn latest(&self) -> Option<(u64, Hash)> {
        self.state().own.back().copied()
    }

    /// Where they were of late, newest first, to be compared elsewhere.
    pub(super) fn recent(&self) -> Vec<(u64, Hash)> {
        let state = self.state();
        let newest = state.own.iter().rev().take(RECENT_HASHES_MAX);
        newest.copied().collect()
    }

    /// A difference from another voter, for as long as no majority is on this node's side.
    pub(super) fn difference(&self) -> Option<Difference> {
        *self.difference.borrow()
    }

    /// The voters whose tables are not this node's.
    pub(super) fn differing(&self) -> BTreeSet<NodeId> {
        let state = self.state();
        state.differences().map(|found| found.node).collect()
    }

    /// Tells of a difference, and when there is none any more.
    pub(super) fn watch(&self) -> watch::Receiver<Option<Difference>> {
        self.difference.subscribe()
    }

    fn judge(&self, state: &State) {
        let judged = state.judge();
        self.difference
            .send_if_modified(|known| std::mem::replace(known, judged) != judged);
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn record(&mut self, index: u64, hash: Hash) {
        // A snapshot that is installed may stand where the tables stood.
        while self.own.back().is_some_and(|(last, _)| *last >= index) {
            self.own.pop_back();
        }
        self.own.push_back((index, hash));
        if self.own.len() > OWN_HASHES_MAX {
            self.own.pop_front();
        }
        for (node, other) in &mut self.others {
            while let Some(&(told, hash)) = other.told.front()
                && told <= index
            {
                other.told.pop_front();
                other.compare(&self.own, *node, told, hash);
            }
        }
    }

    fn told(&mut self, node: NodeId, index: u64, hash: Hash) {
        let other = self.others.entry(node).or_default();
        if self.own.back().is_some_and(|(last, _)| *last >= index) {
            return other.compare(&self.own, node, index, hash);
        }
        while other.told.back().is_some_and(|(last, _)| *last >= index) {
            other.told.pop_back();
        }
        other.told.push_back((index, hash));
        if other.told.len() > TOLD_HASHES_MAX {
            other.told.pop_front();
        }
    }

    fn differences(&self) -> impl Iterator<Item = Difference> + '_ {
        let voters = |(node, _): &(&NodeId, &Other)| self.voters.contains(*node);
        let others = self.others.iter().filter(voters);
        others.filter_map(|(_, other)| other.differs)
    }

    /// The first difference from a voter, unless more than half of all voters, this node
    /// among them where it is one, are known to be equal since. Tables that once differ
    /// differ at every later index, so whoever is equal later was equal then.
    fn judge(&self) -> Option<Difference> {
        let first = self.differences().min_by_key(|found| found.index)?;
        let equal = |node: &&NodeId| {
            let since = |other: &Other| other.differs.is_none() && other.agreed >= first.index;
            **node == self.node || self.others.get(node).is_some_and(since)
        };
        let equal = self.voters.iter().filter(equal).count();
        (equal.saturating_mul(2) <= self.voters.len()).then_some(first)
    }
}

impl Other {
    fn compare(&mut self, own: &VecDeque<(u64, Hash)>, node: NodeId, index: u64, other: Hash) {
        let place = own.binary_search_by_key(&index, |(index, _)| *index);
        let Some(&(_, own)) = place.ok().and_then(|place| own.get(place)) else {
            return;
        };
        if own == other {
            self.agreed = self.agreed.max(index);
            self.differs = self.differs.filter(|differs| differs.index > index);
        } else if index > self.agreed {
            let found = Difference {
                index,
                own,
                node,
                other,
            };
            self.differs = self.differs.or(Some(found));
        }
    }
}

/// Runs of entries of which the hash is remembered.
const OWN_HASHES_MAX: usize = 1024;
/// Words of another node that wait for this one to come as far.
const TOLD_HASHES_MAX: usize = 256;
/// As many as make it likely that two nodes stood at the same index, though they apply
/// entries in runs of other lengths.
pub(super) const RECENT_HASHES_MAX: usize = 32;

#[cfg(test)]
mod tests;
