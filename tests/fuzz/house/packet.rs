//! One datagram at one port: any octets, also such as the client has signed. No tables, no
//! script: this is the layer that meets the network first, many times as fast as a login.

use countersign_core::base::Secret;
use countersign_core::base::limits::PASSWORD_OCTETS_MAX;
use countersign_core::radius::{
    Challenge, Code, Credentials, Kind, NotText, Packet, Policy, Prompt, Reply, Salt, Service,
    Verified,
};
use hmac::{Hmac, KeyInit, Mac};
use md5::{Digest, Md5};

use crate::datagrams::Sent;
use crate::octets::Octets;
use crate::port;
use crate::state::{CLIENTS, Client};

/// Receives one datagram and gives it each answer; the first octet says by which port it
/// comes, from which client, and whether that has signed it.
pub fn receive_packet(input: &[u8]) {
    let mut input = Octets::new(input);
    let way = input.octet();
    let client = usize::from(way >> 1 & 3) % CLIENTS.len();
    let service = match way & 1 {
        0 => Service::Authentication,
        _ => Service::Accounting,
    };
    let mut octets = input.take(DATAGRAM_OCTETS_MAX).to_vec();
    if way & 8 != 0 {
        let _ = sign(&mut octets, &CLIENTS[client].secrets[0]);
    }
    let sent = Sent {
        octets,
        client,
        service,
    };
    let client = &CLIENTS[client];
    let Some(packet) = port::verified(&sent, client) else {
        return;
    };
    let is_access = packet.kind() == Kind::AccessRequest;
    assert!(
        is_signed(&sent.octets, client) || is_access && client.policy != Policy::Require,
        "a packet that nobody signed"
    );
    port::look(&packet);
    look_at_proof(&packet);
    for reply in REPLIES {
        if answers(&reply, packet.kind()) {
            port::check_reply(&packet, client, &reply);
        } else {
            packet.reply(&reply).expect_err("it answers something else");
        }
    }
}

/// Whether signing it again changes nothing: who signed it had a secret, be it the seed corpus.
fn is_signed(octets: &[u8], client: &Client) -> bool {
    let length = usize::from(u16::from_be_bytes([octets[2], octets[3]]));
    let packet = &octets[..length];
    client.secrets.iter().any(|secret| {
        let mut again = packet.to_vec();
        sign(&mut again, secret).is_some() && again == packet
    })
}

/// Sets the length and signs in the place that the packet has for it, wherever that is.
fn sign(packet: &mut [u8], secret: &Secret) -> Option<()> {
    let secret = secret.expose();
    let length = u16::try_from(packet.len()).ok()?;
    packet.get_mut(2..4)?.copy_from_slice(&length.to_be_bytes());
    if packet.first().copied() == Some(Code::AccountingRequest as u8) {
        packet.get_mut(4..20)?.fill(0);
        let hash = Md5::new_with_prefix(&*packet).chain_update(secret);
        packet[4..20].copy_from_slice(&hash.finalize());
        return Some(());
    }
    let mut at = 20;
    while packet.get(at..at + 2)? != [80, 18] {
        at += usize::from(packet[at + 1]).max(2);
    }
    packet.get_mut(at + 2..at + 18)?.fill(0);
    let hmac = Hmac::<Md5>::new_from_slice(secret).expect("a key of any length");
    let signature = hmac.chain_update(&*packet).finalize().into_bytes();
    packet[at + 2..at + 18].copy_from_slice(&signature);
    Some(())
}

fn look_at_proof(packet: &Packet<'_, Verified<'_>>) {
    let Ok(Credentials::Pap(password)) = packet.credentials() else {
        return;
    };
    let octets = password.octets().expose();
    assert!(
        octets.len() <= PASSWORD_OCTETS_MAX && octets.last() != Some(&0),
        "padding is left"
    );
    match password.text() {
        Ok(text) => assert!(text.as_bytes() == octets && !text.contains('\0')),
        Err(NotText::Nul) => assert!(octets.contains(&0)),
        Err(NotText::Utf8) => {}
    }
}

const fn answers(reply: &Reply<'_>, kind: Kind) -> bool {
    match kind {
        Kind::AccessRequest => matches!(
            reply,
            Reply::Accept(..) | Reply::Challenge(_) | Reply::Reject(_)
        ),
        Kind::AccountingRequest => matches!(reply, Reply::AccountingResponse),
        Kind::StatusServer => matches!(reply, Reply::Alive),
    }
}

const REPLIES: [Reply<'_>; 5] = [
    Reply::Accept(&[], Salt::of([0; 2])),
    Reply::AccountingResponse,
    Reply::Alive,
    Reply::Challenge(Challenge {
        state: b"state",
        messages: &["Code?"],
        prompt: Some(Prompt::NoEcho),
        wait_secs: Some(60),
    }),
    Reply::Reject(&["Access denied (ref 7K2M9Q)"]),
];
/// More than a packet may have.
const DATAGRAM_OCTETS_MAX: usize = 4200;
