//! Attributes that a reply may grant, by their numbers.
//!
//! Knows which may stand in an Access-Accept. Must not know what a value means, or why a
//! user is granted one.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use thiserror::Error;

use super::encode::{Unencodable, Writer};
use super::ms_chap::MICROSOFT;
use super::salted::{Salting, salted_octets};
use crate::base::Secret;
use crate::base::limits::SALTED_OCTETS_MAX;

/// Attribute types by the names of their RFCs, as the `radius` crate numbers them.
pub mod kind {
    pub use ::radius::core::rfc2865::{
        CALLED_STATION_ID_TYPE as CALLED_STATION_ID, CALLING_STATION_ID_TYPE as CALLING_STATION_ID,
        CHAP_CHALLENGE_TYPE as CHAP_CHALLENGE, CHAP_PASSWORD_TYPE as CHAP_PASSWORD,
        CLASS_TYPE as CLASS, FILTER_ID_TYPE as FILTER_ID,
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
    #[error("attribute {0} is hidden with the shared secret: its type is tagged-salted")]
    Hidden(Number),
    /// It answers one login alone: MS-CHAP writes it itself (RFC 2548 §2).
    #[error("attribute {0} is made anew for each login with MS-CHAP, and set by no rule")]
    OfLogin(Number),
    /// Nobody has assigned it.
    #[error("{0} is no attribute's number")]
    Unassigned(Number),
}

/// A text that is no attribute's number.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[error("an attribute's number is 1 to 255, or 26.VENDOR.TYPE")]
pub struct NoNumber;

impl Number {
    /// Whether an Access-Accept may carry it in clear (RFC 2865 §5.44, RFC 2869 §5.19, RFC
    /// 3162 §3).
    ///
    /// # Errors
    /// Why not.
    pub const fn granted(self) -> Result<(), Ungrantable> {
        match self {
            Self::Standard(kind::TUNNEL_PASSWORD) => Err(Ungrantable::Hidden(self)),
            Self::Standard(_) | Self::Vendor(..) => self.granted_salted(true),
        }
    }

    /// Whether an Access-Accept may carry it hidden with the shared secret, and with a tag
    /// before that. Which vendors read theirs so, nobody here can tell.
    ///
    /// # Errors
    /// Why not.
    pub const fn granted_salted(self, tagged: bool) -> Result<(), Ungrantable> {
        match self {
            Self::Standard(kind::TUNNEL_PASSWORD) if !tagged => Err(Ungrantable::Hidden(self)),
            Self::Standard(0 | kind::VENDOR_SPECIFIC) | Self::Vendor(0 | 0x0100_0000.., _) => {
                Err(Ungrantable::Unassigned(self))
            }
            Self::Vendor(_, 0) => Err(Ungrantable::Unassigned(self)),
            Self::Vendor(MICROSOFT, 2 | 12 | 16 | 17 | 26) => Err(Ungrantable::OfLogin(self)),
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

    /// How much of a packet a salted attribute takes whose clear value has so many octets.
    #[must_use]
    pub const fn salted_packet_octets(self, tagged: bool, clear: usize) -> usize {
        salted_octets(clear)
            .saturating_add(tagged as usize)
            .saturating_add(self.frame_octets())
    }

    pub(super) fn write(self, value: &[u8], writer: &mut Writer<'_>) -> Result<(), Unencodable> {
        match self {
            Self::Standard(kind) => writer.octets(kind, value),
            Self::Vendor(vendor, kind) => writer.vendor(vendor, kind, value),
        }
    }

    /// What stands around a value.
    const fn frame_octets(self) -> usize {
        match self {
            Self::Standard(_) => 2,
            Self::Vendor(..) => 8,
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
#[derive(Clone, Eq, PartialEq)]
pub struct Attribute {
    number: Number,
    value: Value,
}

#[derive(Clone, Eq, PartialEq)]
enum Value {
    Clear(Box<[u8]>),
    /// Hidden when the reply is signed; shared, not copied, until then.
    Salted {
        tag: Option<u8>,
        clear: Arc<Secret>,
    },
}

impl Attribute {
    /// Makes one.
    ///
    /// # Errors
    /// The number belongs elsewhere; the value is empty or too long.
    pub fn new(number: Number, value: &[u8]) -> Result<Self, Unencodable> {
        number.granted()?;
        Self::of_login(number, value)
    }

    /// Makes one that is salt-encrypted, behind a tag where it has one.
    ///
    /// # Errors
    /// The number belongs elsewhere; the value is empty or too long.
    pub fn salted(number: Number, tag: Option<u8>, clear: Secret) -> Result<Self, Unencodable> {
        number.granted_salted(tag.is_some())?;
        Self::salted_of_login(number, tag, clear)
    }

    /// The same for numbers that no rule may set: what answers a login itself.
    ///
    /// # Errors
    /// The value is empty or too long.
    pub fn of_login(number: Number, value: &[u8]) -> Result<Self, Unencodable> {
        checked(number, value.len(), number.octets_max())?;
        let value = Value::Clear(value.into());
        Ok(Self { number, value })
    }

    /// The same, salt-encrypted.
    ///
    /// # Errors
    /// The value is empty or too long.
    pub fn salted_of_login(
        number: Number,
        tag: Option<u8>,
        clear: Secret,
    ) -> Result<Self, Unencodable> {
        checked(number, clear.len(), SALTED_OCTETS_MAX)?;
        let clear = Arc::new(clear);
        let value = Value::Salted { tag, clear };
        Ok(Self { number, value })
    }

    /// Where it stands.
    #[must_use]
    pub const fn number(&self) -> Number {
        self.number
    }

    /// Its value, without any frame; `None`: it is for the device alone.
    #[must_use]
    pub fn value(&self) -> Option<&[u8]> {
        match &self.value {
            Value::Clear(value) => Some(value),
            Value::Salted { .. } => None,
        }
    }

    /// Tag and value of one that is salt-encrypted, for the peer that signs the reply.
    #[must_use]
    pub fn salted_value(&self) -> Option<(Option<u8>, &Secret)> {
        match &self.value {
            Value::Clear(_) => None,
            Value::Salted { tag, clear } => Some((*tag, clear)),
        }
    }

    /// How much of a packet it takes.
    #[must_use]
    pub fn packet_octets(&self) -> usize {
        match &self.value {
            Value::Clear(value) => value.len().saturating_add(self.number.frame_octets()),
            Value::Salted { tag, clear } => {
                self.number.salted_packet_octets(tag.is_some(), clear.len())
            }
        }
    }

    pub(super) fn write(
        &self,
        writer: &mut Writer<'_>,
        salting: &mut Salting<'_>,
    ) -> Result<(), Unencodable> {
        let salted;
        let value = match &self.value {
            Value::Clear(value) => &**value,
            Value::Salted { tag, clear } => {
                salted = [tag.as_slice(), &salting.hide(clear)].concat();
                &salted
            }
        };
        self.number.write(value, writer)
    }
}

const fn checked(number: Number, octets: usize, most: usize) -> Result<(), Unencodable> {
    match octets {
        0 => Err(Unencodable::Empty(number)),
        _ if octets > most => Err(Unencodable::ValueLength { number, octets }),
        _ => Ok(()),
    }
}

/// The number alone: values are for the device.
impl fmt::Debug for Attribute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Attribute({})", self.number)
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
