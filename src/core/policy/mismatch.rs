//! Why a rule does not decide a login, told to operators.
//!
//! Runs for each login and each rule before the one that decides: it copies nothing.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};

use super::Facts;
use crate::base::{Name, Shown, Timestamp};
use crate::ledger::rules::{Conditions, NasTest, NasText};
use crate::ledger::{storage, synced};
use crate::radius::{Entry, Number};

/// The first condition of a rule that a login does not meet.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Mismatch<'a> {
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
    #[error("{0}")]
    Nas(NasMismatch<'a>),
    /// [`Conditions::hours`].
    #[error("the time is another")]
    Hours,
    /// [`Conditions::until`].
    #[error("it has ended")]
    Ended(Timestamp),
    /// [`Conditions::without_token`].
    #[error("the user has a token, be it disabled, and the rule is for users without")]
    Token,
}

/// The attribute of the request that is absent or another.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct NasMismatch<'a> {
    /// What the rule asks for.
    pub wanted: &'a NasTest,
    /// What the request says.
    pub seen: Seen<'a>,
}

/// What a request says in one attribute.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Seen<'a> {
    /// The attribute is not there.
    Nothing,
    /// An address.
    Address(Ipv4Addr),
    /// A number.
    Number(u32),
    /// Octets of the device.
    Text(&'a [u8]),
}

impl fmt::Display for NasMismatch<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = Number::Standard(self.wanted.kind());
        let entry = Entry::numbered(number);
        match entry {
            Some(entry) => f.write_str(entry.name)?,
            None => write!(f, "attribute {number}")?,
        }
        let named = |number: u32| {
            let name = entry.and_then(|entry| entry.value_name(number));
            name.map_or_else(|| number.to_string(), str::to_owned)
        };
        match self.wanted {
            NasTest::Address(address) => write!(f, " is not {address}")?,
            NasTest::PortType(number) => write!(f, " is not {}", named(*number))?,
            NasTest::Text { value, prefix, .. } => {
                let misses = if *prefix {
                    "does not begin with"
                } else {
                    "is not"
                };
                write!(f, " {misses} \"{}\"", Shown::from(&**value))?;
            }
        }
        match self.seen {
            Seen::Nothing => f.write_str(": the request has none"),
            Seen::Address(address) => write!(f, ", but {address}"),
            Seen::Number(number) => write!(f, ", but {}", named(number)),
            Seen::Text(text) => write!(f, ", but \"{}\"", Shown(text)),
        }
    }
}

/// The first of the conditions that does not hold; `None`: the rule decides.
#[must_use]
pub fn mismatch<'a>(when: &'a Conditions, facts: &Facts<'a>) -> Option<Mismatch<'a>> {
    let hold = |any: bool, of: bool, why| (any && !of).then_some(why);
    let user = facts.user;
    let in_group = |group: &String| synced::is_in(user, group);
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
        let wanted = when.nas.iter().find(|test| !holds(test, facts))?;
        let seen = seen(wanted, facts);
        Some(Mismatch::Nas(NasMismatch { wanted, seen }))
    })
    .or_else(|| {
        let found = when.hours.iter().any(|hours| hours.hold(facts.arrived));
        hold(!when.hours.is_empty(), found, Mismatch::Hours)
    })
    .or_else(|| {
        let until = when.until.filter(|until| facts.arrived >= *until);
        until.map(Mismatch::Ended)
    })
    .or_else(|| hold(when.without_token, !facts.has_token, Mismatch::Token))
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
    match (test, seen(test, facts)) {
        (NasTest::Address(wanted), Seen::Address(seen)) => *wanted == seen,
        (NasTest::PortType(wanted), Seen::Number(seen)) => *wanted == seen,
        (
            NasTest::Text {
                value,
                prefix: true,
                ..
            },
            Seen::Text(seen),
        ) => seen.starts_with(value.as_bytes()),
        (NasTest::Text { value, .. }, Seen::Text(seen)) => seen == value.as_bytes(),
        _ => false,
    }
}

fn seen<'a>(test: &NasTest, facts: &Facts<'a>) -> Seen<'a> {
    let text = |said: Option<&'a [u8]>| said.map_or(Seen::Nothing, Seen::Text);
    match test {
        NasTest::Address(_) => facts.nas_ip_address.map_or(Seen::Nothing, Seen::Address),
        NasTest::PortType(_) => facts.nas_port_type.map_or(Seen::Nothing, Seen::Number),
        NasTest::Text { of, .. } => text(match of {
            NasText::CalledStationId => facts.called_station_id,
            NasText::CallingStationId => facts.calling_station_id,
            NasText::NasIdentifier => facts.nas_identifier,
            NasText::NasPortId => facts.nas_port_id,
        }),
    }
}
