//! Rows P1–P8: the packet.

use super::*;
use crate::base::limits::ATTRIBUTES_MAX;
use crate::radius::{Datagram, Malformed, Reply, Vendor};

#[test]
fn p1_a_datagram_shorter_than_a_header_is_dropped() {
    // Its length field, where there is one, says 257.
    for length in 0..20 {
        assert_eq!(
            Datagram::parse(&vec![1; length]).unwrap_err(),
            Malformed::Short
        );
    }
}

#[test]
fn p1_a_length_field_out_of_range_or_beyond_the_datagram_is_dropped() {
    let mut packet = octets(ACCESS_REQUEST, &[]);
    for (length, cause) in [
        (0_u16, Malformed::Length(0)),
        (19, Malformed::Length(19)),
        (21, Malformed::Short),
        (4097, Malformed::Length(4097)),
    ] {
        packet[2..4].copy_from_slice(&length.to_be_bytes());
        assert_eq!(Datagram::parse(&packet).unwrap_err(), cause);
    }
    packet.resize(5000, 0);
    assert_eq!(
        Datagram::parse(&packet).unwrap_err(),
        Malformed::Length(4097)
    );
}

#[test]
fn p1_padding_after_length_is_ignored() {
    let secrets = secrets();
    for mut packet in [
        signed(ACCESS_REQUEST, &[UNSIGNED], b"testing123"),
        accounting(&[(44, b"session")]),
    ] {
        let attributes = pairs(&packet);
        packet.extend(b"\x01\x00padding");
        assert_eq!(pairs(&packet), attributes);
        verify(&packet, &secrets, Policy::Require).unwrap();
    }
}

#[test]
fn p2_only_the_requests_of_the_port_are_served() {
    for code in 0..=255 {
        let packet = octets(code, &[]);
        let taken = |service| Packet::receive(&packet, service).map(|packet| packet.kind());
        let (authentication, accounting) = match code {
            1 => (Ok(Kind::AccessRequest), Err(Malformed::Code(1))),
            4 => (Err(Malformed::Code(4)), Ok(Kind::AccountingRequest)),
            12 => (Ok(Kind::StatusServer), Ok(Kind::StatusServer)),
            other => (Err(Malformed::Code(other)), Err(Malformed::Code(other))),
        };
        assert_eq!(taken(Service::Authentication), authentication);
        assert_eq!(taken(Service::Accounting), accounting);
    }
}

#[test]
fn p3_an_empty_secret_proves_nothing() {
    let packet = signed(ACCESS_REQUEST, &[UNSIGNED], b"");
    let empty = [Secret::default()];
    for policy in [Policy::Require, Policy::DangerousTakeAny] {
        assert_eq!(
            verify(&packet, &empty, policy).unwrap_err(),
            Forged::NoSecret
        );
        assert_eq!(verify(&packet, &[], policy).unwrap_err(), Forged::NoSecret);
    }
    let plain = octets(ACCESS_REQUEST, &[PASSWORD]);
    let cause = verify(&plain, &empty, Policy::DangerousTakeAny).unwrap_err();
    assert_eq!(cause, Forged::NoSecret);
}

#[test]
fn p4_an_attribute_of_length_0_or_1_or_past_the_end_is_dropped() {
    for broken in [&[6, 0][..], &[6, 1], &[6, 3], &[6], &[6, 255, 0]] {
        let mut packet = octets(ACCESS_REQUEST, &[(1, b"alice")]);
        packet.extend(broken);
        packet[3] += u8::try_from(broken.len()).unwrap();
        assert_eq!(
            Datagram::parse(&packet).unwrap_err(),
            Malformed::Attribute(2)
        );
    }
}

#[test]
fn p4_an_attribute_of_type_0_is_dropped() {
    let packet = octets(ACCESS_REQUEST, &[(1, b"alice"), (0, b"x")]);
    assert_eq!(
        Datagram::parse(&packet).unwrap_err(),
        Malformed::AttributeZero(2)
    );
}

#[test]
fn p5_unknown_attributes_and_malformed_vendor_octets_are_no_fault() {
    let packet = octets(
        ACCESS_REQUEST,
        &[
            (250, b""),
            (26, b"\0\0\x01"),
            (26, b"\0\0\x30\x44\x01\x04ok\x02\x03!"),
            (26, b"\0\0\x01\x37\x01\x09short"),
        ],
    );
    let secrets = secrets();
    let vendors: Vec<Vendor<'_>> = taken(&packet, &secrets).vendors().collect();
    let [fortinet, microsoft] = vendors[..] else {
        panic!("{vendors:?}")
    };
    assert_eq!((fortinet.id, microsoft.id), (12356, 311));
    let inner = fortinet.attributes().unwrap();
    let inner: Vec<_> = inner.map(|raw| (raw.kind, raw.value)).collect();
    assert_eq!(inner, [(1, &b"ok"[..]), (2, b"!")]);
    assert!(microsoft.attributes().is_none());
    assert_eq!(microsoft.opaque, b"\x01\x09short");
}

#[test]
fn p6_the_order_of_attributes_is_kept() {
    let attributes: Pairs<'_> = &[(25, b"a"), (33, b"1"), (25, b"b"), (33, b"0"), (25, b"a")];
    let packet = octets(ACCESS_REQUEST, attributes);
    let secrets = secrets();
    let request = taken(&packet, &secrets);
    assert_eq!(request.classes().collect::<Vec<_>>(), [b"a", b"b", b"a"]);
    assert_eq!(request.proxy_states().collect::<Vec<_>>(), [b"1", b"0"]);
    assert_eq!(kinds(&packet), [25, 33, 25, 33, 25]);
}

#[test]
fn p7_the_response_authenticator_ties_the_reply_to_the_request() {
    let packet = octets(ACCESS_REQUEST, &[PASSWORD]);
    let secrets = secrets();
    let mut reply = taken(&packet, &secrets)
        .reply(&Reply::Reject(&["no"]))
        .unwrap();
    let response_authenticator = reply[4..20].to_vec();
    reply[4..20].copy_from_slice(&AUTHENTICATOR);
    let hash = Md5::new_with_prefix(&reply)
        .chain_update(b"testing123")
        .finalize();
    assert_eq!(response_authenticator, hash.to_vec());
    assert_eq!(reply[1], packet[1]);
}

#[test]
fn p8_more_than_200_attributes_are_dropped() {
    let full = octets(ACCESS_REQUEST, &[(25, &b"x"[..]); ATTRIBUTES_MAX]);
    assert_eq!(
        Datagram::parse(&full).unwrap().attributes().count(),
        ATTRIBUTES_MAX
    );
    let over = octets(ACCESS_REQUEST, &[(25, &b"x"[..]); ATTRIBUTES_MAX + 1]);
    assert_eq!(
        Datagram::parse(&over).unwrap_err(),
        Malformed::TooManyAttributes
    );
}
