//! Rows M1–M8: Message-Authenticator. M8 is another way to carry packets.

use super::*;
use crate::radius::{Challenge, Integrity, Reply};

const SECRET: &[u8] = b"testing123";

#[test]
fn m1_the_message_authenticator_is_taken_at_any_position() {
    let secrets = secrets();
    for attributes in [
        [UNSIGNED, (1, b"alice"), PASSWORD],
        [(1, b"alice"), UNSIGNED, PASSWORD],
        [(1, b"alice"), PASSWORD, UNSIGNED],
    ] {
        let packet = signed(ACCESS_REQUEST, &attributes, SECRET);
        let request = verify(&packet, &secrets, Policy::Require).unwrap();
        assert_eq!(request.integrity(), Integrity::Proven);
    }
}

#[test]
fn m1_any_changed_bit_is_dropped_under_every_policy() {
    let secrets = secrets();
    let packet = signed(ACCESS_REQUEST, &[(1, b"alice"), UNSIGNED, PASSWORD], SECRET);
    for policy in [
        Policy::Require,
        Policy::LimitProxyState,
        Policy::DangerousTakeAny,
    ] {
        // The frame stays: identifier, authenticator, name, signature, password.
        for at in [1]
            .into_iter()
            .chain(4..20)
            .chain(22..27)
            .chain(29..45)
            .chain(47..63)
        {
            let mut forged = packet.clone();
            forged[at] ^= 1;
            let cause = verify(&forged, &secrets, policy).unwrap_err();
            assert_eq!(cause, Forged::MessageAuthenticator, "octet {at}");
        }
    }
}

#[test]
fn m1_a_message_authenticator_of_another_length_is_dropped() {
    let secrets = secrets();
    for length in [0, 15, 17] {
        let packet = octets(ACCESS_REQUEST, &[PASSWORD, (80, &vec![0; length])]);
        let cause = verify(&packet, &secrets, Policy::DangerousTakeAny).unwrap_err();
        assert_eq!(cause, Forged::MessageAuthenticatorLength(length));
    }
}

#[test]
fn m1_two_message_authenticators_are_dropped_though_one_is_right() {
    let secrets = secrets();
    let packet = signed(ACCESS_REQUEST, &[UNSIGNED, PASSWORD, UNSIGNED], SECRET);
    let cause = verify(&packet, &secrets, Policy::DangerousTakeAny).unwrap_err();
    assert_eq!(cause, Forged::MessageAuthenticatorRepeated);
}

#[test]
fn m1_an_old_and_a_new_secret_may_stand_side_by_side() {
    let both = [
        Secret::from(&b"old"[..]),
        Secret::default(),
        Secret::from(&b"new"[..]),
    ];
    for (secret, index) in [(&b"old"[..], 0), (b"new", 2)] {
        let packet = signed(ACCESS_REQUEST, &[UNSIGNED], secret);
        assert_eq!(
            verify(&packet, &both, Policy::Require)
                .unwrap()
                .secret_index(),
            index
        );
    }
    let unproven = octets(ACCESS_REQUEST, &[PASSWORD]);
    assert_eq!(taken(&unproven, &both[1..]).secret_index(), 1);
    let foreign = signed(ACCESS_REQUEST, &[UNSIGNED], b"other");
    let cause = verify(&foreign, &both, Policy::Require).unwrap_err();
    assert_eq!(cause, Forged::MessageAuthenticator);
}

#[test]
fn m2_a_request_without_message_authenticator_is_dropped_where_required() {
    let secrets = secrets();
    let packet = octets(ACCESS_REQUEST, &[(1, b"alice"), PASSWORD]);
    let cause = verify(&packet, &secrets, Policy::default()).unwrap_err();
    assert_eq!(cause, Forged::MessageAuthenticatorMissing);
    for policy in [Policy::LimitProxyState, Policy::DangerousTakeAny] {
        let request = verify(&packet, &secrets, policy).unwrap();
        assert_eq!(request.integrity(), Integrity::Unproven);
    }
}

#[test]
fn m3_an_unprotected_proxy_state_is_dropped_where_limited() {
    let secrets = secrets();
    let packet = octets(ACCESS_REQUEST, &[PASSWORD, (33, b"p")]);
    let cause = verify(&packet, &secrets, Policy::LimitProxyState).unwrap_err();
    assert_eq!(cause, Forged::ProxyStateUnprotected);
    verify(&packet, &secrets, Policy::DangerousTakeAny).unwrap();
    let protected = signed(ACCESS_REQUEST, &[(33, b"p"), UNSIGNED], SECRET);
    verify(&protected, &secrets, Policy::LimitProxyState).unwrap();
}

#[test]
fn m4_every_reply_has_a_right_message_authenticator_first() {
    let secrets = secrets();
    let access = octets(ACCESS_REQUEST, &[PASSWORD, (33, b"p")]);
    let status = signed(STATUS_SERVER, &[UNSIGNED], SECRET);
    let challenge = Challenge {
        state: b"s",
        messages: &[],
        prompt: None,
        wait_secs: None,
    };
    for (request, reply) in [
        (&access, Reply::Accept(&[], SALT)),
        (&access, Reply::Reject(&["no"])),
        (&access, Reply::Challenge(challenge)),
        (&status, Reply::Alive),
    ] {
        let mut packet = taken(request, &secrets).reply(&reply).unwrap();
        assert_eq!(packet[20..22], [80, 18]);
        assert_eq!(kinds(&packet).iter().filter(|kind| **kind == 80).count(), 1);
        let signature = packet[22..38].to_vec();
        packet[4..20].copy_from_slice(&AUTHENTICATOR);
        packet[22..38].fill(0);
        let hmac = Hmac::<Md5>::new_from_slice(SECRET)
            .unwrap()
            .chain_update(&packet);
        assert_eq!(
            signature,
            hmac.finalize().into_bytes().to_vec(),
            "{reply:?}"
        );
    }
}

#[test]
fn m5_nothing_of_the_request_comes_back_but_proxy_states() {
    let secrets = secrets();
    let all: Vec<u8> = (1..=255).filter(|kind| ![79, 80].contains(kind)).collect();
    for half in all.chunks(128) {
        let attributes: Vec<(u8, &[u8])> = half.iter().map(|kind| (*kind, &b"evil"[..])).collect();
        let packet = octets(ACCESS_REQUEST, &attributes);
        let request = taken(&packet, &secrets);
        for reply in [Reply::Accept(&[], SALT), Reply::Reject(&[])] {
            let echoed = kinds(&request.reply(&reply).unwrap());
            let expected: &[u8] = if half.contains(&33) { &[80, 33] } else { &[80] };
            assert_eq!(echoed, expected);
        }
    }
}

#[test]
fn m7_an_eap_message_without_message_authenticator_is_dropped_under_every_policy() {
    let secrets = secrets();
    let packet = octets(ACCESS_REQUEST, &[(79, b"eap")]);
    for policy in [
        Policy::Require,
        Policy::LimitProxyState,
        Policy::DangerousTakeAny,
    ] {
        assert_eq!(
            verify(&packet, &secrets, policy).unwrap_err(),
            Forged::EapUnprotected
        );
    }
    let protected = signed(ACCESS_REQUEST, &[(79, b"eap"), UNSIGNED], SECRET);
    assert!(
        verify(&protected, &secrets, Policy::Require)
            .unwrap()
            .has_eap()
    );
}
