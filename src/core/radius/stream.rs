//! Packets as they come by TLS: cut from a stream by their Length (RFC 6613 §2.6), historic
//! or of RADIUS/1.1, and the answer to those that nobody serves.
//!
//! Knows the frame. Must not know sessions: which version was agreed on is an argument.

use super::attribute::kind;
use super::datagram::{Datagram, Malformed};
use super::encode::{Unencodable, Writer};
use crate::base::Secret;
use crate::base::limits::{PACKET_OCTETS_MAX, PACKET_OCTETS_MIN, STREAM_OCTETS_MAX};

/// How the packets of a session are written, as its two ends agreed by ALPN.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Version {
    /// As in datagrams, under [`RADSEC_SECRET`].
    Historic,
    /// RADIUS/1.1: a Token in place of the authenticator, and nothing hashed or hidden.
    WithoutMd5,
}

impl Version {
    /// Its name in ALPN (RFC 9765 §3.1).
    #[must_use]
    pub const fn alpn(self) -> &'static [u8] {
        match self {
            Self::Historic => b"radius/1.0",
            Self::WithoutMd5 => b"radius/1.1",
        }
    }

    /// What was agreed on; whoever says nothing means the historic one.
    #[must_use]
    pub fn of_alpn(agreed: Option<&[u8]>) -> Self {
        if agreed == Some(Self::WithoutMd5.alpn()) {
            Self::WithoutMd5
        } else {
            Self::Historic
        }
    }
}

/// Cuts a stream into packets. Holds at most [`STREAM_OCTETS_MAX`] octets.
#[derive(Debug, Default)]
pub struct Splitter {
    octets: Vec<u8>,
    /// How many of them are out already.
    taken: usize,
}

impl Splitter {
    /// Takes octets in, as many as there is room for; how many that were. Once
    /// [`Splitter::next_packet`] has given all whole packets there is room for another.
    pub fn put(&mut self, octets: &[u8]) -> usize {
        self.octets.drain(..self.taken.min(self.octets.len()));
        self.taken = 0;
        let room = STREAM_OCTETS_MAX.saturating_sub(self.octets.len());
        let fitting = octets.get(..room).unwrap_or(octets);
        self.octets.extend(fitting);
        fitting.len()
    }

    /// The next whole packet; `None`: its end has not come yet.
    ///
    /// # Errors
    ///
    /// A Length that no packet has. Where the next one begins cannot be known then: the
    /// connection is to be closed.
    pub fn next_packet(&mut self) -> Result<Option<&[u8]>, Malformed> {
        let rest = self.octets.get(self.taken..).unwrap_or_default();
        let Some(&[_, _, high, low]) = rest.first_chunk() else {
            return Ok(None);
        };
        let length = usize::from(u16::from_be_bytes([high, low]));
        if !(PACKET_OCTETS_MIN..=PACKET_OCTETS_MAX).contains(&length) {
            return Err(Malformed::Length(length));
        }
        let Some(packet) = rest.get(..length) else {
            return Ok(None);
        };
        self.taken = self.taken.saturating_add(length);
        Ok(Some(packet))
    }

    /// Whether a packet has begun whose end has not come yet.
    #[must_use]
    pub const fn is_amid(&self) -> bool {
        self.taken < self.octets.len()
    }
}

/// The Protocol-Error that answers a request of a kind that is not served (RFC 7930 §4), so
/// that its sender need not wait. `None`: it is no such request. Codes that may be a
/// reply's are never answered: two servers could be played against each other.
///
/// # Errors
///
/// When its Proxy-States leave no room.
pub fn protocol_error(
    request: &Datagram<'_>,
    version: Version,
    secret: &Secret,
) -> Result<Option<Vec<u8>>, Unencodable> {
    let code = request.code_octet();
    if !UNSERVED_REQUESTS.contains(&code) {
        return Ok(None);
    }
    let mut packet = Vec::new();
    let mut writer = match version {
        Version::Historic => Writer::protected(&mut packet),
        Version::WithoutMd5 => Writer::new(&mut packet),
    };
    writer.number(ERROR_CAUSE, UNSUPPORTED_EXTENSION)?;
    if version == Version::Historic {
        // Two kinds of request may have one identifier. With a Token they cannot, and it
        // must not be sent (RFC 9765 §5.5).
        let original = [ORIGINAL_PACKET_CODE, 0, 0, 0, code];
        writer.octets(EXTENDED_ATTRIBUTE_1, &original)?;
    }
    for proxy_state in request.all(kind::PROXY_STATE) {
        writer.joined(kind::PROXY_STATE, proxy_state, &[])?;
    }
    let secret = (version == Version::Historic).then_some(secret);
    writer.answer(PROTOCOL_ERROR, request, secret)?;
    Ok(Some(packet))
}

/// The secret of every historic session: TLS is the proof (RFC 6614 §2.3).
pub const RADSEC_SECRET: &str = "radsec";
/// RFC 7930 §4.
const PROTOCOL_ERROR: u8 = 52;
/// Disconnect-Request and CoA-Request (RFC 5176), which servers send to devices.
const UNSERVED_REQUESTS: [u8; 2] = [40, 43];
/// RFC 5176 §3.5.
const ERROR_CAUSE: u8 = 101;
const UNSUPPORTED_EXTENSION: u32 = 406;
/// RFC 6929 §3.1.
const EXTENDED_ATTRIBUTE_1: u8 = 241;
/// Within that one (RFC 7930 §4).
const ORIGINAL_PACKET_CODE: u8 = 4;
