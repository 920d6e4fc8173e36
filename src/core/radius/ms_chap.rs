//! MS-CHAPv2 (RFC 2759) in the attributes of Microsoft (RFC 2548 §2.3), and the keys of the
//! tunnel that follow from it (RFC 3079 §3).
//!
//! Knows the hashes of a password that is known here. Must not know which passwords a user
//! may have. MS-CHAP of the first version is not served: its response is broken by a table.

use data_encoding::HEXUPPER;
use des::Des;
use des::cipher::{Block, BlockCipherEncrypt, KeyInit};
use md4::{Digest, Md4};
use sha1::Sha1;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::attribute::{Attribute, Number};
use super::credentials::Uncredentialed;
use super::encode::Unencodable;
use crate::base::Secret;

/// A response to a challenge, and what it was made over. Kept as secrets, as
/// [`Chap`](super::Chap) is.
#[derive(Debug, Eq, PartialEq)]
pub struct MsChap2 {
    /// MS-CHAP2-Response, as it came.
    response: Secret,
    /// MS-CHAP-Challenge, as it came.
    challenge: Secret,
    /// The name that the client hashed.
    name: Vec<u8>,
}

/// What proves the server to the client, and keys its tunnel.
#[derive(Debug)]
pub struct MsChap2Success {
    /// Identifier, `S=` and 40 hex digits (RFC 2548 §2.3.3).
    pub text: [u8; SUCCESS_OCTETS],
    /// For what the device sends (RFC 2548 §2.4.2).
    pub send_key: Secret,
    /// For what the device receives (RFC 2548 §2.4.3).
    pub recv_key: Secret,
}

impl MsChap2Success {
    /// How much of a packet [`Self::attributes`] take.
    pub const PACKET_OCTETS: usize =
        SUCCESS.salted_packet_octets(false, KEY_OCTETS) * 2 + 8 + SUCCESS_OCTETS;

    /// MS-CHAP2-Success and the two keys. Whether a tunnel must be encrypted, and how, is
    /// for a rule to say (MS-MPPE-Encryption-Policy and -Types).
    ///
    /// # Errors
    /// None of a text and keys of these lengths.
    pub fn attributes(self) -> Result<[Attribute; 3], Unencodable> {
        Ok([
            Attribute::of_login(SUCCESS, &self.text)?,
            Attribute::salted_of_login(SEND_KEY, None, self.send_key)?,
            Attribute::salted_of_login(RECV_KEY, None, self.recv_key)?,
        ])
    }
}

impl MsChap2 {
    /// Takes an MS-CHAP2-Response and an MS-CHAP-Challenge. `user_name` is the User-Name: a
    /// domain before a backslash is left out of the hash (RFC 2759 §8.2).
    ///
    /// # Errors
    /// One of them has a length that it cannot have.
    pub fn new(
        response: &[u8],
        challenge: &[u8],
        user_name: &[u8],
    ) -> Result<Self, Uncredentialed> {
        for (number, octets, length) in [
            (RESPONSE, response, RESPONSE_OCTETS),
            (CHALLENGE, challenge, CHALLENGE_OCTETS),
        ] {
            if octets.len() != length {
                return Err(Uncredentialed::Length(number, octets.len()));
            }
        }
        Ok(Self {
            response: Secret::from(response),
            challenge: Secret::from(challenge),
            name: user_name
                .rsplit(|&sign| sign == b'\\')
                .next()
                .unwrap_or_default()
                .to_vec(),
        })
    }

    /// MS-CHAP2-Response.
    #[must_use]
    pub const fn response(&self) -> &Secret {
        &self.response
    }

    /// MS-CHAP-Challenge.
    #[must_use]
    pub const fn challenge(&self) -> &Secret {
        &self.challenge
    }

    /// Whether the response was made with `password`, which is ASCII; compared in constant
    /// time.
    #[must_use]
    pub fn is_made_with(&self, password: &[u8]) -> bool {
        let hash = nt_hash(password);
        let expected = nt_response(&self.challenge_hash(), &hash);
        expected.ct_eq(self.nt_response()).into()
    }

    /// The answer to a response that was made with `password`.
    #[must_use]
    pub fn success(&self, password: &[u8]) -> MsChap2Success {
        let hash_hash = Zeroizing::new(<[u8; 16]>::from(Md4::digest(*nt_hash(password))));
        let signed = sha1(&[&*hash_hash, self.nt_response(), SERVER_SIGNING]);
        let proof = sha1(&[&signed, &self.challenge_hash(), PAD_TO_REPEAT]);
        let digits = HEXUPPER.encode(&proof);
        let text = [&[self.identifier()], &b"S="[..], digits.as_bytes()].concat();
        let master = sha1(&[&*hash_hash, self.nt_response(), MASTER_KEY]);
        let key = |magic| {
            let master = master.get(..KEY_OCTETS).unwrap_or_default();
            let key = sha1(&[master, &[0; 40], magic, &[0xf2; 40]]);
            Secret::from(key.get(..KEY_OCTETS).unwrap_or_default())
        };
        MsChap2Success {
            text: text.try_into().expect("20 octets have 40 hex digits"),
            send_key: key(SERVER_SENDS),
            recv_key: key(CLIENT_SENDS),
        }
    }

    /// The MS-CHAP2-Response of a client whose user typed `password`, to be sent with the
    /// same challenge and name.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn respond(
        identifier: u8,
        peer_challenge: &[u8; CHALLENGE_OCTETS],
        challenge: &[u8],
        user_name: &[u8],
        password: &Secret,
    ) -> Result<Self, Uncredentialed> {
        let mut response = [&[identifier, 0], peer_challenge.as_slice(), &[0; 32]].concat();
        let blank = Self::new(&response, challenge, user_name)?;
        let made = nt_response(&blank.challenge_hash(), &nt_hash(password.expose()));
        response.truncate(NT_RESPONSE_AT);
        response.extend(made);
        Self::new(&response, challenge, user_name)
    }

    fn identifier(&self) -> u8 {
        self.response.expose().first().copied().unwrap_or_default()
    }

    fn nt_response(&self) -> &[u8] {
        self.response
            .expose()
            .get(NT_RESPONSE_AT..)
            .unwrap_or_default()
    }

    /// RFC 2759 §8.2.
    fn challenge_hash(&self) -> [u8; 8] {
        let peer = self
            .response
            .expose()
            .get(2..2 + CHALLENGE_OCTETS)
            .unwrap_or_default();
        let hash = sha1(&[peer, self.challenge.expose(), &self.name]);
        let (first, _) = hash.split_first_chunk().expect("a hash of 20 octets has 8");
        *first
    }
}

/// RFC 2759 §8.3. The password is digits, whose UTF-16 is each octet and a zero.
fn nt_hash(password: &[u8]) -> Zeroizing<[u8; 16]> {
    let mut hash = Md4::new();
    password.iter().for_each(|&octet| hash.update([octet, 0]));
    Zeroizing::new(hash.finalize().into())
}

/// RFC 2759 §8.5: the hash and five zeros are three keys of seven octets.
fn nt_response(challenge: &[u8; 8], hash: &[u8; 16]) -> [u8; 24] {
    let mut padded = Zeroizing::new([0; 21]);
    padded
        .iter_mut()
        .zip(hash)
        .for_each(|(to, from)| *to = *from);
    let mut response = [0; 24];
    for (block, key) in response.chunks_exact_mut(8).zip(padded.chunks_exact(7)) {
        let mut text = Block::<Des>::from(*challenge);
        Des::new(&with_parity(key).into()).encrypt_block(&mut text);
        block.copy_from_slice(&text);
    }
    response
}

/// Spreads 56 bits over eight octets, whose last bits DES does not look at.
fn with_parity(key: &[u8]) -> [u8; 8] {
    let mut bits = key
        .iter()
        .fold(0_u64, |bits, &octet| bits << 8 | u64::from(octet));
    let mut spread = [0; 8];
    for octet in spread.iter_mut().rev() {
        let [.., seven] = bits.to_be_bytes();
        *octet = seven << 1;
        bits >>= 7;
    }
    spread
}

fn sha1(parts: &[&[u8]]) -> [u8; 20] {
    let mut hash = Sha1::new();
    parts.iter().for_each(|part| hash.update(part));
    hash.finalize().into()
}

/// Of 128 bits: no shorter key is worth its name.
const KEY_OCTETS: usize = 16;
const CHALLENGE_OCTETS: usize = 16;
const NT_RESPONSE_AT: usize = 26;
const RESPONSE_OCTETS: usize = 50;
const SUCCESS_OCTETS: usize = 43;
/// MS-CHAP2-Success.
const SUCCESS: Number = Number::Vendor(MICROSOFT, 26);
/// MS-MPPE-Send-Key.
const SEND_KEY: Number = Number::Vendor(MICROSOFT, 16);
/// MS-MPPE-Recv-Key.
const RECV_KEY: Number = Number::Vendor(MICROSOFT, 17);
/// MS-CHAP-Challenge.
pub(super) const CHALLENGE: Number = Number::Vendor(MICROSOFT, 11);
/// MS-CHAP2-Response.
pub(super) const RESPONSE: Number = Number::Vendor(MICROSOFT, 25);
/// What an Access-Request may prove by Microsoft's attributes, this one alone served: the
/// others are MS-CHAP-Response and the changes of a password.
pub(super) const PROOFS: [Number; 5] = [
    RESPONSE,
    Number::Vendor(MICROSOFT, 1),
    Number::Vendor(MICROSOFT, 3),
    Number::Vendor(MICROSOFT, 4),
    Number::Vendor(MICROSOFT, 27),
];
pub(super) const MICROSOFT: u32 = 311;
/// RFC 2759 §8.7.
const SERVER_SIGNING: &[u8] = b"Magic server to client signing constant";
const PAD_TO_REPEAT: &[u8] = b"Pad to make it do more than one iteration";
/// RFC 3079 §3.4.
const MASTER_KEY: &[u8] = b"This is the MPPE Master Key";
const CLIENT_SENDS: &[u8] =
    b"On the client side, this is the send key; on the server side, it is the receive key.";
const SERVER_SENDS: &[u8] =
    b"On the client side, this is the receive key; on the server side, it is the send key.";

#[cfg(test)]
mod tests;
