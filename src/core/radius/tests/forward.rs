//! A login that is passed on to another server, and its answer.

use super::*;
use crate::base::ClusterId;
use crate::base::limits::{RELAYED_ATTRIBUTES_MAX, RELAYED_OCTETS_MAX};
use crate::radius::{
    Attribute, Datagram, Mark, NotRelayed, Number, Response, Unencodable, Untrusted,
};

const CLUSTER: ClusterId = ClusterId([7; 16]);

fn mark() -> Mark {
    Mark::new(CLUSTER, [9; 16])
}

/// The Proxy-State that stands for the mark.
fn state() -> Vec<u8> {
    [&b"csfw"[..], &[7; 16], &[9; 16]].concat()
}

fn of_call(kind: u8, value: &[u8]) -> Attribute {
    Attribute::of_login(Number::Standard(kind), value).unwrap()
}

fn asked(attributes: &[Attribute]) -> Result<Vec<u8>, Unencodable> {
    let (secrets, password) = (secrets(), Secret::from(&b"pw"[..]));
    question(&secrets).forwarded_request((b"alice", &password), attributes, mark())
}

/// A signed reply with a right Response Authenticator.
fn accept(attributes: Pairs<'_>) -> Vec<u8> {
    let attributes = [&[UNSIGNED], attributes].concat();
    let mut packet = signed(2, &attributes, b"testing123");
    let hash = Md5::new_with_prefix(&packet)
        .chain_update(b"testing123")
        .finalize();
    packet[4..20].copy_from_slice(&hash);
    packet
}

fn relayed(attributes: Pairs<'_>, allowed: &[&str]) -> Result<Vec<(String, Vec<u8>)>, NotRelayed> {
    let (secrets, reply) = (secrets(), accept(attributes));
    let response = Response::verify(&reply, &question(&secrets)).unwrap();
    let allowed: Vec<_> = allowed.iter().map(|it| it.parse().unwrap()).collect();
    let shown = |it: Attribute| (it.number().to_string(), it.value().unwrap().to_vec());
    let relayed = response.relayed(&allowed)?.attributes();
    Ok(relayed.into_iter().map(shown).collect())
}

#[test]
fn a_forwarded_request_is_signed_and_carries_the_mark_last() {
    let call = [of_call(5, &[0, 0, 0, 1]), of_call(31, b"203.0.113.5")];
    let packet = asked(&call).unwrap();
    assert_eq!(kinds(&packet), [80, 1, 2, 5, 31, 33]);
    assert_eq!(pairs(&packet).pop().unwrap().1, state());
    let secrets = secrets();
    let request = verify(&packet, &secrets, Policy::Require).unwrap();
    assert_eq!(request.user_name(), Some(&b"alice"[..]));
    let typed = password_in(&packet, &secrets).unwrap();
    assert_eq!(typed.octets().expose(), b"pw");
}

#[test]
fn what_whoever_asks_writes_itself_is_no_part_of_the_call() {
    for kind in [1, 2, 3, 24, 33, 60, 79, 80] {
        let cause = asked(&[of_call(kind, b"x")]).unwrap_err();
        assert_eq!(cause, Unencodable::Reserved(kind));
    }
}

#[test]
fn a_login_of_this_cluster_is_known_by_its_mark_and_no_other_is() {
    assert!(Mark::is_of(CLUSTER, &state()));
    assert!(!Mark::is_of(ClusterId([8; 16]), &state()));
    for other in [&b""[..], b"csfw", b"1", &state()[1..], &state()[..19]] {
        assert!(!Mark::is_of(CLUSTER, other));
    }
}

#[test]
fn a_reply_brings_back_the_mark_and_no_other_proxy_state() {
    let (secrets, state) = (secrets(), state());
    for (states, expected) in [
        (vec![&*state], true),
        (vec![], false),
        (vec![&state[..35]], false),
        (vec![&*state, b"another"], false),
        (vec![b"another", &*state], false),
    ] {
        let states: Vec<_> = states.into_iter().map(|it| (33, it)).collect();
        let reply = accept(&states);
        let response = Response::verify(&reply, &question(&secrets)).unwrap();
        assert_eq!(response.brings(mark()), expected);
    }
}

#[test]
fn a_signature_may_stand_anywhere_in_an_old_servers_reply_and_must_be_right() {
    let secrets = secrets();
    let question = question(&secrets);
    let finish = |mut packet: Vec<u8>| {
        let hash = Md5::new_with_prefix(&packet)
            .chain_update(b"testing123")
            .finalize();
        packet[4..20].copy_from_slice(&hash);
        packet
    };
    let last = finish(signed(2, &[(18, b"hi"), UNSIGNED], b"testing123"));
    Response::verify_anywhere(&last, &question).unwrap();
    let wrong = finish(octets(2, &[(18, b"hi"), UNSIGNED]));
    let cause = Response::verify_anywhere(&wrong, &question).unwrap_err();
    assert_eq!(cause, Forged::MessageAuthenticator.into());
    let missing = finish(octets(2, &[(18, b"hi")]));
    let cause = Response::verify_anywhere(&missing, &question).unwrap_err();
    assert_eq!(cause, Forged::MessageAuthenticatorMissing.into());
    assert!(matches!(cause, Untrusted::MessageAuthenticator(_)));
}

#[test]
fn only_allowed_attributes_are_passed_back_in_order() {
    let fortinet = [&[0, 0, 0x30, 0x44, 2, 3, b'x', 1, 7][..], b"staff"].concat();
    let other = [0, 0, 0, 9, 1, 3, b'x'];
    let reply: Pairs<'_> = &[
        (25, b"first"),
        (24, b"state"),
        (26, &fortinet),
        (26, &other),
        (26, &[0, 0, 0]),
        (8, &[198, 51, 100, 7]),
        (25, b"second"),
        (33, &state()),
    ];
    let found = relayed(reply, &["26.12356.1", "25"]).unwrap();
    let expected = [
        ("25", &b"first"[..]),
        ("26.12356.1", b"staff"),
        ("25", b"second"),
    ];
    let expected = expected.map(|(number, value)| (number.to_owned(), value.to_vec()));
    assert_eq!(found, expected);
    assert_eq!(relayed(reply, &[]), Ok(Vec::new()));
}

#[test]
fn what_belongs_elsewhere_is_not_passed_back_even_if_it_is_allowed() {
    for (kind, value) in [
        (24, &b"state"[..]),
        (69, b"\x01\x80\x00sixteen octets.."),
        (79, b"eap"),
    ] {
        let allowed = kind.to_string();
        let cause = relayed(&[(kind, value)], &[&allowed]).unwrap_err();
        assert!(matches!(cause, NotRelayed::Attribute(_)), "{kind}");
    }
}

#[test]
fn an_accept_with_an_allowed_attribute_that_cannot_be_passed_back_is_passed_back_in_no_part() {
    let broken = [0, 0, 0x30, 0x44, 1, 9, b'x'];
    let reply: Pairs<'_> = &[(25, b"x"), (26, &broken)];
    assert_eq!(
        relayed(reply, &["25", "26.12356.1"]),
        Err(NotRelayed::Frame(12356))
    );
    assert_eq!(relayed(reply, &["25", "26.9.1"]).map(|it| it.len()), Ok(1));
    let cause = relayed(&[(25, b"")], &["25"]).unwrap_err();
    let empty = Unencodable::Empty(Number::Standard(25));
    assert_eq!(cause, NotRelayed::Attribute(empty));
}

#[test]
fn more_than_is_ever_passed_back_is_passed_back_in_no_part() {
    let few = [(25, &b"x"[..]); RELAYED_ATTRIBUTES_MAX + 1];
    assert!(matches!(relayed(&few, &["25"]), Err(NotRelayed::Whole(_))));
    let most = relayed(&few[1..], &["25"]).map(|it| it.len());
    assert_eq!(most, Ok(RELAYED_ATTRIBUTES_MAX));
    let long = [b'x'; RELAYED_OCTETS_MAX / 4 - 2];
    let wide = [(25, &long[..]); 5];
    assert!(matches!(relayed(&wide, &["25"]), Err(NotRelayed::Whole(_))));
    assert_eq!(relayed(&wide[1..], &["25"]).map(|it| it.len()), Ok(4));
}

#[test]
fn every_octet_of_a_reply_counts() {
    let (secrets, reply) = (secrets(), accept(&[(33, &state()), (25, b"staff")]));
    let question = question(&secrets);
    let believed = |reply: &[u8]| Response::verify_anywhere(reply, &question).is_ok();
    assert!(believed(&reply) && Datagram::parse(&reply).is_ok());
    for at in 0..reply.len() {
        let mut forged = reply.clone();
        forged[at] ^= 1;
        assert!(!believed(&forged), "octet {at}");
    }
}
