//! Which servers were silent lately.
//!
//! As devices do it: a server that answered nothing is left out for a while, and where all
//! have been silent, all are asked again.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// What a device remembers of its servers.
#[derive(Debug, Default)]
pub struct Memory {
    dead_time: Duration,
    dead_until: Mutex<Vec<Option<Instant>>>,
}

impl Memory {
    /// Remembers a silent server for `dead_time`; zero: not at all.
    #[must_use]
    pub const fn new(dead_time: Duration) -> Self {
        Self {
            dead_time,
            dead_until: Mutex::new(Vec::new()),
        }
    }

    /// Which of `count` servers to ask, in this order: those that are not dead, in the
    /// order of the list, or all.
    pub(super) fn order(&self, count: usize, now: Instant) -> Vec<usize> {
        let dead_until = self.dead_until.lock();
        let dead_until = dead_until.unwrap_or_else(PoisonError::into_inner);
        let is_dead = |index: &usize| {
            let until = dead_until.get(*index).copied().flatten();
            until.is_some_and(|until| now < until)
        };
        let alive: Vec<_> = (0..count).filter(|index| !is_dead(index)).collect();
        if alive.is_empty() {
            (0..count).collect()
        } else {
            alive
        }
    }

    /// A server answered nothing, whatever was sent.
    pub(super) fn silent(&self, index: usize, now: Instant) {
        self.set(index, Some(now + self.dead_time));
    }

    /// A server answered.
    pub(super) fn heard(&self, index: usize) {
        self.set(index, None);
    }

    fn set(&self, index: usize, until: Option<Instant>) {
        if self.dead_time.is_zero() {
            return;
        }
        let dead_until = self.dead_until.lock();
        let mut dead_until = dead_until.unwrap_or_else(PoisonError::into_inner);
        // LIMIT: as long as the device's list of servers.
        if dead_until.len() <= index {
            dead_until.resize(index.saturating_add(1), None);
        }
        if let Some(slot) = dead_until.get_mut(index) {
            *slot = until;
        }
    }
}
