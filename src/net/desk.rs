//! What a request with a place in the room goes through, by whichever way it came: shape
//! and proof, duplicates, then its answer.
//!
//! Must not know datagrams or connections: it is given octets and gives octets back.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use countersign_core::base::Secret;
use countersign_core::ledger::storage::MessageAuthenticatorMode;
use countersign_core::login::Reason;
use countersign_core::radius::{
    Datagram, Forged, Malformed, Packet, Policy, Service, Verified, Version,
};
use tokio::time::Instant;

use super::clients::Client;
use super::duplicates::{Duplicates, Name, Seen};
use super::witness::{Evidence, Heard, Sender, Witness};

/// What gives proven requests their answers.
pub(super) trait Answer: Send + Sync + 'static {
    /// Which codes it serves.
    const SERVICE: Service;

    /// The reply's octets; none: silence, and the same packet again is tried again.
    fn answer(&self, request: &Request<'_>) -> impl Future<Output = Option<Vec<u8>>> + Send;
}

/// A request that a client sent for certain, or as far as its entry asks for proof.
#[derive(Debug)]
pub(super) struct Request<'a> {
    pub(super) packet: Packet<'a, Verified<'a>>,
    pub(super) client: &'a Client,
    pub(super) source: SocketAddr,
    /// The name by which the client is known, where it has shown a certificate.
    pub(super) certificate: Option<&'a str>,
    pub(super) received: Instant,
}

/// A request as it came.
#[derive(Clone, Copy, Debug)]
pub(super) struct Arrived<'a> {
    pub(super) octets: &'a [u8],
    pub(super) client: &'a Client,
    pub(super) source: SocketAddr,
    pub(super) certificate: Option<&'a str>,
    pub(super) received: Instant,
}

/// How those who come by one way prove their packets.
#[derive(Clone, Debug)]
pub(super) enum Proof {
    /// By the client's secrets.
    Secret,
    /// By the session that they come through; with the secret that everybody knows.
    Session(Version, Arc<[Secret]>),
}

/// What becomes of a request.
#[derive(Debug)]
pub(super) enum Served {
    /// Dropped, and noted already.
    Dropped(Reason),
    /// To be sent.
    Reply(Arc<[u8]>),
    /// Nothing is to be sent.
    Silence,
}

/// Where the requests of one socket or connection go.
#[derive(Debug)]
pub(super) struct Desk<A, W> {
    pub(super) answer: Arc<A>,
    pub(super) witness: Arc<W>,
    pub(super) proof: Proof,
    pub(super) seen: Mutex<Duplicates>,
}

impl<A: Answer, W: Witness> Desk<A, W> {
    /// Up to the answer every drop is silent: one to a packet that nobody proved could be
    /// turned against a third party, or tell an attacker which addresses are clients.
    pub(super) async fn serve(&self, arrived: &Arrived<'_>) -> Served {
        let Arrived {
            octets,
            client,
            source,
            certificate,
            received,
        } = *arrived;
        let packet = match self.proof.prove(octets, A::SERVICE, client) {
            Ok(packet) => packet,
            Err(reason) => {
                self.hear(arrived, Evidence::Refused(reason));
                self.witness.dropped(&arrived.sender(), reason);
                return Served::Dropped(reason);
            }
        };
        self.hear(arrived, self.proof.evidence(&packet, client));
        let name = self.proof.name(packet.datagram());
        match self.seen().see(source, name, received) {
            Seen::InProgress => return Served::Silence,
            Seen::Answered(reply) => return Served::Reply(reply),
            Seen::New => {}
        }
        let request = Request {
            packet,
            client,
            source,
            certificate,
            received,
        };
        match self.answer.answer(&request).await {
            None => {
                self.seen().forget(source, name);
                Served::Silence
            }
            Some(reply) => {
                let reply = Arc::from(reply);
                self.seen().answered(source, name, &reply);
                Served::Reply(reply)
            }
        }
    }

    /// Tells what a packet shows of its device.
    fn hear(&self, arrived: &Arrived<'_>, how: Evidence) {
        self.witness.heard(&Heard {
            source: arrived.source,
            client: arrived.client,
            certificate: arrived.certificate,
            how,
        });
    }

    fn seen(&self) -> MutexGuard<'_, Duplicates> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<'a> Arrived<'a> {
    /// Who sent it.
    pub(super) fn sender(&self) -> Sender<'a> {
        Sender {
            source: self.source,
            client: Some(&self.client.entry.name),
            certificate: self.certificate,
        }
    }
}

impl Proof {
    /// From octets to a request that may be read.
    fn prove<'a>(
        &'a self,
        octets: &'a [u8],
        service: Service,
        client: &'a Client,
    ) -> Result<Packet<'a, Verified<'a>>, Reason> {
        let packet = Packet::receive(octets, service).map_err(|malformed| match malformed {
            Malformed::Code(_) => Reason::UnservedCode,
            Malformed::Attribute(_)
            | Malformed::AttributeZero(_)
            | Malformed::Length(_)
            | Malformed::Short
            | Malformed::TooManyAttributes => Reason::BrokenPacket,
        })?;
        let proven = match self {
            Self::Secret => packet.verify(&client.secrets, policy(client)),
            Self::Session(version, secrets) => packet.verify_in_session(*version, secrets),
        };
        proven.map_err(|forged| match forged {
            Forged::MessageAuthenticatorMissing
            | Forged::ProxyStateUnprotected
            | Forged::EapUnprotected => Reason::Unauthenticated,
            Forged::AccountingAuthenticator
            | Forged::MessageAuthenticator
            | Forged::MessageAuthenticatorLength(_)
            | Forged::MessageAuthenticatorRepeated
            | Forged::NoSecret => Reason::Forged,
        })
    }

    /// What a proven packet shows. Over a session it needs no proof of its own.
    fn evidence(&self, packet: &Packet<'_, Verified<'_>>, client: &Client) -> Evidence {
        match self {
            Self::Secret => Evidence::of(packet, &client.entry),
            Self::Session(..) => Evidence::Session,
        }
    }

    /// By what the same packet is known again. On a connection, requests of two kinds may
    /// have one identifier; a Token stands for itself (RFC 9765 §4.2.2).
    fn name(&self, datagram: &Datagram<'_>) -> Name {
        let identifier = u32::from(datagram.identifier());
        let code = u32::from(datagram.code_octet());
        match self {
            Self::Secret => (identifier, *datagram.authenticator()),
            Self::Session(Version::Historic, _) => {
                ((code << 8) | identifier, *datagram.authenticator())
            }
            Self::Session(Version::WithoutMd5, _) => {
                (u32::from_be_bytes(datagram.token()), [0; 16])
            }
        }
    }
}

fn policy(client: &Client) -> Policy {
    match client.entry.message_authenticator() {
        MessageAuthenticatorMode::Unspecified | MessageAuthenticatorMode::Require => {
            Policy::Require
        }
        MessageAuthenticatorMode::Auto if client.entry.message_authenticator_learnt != 0 => {
            Policy::Require
        }
        MessageAuthenticatorMode::Auto | MessageAuthenticatorMode::LimitProxyState => {
            Policy::LimitProxyState
        }
        MessageAuthenticatorMode::No => Policy::DangerousTakeAny,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use countersign_core::ledger::storage;

    fn asked(mode: MessageAuthenticatorMode, learnt: u64) -> Policy {
        let entry = storage::Client {
            message_authenticator: mode.into(),
            message_authenticator_learnt: learnt,
            ..Default::default()
        };
        policy(&Client::new(entry, Vec::new()))
    }

    #[test]
    fn a_client_that_learns_is_held_to_what_it_has_learnt() {
        use MessageAuthenticatorMode::{Auto, LimitProxyState, Unspecified};
        assert_eq!(asked(Auto, 0), Policy::LimitProxyState);
        assert_eq!(asked(Auto, 7), Policy::Require);
        assert_eq!(asked(LimitProxyState, 7), Policy::LimitProxyState);
        assert_eq!(asked(Unspecified, 0), Policy::Require);
    }
}
