//! Salt encryption (RFC 2868 §3.5, RFC 2548 §2.4.2): values that only the device may read.
//!
//! Knows how a value is framed and hidden. Must not know what it is for, or draw its salt.

use zeroize::Zeroizing;

use super::datagram::Authenticator;
use super::hiding::{self, BLOCK_OCTETS};
use crate::base::Secret;
use crate::base::limits::SALTED_OCTETS_MAX;

/// Where the salts of one reply begin: two octets of chance.
///
/// Each salted attribute takes the next one, so that no two of a packet are the same, with
/// the top bit set (RFC 2868 §3.5).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Salt([u8; 2]);

/// What hides the salted attributes of one reply.
pub(super) struct Salting<'a> {
    /// None in RADIUS/1.1, where TLS hides them (RFC 9765 §5.1.3 and §5.1.4).
    secret: Option<&'a Secret>,
    authenticator: &'a Authenticator,
    next: u16,
}

impl Salt {
    /// The chance that was drawn for one reply.
    #[must_use]
    pub const fn of(octets: [u8; 2]) -> Self {
        Self(octets)
    }
}

impl<'a> Salting<'a> {
    pub(super) const fn new(
        Salt(first): Salt,
        secret: Option<&'a Secret>,
        authenticator: &'a Authenticator,
    ) -> Self {
        let next = u16::from_be_bytes(first);
        Self {
            secret,
            authenticator,
            next,
        }
    }

    /// The value as it is sent: salt, then hidden its length, itself and zeros.
    pub(super) fn hide(&mut self, clear: &Secret) -> Vec<u8> {
        let Some(secret) = self.secret else {
            return clear.expose().to_vec();
        };
        // LIMIT: GRANTED_ATTRIBUTES_MAX of them; 2^15 salts are more.
        let salt = (self.next | TOP_BIT).to_be_bytes();
        self.next = self.next.wrapping_add(1);
        let mut framed = Zeroizing::new(Vec::with_capacity(clear.len().saturating_add(1)));
        framed.push(u8::try_from(clear.len()).unwrap_or(u8::MAX));
        framed.extend(clear.expose());
        let hidden = hiding::hide(&framed, secret, &first(self.authenticator, salt));
        [&salt, hidden.as_slice()].concat()
    }
}

/// The clear value of one that came in a reply; `None`: it is none, or the secret is wrong.
pub(super) fn unhide(
    value: &[u8],
    secret: &Secret,
    authenticator: &Authenticator,
) -> Option<Secret> {
    let (salt, hidden) = value.split_first_chunk()?;
    let framed = hiding::unhide(hidden, secret, &first(authenticator, *salt))?;
    let (&length, rest) = framed.split_first()?;
    Some(Secret::from(rest.get(..usize::from(length))?))
}

/// How long a clear value of so many octets becomes, without any tag.
pub(super) const fn salted_octets(clear: usize) -> usize {
    clear
        .saturating_add(1)
        .next_multiple_of(BLOCK_OCTETS)
        .saturating_add(SALT_OCTETS)
}

fn first(authenticator: &Authenticator, salt: [u8; SALT_OCTETS]) -> Vec<u8> {
    [authenticator.as_slice(), &salt].concat()
}

const SALT_OCTETS: usize = 2;
const TOP_BIT: u16 = 0x8000;
// A tag, a salt and whole blocks fit into a vendor's frame.
const _: () = assert!(salted_octets(SALTED_OCTETS_MAX) < 247);

#[cfg(test)]
mod tests {
    use super::*;

    const AUTHENTICATOR: Authenticator = *b"0123456789abcdef";

    fn secret(text: &str) -> Secret {
        Secret::from(text.as_bytes())
    }

    fn hidden(salt: [u8; 2], clear: &str) -> Vec<u8> {
        let shared = secret("testing123");
        Salting::new(Salt::of(salt), Some(&shared), &AUTHENTICATOR).hide(&secret(clear))
    }

    fn shown(value: &[u8], shared: &str) -> Option<Secret> {
        unhide(value, &secret(shared), &AUTHENTICATOR)
    }

    /// Made with Python's `hashlib` by the letter of RFC 2868 §3.5.
    #[test]
    fn a_value_is_hidden_as_rfc_2868_says() {
        let value = hidden([0x12, 0x34], "s3cret");
        let hex = data_encoding::HEXLOWER.encode(&value);
        assert_eq!(hex, "92342cfeb06deaeee5435913e463c745aa49");
    }

    #[test]
    fn a_device_with_the_secret_reads_it_and_no_other() {
        for clear in ["x", "fifteen octets.", "sixteen octets..", &"y".repeat(239)] {
            let value = hidden([0, 0], clear);
            assert_eq!(value.len(), salted_octets(clear.len()));
            assert_eq!(shown(&value, "testing123"), Some(secret(clear)));
            assert_ne!(shown(&value, "testing124"), Some(secret(clear)));
        }
    }

    #[test]
    fn no_two_salts_of_a_reply_are_the_same_and_each_has_its_top_bit_set() {
        let shared = secret("testing123");
        let mut salting = Salting::new(Salt::of([0xff, 0xff]), Some(&shared), &AUTHENTICATOR);
        let values: Vec<_> = (0..3).map(|_| salting.hide(&secret("x"))).collect();
        let salts: Vec<_> = values.iter().map(|value| [value[0], value[1]]).collect();
        assert_eq!(salts, [[0xff, 0xff], [0x80, 0], [0x80, 1]]);
    }

    #[test]
    fn what_is_cut_off_or_claims_more_than_there_is_is_no_value() {
        let value = hidden([0, 0], "s3cret");
        for cut in [0, 1, 2, 17] {
            assert_eq!(shown(&value[..cut], "testing123"), None, "{cut}");
        }
        let mut long = value;
        long[2] ^= 6 ^ 16;
        assert_eq!(shown(&long, "testing123"), None);
    }
}
