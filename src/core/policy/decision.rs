//! Which rule decides a login, and what follows from it.
//!
//! Rules see replicated facts and attributes of the request alone, so that every node
//! decides alike (DESIGN §2).

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use super::{AccountGrants, mismatch};
use crate::base::limits::{GRANTED_ATTRIBUTES_MAX, RELAYED_ATTRIBUTES_MAX, RELAYED_OCTETS_MAX};
use crate::base::{ClientId, Secret, Timestamp};
use crate::ledger::rules::{
    Ask, Granted, Names, PasscodeWay, Prompt, Rule, SealedAttribute, Then, Unfit,
};
use crate::ledger::{BurnCode, Factors, storage, synced};
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
    /// Whether the user has a token of any state but pending.
    pub has_token: bool,
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
    /// How a code is sent to who asks for one; `None`: none is.
    pub passcode: Option<PasscodeWay>,
    /// The account must be alive, whatever else is shown, and in one of these groups; none:
    /// in any or none. `None`: nobody looks.
    pub account: Option<Arc<[String]>>,
    /// What an Accept carries.
    pub grants: Grants,
    /// What it carries beside that, once the directory has told the groups of the account.
    pub account_grants: Option<Arc<AccountGrants>>,
    /// The old server that decides, where the factors are to forward.
    pub to: Option<Arc<str>>,
    /// So many logins each user without a token is let in by the password alone; 0: tokens do
    /// not matter.
    pub initial_logins: u32,
}

/// What rules grant. Cheap to copy: every packet of a login gets the same.
#[derive(Clone, Default, Eq, PartialEq)]
pub struct Grants(Option<Arc<[Granted]>>);

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
            let granted = granted(ask, facts);
            let granted = granted.map_err(|why| Refusal::Unfit(rule.name.clone(), why));
            let (grants, account_grants) = granted?;
            Ok(Terms {
                factors: ask.factors,
                burn_code: ask.burn_code,
                prompt: ask.prompt,
                passcode: ask.passcode,
                account: ask.account.clone(),
                grants,
                account_grants,
                to: ask.to.clone(),
                initial_logins: ask.initial_logins,
            })
        }
    }
}

/// What is granted at once, and what waits for the directory.
fn granted(ask: &Ask, facts: &Facts<'_>) -> Result<(Grants, Option<Arc<AccountGrants>>), Unfit> {
    let groups: Vec<&str> = synced::groups(facts.user).collect();
    let names = Names {
        typed: facts.typed,
        directory: &facts.user.name,
        client: facts.client_name,
        groups: &groups,
        account_groups: &[],
    };
    let account_grants = AccountGrants::of(&ask.grants, &names);
    let mut attributes = Vec::new();
    let mut octets: usize = 0;
    for grant in ask.grants.iter().filter(|grant| !grant.asks_directory()) {
        for attribute in grant.attributes(&names)? {
            octets = octets.saturating_add(attribute.packet_octets());
            attributes.push(attribute);
        }
    }
    // What others say comes beside that, and nothing of either may be left out.
    let (relayed, relayed_octets) = if ask.to.is_some() || account_grants.is_some() {
        (RELAYED_ATTRIBUTES_MAX, RELAYED_OCTETS_MAX)
    } else {
        (0, 0)
    };
    let octets = octets.saturating_add(relayed_octets);
    if octets > facts.room {
        return Err(Unfit::Room(octets, facts.room));
    }
    let count = attributes.len().saturating_add(relayed);
    if count > GRANTED_ATTRIBUTES_MAX {
        return Err(Unfit::Many(count));
    }
    Ok((Grants::from(attributes), account_grants.map(Arc::new)))
}

impl Grants {
    /// What is granted, in the order in which it is written.
    #[must_use]
    pub fn granted(&self) -> &[Granted] {
        self.0.as_deref().unwrap_or_default()
    }

    /// What an Accept carries. `open` opens a value that is sealed; where it cannot, or what
    /// it opens does not fit, nothing is carried: with an attribute less the user might be
    /// let further in.
    #[must_use]
    pub fn opened(
        &self,
        open: impl Fn(&SealedAttribute) -> Option<Secret>,
    ) -> Option<Vec<Attribute>> {
        let opened = self.granted().iter().map(|granted| match granted {
            Granted::Attribute(attribute) => Some(attribute.clone()),
            Granted::Sealed(sealed) => sealed.opened(open(sealed)?).ok(),
        });
        opened.collect()
    }
}

impl From<Vec<Granted>> for Grants {
    fn from(granted: Vec<Granted>) -> Self {
        Self((!granted.is_empty()).then(|| granted.into()))
    }
}

/// Numbers alone: values are for the device.
impl fmt::Debug for Grants {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let numbers = self.granted().iter().map(Granted::number);
        f.debug_list().entries(numbers).finish()
    }
}

#[cfg(test)]
mod tests;
