//! Rules as types that cannot lie: each is read once, when it is set and when a node takes
//! it into use, and what contradicts itself is no rule.
//!
//! Knows attributes by their numbers and types, never by name: nodes whose dictionaries
//! differ must read a rule alike. Must not know which login a rule is held against.

mod condition;
mod fault;
mod grant;
mod hours;
mod template;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::sync::Arc;

pub use condition::{Conditions, NasTest, NasText};
pub use fault::{Fault, RuleError};
pub use grant::{Grant, Granted, Names, SealedAttribute, Unfit};
pub use hours::Hours;
pub use template::{Template, TemplateError};

use super::command::burn_code;
use super::storage::{self, RuleFactors};
use super::{BurnCode, Factors, is_server_name};
use crate::base::limits::{
    INITIAL_LOGINS_MAX, RULE_ATTRIBUTES_MAX, RULE_VALUES_MAX, RULES_MAX, RULES_OCTETS_MAX,
};
use crate::base::{Name, Shown, Timestamp};

/// One rule.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Rule {
    /// What operators call it.
    pub name: String,
    /// Which logins it decides.
    pub when: Conditions,
    /// How.
    pub then: Then,
}

/// What a rule decides.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Then {
    /// The login may show something, and is let in by it.
    Ask(Ask),
    /// The login is refused.
    Deny,
}

/// What a login must show, and what it is granted.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Ask {
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
    /// What an Accept carries, in this order.
    pub grants: Vec<Grant>,
    /// The old server that is asked, where the factors are to forward; by its name in the
    /// settings.
    pub to: Option<Arc<str>>,
    /// So often the password alone lets in each user without a token; 0: it does not look at
    /// tokens.
    pub initial_logins: u32,
}

/// How the code is come by, where one is asked for.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Prompt {
    /// It stands behind the password.
    #[default]
    Append,
    /// It is asked for in a challenge, always.
    Challenge,
    /// It stands behind the password; where that ends in no digits, it is asked for.
    Either,
}

/// How a code is sent to a user who asks for one.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum PasscodeWay {
    /// By e-mail.
    Email,
    /// By SMS.
    Sms,
}

/// Reads a list of rules.
///
/// # Errors
/// The first rule that contradicts itself or another.
pub fn parse(stored: &storage::Rules) -> Result<Vec<Rule>, RuleError> {
    let size = prost::Message::encoded_len(stored);
    if stored.rules.len() > RULES_MAX || size > RULES_OCTETS_MAX {
        return Err(RuleError::of("", Fault::List));
    }
    let mut names = BTreeSet::new();
    let mut rules: Vec<Rule> = Vec::with_capacity(stored.rules.len());
    for one in &stored.rules {
        let fault = |fault| RuleError::of(&one.name, fault);
        let name = Name::fold(&one.name).map_err(|why| fault(Fault::Name(why)))?;
        if !names.insert(name) {
            return Err(fault(Fault::Duplicate));
        }
        if let Some(last) = rules.last()
            && last.when.is_empty()
        {
            let before = Shown::from(&*last.name).to_string();
            return Err(fault(Fault::Unreachable(before)));
        }
        rules.push(Rule::read(one).map_err(fault)?);
    }
    Ok(rules)
}

impl Rule {
    fn read(stored: &storage::Rule) -> Result<Self, Fault> {
        let when = stored.r#match.as_ref();
        let mut when = when.map_or_else(|| Ok(Conditions::default()), Conditions::read)?;
        let then = Then::read(stored)?;
        when.until = (stored.until > 0).then(|| Timestamp::from_millis(stored.until));
        when.without_token = then.minds_tokens();
        if when.without_token && when.until.is_none() {
            return Err(Fault::NoUntil);
        }
        Ok(Self {
            name: stored.name.clone(),
            when,
            then,
        })
    }
}

impl Then {
    /// Whether it is for users without a token alone.
    #[must_use]
    pub fn minds_tokens(&self) -> bool {
        match self {
            Self::Ask(ask) => ask.to.is_some() || ask.initial_logins > 0,
            Self::Deny => false,
        }
    }

    fn read(stored: &storage::Rule) -> Result<Self, Fault> {
        let burn = storage::BurnCode::try_from(stored.burn_code).map_err(|_| Fault::BurnCode)?;
        let burn_code = burn_code(burn);
        let prompt = Prompt::read(stored.prompt)?;
        let passcode = PasscodeWay::read(stored.passcode)?;
        let (to, initial_logins) = without_token(stored)?;
        let factors = match stored.factors() {
            RuleFactors::Unspecified => return Err(Fault::Factors),
            RuleFactors::Forward => Factors::Forward,
            RuleFactors::Deny
                if !stored.attributes.is_empty()
                    || stored.account.is_some()
                    || burn_code.is_some()
                    || passcode.is_some()
                    || prompt != Prompt::Append =>
            {
                return Err(Fault::DenyGrants);
            }
            RuleFactors::Deny => return Ok(Self::Deny),
            RuleFactors::Password if burn_code.is_some() => return Err(Fault::NoCode),
            RuleFactors::Password if prompt != Prompt::Append => return Err(Fault::NoPrompt),
            RuleFactors::Password if passcode.is_some() => return Err(Fault::NoPasscode),
            RuleFactors::Password => Factors::Password,
            RuleFactors::Code if stored.account.is_some() => Factors::CodeAndAccount,
            RuleFactors::Code => Factors::Code,
            RuleFactors::PasswordAndCode => Factors::PasswordAndCode,
        };
        // Only an answer to a challenge can ask for one.
        if passcode.is_some() && prompt == Prompt::Append {
            return Err(Fault::PasscodePrompt);
        }
        let account = stored.account.as_ref().map(account_groups).transpose()?;
        if stored.attributes.len() > RULE_ATTRIBUTES_MAX {
            return Err(Fault::Many("attributes", RULE_ATTRIBUTES_MAX));
        }
        let grants = stored.attributes.iter().map(Grant::read);
        let grants = grants.collect::<Result<Vec<_>, _>>()?;
        let of_account = grants.iter().find(|grant| grant.asks_directory());
        if let (None, Some(grant)) = (&account, of_account) {
            return Err(Fault::NoAccount(grant.number()));
        }
        Ok(Self::Ask(Ask {
            factors,
            burn_code,
            prompt,
            passcode,
            account,
            grants,
            to,
            initial_logins,
        }))
    }
}

/// Those of which the account must be in one; none: in any or none.
fn account_groups(stored: &storage::AccountCheck) -> Result<Arc<[String]>, Fault> {
    let groups = &stored.groups;
    if groups.len() > RULE_VALUES_MAX {
        return Err(Fault::Many("groups of the account", RULE_VALUES_MAX));
    }
    if groups.iter().any(String::is_empty) {
        return Err(Fault::condition("group of the account", "", "is empty"));
    }
    Ok(groups.as_slice().into())
}

/// Whom a rule forwards to, and how often it lets in without a token.
fn without_token(stored: &storage::Rule) -> Result<(Option<Arc<str>>, u32), Fault> {
    let (forwards, to) = (stored.factors() == RuleFactors::Forward, &*stored.forward);
    if forwards != is_server_name(to) || !forwards && !to.is_empty() {
        return Err(Fault::To);
    }
    let asks = stored.account.is_some() || stored.burn_code != 0 || stored.passcode != 0;
    if forwards && (asks || Prompt::read(stored.prompt)? != Prompt::Append) {
        return Err(Fault::ForwardAsks);
    }
    let logins = stored.initial_logins;
    if logins > 0 && stored.factors() != RuleFactors::Password {
        return Err(Fault::InitialFactors);
    }
    if logins > INITIAL_LOGINS_MAX {
        return Err(Fault::InitialLogins);
    }
    Ok((forwards.then(|| Arc::from(to)), logins))
}

impl Prompt {
    fn read(stored: i32) -> Result<Self, Fault> {
        match storage::Prompt::try_from(stored).map_err(|_| Fault::Prompt)? {
            storage::Prompt::Unspecified | storage::Prompt::Append => Ok(Self::Append),
            storage::Prompt::Challenge => Ok(Self::Challenge),
            storage::Prompt::Either => Ok(Self::Either),
        }
    }
}

impl PasscodeWay {
    fn read(stored: i32) -> Result<Option<Self>, Fault> {
        Ok(
            match storage::PasscodeWay::try_from(stored).map_err(|_| Fault::Passcode)? {
                storage::PasscodeWay::Unspecified => None,
                storage::PasscodeWay::Email => Some(Self::Email),
                storage::PasscodeWay::Sms => Some(Self::Sms),
            },
        )
    }
}
