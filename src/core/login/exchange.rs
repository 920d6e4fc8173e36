//! What a flow exchanges with its driver and, through it, with the ledger and a source.
//!
//! Must not know who stands behind them.

use std::sync::Arc;
use std::time::Duration;

use super::{Ending, Reason};
use crate::base::{AttemptKey, Owner, Secret, Timestamp};
use crate::ledger::{Begin, SourceOutcome};
use crate::policy::SourceDown;

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
    /// The name as the directory knows it.
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
}

impl Against {
    fn duplicate(&self) -> Self {
        match self {
            Self::Directory => Self::Directory,
            Self::Own(hash) => Self::Own(hash.duplicate()),
            Self::Account => Self::Account,
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
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Answer {
    /// What the ledger records.
    pub outcome: SourceOutcome,
    /// Why, for operators.
    pub reason: Reason,
    /// The source's own code (AADSTS number), 0 where it gave none.
    pub code: u32,
}

/// A claim, and what is done with a grant of it.
#[derive(Debug)]
pub struct Claim {
    /// The command.
    pub begin: Begin,
    /// What to ask the source. None: the code is all that the rule asks for, or the split
    /// is not known.
    pub question: Option<Question>,
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
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Finished {
    /// What is told to everyone who waits.
    pub ending: Ending,
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
