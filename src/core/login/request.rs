//! One login as it was asked: what the packet says, after it was proven and un-hidden.
//!
//! Knows which parts name the caller. Must not know packets.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use super::Response;
use crate::base::limits::{PACKET_OCTETS_MAX, PACKET_OCTETS_MIN};
use crate::base::{ClientId, Secret, Timestamp};
use crate::radius::{Attribute, Number, kind};

/// One login as it was asked.
#[derive(Debug)]
pub struct Request {
    /// The client entry whose secret proved the packet.
    pub client: ClientId,
    /// The revision of that entry. Another one now in force means that the packet was
    /// never held against the rule in force; it is not judged.
    pub client_revision: u64,
    /// User-Name, as typed.
    pub user_name: Vec<u8>,
    /// User-Password after un-hiding, without the NUL padding: password and code, or the
    /// answer to a challenge.
    pub password: Secret,
    /// State (RFC 2865 §5.24): what was answered.
    pub state: Option<Vec<u8>>,
    /// What came in place of a password. The password is empty then, until a code is found
    /// that the response was made with.
    pub response: Option<Arc<Response>>,
    /// Whether a Message-Authenticator proved the packet. Without one a wrong shared
    /// secret shows only as noise in the password.
    pub proven: bool,
    /// Who asks, as far as the device says.
    pub caller: Caller,
    /// The node's wall clock at arrival: the time whose code the user typed.
    ///
    /// Steps are counted by the node's own clock and not by entry time: entry time stands
    /// still while nothing is committed and never goes back after a jump, so tokens, which
    /// follow the real time, would drift from it. That is safe, as no clock decides
    /// whether a code is spent: the ledger keeps the last spent step. And they are counted
    /// at arrival, so that a login does not lose its code while it waits for its turn.
    pub arrived: Timestamp,
    /// What else the packet says that rules look at.
    pub call: Call,
}

/// What a packet says of a call, and what is no part of the login: another server may be
/// told otherwise.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Call {
    /// Called-Station-Id (RFC 2865 §5.30).
    pub called_station_id: Option<Vec<u8>>,
    /// NAS-Port-Type (RFC 2865 §5.41).
    pub nas_port_type: Option<u32>,
    /// Octets of the Proxy-States that the reply has to repeat.
    pub echoed_octets: usize,
}

/// The attributes that tell one caller from another, as present. What a device may change
/// from server to server must not be among them.
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
pub struct Caller {
    /// Calling-Station-Id (RFC 2865 §5.31).
    pub calling_station_id: Option<Vec<u8>>,
    /// NAS-Identifier (RFC 2865 §5.32).
    pub nas_identifier: Option<Vec<u8>>,
    /// NAS-IP-Address (RFC 2865 §5.4).
    pub nas_ip_address: Option<Ipv4Addr>,
    /// NAS-Port (RFC 2865 §5.5).
    pub nas_port: Option<u32>,
    /// NAS-Port-Id (RFC 2869 §5.17).
    pub nas_port_id: Option<Vec<u8>>,
}

impl Caller {
    /// The Calling-Station-Id, where it is an address.
    #[must_use]
    pub fn address(&self) -> Option<IpAddr> {
        let station = self.calling_station_id.as_deref();
        let text = station.and_then(|octets| std::str::from_utf8(octets).ok())?;
        let address: IpAddr = text.trim().parse().ok()?;
        Some(address.to_canonical())
    }

    /// What tells callers apart, as a list: first which of the others are present.
    pub(super) fn with_parts<T>(&self, with: impl FnOnce([&[u8]; 6]) -> T) -> T {
        let address = self.nas_ip_address.map(|address| address.octets());
        let port = self.nas_port.map(u32::to_be_bytes);
        let parts = [
            self.calling_station_id.as_deref(),
            self.nas_identifier.as_deref(),
            address.as_ref().map(<[u8; 4]>::as_slice),
            port.as_ref().map(<[u8; 4]>::as_slice),
            self.nas_port_id.as_deref(),
        ];
        let present = parts.map(|part| u8::from(part.is_some()));
        let [a, b, c, d, e] = parts.map(Option::unwrap_or_default);
        with([&present, a, b, c, d, e])
    }

    /// Whether the user's end of the line is named, so that two callers with one user's
    /// password and code do not look alike.
    #[must_use]
    pub fn is_named(&self) -> bool {
        let said = |text: &Option<Vec<u8>>| text.as_ref().is_some_and(|text| !text.is_empty());
        said(&self.calling_station_id) || said(&self.nas_port_id) || self.nas_port.is_some()
    }
}

impl Request {
    /// Octets that the reply has for what a rule grants: a packet without its header, its
    /// Message-Authenticator and what it repeats.
    #[must_use]
    pub fn room(&self) -> usize {
        PACKET_OCTETS_MAX
            .saturating_sub(PACKET_OCTETS_MIN)
            .saturating_sub(MESSAGE_AUTHENTICATOR_OCTETS)
            .saturating_sub(self.call.echoed_octets)
            .saturating_sub(self.success_octets())
    }

    /// The same request, as if the code had been typed in clear.
    #[must_use]
    pub fn with_code(&self, code: Secret) -> Self {
        Self {
            user_name: self.user_name.clone(),
            password: code,
            state: self.state.clone(),
            response: self.response.clone(),
            caller: self.caller.clone(),
            call: self.call.clone(),
            ..*self
        }
    }

    /// What an old server is told of the call, as the device has said it.
    #[must_use]
    pub fn forwarded_attributes(&self) -> Vec<Attribute> {
        let Self { caller, call, .. } = self;
        let address = caller.nas_ip_address.map(|address| address.octets());
        let number = |number: Option<u32>| number.map(u32::to_be_bytes);
        let (port, port_type) = (number(caller.nas_port), number(call.nas_port_type));
        let said = [
            (
                kind::CALLING_STATION_ID,
                caller.calling_station_id.as_deref(),
            ),
            (kind::CALLED_STATION_ID, call.called_station_id.as_deref()),
            (kind::NAS_IDENTIFIER, caller.nas_identifier.as_deref()),
            (kind::NAS_IP_ADDRESS, address.as_ref().map(|it| &it[..])),
            (kind::NAS_PORT, port.as_ref().map(|it| &it[..])),
            (kind::NAS_PORT_TYPE, port_type.as_ref().map(|it| &it[..])),
            (kind::NAS_PORT_ID, caller.nas_port_id.as_deref()),
        ];
        let said = said.into_iter().filter_map(|(kind, value)| {
            // What is empty says nothing.
            Attribute::of_login(Number::Standard(kind), value?).ok()
        });
        said.collect()
    }

    fn success_octets(&self) -> usize {
        self.response
            .as_ref()
            .map_or(0, |made| made.success_octets())
    }

    /// The password as text a source can be asked with: UTF-8 without controls.
    ///
    /// What is not, is what a wrong shared secret looks like.
    #[must_use]
    pub fn is_clean_text(&self) -> bool {
        is_clean(self.password.expose())
    }
}

/// Whether a source can be asked with it: UTF-8 without controls.
pub(super) fn is_clean(octets: &[u8]) -> bool {
    std::str::from_utf8(octets).is_ok_and(|text| !text.chars().any(char::is_control))
}

/// With type and length (RFC 3579 §3.2).
const MESSAGE_AUTHENTICATOR_OCTETS: usize = 18;
