//! Who may speak: what a leader says of itself with each append, and what a follower
//! makes of it.
//!
//! A node that answers without a commit (a refusal, Status-Server) must know that it is
//! part of a living cluster and that its tables are not old. Nothing here lets anybody
//! in: that takes a commit.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use countersign_core::base::{NodeId, Timestamp};
use tokio::sync::watch;
use tokio::time::Instant;

use super::clocks::{ClockFault, Clocks};
use super::hashes::Hashes;
use super::reign::Reign;
use super::state_machine::Applied;
use crate::login::Clock;
use crate::peers::wire::LeaderWord;

mod hearing;

use hearing::{Hearing, Word};

/// Why a node may not speak.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Unready {
    /// Its tables are not those of most voters, or it is not known whose are.
    #[error("its tables differ from those of others")]
    Fenced,
    /// Its clock is off.
    #[error("its clock is off")]
    Clock,
    /// It has not heard from the leader of the newest term lately.
    #[error("no leader was heard lately")]
    NoLeader,
    /// The leader has not heard from a quorum lately.
    #[error("the leader has no quorum")]
    NoQuorum,
    /// It has not applied what was committed a while ago.
    #[error("its tables are behind")]
    Behind,
}

/// When a leader last had a quorum, asked at an instant.
pub(super) type Quorum = Box<dyn Fn(Instant) -> Option<Instant> + Send + Sync>;

/// A node's contact with its cluster.
pub(super) struct Contact {
    clock: Arc<dyn Clock>,
    clocks: Clocks,
    started: Instant,
    hashes: Arc<Hashes>,
    applied: watch::Receiver<Applied>,
    /// Known as soon as there is a Raft core; before that nothing leads.
    quorum: OnceLock<Quorum>,
    attempt_keys: AtomicU64,
    attempt_keys_told: watch::Sender<u64>,
    hearing: Mutex<Hearing>,
}

impl Contact {
    /// None yet.
    pub(super) fn start(
        clock: &Arc<dyn Clock>,
        hashes: Arc<Hashes>,
        applied: &watch::Receiver<Applied>,
    ) -> Arc<Self> {
        Arc::new(Self {
            started: clock.monotonic(),
            clock: Arc::clone(clock),
            clocks: Clocks::new(Arc::clone(clock)),
            hashes,
            applied: applied.clone(),
            quorum: OnceLock::new(),
            attempt_keys: AtomicU64::new(0),
            attempt_keys_told: watch::Sender::new(0),
            hearing: Mutex::default(),
        })
    }

    /// What this node's tables hash to, and whether that is right.
    pub(super) fn hashes(&self) -> Arc<Hashes> {
        Arc::clone(&self.hashes)
    }

    /// What is known of the other members' clocks.
    pub(super) const fn clocks(&self) -> &Clocks {
        &self.clocks
    }

    /// What is wrong with this node's clock now.
    pub(super) fn clock_fault(&self) -> Option<ClockFault> {
        self.clocks.fault(self.applied_at())
    }

    /// Whether entries may bear this node's time: one that is off is for ever. One that is
    /// behind does no harm, since no stamp goes back.
    pub(super) fn may_stamp(&self) -> bool {
        !self.clocks.are_against() && self.hashes.difference().is_none()
    }

    /// How far the tables are.
    pub(super) fn watch_applied(&self) -> watch::Receiver<Applied> {
        self.applied.clone()
    }

    /// Learns where to ask for the quorum. The second time changes nothing.
    pub(super) fn ask_quorum_of(&self, quorum: Quorum) {
        let _once = self.quorum.set(quorum);
    }

    /// What this node says of itself while it leads.
    pub(super) fn word(&self) -> LeaderWord {
        let now = self.clock.monotonic();
        let (hash_index, hash) = match self.hashes.latest() {
            Some((index, hash)) => (index, hash.to_vec()),
            None => (0, Vec::new()),
        };
        LeaderWord {
            at: self.stamp().as_millis(),
            quorum: self.has_quorum(now),
            hash_index,
            hash,
            attempt_keys: self.attempt_keys.load(Ordering::Relaxed),
            sent: millis(now.saturating_duration_since(self.started)),
        }
    }

    /// Takes the word of `leader`, that of `term`, whose commit index is `commit`. Only for
    /// appends that were not refused for their term.
    pub(super) fn heard(&self, leader: NodeId, word: &LeaderWord, term: u64, commit: u64) {
        let taken = Word {
            time: Timestamp::from_millis(word.at),
            sent: Duration::from_millis(word.sent),
            quorum: word.quorum,
        };
        let now = self.clock.monotonic();
        let newest = {
            let mut hearing = self.hearing.lock().unwrap_or_else(PoisonError::into_inner);
            hearing.hear(taken, term, commit, now)
        };
        if newest {
            self.hashes.told(leader, word.hash_index, &word.hash);
            self.attempt_keys_told.send_if_modified(|told| {
                let before = std::mem::replace(told, word.attempt_keys);
                before != word.attempt_keys
            });
        }
    }

    /// Entry time as this node knows it, or why it may not speak. `reign` is what it
    /// knows of who leads.
    pub(super) fn standing(&self, reign: Reign) -> Result<Timestamp, Unready> {
        if self.hashes.difference().is_some() {
            return Err(Unready::Fenced);
        }
        if self.clock_fault().is_some() {
            return Err(Unready::Clock);
        }
        let now = self.clock.monotonic();
        match reign {
            Reign::Leading { alone: true, .. } => Ok(self.stamp()),
            Reign::Leading { alone: false, .. } if self.has_quorum(now) => Ok(self.stamp()),
            Reign::Leading { alone: false, .. } => Err(Unready::NoQuorum),
            Reign::Vacant => Err(Unready::NoLeader),
            Reign::Following { term, .. } => {
                let applied = *self.applied.borrow();
                let hearing = self.hearing.lock().unwrap_or_else(PoisonError::into_inner);
                hearing.standing(term, now, applied)
            }
        }
    }

    /// Entry time of what is applied.
    pub(super) fn applied_at(&self) -> Timestamp {
        self.applied.borrow().at
    }

    /// The number of the attempt keys that this node tells while it leads; 0: none.
    pub(super) fn set_attempt_keys(&self, number: u64) {
        self.attempt_keys.store(number, Ordering::Relaxed);
    }

    /// The number in force: the one that this node tells where it leads, else the one that
    /// it was told.
    pub(super) fn attempt_keys(&self, leads: bool) -> u64 {
        if leads {
            self.attempt_keys.load(Ordering::Relaxed)
        } else {
            *self.attempt_keys_told.borrow()
        }
    }

    /// The number that the leader last told.
    pub(super) fn watch_attempt_keys(&self) -> watch::Receiver<u64> {
        self.attempt_keys_told.subscribe()
    }

    /// What a leader stamps by: its clock, never less than what it has applied.
    fn stamp(&self) -> Timestamp {
        self.clock.wall().max(self.applied.borrow().at)
    }

    fn has_quorum(&self, now: Instant) -> bool {
        let acked = self.quorum.get().and_then(|quorum| quorum(now));
        acked.is_some_and(|acked| now.saturating_duration_since(acked) <= CONTACT_MAX)
    }
}

fn millis(span: Duration) -> u64 {
    span.as_millis().try_into().unwrap_or(u64::MAX)
}

/// Older contact counts for nothing. A heartbeat leaves every 75 to 90 ms (its interval
/// and one tick of openraft's), and openraft's word for the quorum gets 76 to 112 ms old in
/// between (see tests/quorum.rs): this forgives one heartbeat that is lost. Shorter
/// than any silence that starts an election.
pub(super) const CONTACT_MAX: Duration = Duration::from_millis(250);

#[cfg(test)]
mod tests;
