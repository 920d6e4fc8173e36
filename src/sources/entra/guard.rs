//! What stands between a login and a question to Entra, and what an answer teaches.
//!
//! In this order, cheapest and most particular first, all before any connection: the user is
//! left alone; this very password is known to be wrong; the source rests. Who is turned away
//! by the first two takes no place among those that try whether the source is back.
//!
//! Must not know: HTTP, numbers.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use countersign_core::ledger::SourceOutcome;
use countersign_core::login::Reason;
use tokio::time::Instant;

use super::decision::{Judged, Then, plain};
use super::settings::Surroundings;
use super::troubles;
use crate::login::{Answer, Clock, Question};
use crate::sources::alarm::{Alarms, Over, Trouble};
use crate::sources::breaker::{Fault, Gate, Permit, Rests, Verdict};
use crate::sources::pause::{Cause, Pauses};
use crate::sources::wrong::KnownWrong;

/// The guard of one source.
pub(super) struct Guard {
    source: String,
    gate: Gate,
    users: Mutex<Users>,
    alarms: Arc<Alarms>,
    rests: Arc<dyn Rests>,
    clock: Arc<dyn Clock>,
}

struct Users {
    wrong: KnownWrong,
    pauses: Pauses,
}

/// Why nobody was asked, and what is said instead.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Spared {
    pub(super) answer: Answer,
    /// For metrics.
    pub(super) label: &'static str,
}

/// What came of a question.
#[derive(Clone, Debug)]
pub(super) struct Lesson {
    pub(super) judged: Judged,
    /// How long the source asks to be left alone, in its own words.
    pub(super) retry_after: Option<Duration>,
    /// There was so little time that a failure says nothing about the source.
    pub(super) hurried: bool,
}

impl Guard {
    pub(super) fn new(source: &str, surroundings: &Surroundings) -> Self {
        Self {
            source: source.to_owned(),
            gate: Gate::default(),
            users: Mutex::new(Users {
                wrong: KnownWrong::new(&surroundings.boot_key, source),
                pauses: Pauses::default(),
            }),
            alarms: Arc::clone(&surroundings.alarms),
            rests: Arc::clone(&surroundings.rests),
            clock: Arc::clone(&surroundings.clock),
        }
    }

    /// Leave to ask.
    pub(super) fn admit(&self, question: &Question, now: Instant) -> Result<Permit<'_>, Spared> {
        let Question { name, password, .. } = question;
        {
            let users = self.users();
            if let Some(cause) = users.pauses.of(name, now) {
                let reason = match cause {
                    Cause::Locked => Reason::LockedAtSource,
                    Cause::Looped => Reason::SourceDown,
                };
                return Err(spared(SourceOutcome::NotAsked, reason, "paused"));
            }
            if users.wrong.knows(name, password, now) {
                return Err(spared(
                    SourceOutcome::Wrong,
                    Reason::KnownWrong,
                    "known_wrong",
                ));
            }
        }
        self.gate.admit(now).map_err(|resting| {
            let reason = match resting.fault {
                Fault::Misconfigured => Reason::SourceMisconfigured,
                Fault::Temporary | Fault::Throttled => Reason::SourceDown,
                // Another node may well reach it.
                Fault::Unanswered | Fault::Unreachable => Reason::SourceUnreachable,
            };
            spared(SourceOutcome::NotAsked, reason, "resting")
        })
    }

    /// Learns from an answer, or from there being none.
    pub(super) fn learn(
        &self,
        question: &Question,
        lesson: &Lesson,
        permit: Permit<'_>,
        now: Instant,
    ) {
        let Lesson {
            judged,
            retry_after,
            hurried,
        } = lesson;
        if self.learn_of_user(question, judged, now) {
            self.raise(&troubles::EGRESS);
        }
        if let Some(span) = rest_asked(judged, *retry_after) {
            drop(permit);
            self.throttled(span, now);
        } else {
            self.done(verdict(judged), *hurried, permit, now);
        }
        match (judged.trouble, shown(&judged.answer)) {
            (Some(trouble), _) => self.raise(trouble),
            (None, Some(shown)) => self.alarms.clear(&self.source, shown),
            (None, None) => {}
        }
    }

    fn done(&self, verdict: Verdict, hurried: bool, permit: Permit<'_>, now: Instant) {
        let cut = Verdict::Failure(Fault::Unanswered);
        let lost = Verdict::Failure(Fault::Unreachable);
        if hurried && (verdict == cut || verdict == lost) {
            return drop(permit);
        }
        let began = permit.done(verdict, now);
        if let Some(trouble) = began.and_then(|resting| troubles::of(resting.fault)) {
            self.raise(trouble);
        }
    }

    /// Of the many questions that are under way when a source begins to throttle, the first
    /// answer tells the others.
    fn throttled(&self, span: Duration, now: Instant) {
        self.raise(&troubles::THROTTLED);
        let left = self.gate.resting_for(now);
        if left.is_some_and(|left| left.saturating_add(REST_LEAST) >= span) {
            return;
        }
        self.gate.rest(span, now);
        self.rests.resting(&self.source, span);
    }

    /// True: so many users are locked that it must be our address.
    fn learn_of_user(&self, question: &Question, judged: &Judged, now: Instant) -> bool {
        let Question { name, password, .. } = question;
        let mut users = self.users();
        match judged.answer.outcome {
            SourceOutcome::Wrong => users.wrong.keep(name, password, now),
            SourceOutcome::Right | SourceOutcome::Denied => {
                users.wrong.forget(name);
                users.pauses.forget(name);
            }
            SourceOutcome::NotAsked | SourceOutcome::Unanswered => {}
        }
        match judged.then {
            Then::LeaveLocked => return users.pauses.locked(name, now),
            Then::LeaveLooped => users.pauses.looped(name, now),
            Then::GoOn | Then::Rest => {}
        }
        false
    }

    /// Leaves the source alone. Nobody else is told: whoever says so has told them.
    pub(super) fn rest(&self, span: Duration, now: Instant) {
        self.gate.rest(span.min(REST_MOST), now);
    }

    pub(super) fn resting(&self, now: Instant) -> Option<Duration> {
        self.gate.resting_for(now)
    }

    fn raise(&self, trouble: &'static Trouble) {
        self.alarms.raise(&self.source, trouble, self.clock.wall());
    }

    fn users(&self) -> MutexGuard<'_, Users> {
        self.users.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// For how long an answer asks to be left alone. `retry_after` is in its own words.
pub(super) fn rest_asked(judged: &Judged, retry_after: Option<Duration>) -> Option<Duration> {
    let asks = judged.then == Then::Rest || retry_after.is_some();
    asks.then(|| bounded(retry_after))
}

/// A rest that a throttle asks for, within bounds.
pub(super) fn bounded(retry_after: Option<Duration>) -> Duration {
    retry_after
        .unwrap_or(REST_USUAL)
        .clamp(REST_LEAST, REST_MOST)
}

/// What an answer says about the source, whatever it says about the user.
const fn verdict(judged: &Judged) -> Verdict {
    match (judged.answer.outcome, judged.answer.reason) {
        (SourceOutcome::Denied | SourceOutcome::Right | SourceOutcome::Wrong, _)
        | (SourceOutcome::NotAsked, Reason::LockedAtSource) => Verdict::Success,
        (SourceOutcome::NotAsked, Reason::SourceMisconfigured) => {
            Verdict::Failure(Fault::Misconfigured)
        }
        (SourceOutcome::NotAsked, Reason::SourceUnreachable) => {
            Verdict::Failure(Fault::Unreachable)
        }
        // One user's loop is no trouble of the others.
        (SourceOutcome::NotAsked, _) if matches!(judged.then, Then::LeaveLooped) => {
            Verdict::Success
        }
        (SourceOutcome::NotAsked, _) => Verdict::Failure(Fault::Temporary),
        (SourceOutcome::Unanswered, _) => Verdict::Failure(Fault::Unanswered),
    }
}

/// What an answer shows to be over.
const fn shown(answer: &Answer) -> Option<Over> {
    match (answer.outcome, answer.reason) {
        (SourceOutcome::Right, _) | (SourceOutcome::Denied, Reason::NoMfa) => Some(Over::Proven),
        (SourceOutcome::Wrong | SourceOutcome::Denied, _) => Some(Over::Answered),
        (SourceOutcome::NotAsked | SourceOutcome::Unanswered, _) => None,
    }
}

pub(super) fn spared(outcome: SourceOutcome, reason: Reason, label: &'static str) -> Spared {
    let answer = plain(outcome, reason, 0).answer;
    Spared { answer, label }
}

/// Where a throttle names no time: what Entra's own says, and what Microsoft's library takes.
const REST_USUAL: Duration = Duration::from_secs(60);
/// A throttle that asks for nothing is still one.
const REST_LEAST: Duration = Duration::from_secs(1);
/// LIMIT: no word from outside keeps everybody out for longer.
const REST_MOST: Duration = Duration::from_secs(300);

#[cfg(test)]
mod tests;
