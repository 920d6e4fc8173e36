//! From an answer of Entra to a verdict, by `decisions.toml`. Decides by number alone:
//! `error`, `suberror` and texts differ between endpoints and years.
//!
//! Must not know: HTTP clients, settings beyond its two switches.

use std::collections::HashMap;

use countersign_core::ledger::SourceOutcome;
use countersign_core::login::Reason;
use serde::Deserialize;

use super::response::Said;
use super::troubles;
use crate::login::Answer;
use crate::sources::alarm::Trouble;

/// The table, with the switches of the settings applied.
#[derive(Debug)]
pub(super) struct Decisions {
    rows: HashMap<u32, Decision>,
}

/// What one number means.
#[derive(Clone, Copy, Debug)]
struct Decision {
    code: u32,
    outcome: SourceOutcome,
    reason: Reason,
    /// Says nothing beside another number.
    wrapper: bool,
    then: Then,
    trouble: Option<&'static Trouble>,
}

/// A verdict, and what else the answer asks for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Judged {
    pub(super) answer: Answer,
    pub(super) then: Then,
    /// What is wrong with the source, or between it and us.
    pub(super) trouble: Option<&'static Trouble>,
}

/// What to leave alone after an answer.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "snake_case")]
pub(super) enum Then {
    /// Nothing.
    #[default]
    GoOn,
    /// The user, who is locked.
    LeaveLocked,
    /// The user, for whom was asked too often.
    LeaveLooped,
    /// The source.
    Rest,
}

/// The two settings that change rows.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Switches {
    pub(super) require_registered_mfa: bool,
    pub(super) accept_external_challenge: bool,
}

impl Decisions {
    /// The table that is built in.
    pub(super) fn new(switches: Switches) -> Self {
        Self::parse(include_str!("decisions.toml"), switches)
            .expect("decisions.toml is part of the binary and read by the tests")
    }

    fn parse(text: &str, switches: Switches) -> Result<Self, TableError> {
        let file: File = toml::from_str(text)?;
        let mut rows = HashMap::new();
        for row in file.decision {
            for &code in &row.codes {
                if rows.insert(code, row.decide(code, switches)?).is_some() {
                    return Err(TableError::Twice(code));
                }
            }
        }
        Ok(Self { rows })
    }

    /// The verdict on an answer that came back whole.
    pub(super) fn judge(&self, status: u16, said: &Said) -> Judged {
        match status {
            // The status is the throttle's own word; the body is plain text.
            429 => Judged {
                then: Then::Rest,
                ..plain(SourceOutcome::NotAsked, Reason::SourceDown, 0)
            },
            200 if said.token => plain(SourceOutcome::Denied, Reason::NoMfa, 0),
            400..=499 => self.judge_refusal(said),
            500..=599 => self.judge_fault(said),
            _ => unreadable(),
        }
    }

    fn judge_refusal(&self, said: &Said) -> Judged {
        let mut decisions: Vec<Decision> = said.codes.iter().map(|&c| self.row(c)).collect();
        if decisions.iter().any(|decision| !decision.wrapper) {
            decisions.retain(|decision| !decision.wrapper);
        }
        let Some(first) = decisions.first() else {
            return without_code(said);
        };
        let answer = if decisions.iter().all(|other| other.outcome == first.outcome) {
            first.answer()
        } else {
            contradicting(&decisions, first.code)
        };
        let asked = decisions.iter().map(|decision| decision.then);
        Judged {
            answer,
            then: asked
                .reduce(|one, other| if one == Then::GoOn { other } else { one })
                .unwrap_or_default(),
            trouble: decisions.iter().find_map(|decision| decision.trouble),
        }
    }

    /// A 5xx releases the attempt only when every number in it says that nothing was
    /// judged; what else it says is not believed.
    fn judge_fault(&self, said: &Said) -> Judged {
        let refusal = self.judge_refusal(said);
        if refusal.answer.outcome == SourceOutcome::NotAsked {
            return refusal;
        }
        let outcome = SourceOutcome::Unanswered;
        plain(outcome, Reason::SourceUnanswered, refusal.answer.code)
    }

    fn row(&self, code: u32) -> Decision {
        self.rows.get(&code).copied().unwrap_or(Decision {
            code,
            outcome: SourceOutcome::Denied,
            reason: Reason::UnknownAnswer,
            wrapper: false,
            then: Then::GoOn,
            trouble: None,
        })
    }
}

impl Decision {
    const fn answer(self) -> Answer {
        answer(self.outcome, self.reason, self.code)
    }
}

/// Numbers that contradict each other: never in, and a wrong password counts.
fn contradicting(decisions: &[Decision], first: u32) -> Answer {
    let of = |outcome| decisions.iter().find(|d| d.outcome == outcome);
    of(SourceOutcome::Wrong)
        .or_else(|| of(SourceOutcome::Denied))
        .map_or_else(
            || answer(SourceOutcome::Denied, Reason::UnknownAnswer, first),
            |decision| decision.answer(),
        )
}

/// An answer whose body could not be read to its end, or that is not Entra's: the
/// password was sent, and whether anyone judged it is not known.
pub(super) const fn unreadable() -> Judged {
    plain(SourceOutcome::Unanswered, Reason::UnknownAnswer, 0)
}

/// A refusal without a number: only the error that says "later" is believed.
fn without_code(said: &Said) -> Judged {
    match said.error.as_deref() {
        Some("temporarily_unavailable") => plain(SourceOutcome::NotAsked, Reason::SourceDown, 0),
        Some(_) => plain(SourceOutcome::Denied, Reason::UnknownAnswer, 0),
        None => unreadable(),
    }
}

/// A verdict that asks for nothing else.
pub(super) const fn plain(outcome: SourceOutcome, reason: Reason, code: u32) -> Judged {
    Judged {
        answer: answer(outcome, reason, code),
        then: Then::GoOn,
        trouble: None,
    }
}

const fn answer(outcome: SourceOutcome, reason: Reason, code: u32) -> Answer {
    Answer::new(outcome, reason, code)
}

/// Why the table cannot be used.
#[derive(Debug, thiserror::Error)]
enum TableError {
    #[error("a row has a switch without `instead`, or `instead` without a switch")]
    Switch,
    #[error("not a table of decisions")]
    Syntax(#[from] toml::de::Error),
    #[error("code {0} stands twice")]
    Twice(u32),
    #[error("no reason or trouble is called {0}")]
    Unknown(String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    decision: Vec<Row>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    outcome: OutcomeName,
    reason: String,
    unless: Option<SwitchName>,
    only_if: Option<SwitchName>,
    instead: Option<String>,
    #[serde(default)]
    wrapper: bool,
    #[serde(default)]
    then: Then,
    alarm: Option<String>,
    #[serde(rename = "about")]
    _about: String,
    codes: Vec<u32>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum OutcomeName {
    Denied,
    NotAsked,
    Right,
    Unanswered,
    Wrong,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum SwitchName {
    AcceptExternalChallenge,
    RequireRegisteredMfa,
}

impl Row {
    fn decide(&self, code: u32, switches: Switches) -> Result<Decision, TableError> {
        let off = self.unless.is_some_and(|switch| switches.is_on(switch))
            || self.only_if.is_some_and(|switch| !switches.is_on(switch));
        let switched = self.unless.is_some() || self.only_if.is_some();
        let (outcome, reason) = match &self.instead {
            Some(instead) if off => (SourceOutcome::Denied, instead),
            other if other.is_some() != switched => return Err(TableError::Switch),
            _ => (self.outcome.into(), &self.reason),
        };
        let trouble = self.alarm.as_deref().map(trouble_called).transpose()?;
        Ok(Decision {
            code,
            outcome,
            reason: reason_called(reason)?,
            wrapper: self.wrapper,
            then: self.then,
            trouble,
        })
    }
}

impl Switches {
    const fn is_on(self, switch: SwitchName) -> bool {
        match switch {
            SwitchName::AcceptExternalChallenge => self.accept_external_challenge,
            SwitchName::RequireRegisteredMfa => self.require_registered_mfa,
        }
    }
}

impl From<OutcomeName> for SourceOutcome {
    fn from(name: OutcomeName) -> Self {
        match name {
            OutcomeName::Denied => Self::Denied,
            OutcomeName::NotAsked => Self::NotAsked,
            OutcomeName::Right => Self::Right,
            OutcomeName::Unanswered => Self::Unanswered,
            OutcomeName::Wrong => Self::Wrong,
        }
    }
}

fn reason_called(name: &str) -> Result<Reason, TableError> {
    let mut all = Reason::ALL.iter().copied();
    all.find(|reason| format!("{reason:?}") == name)
        .ok_or_else(|| TableError::Unknown(name.to_owned()))
}

fn trouble_called(label: &str) -> Result<&'static Trouble, TableError> {
    troubles::called(label).ok_or_else(|| TableError::Unknown(label.to_owned()))
}

#[cfg(test)]
mod facts;
#[cfg(test)]
mod tests;
