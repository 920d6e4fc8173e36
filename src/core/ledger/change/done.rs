//! How one administrative change ends: done, or refused with a typed reason.

use crate::base::limits::AUDIT_TEXT_OCTETS_MAX;
use crate::ledger::storage::{ChangeOutcome, Refusal, RowOutcome};
use crate::ledger::table::StoreError;

/// What was done. The texts go to the audit table and hold no secrets.
#[derive(Debug, Default)]
pub(super) struct Done {
    /// Of the thing, where it has a number.
    pub(super) id: u64,
    /// Of the thing, after the change.
    pub(super) revision: u64,
    pub(super) before: String,
    pub(super) after: String,
    /// What the operator should know although it was done.
    pub(super) detail: String,
    /// Of an import.
    pub(super) rows: Vec<RowOutcome>,
}

/// Why a change was refused. Nothing of it is left in the tables.
#[derive(Debug)]
pub(super) struct Refused {
    pub(super) refusal: Refusal,
    pub(super) detail: String,
    pub(super) rows: Vec<RowOutcome>,
}

/// Why a change was not done.
#[derive(Debug, thiserror::Error)]
pub(super) enum Stop {
    /// The change does not fit the state; every node says so alike.
    #[error("refused: {}", .0.detail)]
    Refused(Refused),
    /// This node cannot go on.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The end of one step of a change.
pub(super) type Step<T = Done> = Result<T, Stop>;

impl Done {
    pub(super) fn into_outcome(self) -> ChangeOutcome {
        ChangeOutcome {
            revision: self.revision,
            refusal: Refusal::Unspecified.into(),
            detail: bounded(self.detail),
            rows: self.rows,
            id: self.id,
        }
    }
}

impl Refused {
    pub(super) fn into_outcome(self) -> ChangeOutcome {
        ChangeOutcome {
            refusal: self.refusal.into(),
            detail: bounded(self.detail),
            rows: self.rows,
            ..ChangeOutcome::default()
        }
    }
}

/// A refusal. The detail may hold text from outside only by way of `base::Shown`.
pub(super) fn refuse<T>(refusal: Refusal, detail: impl Into<String>) -> Step<T> {
    Err(Stop::Refused(Refused {
        refusal,
        detail: detail.into(),
        rows: Vec::new(),
    }))
}

/// Cuts a text at the bound, between two characters.
pub(super) fn bounded(mut text: String) -> String {
    text.truncate(text.floor_char_boundary(AUDIT_TEXT_OCTETS_MAX));
    text
}
