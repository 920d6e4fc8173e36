//! What a login is decided by, whoever logs in: the client's entry, the rules, the limits
//! of guessing, and the revisions of the facts behind them.

use std::sync::Arc;

use super::{Ending, Reason, Request};
use crate::base::ClientId;
use crate::ledger::budgets::Limits;
use crate::ledger::rules::{self, Ask, PasscodeWay, Prompt, Then};
use crate::ledger::storage::{self, Head};
use crate::ledger::{Factors, Read, Revisions, StoreError, Table, query};
use crate::policy::{ClientPolicy, Facts, Grants, Refusal, Terms, Texts, decide};

/// The list of rules that all clients share.
pub type RuleList = Arc<[rules::Rule]>;

/// What stands for a client, with the revisions that a claim must name.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Rule {
    /// The client's name.
    pub client: String,
    /// The client's own policy.
    pub policy: ClientPolicy,
    /// The rules; where there are none, the client's own policy decides.
    pub rules: RuleList,
    /// How often somebody may be wrong.
    pub limits: Limits,
    /// What it was read from.
    pub revisions: Revisions,
    /// The domain of names that have none; empty: none.
    pub default_domain: String,
    /// What users read.
    pub texts: Texts,
    /// What passcodes can be sent by.
    pub senders: Senders,
}

/// What passcodes can be sent by, as the settings say.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Senders {
    /// The domain of whose address e-mail comes; `None`: none is sent.
    pub email: Option<String>,
    /// Whether there is a gateway for SMS.
    pub sms: bool,
}

impl Senders {
    fn of(settings: &storage::Settings) -> Self {
        let domain = |mail: &storage::Mail| {
            let domain = mail.from.rsplit_once('@');
            domain.map_or("", |(_, domain)| domain).to_owned()
        };
        Self {
            email: settings.mail.as_ref().map(domain),
            sms: settings.sms.is_some(),
        }
    }

    /// The way, where there is a sender for it.
    #[must_use]
    pub fn having(&self, way: Option<PasscodeWay>) -> Option<PasscodeWay> {
        way.filter(|way| match way {
            PasscodeWay::Email => self.email.is_some(),
            PasscodeWay::Sms => self.sms,
        })
    }
}

/// Why a login goes no further.
#[derive(Debug, thiserror::Error)]
pub enum Stop {
    /// It ends here, without a command.
    #[error("{}", .0.reason)]
    Ended(Ending),
    /// The store cannot be read; nothing may be said.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Stop {
    /// What the device hears: a store that cannot be read says nothing.
    #[must_use]
    pub const fn ending(&self) -> Ending {
        match self {
            Self::Ended(ending) => *ending,
            Self::Store(_) => Ending::silent(Reason::Store),
        }
    }
}

impl Rule {
    /// Reads the rules in force. They are as `head` says, or newer where the view moves on
    /// after the head was read; never older, and the ledger finds out which (Begin, line 2).
    ///
    /// # Errors
    /// When the store cannot be read, or holds what this binary does not understand.
    pub fn list(view: &impl Read, head: &Head) -> Result<RuleList, Stop> {
        if head.rules_revision == 0 {
            return Ok(RuleList::from([]));
        }
        let parsed = rules::parse(&query::rules(view)?);
        let parsed = parsed.map_err(|_| {
            let what = "a rule is not understood by this program";
            StoreError::Contradiction(Table::Rules, what)
        })?;
        Ok(parsed.into())
    }

    /// Reads what stands for a client, as `head` says or newer, like [`Self::list`].
    ///
    /// # Errors
    /// Silence when the client is gone. A Reject when nothing says how to judge.
    pub fn read(
        view: &impl Read,
        head: &Head,
        rules: RuleList,
        client: ClientId,
    ) -> Result<Self, Stop> {
        let Some(client) = query::client(view, client)? else {
            return Err(Stop::Ended(Ending::silent(Reason::UnknownClient)));
        };
        let settings = query::settings(view)?;
        let policy = ClientPolicy::of(&client, &settings)
            .map_err(|_| Stop::Ended(Ending::reject(Reason::NoRule)))?;
        Ok(Self {
            texts: Texts::of(&settings, &client.language),
            senders: Senders::of(&settings),
            client: client.name,
            policy,
            rules,
            limits: Limits::of(&settings),
            revisions: Revisions {
                client: client.revision,
                rules: head.rules_revision,
                settings: head.settings_revision,
                user: 0,
            },
            default_domain: client.default_domain,
        })
    }

    /// What `user`, who asks so, must show, and what is granted for it.
    ///
    /// # Errors
    /// A Reject where nothing lets the login go on.
    pub fn terms(
        &self,
        view: &impl Read,
        request: &Request,
        user: &storage::User,
    ) -> Result<Terms, Stop> {
        let minds_tokens = self.rules.iter().any(|rule| rule.when.without_token);
        let has_token = minds_tokens && query::has_token(view, &user.tokens)?;
        let mut terms = self.decided(request, user, has_token)?;
        terms.passcode = self.senders.having(terms.passcode);
        // Refused when it is set; but a newer program may have set what this one reads
        // otherwise.
        if !self.policy.allowed.allow(terms.factors) {
            return Err(Stop::Ended(Ending::reject(Reason::FactorsForbidden)));
        }
        Ok(terms)
    }

    fn decided(
        &self,
        request: &Request,
        user: &storage::User,
        has_token: bool,
    ) -> Result<Terms, Stop> {
        if self.rules.is_empty() {
            let factors = self.policy.factors;
            return Ok(Terms {
                factors: factors.ok_or(Stop::Ended(Ending::reject(Reason::NoRule)))?,
                burn_code: None,
                prompt: Prompt::Append,
                passcode: None,
                account: None,
                grants: Grants::default(),
                account_grants: None,
                to: None,
                initial_logins: 0,
            });
        }
        let facts = facts(request, &self.client, (user, has_token));
        decide(&self.rules, &facts).map_err(|refusal| {
            Stop::Ended(Ending::reject(match refusal {
                Refusal::Denied(_) => Reason::RuleDenies,
                Refusal::NoMatch => Reason::NoRule,
                Refusal::Unfit(..) => Reason::RuleUnfit,
            }))
        })
    }

    /// What most logins through the client have to show: by its time a refusal is told of
    /// which nothing else is known.
    #[must_use]
    pub fn usual_factors(&self, request: &Request) -> Factors {
        let of_rules = || self.usual(request).map(|ask| ask.factors);
        let found = if self.rules.is_empty() {
            self.policy.factors
        } else {
            of_rules()
        };
        found.unwrap_or(Factors::PasswordAndCode)
    }

    /// How most logins through the client come by their code: so do those that end before
    /// any rule matches, as a challenge must not tell who is known.
    #[must_use]
    pub fn usual_prompt(&self, request: &Request) -> Prompt {
        let usual = self.usual(request);
        usual.map_or(Prompt::Append, |ask| ask.prompt)
    }

    /// How passcodes are sent to most who log in through the client.
    #[must_use]
    pub fn usual_passcode(&self, request: &Request) -> Option<PasscodeWay> {
        let usual = self.usual(request).and_then(|ask| ask.passcode);
        self.senders.having(usual)
    }

    /// The first rule that asks something of logins through the client: one that has not
    /// ended, for else who is known would be told from who is not; and none for the few who
    /// have no token.
    fn usual(&self, request: &Request) -> Option<&Ask> {
        let of_client = |rule: &&rules::Rule| {
            let rules::Conditions {
                clients,
                until,
                without_token,
                ..
            } = &rule.when;
            (clients.is_empty() || clients.contains(&request.client))
                && until.is_none_or(|until| request.arrived < until)
                && !without_token
        };
        let mut asked = self.rules.iter().filter(of_client);
        asked.find_map(|rule| match &rule.then {
            Then::Ask(ask) => Some(ask),
            Then::Deny => None,
        })
    }

    /// Whether `request` was held against this very entry of its client.
    ///
    /// # Errors
    /// Silence when it was another: a new secret, mode or rule must be met by a new packet.
    pub const fn admit(&self, request: &Request) -> Result<(), Stop> {
        if self.revisions.client == request.client_revision {
            Ok(())
        } else {
            Err(Stop::Ended(Ending::silent(Reason::Overtaken)))
        }
    }
}

/// What rules see of a request. `client` is the name of its client; with the user comes
/// whether there is a token that is not pending.
#[must_use]
pub fn facts<'a>(
    request: &'a Request,
    client: &'a str,
    (user, has_token): (&'a storage::User, bool),
) -> Facts<'a> {
    let Request { caller, call, .. } = request;
    Facts {
        client: request.client,
        client_name: client,
        user,
        has_token,
        // What is not UTF-8 is nobody's name.
        typed: std::str::from_utf8(&request.user_name).unwrap_or_default(),
        caller: caller.address(),
        calling_station_id: caller.calling_station_id.as_deref(),
        called_station_id: call.called_station_id.as_deref(),
        nas_identifier: caller.nas_identifier.as_deref(),
        nas_ip_address: caller.nas_ip_address,
        nas_port_type: call.nas_port_type,
        nas_port_id: caller.nas_port_id.as_deref(),
        arrived: request.arrived,
        room: request.room(),
    }
}
