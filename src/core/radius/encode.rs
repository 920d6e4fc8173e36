//! Writes packets: header, attributes, lengths, hashes.
//!
//! Knows the frame and its limits. Must not know which attribute belongs in which packet.

use ::radius::core::code::Code;
use thiserror::Error;

use super::attribute::{Number, Ungrantable, kind};
use super::datagram::{Authenticator, Datagram};
use super::integrity::{message_authenticator, packet_authenticator};
use crate::base::Secret;
use crate::base::limits::{PACKET_OCTETS_MAX, PASSWORD_OCTETS_MAX};

/// Why a packet cannot be written.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum Unencodable {
    /// RFC 2865 §5 has no text or string without octets.
    #[error("attribute {0} is empty")]
    Empty(Number),
    /// LIMIT: [`PACKET_OCTETS_MAX`].
    #[error("packet is longer than {PACKET_OCTETS_MAX} octets")]
    PacketLength,
    /// LIMIT: [`PASSWORD_OCTETS_MAX`].
    #[error("password of {0} octets is longer than {PASSWORD_OCTETS_MAX}")]
    PasswordLength(usize),
    /// The type is written by the encoder itself, or is no type.
    #[error("attribute {0} cannot be set by hand")]
    Reserved(u8),
    /// It is not for an Access-Accept.
    #[error(transparent)]
    Ungrantable(#[from] Ungrantable),
    /// The value does not fit the attribute: 253 octets, 247 for a vendor's.
    #[error("attribute {number} of {octets} octets is too long")]
    ValueLength {
        /// Where it stands.
        number: Number,
        /// What was to be written.
        octets: usize,
    },
    /// The reply does not answer this kind of request.
    #[error("this reply does not answer this kind of request")]
    WrongReply,
}

/// A packet in the making. Room for the header comes first; [`Writer::answer`] or
/// another of the endings fills it.
pub(super) struct Writer<'b> {
    packet: &'b mut Vec<u8>,
}

impl<'b> Writer<'b> {
    /// Starts a packet in `packet`, whose old content goes.
    pub(super) fn new(packet: &'b mut Vec<u8>) -> Self {
        packet.clear();
        packet.extend([0; HEADER_OCTETS]);
        Self { packet }
    }

    /// Starts a packet whose first attribute is a Message-Authenticator, zero as yet.
    /// First, because then an attacker cannot choose what is hashed before it.
    pub(super) fn protected(packet: &'b mut Vec<u8>) -> Self {
        let writer = Self::new(packet);
        writer.packet.extend([kind::MESSAGE_AUTHENTICATOR, 18]);
        writer.packet.extend([0; 16]);
        writer
    }

    /// Writes an attribute whose value has at least one octet.
    pub(super) fn octets(&mut self, kind: u8, value: &[u8]) -> Result<(), Unencodable> {
        if value.is_empty() {
            return Err(Unencodable::Empty(Number::Standard(kind)));
        }
        self.joined(kind, value, &[])
    }

    /// Writes a number of 32 bits.
    pub(super) fn number(&mut self, kind: u8, value: u32) -> Result<(), Unencodable> {
        self.joined(kind, &value.to_be_bytes(), &[])
    }

    /// Writes one attribute of a vendor, in the form of RFC 2865 §5.26.
    pub(super) fn vendor(
        &mut self,
        vendor: u32,
        vendor_kind: u8,
        value: &[u8],
    ) -> Result<(), Unencodable> {
        if value.is_empty() {
            return Err(Unencodable::Empty(Number::Vendor(vendor, vendor_kind)));
        }
        let [a, b, c, d] = vendor.to_be_bytes();
        // Of a value too long for an octet `joined` refuses the whole, so any length does.
        let length = attribute_length(value.len()).unwrap_or(u8::MAX);
        self.joined(
            kind::VENDOR_SPECIFIC,
            &[a, b, c, d, vendor_kind, length],
            value,
        )
    }

    /// Writes an attribute as it is, also an empty one; the value comes in two parts.
    pub(super) fn joined(
        &mut self,
        kind: u8,
        front: &[u8],
        back: &[u8],
    ) -> Result<(), Unencodable> {
        let octets = front.len().saturating_add(back.len());
        let number = Number::Standard(kind);
        let length = attribute_length(octets).ok_or(Unencodable::ValueLength { number, octets })?;
        self.packet.extend([kind, length]);
        self.packet.extend(front);
        self.packet.extend(back);
        Ok(())
    }

    /// Ends a response: signs the Message-Authenticator if it is `protected`, then the
    /// Response Authenticator (RFC 2865 §3, RFC 3579 §3.2). Without a secret the request's
    /// Token is the tie, and the octets beside it are zero (RFC 9765 §4.1).
    pub(super) fn answer(
        mut self,
        code: u8,
        to: &Datagram<'_>,
        secret: Option<&Secret>,
    ) -> Result<(), Unencodable> {
        let Some(secret) = secret else {
            let [a, b, c, d] = to.token();
            let token = [a, b, c, d, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
            return self.head(code, 0, &token).map(drop);
        };
        let request = to.authenticator();
        let head = self.head(code, to.identifier(), request)?;
        self.sign(secret);
        let authenticator = packet_authenticator(&head, request, self.attributes(), secret);
        self.put(AUTHENTICATOR_AT, &authenticator);
        Ok(())
    }

    /// Ends a request whose authenticator is chance (Access-Request, Status-Server).
    pub(super) fn request(
        mut self,
        code: Code,
        identifier: u8,
        authenticator: &Authenticator,
        secret: &Secret,
    ) -> Result<(), Unencodable> {
        self.head(code as u8, identifier, authenticator)?;
        self.sign(secret);
        Ok(())
    }

    /// Ends an Accounting-Request, whose authenticator is a hash (RFC 2866 §3).
    pub(super) fn account(mut self, identifier: u8, secret: &Secret) -> Result<(), Unencodable> {
        let zeros = [0; 16];
        let head = self.head(Code::AccountingRequest as u8, identifier, &zeros)?;
        let authenticator = packet_authenticator(&head, &zeros, self.attributes(), secret);
        self.put(AUTHENTICATOR_AT, &authenticator);
        Ok(())
    }

    fn head(
        &mut self,
        code: u8,
        identifier: u8,
        authenticator: &Authenticator,
    ) -> Result<[u8; 4], Unencodable> {
        let length = u16::try_from(self.packet.len()).map_err(|_| Unencodable::PacketLength)?;
        if usize::from(length) > PACKET_OCTETS_MAX {
            return Err(Unencodable::PacketLength);
        }
        let [high, low] = length.to_be_bytes();
        let head = [code, identifier, high, low];
        self.put(0, &head);
        self.put(AUTHENTICATOR_AT, authenticator);
        Ok(head)
    }

    /// Signs, if the first attribute is a Message-Authenticator. Only the writer can have
    /// put it there.
    fn sign(&mut self, secret: &Secret) {
        if self.packet.get(HEADER_OCTETS) == Some(&kind::MESSAGE_AUTHENTICATOR) {
            let signature = message_authenticator(self.packet, secret);
            self.put(MESSAGE_AUTHENTICATOR_AT, &signature);
        }
    }

    fn attributes(&self) -> &[u8] {
        self.packet.get(HEADER_OCTETS..).unwrap_or_default()
    }

    fn put<const N: usize>(&mut self, at: usize, octets: &[u8; N]) {
        let room = self
            .packet
            .get_mut(at..)
            .and_then(|tail| tail.first_chunk_mut());
        *room.expect("`new` and `protected` made room for what they announce") = *octets;
    }
}

/// The length octet of an attribute whose value has `octets` octets, if it fits.
fn attribute_length(octets: usize) -> Option<u8> {
    u8::try_from(octets).ok()?.checked_add(2)
}

const AUTHENTICATOR_AT: usize = 4;
const HEADER_OCTETS: usize = 20;
const MESSAGE_AUTHENTICATOR_AT: usize = 22;
