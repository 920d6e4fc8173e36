//! Chance as an argument.

/// A source of random octets. The shell's implementation asks the operating system.
pub trait Entropy {
    /// Fills `octets` with fresh random octets. Never fails: a shell whose source is
    /// broken must stop the process.
    fn fill(&mut self, octets: &mut [u8]);

    /// Draws an array of `N` octets.
    fn array<const N: usize>(&mut self) -> [u8; N]
    where
        Self: Sized,
    {
        let mut octets = [0; N];
        self.fill(&mut octets);
        octets
    }

    /// Draws a 64-bit number.
    fn number(&mut self) -> u64
    where
        Self: Sized,
    {
        u64::from_be_bytes(self.array())
    }
}

/// A repeatable sequence for tests and simulation (SplitMix64). Not for keys.
#[derive(Debug)]
pub struct SeededEntropy(u64);

impl SeededEntropy {
    /// Starts the sequence that belongs to `seed`.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

impl Entropy for SeededEntropy {
    fn fill(&mut self, octets: &mut [u8]) {
        for chunk in octets.chunks_mut(8) {
            let word = self.next().to_be_bytes();
            for (to, from) in chunk.iter_mut().zip(word) {
                *to = from;
            }
        }
    }
}
