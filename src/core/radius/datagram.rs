//! The strict view of one datagram. It copies nothing and trusts nothing.
//!
//! Knows lengths and framing. Must not know secrets, nor what an attribute means.

use std::fmt;
use std::iter::FusedIterator;

use ::radius::core::code::Code;
use thiserror::Error;

use crate::base::limits::{ATTRIBUTES_MAX, PACKET_OCTETS_MAX, PACKET_OCTETS_MIN};

/// The 16 octets after the length: random in an Access-Request, a hash elsewhere
/// (RFC 2865 §3).
pub type Authenticator = [u8; 16];

/// A datagram whose lengths and attributes are in order. Nothing about it is proven.
#[derive(Clone, Copy)]
pub struct Datagram<'a> {
    head: &'a [u8; 4],
    authenticator: &'a Authenticator,
    attributes: &'a [u8],
}

impl<'a> Datagram<'a> {
    /// Checks length rules and attribute framing (RFC 2865 §3, §5). Octets after Length
    /// are padding: they are left out here, and so of every hash.
    ///
    /// # Errors
    ///
    /// Any breach; the datagram is to be dropped in silence.
    pub fn parse(octets: &'a [u8]) -> Result<Self, Malformed> {
        let (head, _) = octets.split_first_chunk().ok_or(Malformed::Short)?;
        let &[_, _, high, low] = head;
        let length = usize::from(u16::from_be_bytes([high, low]));
        if !(PACKET_OCTETS_MIN..=PACKET_OCTETS_MAX).contains(&length) {
            return Err(Malformed::Length(length));
        }
        let packet = octets.get(..length).ok_or(Malformed::Short)?;
        let (_, body) = packet
            .split_at_checked(head.len())
            .ok_or(Malformed::Short)?;
        let (authenticator, attributes) = body.split_first_chunk().ok_or(Malformed::Short)?;
        check_framing(attributes)?;
        Ok(Self {
            head,
            authenticator,
            attributes,
        })
    }

    /// The code as it stands in the datagram.
    #[must_use]
    pub const fn code_octet(&self) -> u8 {
        self.head[0]
    }

    /// The code, if it names a packet type.
    #[must_use]
    pub fn code(&self) -> Option<Code> {
        let code = Code::try_from(self.code_octet()).ok()?;
        (code != Code::Invalid && code != Code::Reserved).then_some(code)
    }

    /// Matches a reply to its request, together with the source port.
    #[must_use]
    pub const fn identifier(&self) -> u8 {
        self.head[1]
    }

    /// The authenticator as received.
    #[must_use]
    pub const fn authenticator(&self) -> &'a Authenticator {
        self.authenticator
    }

    /// What matches a reply to its request in RADIUS/1.1, in place of the identifier
    /// (RFC 9765 §4.2).
    #[must_use]
    pub const fn token(&self) -> [u8; 4] {
        let &[a, b, c, d, ..] = self.authenticator;
        [a, b, c, d]
    }

    /// All attributes, in order.
    #[must_use]
    pub const fn attributes(&self) -> Attributes<'a> {
        Attributes {
            rest: self.attributes,
        }
    }

    /// The values of every attribute of one type, in order.
    pub fn all(&self, kind: u8) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        self.attributes()
            .filter(move |raw| raw.kind == kind)
            .map(|raw| raw.value)
    }

    /// The value of the first attribute of one type.
    #[must_use]
    pub fn first(&self, kind: u8) -> Option<&'a [u8]> {
        self.all(kind).next()
    }

    /// The first attribute of one type as a number; one of another length is passed over
    /// as opaque (RFC 8044 §2).
    #[must_use]
    pub fn number(&self, kind: u8) -> Option<u32> {
        self.all(kind)
            .find_map(|value| value.try_into().ok())
            .map(u32::from_be_bytes)
    }

    /// Code, identifier and length, as they enter a hash.
    pub(super) const fn head(&self) -> &'a [u8; 4] {
        self.head
    }

    /// The attributes as they enter a hash.
    pub(super) const fn attribute_octets(&self) -> &'a [u8] {
        self.attributes
    }
}

// Values stay out: a log line must not carry a name unescaped, or a hidden password.
impl fmt::Debug for Datagram<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Datagram")
            .field("code", &self.code_octet())
            .field("identifier", &self.identifier())
            .field("attribute_octets", &self.attributes.len())
            .finish_non_exhaustive()
    }
}

/// One attribute: its type and its octets, not interpreted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Raw<'a> {
    /// The attribute type.
    pub kind: u8,
    /// What follows type and length; 0 to 253 octets.
    pub value: &'a [u8],
}

/// Attributes one after the other; ends early where the framing is broken, which a
/// [`Datagram`] has ruled out.
#[derive(Clone, Debug)]
pub struct Attributes<'a> {
    rest: &'a [u8],
}

impl<'a> Attributes<'a> {
    pub(super) const fn new(octets: &'a [u8]) -> Self {
        Self { rest: octets }
    }

    /// The octets not yet passed.
    pub(super) const fn rest(&self) -> &'a [u8] {
        self.rest
    }
}

impl<'a> Iterator for Attributes<'a> {
    type Item = Raw<'a>;

    fn next(&mut self) -> Option<Raw<'a>> {
        let (&[kind, length], _) = self.rest.split_first_chunk()?;
        let (attribute, rest) = self.rest.split_at_checked(length.into())?;
        let value = attribute.get(2..)?;
        self.rest = rest;
        Some(Raw { kind, value })
    }
}

impl FusedIterator for Attributes<'_> {}

/// Why a datagram cannot be read. All are answered with silence: an answer would help
/// nobody but a scanner.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum Malformed {
    /// An attribute has length 0 or 1, or runs past the end of the packet.
    #[error("attribute number {0} is cut short")]
    Attribute(usize),
    /// An attribute has type 0, which nobody may assign.
    #[error("attribute number {0} has type 0")]
    AttributeZero(usize),
    /// The code is unknown, a reply's, or not served on this port.
    #[error("packet code {0} is not served here")]
    Code(u8),
    /// The length field is outside of 20..=4096.
    #[error("packet length field says {0}")]
    Length(usize),
    /// The datagram ends before its header or its Length does.
    #[error("datagram is shorter than its packet")]
    Short,
    /// LIMIT: [`ATTRIBUTES_MAX`].
    #[error("more than {ATTRIBUTES_MAX} attributes")]
    TooManyAttributes,
}

fn check_framing(octets: &[u8]) -> Result<(), Malformed> {
    let mut attributes = Attributes::new(octets);
    for number in 1..=ATTRIBUTES_MAX {
        match attributes.next() {
            Some(Raw { kind: 0, .. }) => return Err(Malformed::AttributeZero(number)),
            Some(_) => {}
            None if attributes.rest.is_empty() => return Ok(()),
            None => return Err(Malformed::Attribute(number)),
        }
    }
    if attributes.rest.is_empty() {
        Ok(())
    } else {
        Err(Malformed::TooManyAttributes)
    }
}
