//! The source: sends one question at most once, within its time, and hands what comes back
//! to the table.
//!
//! Must not know: what a number means.

use std::sync::Arc;
use std::time::Duration;

use countersign_core::base::Operations;
use countersign_core::ledger::SourceOutcome;
use countersign_core::ledger::storage::EntraSettings;
use countersign_core::login::Reason;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::decision::{Decisions, Judged, plain, unreadable};
use super::exchange::{self, Answered, Heard, RequestIds};
use super::graph;
use super::guard::{Guard, Lesson, Spared, spared};
use super::request::{Grant, Stamp};
use super::response::Said;
use super::settings::{self, Checked, ConfigError, Credentials, Places, Surroundings};
use crate::login::{Answer, Clock, PasswordSource, Question};
use crate::sources::http::{self, Way};
use crate::sources::words::outcome_name;

/// Entra as one tenant and application see it.
pub struct Entra {
    pub(super) http: reqwest::Client,
    pub(super) way: Way,
    pub(super) places: Places,
    pub(super) grant: Grant,
    pub(super) decisions: Decisions,
    pub(super) request_ids: RequestIds,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) graph: graph::State,
    pub(super) timeout: Duration,
    room: Semaphore,
    guard: Guard,
    operations: Arc<dyn Operations>,
}

impl Entra {
    /// Makes a source of replicated settings. `name` tells it from other sources.
    ///
    /// # Errors
    /// Says which setting cannot be used on this node. Logins must then be answered by
    /// [`Kind::Misconfigured`](crate::sources::Kind::Misconfigured).
    pub fn configure(
        name: &str,
        settings: &EntraSettings,
        credentials: Credentials,
        surroundings: &Surroundings,
    ) -> Result<Self, ConfigError> {
        let checked = settings::check(settings, credentials, &surroundings.pinned)?;
        let Checked {
            places,
            grant,
            switches,
            timeout,
            proxy,
        } = checked;
        let ca_file = surroundings.ca_file.clone();
        let way = Way { ca_file, proxy };
        Ok(Self {
            http: http::client(&way, QUESTIONS_IN_FLIGHT_MAX)?,
            way,
            places,
            grant,
            decisions: Decisions::new(switches),
            request_ids: RequestIds::new(surroundings.request_ids, name, surroundings.clock.wall()),
            clock: Arc::clone(&surroundings.clock),
            graph: graph::State::new(name, surroundings),
            timeout,
            room: Semaphore::new(QUESTIONS_IN_FLIGHT_MAX),
            guard: Guard::new(name, surroundings),
            operations: Arc::clone(&surroundings.operations),
        })
    }

    /// How long nothing is asked, whoever logs in. `None`: questions are asked.
    #[must_use]
    pub fn resting(&self) -> Option<Duration> {
        self.guard.resting(Instant::now())
    }

    /// Leaves Entra alone for `span`, as another node was asked to.
    pub fn rest(&self, span: Duration) {
        self.guard.rest(span, Instant::now());
    }

    async fn question(
        &self,
        question: &Question,
        request_id: &str,
        now: Instant,
    ) -> Result<Answer, Spared> {
        let permit = self.guard.admit(question, now)?;
        let Ok(_place) = self.room.try_acquire() else {
            return Err(spared(SourceOutcome::NotAsked, Reason::Overload, "full"));
        };
        let span = question.timeout.min(self.timeout);
        let (judged, retry_after) = self.exchange(question, request_id, now + span).await;
        let lesson = Lesson {
            judged,
            retry_after,
            hurried: span < HURRIED,
        };
        self.guard.learn(question, &lesson, permit, Instant::now());
        Ok(lesson.judged.answer)
    }

    async fn exchange(
        &self,
        question: &Question,
        request_id: &str,
        deadline: Instant,
    ) -> (Judged, Option<Duration>) {
        let stamp = Stamp {
            id: request_id,
            now: self.clock.wall(),
        };
        let Ok(form) = self.grant.form(&question.name, &question.password, stamp) else {
            let reason = Reason::SourceMisconfigured;
            return (plain(SourceOutcome::NotAsked, reason, 0), None);
        };
        let mut tries_left = CONNECTIONS_TRIED_MAX;
        let heard = loop {
            tries_left -= 1;
            let (to, form) = (&self.places.token, form.clone());
            let heard = exchange::post(&self.http, to, form, request_id, deadline).await;
            // Only while nothing has left us: so a second try cannot ask twice.
            let unsent = matches!(heard, Heard::NoConnection);
            if !unsent || tries_left == 0 || Instant::now() >= deadline {
                break heard;
            }
        };
        self.judge(&heard)
    }

    /// The verdict, and for how long Entra wants to be left alone.
    pub(super) fn judge(&self, heard: &Heard) -> (Judged, Option<Duration>) {
        let without = |outcome, reason| (plain(outcome, reason, 0), None);
        match heard {
            Heard::Answered(Answered {
                status,
                headers,
                body,
            }) => {
                let throttles = matches!(status, 429 | 503);
                let retry_after = throttles
                    .then(|| http::retry_after(headers, self.clock.wall()))
                    .flatten();
                (
                    self.decisions.judge(*status, &Said::read(body)),
                    retry_after,
                )
            }
            Heard::NoConnection => without(SourceOutcome::NotAsked, Reason::SourceUnreachable),
            Heard::Nothing => without(SourceOutcome::Unanswered, Reason::SourceUnanswered),
            Heard::TooMuch => (unreadable(), None),
        }
    }

    fn tell(&self, answer: &Answer, request_id: &str, took: Duration) {
        let reason = answer.reason.code();
        self.operations
            .time("source_seconds", outcome_name(answer.outcome), took);
        let code = answer.code;
        tracing::debug!(request_id, code, reason, ?took, "Entra asked");
        if answer.reason == Reason::UnknownAnswer {
            self.operations.count("source_unknown_codes", "entra");
            tracing::warn!(request_id, code, "Entra gave an answer that no table knows");
        }
    }
}

impl PasswordSource for Entra {
    async fn ask(&self, question: Question) -> Answer {
        let began = Instant::now();
        let request_id = self.request_ids.next();
        let answer = match self.question(&question, &request_id, began).await {
            Ok(answer) => {
                self.tell(&answer, &request_id, began.elapsed());
                answer
            }
            Err(Spared { answer, label }) => {
                self.operations.count("source_spared", label);
                answer
            }
        };
        self.operations
            .count("source_answers", answer.reason.code());
        answer
    }
}

impl std::fmt::Debug for Entra {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Entra")
            .field("endpoint", &self.places.token.as_str())
            .field("grant", &self.grant)
            .finish_non_exhaustive()
    }
}

/// LIMIT: questions at one time, and connections kept for the next ones. 2,000 are
/// expected at 300 ms; above this bound the source counts as not asked.
const QUESTIONS_IN_FLIGHT_MAX: usize = 4096;
/// LIMIT: a connection that was just closed, and a new one.
const CONNECTIONS_TRIED_MAX: u8 = 2;
/// With less time than a connection may take, a question that fails shows only that it came
/// late: of those, a device that is nearly out of patience sends many.
pub(super) const HURRIED: Duration = Duration::from_secs(1);
