//! What an old server may say: all allowed attributes, a vendor's in several frames, a
//! question of its own.

use super::Seed;

pub(super) fn replies() -> Vec<Seed> {
    let class = b"\x19\x08OU=vpn".as_slice();
    let groups = b"\x1a\x0e\0\0\x30\x44\x01\x08admins".as_slice();
    let two = b"\x1a\x0c\0\0\0\x09\x01\x03a\x01\x03b".as_slice();
    let unframed = b"\x1a\x08\0\0\x30\x44\x01\x09".as_slice();
    let proxy_state = b"\x21\x04xy".as_slice();
    vec![
        (
            "accept",
            reply(1, 2, &[SIGNED, class, groups, two, proxy_state]),
        ),
        ("accept-signed-last", reply(1, 2, &[class, groups, SIGNED])),
        ("accept-unsigned", reply(3, 2, &[class, groups])),
        ("accept-unframed", reply(1, 2, &[SIGNED, unframed])),
        ("challenge", reply(1, 11, &[SIGNED, b"\x18\x05abc"])),
        ("reject", reply(1, 3, &[SIGNED])),
    ]
}

/// How it is heard, its code, and what it carries; the harness signs it.
fn reply(way: u8, code: u8, attributes: &[&[u8]]) -> Vec<u8> {
    let mut octets = vec![way, code];
    octets.extend([0; 19]);
    octets.extend(attributes.concat());
    octets
}

const SIGNED: &[u8] = b"\x50\x120123456789abcdef";
