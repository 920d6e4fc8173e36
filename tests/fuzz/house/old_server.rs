//! A reply of an old server, up to what of it goes on to a device: any octets, also such as
//! that server has signed.

use countersign_core::base::limits::{RELAYED_ATTRIBUTES_MAX, RELAYED_OCTETS_MAX};
use countersign_core::base::{ClusterId, Secret};
use countersign_core::radius::{Attribute, Code, Mark, Number, Question, Relayed, Response, kind};
use hmac::{Hmac, KeyInit, Mac};
use md5::{Digest, Md5};

use crate::octets::Octets;

/// The first octet says whether the server has signed it, and whether it need not.
pub fn hear_old_server(input: &[u8]) {
    let mut input = Octets::new(input);
    let way = input.octet();
    let mut reply = input.take(DATAGRAM_OCTETS_MAX).to_vec();
    check_kept(reply.get(20..).unwrap_or_default());
    if way & 1 != 0 {
        sign(&mut reply);
    }
    let secret = Secret::from(SECRET);
    let question = Question {
        identifier: IDENTIFIER,
        authenticator: &AUTHENTICATOR,
        secret: &secret,
    };
    let verified = if way & 2 == 0 {
        Response::verify_anywhere(&reply, &question)
    } else {
        Response::dangerous_verify_unprotected(&reply, &question)
    };
    let Ok(response) = verified else {
        return;
    };
    // An Accounting-Response needs no more than its authenticator, and lets nobody in.
    if response.code() == Code::AccountingResponse {
        return;
    }
    let protected = response.datagram().first(kind::MESSAGE_AUTHENTICATOR);
    assert!(protected.is_some() || way & 2 != 0, "nobody signed it");
    let _ours = response.brings(Mark::new(ClusterId([1; 16]), [2; 16]));
    let Ok(relayed) = response.relayed(&ALLOWED) else {
        return;
    };
    let attributes = relayed.attributes();
    assert!(attributes.iter().all(|it| ALLOWED.contains(&it.number())));
    // With one less the device might let the user further in.
    let standard = |number: &Number| matches!(number, Number::Standard(_));
    let said = response.datagram().attributes();
    let said = said.filter(|raw| ALLOWED.contains(&Number::Standard(raw.kind)));
    let said: Vec<_> = said
        .map(|raw| (Number::Standard(raw.kind), raw.value))
        .collect();
    let kept = attributes.iter().filter(|it| standard(&it.number()));
    let kept: Vec<_> = kept
        .filter_map(|it| Some((it.number(), it.value()?)))
        .collect();
    assert_eq!(said, kept);
    check_bounds(&relayed, &attributes);
}

/// What a log or a peer hands over: only what was kept is read, and as it was.
fn check_kept(octets: &[u8]) {
    if let Ok(relayed) = Relayed::decode(octets) {
        assert_eq!(relayed.octets(), octets);
        check_bounds(&relayed, &relayed.attributes());
    }
}

fn check_bounds(relayed: &Relayed, attributes: &[Attribute]) {
    assert!(attributes.len() <= RELAYED_ATTRIBUTES_MAX);
    assert!(relayed.octets().len() <= RELAYED_OCTETS_MAX);
    assert_eq!(Relayed::new(attributes).as_ref(), Ok(relayed));
    assert_eq!(Relayed::decode(relayed.octets()).as_ref(), Ok(relayed));
    for attribute in attributes {
        attribute
            .number()
            .granted()
            .expect("an Accept may carry it");
    }
}

/// Signs as that server does, wherever its Message-Authenticator stands (RFC 2869 §5.14).
fn sign(reply: &mut [u8]) {
    let Ok(length) = u16::try_from(reply.len()) else {
        return;
    };
    let Some(head) = reply.get_mut(..20) else {
        return;
    };
    head[1] = IDENTIFIER;
    head[2..4].copy_from_slice(&length.to_be_bytes());
    head[4..].copy_from_slice(&AUTHENTICATOR);
    let mut at = 20;
    while let Some(&[kind, octets]) = reply.get(at..).and_then(<[u8]>::first_chunk) {
        if (kind, octets) == (80, 18) && reply.len() >= at + 18 {
            reply[at + 2..at + 18].fill(0);
            let hmac = Hmac::<Md5>::new_from_slice(SECRET).expect("a key of any length");
            let signature = hmac.chain_update(&*reply).finalize().into_bytes();
            reply[at + 2..at + 18].copy_from_slice(&signature);
            break;
        }
        at += usize::from(octets).max(2);
    }
    let hash = Md5::new_with_prefix(&*reply).chain_update(SECRET);
    reply[4..20].copy_from_slice(&hash.finalize());
}

const SECRET: &[u8] = b"between two servers";
const IDENTIFIER: u8 = 7;
const AUTHENTICATOR: [u8; 16] = *b"0123456789abcdef";
const ALLOWED: [Number; 4] = [
    Number::Standard(11),
    Number::Standard(25),
    Number::Vendor(12356, 1),
    Number::Vendor(9, 1),
];
/// More than a packet may have.
const DATAGRAM_OCTETS_MAX: usize = 4200;
