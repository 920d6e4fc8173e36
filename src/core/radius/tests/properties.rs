//! What holds for arbitrary octets.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::radius::{Attribute, Datagram, Number, Question, Raw, Reply, Response};

/// Touches everything that a packet can be asked.
fn read_all(octets: &[u8], secrets: &[Secret]) {
    for service in [Service::Authentication, Service::Accounting] {
        let Ok(packet) = Packet::receive(octets, service) else {
            continue;
        };
        let Ok(packet) = packet.verify(secrets, Policy::DangerousTakeAny) else {
            continue;
        };
        let _ = (
            packet.credentials().is_ok(),
            packet.accounting(),
            packet.nas_ipv6_address(),
        );
        packet
            .vendors()
            .filter_map(|vendor| vendor.attributes())
            .for_each(|inner| {
                inner.for_each(drop);
            });
        for reply in [
            Reply::Reject(&["no"]),
            Reply::AccountingResponse,
            Reply::Alive,
        ] {
            let _ = packet
                .reply(&reply)
                .map(|reply| Datagram::parse(&reply).unwrap().code());
        }
    }
}

fn any_attributes() -> impl Strategy<Value = Vec<(u8, Vec<u8>)>> {
    let kind = (1_u8..).prop_filter("set by the encoder", |kind| ![2, 80].contains(kind));
    vec((kind, vec(any::<u8>(), 0..=253)), 0..14)
}

proptest! {
    #[test]
    fn no_octets_make_the_reader_panic(octets in vec(any::<u8>(), 0..300)) {
        let _ = Datagram::parse(&octets);
        read_all(&octets, &secrets());
    }

    #[test]
    fn no_framed_octets_make_the_reader_panic(
        code in prop_oneof![Just(1_u8), Just(4), Just(12), any::<u8>()],
        attributes in any_attributes(),
        flip in any::<(prop::sample::Index, u8)>(),
    ) {
        let pairs: Vec<_> = attributes.iter().map(|(kind, value)| (*kind, &value[..])).collect();
        let mut packet = octets(code, &pairs);
        read_all(&packet, &secrets());
        let at = flip.0.index(packet.len());
        packet[at] ^= flip.1;
        read_all(&packet, &secrets());
    }

    #[test]
    fn what_is_written_is_read(attributes in any_attributes(), identifier: u8) {
        let secrets = secrets();
        let raws: Vec<_> =
            attributes.iter().map(|(kind, value)| Raw { kind: *kind, value }).collect();
        let packet =
            Question { identifier, ..question(&secrets) }.status_server(&raws).unwrap();
        prop_assert_eq!(Datagram::parse(&packet).unwrap().identifier(), identifier);
        prop_assert_eq!(&pairs(&packet)[1..], &attributes[..]);
        prop_assert!(verify(&packet, &secrets, Policy::Require).is_ok());
    }

    #[test]
    fn what_is_hidden_is_unhidden(
        clear in vec(any::<u8>(), 0..=240),
        key in vec(any::<u8>(), 1..80),
    ) {
        let secrets = [Secret::new(key)];
        let password = Secret::from(&clear[..]);
        let packet = question(&secrets).access_request(b"u", &password, &[]).unwrap();
        let end = clear.iter().rposition(|&octet| octet != 0).map_or(0, |last| last + 1);
        let unhidden = password_in(&packet, &secrets).unwrap();
        prop_assert_eq!(unhidden.octets().expose(), &clear[..end]);
    }

    #[test]
    fn a_device_believes_every_reply(
        class in vec(any::<u8>(), 1..=253),
        proxy in vec(any::<u8>(), 0..=253),
    ) {
        let packet = octets(ACCESS_REQUEST, &[PASSWORD, (33, &proxy)]);
        let secrets = secrets();
        let granted = [Attribute::new(Number::Standard(25), &class).unwrap()];
        let reply = taken(&packet, &secrets).reply(&Reply::Accept(&granted, SALT)).unwrap();
        let response = Response::verify(&reply, &question(&secrets)).unwrap();
        prop_assert_eq!(response.datagram().first(25), Some(&class[..]));
        prop_assert_eq!(response.datagram().first(33), Some(&proxy[..]));
    }
}
