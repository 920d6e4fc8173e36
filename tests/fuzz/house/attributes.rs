//! What a rule grants, from the rule's own octets to what a device reads: any rule that is
//! taken makes an Accept whose attributes are read the same by our reader and by the `radius`
//! crate.

use countersign_core::base::{ClientId, Secret, Timestamp};
use countersign_core::ledger::rules::{self, Granted};
use countersign_core::ledger::storage::{Rule, RuleAttribute, RuleFactors, Rules, User};
use countersign_core::policy::written::{attribute, shown_attribute, shown_grant};
use countersign_core::policy::{Facts, Refusal, decide};
use countersign_core::radius::{
    Attribute, Code, Number, Packet, Policy, Question, Reply, Response, Salt, Service, Vendor, kind,
};
use radius::core::packet::Packet as Foreign;

use crate::octets::Octets;

/// Makes a rule of the input, and an Accept by it.
pub fn grant_attributes(input: &[u8]) {
    let mut input = Octets::new(input);
    let flags = input.octet();
    let user = User {
        name: text(input.text()),
        groups: (0..flags & 7).map(|_| text(input.text())).collect(),
        ..User::default()
    };
    let mut attributes = Vec::new();
    while !input.is_empty() && attributes.len() < ATTRIBUTES_MAX {
        attributes.push(read(&mut input));
    }
    let rule = Rule {
        name: "fuzz".into(),
        factors: RuleFactors::Code.into(),
        attributes,
        ..Rule::default()
    };
    let stored = Rules {
        revision: 1,
        rules: vec![rule],
    };
    let Ok(parsed) = rules::parse(&stored) else {
        return;
    };
    for written in stored.rules.iter().flat_map(|rule| &rule.attributes) {
        check_words(written);
    }
    let room = usize::from(flags >> 3) * 140;
    match decide(&parsed, &facts(&user, room)) {
        Ok(terms) => {
            let granted = terms.grants.opened(|_| None).expect("nothing is sealed");
            check_accept(&granted, room);
        }
        Err(Refusal::Unfit(..)) => {}
        Err(other) => panic!("a rule for all does not match: {other}"),
    }
}

fn read(input: &mut Octets<'_>) -> RuleAttribute {
    let (kind, shape) = (input.octet(), input.octet());
    let vendor = if shape & 16 == 0 {
        0
    } else {
        1 + u32::from(input.short())
    };
    RuleAttribute {
        kind: if vendor == 0 { kind.into() } else { 26 },
        vendor,
        vendor_kind: if vendor == 0 { 0 } else { kind.into() },
        r#type: i32::from(shape & 15),
        tag: u32::from(shape >> 5),
        value: text(input.text()),
        sealed: Vec::new(),
    }
}

/// What operators are shown of an attribute, they can write.
fn check_words(written: &RuleAttribute) {
    let shown = shown_attribute(written);
    let again = attribute(&shown).expect("what is shown can be read");
    assert_eq!(shown_attribute(&again), shown, "{written:?}");
}

fn facts(user: &User, room: usize) -> Facts<'_> {
    Facts {
        client: ClientId(1),
        client_name: "fw1",
        user,
        has_token: false,
        typed: &user.name,
        caller: None,
        calling_station_id: None,
        called_station_id: None,
        nas_identifier: None,
        nas_ip_address: None,
        nas_port_type: None,
        nas_port_id: None,
        arrived: Timestamp::default(),
        room: room.min(ROOM_OCTETS),
    }
}

/// Writes the Accept, and reads it twice.
fn check_accept(granted: &[Attribute], room: usize) {
    let secrets = [Secret::from(&SECRET[..])];
    let question = Question {
        identifier: 7,
        authenticator: b"0123456789abcdef",
        secret: &secrets[0],
    };
    let request = question.access_request(b"a", &Secret::from(&b"b"[..]), &[]);
    let request = request.expect("a small packet");
    let packet = Packet::receive(&request, Service::Authentication).expect("well formed");
    let packet = packet.verify(&secrets, Policy::Require).expect("signed");
    let reply = packet.reply(&Reply::Accept(granted, Salt::of([0; 2])));
    let reply = reply.expect("what a rule may grant fits into a reply");
    let octets: usize = granted.iter().map(Attribute::packet_octets).sum();
    assert!(octets <= room, "more than there is room for");
    assert_eq!(
        reply.len(),
        20 + 18 + octets,
        "another length than was counted"
    );

    let response = Response::verify(&reply, &question).expect("the device believes the reply");
    assert_eq!(response.code(), Code::AccessAccept);
    let ours = response.datagram().attributes().skip(1);
    let ours: Vec<_> = ours
        .map(|raw| match raw.kind {
            kind::VENDOR_SPECIFIC => vendors(raw.value),
            standard => (Number::Standard(standard), raw.value.to_vec()),
        })
        .collect();
    let expected = granted.iter().map(|it| (it.number(), clear(it)));
    assert!(ours.into_iter().eq(expected), "we read something else");

    assert!(Foreign::is_authentic_response(&reply, &request, SECRET));
    let foreign = Foreign::decode(&reply, SECRET).expect("it reads the reply");
    for standard in granted.iter().map(Attribute::number) {
        let Number::Standard(kind) = standard else {
            continue;
        };
        let theirs = foreign.lookup_all(kind);
        let theirs = theirs.iter().map(|avp| avp.encode_bytes());
        let ours = granted.iter().filter(|it| it.number() == standard);
        assert!(theirs.eq(ours.map(clear)), "it reads something else");
    }
    for attribute in granted {
        assert!(!shown_grant(&Granted::Attribute(attribute.clone())).is_empty());
    }
}

fn vendors(value: &[u8]) -> (Number, Vec<u8>) {
    let vendor = Vendor::parse(value).expect("a vendor and its octets");
    let mut attributes = vendor.attributes().expect("the recommended frame");
    let one = attributes.next().expect("one attribute");
    assert!(attributes.next().is_none(), "one to a frame");
    (Number::Vendor(vendor.id, one.kind), one.value.to_vec())
}

/// No rule of these inputs is sealed, as no input has a keyring.
fn clear(attribute: &Attribute) -> Vec<u8> {
    attribute.value().expect("not sealed").to_vec()
}

fn text(octets: &[u8]) -> String {
    String::from_utf8_lossy(octets).into_owned()
}

const SECRET: &[u8] = b"testing123";
const ATTRIBUTES_MAX: usize = 40;
/// What a packet has beside its header and its Message-Authenticator.
const ROOM_OCTETS: usize = 4096 - 20 - 18;
