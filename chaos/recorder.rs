//! Writes the history down while it happens.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use countersign::login::Clock;
use countersign::node::SystemClock;
use tokio::time::Instant;

use crate::history::{At, Ended, Fault, Heard, History, Login, Visit, Write};

/// The one history of a run.
#[derive(Debug)]
pub(crate) struct Recorder {
    begun: Instant,
    history: Mutex<History>,
}

impl Recorder {
    pub(crate) fn new(history: History) -> Self {
        Self {
            begun: SystemClock.monotonic(),
            history: Mutex::new(history),
        }
    }

    /// Now.
    pub(crate) fn at(&self) -> At {
        let since = SystemClock
            .monotonic()
            .saturating_duration_since(self.begun);
        since.as_micros().try_into().unwrap_or(At::MAX)
    }

    // LIMIT: the rate of logins times the minutes of the run.
    pub(crate) fn login(&self, login: Login) {
        self.history().logins.push(login);
    }

    pub(crate) fn visit(&self, visit: Visit) {
        self.history().visits.push(visit);
    }

    pub(crate) fn write(&self, write: Write) {
        self.history().writes.push(write);
    }

    pub(crate) fn fault(&self, fault: Fault) {
        self.history().faults.push(fault);
    }

    pub(crate) fn ended(&self, ended: Ended) {
        self.history().ends.push(ended);
    }

    pub(crate) fn caught_up(&self, after: Option<At>) {
        self.history().caught_up_after.push(after);
    }

    pub(crate) fn story_dropped(&self) {
        self.history().stories_dropped += 1;
    }

    /// The last mending until now; the beginning, where nothing was mended.
    pub(crate) fn mended(&self) -> At {
        let history = self.history();
        history.faults.iter().map(|it| it.up).max().unwrap_or(0)
    }

    /// All of it, and an empty one in its place.
    pub(crate) fn take(&self) -> History {
        std::mem::take(&mut *self.history())
    }

    /// How it goes, in one line.
    pub(crate) fn progress(&self) -> String {
        let history = self.history();
        let mut heard: BTreeMap<&str, usize> = BTreeMap::new();
        for login in &history.logins {
            let word = match login.heard {
                Heard::Accept => "accepted",
                Heard::Reject(_) => "refused",
                Heard::Silence => "silent",
            };
            *heard.entry(word).or_default() += 1;
        }
        format!(
            "{} logins {heard:?}, {} writes, {} faults",
            history.logins.len(),
            history.writes.len(),
            history.faults.len()
        )
    }

    fn history(&self) -> MutexGuard<'_, History> {
        self.history.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
