//! The device's side: what it may send, and which replies it takes.

use super::*;
use crate::radius::{Raw, Reply, Response, Unencodable, Untrusted};

#[test]
fn a_device_takes_only_a_signed_reply_to_its_own_request() {
    let secrets = secrets();
    let question = question(&secrets);
    let asked = question
        .access_request(b"alice", &Secret::from(&b"pw"[..]), &[])
        .unwrap();
    assert_eq!(kinds(&asked), [80, 1, 2]);
    let reply = taken(&asked, &secrets)
        .reply(&Reply::Accept(&[], SALT))
        .unwrap();
    assert_eq!(
        Response::verify(&reply, &question)
            .unwrap()
            .datagram()
            .code_octet(),
        2
    );

    let other = Question {
        identifier: 8,
        ..question
    };
    assert_eq!(
        Response::verify(&reply, &other).unwrap_err(),
        Untrusted::Identifier(7)
    );
    let other = Question {
        authenticator: &[1; 16],
        ..question
    };
    let cause = Response::verify(&reply, &other).unwrap_err();
    assert_eq!(cause, Untrusted::ResponseAuthenticator);
    let wrong = Secret::from(&b"wrong"[..]);
    let cause = Response::verify(
        &reply,
        &Question {
            secret: &wrong,
            ..question
        },
    )
    .unwrap_err();
    assert_eq!(cause, Untrusted::ResponseAuthenticator);
    assert_eq!(
        Response::verify(&asked, &question).unwrap_err(),
        Untrusted::Code(1)
    );
}

/// A reply with a right Response Authenticator over whatever it carries.
fn answered(mut packet: Vec<u8>) -> Vec<u8> {
    let hash = Md5::new_with_prefix(&packet)
        .chain_update(b"testing123")
        .finalize();
    packet[4..20].copy_from_slice(&hash);
    packet
}

#[test]
fn a_device_takes_no_reply_without_message_authenticator_first() {
    let secrets = secrets();
    let question = question(&secrets);
    let missing = answered(octets(2, &[(18, b"hi")]));
    let cause = Response::verify(&missing, &question).unwrap_err();
    assert_eq!(cause, Forged::MessageAuthenticatorMissing.into());
    let last = answered(signed(2, &[(18, b"hi"), UNSIGNED], b"testing123"));
    assert_eq!(
        Response::verify(&last, &question).unwrap_err(),
        Untrusted::NotFirst
    );
    let wrong = answered(octets(2, &[UNSIGNED]));
    let cause = Response::verify(&wrong, &question).unwrap_err();
    assert_eq!(cause, Forged::MessageAuthenticator.into());

    for older in [&missing, &last] {
        Response::dangerous_verify_unprotected(older, &question).unwrap();
    }
    let cause = Response::dangerous_verify_unprotected(&wrong, &question).unwrap_err();
    assert_eq!(cause, Forged::MessageAuthenticator.into());
}

#[test]
fn a_device_can_account_and_ask_for_the_status() {
    let secrets = secrets();
    let question = question(&secrets);
    let asked = question
        .accounting_request(&[Raw {
            kind: 44,
            value: b"s",
        }])
        .unwrap();
    assert_eq!(asked[4..20], accounting(&[(44, b"s")])[4..20]);
    let authenticator = asked[4..20].try_into().unwrap();
    let reply = taken(&asked, &secrets)
        .reply(&Reply::AccountingResponse)
        .unwrap();
    Response::verify(
        &reply,
        &Question {
            authenticator: &authenticator,
            ..question
        },
    )
    .unwrap();

    let asked = question.status_server(&[]).unwrap();
    let request = verify(&asked, &secrets, Policy::Require).unwrap();
    Response::verify(&request.reply(&Reply::Alive).unwrap(), &question).unwrap();
}

#[test]
fn a_device_that_sends_no_signature_can_be_played() {
    let secrets = secrets();
    let password = Secret::from(&b"pw"[..]);
    let asked = question(&secrets)
        .dangerous_unprotected_access_request(b"alice", &password, &[])
        .unwrap();
    assert_eq!(kinds(&asked), [1, 2]);
    let cause = verify(&asked, &secrets, Policy::Require).unwrap_err();
    assert_eq!(cause, Forged::MessageAuthenticatorMissing);
}

#[test]
fn a_device_cannot_set_what_the_encoder_signs_or_hides() {
    let secrets = secrets();
    for kind in [0, 2, 80] {
        let asked = question(&secrets).status_server(&[Raw { kind, value: b"x" }]);
        assert_eq!(asked.unwrap_err(), Unencodable::Reserved(kind));
    }
    let long = Secret::new(vec![b'x'; 241]);
    let asked = question(&secrets).access_request(b"alice", &long, &[]);
    assert_eq!(asked.unwrap_err(), Unencodable::PasswordLength(241));
}
