//! The conformance list, row by row; vectors of the RFCs; the `radius` crate as a second
//! opinion; properties on arbitrary octets; the device's side.
//!
//! Packets are put together here by hand, not with the encoder under test.

#![expect(
    clippy::arithmetic_side_effects,
    reason = "a test that overflows has failed"
)]

mod conformance;
mod device;
mod forward;
mod properties;
mod second_opinion;
mod stream;
mod vectors;

use hmac::{Hmac, KeyInit, Mac};
use md5::{Digest, Md5};

use super::{
    Credentials, Forged, Kind, Packet, Password, Policy, Question, Salt, Service, Uncredentialed,
    Verified,
};
use crate::base::Secret;

type Pairs<'a> = &'a [(u8, &'a [u8])];

const ACCESS_REQUEST: u8 = 1;
const ACCOUNTING_REQUEST: u8 = 4;
const STATUS_SERVER: u8 = 12;
const AUTHENTICATOR: [u8; 16] = *b"0123456789abcdef";
/// Any chance does.
const SALT: Salt = Salt::of([0, 1]);
const UNSIGNED: (u8, &[u8]) = (80, &[0; 16]);
/// Any octets do for a test that does not look at the password.
const PASSWORD: (u8, &[u8]) = (2, b"sixteen octets..");

fn secrets() -> Vec<Secret> {
    vec![Secret::from(&b"testing123"[..])]
}

/// A packet as it stands, with [`AUTHENTICATOR`].
fn octets(code: u8, attributes: Pairs<'_>) -> Vec<u8> {
    let mut packet = vec![code, 7, 0, 0];
    packet.extend(AUTHENTICATOR);
    for (kind, value) in attributes {
        packet.extend([*kind, u8::try_from(value.len() + 2).unwrap()]);
        packet.extend(*value);
    }
    let length = u16::try_from(packet.len()).unwrap();
    packet[2..4].copy_from_slice(&length.to_be_bytes());
    packet
}

/// The same with its first [`UNSIGNED`] signed.
fn signed(code: u8, attributes: Pairs<'_>, secret: &[u8]) -> Vec<u8> {
    let mut packet = octets(code, attributes);
    let hmac = Hmac::<Md5>::new_from_slice(secret).unwrap();
    let signature = hmac.chain_update(&packet).finalize().into_bytes();
    let place = attributes
        .iter()
        .position(|pair| *pair == UNSIGNED)
        .unwrap();
    let before: usize = attributes[..place]
        .iter()
        .map(|(_, value)| value.len() + 2)
        .sum();
    packet[22 + before..][..16].copy_from_slice(&signature);
    packet
}

/// An Accounting-Request with the right authenticator.
fn accounting(attributes: Pairs<'_>) -> Vec<u8> {
    let mut packet = octets(ACCOUNTING_REQUEST, attributes);
    packet[4..20].fill(0);
    let hash = Md5::new_with_prefix(&packet)
        .chain_update(b"testing123")
        .finalize();
    packet[4..20].copy_from_slice(&hash);
    packet
}

/// What a device asks that has the first of `secrets`.
fn question(secrets: &[Secret]) -> Question<'_> {
    Question {
        identifier: 7,
        authenticator: &AUTHENTICATOR,
        secret: &secrets[0],
    }
}

fn service_of(octets: &[u8]) -> Service {
    if octets[0] == ACCOUNTING_REQUEST {
        Service::Accounting
    } else {
        Service::Authentication
    }
}

fn verify<'a>(
    octets: &'a [u8],
    secrets: &'a [Secret],
    policy: Policy,
) -> Result<Packet<'a, Verified<'a>>, Forged> {
    Packet::receive(octets, service_of(octets))
        .unwrap()
        .verify(secrets, policy)
}

/// A verified packet, whatever it carries.
fn taken<'a>(octets: &'a [u8], secrets: &'a [Secret]) -> Packet<'a, Verified<'a>> {
    verify(octets, secrets, Policy::DangerousTakeAny).unwrap()
}

/// The password of a request, whatever its integrity.
fn password_in(octets: &[u8], secrets: &[Secret]) -> Result<Password, Uncredentialed> {
    let Credentials::Pap(password) = taken(octets, secrets).credentials()? else {
        panic!("a packet of the tests has no password");
    };
    Ok(password)
}

/// The attributes of an encoded packet.
fn pairs(octets: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let datagram = super::Datagram::parse(octets).unwrap();
    datagram
        .attributes()
        .map(|raw| (raw.kind, raw.value.to_vec()))
        .collect()
}

/// The attribute types of an encoded packet.
fn kinds(octets: &[u8]) -> Vec<u8> {
    pairs(octets).into_iter().map(|(kind, _)| kind).collect()
}
