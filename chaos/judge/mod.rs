//! What must hold of a history (DESIGN §1), one file an invariant. Pure functions: a
//! history goes in, sentences come out.

mod answered;
mod ended;
mod equal;
mod kept;
mod once;
mod quorum;
mod recovered;
mod retry;
mod revoked;
mod right;
mod spans;
#[cfg(test)]
mod testing;
mod worth;

use serde::Serialize;

use crate::history::History;

/// One thing that must not be.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub(crate) struct Violation {
    /// As DESIGN §1 calls it; or END: how a process ended; or RUN: nothing was judged.
    pub(crate) invariant: &'static str,
    /// The evidence.
    pub(crate) sentence: String,
}

/// Sentences about what must not be.
type Judge = fn(&History) -> Vec<String>;

/// Everything that must not be, in the order of the judges.
pub(crate) fn judge(history: &History) -> Vec<Violation> {
    let found = JUDGES.iter().flat_map(|(invariant, judge)| {
        let sentences = judge(history).into_iter();
        sentences.map(|sentence| Violation {
            invariant,
            sentence,
        })
    });
    found.collect()
}

/// What is judged, by its names.
pub(crate) fn judged() -> String {
    let names: Vec<_> = JUDGES.iter().map(|(name, _)| *name).collect();
    names.join(" ")
}

/// First what may explain the rest: little else holds once a node has died by itself.
const JUDGES: [(&str, Judge); 11] = [
    ("END", ended::judge),
    ("RUN", worth::judge),
    ("I0", right::judge),
    ("I1", once::judge),
    ("I2", retry::judge),
    ("I3", kept::judge),
    ("I5", revoked::judge),
    ("I6", quorum::judge),
    ("I8", equal::judge),
    ("L1", answered::judge),
    ("L2", recovered::judge),
];
