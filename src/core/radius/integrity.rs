//! The hashes that tie a packet to a shared secret, and how they are checked.
//!
//! Knows secrets. Must not know which packets are in need of proof: `packet` decides.

use hmac::{Hmac, KeyInit, Mac};
use md5::{Digest, Md5};
use subtle::ConstantTimeEq;
use thiserror::Error;

use super::attribute::kind;
use super::datagram::{Authenticator, Datagram};
use crate::base::Secret;

/// Why a packet is not believed. All are answered with silence: the sender is not the
/// client, or does not share its secret.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum Forged {
    /// RFC 2866 §3: the authenticator of an Accounting-Request is wrong.
    #[error("wrong accounting authenticator: wrong secret or forged")]
    AccountingAuthenticator,
    /// RFC 3579 §3.2: EAP-Message without Message-Authenticator.
    #[error("EAP-Message without Message-Authenticator")]
    EapUnprotected,
    /// The Message-Authenticator is there, and wrong.
    #[error("wrong Message-Authenticator: wrong secret or forged")]
    MessageAuthenticator,
    /// The Message-Authenticator has not 16 octets.
    #[error("Message-Authenticator of {0} octets")]
    MessageAuthenticatorLength(usize),
    /// There is no Message-Authenticator, and there must be one.
    #[error("no Message-Authenticator")]
    MessageAuthenticatorMissing,
    /// There is more than one Message-Authenticator.
    #[error("more than one Message-Authenticator")]
    MessageAuthenticatorRepeated,
    /// The client has no secret, or only empty ones.
    #[error("the client has no usable secret")]
    NoSecret,
    /// BlastRADIUS hides its collision in a Proxy-State; a request that has one must be
    /// protected (`limit-proxy-state`).
    #[error("Proxy-State without Message-Authenticator")]
    ProxyStateUnprotected,
}

/// The only Message-Authenticator of a packet and the attribute octets around it.
#[derive(Clone, Copy)]
pub(super) struct MessageAuthenticator<'a> {
    before: &'a [u8],
    value: &'a [u8],
    after: &'a [u8],
}

impl<'a> MessageAuthenticator<'a> {
    /// Finds it at any position (RFC 3579 §3.2 names none).
    pub(super) fn find(datagram: &Datagram<'a>) -> Result<Option<Self>, Forged> {
        let mut attributes = datagram.attributes();
        let mut found = None;
        while let Some(raw) = attributes.next() {
            if raw.kind != kind::MESSAGE_AUTHENTICATOR {
                continue;
            }
            if raw.value.len() != MESSAGE_AUTHENTICATOR_OCTETS {
                return Err(Forged::MessageAuthenticatorLength(raw.value.len()));
            }
            if found.replace(attributes.rest()).is_some() {
                return Err(Forged::MessageAuthenticatorRepeated);
            }
        }
        let located = found.map(|after| Self::followed_by(after, datagram));
        // INVARIANT: framing leaves room for it; were it not so, it is not right either.
        located
            .map(|here| here.ok_or(Forged::MessageAuthenticator))
            .transpose()
    }

    fn followed_by(after: &'a [u8], datagram: &Datagram<'a>) -> Option<Self> {
        let octets = datagram.attribute_octets();
        let (upto, after) = octets.split_at_checked(octets.len().checked_sub(after.len())?)?;
        let middle = upto.len().checked_sub(MESSAGE_AUTHENTICATOR_OCTETS)?;
        let (before, value) = upto.split_at_checked(middle)?;
        Some(Self {
            before,
            value,
            after,
        })
    }

    /// Whether it is the first attribute, as every reply must have it (CVE-2024-3596).
    pub(super) const fn is_first(&self) -> bool {
        self.before.len() == ATTRIBUTE_HEAD_OCTETS
    }

    /// Whether it is right, in constant time. `authenticator` is the request's.
    pub(super) fn is_right(
        &self,
        datagram: &Datagram<'_>,
        authenticator: &Authenticator,
        secret: &Secret,
    ) -> bool {
        keyed(secret)
            .chain_update(datagram.head())
            .chain_update(authenticator)
            .chain_update(self.before)
            .chain_update([0; MESSAGE_AUTHENTICATOR_OCTETS])
            .chain_update(self.after)
            .verify_slice(self.value)
            .is_ok()
    }
}

/// HMAC-MD5 over a whole packet whose Message-Authenticator is zero (RFC 3579 §3.2).
pub(super) fn message_authenticator(packet: &[u8], secret: &Secret) -> Authenticator {
    keyed(secret)
        .chain_update(packet)
        .finalize()
        .into_bytes()
        .into()
}

/// MD5 over the packet and the secret: with the request's authenticator the Response
/// Authenticator (RFC 2865 §3), with zeros that of an Accounting-Request (RFC 2866 §3).
pub(super) fn packet_authenticator(
    head: &[u8; 4],
    authenticator: &Authenticator,
    attributes: &[u8],
    secret: &Secret,
) -> Authenticator {
    Md5::new()
        .chain_update(head)
        .chain_update(authenticator)
        .chain_update(attributes)
        .chain_update(secret.expose())
        .finalize()
        .into()
}

/// Whether a datagram carries the authenticator that [`packet_authenticator`] gives, in
/// constant time.
pub(super) fn has_packet_authenticator(
    datagram: &Datagram<'_>,
    authenticator: &Authenticator,
    secret: &Secret,
) -> bool {
    let attributes = datagram.attribute_octets();
    packet_authenticator(datagram.head(), authenticator, attributes, secret)
        .ct_eq(datagram.authenticator())
        .into()
}

fn keyed(secret: &Secret) -> Hmac<Md5> {
    Hmac::new_from_slice(secret.expose()).expect("HMAC takes a key of any length")
}

const ATTRIBUTE_HEAD_OCTETS: usize = 2;
const MESSAGE_AUTHENTICATOR_OCTETS: usize = 16;
