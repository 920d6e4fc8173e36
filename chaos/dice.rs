//! Chance that can be repeated.

use countersign_core::base::{Entropy, SeededEntropy};

/// A sequence of choices that belongs to a seed and a name.
#[derive(Debug)]
pub(crate) struct Dice(SeededEntropy);

impl Dice {
    /// Each stream has its own, so that what one does changes no other.
    pub(crate) fn new(seed: u64, stream: &str, number: u64) -> Self {
        let mut mixed = SeededEntropy::new(seed).number();
        for octet in stream.bytes() {
            mixed = SeededEntropy::new(mixed ^ u64::from(octet)).number();
        }
        Self(SeededEntropy::new(
            SeededEntropy::new(mixed ^ number).number(),
        ))
    }

    /// From 0 to below `end`; 0 where that is 0.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.0.number().checked_rem(end).unwrap_or_default()
    }

    /// From one to the other, both included.
    pub(crate) fn between(&mut self, from: u64, to: u64) -> u64 {
        from.saturating_add(self.below(to.saturating_sub(from).saturating_add(1)))
    }

    /// True so many times in a hundred.
    pub(crate) fn percent(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// One of them; none where there are none.
    pub(crate) fn one_of<'a, T>(&mut self, all: &'a [T]) -> Option<&'a T> {
        let number = self.below(all.len().try_into().unwrap_or(u64::MAX));
        all.get(usize::try_from(number).unwrap_or_default())
    }

    /// All of them in another order.
    pub(crate) fn shuffled<T: Copy>(&mut self, all: &[T]) -> Vec<T> {
        let mut left = all.to_vec();
        let mut mixed = Vec::with_capacity(left.len());
        while !left.is_empty() {
            let number = self.below(left.len().try_into().unwrap_or(u64::MAX));
            mixed.push(left.swap_remove(usize::try_from(number).unwrap_or_default()));
        }
        mixed
    }
}

impl Entropy for Dice {
    fn fill(&mut self, octets: &mut [u8]) {
        self.0.fill(octets);
    }
}
