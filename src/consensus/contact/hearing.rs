//! What a follower has heard, and whether that is enough to speak. No clock of its own.

use std::collections::VecDeque;
use std::time::Duration;

use countersign_core::base::Timestamp;
use tokio::time::Instant;

use super::{Applied, CONTACT_MAX, Unready};

/// What a leader said.
#[derive(Clone, Copy, Debug)]
pub(super) struct Word {
    /// What it would stamp.
    pub(super) time: Timestamp,
    /// By its own monotonic clock, since it started.
    pub(super) sent: Duration,
    /// It has had a quorum lately.
    pub(super) quorum: bool,
}

/// The words of the leader of the newest term.
#[derive(Debug, Default)]
pub(super) struct Hearing {
    term: u64,
    last: Option<Heard>,
    /// When the leader had how much committed, while it had a quorum; oldest first.
    marks: VecDeque<Mark>,
}

#[derive(Clone, Copy, Debug)]
struct Heard {
    word: Word,
    /// When it was said, as far as can be told.
    at: Instant,
    received: Instant,
    /// How long after the leader's start this node received a word that took no time.
    quickest: Instant,
}

#[derive(Clone, Copy, Debug)]
struct Mark {
    at: Instant,
    commit: u64,
}

impl Hearing {
    /// Takes a word, unless its leader is of an older term: then says false.
    pub(super) fn hear(&mut self, word: Word, term: u64, commit: u64, now: Instant) -> bool {
        if term < self.term {
            return false;
        }
        if term > self.term {
            *self = Self {
                term,
                ..Self::default()
            };
        }
        let heard = Heard::new(word, now, self.last.as_ref());
        // Streams may cross when one is opened anew.
        if self.last.is_none_or(|last| last.at <= heard.at) {
            self.last = Some(heard);
        }
        if word.quorum {
            self.mark(heard.at, commit);
        }
        true
    }

    /// What was committed a moment ago is being applied just now, so that under load a
    /// node is never level with the last word. It may speak when it is level with a word
    /// that is not too old.
    fn mark(&mut self, at: Instant, commit: u64) {
        let near = |last: &Mark| at.saturating_duration_since(last.at) < MARK_STEP;
        if self.marks.back().is_some_and(near) {
            return;
        }
        self.marks.push_back(Mark { at, commit });
        while self.marks.len() > MARKS_MAX {
            self.marks.pop_front();
        }
    }

    /// Entry time, or why the node may not speak. `term` is the newest that it knows.
    pub(super) fn standing(
        &self,
        term: u64,
        now: Instant,
        applied: Applied,
    ) -> Result<Timestamp, Unready> {
        let fresh = |at: Instant| now.saturating_duration_since(at) <= CONTACT_MAX;
        let last = self.last.filter(|last| self.term >= term && fresh(last.at));
        let Some(last) = last else {
            return Err(Unready::NoLeader);
        };
        if !last.word.quorum {
            return Err(Unready::NoQuorum);
        }
        let level = |mark: &Mark| fresh(mark.at) && mark.commit <= applied.index;
        if !self.marks.iter().any(level) {
            return Err(Unready::Behind);
        }
        let passed = now.saturating_duration_since(last.at);
        Ok(applied.at.max(last.word.time.plus(passed)))
    }
}

impl Heard {
    /// A process that was stopped finds the words of that time in its socket and reads
    /// them all at once: they are as old as they are, not as new as they seem. A word is
    /// late by as much as it took longer than the quickest of this leader.
    fn new(word: Word, now: Instant, before: Option<&Self>) -> Self {
        let started = now.checked_sub(word.sent).unwrap_or(now);
        let quickest = match before {
            None => started,
            Some(before) => {
                let since = now.saturating_duration_since(before.received);
                // Two clocks never run alike: what was quickest once is forgotten slowly.
                let forgotten = since.checked_div(DRIFT_DIVISOR).unwrap_or_default();
                started.min(before.quickest.checked_add(forgotten).unwrap_or(started))
            }
        };
        let late = started.saturating_duration_since(quickest);
        Self {
            word,
            at: now.checked_sub(late).unwrap_or(now),
            received: now,
            quickest,
        }
    }
}

/// Between two marks, so that a few reach back over the whole contact.
const MARK_STEP: Duration = Duration::from_millis(25);
const MARKS_MAX: usize = 16;
/// Monotonic clocks differ by less than one part in so many; the kernel slews by 500 ppm.
const DRIFT_DIVISOR: u32 = 200;

const _: () = assert!(MARKS_MAX as u128 * MARK_STEP.as_millis() > CONTACT_MAX.as_millis());
