//! Rows S1 and S2, and the device's side.

use super::*;
use crate::radius::{Accounting, Integrity, Raw, Reply, Response, StatusType};
use crate::radius::{Unencodable, Untrusted};

#[test]
fn s1_status_server_needs_a_right_message_authenticator() {
    let secrets = secrets();
    let bare = octets(STATUS_SERVER, &[]);
    let cause = verify(&bare, &secrets, Policy::DangerousTakeAny).unwrap_err();
    assert_eq!(cause, Forged::MessageAuthenticatorMissing);
    let forged = signed(STATUS_SERVER, &[UNSIGNED], b"other");
    let cause = verify(&forged, &secrets, Policy::DangerousTakeAny).unwrap_err();
    assert_eq!(cause, Forged::MessageAuthenticator);
}

#[test]
fn s1_each_port_answers_status_server_in_its_own_way() {
    let secrets = secrets();
    let packet = signed(STATUS_SERVER, &[UNSIGNED], b"testing123");
    for (service, code) in [(Service::Authentication, 2), (Service::Accounting, 5)] {
        let request = Packet::receive(&packet, service).unwrap();
        let request = request.verify(&secrets, Policy::Require).unwrap();
        let reply = request.reply(&Reply::Alive).unwrap();
        assert_eq!(reply[0], code);
        assert_eq!(kinds(&reply), [80]);
    }
}

#[test]
fn s2_an_accounting_request_needs_its_right_authenticator() {
    let secrets = secrets();
    let mut packet = accounting(&[(44, b"session")]);
    let request = verify(&packet, &secrets, Policy::Require).unwrap();
    assert_eq!(request.integrity(), Integrity::Proven);
    packet[22] ^= 1;
    let cause = verify(&packet, &secrets, Policy::DangerousTakeAny).unwrap_err();
    assert_eq!(cause, Forged::AccountingAuthenticator);
}

#[test]
fn s2_an_accounting_response_echoes_proxy_states_and_needs_no_signature() {
    let secrets = secrets();
    let packet = accounting(&[(33, b"one"), (33, b"two")]);
    let reply = taken(&packet, &secrets)
        .reply(&Reply::AccountingResponse)
        .unwrap();
    assert_eq!(reply[0], 5);
    assert_eq!(
        pairs(&reply),
        [(33, b"one".to_vec()), (33, b"two".to_vec())]
    );
}

#[test]
fn s2_the_figures_of_a_session_are_read() {
    let secrets = secrets();
    let packet = accounting(&[
        (40, &[0, 0, 0, 2]),
        (44, b"session"),
        (8, &[198, 51, 100, 7]),
        (42, &[0, 0, 0, 5]),
        (52, &[0, 0, 0, 1]),
        (43, &[0, 0, 1, 0]),
        (46, &[0, 0, 0, 60]),
        (49, &[0, 0, 0, 1]),
        (41, &[0, 0, 3]),
    ]);
    let expected = Accounting {
        status: StatusType::Stop,
        session_id: Some(b"session"),
        framed_ip_address: Some([198, 51, 100, 7].into()),
        input_octets: Some((1 << 32) + 5),
        output_octets: Some(256),
        session_secs: Some(60),
        delay_secs: None,
        terminate_cause: Some(1),
    };
    assert_eq!(taken(&packet, &secrets).accounting(), Some(expected));
    let access = octets(ACCESS_REQUEST, &[(40, &[0, 0, 0, 2])]);
    assert_eq!(taken(&access, &secrets).accounting(), None);
}

#[test]
fn the_device_of_a_request_is_read() {
    let packet = octets(
        ACCESS_REQUEST,
        &[
            (1, b"CONTOSO\\alice"),
            (4, &[198, 51, 100, 1]),
            (5, &[0, 0, 0, 9]),
            (31, b"198.51.100.99"),
            (32, b"gateway"),
            (87, b"tunnel0"),
            (95, &[0x20; 16]),
        ],
    );
    let secrets = secrets();
    let request = taken(&packet, &secrets);
    assert_eq!(request.user_name(), Some(&b"CONTOSO\\alice"[..]));
    assert_eq!(request.nas_ip_address(), Some([198, 51, 100, 1].into()));
    assert_eq!(request.nas_ipv6_address(), Some([0x20; 16].into()));
    assert_eq!(request.nas_port(), Some(9));
    assert_eq!(request.calling_station_id(), Some(&b"198.51.100.99"[..]));
    assert_eq!(request.nas_identifier(), Some(&b"gateway"[..]));
    assert_eq!(request.nas_port_id(), Some(&b"tunnel0"[..]));
    assert!(!request.has_eap());
}

#[test]
fn a_device_takes_only_a_signed_reply_to_its_own_request() {
    let secrets = secrets();
    let question = question(&secrets);
    let asked = question
        .access_request(b"alice", &Secret::from(&b"pw"[..]), &[])
        .unwrap();
    assert_eq!(kinds(&asked), [80, 1, 2]);
    let reply = taken(&asked, &secrets).reply(&Reply::Accept(&[])).unwrap();
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
