//! Attributes that a reply may grant, by their numbers.
//!
//! Knows which may stand in an Access-Accept. Must not know what a value means, or why a
//! user is granted one.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use super::encode::{Unencodable, Writer};

/// Attribute types by the names of their RFCs, as the `radius` crate numbers them.
pub mod kind {
    pub use ::radius::core::rfc2865::{
        CALLED_STATION_ID_TYPE as CALLED_STATION_ID, CALLING_STATION_ID_TYPE as CALLING_STATION_ID,
        CHAP_PASSWORD_TYPE as CHAP_PASSWORD, CLASS_TYPE as CLASS, FILTER_ID_TYPE as FILTER_ID,
        FRAMED_IP_ADDRESS_TYPE as FRAMED_IP_ADDRESS, FRAMED_IP_NETMASK_TYPE as FRAMED_IP_NETMASK,
        FRAMED_ROUTE_TYPE as FRAMED_ROUTE, IDLE_TIMEOUT_TYPE as IDLE_TIMEOUT,
        NAS_IDENTIFIER_TYPE as NAS_IDENTIFIER, NAS_IP_ADDRESS_TYPE as NAS_IP_ADDRESS,
        NAS_PORT_TYPE as NAS_PORT, NAS_PORT_TYPE_TYPE as NAS_PORT_TYPE,
        PROXY_STATE_TYPE as PROXY_STATE, REPLY_MESSAGE_TYPE as REPLY_MESSAGE,
        SERVICE_TYPE_TYPE as SERVICE_TYPE, SESSION_TIMEOUT_TYPE as SESSION_TIMEOUT,
        STATE_TYPE as STATE, USER_NAME_TYPE as USER_NAME, USER_PASSWORD_TYPE as USER_PASSWORD,
        VENDOR_SPECIFIC_TYPE as VENDOR_SPECIFIC,
    };
    pub use ::radius::core::rfc2866::{
        ACCT_DELAY_TIME_TYPE as ACCT_DELAY_TIME, ACCT_INPUT_OCTETS_TYPE as ACCT_INPUT_OCTETS,
        ACCT_OUTPUT_OCTETS_TYPE as ACCT_OUTPUT_OCTETS, ACCT_SESSION_ID_TYPE as ACCT_SESSION_ID,
        ACCT_SESSION_TIME_TYPE as ACCT_SESSION_TIME, ACCT_STATUS_TYPE_TYPE as ACCT_STATUS_TYPE,
        ACCT_TERMINATE_CAUSE_TYPE as ACCT_TERMINATE_CAUSE,
    };
    pub use ::radius::core::rfc2868::TUNNEL_PASSWORD_TYPE as TUNNEL_PASSWORD;
    pub use ::radius::core::rfc2869::{
        ACCT_INPUT_GIGAWORDS_TYPE as ACCT_INPUT_GIGAWORDS,
        ACCT_OUTPUT_GIGAWORDS_TYPE as ACCT_OUTPUT_GIGAWORDS, ARAP_PASSWORD_TYPE as ARAP_PASSWORD,
        EAP_MESSAGE_TYPE as EAP_MESSAGE, FRAMED_POOL_TYPE as FRAMED_POOL,
        MESSAGE_AUTHENTICATOR_TYPE as MESSAGE_AUTHENTICATOR, NAS_PORT_ID_TYPE as NAS_PORT_ID,
        PROMPT_TYPE as PROMPT,
    };
    pub use ::radius::core::rfc3162::{
        FRAMED_IPV6_PREFIX_TYPE as FRAMED_IPV6_PREFIX, NAS_IPV6_ADDRESS_TYPE as NAS_IPV6_ADDRESS,
    };
}

/// Where an attribute stands: an RFC's own type, or a vendor's in the frame of RFC 2865
/// §5.26.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Number {
    /// The attribute type.
    Standard(u8),
    /// The vendor's number at IANA, and its type.
    Vendor(u32, u8),
}

/// Why an attribute may not stand in an Access-Accept.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum Ungrantable {
    /// RFC 2865 §5.44 and its successors keep it for other packets, or the encoder writes
    /// it itself.
    #[error("attribute {0} may not stand in an Access-Accept")]
    Elsewhere(u8),
    /// Its value is hidden with the shared secret; in clear it would be noise to the device.
    #[error("attribute {0} is hidden with the shared secret, which is not served")]
    Hidden(Number),
    /// Nobody has assigned it.
    #[error("{0} is no attribute's number")]
    Unassigned(Number),
}

/// A text that is no attribute's number.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[error("an attribute's number is 1 to 255, or 26.VENDOR.TYPE")]
pub struct NoNumber;

impl Number {
    /// Whether an Access-Accept may carry it (RFC 2865 §5.44, RFC 2869 §5.19, RFC 3162 §3).
    ///
    /// # Errors
    /// Why not.
    pub const fn granted(self) -> Result<(), Ungrantable> {
        match self {
            Self::Standard(kind::TUNNEL_PASSWORD) | Self::Vendor(MICROSOFT, 12 | 16 | 17) => {
                Err(Ungrantable::Hidden(self))
            }
            Self::Standard(0 | kind::VENDOR_SPECIFIC) | Self::Vendor(0 | 0x0100_0000.., _) => {
                Err(Ungrantable::Unassigned(self))
            }
            Self::Vendor(_, 0) => Err(Ungrantable::Unassigned(self)),
            Self::Standard(number) if is_of_other_packets(number) => {
                Err(Ungrantable::Elsewhere(number))
            }
            Self::Standard(_) | Self::Vendor(..) => Ok(()),
        }
    }

    /// The number of a message that keeps it in three fields: type, vendor, vendor's type.
    ///
    /// # Errors
    /// When no packet has room for it.
    pub fn of_parts(kind: u32, vendor: u32, vendor_kind: u32) -> Result<Self, NoNumber> {
        let octet = |number: u32| u8::try_from(number).map_err(|_| NoNumber);
        match (octet(kind)?, vendor, octet(vendor_kind)?) {
            (kind::VENDOR_SPECIFIC, vendor, kind) => Ok(Self::Vendor(vendor, kind)),
            (kind, 0, 0) => Ok(Self::Standard(kind)),
            _ => Err(NoNumber),
        }
    }

    /// The three fields of such a message.
    #[must_use]
    pub const fn parts(self) -> (u32, u32, u32) {
        match self {
            Self::Standard(kind) => (kind as u32, 0, 0),
            Self::Vendor(vendor, kind) => (kind::VENDOR_SPECIFIC as u32, vendor, kind as u32),
        }
    }

    /// The longest value: 253 octets, 247 in a vendor's frame.
    #[must_use]
    pub const fn octets_max(self) -> usize {
        match self {
            Self::Standard(_) => 253,
            Self::Vendor(..) => 247,
        }
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Standard(kind) => write!(f, "{kind}"),
            Self::Vendor(vendor, kind) => write!(f, "26.{vendor}.{kind}"),
        }
    }
}

impl FromStr for Number {
    type Err = NoNumber;

    fn from_str(text: &str) -> Result<Self, NoNumber> {
        let plain = text
            .bytes()
            .all(|octet| octet.is_ascii_digit() || octet == b'.');
        let mut parts = text.split('.');
        let parts = (parts.next(), parts.next(), parts.next(), parts.next());
        let found = match parts {
            (Some(kind), None, ..) => kind.parse().ok().map(Self::Standard),
            (Some("26"), Some(vendor), Some(kind), None) => {
                let vendor = vendor.parse().ok();
                vendor
                    .zip(kind.parse().ok())
                    .map(|(vendor, kind)| Self::Vendor(vendor, kind))
            }
            _ => None,
        };
        found.filter(|_| plain).ok_or(NoNumber)
    }
}

/// One attribute that an Access-Accept grants: its number may stand there, and its value
/// fits. What is too long or belongs elsewhere cannot be made.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Attribute {
    number: Number,
    value: Box<[u8]>,
}

impl Attribute {
    /// Makes one.
    ///
    /// # Errors
    /// The number belongs elsewhere; the value is empty or too long.
    pub fn new(number: Number, value: &[u8]) -> Result<Self, Unencodable> {
        number.granted()?;
        let octets = value.len();
        match octets {
            0 => Err(Unencodable::Empty(number)),
            _ if octets > number.octets_max() => Err(Unencodable::ValueLength { number, octets }),
            _ => Ok(Self {
                number,
                value: value.into(),
            }),
        }
    }

    /// Where it stands.
    #[must_use]
    pub const fn number(&self) -> Number {
        self.number
    }

    /// Its value, without any frame.
    #[must_use]
    pub const fn value(&self) -> &[u8] {
        &self.value
    }

    /// How much of a packet it takes.
    #[must_use]
    pub const fn packet_octets(&self) -> usize {
        let frame = match self.number {
            Number::Standard(_) => 2,
            Number::Vendor(..) => 8,
        };
        self.value.len().saturating_add(frame)
    }

    pub(super) fn write(&self, writer: &mut Writer<'_>) -> Result<(), Unencodable> {
        match self.number {
            Number::Standard(kind) => writer.octets(kind, &self.value),
            Number::Vendor(vendor, kind) => writer.vendor(vendor, kind, &self.value),
        }
    }
}

/// Types of requests, challenges and accounting, of long frames (RFC 6929), and what the
/// encoder writes itself. A State in an Accept (RFC 2865 §5.24) would come back as the
/// answer to a challenge that nobody asked.
const fn is_of_other_packets(number: u8) -> bool {
    matches!(
        number,
        2..=5
            | kind::STATE
            | 30..=33
            | 40..=55
            | 60
            | 61
            | 68
            | 70
            | 75..=77
            | 79
            | 80
            | 84
            | 86
            | 87
            | 94
            | 95
            | 101..=122
            | 241..=255
    )
}

const MICROSOFT: u32 = 311;

/// Whether the device may show what the user types (RFC 2869 §5.10).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Prompt {
    /// Show it.
    Echo,
    /// Hide it.
    NoEcho,
}

impl Prompt {
    pub(super) const fn number(self) -> u32 {
        match self {
            Self::Echo => 1,
            Self::NoEcho => 0,
        }
    }
}
