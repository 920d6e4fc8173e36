//! Which rule decides a login, and what follows from it.
//!
//! Rules see replicated facts and attributes of the request alone, so that every node
//! decides alike (DESIGN §2).

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use crate::base::limits::GRANTED_ATTRIBUTES_MAX;
use crate::base::{ClientId, Name, Timestamp};
use crate::ledger::rules::{Ask, Conditions, Names, NasTest, NasText, Prompt, Rule, Then, Unfit};
use crate::ledger::{BurnCode, Factors, storage};
use crate::radius::Attribute;

/// What rules see of a login.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// Through which client.
    pub client: ClientId,
    /// The client's name.
    pub client_name: &'a str,
    /// Whose login.
    pub user: &'a storage::User,
    /// The user's name as it was typed.
    pub typed: &'a str,
    /// The Calling-Station-Id, where it is an address.
    pub caller: Option<IpAddr>,
    /// Calling-Station-Id.
    pub calling_station_id: Option<&'a [u8]>,
    /// Called-Station-Id.
    pub called_station_id: Option<&'a [u8]>,
    /// NAS-Identifier.
    pub nas_identifier: Option<&'a [u8]>,
    /// NAS-IP-Address.
    pub nas_ip_address: Option<Ipv4Addr>,
    /// NAS-Port-Type.
    pub nas_port_type: Option<u32>,
    /// NAS-Port-Id.
    pub nas_port_id: Option<&'a [u8]>,
    /// When the request arrived.
    pub arrived: Timestamp,
    /// Octets that the reply has for attributes.
    pub room: usize,
}

/// What a rule asks of a login, and what it grants.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Terms {
    /// What it must show.
    pub factors: Factors,
    /// When its code is spent; `None`: as the client's entry says.
    pub burn_code: Option<BurnCode>,
    /// How the code is come by.
    pub prompt: Prompt,
    /// What an Accept carries.
    pub grants: Grants,
}

/// What an Accept carries. Cheap to copy: every packet of a login gets the same.
#[derive(Clone, Default, Eq, PartialEq)]
pub struct Grants(Option<Arc<[Attribute]>>);

/// Why rules let a login go no further.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Refusal {
    /// The rule with this name says so.
    #[error("rule \"{0}\" denies it")]
    Denied(String),
    /// No rule says what to show.
    #[error("no rule matches it")]
    NoMatch,
    /// What the rule with this name grants cannot be written.
    #[error("rule \"{0}\" cannot be carried out: {1}")]
    Unfit(String, #[source] Unfit),
}

/// The first condition of a rule that a login does not meet.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Mismatch {
    /// [`Conditions::clients`].
    #[error("the client is another")]
    Client,
    /// [`Conditions::users`].
    #[error("the user is another")]
    User,
    /// [`Conditions::groups`].
    #[error("the user is in none of the groups")]
    Group,
    /// [`Conditions::domains`].
    #[error("neither the directory name nor the typed one is of the domain")]
    Domain,
    /// [`Conditions::networks`].
    #[error("the Calling-Station-Id is no address of the networks")]
    Address,
    /// [`Conditions::nas`].
    #[error("an attribute of the request is absent or another")]
    Nas,
    /// [`Conditions::hours`].
    #[error("the time is another")]
    Hours,
}

/// The terms of the first rule that matches.
///
/// # Errors
/// Why none lets the login go on.
pub fn decide(rules: &[Rule], facts: &Facts<'_>) -> Result<Terms, Refusal> {
    let mut rules = rules.iter();
    let rule = rules.find(|rule| mismatch(&rule.when, facts).is_none());
    let rule = rule.ok_or(Refusal::NoMatch)?;
    match &rule.then {
        Then::Deny => Err(Refusal::Denied(rule.name.clone())),
        Then::Ask(ask) => {
            let grants = granted(ask, facts);
            Ok(Terms {
                factors: ask.factors,
                burn_code: ask.burn_code,
                prompt: ask.prompt,
                grants: grants.map_err(|why| Refusal::Unfit(rule.name.clone(), why))?,
            })
        }
    }
}

/// The first of the conditions that does not hold; `None`: the rule decides.
#[must_use]
pub fn mismatch(when: &Conditions, facts: &Facts<'_>) -> Option<Mismatch> {
    let hold = |any: bool, of: bool, why| (any && !of).then_some(why);
    let user = facts.user;
    let in_group = |group: &String| {
        user.groups
            .iter()
            .any(|own| own.eq_ignore_ascii_case(group))
    };
    let in_networks = |caller: IpAddr| when.networks.iter().any(|net| net.contains(&caller));
    hold(
        !when.clients.is_empty(),
        when.clients.contains(&facts.client),
        Mismatch::Client,
    )
    .or_else(|| {
        hold(
            !when.users.is_empty(),
            is_one_of(user, &when.users),
            Mismatch::User,
        )
    })
    .or_else(|| {
        let found = when.groups.iter().any(in_group);
        hold(!when.groups.is_empty(), found, Mismatch::Group)
    })
    .or_else(|| {
        let found = is_of_domain(&user.name, &when.domains)
            || (is_stored(user, facts.typed) && is_of_domain(facts.typed, &when.domains));
        hold(!when.domains.is_empty(), found, Mismatch::Domain)
    })
    .or_else(|| {
        let found = facts.caller.is_some_and(in_networks);
        hold(!when.networks.is_empty(), found, Mismatch::Address)
    })
    .or_else(|| {
        let found = when.nas.iter().all(|test| holds(test, facts));
        hold(!when.nas.is_empty(), found, Mismatch::Nas)
    })
    .or_else(|| {
        let found = when.hours.iter().any(|hours| hours.hold(facts.arrived));
        hold(!when.hours.is_empty(), found, Mismatch::Hours)
    })
}

fn is_one_of(user: &storage::User, names: &[Name]) -> bool {
    let own = std::iter::once(&user.name).chain(&user.aliases);
    let mut own = own.filter_map(|name| Name::fold(name).ok());
    own.any(|name| names.contains(&name))
}

/// Whether this very spelling is the user's. A domain that was only typed counts for
/// nothing: `ANY\user` leads to a user too, who must not choose a rule by it.
fn is_stored(user: &storage::User, typed: &str) -> bool {
    Name::fold(typed).is_ok_and(|typed| is_one_of(user, &[typed]))
}

/// `user@domain` or `domain\user`.
fn is_of_domain(name: &str, domains: &[String]) -> bool {
    let before = name.split_once('\\').map(|(domain, _)| domain);
    let behind = || name.rsplit_once('@').map(|(_, domain)| domain);
    let Some(own) = before.or_else(behind) else {
        return false;
    };
    domains
        .iter()
        .any(|domain| domain.eq_ignore_ascii_case(own))
}

fn holds(test: &NasTest, facts: &Facts<'_>) -> bool {
    match test {
        NasTest::Address(address) => facts.nas_ip_address == Some(*address),
        NasTest::PortType(number) => facts.nas_port_type == Some(*number),
        NasTest::Text { of, value, prefix } => {
            let said = match of {
                NasText::CalledStationId => facts.called_station_id,
                NasText::CallingStationId => facts.calling_station_id,
                NasText::NasIdentifier => facts.nas_identifier,
                NasText::NasPortId => facts.nas_port_id,
            };
            let value = value.as_bytes();
            said.is_some_and(|said| {
                if *prefix {
                    said.starts_with(value)
                } else {
                    said == value
                }
            })
        }
    }
}

fn granted(ask: &Ask, facts: &Facts<'_>) -> Result<Grants, Unfit> {
    let names = Names {
        typed: facts.typed,
        directory: &facts.user.name,
        client: facts.client_name,
        groups: &facts.user.groups,
    };
    let mut attributes = Vec::new();
    let mut octets: usize = 0;
    for grant in &ask.grants {
        for attribute in grant.attributes(&names)? {
            octets = octets.saturating_add(attribute.packet_octets());
            attributes.push(attribute);
        }
    }
    if octets > facts.room {
        return Err(Unfit::Room(octets, facts.room));
    }
    if attributes.len() > GRANTED_ATTRIBUTES_MAX {
        return Err(Unfit::Many(attributes.len()));
    }
    Ok(Grants::from(attributes))
}

impl Grants {
    /// The attributes, in the order in which they are written.
    #[must_use]
    pub fn attributes(&self) -> &[Attribute] {
        self.0.as_deref().unwrap_or_default()
    }
}

impl From<Vec<Attribute>> for Grants {
    fn from(attributes: Vec<Attribute>) -> Self {
        Self((!attributes.is_empty()).then(|| attributes.into()))
    }
}

/// Numbers alone: values are for the device.
impl fmt::Debug for Grants {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let numbers = self.attributes().iter().map(Attribute::number);
        f.debug_list().entries(numbers).finish()
    }
}

#[cfg(test)]
mod tests;
