//! Random octets for references and hold times, drawn in bulk: one system call serves
//! many logins.
//!
//! Keys are drawn through it too; what was handed out is wiped at once.

use countersign_core::base::Entropy;
use zeroize::Zeroize;

/// A pool in front of the node's entropy.
pub(super) struct Chance {
    source: Box<dyn Entropy + Send>,
    pool: [u8; POOL_OCTETS],
    used: usize,
}

impl Chance {
    pub(super) fn new(source: Box<dyn Entropy + Send>) -> Self {
        Self {
            source,
            pool: [0; POOL_OCTETS],
            used: POOL_OCTETS,
        }
    }
}

impl Entropy for Chance {
    fn fill(&mut self, octets: &mut [u8]) {
        let end = self.used.saturating_add(octets.len());
        if end > POOL_OCTETS && octets.len() <= POOL_OCTETS {
            self.source.fill(&mut self.pool);
            self.used = 0;
        }
        let end = self.used.saturating_add(octets.len());
        match self.pool.get_mut(self.used..end) {
            Some(fresh) => {
                octets.copy_from_slice(fresh);
                fresh.zeroize();
                self.used = end;
            }
            None => self.source.fill(octets),
        }
    }
}

impl Drop for Chance {
    fn drop(&mut self) {
        self.pool.zeroize();
    }
}

const POOL_OCTETS: usize = 1024;

#[cfg(test)]
mod tests {
    use countersign_core::base::SeededEntropy;

    use super::*;

    #[test]
    fn no_octets_are_handed_out_twice() {
        let mut chance = Chance::new(Box::new(SeededEntropy::new(1)));
        let mut seen = std::collections::BTreeSet::new();
        for _ in 0..1000 {
            assert!(seen.insert(chance.array::<12>()));
        }
        let mut long = [0; POOL_OCTETS + 1];
        chance.fill(&mut long);
        assert!(long.iter().any(|&octet| octet != 0));
    }
}
