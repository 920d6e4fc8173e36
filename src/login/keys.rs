//! The attempt keys of this node's logins: drawn at start, turned daily, never written.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::{ArcSwap, Guard};
use countersign_core::base::limits::{ATTEMPT_KEEP_MAX, LEASE_MAX};
use countersign_core::login::AttemptMacs;
use tokio::time::Instant;

use super::chance::Chance;

/// The keys in force, and when they are turned.
pub(super) struct Keys {
    macs: ArcSwap<AttemptMacs>,
    started: Instant,
    /// Milliseconds from the start to the next turn.
    next: AtomicU64,
    turning: Mutex<()>,
}

impl Keys {
    pub(super) fn draw(chance: &mut Chance, now: Instant) -> Self {
        Self {
            macs: ArcSwap::from_pointee(AttemptMacs::draw(chance)),
            started: now,
            next: AtomicU64::new(millis(DAY)),
            turning: Mutex::new(()),
        }
    }

    /// The keys for a login that comes in now.
    pub(super) fn at(&self, now: Instant, chance: &Mutex<Chance>) -> Guard<Arc<AttemptMacs>> {
        let age = now.saturating_duration_since(self.started);
        if millis(age) >= self.next.load(Ordering::Acquire) {
            self.turn(age, chance);
        }
        self.macs.load()
    }

    /// Once a day a new key, and a while later the old one goes.
    fn turn(&self, age: Duration, chance: &Mutex<Chance>) {
        let _one = self.turning.lock().unwrap_or_else(PoisonError::into_inner);
        if millis(age) < self.next.load(Ordering::Acquire) {
            return;
        }
        let macs = self.macs.load();
        let (turned, after) = if macs.has_previous() {
            (macs.without_previous(), DAY.saturating_sub(KEEP))
        } else {
            let mut chance = chance.lock().unwrap_or_else(PoisonError::into_inner);
            (macs.turned(&mut *chance), KEEP)
        };
        self.macs.store(Arc::new(turned));
        self.next
            .store(millis(age.saturating_add(after)), Ordering::Release);
    }
}

fn millis(span: Duration) -> u64 {
    span.as_millis().try_into().unwrap_or(u64::MAX)
}

const DAY: Duration = Duration::from_secs(24 * 3600);
/// As long as a record under the old key may still answer.
const KEEP: Duration = ATTEMPT_KEEP_MAX.saturating_add(LEASE_MAX);

#[cfg(test)]
mod tests {
    use countersign_core::base::SeededEntropy;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_key_is_turned_daily_and_the_old_one_stays_for_a_while() {
        let start = Instant::now();
        let mut chance = Chance::new(Box::new(SeededEntropy::new(1)));
        let keys = Keys::draw(&mut chance, start);
        let chance = Mutex::new(chance);
        let has_previous = |after| keys.at(start + after, &chance).has_previous();
        assert!(!has_previous(DAY - KEEP));
        assert!(has_previous(DAY));
        assert!(has_previous(DAY + KEEP - Duration::from_secs(1)));
        assert!(!has_previous(DAY + KEEP));
        assert!(has_previous(DAY * 2 + KEEP));
    }
}
