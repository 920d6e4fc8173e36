//! Data keys: what fields are sealed and places are hashed with.

use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::Zeroize;

use super::mac::MacKey;
use super::octets::KeyOctets;
use crate::base::{Entropy, KeyId};

/// A data key in memory. On disk it is only ever a [`WrappedKey`](super::WrappedKey).
#[derive(Debug, Eq, PartialEq)]
pub struct DataKey {
    id: KeyId,
    purpose: Purpose,
    octets: KeyOctets,
}

/// What a data key may be used for; bound into every wrapping of it.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[repr(u8)]
pub enum Purpose {
    /// Sealing fields of the replicated tables.
    Fields = 1,
    /// Deriving keys of hashes that are stored. Such a key is not turned with the others:
    /// every hash made with it would be forgotten.
    Hashes = 2,
}

impl DataKey {
    /// Draws a new key.
    pub fn draw(id: KeyId, purpose: Purpose, entropy: &mut impl Entropy) -> Self {
        Self::new(id, purpose, KeyOctets::draw(entropy))
    }

    pub(super) const fn new(id: KeyId, purpose: Purpose, octets: KeyOctets) -> Self {
        Self {
            id,
            purpose,
            octets,
        }
    }

    /// Its number in the keyring.
    #[must_use]
    pub const fn id(&self) -> KeyId {
        self.id
    }

    /// What it may be used for.
    #[must_use]
    pub const fn purpose(&self) -> Purpose {
        self.purpose
    }

    /// A key for keyed hashes, derived with HKDF-SHA-256 (RFC 5869) for the use that
    /// `label` names. It tells nothing about this key or about other labels' keys.
    #[must_use]
    pub fn derive(&self, label: &str) -> MacKey {
        let mut derived = [0; 32];
        Hkdf::<Sha256>::new(Some(DERIVATION), self.octets.expose())
            .expand(label.as_bytes(), &mut derived)
            .expect("32 octets are within HKDF's reach");
        let key = MacKey::from_octets(derived);
        derived.zeroize();
        key
    }

    pub(super) const fn octets(&self) -> &KeyOctets {
        &self.octets
    }
}

const DERIVATION: &[u8] = b"countersign derived key v1";

#[cfg(test)]
mod tests {
    use data_encoding::HEXLOWER;

    use super::*;

    fn key(octet: u8) -> DataKey {
        DataKey::new(KeyId(1), Purpose::Hashes, KeyOctets::new([octet; 32]))
    }

    /// Computed with Python's `hmac` by RFC 5869 §2.
    #[test]
    fn the_derived_key_is_exactly_this() {
        let derived = key(7).derive("place");
        assert_eq!(
            HEXLOWER.encode(derived.expose()),
            "38e81b246016118e31141eaea3f3d813cf50e8e1dcd52d1af179f38d29ffab51"
        );
    }

    #[test]
    fn another_label_or_another_key_derives_another() {
        assert_ne!(key(7).derive("place"), key(7).derive("other"));
        assert_ne!(key(7).derive("place"), key(8).derive("place"));
    }

    #[test]
    fn a_key_is_not_printed() {
        let shown = format!("{:?}", key(7));
        assert_eq!(
            shown,
            "DataKey { id: KeyId(1), purpose: Hashes, octets: … }"
        );
    }
}
