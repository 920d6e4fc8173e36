//! Texts that go out sealed and come back within minutes: what a device keeps for us.
//!
//! ```text
//! 1 version (1) · 4 key id · 24 nonce · ciphertext · 16 tag
//! ```
//!
//! The key is derived from one that lives in memory alone, so that a stolen disk opens
//! nothing that was overheard. Must not know what the texts say.

use super::aead;
use super::mac::MacKey;
use super::octets::{KeyOctets, framed};
use crate::base::{Entropy, Secret};

/// Octets that a text has more when it is sealed.
pub const PASSING_OVERHEAD_OCTETS: usize = 1 + KEY_ID_OCTETS + aead::OVERHEAD_OCTETS;

/// A key for such texts. Wiped when dropped, never printed.
#[derive(Debug)]
pub struct PassingKey {
    id: [u8; KEY_ID_OCTETS],
    octets: KeyOctets,
}

impl PassingKey {
    /// The key that belongs to `root`, for the use that `label` names.
    #[must_use]
    pub fn derive(root: &MacKey, label: &str) -> Self {
        let part = |what: &[u8]| root.mac(&[what, label.as_bytes()]);
        let [a, b, c, d, ..] = part(b"countersign passing key id v1");
        Self {
            id: [a, b, c, d],
            octets: KeyOctets::new(part(b"countersign passing key v1")),
        }
    }

    /// Seals `plain`, bound to the list `bound`: it opens for no other.
    pub fn seal(&self, bound: &[&[u8]], plain: &[u8], entropy: &mut impl Entropy) -> Vec<u8> {
        let text = aead::seal(&self.octets, &framed(bound), plain, entropy);
        [&[VERSION], &self.id[..], &text].concat()
    }

    /// Opens what [`Self::seal`] made with this key and `bound`. `None`: it is of another
    /// key, forged, changed or bound elsewhere.
    #[must_use]
    pub fn open(&self, bound: &[&[u8]], sealed: &[u8]) -> Option<Secret> {
        let text = sealed.strip_prefix(&[VERSION])?.strip_prefix(&self.id)?;
        aead::open(&self.octets, &framed(bound), text)
    }
}

const VERSION: u8 = 1;
const KEY_ID_OCTETS: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::SeededEntropy;

    fn key(octet: u8, label: &str) -> PassingKey {
        PassingKey::derive(&MacKey::from_octets([octet; 32]), label)
    }

    fn sealed() -> Vec<u8> {
        key(7, "state").seal(&[b"ab", b"c"], b"text", &mut SeededEntropy::new(1))
    }

    #[test]
    fn what_was_sealed_opens_with_its_key_and_its_list_alone() {
        let open = |key: &PassingKey, bound: &[&[u8]]| {
            key.open(bound, &sealed())
                .map(|text| text.expose().to_vec())
        };
        assert_eq!(
            open(&key(7, "state"), &[b"ab", b"c"]),
            Some(b"text".to_vec())
        );
        assert_eq!(open(&key(7, "state"), &[b"a", b"bc"]), None);
        assert_eq!(open(&key(7, "other"), &[b"ab", b"c"]), None);
        assert_eq!(open(&key(8, "state"), &[b"ab", b"c"]), None);
    }

    #[test]
    fn no_octet_of_it_can_be_changed_or_left_out() {
        let (key, sealed) = (key(7, "state"), sealed());
        assert_eq!(sealed.len(), 4 + PASSING_OVERHEAD_OCTETS);
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert!(key.open(&[b"ab", b"c"], &changed).is_none(), "octet {at}");
            assert!(
                key.open(&[b"ab", b"c"], &sealed[..at]).is_none(),
                "cut {at}"
            );
        }
    }
}
