//! A stream under TLS, from its segments to replies, in both versions: however it comes in,
//! the same packets are cut from it, and each reply is one that its client believes.

use countersign_core::base::Secret;
use countersign_core::base::limits::{PACKET_OCTETS_MAX, STREAM_OCTETS_MAX};
use countersign_core::radius::{
    Datagram, Kind, Malformed, Packet, Question, RADSEC_SECRET, Raw, Reply, Response, Service,
    Splitter, Version, kind, protocol_error,
};

use crate::octets::Octets;

/// The first octet says which version; the second how long segments are.
pub fn read_stream(input: &[u8]) {
    let mut input = Octets::new(input);
    let version = match input.octet() & 1 {
        0 => Version::Historic,
        _ => Version::WithoutMd5,
    };
    let segment = usize::from(input.octet()) + 1;
    let stream = input.take(usize::MAX);
    let (packets, broken) = cut(stream, segment);
    assert_eq!(cut(stream, PACKET_OCTETS_MAX), (packets.clone(), broken));
    let together: usize = packets.iter().map(Vec::len).sum();
    assert_eq!(packets.concat(), stream[..together], "octets were lost");
    let secrets = [Secret::from(RADSEC_SECRET.as_bytes())];
    for packet in &packets {
        answer(packet, version, &secrets);
    }
}

fn cut(stream: &[u8], segment: usize) -> (Vec<Vec<u8>>, Option<Malformed>) {
    let mut splitter = Splitter::default();
    let mut packets = Vec::new();
    for mut rest in stream.chunks(segment) {
        while !rest.is_empty() {
            let put = splitter.put(rest);
            assert!(put > 0, "no room for another packet");
            assert!(put <= STREAM_OCTETS_MAX);
            rest = &rest[put..];
            loop {
                match splitter.next_packet() {
                    Ok(Some(packet)) => packets.push(packet.to_vec()),
                    Ok(None) => break,
                    Err(broken) => return (packets, Some(broken)),
                }
            }
        }
    }
    (packets, None)
}

fn answer(octets: &[u8], version: Version, secrets: &[Secret; 1]) {
    let packet = match Packet::receive(octets, Service::Both) {
        Ok(packet) => packet,
        Err(Malformed::Code(_)) => return refuse(octets, version, &secrets[0]),
        Err(_) => return,
    };
    let Ok(packet) = packet.verify_in_session(version, secrets) else {
        assert_eq!(version, Version::Historic, "there is nothing to be wrong");
        return;
    };
    // Whatever it offers, it is read or refused.
    let _offered = packet.credentials();
    let reply = match packet.kind() {
        Kind::AccessRequest => Reply::Reject(&["no"]),
        Kind::AccountingRequest => Reply::AccountingResponse,
        Kind::StatusServer => Reply::Alive,
    };
    // Proxy-States may leave no room for a text.
    let Ok(reply) = packet.reply(&reply) else {
        return;
    };
    check(packet.datagram(), &reply, version, &secrets[0]);
}

fn refuse(octets: &[u8], version: Version, secret: &Secret) {
    let request = Datagram::parse(octets).expect("only the code was wrong");
    let Ok(Some(reply)) = protocol_error(&request, version, secret) else {
        return;
    };
    assert!(
        matches!(request.code_octet(), 40 | 43),
        "a reply is answered"
    );
    let read = Datagram::parse(&reply).expect("our own packet");
    assert_eq!((read.code_octet(), read.number(101)), (52, Some(406)));
    check_echo(&request, &read);
}

fn check(request: &Datagram<'_>, reply: &[u8], version: Version, secret: &Secret) {
    let read = Datagram::parse(reply).expect("our own packet");
    check_echo(request, &read);
    match version {
        Version::Historic => {
            let question = Question {
                identifier: request.identifier(),
                authenticator: request.authenticator(),
                secret,
            };
            Response::verify(reply, &question).expect("its client believes it");
        }
        Version::WithoutMd5 => {
            assert_eq!((read.identifier(), read.token()), (0, request.token()));
            assert_eq!(read.authenticator()[4..], [0; 12]);
            assert_eq!(read.first(kind::MESSAGE_AUTHENTICATOR), None);
        }
    }
}

/// RFC 2865 §5.33: all of them, in order.
fn check_echo(request: &Datagram<'_>, reply: &Datagram<'_>) {
    let states = |raw: &Raw<'_>| raw.kind == kind::PROXY_STATE;
    let theirs = request.attributes().filter(states);
    assert!(theirs.eq(reply.attributes().filter(states)));
}
