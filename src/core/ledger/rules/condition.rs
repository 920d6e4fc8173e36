//! Which logins a rule decides.

use std::net::Ipv4Addr;

use ipnet::IpNet;

use super::{Fault, Hours};
use crate::base::limits::{FIELD_OCTETS_MAX, RULE_VALUES_MAX};
use crate::base::{ClientId, Name, Timestamp};
use crate::ledger::storage::{NasMatch, RuleMatch};
use crate::radius::kind;

/// The conditions of a rule. Each that has values must hold: by one of them, but `nas` by
/// all. None at all: every login.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Conditions {
    /// The client is one of these.
    pub clients: Vec<ClientId>,
    /// The directory name or an alias is one of these.
    pub users: Vec<Name>,
    /// The user is in one of these groups, of operators or of the directory, by name or
    /// distinguished name; ASCII case does not tell two apart.
    pub groups: Vec<String>,
    /// The domain of the directory name, or of the name as typed, is one of these.
    pub domains: Vec<String>,
    /// The Calling-Station-Id is an address in one of these.
    pub networks: Vec<IpNet>,
    /// What the device says of itself and of the call.
    pub nas: Vec<NasTest>,
    /// The request arrived in one of these.
    pub hours: Vec<Hours>,
    /// The request arrived before this.
    pub until: Option<Timestamp>,
    /// The user has no token, of any state but pending.
    pub without_token: bool,
}

/// A test of one attribute of the request; one that is absent fails it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum NasTest {
    /// NAS-IP-Address (RFC 2865 §5.4) is this.
    Address(Ipv4Addr),
    /// NAS-Port-Type (RFC 2865 §5.41) is this.
    PortType(u32),
    /// A text is this, or begins with it.
    Text {
        /// Which attribute.
        of: NasText,
        /// With what it is compared, octet by octet.
        value: String,
        /// Whether the attribute may go on behind it.
        prefix: bool,
    },
}

/// Attributes of a request that are texts.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum NasText {
    /// Called-Station-Id (RFC 2865 §5.30).
    CalledStationId,
    /// Calling-Station-Id (RFC 2865 §5.31).
    CallingStationId,
    /// NAS-Identifier (RFC 2865 §5.32).
    NasIdentifier,
    /// NAS-Port-Id (RFC 2869 §5.17).
    NasPortId,
}

impl NasTest {
    /// The type of the attribute.
    #[must_use]
    pub const fn kind(&self) -> u8 {
        match self {
            Self::Address(_) => kind::NAS_IP_ADDRESS,
            Self::PortType(_) => kind::NAS_PORT_TYPE,
            Self::Text { of, .. } => match of {
                NasText::CalledStationId => kind::CALLED_STATION_ID,
                NasText::CallingStationId => kind::CALLING_STATION_ID,
                NasText::NasIdentifier => kind::NAS_IDENTIFIER,
                NasText::NasPortId => kind::NAS_PORT_ID,
            },
        }
    }
}

impl Conditions {
    /// Whether every login meets them.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether some login through the client may meet them.
    #[must_use]
    pub fn may_meet(&self, client: ClientId) -> bool {
        self.clients.is_empty() || self.clients.contains(&client)
    }

    /// Whether every login through the client meets them.
    #[must_use]
    pub fn meets_all_of(&self, client: ClientId) -> bool {
        let clients = self.clients.clone();
        let alone = Self {
            clients,
            ..Self::default()
        };
        self.may_meet(client) && *self == alone
    }

    pub(super) fn read(stored: &RuleMatch) -> Result<Self, Fault> {
        bounded("clients", &stored.clients)?;
        let nas = bounded("attributes of the request", &stored.nas)?;
        let hours = bounded("times", &stored.hours)?;
        Ok(Self {
            clients: stored.clients.iter().copied().map(ClientId).collect(),
            users: each("users", &stored.users, user)?,
            groups: each("groups", &stored.groups, group)?,
            domains: each("domains", &stored.domains, domain)?,
            networks: each("addresses", &stored.addresses, network)?,
            nas: nas.iter().map(NasTest::read).collect::<Result<_, _>>()?,
            hours: hours.iter().map(Hours::read).collect::<Result<_, _>>()?,
            until: None,
            without_token: false,
        })
    }
}

impl NasTest {
    fn read(stored: &NasMatch) -> Result<Self, Fault> {
        let fault = |why| Fault::condition("the value", &stored.value, why);
        let text = |of| {
            let fits = (1..=FIELD_OCTETS_MAX).contains(&stored.value.len());
            fits.then(|| Self::Text {
                of,
                value: stored.value.clone(),
                prefix: stored.prefix,
            })
            .ok_or_else(|| fault("is empty or too long"))
        };
        let whole = |test: Option<Self>, why| {
            let test = test.filter(|_| !stored.prefix);
            test.ok_or_else(|| fault(why))
        };
        let kind = u8::try_from(stored.kind).map_err(|_| Fault::Nas(stored.kind))?;
        match kind {
            kind::CALLED_STATION_ID => text(NasText::CalledStationId),
            kind::CALLING_STATION_ID => text(NasText::CallingStationId),
            kind::NAS_IDENTIFIER => text(NasText::NasIdentifier),
            kind::NAS_PORT_ID => text(NasText::NasPortId),
            kind::NAS_IP_ADDRESS => {
                let address = stored.value.parse().ok().map(Self::Address);
                whole(address, "is no whole IPv4 address")
            }
            kind::NAS_PORT_TYPE => {
                let number = stored.value.parse().ok().map(Self::PortType);
                whole(number, "is no number of a port type")
            }
            _ => Err(Fault::Nas(stored.kind)),
        }
    }
}

fn bounded<'a, T>(what: &'static str, values: &'a [T]) -> Result<&'a [T], Fault> {
    if values.len() > RULE_VALUES_MAX {
        return Err(Fault::Many(what, RULE_VALUES_MAX));
    }
    Ok(values)
}

fn each<T>(
    what: &'static str,
    values: &[String],
    read: impl Fn(&str) -> Result<T, Fault>,
) -> Result<Vec<T>, Fault> {
    let values = bounded(what, values)?;
    values.iter().map(|value| read(value)).collect()
}

fn user(text: &str) -> Result<Name, Fault> {
    Name::fold(text).map_err(|_| Fault::condition("user", text, "is no name"))
}

fn group(text: &str) -> Result<String, Fault> {
    let fits = (1..=FIELD_OCTETS_MAX).contains(&text.len());
    let group = fits.then(|| text.to_owned());
    group.ok_or_else(|| Fault::condition("group", text, "is empty or too long"))
}

fn domain(text: &str) -> Result<String, Fault> {
    let plain = Name::fold(text).is_ok() && !text.contains(['@', '\\']);
    let domain = plain.then(|| text.to_owned());
    domain.ok_or_else(|| Fault::condition("domain", text, "is no domain"))
}

/// In its one spelling: bits behind the prefix would look like a single address.
fn network(text: &str) -> Result<IpNet, Fault> {
    let network = text.parse::<IpNet>().ok();
    let network = network.filter(|network| *network == network.trunc());
    network.ok_or_else(|| Fault::condition("address", text, "is no CIDR like 198.51.100.0/24"))
}
