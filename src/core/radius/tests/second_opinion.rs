//! The `radius` crate as another reader and writer of the same packets.

use ::radius::core::avp::AVP;
use ::radius::core::code::Code;
use ::radius::core::packet::Packet as Foreign;
use ::radius::core::{rfc2865, rfc2866, rfc3162};

use super::*;
use crate::radius::{Attribute, Raw, Reply, Type};

const SECRET: &[u8] = b"testing123";

#[test]
fn it_reads_our_accept() {
    let request = octets(ACCESS_REQUEST, &[PASSWORD, (33, b"proxy")]);
    let secrets = secrets();
    let granted = [
        ("11", Type::Text, "staff"),
        ("27", Type::Integer, "36000"),
        ("8", Type::Ipv4, "198.51.100.7"),
        ("97", Type::Ipv6Prefix, "2001:db8::/32"),
    ];
    let granted = granted.map(|(number, kind, text)| {
        let value = kind.octets(0, text).unwrap();
        Attribute::new(number.parse().unwrap(), &value).unwrap()
    });
    let reply = taken(&request, &secrets)
        .reply(&Reply::Accept(&granted, SALT))
        .unwrap();

    assert!(Foreign::is_authentic_response(&reply, &request, SECRET));
    let foreign = Foreign::decode(&reply, SECRET).unwrap();
    assert_eq!(foreign.get_code(), Code::AccessAccept);
    assert_eq!(
        rfc2865::lookup_filter_id(&foreign).unwrap().unwrap(),
        "staff"
    );
    assert_eq!(
        rfc2865::lookup_session_timeout(&foreign).unwrap().unwrap(),
        36_000
    );
    let address = rfc2865::lookup_framed_ip_address(&foreign);
    assert_eq!(address.unwrap().unwrap().octets(), [198, 51, 100, 7]);
    let prefix = rfc3162::lookup_framed_ipv6_prefix(&foreign);
    // It leaves the length of the prefix out.
    assert_eq!(prefix.unwrap().unwrap()[..4], [0x20, 1, 0x0d, 0xb8]);
    assert_eq!(rfc2865::lookup_proxy_state(&foreign).unwrap(), b"proxy");
}

#[test]
fn it_reads_our_requests() {
    let secrets = secrets();
    let question = question(&secrets);
    let password = Secret::from(&b"a password of more than one block"[..]);
    let access = question.access_request(b"alice", &password, &[]).unwrap();
    let foreign = Foreign::decode(&access, SECRET).unwrap();
    assert_eq!(
        rfc2865::lookup_user_name(&foreign).unwrap().unwrap(),
        "alice"
    );
    let unhidden = rfc2865::lookup_user_password(&foreign).unwrap().unwrap();
    assert_eq!(unhidden, password.expose());

    let accounting = question
        .accounting_request(&[Raw {
            kind: 44,
            value: b"s",
        }])
        .unwrap();
    assert!(Foreign::is_authentic_request(&accounting, SECRET));
}

#[test]
fn we_read_its_requests() {
    let secrets = secrets();
    for length in [0, 1, 16, 17, 128] {
        let clear = vec![b'p'; length];
        let mut foreign = Foreign::new(Code::AccessRequest, SECRET);
        rfc2865::add_user_name(&mut foreign, "alice");
        rfc2865::add_user_password(&mut foreign, &clear).unwrap();
        let packet = foreign.encode().unwrap();
        let password = password_in(&packet, &secrets).unwrap();
        assert_eq!(password.octets().expose(), clear);
    }

    let mut foreign = Foreign::new(Code::AccountingRequest, SECRET);
    rfc2866::add_acct_session_id(&mut foreign, "session");
    foreign.add(AVP::from_u32(rfc2866::ACCT_STATUS_TYPE_TYPE, 1));
    let packet = foreign.encode().unwrap();
    let request = verify(&packet, &secrets, Policy::Require).unwrap();
    assert_eq!(
        request.accounting().unwrap().session_id,
        Some(&b"session"[..])
    );
}
