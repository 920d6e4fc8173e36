//! Whether this node's tables are the leader's (I8): the rolling hash at each index that
//! both of them stood at.
//!
//! A difference means that `apply` did something else here, or that a disk lied. Nothing
//! that this node says can be trusted then, and nothing here can repair it.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Mutex, PoisonError};

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
    /// Of the leader.
    pub leader: Hash,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (own, leader) = (HEXLOWER.encode(&self.own), HEXLOWER.encode(&self.leader));
        let index = self.index;
        write!(
            f,
            "at entry {index} its tables hash to {own}, the leader's to {leader}"
        )
    }
}

/// The hashes of late.
#[derive(Debug, Default)]
pub(super) struct Hashes {
    rings: Mutex<Rings>,
    difference: watch::Sender<Option<Difference>>,
}

/// Both ascend.
#[derive(Debug, Default)]
struct Rings {
    own: VecDeque<(u64, Hash)>,
    /// What a leader said of indexes that are still to be applied here.
    told: VecDeque<(u64, Hash)>,
}

impl Hashes {
    /// The tables are at `index`.
    pub(super) fn record(&self, index: u64, hash: Hash) {
        let found = self.rings().record(index, hash);
        self.found(found);
    }

    /// A leader's tables hash to `hash` at `index`. One of another length says nothing.
    pub(super) fn told(&self, index: u64, hash: &[u8]) {
        let Ok(hash) = Hash::try_from(hash) else {
            return;
        };
        let found = self.rings().told(index, hash);
        self.found(found);
    }

    /// Where the tables are.
    pub(super) fn latest(&self) -> Option<(u64, Hash)> {
        self.rings().own.back().copied()
    }

    /// The first difference that was found. It stays for as long as the process lives.
    pub(super) fn difference(&self) -> Option<Difference> {
        *self.difference.borrow()
    }

    /// Tells of it.
    pub(super) fn watch(&self) -> watch::Receiver<Option<Difference>> {
        self.difference.subscribe()
    }

    fn found(&self, found: Option<Difference>) {
        if found.is_some() {
            self.difference.send_if_modified(|known| {
                let first = known.is_none();
                *known = known.or(found);
                first
            });
        }
    }

    fn rings(&self) -> std::sync::MutexGuard<'_, Rings> {
        self.rings.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Rings {
    fn record(&mut self, index: u64, hash: Hash) -> Option<Difference> {
        // A snapshot that is installed may stand where the tables stood.
        while self.own.back().is_some_and(|(last, _)| *last >= index) {
            self.own.pop_back();
        }
        self.own.push_back((index, hash));
        if self.own.len() > OWN_HASHES_MAX {
            self.own.pop_front();
        }
        let mut found = None;
        while let Some(&(told, leader)) = self.told.front()
            && told <= index
        {
            self.told.pop_front();
            found = found.or_else(|| self.difference(told, leader));
        }
        found
    }

    fn told(&mut self, index: u64, leader: Hash) -> Option<Difference> {
        if self.own.back().is_none_or(|(last, _)| *last < index) {
            while self.told.back().is_some_and(|(last, _)| *last >= index) {
                self.told.pop_back();
            }
            self.told.push_back((index, leader));
            if self.told.len() > TOLD_HASHES_MAX {
                self.told.pop_front();
            }
            return None;
        }
        self.difference(index, leader)
    }

    fn difference(&self, index: u64, leader: Hash) -> Option<Difference> {
        let place = self.own.binary_search_by_key(&index, |(index, _)| *index);
        let &(_, own) = self.own.get(place.ok()?)?;
        (own != leader).then_some(Difference { index, own, leader })
    }
}

/// Runs of entries of which the hash is remembered.
const OWN_HASHES_MAX: usize = 1024;
/// Words of a leader that wait for this node to come as far.
const TOLD_HASHES_MAX: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_hash_at_the_same_index_is_no_difference() {
        let hashes = Hashes::default();
        hashes.record(5, [1; 32]);
        hashes.told(5, &[1; 32]);
        hashes.told(4, &[9; 32]);
        hashes.told(5, b"short");
        assert_eq!(hashes.difference(), None);
    }

    #[test]
    fn another_hash_of_the_past_is_found_and_stays() {
        let hashes = Hashes::default();
        for index in 0..2000 {
            hashes.record(index, [1; 32]);
        }
        hashes.told(500, &[2; 32]);
        assert_eq!(hashes.difference(), None, "forgotten long ago");
        hashes.told(1500, &[2; 32]);
        let found = hashes.difference().expect("it is within the ring");
        assert_eq!(found.index, 1500);
        hashes.told(1600, &[3; 32]);
        assert_eq!(hashes.difference(), Some(found));
    }

    #[test]
    fn a_word_from_ahead_is_judged_when_this_node_gets_there() {
        let hashes = Hashes::default();
        hashes.record(5, [1; 32]);
        hashes.told(7, &[7; 32]);
        hashes.told(9, &[9; 32]);
        hashes.record(8, [8; 32]);
        assert_eq!(hashes.difference(), None);
        hashes.record(9, [6; 32]);
        let found = hashes.difference().map(|found| found.index);
        assert_eq!(found, Some(9));
    }

    #[test]
    fn words_from_ahead_are_bounded() {
        let hashes = Hashes::default();
        for index in 0..10_000 {
            hashes.told(index, &[1; 32]);
        }
        assert_eq!(hashes.rings().told.len(), TOLD_HASHES_MAX);
    }
}
