//! The words for what came of a question: those of the tables, which say what a number means
//! for a login, and those of counts.
//!
//! Must not know numbers.

use countersign_core::ledger::SourceOutcome;
use countersign_core::login::Reason;
use serde::Deserialize;

/// An outcome, as a table has it.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum OutcomeName {
    Denied,
    NotAsked,
    Right,
    Unanswered,
    Wrong,
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

/// The reason that a table names; `None`: there is none of that name.
pub(super) fn reason_called(name: &str) -> Option<Reason> {
    let mut all = Reason::ALL.iter().copied();
    all.find(|reason| format!("{reason:?}") == name)
}

/// The name of an outcome in counts; once given, it keeps its meaning.
pub(super) const fn outcome_name(outcome: SourceOutcome) -> &'static str {
    match outcome {
        SourceOutcome::Denied => "denied",
        SourceOutcome::NotAsked => "not_asked",
        SourceOutcome::Right => "right",
        SourceOutcome::Unanswered => "unanswered",
        SourceOutcome::Wrong => "wrong",
    }
}
