//! What is wrong with the sources now, in words for operators: each trouble with what to do
//! about it, from when it is first seen until the next success.
//!
//! Texts are constants of the code. Must not know what any number of a directory means.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use countersign_core::base::{Operations, Timestamp};

/// A kind of trouble. Sources have them as constants.
#[derive(Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Trouble {
    /// For metrics; once given, it keeps its meaning.
    pub label: &'static str,
    /// What is wrong.
    pub what: &'static str,
    /// What to do about it.
    pub remedy: &'static str,
    /// What shows that it is over.
    pub over: Over,
}

/// What shows that a trouble is over.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Over {
    /// Any answer about a user, a wrong password too.
    Answered,
    /// Nothing less than a user whose password was proven: the trouble shows only then.
    Proven,
    /// No login: whoever raised it says so.
    Told,
}

/// A trouble that is there now.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Alarm {
    /// Which source, by its name in the settings.
    pub source: String,
    /// What it is.
    pub trouble: &'static Trouble,
    /// When it was first seen, by this node's wall clock.
    pub since: Timestamp,
    /// How often it was seen.
    pub count: u64,
}

/// The troubles of all sources of this node. Bounded: texts are constants, and sources are
/// as many as the settings have.
#[derive(Debug)]
pub struct Alarms {
    current: Mutex<BTreeMap<(String, &'static Trouble), Seen>>,
    operations: Arc<dyn Operations>,
}

#[derive(Clone, Copy, Debug)]
struct Seen {
    since: Timestamp,
    count: u64,
}

type Current = BTreeMap<(String, &'static Trouble), Seen>;

impl Alarms {
    /// Nothing is wrong yet.
    #[must_use]
    pub fn new(operations: Arc<dyn Operations>) -> Self {
        Self {
            current: Mutex::default(),
            operations,
        }
    }

    /// `trouble` is seen. It is told once, however often it is raised.
    pub fn raise(&self, source: &str, trouble: &'static Trouble, now: Timestamp) {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(seen) = current.get_mut(&(source.to_owned(), trouble)) {
            seen.count = seen.count.saturating_add(1);
            return;
        }
        let Trouble {
            label,
            what,
            remedy,
            ..
        } = *trouble;
        tracing::warn!(source, what, remedy, "a password source is in trouble");
        if current.len() >= ALARMS_MAX {
            return;
        }
        let seen = Seen {
            since: now,
            count: 1,
        };
        current.insert((source.to_owned(), trouble), seen);
        self.tell(&current, label);
    }

    /// A user was judged: whatever this shows to be over is over.
    pub fn clear(&self, source: &str, shown: Over) {
        self.remove(|of, trouble| of == source && trouble.over <= shown);
    }

    /// This one is over.
    pub fn end(&self, source: &str, over: &Trouble) {
        self.remove(|of, trouble| of == source && trouble == over);
    }

    /// The source is gone from the settings, or was set anew.
    pub fn forget(&self, source: &str) {
        self.remove(|of, _| of == source);
    }

    /// All, by source.
    #[must_use]
    pub fn list(&self) -> Vec<Alarm> {
        let current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        let alarms = current.iter().map(|((source, trouble), seen)| Alarm {
            source: source.clone(),
            trouble,
            since: seen.since,
            count: seen.count,
        });
        alarms.collect()
    }

    fn remove(&self, is_over: impl Fn(&str, &Trouble) -> bool) {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        let over: Vec<_> = current
            .keys()
            .filter(|(source, trouble)| is_over(source, trouble))
            .cloned()
            .collect();
        for key in over {
            current.remove(&key);
            let (source, trouble) = key;
            let what = trouble.what;
            tracing::info!(source, what, "the trouble of a password source is over");
            self.tell(&current, trouble.label);
        }
    }

    /// How many sources have it.
    fn tell(&self, current: &Current, label: &'static str) {
        let sources = current.keys().filter(|(_, t)| t.label == label).count();
        self.operations.level(
            "source_alarms",
            label,
            sources.try_into().unwrap_or(u64::MAX),
        );
    }
}

/// LIMIT: beside the texts and the sources, should those ever be many.
const ALARMS_MAX: usize = 256;

#[cfg(test)]
mod tests {
    use countersign_core::base::Unobserved;

    use super::*;

    static CONSENT: Trouble = Trouble {
        label: "consent",
        what: "no consent",
        remedy: "grant it",
        over: Over::Proven,
    };
    static HELD: Trouble = Trouble {
        label: "held",
        what: "held",
        remedy: "confirm it",
        over: Over::Told,
    };
    static DOWN: Trouble = Trouble {
        label: "down",
        what: "no connection",
        remedy: "look at the route",
        over: Over::Answered,
    };

    fn alarms() -> Alarms {
        Alarms::new(Arc::new(Unobserved))
    }

    fn labels(alarms: &Alarms) -> Vec<&'static str> {
        alarms.list().iter().map(|a| a.trouble.label).collect()
    }

    #[test]
    fn a_trouble_is_listed_since_it_was_first_seen_and_counted() {
        let alarms = alarms();
        for second in 1..=3 {
            alarms.raise("entra", &DOWN, Timestamp::from_millis(second * 1000));
        }
        let expected = Alarm {
            source: "entra".to_owned(),
            trouble: &DOWN,
            since: Timestamp::from_millis(1000),
            count: 3,
        };
        assert_eq!(alarms.list(), [expected]);
    }

    #[test]
    fn an_answer_ends_what_it_shows_to_be_over() {
        let alarms = alarms();
        let now = Timestamp::default();
        alarms.raise("entra", &CONSENT, now);
        alarms.raise("entra", &DOWN, now);
        alarms.raise("other", &DOWN, now);
        alarms.clear("entra", Over::Answered);
        assert_eq!(labels(&alarms), ["consent", "down"]);
        alarms.clear("entra", Over::Proven);
        assert_eq!(labels(&alarms), ["down"]);
        alarms.forget("other");
        assert!(alarms.list().is_empty());
    }

    #[test]
    fn what_no_login_shows_to_be_over_is_over_when_it_is_told() {
        let alarms = alarms();
        let now = Timestamp::default();
        for source in ["corp", "other"] {
            alarms.raise(source, &HELD, now);
            alarms.raise(source, &CONSENT, now);
        }
        alarms.clear("corp", Over::Proven);
        assert_eq!(labels(&alarms), ["held", "consent", "held"]);
        alarms.end("other", &HELD);
        assert_eq!(labels(&alarms), ["held", "consent"]);
    }
}
