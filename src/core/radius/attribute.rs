//! Attributes that a reply may grant, each with the type of its value.
//!
//! Knows types and values. Must not know why a user is granted one.

use std::net::Ipv4Addr;

use ipnet::Ipv6Net;

use super::encode::{Unencodable, Writer};

/// Attribute types by the names of their RFCs, as the `radius` crate numbers them.
pub mod kind {
    pub use ::radius::core::rfc2865::{
        CALLING_STATION_ID_TYPE as CALLING_STATION_ID, CHAP_PASSWORD_TYPE as CHAP_PASSWORD,
        CLASS_TYPE as CLASS, FILTER_ID_TYPE as FILTER_ID,
        FRAMED_IP_ADDRESS_TYPE as FRAMED_IP_ADDRESS, FRAMED_IP_NETMASK_TYPE as FRAMED_IP_NETMASK,
        FRAMED_ROUTE_TYPE as FRAMED_ROUTE, IDLE_TIMEOUT_TYPE as IDLE_TIMEOUT,
        NAS_IDENTIFIER_TYPE as NAS_IDENTIFIER, NAS_IP_ADDRESS_TYPE as NAS_IP_ADDRESS,
        NAS_PORT_TYPE as NAS_PORT, PROXY_STATE_TYPE as PROXY_STATE,
        REPLY_MESSAGE_TYPE as REPLY_MESSAGE, SERVICE_TYPE_TYPE as SERVICE_TYPE,
        SESSION_TIMEOUT_TYPE as SESSION_TIMEOUT, STATE_TYPE as STATE, USER_NAME_TYPE as USER_NAME,
        USER_PASSWORD_TYPE as USER_PASSWORD, VENDOR_SPECIFIC_TYPE as VENDOR_SPECIFIC,
    };
    pub use ::radius::core::rfc2866::{
        ACCT_DELAY_TIME_TYPE as ACCT_DELAY_TIME, ACCT_INPUT_OCTETS_TYPE as ACCT_INPUT_OCTETS,
        ACCT_OUTPUT_OCTETS_TYPE as ACCT_OUTPUT_OCTETS, ACCT_SESSION_ID_TYPE as ACCT_SESSION_ID,
        ACCT_SESSION_TIME_TYPE as ACCT_SESSION_TIME, ACCT_STATUS_TYPE_TYPE as ACCT_STATUS_TYPE,
        ACCT_TERMINATE_CAUSE_TYPE as ACCT_TERMINATE_CAUSE,
    };
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

/// What an Access-Accept may grant (RFC 2865 §5.44). The list is closed: an attribute
/// that belongs elsewhere cannot be named.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Attribute<'a> {
    /// Comes back in accounting; many devices read the group from it (RFC 2865 §5.25).
    Class(&'a [u8]),
    /// Name of a filter; many devices read the group from it (RFC 2865 §5.11).
    FilterId(&'a str),
    /// The user's address (RFC 2865 §5.8).
    FramedIpAddress(Ipv4Addr),
    /// The mask to it (RFC 2865 §5.9).
    FramedIpNetmask(Ipv4Addr),
    /// The user's prefix (RFC 3162 §2.3).
    FramedIpv6Prefix(Ipv6Net),
    /// Name of an address pool (RFC 2869 §5.18).
    FramedPool(&'a str),
    /// A route to the user, as text (RFC 2865 §5.22).
    FramedRoute(&'a str),
    /// Seconds of idleness after which the session ends (RFC 2865 §5.28).
    IdleTimeout(u32),
    /// Text for the user (RFC 2865 §5.18).
    ReplyMessage(&'a str),
    /// Kind of service granted (RFC 2865 §5.6).
    ServiceType(u32),
    /// Seconds after which the session ends. IKEv2 gateways log the user in again then:
    /// hours, or nothing (RFC 2865 §5.27).
    SessionTimeout(u32),
    /// One attribute of a vendor (RFC 2865 §5.26): the vendor's number, its type, 1 to
    /// 247 octets.
    Vendor(u32, u8, &'a [u8]),
}

impl Attribute<'_> {
    /// Whether the attribute can be written, so that a rule is refused when it is made
    /// and not when a user is waiting.
    ///
    /// # Errors
    ///
    /// The value is empty or too long.
    pub fn check(&self) -> Result<(), Unencodable> {
        self.write(&mut Writer::new(&mut Vec::new()))
    }

    pub(super) fn write(&self, writer: &mut Writer<'_>) -> Result<(), Unencodable> {
        match *self {
            Self::Class(octets) => writer.octets(kind::CLASS, octets),
            Self::FilterId(text) => writer.octets(kind::FILTER_ID, text.as_bytes()),
            Self::FramedIpAddress(address) => {
                writer.octets(kind::FRAMED_IP_ADDRESS, &address.octets())
            }
            Self::FramedIpNetmask(mask) => writer.octets(kind::FRAMED_IP_NETMASK, &mask.octets()),
            Self::FramedIpv6Prefix(prefix) => {
                let head = [0, prefix.prefix_len()];
                writer.joined(kind::FRAMED_IPV6_PREFIX, &head, &prefix.network().octets())
            }
            Self::FramedPool(text) => writer.octets(kind::FRAMED_POOL, text.as_bytes()),
            Self::FramedRoute(text) => writer.octets(kind::FRAMED_ROUTE, text.as_bytes()),
            Self::IdleTimeout(secs) => writer.number(kind::IDLE_TIMEOUT, secs),
            Self::ReplyMessage(text) => writer.octets(kind::REPLY_MESSAGE, text.as_bytes()),
            Self::ServiceType(service) => writer.number(kind::SERVICE_TYPE, service),
            Self::SessionTimeout(secs) => writer.number(kind::SESSION_TIMEOUT, secs),
            Self::Vendor(vendor, kind, octets) => writer.vendor(vendor, kind, octets),
        }
    }
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
