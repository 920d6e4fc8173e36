//! What a flow exchanges with its driver and, through it, with the ledger and a source.
//!
//! Must not know who stands behind them.

use std::sync::Arc;
use std::time::Duration;

use super::{Ending, Reason};
use crate::base::{AttemptKey, Owner, Secret, Timestamp};
use crate::ledger::{Begin, SourceOutcome};
use crate::policy::{AccountGrants, SourceDown};
use crate::radius::{Attribute, Relayed};

/// Why a proposed command has no result.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ProposeError {
    /// It is certainly not in the log and never will be.
    #[error("not proposed")]
    NotProposed,
    /// It may or may not be applied, once.
    #[error("result unknown")]
    Unknown,
}

/// One question to a password source.
#[derive(Debug)]
pub struct Question {
    /// The name as the directory knows it; as it was typed where an old server is asked.
    pub name: String,
    /// The password; empty only where nobody's is to be proven.
    pub password: Secret,
    /// Who is asked, and for what.
    pub against: Against,
    /// The source that has proven the password, or any where none is, must have the account,
    /// alive, and in one of these groups, by name or id; none: in any or none. `None`: nobody
    /// looks.
    pub account: Option<Arc<[String]>>,
    /// How long the source may take for all of it.
    pub timeout: Duration,
}

/// What a question is held against.
#[derive(Debug)]
pub enum Against {
    /// A directory proves the password.
    Directory,
    /// The hash of the user's own password does, for no directory has the account. The PHC
    /// text.
    Own(Secret),
    /// No password: the account alone.
    Account,
    /// An old server, which is asked as if the device had: the name as typed, the password
    /// with whatever that server takes off it.
    Forward(Box<Forwarded>),
}

/// Where a login is forwarded to, and what it is told beside name and password.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Forwarded {
    /// The old server, by its name in the settings.
    pub server: Arc<str>,
    /// Of the request: what names the caller and the device, as present.
    pub attributes: Vec<Attribute>,
}

impl Against {
    fn duplicate(&self) -> Self {
        match self {
            Self::Directory => Self::Directory,
            Self::Own(hash) => Self::Own(hash.duplicate()),
            Self::Account => Self::Account,
            Self::Forward(forwarded) => Self::Forward(forwarded.clone()),
        }
    }
}

impl Question {
    /// The same question, with so much time: to another source, after one that did not judge.
    #[must_use]
    pub fn duplicate(&self, timeout: Duration) -> Self {
        Self {
            name: self.name.clone(),
            password: self.password.duplicate(),
            against: self.against.duplicate(),
            account: self.account.clone(),
            timeout,
        }
    }
}

/// What the source said.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Answer {
    /// What the ledger records.
    pub outcome: SourceOutcome,
    /// Why, for operators.
    pub reason: Reason,
    /// The source's own code (AADSTS number), 0 where it gave none.
    pub code: u32,
    /// What goes on to the device with the Accept of an old server, as the operator allows.
    pub relayed: Relayed,
    /// Names of the groups that the account is in, direct or not, where it was looked at.
    pub groups: Vec<String>,
}

impl Answer {
    /// The same with what the Accept carries of the groups in it. What cannot be made whole
    /// lets nobody in.
    #[must_use]
    pub(super) fn granting(self, grants: Option<&AccountGrants>) -> Self {
        let Some(grants) = grants.filter(|_| self.outcome == SourceOutcome::Right) else {
            return self;
        };
        match grants.made(&self.groups) {
            Ok(relayed) => Self { relayed, ..self },
            Err(_) => Self::new(SourceOutcome::Denied, Reason::RuleUnfit, self.code),
        }
    }

    /// The answer of whoever has nothing to relay.
    #[must_use]
    pub const fn new(outcome: SourceOutcome, reason: Reason, code: u32) -> Self {
        Self {
            outcome,
            reason,
            code,
            relayed: Relayed::NONE,
            groups: Vec::new(),
        }
    }
}

/// A claim, and what is done with a grant of it.
#[derive(Debug)]
pub struct Claim {
    /// The command.
    pub begin: Begin,
    /// What to ask the source. None: the code is all that the rule asks for, or the split
    /// is not known.
    pub question: Option<Question>,
    /// What the Accept carries of groups that the directory tells.
    pub account_grants: Option<Arc<AccountGrants>>,
    /// Why, where the login is let in by this claim.
    pub let_in: Reason,
    /// Why, where the ledger finds that the login was let in.
    pub hit: Reason,
    /// Why, where the ledger finds that no code matched.
    pub miss: Reason,
    /// What the device hears when no source can be asked.
    pub on_source_down: SourceDown,
}

/// What a wait is for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Waited {
    /// For another flow to settle this login, or for the end of its lease.
    Attempt(AttemptKey, Timestamp),
    /// For another login to release the code or the budget.
    Claim,
    /// For a leader.
    Leader,
}

/// The end of a flow.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Finished {
    /// What is told to everyone who waits.
    pub ending: Ending,
    /// What an Accept carries beside what a rule grants.
    pub relayed: Relayed,
    /// A claim whose result stayed unknown: if it was granted, nobody asks for it, and it
    /// must be settled as not asked.
    pub doubt: Option<Doubt>,
}

/// A claim that may or may not have been granted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Doubt {
    /// The login.
    pub key: AttemptKey,
    /// Who claimed it.
    pub owner: Owner,
    /// When; it is dead once it has outlived a command's life.
    pub issued: Timestamp,
}
