//! What came of a question, for counts.

use countersign_core::ledger::SourceOutcome;

/// Its name; once given, it keeps its meaning.
pub(super) const fn outcome_name(outcome: SourceOutcome) -> &'static str {
    match outcome {
        SourceOutcome::Denied => "denied",
        SourceOutcome::NotAsked => "not_asked",
        SourceOutcome::Right => "right",
        SourceOutcome::Unanswered => "unanswered",
        SourceOutcome::Wrong => "wrong",
    }
}
