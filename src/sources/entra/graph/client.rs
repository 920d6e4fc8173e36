//! Asks Graph, with the application's token, and keeps away from it when it wants that.
//!
//! Must not know: what is asked for.

use std::sync::Arc;
use std::time::Duration;

use reqwest::header::HeaderValue;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};
use url::Url;
use zeroize::Zeroizing;

use super::memory::Memory;
use super::token::Tokens;
use super::{address, roster};
use crate::login::Clock;
use crate::sources::account::LookupError;
use crate::sources::alarm::{Alarms, Over, Trouble};
use crate::sources::breaker::{Fault, Gate, Permit, Verdict};
use crate::sources::entra::client::HURRIED;
use crate::sources::entra::exchange::{self, Answered, DOCUMENT_OCTETS_MAX, Heard};
use crate::sources::entra::request::Proof;
use crate::sources::entra::settings::Surroundings;
use crate::sources::entra::{Entra, guard, troubles};
use crate::sources::http;

/// Graph, as the application of one source may read it.
#[derive(Clone, Copy, Debug)]
pub struct Graph<'a> {
    pub(super) entra: &'a Entra,
}

/// What is kept of Graph.
pub(in crate::sources::entra) struct State {
    /// In alarms: what is wrong with Graph is not over because a password was judged.
    name: String,
    pub(super) accounts: Memory,
    pub(super) rounds: roster::Memory,
    tokens: Tokens,
    gate: Gate,
    room: Semaphore,
    alarms: Arc<Alarms>,
    clock: Arc<dyn Clock>,
}

/// One question, whoever asks it.
#[derive(Clone, Copy)]
struct Ask<'a> {
    url: &'a Url,
    deadline: Instant,
    octets_max: usize,
}

/// Why there is no document.
#[derive(Clone, Copy, Debug)]
pub(super) struct Missed {
    pub(super) error: LookupError,
    pub(super) shows: Shows,
}

/// What it shows of Graph.
#[derive(Clone, Copy, Debug)]
pub(super) enum Shows {
    /// It answers.
    Answers,
    Fault(Fault),
    /// It was not asked, or somebody else knows more.
    Nothing,
    /// It asks to be left alone.
    Throttle(Duration),
}

/// How Graph refuses.
#[derive(Deserialize)]
struct Refusal {
    error: RefusalError,
}

#[derive(Deserialize)]
struct RefusalError {
    code: String,
}

impl Entra {
    /// Graph, for an application that can prove itself. `None`: a public client, which has no
    /// token of its own.
    #[must_use]
    pub const fn graph(&self) -> Option<Graph<'_>> {
        match self.grant.proof {
            Proof::Public => None,
            Proof::Certificate(_) | Proof::Secret(_) => Some(Graph { entra: self }),
        }
    }
}

impl State {
    pub(in crate::sources::entra) fn new(source: &str, surroundings: &Surroundings) -> Self {
        Self {
            name: format!("{source} (Graph)"),
            accounts: Memory::new(),
            rounds: roster::Memory::default(),
            tokens: Tokens::default(),
            gate: Gate::default(),
            room: Semaphore::new(QUESTIONS_IN_FLIGHT_MAX),
            alarms: Arc::clone(&surroundings.alarms),
            clock: Arc::clone(&surroundings.clock),
        }
    }

    pub(super) fn raise(&self, trouble: &'static Trouble) {
        self.alarms.raise(&self.name, trouble, self.clock.wall());
    }

    /// Learns from a question. With little time, a failure shows only that it came late.
    fn learn(&self, shows: Shows, hurried: bool, permit: Permit<'_>, now: Instant) {
        match shows {
            Shows::Answers => {
                permit.done(Verdict::Success, now);
                self.alarms.clear(&self.name, Over::Proven);
            }
            Shows::Fault(Fault::Unanswered | Fault::Unreachable) if hurried => drop(permit),
            Shows::Fault(fault) => {
                let began = permit.done(Verdict::Failure(fault), now);
                if let Some(trouble) = began.and_then(|resting| troubles::of(resting.fault)) {
                    self.raise(trouble);
                }
            }
            Shows::Nothing => drop(permit),
            Shows::Throttle(span) => {
                drop(permit);
                self.gate.rest(span, now);
                self.raise(&troubles::THROTTLED);
            }
        }
    }

    /// Leave to ask.
    fn admit(&self, now: Instant) -> Result<Permit<'_>, LookupError> {
        self.gate.admit(now).map_err(|resting| match resting.fault {
            Fault::Misconfigured => LookupError::Service(0),
            Fault::Temporary | Fault::Throttled | Fault::Unanswered => LookupError::Resting,
            // Another node may well reach it.
            Fault::Unreachable => LookupError::Unreachable,
        })
    }
}

impl Graph<'_> {
    /// Gets one document: of a path that begins with `/v1.0/`, or of a link that an answer
    /// named, which is followed only within Graph.
    ///
    /// # Errors
    /// Why there is none. What is too long or is not what `T` reads is
    /// [`Unreadable`](LookupError::Unreadable).
    pub async fn get<T>(&self, link: &str, deadline: Instant) -> Result<T, LookupError>
    where
        T: DeserializeOwned + Send,
    {
        self.document(link, deadline, DOCUMENT_OCTETS_MAX).await
    }

    /// As [`Self::get`], of a page of a long list.
    pub(super) async fn list<T>(&self, link: &str, deadline: Instant) -> Result<T, LookupError>
    where
        T: DeserializeOwned + Send,
    {
        self.document(link, deadline, PAGE_OCTETS_MAX).await
    }

    /// How long nothing is asked. `None`: questions are, at least some.
    pub(super) fn resting(&self) -> Option<Duration> {
        let own = self.entra.graph.gate.resting_for(Instant::now());
        own.max(self.entra.resting())
    }

    async fn document<T>(
        &self,
        link: &str,
        deadline: Instant,
        octets_max: usize,
    ) -> Result<T, LookupError>
    where
        T: DeserializeOwned + Send,
    {
        let state = &self.entra.graph;
        let graph = &self.entra.places.hosts.graph;
        let url = address::follow(graph, link).ok_or(LookupError::Unreadable)?;
        let Ok(Ok(_place)) = timeout_at(deadline, state.room.acquire()).await else {
            return Err(LookupError::Busy);
        };
        let began = Instant::now();
        let permit = state.admit(began)?;
        let ask = Ask {
            url: &url,
            deadline,
            octets_max,
        };
        let read = self.read(ask).await.and_then(|body| {
            let document = serde_json::from_slice(&body);
            document.map_err(|_| Missed::UNREADABLE)
        });
        let shows = match &read {
            Ok(_) => Shows::Answers,
            Err(missed) => missed.shows,
        };
        let hurried = deadline.saturating_duration_since(began) < HURRIED;
        state.learn(shows, hurried, permit, Instant::now());
        read.map_err(|missed| missed.error)
    }

    /// A token can be revoked before its end: then, once, with a new one.
    async fn read(&self, ask: Ask<'_>) -> Result<Zeroizing<Vec<u8>>, Missed> {
        let (tokens, deadline) = (&self.entra.graph.tokens, ask.deadline);
        let bearer = tokens.bearer(self.entra, deadline).await?;
        let answered = self.ask(ask, bearer.clone()).await?;
        if answered.status != 401 {
            return self.taken(answered);
        }
        tokens.forget(&bearer).await;
        let bearer = tokens.bearer(self.entra, deadline).await?;
        let answered = self.ask(ask, bearer).await?;
        self.taken(answered)
    }

    /// Asks; once more where a connection broke, which changes nothing at Graph.
    async fn ask(&self, ask: Ask<'_>, bearer: HeaderValue) -> Result<Answered, Missed> {
        let (http, id) = (&self.entra.http, self.entra.request_ids.next());
        let Ask {
            url,
            deadline,
            octets_max,
        } = ask;
        let get = |bearer| exchange::get(http, url, bearer, &id, (deadline, octets_max));
        let mut heard = get(bearer.clone()).await;
        let broke = matches!(heard, Heard::NoConnection | Heard::Nothing);
        if broke && Instant::now() < deadline {
            heard = get(bearer).await;
        }
        match heard {
            Heard::Answered(answered) => Ok(answered),
            Heard::NoConnection => Err(Missed::fault(LookupError::Unreachable, Fault::Unreachable)),
            Heard::Nothing => Err(Missed::fault(LookupError::Broken, Fault::Unanswered)),
            Heard::TooMuch => Err(Missed::UNREADABLE),
        }
    }

    fn taken(&self, answered: Answered) -> Result<Zeroizing<Vec<u8>>, Missed> {
        let Answered {
            status,
            headers,
            body,
        } = answered;
        if status == 200 {
            return Ok(body);
        }
        let retry_after = || http::retry_after(&headers, self.entra.clock.wall());
        let refusal = serde_json::from_slice::<Refusal>(&body);
        let code = refusal.map(|refusal| refusal.error.code);
        let refused = LookupError::Refused(status.into());
        Err(match (status, code) {
            (429, _) => Missed::throttle(retry_after()),
            (503, _) if retry_after().is_some() => Missed::throttle(retry_after()),
            (500..=599, _) => Missed::fault(LookupError::Broken, Fault::Temporary),
            (401 | 403, Ok(_)) => {
                self.entra.graph.raise(&troubles::GRAPH);
                Missed::fault(refused, Fault::Misconfigured)
            }
            (404, Ok(code)) if code == NOT_FOUND => Missed::answer(LookupError::Absent),
            (400..=499, Ok(_)) => Missed::answer(refused),
            (_, Ok(_) | Err(_)) => Missed::UNREADABLE,
        })
    }
}

impl Missed {
    pub(super) const UNREADABLE: Self = Self::fault(LookupError::Unreadable, Fault::Unanswered);

    pub(super) const fn fault(error: LookupError, fault: Fault) -> Self {
        let shows = Shows::Fault(fault);
        Self { error, shows }
    }

    pub(super) const fn nothing(error: LookupError) -> Self {
        let shows = Shows::Nothing;
        Self { error, shows }
    }

    const fn answer(error: LookupError) -> Self {
        let shows = Shows::Answers;
        Self { error, shows }
    }

    fn throttle(retry_after: Option<Duration>) -> Self {
        let shows = Shows::Throttle(guard::bounded(retry_after));
        let error = LookupError::Resting;
        Self { error, shows }
    }
}

/// LIMIT: a page of a list, members of groups among it.
const PAGE_OCTETS_MAX: usize = 4 << 20;
/// How Graph says that it has no such user; any other page may say 404.
const NOT_FOUND: &str = "Request_ResourceNotFound";
/// LIMIT: questions at one time, each with a few KiB to read as a rule and half a MiB at most;
/// 5,000 logins a second with two of them each, at 100 ms. Who finds no room waits for it, to
/// the end of its time.
const QUESTIONS_IN_FLIGHT_MAX: usize = 1024;
