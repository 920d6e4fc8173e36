//! Datagrams that a device, or an attacker beside it, may send.

use countersign_core::base::{Entropy, Secret, SeededEntropy, Timestamp};
use countersign_core::radius::{Authenticator, Chap, MsChap2, Question, Raw, Service, kind};

use crate::octets::Octets;
use crate::state::{CLIENTS, STATE};

/// A datagram on its way.
#[derive(Clone)]
pub(crate) struct Sent {
    pub(crate) octets: Vec<u8>,
    /// Which of the clients' addresses it comes from.
    pub(crate) client: usize,
    pub(crate) service: Service,
}

/// Writes datagrams; each gets the next identifier and another authenticator.
#[derive(Default)]
pub(crate) struct Writer {
    count: u64,
}

impl Writer {
    /// Octets as they are.
    pub(crate) fn raw(input: &mut Octets<'_>) -> Sent {
        let way = input.octet();
        Sent {
            client: usize::from(way >> 1) % CLIENTS.len(),
            service: match way & 1 {
                0 => Service::Authentication,
                _ => Service::Accounting,
            },
            octets: input.long_text().to_vec(),
        }
    }

    /// An Access-Request with a user, a password and a code.
    pub(crate) fn access(&mut self, input: &mut Octets<'_>, now: Timestamp) -> Option<Sent> {
        let (client, shape) = (
            usize::from(input.octet()) % CLIENTS.len(),
            Shape(input.octet()),
        );
        let user = user(input);
        let typed = Secret::new([password(input), code(input, now)].concat());
        let attributes = attributes(input);
        let authenticator = self.authenticator();
        let question = self.question(client, shape, &authenticator);
        let octets = if shape.is_chap() {
            let password = Chap::respond(7, &typed, &authenticator);
            let made = Chap::new(&password, &authenticator).ok()?;
            question.chap_request(&user, &made, &attributes)
        } else if shape.is_ms_chap() {
            let made = MsChap2::respond(7, &[9; 16], &authenticator, &user, &typed).ok()?;
            question.ms_chap2_request(&user, &made, &attributes)
        } else if shape.is_unprotected() {
            question.dangerous_unprotected_access_request(&user, &typed, &attributes)
        } else {
            question.access_request(&user, &typed, &attributes)
        };
        Some(Sent {
            octets: shape.bend(octets.ok()?, input),
            client,
            service: Service::Authentication,
        })
    }

    /// A Status-Server or an Accounting-Request.
    pub(crate) fn other(&mut self, input: &mut Octets<'_>) -> Option<Sent> {
        let (way, shape) = (input.octet(), Shape(input.octet()));
        let client = usize::from(way >> 2) % CLIENTS.len();
        let attributes = attributes(input);
        let authenticator = self.authenticator();
        let question = self.question(client, shape, &authenticator);
        let octets = match way & 1 {
            0 => question.status_server(&attributes),
            _ => question.accounting_request(&attributes),
        };
        Some(Sent {
            octets: shape.bend(octets.ok()?, input),
            client,
            service: match way & 2 {
                0 => Service::Accounting,
                _ => Service::Authentication,
            },
        })
    }

    fn authenticator(&mut self) -> Authenticator {
        self.count += 1;
        SeededEntropy::new(self.count).array()
    }

    fn question<'a>(
        &self,
        client: usize,
        shape: Shape,
        authenticator: &'a Authenticator,
    ) -> Question<'a> {
        Question {
            identifier: self.count.to_le_bytes()[0],
            authenticator,
            secret: &CLIENTS[client].secrets[usize::from(shape.has_old_secret())],
        }
    }
}

/// What is odd about a datagram.
#[derive(Clone, Copy)]
struct Shape(u8);

impl Shape {
    const fn has_old_secret(self) -> bool {
        self.0 & 1 != 0
    }

    const fn is_unprotected(self) -> bool {
        self.0 & 2 != 0
    }

    /// What was typed comes hashed.
    const fn is_chap(self) -> bool {
        self.0 & 32 != 0
    }

    const fn is_ms_chap(self) -> bool {
        self.0 & 64 != 0
    }

    /// Changes the datagram after it was signed.
    fn bend(self, mut octets: Vec<u8>, input: &mut Octets<'_>) -> Vec<u8> {
        if self.0 & 4 != 0 {
            let (at, bits) = (usize::from(input.short()), input.octet());
            let at = at % octets.len();
            octets[at] ^= bits;
        }
        if self.0 & 8 != 0 {
            octets.truncate(input.short().into());
        }
        if self.0 & 16 != 0 {
            octets.extend(input.text());
        }
        octets
    }
}

/// A name that somebody has, in one of its spellings, or any octets.
fn user(input: &mut Octets<'_>) -> Vec<u8> {
    const NAMES: [&str; 12] = [
        "alice",
        "alice@contoso.example",
        "CONTOSO\\Alice",
        "bob",
        "contoso.example\\bob",
        "ALIAS2",
        "erin",
        "erin@contoso.example",
        "carol",
        "dave",
        "alias1@contoso.example",
        "nobody",
    ];
    let choice = input.octet();
    match NAMES.get(usize::from(choice & 15)) {
        Some(name) => name.as_bytes().to_vec(),
        None => input.text().to_vec(),
    }
}

fn password(input: &mut Octets<'_>) -> Vec<u8> {
    match input.octet() & 7 {
        0 => Vec::new(),
        1..=4 => b"correct horse".to_vec(),
        5 => b"battery 123456".to_vec(),
        6 => b"wrong".to_vec(),
        _ => input.text().to_vec(),
    }
}

/// The right code of a step near now, or any octets.
fn code(input: &mut Octets<'_>, now: Timestamp) -> Vec<u8> {
    let choice = input.octet();
    match STATE.testers.get(usize::from(choice & 7)) {
        Some(tester) => tester.code(now, i64::from(choice >> 3 & 7) - 3),
        None => input.text().to_vec(),
    }
}

/// Attributes of the caller, and any others.
fn attributes<'a>(input: &mut Octets<'a>) -> Vec<Raw<'a>> {
    const STATIONS: [&[u8]; 4] = [
        b"198.51.100.7",
        b"198.51.101.8",
        b"2001:db8::1",
        b"00-11-22",
    ];
    let choice = input.octet();
    let mut attributes = Vec::new();
    if choice & 1 != 0 {
        let value = STATIONS[usize::from(choice >> 1 & 3)];
        let kind = kind::CALLING_STATION_ID;
        attributes.push(Raw { kind, value });
    }
    for _ in 0..choice >> 4 {
        let (kind, value) = (input.octet(), input.text());
        attributes.push(Raw { kind, value });
    }
    attributes
}
