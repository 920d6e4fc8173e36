//! Rows S1–S10: Status-Server, accounting, and what is not served. S3–S6 are other ways to
//! carry packets.

use super::*;
use crate::radius::{
    Accounting, Attribute, Integrity, Malformed, Number, Reply, StatusType, Unencodable,
    Ungrantable,
};

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
fn s7_extended_attributes_and_numbers_of_another_length_are_opaque_and_no_fault() {
    // A fragment with more to come, a nested TLV that runs over its end, nothing at all.
    let fragment = [&[1, 0x80][..], &[7; 251]].concat();
    let packet = octets(
        ACCESS_REQUEST,
        &[
            (241, b"\x01ok"),
            (243, b"\x01\x05\xff"),
            (245, &fragment),
            (246, b""),
            (5, b"\0\0\x09"),
            (5, &[0, 0, 0, 9]),
            PASSWORD,
        ],
    );
    let secrets = secrets();
    let request = taken(&packet, &secrets);
    assert_eq!(request.nas_port(), Some(9));
    assert!(matches!(request.credentials(), Ok(Credentials::Pap(_))));
    for extended in 241..=246 {
        assert_eq!(granted(extended), Err(elsewhere(extended)));
    }
}

#[test]
fn s8_dhcp_options_are_passed_over_and_never_granted() {
    // DHCPv4-Options (RFC 9445 §3.2): a type in an extended one.
    let options = octets(ACCESS_REQUEST, &[(245, b"\x04\x0c\x05vpn-a"), PASSWORD]);
    let secrets = secrets();
    let request = taken(&options, &secrets);
    assert_eq!(
        kinds(&request.reply(&Reply::Accept(&[], SALT)).unwrap()),
        [80]
    );
    assert_eq!(granted(245), Err(elsewhere(245)));
}

#[test]
fn s9_neither_disconnect_nor_change_of_authorization_is_served() {
    for code in 40..=45 {
        let packet = signed(code, &[(1, b"alice"), UNSIGNED], b"testing123");
        for service in [Service::Authentication, Service::Accounting] {
            let refused = Packet::receive(&packet, service).unwrap_err();
            assert_eq!(refused, Malformed::Code(code));
        }
    }
}

#[test]
fn s10_a_reject_to_eap_has_no_eap_message_beside_its_text() {
    let identity = (79, &b"\x02\x01\0\x0a\x01alice"[..]);
    let packet = signed(ACCESS_REQUEST, &[identity, UNSIGNED], b"testing123");
    let secrets = secrets();
    let request = verify(&packet, &secrets, Policy::Require).unwrap();
    assert!(matches!(request.credentials(), Ok(Credentials::Eap)));
    let reply = request.reply(&Reply::Reject(&["no"])).unwrap();
    assert_eq!(kinds(&reply), [80, 18]);
    assert_eq!(granted(79), Err(elsewhere(79)));
}

fn granted(kind: u8) -> Result<Attribute, Unencodable> {
    Attribute::new(Number::Standard(kind), b"xxxx")
}

fn elsewhere(kind: u8) -> Unencodable {
    Unencodable::Ungrantable(Ungrantable::Elsewhere(kind))
}
