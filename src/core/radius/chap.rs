//! CHAP (RFC 2865 §2.2 and §5.3, RFC 1994): the hash of a secret that both sides know.
//!
//! Knows the hash. Must not know which secrets a user may have: who searches gives them.

use md5::{Digest, Md5};
use subtle::ConstantTimeEq;

use super::attribute::{Number, kind};
use super::credentials::Uncredentialed;
use crate::base::Secret;

/// A CHAP-Password and the challenge that it answers. Both are kept as secrets: of a short
/// code they tell everything to whoever tries a million of them.
#[derive(Debug, Eq, PartialEq)]
pub struct Chap {
    /// Identifier and response.
    password: Secret,
    challenge: Secret,
}

impl Chap {
    /// Takes a CHAP-Password and the challenge: CHAP-Challenge, or else the Request
    /// Authenticator (RFC 2865 §5.40).
    ///
    /// # Errors
    /// One of them has a length that it cannot have.
    pub fn new(password: &[u8], challenge: &[u8]) -> Result<Self, Uncredentialed> {
        let length =
            |kind, octets: &[u8]| Uncredentialed::Length(Number::Standard(kind), octets.len());
        if password.len() != PASSWORD_OCTETS {
            return Err(length(kind::CHAP_PASSWORD, password));
        }
        if challenge.is_empty() || challenge.len() > CHALLENGE_OCTETS_MAX {
            return Err(length(kind::CHAP_CHALLENGE, challenge));
        }
        Ok(Self {
            password: Secret::from(password),
            challenge: Secret::from(challenge),
        })
    }

    /// CHAP-Password: identifier and response.
    #[must_use]
    pub const fn password(&self) -> &Secret {
        &self.password
    }

    /// What it answers.
    #[must_use]
    pub const fn challenge(&self) -> &Secret {
        &self.challenge
    }

    /// Whether the response was made with `secret`; compared in constant time.
    #[must_use]
    pub fn is_made_with(&self, secret: &[u8]) -> bool {
        let Some((&identifier, response)) = self.password.expose().split_first() else {
            return false;
        };
        response_of(identifier, secret, self.challenge.expose())
            .ct_eq(response)
            .into()
    }

    /// The CHAP-Password of a device whose user typed `secret`.
    #[must_use]
    pub fn respond(identifier: u8, secret: &Secret, challenge: &[u8]) -> Vec<u8> {
        let response = response_of(identifier, secret.expose(), challenge);
        [&[identifier], response.as_slice()].concat()
    }
}

fn response_of(identifier: u8, secret: &[u8], challenge: &[u8]) -> [u8; 16] {
    Md5::new()
        .chain_update([identifier])
        .chain_update(secret)
        .chain_update(challenge)
        .finalize()
        .into()
}

/// Identifier and MD5 (RFC 2865 §5.3).
const PASSWORD_OCTETS: usize = 17;
/// LIMIT: one attribute (RFC 2865 §5.40).
const CHALLENGE_OCTETS_MAX: usize = 253;

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 2865 §7.2: the challenge is the Request Authenticator.
    const PASSWORD: [u8; 17] = [
        0x16, 0xe9, 0x75, 0x57, 0xc3, 0x16, 0x18, 0x58, 0x95, 0xf2, 0x93, 0xff, 0x63, 0x44, 0x07,
        0x72, 0x75,
    ];
    const CHALLENGE: [u8; 16] = [
        0x2a, 0xee, 0x86, 0xf0, 0x8d, 0x0d, 0x55, 0x96, 0x9c, 0xa5, 0x97, 0x8e, 0x0d, 0x33, 0x67,
        0xa2,
    ];

    #[test]
    fn the_login_of_rfc_2865_7_2_is_made_with_its_password_and_no_other() {
        let chap = Chap::new(&PASSWORD, &CHALLENGE).unwrap();
        assert!(chap.is_made_with(b"arctangent"));
        assert!(!chap.is_made_with(b"arctangen") && !chap.is_made_with(b""));
        let respond = Chap::respond(0x16, &Secret::from(&b"arctangent"[..]), &CHALLENGE);
        assert_eq!(respond, PASSWORD);
    }

    #[test]
    fn what_has_an_impossible_length_is_no_response() {
        let chap = Number::Standard(3);
        let length = |octets: &[u8]| Chap::new(octets, &CHALLENGE).unwrap_err();
        assert_eq!(length(&PASSWORD[..16]), Uncredentialed::Length(chap, 16));
        assert_eq!(length(&[0; 18]), Uncredentialed::Length(chap, 18));
        let challenge = Uncredentialed::Length(Number::Standard(60), 0);
        assert_eq!(Chap::new(&PASSWORD, &[]), Err(challenge));
    }

    #[test]
    fn neither_challenge_nor_response_is_printed() {
        let shown = format!("{:?}", Chap::new(&PASSWORD, &CHALLENGE).unwrap());
        assert!(!shown.contains("22") && !shown.contains("0x16"), "{shown}");
    }
}
