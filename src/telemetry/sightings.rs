//! What this node has seen of each client since it started, and who else sends to it.
//!
//! Must not know packets. It is for operators alone: nothing is decided by it.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use countersign_core::base::limits::CLIENTS_MAX;
use countersign_core::base::{ClientId, Timestamp};
use countersign_core::login::Reason;

use crate::operate::{SECRETS_SEEN_MAX, Sighting, Stranger, UsedSecret};

/// What was seen. Clones of nothing: one of them is shared.
#[derive(Debug, Default)]
pub struct Sightings(Mutex<Seen>);

#[derive(Debug, Default)]
struct Seen {
    clients: HashMap<ClientId, Client>,
    strangers: HashMap<IpAddr, (Timestamp, u64)>,
}

#[derive(Debug, Default)]
struct Client {
    packets: u64,
    last: Option<(Timestamp, IpAddr)>,
    proven: Timestamp,
    message_authenticator: Timestamp,
    bare: Timestamp,
    session: Option<(Timestamp, String)>,
    refused: Option<(Timestamp, Reason)>,
    answered: Option<(Timestamp, &'static str, Reason)>,
    secrets: Vec<([u8; 8], Timestamp)>,
}

/// What a packet showed of itself.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Shown<'a> {
    /// It came by TLS, of a certificate with this name.
    Certificate(&'a str),
    /// It was proven by the secret with this digest; true: by the Message-Authenticator of an
    /// Access-Request.
    Proof([u8; 8], bool),
    /// It was taken without a proof.
    Nothing,
    /// It was dropped.
    Refused(Reason),
}

impl Sightings {
    /// Notes a packet of a client.
    pub fn packet(&self, client: ClientId, source: IpAddr, shown: Shown<'_>, now: Timestamp) {
        let mut seen = self.seen();
        let Some(client) = seen.client(client) else {
            return;
        };
        client.packets = client.packets.saturating_add(1);
        client.last = Some((now, source));
        match shown {
            Shown::Certificate(name) => client.session = Some((now, name.to_owned())),
            Shown::Nothing => client.bare = now,
            Shown::Refused(reason) => client.refused = Some((now, reason)),
            Shown::Proof(secret, by_message_authenticator) => {
                client.proven = now;
                if by_message_authenticator {
                    client.message_authenticator = now;
                }
                client.used(secret, now);
            }
        }
    }

    /// Notes how a login ended.
    pub fn login(&self, client: ClientId, answer: &'static str, reason: Reason, now: Timestamp) {
        if let Some(client) = self.seen().client(client) {
            client.answered = Some((now, answer, reason));
        }
    }

    /// Notes a packet from an address that no client has.
    pub fn stranger(&self, source: IpAddr, now: Timestamp) {
        let strangers = &mut self.seen().strangers;
        if strangers.len() >= STRANGERS_MAX && !strangers.contains_key(&source) {
            let oldest = strangers.iter().min_by_key(|(_, (at, _))| *at);
            if let Some(oldest) = oldest.map(|(source, _)| *source) {
                strangers.remove(&oldest);
            }
        }
        let (at, packets) = strangers.entry(source).or_default();
        (*at, *packets) = (now, packets.saturating_add(1));
    }

    /// All that is known of a client, and of strangers.
    #[must_use]
    pub fn of(&self, client: ClientId) -> Sighting {
        let seen = self.seen();
        let strangers = seen
            .strangers
            .iter()
            .map(|(source, (at, packets))| Stranger {
                source: source.to_string(),
                at: at.as_millis(),
                packets: *packets,
            });
        let mut sighting = seen
            .clients
            .get(&client)
            .map_or_else(Sighting::default, told);
        sighting.strangers = strangers.collect();
        sighting
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seen {
    /// LIMIT: as many as there may be clients; those that were removed keep their place
    /// until the node starts anew.
    fn client(&mut self, id: ClientId) -> Option<&mut Client> {
        let room = self.clients.len() < CLIENTS_MAX || self.clients.contains_key(&id);
        room.then(|| self.clients.entry(id).or_default())
    }
}

impl Client {
    fn used(&mut self, secret: [u8; 8], now: Timestamp) {
        if let Some(known) = self.secrets.iter_mut().find(|(known, _)| *known == secret) {
            known.1 = now;
            return;
        }
        if self.secrets.len() >= SECRETS_SEEN_MAX {
            self.secrets.remove(0);
        }
        self.secrets.push((secret, now));
    }
}

fn told(client: &Client) -> Sighting {
    let (packet_at, source) = client.last.map_or_else(Default::default, |(at, source)| {
        (at.as_millis(), source.to_string())
    });
    let session = client.session.as_ref();
    let refused = client.refused;
    let answered = client.answered;
    let code = |reason: Reason| reason.code().to_owned();
    Sighting {
        packets: client.packets,
        packet_at,
        source,
        proven_at: client.proven.as_millis(),
        message_authenticator_at: client.message_authenticator.as_millis(),
        bare_at: client.bare.as_millis(),
        session_at: session.map_or(0, |(at, _)| at.as_millis()),
        certificate: session.map_or_else(String::new, |(_, name)| name.clone()),
        refused_at: refused.map_or(0, |(at, _)| at.as_millis()),
        refused: refused.map_or_else(String::new, |(_, reason)| code(reason)),
        answered_at: answered.map_or(0, |(at, ..)| at.as_millis()),
        answer: answered.map_or_else(String::new, |(_, answer, _)| answer.to_owned()),
        reason: answered.map_or_else(String::new, |(.., reason)| code(reason)),
        secrets: client.secrets.iter().map(used).collect(),
        ..Sighting::default()
    }
}

fn used((digest, at): &([u8; 8], Timestamp)) -> UsedSecret {
    UsedSecret {
        digest: digest.to_vec(),
        at: at.as_millis(),
    }
}

/// LIMIT: senders that no client has; the one that was silent longest goes first.
const STRANGERS_MAX: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    const CLIENT: ClientId = ClientId(7);
    const SOURCE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(198, 51, 100, 7));

    fn at(millis: u64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    #[test]
    fn what_a_client_sent_is_told_with_its_time() {
        let sightings = Sightings::default();
        let see = |shown, now| sightings.packet(CLIENT, SOURCE, shown, at(now));
        see(Shown::Refused(Reason::Forged), 1);
        see(Shown::Nothing, 2);
        see(Shown::Proof([1; 8], false), 3);
        let told = sightings.of(CLIENT);
        assert_eq!(
            (told.packets, told.packet_at, &*told.source),
            (3, 3, "198.51.100.7")
        );
        assert_eq!((told.refused_at, &*told.refused), (1, "CS-R104"));
        assert_eq!((told.bare_at, told.proven_at), (2, 3));
        assert_eq!(told.message_authenticator_at, 0, "it had another proof");
        see(Shown::Proof([1; 8], true), 4);
        assert_eq!(sightings.of(CLIENT).message_authenticator_at, 4);
        assert_eq!(sightings.of(ClientId(8)), Sighting::default());
    }

    #[test]
    fn a_packet_over_tls_shows_a_certificate_and_no_secret() {
        let sightings = Sightings::default();
        let shown = Shown::Certificate("fw2.contoso.example");
        sightings.packet(CLIENT, SOURCE, shown, at(5));
        let told = sightings.of(CLIENT);
        assert_eq!((told.packet_at, told.session_at), (5, 5));
        assert_eq!(told.certificate, "fw2.contoso.example");
        assert_eq!((told.proven_at, told.bare_at), (0, 0));
        assert!(told.secrets.is_empty());
    }

    #[test]
    fn each_secret_has_its_own_last_time() {
        let sightings = Sightings::default();
        for (secret, now) in [(1, 1), (2, 2), (1, 3)] {
            sightings.packet(CLIENT, SOURCE, Shown::Proof([secret; 8], true), at(now));
        }
        let secrets = sightings.of(CLIENT).secrets;
        let secrets: Vec<_> = secrets.iter().map(|it| (it.digest[0], it.at)).collect();
        assert_eq!(secrets, [(1, 3), (2, 2)]);
    }

    #[test]
    fn of_many_strangers_the_latest_are_told() {
        let sightings = Sightings::default();
        for sender in 0..1000_u32 {
            let source = std::net::Ipv4Addr::from(sender).into();
            sightings.stranger(source, at(u64::from(sender) + 1));
        }
        let strangers = sightings.of(CLIENT).strangers;
        assert_eq!(strangers.len(), STRANGERS_MAX);
        assert!(strangers.iter().all(|it| it.at > 1000 - 32));
    }
}
