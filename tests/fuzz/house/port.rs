//! The way of a datagram up to a login, and of an ending down to a reply: what the shell's
//! ports do with the core, without their sockets.

use countersign_core::base::{ClientId, Reference, SeededEntropy, Timestamp};
use countersign_core::ledger::{Read, query};
use countersign_core::login::{Call, Caller, Decision, Request};
use countersign_core::policy::Texts;
use countersign_core::radius::{
    Code, Credentials, Integrity, Kind, Packet, Question, Reply, Response, Salt, Service, Verified,
};

use crate::datagrams::Sent;
use crate::state::{CLIENTS, Client};

/// What comes of a datagram at once.
pub(crate) enum Arrived {
    /// It is dropped.
    Dropped,
    /// A login that has to be decided.
    Login(Request),
    /// It was answered, or refused, without a login.
    Answered,
}

/// Receives a datagram; whatever can be answered at once is.
pub(crate) fn receive(view: &impl Read, sent: &Sent, arrived: Timestamp) -> Arrived {
    let client = &CLIENTS[sent.client];
    let Some(packet) = verified(sent, client) else {
        return Arrived::Dropped;
    };
    look(&packet);
    match packet.kind() {
        Kind::StatusServer => check_reply(&packet, client, &Reply::Alive),
        Kind::AccountingRequest => check_reply(&packet, client, &Reply::AccountingResponse),
        Kind::AccessRequest => match login(view, &packet, client, arrived) {
            Some(request) => return Arrived::Login(request),
            None => reply(&packet, client, Decision::Reject),
        },
    }
    Arrived::Answered
}

/// Answers a login that has ended.
pub(crate) fn answer(sent: &Sent, decision: Decision) {
    let client = &CLIENTS[sent.client];
    let packet = verified(sent, client).expect("it was verified before");
    reply(&packet, client, decision);
}

pub(crate) fn verified<'a>(sent: &'a Sent, client: &'a Client) -> Option<Packet<'a, Verified<'a>>> {
    let packet = Packet::receive(&sent.octets, sent.service).ok()?;
    packet.verify(&client.secrets, client.policy).ok()
}

/// Reads what the shells read for their events.
pub(crate) fn look(packet: &Packet<'_, Verified<'_>>) {
    let _ = (
        packet.nas_ipv6_address(),
        packet.accounting(),
        packet.state_attribute(),
    );
    for vendor in packet.vendors() {
        let _ = vendor.attributes().map(Iterator::count);
    }
    let echoed = packet.proxy_states().count() + packet.classes().count();
    assert!(
        echoed <= packet.datagram().attributes().count(),
        "more than there is"
    );
}

/// What of the packet makes a login; none: it is refused aloud.
fn login(
    view: &impl Read,
    packet: &Packet<'_, Verified<'_>>,
    client: &Client,
    arrived: Timestamp,
) -> Option<Request> {
    let Ok(Credentials::Pap(password)) = packet.credentials() else {
        return None;
    };
    let id = ClientId(client.id);
    let entry = query::client(view, id).expect("clients can be read");
    let octets = |octets: Option<&[u8]>| octets.map(<[u8]>::to_vec);
    Some(Request {
        client: id,
        client_revision: entry.map_or(0, |entry| entry.revision),
        user_name: packet.user_name().unwrap_or_default().to_vec(),
        password: password.into_octets(),
        state: octets(packet.state_attribute()),
        response: None,
        proven: packet.integrity() == Integrity::Proven,
        caller: Caller {
            calling_station_id: octets(packet.calling_station_id()),
            nas_identifier: octets(packet.nas_identifier()),
            nas_ip_address: packet.nas_ip_address(),
            nas_port: packet.nas_port(),
            nas_port_id: octets(packet.nas_port_id()),
        },
        arrived,
        call: Call::default(),
    })
}

fn reply(packet: &Packet<'_, Verified<'_>>, client: &Client, decision: Decision) {
    match decision {
        Decision::Accept => check_reply(packet, client, &Reply::Accept(&[], Salt::of([0; 2]))),
        Decision::Reject => {
            let reference = Reference::draw(&mut SeededEntropy::new(1));
            let text = Texts::default().denied(reference);
            check_reply(packet, client, &Reply::Reject(&[&text]));
        }
        Decision::Challenge => unreachable!("no rule here asks for a code"),
        Decision::Silent => {}
    }
}

/// Writes a reply and reads it as the device does (I9). Only its room can run out: the
/// request's Proxy-States must all go into it.
pub(crate) fn check_reply(packet: &Packet<'_, Verified<'_>>, client: &Client, reply: &Reply<'_>) {
    let Ok(octets) = packet.reply(reply) else {
        let echoed: usize = packet.proxy_states().map(|state| state.len() + 2).sum();
        assert!(echoed > ROOM_OCTETS, "a reply could not be written");
        return;
    };
    let request = packet.datagram();
    let question = Question {
        identifier: request.identifier(),
        authenticator: request.authenticator(),
        secret: &client.secrets[packet.secret_index()],
    };
    let response = Response::verify(&octets, &question).expect("the device believes the reply");
    let expected = match (reply, packet.service()) {
        (Reply::Accept(..), _) | (Reply::Alive, Service::Authentication) => Code::AccessAccept,
        (Reply::Reject(_), _) => Code::AccessReject,
        (Reply::Challenge(_), _) => Code::AccessChallenge,
        (Reply::Alive | Reply::AccountingResponse, _) => Code::AccountingResponse,
    };
    assert_eq!(response.code(), expected);
    let echoed = response
        .datagram()
        .all(countersign_core::radius::kind::PROXY_STATE);
    assert!(
        echoed.eq(packet.proxy_states()),
        "Proxy-States are not echoed"
    );
}

/// What a packet has room for beside the texts and the proof of a reply.
const ROOM_OCTETS: usize = 3800;
