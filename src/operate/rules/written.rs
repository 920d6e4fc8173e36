//! A rule in words: what a file, the command line and the API have of it.

use countersign_core::base::Timestamp;
use countersign_core::ledger::storage::{
    self, AccountCheck, BurnCode, Client, PasscodeWay, Prompt, RuleFactors, RuleMatch,
};
use countersign_core::policy::written::{
    self, WrittenError, shown_attribute, shown_hours, shown_nas,
};
use serde::{Deserialize, Serialize};

use super::until::{shown_until, until};
use crate::operate::OperateError;

/// A rule in words. A list that is empty asks for nothing.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct RuleWritten {
    /// Unique.
    pub name: String,
    /// Names of clients.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub clients: Vec<String>,
    /// Directory names or aliases.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub users: Vec<String>,
    /// Of the user.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<String>,
    /// Of the user's names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub domains: Vec<String>,
    /// Networks of the caller, CIDR.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<String>,
    /// `NAS-Identifier=fw1`; all must hold.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub nas: Vec<String>,
    /// `mon-fri 08:00-18:00 +01:00`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hours: Vec<String>,
    /// `2027-03-01`, or a moment in RFC 3339, from when on it matches nothing; empty: never.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub until: String,
    /// `both`, `code`, `password`, `forward` or `deny`.
    pub factors: String,
    /// Of `forward`: the old server that decides, by its name in the settings.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub to: String,
    /// Of `password`: it is for users without a token, and lets each in so often; 0: it does
    /// not look at tokens.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub initial_logins: u32,
    /// `on-accept` or `on-match`; empty: as the client says.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub burn_code: String,
    /// `append`, `challenge` or `either`; empty: append.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub prompt: String,
    /// `email` or `sms`: how a code is sent to who asks for one; empty: none is.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub passcode: String,
    /// `required`: with the code alone, the directory's account must be alive; empty: nobody
    /// looks.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub account: String,
    /// Groups of the directory of which the account must be in one, by name or id.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub account_groups: Vec<String>,
    /// `Class=OU={groups};`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attributes: Vec<String>,
}

impl RuleWritten {
    /// A stored rule in words. A client that is not among `clients` has its number.
    pub(super) fn of(stored: &storage::Rule, clients: &[Client]) -> Self {
        let when = stored.r#match.clone().unwrap_or_default();
        let client = |id: &u64| {
            let mut clients = clients.iter();
            let found = clients.find(|client| client.id == *id);
            found.map_or_else(|| id.to_string(), |client| client.name.clone())
        };
        Self {
            name: stored.name.clone(),
            clients: when.clients.iter().map(client).collect(),
            users: when.users,
            groups: when.groups,
            domains: when.domains,
            addresses: when.addresses,
            nas: when.nas.iter().map(shown_nas).collect(),
            hours: when.hours.iter().map(shown_hours).collect(),
            until: shown_until(stored.until),
            factors: factors_word(stored.factors()).to_owned(),
            to: stored.forward.clone(),
            initial_logins: stored.initial_logins,
            burn_code: burn_code_word(stored.burn_code()).to_owned(),
            prompt: prompt_word(stored.prompt()).to_owned(),
            passcode: passcode_word(stored.passcode()).to_owned(),
            account: stored.account.as_ref().map_or("", |_| REQUIRED).to_owned(),
            account_groups: stored
                .account
                .as_ref()
                .map_or_else(Vec::new, |account| account.groups.clone()),
            attributes: stored.attributes.iter().map(shown_attribute).collect(),
        }
    }

    /// The rule as it is stored. Whether it contradicts itself is for the ledger to say.
    pub(super) fn stored(
        &self,
        client: impl Fn(&str) -> Result<u64, OperateError>,
    ) -> Result<storage::Rule, OperateError> {
        let fault = |why: String| {
            let rule = countersign_core::base::Shown::from(&*self.name);
            OperateError::invalid("rule", format!("\"{rule}\": {why}"))
        };
        let written = |why: WrittenError| fault(why.to_string());
        let clients = self.clients.iter().map(|name| client(name));
        let nas = self.nas.iter().map(|text| written::nas(text));
        let hours = self.hours.iter().map(|text| written::hours(text));
        let attributes = self.attributes.iter().map(|it| written::attribute(it));
        let when = RuleMatch {
            clients: clients
                .collect::<Result<_, _>>()
                .map_err(|why| fault(why.to_string()))?,
            users: self.users.clone(),
            groups: self.groups.clone(),
            domains: self.domains.clone(),
            addresses: self.addresses.clone(),
            nas: nas.collect::<Result<_, _>>().map_err(written)?,
            hours: hours.collect::<Result<_, _>>().map_err(written)?,
        };
        let factors = FACTORS.iter().find(|(word, _)| *word == self.factors);
        let factors = factors.ok_or_else(|| {
            fault("the factors are both, code, password, forward or deny".to_owned())
        })?;
        let burn_code = BURN_CODES.iter().find(|(word, _)| *word == self.burn_code);
        let burn_code =
            burn_code.ok_or_else(|| fault("burn_code is on-accept or on-match".to_owned()))?;
        let prompt = PROMPTS.iter().find(|(word, _)| *word == self.prompt);
        let prompt =
            prompt.ok_or_else(|| fault("prompt is append, challenge or either".to_owned()))?;
        let passcode = PASSCODES.iter().find(|(word, _)| *word == self.passcode);
        let passcode = passcode.ok_or_else(|| fault("passcode is email or sms".to_owned()))?;
        let until = until(&self.until).map_err(|why| fault(why.to_owned()))?;
        Ok(storage::Rule {
            until: until.map_or(0, Timestamp::as_millis),
            forward: self.to.clone(),
            initial_logins: self.initial_logins,
            name: self.name.clone(),
            r#match: Some(when),
            factors: factors.1.into(),
            burn_code: burn_code.1.into(),
            prompt: prompt.1.into(),
            passcode: passcode.1.into(),
            account: self.account().map_err(|why| fault(why.to_owned()))?,
            attributes: attributes.collect::<Result<_, _>>().map_err(written)?,
        })
    }

    fn account(&self) -> Result<Option<AccountCheck>, &'static str> {
        match &*self.account {
            "" if self.account_groups.is_empty() => Ok(None),
            "" => Err("account_groups are looked at where account is required"),
            REQUIRED => Ok(Some(AccountCheck {
                groups: self.account_groups.clone(),
            })),
            _ => Err("account is required, or left out"),
        }
    }
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands over a reference"
)]
const fn is_zero(number: &u32) -> bool {
    *number == 0
}

const REQUIRED: &str = "required";

pub(super) fn factors_word(factors: RuleFactors) -> &'static str {
    let found = FACTORS.iter().find(|(_, known)| *known == factors);
    found.map_or("unknown", |(word, _)| word)
}

pub(super) fn burn_code_word(burn_code: BurnCode) -> &'static str {
    let found = BURN_CODES.iter().find(|(_, known)| *known == burn_code);
    found.map_or("", |(word, _)| word)
}

pub(super) fn prompt_word(prompt: Prompt) -> &'static str {
    let found = PROMPTS.iter().find(|(_, known)| *known == prompt);
    found.map_or("", |(word, _)| word)
}

pub(super) fn passcode_word(passcode: PasscodeWay) -> &'static str {
    let found = PASSCODES.iter().find(|(_, known)| *known == passcode);
    found.map_or("", |(word, _)| word)
}

const FACTORS: [(&str, RuleFactors); 5] = [
    ("both", RuleFactors::PasswordAndCode),
    ("code", RuleFactors::Code),
    ("password", RuleFactors::Password),
    ("forward", RuleFactors::Forward),
    ("deny", RuleFactors::Deny),
];

const BURN_CODES: [(&str, BurnCode); 3] = [
    ("", BurnCode::Unspecified),
    ("on-accept", BurnCode::OnAccept),
    ("on-match", BurnCode::OnMatch),
];

const PROMPTS: [(&str, Prompt); 4] = [
    ("", Prompt::Unspecified),
    ("append", Prompt::Append),
    ("challenge", Prompt::Challenge),
    ("either", Prompt::Either),
];

const PASSCODES: [(&str, PasscodeWay); 3] = [
    ("", PasscodeWay::Unspecified),
    ("email", PasscodeWay::Email),
    ("sms", PasscodeWay::Sms),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn full() -> RuleWritten {
        let texts = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect();
        RuleWritten {
            name: "staff".to_owned(),
            clients: texts(&["fw1"]),
            users: texts(&["alice"]),
            groups: texts(&["vpn"]),
            domains: texts(&["contoso.example"]),
            addresses: texts(&["198.51.100.0/24"]),
            nas: texts(&["NAS-Identifier=fw1", "Called-Station-Id^=vpn-"]),
            hours: texts(&["mon,fri 08:00-18:00 +01:00"]),
            until: "2027-03-01".to_owned(),
            factors: "code".to_owned(),
            to: "old".to_owned(),
            initial_logins: 3,
            burn_code: "on-match".to_owned(),
            prompt: "challenge".to_owned(),
            passcode: "email".to_owned(),
            account: REQUIRED.to_owned(),
            account_groups: texts(&["VPN Users"]),
            attributes: texts(&["Class=OU={groups:;};", "Tunnel-Type:1=VLAN"]),
        }
    }

    fn fw1(name: &str) -> Result<u64, OperateError> {
        match name {
            "fw1" => Ok(7),
            _ => Err(OperateError::invalid("client", "none")),
        }
    }

    #[test]
    fn a_rule_is_shown_as_it_was_written() {
        let stored = full().stored(fw1).expect("a rule");
        let client = Client {
            id: 7,
            name: "fw1".to_owned(),
            ..Client::default()
        };
        assert_eq!(RuleWritten::of(&stored, &[client]), full());
    }

    #[test]
    fn a_rule_goes_through_a_file() {
        let text = toml::to_string(&full()).expect("TOML");
        assert_eq!(toml::from_str(&text), Ok(full()));
        let least = "name = \"all\"\nfactors = \"deny\"\n";
        let rule: RuleWritten = toml::from_str(least).expect("a rule");
        assert_eq!(toml::to_string(&rule).expect("TOML"), least);
        assert!(toml::from_str::<RuleWritten>("name = \"all\"\ngroup = \"a\"\n").is_err());
    }

    #[test]
    fn what_cannot_be_read_is_told_with_the_name_of_its_rule() {
        let faults: [fn(&mut RuleWritten); 11] = [
            |it| it.clients = vec!["fw2".to_owned()],
            |it| it.nas = vec!["NAS-Identifer=fw1".to_owned()],
            |it| it.hours = vec!["always".to_owned()],
            |it| it.until = "soon".to_owned(),
            |it| it.factors = "all".to_owned(),
            |it| it.burn_code = "never".to_owned(),
            |it| it.prompt = "push".to_owned(),
            |it| it.passcode = "pigeon".to_owned(),
            |it| it.account = "alive".to_owned(),
            |it| it.account.clear(),
            |it| it.attributes = vec!["Clas=x".to_owned()],
        ];
        for (number, change) in faults.into_iter().enumerate() {
            let mut rule = full();
            change(&mut rule);
            let error = rule.stored(fw1).expect_err("a fault").to_string();
            assert!(error.contains("\"staff\": "), "{number}: {error}");
        }
    }
}
