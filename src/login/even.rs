//! Even reject times: a refusal that asked nobody takes as long as one that asked, so that
//! its cause cannot be read from a stopwatch.

use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::time::Duration;

use countersign_core::base::Entropy;
use countersign_core::base::limits::REFUSAL_HOLD_MAX;
use countersign_core::ledger::Factors;

/// The times of the latest measured refusals, apart for each kind of rule.
pub(super) struct EvenTimes {
    asked: Recent,
    code: Recent,
}

impl Default for EvenTimes {
    fn default() -> Self {
        Self {
            asked: Recent::new(ASKED_MICROS),
            code: Recent::new(CODE_MICROS),
        }
    }
}

impl EvenTimes {
    /// A refusal that is the measure for others took this long from its packet's arrival.
    pub(super) fn measured(&self, factors: Factors, took: Duration) {
        let took = took.min(REFUSAL_HOLD_MAX).as_micros();
        self.recent(factors)
            .put(took.try_into().unwrap_or(u32::MAX));
    }

    /// How long after its packet's arrival another refusal is to be told. One of the
    /// latest times is drawn and shaken, so that the times are spread as measured ones are.
    pub(super) fn draw(&self, factors: Factors, entropy: &mut impl Entropy) -> Duration {
        let [which, shake, ..] = entropy.array::<8>();
        let micros = u64::from(self.recent(factors).pick(which));
        // 7/8 to 9/8 of it.
        let share = u64::from(shake).saturating_add(7 * 128);
        let micros = micros.saturating_mul(share) / 1024;
        Duration::from_micros(micros).min(REFUSAL_HOLD_MAX)
    }

    const fn recent(&self, factors: Factors) -> &Recent {
        match factors {
            Factors::PasswordAndCode
            | Factors::CodeAndAccount
            | Factors::Password
            | Factors::Forward => &self.asked,
            Factors::Code => &self.code,
        }
    }
}

struct Recent {
    micros: [AtomicU32; KEPT],
    next: AtomicUsize,
}

impl Recent {
    fn new(micros: u32) -> Self {
        Self {
            micros: std::array::from_fn(|_| AtomicU32::new(micros)),
            next: AtomicUsize::new(0),
        }
    }

    fn put(&self, micros: u32) {
        let place = self.next.fetch_add(1, Ordering::Relaxed) % KEPT;
        if let Some(oldest) = self.micros.get(place) {
            oldest.store(micros, Ordering::Relaxed);
        }
    }

    fn pick(&self, which: u8) -> u32 {
        let place = usize::from(which) % KEPT;
        self.micros
            .get(place)
            .map_or(0, |micros| micros.load(Ordering::Relaxed))
    }
}

/// Times that are kept.
const KEPT: usize = 16;
/// Until one was measured: about what a directory on the internet takes to say no.
const ASKED_MICROS: u32 = 300_000;
/// Until one was measured: about what a commit takes.
const CODE_MICROS: u32 = 5_000;

#[cfg(test)]
mod tests {
    use countersign_core::base::SeededEntropy;

    use super::*;

    fn draws(times: &EvenTimes, factors: Factors) -> Vec<u128> {
        let mut entropy = SeededEntropy::new(1);
        let draw = |_| times.draw(factors, &mut entropy).as_millis();
        (0..200).map(draw).collect()
    }

    #[test]
    fn other_refusals_follow_the_measured_ones_and_are_spread() {
        let times = EvenTimes::default();
        for _ in 0..KEPT {
            times.measured(Factors::PasswordAndCode, Duration::from_millis(800));
        }
        let drawn = draws(&times, Factors::PasswordAndCode);
        assert!(drawn.iter().all(|millis| (700..=900).contains(millis)));
        assert!(drawn.iter().max() > drawn.iter().min());
        assert!(
            draws(&times, Factors::Code)
                .iter()
                .all(|&millis| millis < 10)
        );
    }

    #[test]
    fn a_slow_source_cannot_hold_refusals_for_ever() {
        let times = EvenTimes::default();
        for _ in 0..KEPT {
            times.measured(Factors::Code, Duration::from_secs(3600));
        }
        let longest = REFUSAL_HOLD_MAX.as_millis();
        assert!(
            draws(&times, Factors::Code)
                .iter()
                .all(|&millis| millis <= longest)
        );
    }
}
