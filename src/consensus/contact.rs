//! What a leader tells of itself with each append, and what a follower heard last.

use std::sync::{Mutex, PoisonError};

use tokio::time::Instant;

use crate::peers::wire::LeaderWord;

/// The last word of a leader, its term, its commit index, and when it was heard.
#[derive(Debug, Default)]
pub(super) struct Contact(Mutex<Option<(LeaderWord, u64, u64, Instant)>>);

impl Contact {
    /// What this node says of itself while it leads.
    pub(super) fn word(&self) -> LeaderWord {
        LeaderWord::default()
    }

    /// Takes the word of the leader of `term`, whose commit index is `commit`. To be
    /// called for appends alone that were matched.
    pub(super) fn heard(&self, word: &LeaderWord, term: u64, commit: u64) {
        let heard = (word.clone(), term, commit, Instant::now());
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(heard);
    }

    /// Term and commit index that came with the last word.
    #[cfg(test)]
    pub(super) fn last(&self) -> Option<(u64, u64)> {
        let last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        last.as_ref().map(|(_, term, commit, _)| (*term, *commit))
    }
}
