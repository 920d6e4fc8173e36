//! Seeds of `packet`: one datagram each, in the octets of `house/packet.rs`.

use countersign_core::base::Secret;
use countersign_core::radius::Question;
use countersign_fuzz::CLIENTS;

use super::{AUTHENTICATOR, Seed};

/// Signed, by the client that must sign.
const SIGNED: u8 = 8;
/// By the client that need not.
const TAKEN: u8 = 2 << 1;
const ACCOUNTING_PORT: u8 = 1;
const PLACE: Pair<'_> = (80, &[0; 16]);
const NAME: Pair<'_> = (1, b"alice");

/// An attribute.
type Pair<'a> = (u8, &'a [u8]);

fn packet(way: u8, code: u8, attributes: &[Pair<'_>]) -> Vec<u8> {
    let mut packet = vec![code, 7, 0, 0];
    packet.extend(AUTHENTICATOR);
    for (kind, value) in attributes {
        let length = u8::try_from(value.len() + 2).expect("a short value");
        packet.extend([*kind, length]);
        packet.extend(*value);
    }
    let length = u16::try_from(packet.len()).expect("a short packet");
    packet[2..4].copy_from_slice(&length.to_be_bytes());
    [vec![way], packet].concat()
}

/// A password, hidden with the client's secret.
fn pap(typed: &[u8]) -> Vec<u8> {
    let question = Question {
        identifier: 7,
        authenticator: &AUTHENTICATOR,
        secret: &CLIENTS[0].secrets[0],
    };
    let typed = Secret::from(typed);
    let packet = question.access_request(b"alice", &typed, &[]);
    [vec![SIGNED], packet.expect("a short password")].concat()
}

pub(super) fn packets() -> Vec<Seed> {
    let noise: Pair<'_> = (2, b"sixteen octets..");
    let padded = [&packet(SIGNED, 1, &[NAME, PLACE])[..], b"\x01\x00padding"].concat();
    vec![
        ("pap", pap(b"correct horse123456")),
        (
            "pap-signed",
            [&[0][..], &pap(b"correct horse123456")[1..]].concat(),
        ),
        ("pap-long", pap(&[b'p'; 240])),
        ("pap-nul", pap(b"ab\0cd")),
        ("pap-noise", packet(TAKEN, 1, &[NAME, noise])),
        ("nothing", packet(SIGNED, 1, &[NAME, PLACE])),
        ("padding", padded),
        (
            "chap",
            packet(SIGNED, 1, &[(3, &[7; 17]), (60, &[1; 16]), PLACE]),
        ),
        (
            "eap",
            packet(SIGNED, 1, &[(79, b"\x02\x01\0\x06\x01a"), PLACE]),
        ),
        ("state", packet(SIGNED, 1, &[noise, (24, b"state"), PLACE])),
        (
            "two-proofs",
            packet(SIGNED, 1, &[noise, (3, &[7; 17]), PLACE]),
        ),
        (
            "proxies",
            packet(SIGNED, 1, &[PLACE, (33, b"a"), NAME, (33, b"")]),
        ),
        (
            "vendors",
            packet(
                SIGNED,
                1,
                &[(26, b"\0\0\x01\x37\x0b\x04ok"), (26, b"\0\0\x01"), PLACE],
            ),
        ),
        (
            "extended",
            packet(SIGNED, 1, &[(241, b"\x01x"), (245, b"\x04\x80y"), PLACE]),
        ),
        ("status", packet(SIGNED, 12, &[PLACE])),
        (
            "status-accounting",
            packet(SIGNED | ACCOUNTING_PORT, 12, &[PLACE]),
        ),
        (
            "accounting",
            packet(
                SIGNED | ACCOUNTING_PORT,
                4,
                &[(40, &[0, 0, 0, 2]), (44, b"s"), (25, b"c")],
            ),
        ),
        ("disconnect", packet(SIGNED, 40, &[NAME, PLACE])),
        ("zero-type", packet(SIGNED, 1, &[(0, b"x"), PLACE])),
    ]
}
