//! Row S4 and S5: packets over TLS, historic and of RADIUS/1.1.

use super::*;
use crate::base::limits::{PACKET_OCTETS_MAX, STREAM_OCTETS_MAX};
use crate::radius::{
    Attribute, Code, Datagram, Integrity, Malformed, Number, RADSEC_SECRET, Reply, Response,
    Splitter, Unreadable, Version, protocol_error,
};

fn radsec() -> Vec<Secret> {
    vec![Secret::from(RADSEC_SECRET.as_bytes())]
}

fn over_tls<'a>(
    packet: &'a [u8],
    version: Version,
    secrets: &'a [Secret],
) -> Result<Packet<'a, Verified<'a>>, Forged> {
    let packet = Packet::receive(packet, Service::Both).unwrap();
    packet.verify_in_session(version, secrets)
}

/// A request of RADIUS/1.1, with octets in what is reserved.
fn tokened(code: u8, attributes: Pairs<'_>) -> Vec<u8> {
    octets(code, attributes)
}

fn all_of(splitter: &mut Splitter) -> Result<Vec<Vec<u8>>, Malformed> {
    let mut packets = Vec::new();
    while let Some(packet) = splitter.next_packet()? {
        packets.push(packet.to_vec());
    }
    Ok(packets)
}

#[test]
fn s4_a_stream_is_cut_by_length_wherever_its_segments_end() {
    let packets = [
        octets(ACCESS_REQUEST, &[PASSWORD]),
        octets(STATUS_SERVER, &[]),
        octets(ACCOUNTING_REQUEST, &[(1, b"alice")]),
    ];
    let stream = packets.concat();
    for segment in 1..=stream.len() {
        let mut splitter = Splitter::default();
        let mut cut = Vec::new();
        for octets in stream.chunks(segment) {
            assert_eq!(splitter.put(octets), octets.len());
            cut.extend(all_of(&mut splitter).unwrap());
        }
        assert_eq!(cut, packets, "segments of {segment}");
        assert!(!splitter.is_amid());
    }
}

#[test]
fn s4_a_length_that_no_packet_has_ends_the_stream() {
    for length in [0, 19, 4097, 65_535_u16] {
        let [high, low] = length.to_be_bytes();
        let mut splitter = Splitter::default();
        splitter.put(&octets(STATUS_SERVER, &[]));
        splitter.put(&[1, 7, high, low]);
        assert!(splitter.next_packet().unwrap().is_some());
        let broken = Malformed::Length(length.into());
        assert_eq!(splitter.next_packet(), Err(broken));
    }
}

#[test]
fn s4_a_stream_that_is_not_read_is_not_held_beyond_its_bound() {
    let mut splitter = Splitter::default();
    let begun = [1, 7, 0x10, 0x00];
    assert_eq!(splitter.put(&begun), 4);
    assert_eq!(splitter.put(&[0; 10_000]), STREAM_OCTETS_MAX - 4);
    assert_eq!(splitter.put(&[0; 10_000]), 0);
    let packet = splitter.next_packet().unwrap().unwrap();
    assert_eq!(packet.len(), PACKET_OCTETS_MAX);
    assert!(splitter.is_amid());
    assert_eq!(splitter.put(&[0; 10_000]), PACKET_OCTETS_MAX);
}

#[test]
fn s4_all_three_kinds_come_by_one_connection() {
    for (code, kind) in [
        (ACCESS_REQUEST, Kind::AccessRequest),
        (ACCOUNTING_REQUEST, Kind::AccountingRequest),
        (STATUS_SERVER, Kind::StatusServer),
    ] {
        let packet = octets(code, &[]);
        assert_eq!(
            Packet::receive(&packet, Service::Both).unwrap().kind(),
            kind
        );
    }
    for code in [2, 3, 5, 11, 40, 43, 52, 99] {
        let packet = octets(code, &[]);
        let refused = Packet::receive(&packet, Service::Both).unwrap_err();
        assert_eq!(refused, Malformed::Code(code));
    }
}

#[test]
fn s4_a_session_proves_what_its_packet_does_not() {
    let secrets = radsec();
    let packet = octets(ACCESS_REQUEST, &[PASSWORD, (33, b"proxied")]);
    let taken = over_tls(&packet, Version::Historic, &secrets).unwrap();
    assert_eq!(taken.integrity(), Integrity::Proven);
    let wrong = signed(ACCESS_REQUEST, &[UNSIGNED, PASSWORD], b"testing123");
    let cause = over_tls(&wrong, Version::Historic, &secrets).unwrap_err();
    assert_eq!(cause, Forged::MessageAuthenticator);
}

#[test]
fn s4_a_historic_reply_is_signed_with_the_secret_that_all_know() {
    let secrets = radsec();
    let packet = signed(ACCESS_REQUEST, &[UNSIGNED, PASSWORD], b"radsec");
    let taken = over_tls(&packet, Version::Historic, &secrets).unwrap();
    let reply = taken.reply(&Reply::Accept(&[], SALT)).unwrap();
    let question = Question {
        identifier: 7,
        authenticator: &AUTHENTICATOR,
        secret: &secrets[0],
    };
    let response = Response::verify(&reply, &question).unwrap();
    assert_eq!(response.code(), Code::AccessAccept);
}

#[test]
fn s4_status_server_is_answered_with_an_accept() {
    let secrets = radsec();
    for version in [Version::Historic, Version::WithoutMd5] {
        let packet = signed(STATUS_SERVER, &[UNSIGNED], b"radsec");
        let taken = over_tls(&packet, version, &secrets).unwrap();
        assert_eq!(taken.reply(&Reply::Alive).unwrap()[0], 2);
    }
}

#[test]
fn s6_a_request_of_a_kind_not_served_on_a_stream_gets_protocol_error_406() {
    let secret = &radsec()[0];
    let request = octets(40, &[(33, b"proxied")]);
    let request = Datagram::parse(&request).unwrap();
    let reply = protocol_error(&request, Version::Historic, secret).unwrap();
    let reply = reply.unwrap();
    let read = Datagram::parse(&reply).unwrap();
    assert_eq!((read.code_octet(), read.identifier()), (52, 7));
    let kinds: Vec<_> = read.attributes().map(|raw| raw.kind).collect();
    assert_eq!(kinds, [80, 101, 241, 33]);
    assert_eq!(read.number(101), Some(406));
    assert_eq!(read.first(241), Some(&[4, 0, 0, 0, 40][..]));
    let reply = protocol_error(&request, Version::WithoutMd5, secret).unwrap();
    let reply = reply.unwrap();
    let read = Datagram::parse(&reply).unwrap();
    let kinds: Vec<_> = read.attributes().map(|raw| raw.kind).collect();
    assert_eq!(kinds, [101, 33]);
    assert_eq!(read.token(), *b"0123");
}

#[test]
fn s4_a_reply_is_never_answered() {
    let secret = &radsec()[0];
    for code in [2, 3, 5, 11, 13, 41, 42, 44, 45, 52, 99] {
        let octets = octets(code, &[]);
        let datagram = Datagram::parse(&octets).unwrap();
        let reply = protocol_error(&datagram, Version::Historic, secret).unwrap();
        assert_eq!(reply, None, "{code}");
    }
}

#[test]
fn s5_the_version_is_what_alpn_agreed_on() {
    for (agreed, version) in [
        (None, Version::Historic),
        (Some(&b"radius/1.0"[..]), Version::Historic),
        (Some(b"radius/1.1"), Version::WithoutMd5),
    ] {
        assert_eq!(Version::of_alpn(agreed), version);
    }
}

#[test]
fn s5_a_reply_has_the_token_and_zeros_and_no_message_authenticator() {
    let secrets = radsec();
    let packet = tokened(ACCESS_REQUEST, &[PASSWORD, (33, b"proxied")]);
    let taken = over_tls(&packet, Version::WithoutMd5, &secrets).unwrap();
    let class = Attribute::new(Number::Standard(25), b"staff").unwrap();
    let reply = taken.reply(&Reply::Accept(&[class], SALT)).unwrap();
    let mut expected = vec![2, 0, 0, 36];
    expected.extend(b"0123\0\0\0\0\0\0\0\0\0\0\0\0");
    expected.extend(b"\x19\x07staff\x21\x09proxied");
    assert_eq!(reply, expected);
}

#[test]
fn m8_over_radius_1_1_a_message_authenticator_means_nothing() {
    let secrets = radsec();
    for attributes in [
        &[UNSIGNED, UNSIGNED][..],
        &[(80, b"short")],
        &[(79, b"eap")],
    ] {
        let packet = tokened(ACCESS_REQUEST, attributes);
        let taken = over_tls(&packet, Version::WithoutMd5, &secrets).unwrap();
        assert_eq!(taken.integrity(), Integrity::Proven);
    }
}

#[test]
fn s5_an_accounting_request_has_no_authenticator() {
    let secrets = radsec();
    let packet = tokened(ACCOUNTING_REQUEST, &[(40, &[0, 0, 0, 1])]);
    let taken = over_tls(&packet, Version::WithoutMd5, &secrets).unwrap();
    let reply = taken.reply(&Reply::AccountingResponse).unwrap();
    assert_eq!((reply[0], &reply[4..8]), (5, &b"0123"[..]));
    let historic = over_tls(&packet, Version::Historic, &secrets).unwrap_err();
    assert_eq!(historic, Forged::AccountingAuthenticator);
}

#[test]
fn s5_a_password_stands_in_the_clear_with_each_octet_the_users_own() {
    let secrets = radsec();
    let clear = |value: &[u8]| {
        let packet = tokened(ACCESS_REQUEST, &[(2, value)]);
        match over_tls(&packet, Version::WithoutMd5, &secrets)
            .unwrap()
            .credentials()
        {
            Ok(Credentials::Pap(password)) => Ok(password.octets().expose().to_vec()),
            Ok(other) => panic!("{other:?}"),
            Err(cause) => Err(cause),
        }
    };
    for password in [&b"pass word123456"[..], b"x", b"nul\0", &[b'a'; 240]] {
        assert_eq!(clear(password).unwrap(), password);
    }
    for length in [0, 241] {
        let cause = Uncredentialed::Password(Unreadable::Length(length));
        assert_eq!(clear(&vec![b'a'; length]).unwrap_err(), cause);
    }
}
