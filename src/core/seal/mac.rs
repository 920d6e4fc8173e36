//! Keyed hashes of lists: what names a login or a place without revealing it.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::octets::{KeyOctets, each_framed};
use crate::base::Entropy;

/// A key of HMAC-SHA-256 (RFC 2104). Wiped when dropped, never printed.
#[derive(Debug, Eq, PartialEq)]
pub struct MacKey(KeyOctets);

impl MacKey {
    /// Draws a key.
    pub fn draw(entropy: &mut impl Entropy) -> Self {
        Self(KeyOctets::draw(entropy))
    }

    /// Takes over a key that a peer handed out.
    #[must_use]
    pub const fn from_octets(octets: [u8; 32]) -> Self {
        Self(KeyOctets::new(octets))
    }

    /// The octets, for the one line that hands the key to a peer.
    #[must_use]
    pub const fn expose(&self) -> &[u8; 32] {
        self.0.expose()
    }

    /// The keyed hash of a list of parts. Each part goes in behind its length, so that
    /// no two lists are the same to it.
    #[must_use]
    pub fn mac(&self, parts: &[&[u8]]) -> [u8; 32] {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.0.expose())
            .expect("HMAC takes a key of any length");
        each_framed(parts, |piece| mac.update(piece));
        mac.finalize().into_bytes().into()
    }
}

#[cfg(test)]
mod tests {
    use data_encoding::HEXLOWER;

    use super::*;

    /// Computed with Python's `hmac` over the framed parts.
    #[test]
    fn the_hash_is_exactly_this() {
        let mac = MacKey::from_octets([7; 32]).mac(&[b"alice", b""]);
        assert_eq!(
            HEXLOWER.encode(&mac),
            "0d0f5f24db00873c48bd7bb84228aee3d6c7dd80558659b6d36f47e1c9fa52d2"
        );
    }

    #[test]
    fn another_key_another_cut_or_another_number_of_parts_hashes_differently() {
        let key = MacKey::from_octets([7; 32]);
        let hash = key.mac(&[b"ab", b"c"]);
        assert_ne!(hash, key.mac(&[b"a", b"bc"]));
        assert_ne!(hash, key.mac(&[b"ab", b"c", b""]));
        assert_ne!(hash, MacKey::from_octets([8; 32]).mac(&[b"ab", b"c"]));
    }

    #[test]
    fn a_key_is_not_printed() {
        assert_eq!(format!("{:?}", MacKey::from_octets([7; 32])), "MacKey(…)");
    }
}
