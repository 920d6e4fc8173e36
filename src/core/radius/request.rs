//! What a verified request says beside its proof. Values are octets of the device: they
//! are shown only through [`Shown`](crate::base::Shown).
//!
//! Knows which attribute holds what. Must not know users or rules.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::attribute::kind;
use super::packet::{Packet, Verified};
use super::vendor::Vendor;

impl<'a> Packet<'a, Verified<'a>> {
    /// User-Name (RFC 2865 §5.1), as typed; may be empty.
    #[must_use]
    pub fn user_name(&self) -> Option<&'a [u8]> {
        self.datagram().first(kind::USER_NAME)
    }

    /// Calling-Station-Id (RFC 2865 §5.31): mostly the address of the caller.
    #[must_use]
    pub fn calling_station_id(&self) -> Option<&'a [u8]> {
        self.datagram().first(kind::CALLING_STATION_ID)
    }

    /// Called-Station-Id (RFC 2865 §5.30).
    #[must_use]
    pub fn called_station_id(&self) -> Option<&'a [u8]> {
        self.datagram().first(kind::CALLED_STATION_ID)
    }

    /// NAS-Identifier (RFC 2865 §5.32).
    #[must_use]
    pub fn nas_identifier(&self) -> Option<&'a [u8]> {
        self.datagram().first(kind::NAS_IDENTIFIER)
    }

    /// NAS-IP-Address (RFC 2865 §5.4).
    #[must_use]
    pub fn nas_ip_address(&self) -> Option<Ipv4Addr> {
        self.datagram()
            .number(kind::NAS_IP_ADDRESS)
            .map(Ipv4Addr::from)
    }

    /// NAS-IPv6-Address (RFC 3162 §2.1).
    #[must_use]
    pub fn nas_ipv6_address(&self) -> Option<Ipv6Addr> {
        let octets: [u8; 16] = self
            .datagram()
            .first(kind::NAS_IPV6_ADDRESS)?
            .try_into()
            .ok()?;
        Some(octets.into())
    }

    /// NAS-Port (RFC 2865 §5.5).
    #[must_use]
    pub fn nas_port(&self) -> Option<u32> {
        self.datagram().number(kind::NAS_PORT)
    }

    /// NAS-Port-Type (RFC 2865 §5.41).
    #[must_use]
    pub fn nas_port_type(&self) -> Option<u32> {
        self.datagram().number(kind::NAS_PORT_TYPE)
    }

    /// NAS-Port-Id (RFC 2869 §5.17).
    #[must_use]
    pub fn nas_port_id(&self) -> Option<&'a [u8]> {
        self.datagram().first(kind::NAS_PORT_ID)
    }

    /// State (RFC 2865 §5.24): the request answers a challenge, or pretends to. It must
    /// never be treated as a first round then.
    #[must_use]
    pub fn state_attribute(&self) -> Option<&'a [u8]> {
        self.datagram().first(kind::STATE)
    }

    /// Whether it carries an EAP-Message (RFC 3579 §3.1).
    #[must_use]
    pub fn has_eap(&self) -> bool {
        self.datagram().first(kind::EAP_MESSAGE).is_some()
    }

    /// Every Class in order (RFC 2865 §5.25).
    pub fn classes(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        self.datagram().all(kind::CLASS)
    }

    /// Every Proxy-State in order (RFC 2865 §5.33); replies echo them unasked.
    pub fn proxy_states(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        self.datagram().all(kind::PROXY_STATE)
    }

    /// Every Vendor-Specific in order (RFC 2865 §5.26).
    pub fn vendors(&self) -> impl Iterator<Item = Vendor<'a>> + use<'a> {
        self.datagram()
            .all(kind::VENDOR_SPECIFIC)
            .filter_map(Vendor::parse)
    }
}
