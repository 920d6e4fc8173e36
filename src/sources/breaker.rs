//! When a source is left alone, and how it is taken back: a circuit breaker, one for each
//! source and node.
//!
//! ```text
//! Closed ──5 failures in a row──▸ Open ──its time is over──▸ HalfOpen ──4 successes──▸ Ramp
//!    ▴                             ▴ ▴                          │                     │  │
//!    │                             │ └───────one failure────────┘                     │  │
//!    │                             └────────────────5 failures in a row───────────────┘  │
//!    └────────────────────────────each second twice as many, up to all───────────────────┘
//! ```
//!
//! Real traffic probes: nobody's password is sent for the sake of a probe. Time is an
//! argument; nothing here waits. Must not know what a source is, nor who asks.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Who is told that a source asked to be left alone, or said that it is out, so that other
/// nodes leave it alone too. A connection that fails here may well succeed from there: of that
/// nobody is told.
pub trait Rests: std::fmt::Debug + Send + Sync {
    /// `source` is to be asked nothing for `span`.
    fn resting(&self, source: &str, span: Duration);
}

/// Tells nobody; for a node without others, and for tests.
#[derive(Clone, Copy, Debug, Default)]
pub struct Untold;

impl Rests for Untold {
    fn resting(&self, _: &str, _: Duration) {}
}

/// What stands in the way of a source's answers.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Fault {
    /// It refuses this server, not the user.
    Misconfigured,
    /// It says that it judges nothing now.
    Temporary,
    /// It asked to be left alone.
    Throttled,
    /// It was asked and said nothing that can be read.
    Unanswered,
    /// No connection.
    Unreachable,
}

/// What a question showed of its source. A wrong password, a refused user and a locked one
/// are answers like any other.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Verdict {
    /// No answer that could have let anybody in.
    Failure(Fault),
    /// It answers.
    Success,
}

/// The source is not to be asked now.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Resting {
    /// Ask no earlier than after this.
    pub left: Duration,
    /// What made it rest.
    pub fault: Fault,
}

/// Leave to ask once. It is handed back with what came of it, or just dropped.
#[derive(Debug)]
#[must_use]
pub struct Ticket {
    /// Which phase gave it: what began in an earlier one says nothing about this one.
    phase: u64,
    /// The probe's place.
    slot: Option<usize>,
}

/// The state machine.
#[derive(Debug)]
pub struct Breaker {
    state: State,
    /// Counts changes of `state`.
    phase: u64,
    /// In a row, without a success.
    failures: u32,
    /// How long the next rest is that failures begin.
    rest: Duration,
    /// Of the last rest.
    fault: Fault,
}

#[derive(Debug)]
enum State {
    Closed,
    HalfOpen {
        /// Each place is free, or taken until then: a ticket that never comes back keeps
        /// nobody out for longer.
        slots: [Option<Instant>; PROBES_MAX],
        successes: usize,
    },
    Open {
        until: Instant,
    },
    Ramp {
        began: Instant,
        /// Since `began`.
        second: u32,
        /// In this second.
        admitted: u32,
    },
}

impl Default for Breaker {
    fn default() -> Self {
        Self {
            state: State::Closed,
            phase: 0,
            failures: 0,
            rest: REST_MIN,
            fault: Fault::Unreachable,
        }
    }
}

impl Breaker {
    /// Leave to ask at `now`.
    ///
    /// # Errors
    /// [`Resting`]: not now.
    pub fn admit(&mut self, now: Instant) -> Result<Ticket, Resting> {
        self.advance(now);
        let phase = self.phase;
        let left = match &mut self.state {
            State::Closed => return Ok(Ticket { phase, slot: None }),
            State::HalfOpen { slots, .. } => {
                let free = |slot: &Option<Instant>| slot.is_none_or(|until| until <= now);
                let place = slots.iter_mut().enumerate().find(|(_, slot)| free(slot));
                if let Some((place, slot)) = place {
                    *slot = Some(now + PROBE_MAX);
                    let slot = Some(place);
                    return Ok(Ticket { phase, slot });
                }
                PROBES_PAUSE
            }
            State::Open { until } => until.saturating_duration_since(now),
            State::Ramp {
                second, admitted, ..
            } => {
                if *admitted < ramp_at(*second) {
                    *admitted = admitted.saturating_add(1);
                    return Ok(Ticket { phase, slot: None });
                }
                PROBES_PAUSE
            }
        };
        let fault = self.fault;
        Err(Resting { left, fault })
    }

    /// What came of a question. Returns the rest that it began.
    #[expect(clippy::needless_pass_by_value, reason = "it is good for one question")]
    pub fn done(&mut self, ticket: Ticket, verdict: Verdict, now: Instant) -> Option<Resting> {
        let Ticket { phase, slot } = ticket;
        if phase != self.phase {
            return None;
        }
        match verdict {
            Verdict::Failure(fault) => {
                self.failures = self.failures.saturating_add(1);
                if slot.is_none() && self.failures < FAILURES_MAX {
                    return None;
                }
                let left = self.rest;
                self.rest = left.saturating_mul(2).min(REST_MAX);
                self.fault = fault;
                self.enter(State::Open { until: now + left });
                Some(Resting { left, fault })
            }
            Verdict::Success => {
                self.failures = 0;
                self.succeeded(slot, now);
                None
            }
        }
    }

    /// A question that showed nothing: it was never sent, or nobody waited for its end.
    #[expect(clippy::needless_pass_by_value, reason = "it is good for one question")]
    pub fn dropped(&mut self, ticket: Ticket) {
        let Ticket { phase, slot } = ticket;
        if phase == self.phase {
            self.free(slot);
        }
    }

    /// Nothing is admitted before `until`; then the source is taken back as after a failure.
    /// A longer rest that is under way stays.
    pub fn rest_until(&mut self, until: Instant, now: Instant) {
        self.advance(now);
        let longest = match &self.state {
            State::Open { until: under_way } => until.max(*under_way),
            State::Closed | State::HalfOpen { .. } | State::Ramp { .. } => until,
        };
        if longest <= now {
            return;
        }
        self.fault = Fault::Throttled;
        self.enter(State::Open { until: longest });
    }

    /// How long nothing at all is admitted. `None`: questions are, at least some.
    #[must_use]
    pub fn resting_for(&self, now: Instant) -> Option<Duration> {
        match &self.state {
            State::Open { until } if *until > now => Some(*until - now),
            State::Closed | State::HalfOpen { .. } | State::Open { .. } | State::Ramp { .. } => {
                None
            }
        }
    }

    /// What time alone changes.
    fn advance(&mut self, now: Instant) {
        match &mut self.state {
            State::Open { until } if *until <= now => {
                let slots = [None; PROBES_MAX];
                let successes = 0;
                self.enter(State::HalfOpen { slots, successes });
            }
            State::Ramp {
                began,
                second,
                admitted,
            } => {
                let since = now.saturating_duration_since(*began).as_secs();
                let since = u32::try_from(since).unwrap_or(u32::MAX);
                if since >= RAMP_SECS {
                    self.rest = REST_MIN;
                    self.enter(State::Closed);
                } else if since != *second {
                    (*second, *admitted) = (since, 0);
                }
            }
            State::Closed | State::HalfOpen { .. } | State::Open { .. } => {}
        }
    }

    fn succeeded(&mut self, slot: Option<usize>, now: Instant) {
        self.free(slot);
        let State::HalfOpen { successes, .. } = &mut self.state else {
            return;
        };
        *successes = successes.saturating_add(1);
        if *successes >= PROBES_MAX {
            self.enter(State::Ramp {
                began: now,
                second: 0,
                admitted: 0,
            });
        }
    }

    fn free(&mut self, slot: Option<usize>) {
        let State::HalfOpen { slots, .. } = &mut self.state else {
            return;
        };
        if let Some(taken) = slot.and_then(|place| slots.get_mut(place)) {
            *taken = None;
        }
    }

    fn enter(&mut self, state: State) {
        self.state = state;
        self.phase = self.phase.wrapping_add(1);
        self.failures = 0;
    }
}

/// A breaker that many tasks share. No task waits with the lock in its hand.
#[derive(Debug, Default)]
pub struct Gate(Mutex<Breaker>);

/// Leave to ask once, which returns by itself when it is dropped.
#[derive(Debug)]
#[must_use]
pub struct Permit<'a> {
    gate: &'a Gate,
    ticket: Option<Ticket>,
}

impl Gate {
    /// As [`Breaker::admit`].
    ///
    /// # Errors
    /// [`Resting`]: not now.
    pub fn admit(&self, now: Instant) -> Result<Permit<'_>, Resting> {
        let ticket = Some(self.breaker().admit(now)?);
        Ok(Permit { gate: self, ticket })
    }

    /// Nothing is admitted for `span`.
    pub fn rest(&self, span: Duration, now: Instant) {
        self.breaker().rest_until(now + span, now);
    }

    /// As [`Breaker::resting_for`].
    #[must_use]
    pub fn resting_for(&self, now: Instant) -> Option<Duration> {
        self.breaker().resting_for(now)
    }

    fn breaker(&self) -> MutexGuard<'_, Breaker> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Permit<'_> {
    /// As [`Breaker::done`].
    pub fn done(mut self, verdict: Verdict, now: Instant) -> Option<Resting> {
        let ticket = self.ticket.take()?;
        self.gate.breaker().done(ticket, verdict, now)
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            self.gate.breaker().dropped(ticket);
        }
    }
}

/// How many are admitted in a second of the ramp.
const fn ramp_at(second: u32) -> u32 {
    RAMP_FIRST.saturating_mul(2u32.saturating_pow(second))
}

/// Failures in a row that begin a rest. Fewer are the bad luck of a few questions.
pub const FAILURES_MAX: u32 = 5;
/// LIMIT: questions at one time that try whether the source is back.
pub const PROBES_MAX: usize = 4;
/// Longer than any question takes: then the place of a probe that was lost is free again.
const PROBE_MAX: Duration = Duration::from_secs(60);
/// Until a place is likely to be free, for who is turned away from a source that comes back.
const PROBES_PAUSE: Duration = Duration::from_millis(250);
/// The first rest: shorter than a device's three tries, so that a source that was away for
/// a moment costs nobody a login.
pub const REST_MIN: Duration = Duration::from_secs(2);
/// LIMIT: rests double up to this: a source that is back is found within it, no later than
/// the cluster itself has to be well again after a fault (DESIGN §1, L2).
pub const REST_MAX: Duration = Duration::from_secs(8);
/// LIMIT: questions in the first second of the ramp; then twice as many in each.
const RAMP_FIRST: u32 = 16;
/// After 16, 32 … 2048 a second, every question is admitted.
const RAMP_SECS: u32 = 8;

#[cfg(test)]
mod tests;
