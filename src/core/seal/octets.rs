//! What every key here is made of, and how lists are made one string of octets.

use std::fmt;

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::base::Entropy;

/// The 32 octets of a key: wiped when dropped, never printed, compared in constant time.
#[derive(Zeroize, ZeroizeOnDrop)]
pub(super) struct KeyOctets([u8; 32]);

impl KeyOctets {
    pub(super) const fn new(octets: [u8; 32]) -> Self {
        Self(octets)
    }

    pub(super) fn draw(entropy: &mut impl Entropy) -> Self {
        Self(entropy.array())
    }

    pub(super) const fn expose(&self) -> &[u8; 32] {
        &self.0
    }
}

impl Eq for KeyOctets {}

impl PartialEq for KeyOctets {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl fmt::Debug for KeyOctets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

impl TryFrom<&[u8]> for KeyOctets {
    type Error = std::array::TryFromSliceError;

    fn try_from(octets: &[u8]) -> Result<Self, Self::Error> {
        octets.try_into().map(Self)
    }
}

/// Names a key or a sealed text without telling anything about it: 8 octets of a hash.
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Fingerprint(pub [u8; 8]);

impl Fingerprint {
    pub(super) fn of(kind: &str, octets: &[u8]) -> Self {
        Self(digest(kind, octets))
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|octet| write!(f, "{octet:02x}"))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({self})")
    }
}

/// The first `N` octets of SHA-256 over what a text is and what it says.
pub(super) fn digest<const N: usize>(kind: &str, octets: &[u8]) -> [u8; N] {
    let mut hash = Sha256::new();
    each_framed(&[kind.as_bytes(), octets], |piece| hash.update(piece));
    *hash
        .finalize()
        .first_chunk()
        .expect("no more than SHA-256 puts out")
}

/// The parts, each behind its length: two different lists never give the same octets.
pub(super) fn framed(parts: &[&[u8]]) -> Vec<u8> {
    let mut octets = Vec::new();
    each_framed(parts, |piece| octets.extend_from_slice(piece));
    octets
}

/// Hands out the pieces of [`framed`] one by one, so that a secret part is not copied.
pub(super) fn each_framed(parts: &[&[u8]], mut take: impl FnMut(&[u8])) {
    for part in parts {
        let length = u64::try_from(part.len()).expect("a length has at most 64 bits");
        take(&length.to_be_bytes());
        take(part);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_that_differ_only_in_where_they_are_cut_are_framed_differently() {
        let lists: [&[&[u8]]; 5] = [
            &[b"ab", b"c"],
            &[b"a", b"bc"],
            &[b"abc"],
            &[b"abc", b""],
            &[],
        ];
        for (i, one) in lists.iter().enumerate() {
            for other in lists.iter().skip(i + 1) {
                assert_ne!(framed(one), framed(other));
            }
        }
    }

    #[test]
    fn a_key_is_not_printed() {
        assert_eq!(format!("{:?}", KeyOctets::new([7; 32])), "…");
    }
}
