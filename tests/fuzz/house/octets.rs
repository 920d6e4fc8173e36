//! The fuzz input, taken from the front. Where it ends, everything is zero.

/// What is left of the input.
pub(crate) struct Octets<'a>(&'a [u8]);

impl<'a> Octets<'a> {
    pub(crate) const fn new(octets: &'a [u8]) -> Self {
        Self(octets)
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn octet(&mut self) -> u8 {
        let (first, rest) = self.0.split_first().unwrap_or((&0, &[]));
        self.0 = rest;
        *first
    }

    pub(crate) fn short(&mut self) -> u16 {
        u16::from_be_bytes([self.octet(), self.octet()])
    }

    /// At most `count` octets.
    pub(crate) fn take(&mut self, count: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(count.min(self.0.len()));
        self.0 = rest;
        taken
    }

    /// As many octets as the next one says.
    pub(crate) fn text(&mut self) -> &'a [u8] {
        let count = self.octet();
        self.take(count.into())
    }

    /// As many octets as the next two say.
    pub(crate) fn long_text(&mut self) -> &'a [u8] {
        let count = self.short();
        self.take(count.into())
    }

    /// One of `choices`.
    pub(crate) fn of<'c, T>(&mut self, choices: &'c [T]) -> &'c T {
        let choice = usize::from(self.octet()) % choices.len();
        &choices[choice]
    }
}
