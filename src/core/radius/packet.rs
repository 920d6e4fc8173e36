//! A request on its way from "it arrived" to "the client sent it".
//!
//! Knows which packets need which proof. Must not know what the packet asks for.

use ::radius::core::code::Code;

use super::attribute::kind;
use super::datagram::{Datagram, Malformed};
use super::integrity::{Forged, MessageAuthenticator, has_packet_authenticator};
use super::stream::Version;
use crate::base::Secret;

/// A request; its state says whether it may be read.
#[derive(Clone, Copy, Debug)]
pub struct Packet<'a, S> {
    datagram: Datagram<'a>,
    service: Service,
    kind: Kind,
    state: S,
}

/// The packet's shape is right; anyone may have sent it.
#[derive(Clone, Copy, Debug)]
pub struct Unverified(());

/// The packet passed the client's policy.
#[derive(Clone, Copy, Debug)]
pub struct Verified<'a> {
    /// None: RADIUS/1.1, where no hash is left.
    secret: Option<&'a Secret>,
    secret_index: usize,
    integrity: Integrity,
}

/// Which port a request came in by.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Service {
    /// Serves Accounting-Request and Status-Server.
    Accounting,
    /// Serves Access-Request and Status-Server.
    Authentication,
    /// Serves all three on one connection (RFC 6614 §3.4).
    Both,
}

/// The requests that are served.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// RFC 2865 §4.1.
    AccessRequest,
    /// RFC 2866 §4.1.
    AccountingRequest,
    /// RFC 5997 §3.
    StatusServer,
}

/// What is asked of an Access-Request that has no Message-Authenticator. One that is
/// there must be right under every policy.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Policy {
    /// Drop it (`require-message-authenticator`). A proxy must have this.
    #[default]
    Require,
    /// Drop it if it carries Proxy-State, where the known attack hides its collision.
    LimitProxyState,
    /// Take it. An attacker on the path may turn a Reject into an Accept, unless the
    /// client checks the Message-Authenticator of the reply.
    DangerousTakeAny,
}

/// Whether the packet is known to come from a holder of the secret.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Integrity {
    /// A hash over all of it was right.
    Proven,
    /// It carried none; the password may be noise of a wrong secret.
    Unproven,
}

impl<'a> Packet<'a, Unverified> {
    /// Reads a datagram that came in by `service`.
    ///
    /// # Errors
    ///
    /// A broken datagram, or a code that is not served there. A reply's code is never
    /// served: answering it would let two servers be played against each other.
    pub fn receive(octets: &'a [u8], service: Service) -> Result<Self, Malformed> {
        let datagram = Datagram::parse(octets)?;
        let kind = match (service, datagram.code()) {
            (Service::Authentication | Service::Both, Some(Code::AccessRequest)) => {
                Kind::AccessRequest
            }
            (Service::Accounting | Service::Both, Some(Code::AccountingRequest)) => {
                Kind::AccountingRequest
            }
            (_, Some(Code::StatusServer)) => Kind::StatusServer,
            _ => return Err(Malformed::Code(datagram.code_octet())),
        };
        Ok(Self {
            datagram,
            service,
            kind,
            state: Unverified(()),
        })
    }

    /// Proves that a holder of one of `secrets` sent the packet, as far as its kind and
    /// `policy` ask for it. Secrets are tried in order, so that an old and a new one may
    /// stand side by side; a packet without proof is read with the first. Empty secrets
    /// prove nothing and are passed over.
    ///
    /// # Errors
    ///
    /// The missing or wrong proof; the packet is to be dropped in silence.
    pub fn verify(
        self,
        secrets: &'a [Secret],
        policy: Policy,
    ) -> Result<Packet<'a, Verified<'a>>, Forged> {
        let state = match self.kind {
            Kind::AccessRequest => self.verify_access(secrets, policy),
            Kind::AccountingRequest => self.verify_accounting(secrets),
            Kind::StatusServer => match MessageAuthenticator::find(&self.datagram)? {
                Some(authenticator) => self.verify_message(&authenticator, secrets),
                None => Err(Forged::MessageAuthenticatorMissing),
            },
        }?;
        Ok(self.into_verified(state))
    }

    /// Proves a packet that came by a session of TLS, whose certificates have proven its
    /// sender. What a historic packet carries must be right under `secrets`, the one that
    /// everybody knows (RFC 6614 §2.3); in RADIUS/1.1 no hash is left, and a
    /// Message-Authenticator means nothing (RFC 9765 §5.2).
    ///
    /// # Errors
    ///
    /// As [`Packet::verify`]; the sender is at odds with its own proof.
    pub fn verify_in_session(
        self,
        version: Version,
        secrets: &'a [Secret],
    ) -> Result<Packet<'a, Verified<'a>>, Forged> {
        match version {
            Version::Historic => {
                let mut packet = self.verify(secrets, Policy::DangerousTakeAny)?;
                packet.state.integrity = Integrity::Proven;
                Ok(packet)
            }
            Version::WithoutMd5 => Ok(self.into_verified(Verified {
                secret: None,
                secret_index: 0,
                integrity: Integrity::Proven,
            })),
        }
    }

    const fn into_verified(self, state: Verified<'a>) -> Packet<'a, Verified<'a>> {
        let Self {
            datagram,
            service,
            kind,
            ..
        } = self;
        Packet {
            datagram,
            service,
            kind,
            state,
        }
    }

    fn verify_access(&self, secrets: &'a [Secret], policy: Policy) -> Result<Verified<'a>, Forged> {
        if let Some(authenticator) = MessageAuthenticator::find(&self.datagram)? {
            return self.verify_message(&authenticator, secrets);
        }
        if self.datagram.first(kind::EAP_MESSAGE).is_some() {
            return Err(Forged::EapUnprotected);
        }
        match policy {
            Policy::Require => return Err(Forged::MessageAuthenticatorMissing),
            Policy::LimitProxyState if self.datagram.first(kind::PROXY_STATE).is_some() => {
                return Err(Forged::ProxyStateUnprotected);
            }
            Policy::LimitProxyState | Policy::DangerousTakeAny => {}
        }
        let (secret_index, secret) = usable(secrets).next().ok_or(Forged::NoSecret)?;
        Ok(Verified {
            secret: Some(secret),
            secret_index,
            integrity: Integrity::Unproven,
        })
    }

    fn verify_message(
        &self,
        authenticator: &MessageAuthenticator<'_>,
        secrets: &'a [Secret],
    ) -> Result<Verified<'a>, Forged> {
        prove(secrets, Forged::MessageAuthenticator, |secret| {
            authenticator.is_right(&self.datagram, self.datagram.authenticator(), secret)
        })
    }

    fn verify_accounting(&self, secrets: &'a [Secret]) -> Result<Verified<'a>, Forged> {
        prove(secrets, Forged::AccountingAuthenticator, |secret| {
            has_packet_authenticator(&self.datagram, &[0; 16], secret)
        })
    }
}

impl<'a, S> Packet<'a, S> {
    /// The octets as a view; enough to find a duplicate.
    pub const fn datagram(&self) -> &Datagram<'a> {
        &self.datagram
    }

    /// Which port it came in by.
    pub const fn service(&self) -> Service {
        self.service
    }

    /// What it is.
    pub const fn kind(&self) -> Kind {
        self.kind
    }
}

impl<'a> Packet<'a, Verified<'a>> {
    /// Whether the packet is known to come from a holder of the secret.
    #[must_use]
    pub const fn integrity(&self) -> Integrity {
        self.state.integrity
    }

    /// The place, in the slice given to [`Packet::verify`], of the secret in use.
    #[must_use]
    pub const fn secret_index(&self) -> usize {
        self.state.secret_index
    }

    /// The secret in use; `None`: RADIUS/1.1, where nothing is hashed or hidden with one.
    pub(super) const fn secret(&self) -> Option<&'a Secret> {
        self.state.secret
    }
}

/// Looks for the secret under which `is_right` holds.
fn prove<'a>(
    secrets: &'a [Secret],
    wrong: Forged,
    is_right: impl Fn(&Secret) -> bool,
) -> Result<Verified<'a>, Forged> {
    let mut cause = Forged::NoSecret;
    for (secret_index, secret) in usable(secrets) {
        if is_right(secret) {
            return Ok(Verified {
                secret: Some(secret),
                secret_index,
                integrity: Integrity::Proven,
            });
        }
        cause = wrong;
    }
    Err(cause)
}

fn usable(secrets: &[Secret]) -> impl Iterator<Item = (usize, &Secret)> {
    secrets
        .iter()
        .enumerate()
        .filter(|(_, secret)| !secret.is_empty())
}
