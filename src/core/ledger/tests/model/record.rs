//! One login of the model, and what two rules ask for together.

use super::passcodes::Id;
use crate::base::{Epoch, Owner, PlaceId, UserId};
use crate::ledger::{Begin, Carried, Factors, Match, Settle, Verdict};

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::ledger::tests) enum Stage {
    InFlight(u64),
    Open(u64),
    Settled(Verdict, u64),
}

#[derive(Clone, Debug)]
pub(in crate::ledger::tests) struct Record {
    pub(in crate::ledger::tests) user: UserId,
    pub(in crate::ledger::tests) place: PlaceId,
    pub(in crate::ledger::tests) matches: Vec<Match>,
    pub(in crate::ledger::tests) owner: Owner,
    pub(in crate::ledger::tests) epoch: Epoch,
    pub(in crate::ledger::tests) factors: Factors,
    pub(in crate::ledger::tests) passcode: Option<Id>,
    /// Its last grant is for a question about the account as well.
    pub(in crate::ledger::tests) account: bool,
    pub(in crate::ledger::tests) initial: u32,
    pub(in crate::ledger::tests) carried: Option<Carried>,
    pub(in crate::ledger::tests) grace: u64,
    pub(in crate::ledger::tests) keep: u64,
    pub(in crate::ledger::tests) stage: Stage,
}

impl Record {
    pub(in crate::ledger::tests) const fn end(&self) -> u64 {
        match self.stage {
            Stage::InFlight(at) | Stage::Open(at) | Stage::Settled(_, at) => at,
        }
    }

    pub(in crate::ledger::tests) const fn answers(&self, issued: u64) -> bool {
        issued <= self.end() + self.kept()
    }

    /// An accepted one is kept for its grace, re-validation included.
    pub(in crate::ledger::tests) const fn kept(&self) -> u64 {
        match self.stage {
            Stage::Settled(Verdict::Accepted, _) if self.grace > self.keep => self.grace,
            Stage::InFlight(_) | Stage::Open(_) | Stage::Settled(..) => self.keep,
        }
    }

    /// What its Accept carries: of an old server or of a directory, whichever is asked.
    pub(in crate::ledger::tests) fn carried(&self, settle: &Settle) -> Option<Carried> {
        let looked = self.account || self.factors == Factors::CodeAndAccount;
        let forwarded = self.factors == Factors::Forward;
        let carried = settle.relayed.clone()?;
        let asked = if carried.server.is_some() {
            forwarded
        } else {
            looked && !forwarded
        };
        asked.then_some(carried)
    }

    /// Whether it showed all that is asked for, and counts among no more than are allowed.
    pub(in crate::ledger::tests) fn is_enough(&self, asked: &Begin) -> bool {
        let looked = self.account || self.factors == Factors::CodeAndAccount;
        let counts = self.initial > 0 && self.initial <= asked.initial_logins;
        in_force(self.factors, asked.factors) == self.factors
            && (asked.factors == Factors::Forward) == (self.factors == Factors::Forward)
            && (looked || !asked.account)
            && (asked.initial_logins == 0 || counts)
    }

    /// Whether it is for users without a token.
    pub(in crate::ledger::tests) fn minds_tokens(&self) -> bool {
        self.factors == Factors::Forward || self.initial > 0
    }
}

/// What is to be shown where one was asked for before and another is now.
pub(in crate::ledger::tests) fn in_force(before: Factors, now: Factors) -> Factors {
    if before == Factors::Forward || now == Factors::Forward {
        return now;
    }
    stricter(before, now)
}

/// What shows all that both ask for.
fn stricter(one: Factors, other: Factors) -> Factors {
    use Factors::{Code, CodeAndAccount, PasswordAndCode};
    match (one, other) {
        (one, other) if one == other => one,
        (Code | CodeAndAccount, Code | CodeAndAccount) => CodeAndAccount,
        _ => PasswordAndCode,
    }
}
