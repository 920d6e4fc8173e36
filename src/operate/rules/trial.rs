//! What the rules would decide of a login, told rule by rule. Nobody logs in by it.

use countersign_core::base::{ClientId, Name, Shown, Timestamp};
use countersign_core::ledger::rules::{self, PasscodeWay, Prompt, Rule};
use countersign_core::ledger::{AllowedFactors, BurnCode, Factors, Table, query, storage};
use countersign_core::login::{Call, Caller as From, Reason, Request, facts};
use countersign_core::policy::written::{self, shown_grant, shown_waiting};
use countersign_core::policy::{Facts, Mismatch, NameForms, decide, mismatch};

use super::{RuleWritten, shown_until};
use crate::login::Ledger;
use crate::operate::house::numbered;
use crate::operate::{Action, Caller, Operate, OperateError, read};

/// A login to try the rules on.
#[derive(Clone, Debug, Default)]
pub struct RuleTrial {
    /// As it would be typed.
    pub user: String,
    /// Through which client.
    pub client: String,
    /// What the request would say: `Calling-Station-Id=198.51.100.7`.
    pub attributes: Vec<String>,
    /// When; zero: now.
    pub at: Timestamp,
    /// Rules to try; `None`: those in force.
    pub draft: Option<Vec<RuleWritten>>,
}

/// What came of one rule.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RuleStep {
    /// Its name.
    pub rule: String,
    /// Why it does not match; empty: it does, and decides.
    pub mismatch: String,
}

/// What the rules would decide.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct RuleTrialResult {
    /// Up to the rule that decides.
    pub steps: Vec<RuleStep>,
    /// Why the login would be refused by the rules; empty: it would not.
    pub refusal: String,
    /// What it would have to show.
    pub factors: String,
    /// When its code would be spent.
    pub burn_code: String,
    /// How its code would be come by.
    pub prompt: String,
    /// How a passcode would be sent to who asks for one; empty: none would.
    pub passcode: String,
    /// What an Accept would carry.
    pub attributes: Vec<String>,
    /// The old server that would decide; empty: none.
    pub to: String,
    /// How many logins without a token the rule allows the user; 0: tokens do not matter.
    pub initial_logins: u32,
    /// How many of them the user has had.
    pub initial_logins_used: u32,
}

impl<L: Ledger> Operate<L> {
    /// Holds the rules, or a draft of them, against a login. Nothing is changed or counted.
    ///
    /// # Errors
    /// When there is no such user or client, an attribute is not known, or the draft
    /// contradicts itself.
    pub fn try_rules(
        &self,
        caller: &Caller,
        trial: &RuleTrial,
    ) -> Result<RuleTrialResult, OperateError> {
        self.reading(caller, Action::RuleTest)?;
        let view = self.ledger.view();
        let client = read::client(&view, &trial.client)?.ok_or_else(|| OperateError::NotFound {
            kind: "client",
            name: trial.client.clone(),
        })?;
        let forms = NameForms::read(&client.name_forms).unwrap_or_default();
        if !forms.take(trial.user.as_bytes()) {
            return Ok(refused(Reason::NameForm));
        }
        let names = Name::candidates(trial.user.as_bytes(), &client.default_domain);
        let names = names.map_err(|why| OperateError::invalid("user", why))?;
        let user = query::user_by_names(&view, &names)?;
        let user = user.ok_or_else(|| OperateError::NotFound {
            kind: "user",
            name: trial.user.clone(),
        })?;
        let stored = match &trial.draft {
            Some(draft) => {
                let mut draft = self.stored(draft)?;
                self.seal_rules(&mut draft)?;
                draft
            }
            None => query::rules(&view)?,
        };
        let rules = rules::parse(&stored).map_err(|why| OperateError::invalid("rules", why))?;
        let request = request(trial, &client, self.now());
        let has_token = query::has_token(&view, &user.tokens)?;
        let mut facts = facts(&request, &client.name, (&user, has_token));
        for text in &trial.attributes {
            let put = written::call(&mut facts, text);
            put.map_err(|why| OperateError::invalid("attribute", why))?;
        }
        let mut result = result(&rules, &facts, &client);
        if result.initial_logins > 0 {
            let budgets: Option<storage::Budgets> = numbered(&view, Table::Budgets, user.id)?;
            result.use_up(budgets.unwrap_or_default().initial_logins);
        }
        Ok(result)
    }
}

impl RuleTrialResult {
    /// The ledger would count, and refuse.
    fn use_up(&mut self, used: u32) {
        self.initial_logins_used = used;
        if used >= self.initial_logins {
            Reason::InitialUsed
                .explanation()
                .cause
                .clone_into(&mut self.refusal);
        }
    }
}

pub(super) fn request(trial: &RuleTrial, client: &storage::Client, now: Timestamp) -> Request {
    let at = trial.at;
    Request {
        client: ClientId(client.id),
        client_revision: client.revision,
        user_name: trial.user.clone().into_bytes(),
        password: countersign_core::base::Secret::default(),
        state: None,
        response: None,
        proven: true,
        caller: From::default(),
        arrived: if at == Timestamp::default() { now } else { at },
        call: Call::default(),
    }
}

pub(super) fn result(
    rules: &[Rule],
    facts: &Facts<'_>,
    client: &storage::Client,
) -> RuleTrialResult {
    if rules.is_empty() {
        return without_rules(client);
    }
    let mut result = RuleTrialResult::default();
    for rule in rules {
        let missed = mismatch(&rule.when, facts);
        result.steps.push(RuleStep {
            rule: rule.name.clone(),
            mismatch: missed.map(said).unwrap_or_default(),
        });
        if missed.is_none() {
            break;
        }
    }
    // What cannot be read was refused when it was set.
    let allowed = AllowedFactors::read(&client.allowed_factors).unwrap_or_default();
    match decide(rules, facts) {
        Err(refusal) => result.refusal = refusal.to_string(),
        Ok(terms) if !allowed.allow(terms.factors) => {
            let steps = result.steps;
            let forbidden = refused(Reason::FactorsForbidden);
            result = RuleTrialResult { steps, ..forbidden };
        }
        Ok(terms) => {
            result.factors = needed(terms.factors, terms.account.as_deref());
            let burn_code = terms.burn_code.unwrap_or_else(|| of_client(client));
            if !terms.factors.is_whole() {
                burn(burn_code).clone_into(&mut result.burn_code);
                prompt(terms.prompt).clone_into(&mut result.prompt);
                let way = terms.passcode.map_or("", passcode);
                way.clone_into(&mut result.passcode);
            }
            result.to = terms.to.as_deref().unwrap_or_default().to_owned();
            result.initial_logins = terms.initial_logins;
            let granted = terms.grants.granted().iter();
            let waiting = terms.account_grants.iter().flat_map(|it| it.numbers());
            let waiting = waiting.map(shown_waiting);
            result.attributes = granted.map(shown_grant).chain(waiting).collect();
        }
    }
    result
}

/// With the day on which a rule has ended.
fn said(missed: Mismatch<'_>) -> String {
    if let Mismatch::Ended(at) = missed {
        return format!("{missed}, on {}", shown_until(at.as_millis()));
    }
    missed.to_string()
}

/// What the client's entry refuses, whatever the rules say.
fn refused(reason: Reason) -> RuleTrialResult {
    RuleTrialResult {
        refusal: reason.explanation().cause.to_owned(),
        ..RuleTrialResult::default()
    }
}

/// What must be shown, and what the directory must say beside it.
fn needed(shown: Factors, account: Option<&[String]>) -> String {
    let shown = factors(shown);
    match account {
        None => shown.to_owned(),
        Some([]) => format!("{shown}, and a living account"),
        Some(groups) => {
            let groups: Vec<_> = groups
                .iter()
                .map(|it| Shown::from(&**it).to_string())
                .collect();
            format!(
                "{shown}, and a living account in one of: {}",
                groups.join(", ")
            )
        }
    }
}

/// While there is no rule the client's own entry decides.
fn without_rules(client: &storage::Client) -> RuleTrialResult {
    let found = match client.factors() {
        storage::Factors::PasswordAndCode => Some(Factors::PasswordAndCode),
        storage::Factors::Code => Some(Factors::Code),
        storage::Factors::Password
        | storage::Factors::CodeAndAccount
        | storage::Factors::Forward
        | storage::Factors::Unspecified => None,
    };
    match found {
        Some(found) => RuleTrialResult {
            factors: factors(found).to_owned(),
            burn_code: burn(of_client(client)).to_owned(),
            prompt: prompt(Prompt::Append).to_owned(),
            ..RuleTrialResult::default()
        },
        None => RuleTrialResult {
            refusal: "there are no rules, and the client has no factors".to_owned(),
            ..RuleTrialResult::default()
        },
    }
}

fn of_client(client: &storage::Client) -> BurnCode {
    match client.burn_code() {
        storage::BurnCode::OnMatch => BurnCode::OnMatch,
        storage::BurnCode::OnAccept | storage::BurnCode::Unspecified => BurnCode::OnAccept,
    }
}

const fn factors(factors: Factors) -> &'static str {
    match factors {
        Factors::PasswordAndCode => "both",
        Factors::Code | Factors::CodeAndAccount => "code",
        Factors::Password => "password",
        Factors::Forward => "forward",
    }
}

const fn prompt(prompt: Prompt) -> &'static str {
    match prompt {
        Prompt::Append => "append",
        Prompt::Challenge => "challenge",
        Prompt::Either => "either",
    }
}

const fn passcode(way: PasscodeWay) -> &'static str {
    match way {
        PasscodeWay::Email => "email",
        PasscodeWay::Sms => "sms",
    }
}

const fn burn(burn_code: BurnCode) -> &'static str {
    match burn_code {
        BurnCode::OnAccept => "on-accept",
        BurnCode::OnMatch => "on-match",
    }
}
