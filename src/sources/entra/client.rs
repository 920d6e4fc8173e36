//! The HTTPS client: sends one question at most once, within its time, and hands what
//! comes back to the table.
//!
//! HTTP/1.1 on purpose: 2,000 questions may be in flight, which is far more than the
//! streams that a server allows on one HTTP/2 connection, and a connection that breaks
//! takes one question with it, not a hundred.
//!
//! Must not know: what a number means.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use countersign_core::base::{Operations, Secret};
use countersign_core::ledger::SourceOutcome;
use countersign_core::ledger::storage::EntraSettings;
use countersign_core::login::Reason;
use reqwest::header;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};
use tower::limit::ConcurrencyLimitLayer;
use tower::timeout::TimeoutLayer;
use url::Url;
use zeroize::Zeroizing;

use super::decision::{Decisions, unreadable};
use super::request::{Grant, TellingBody};
use super::response::Said;
use super::settings::{self, Checked, ConfigError, Surroundings};
use crate::login::{Answer, PasswordSource, Question};

/// Entra as one tenant and application see it.
pub struct Entra {
    http: reqwest::Client,
    endpoint: Url,
    grant: Grant,
    decisions: Decisions,
    timeout: Duration,
    room: Semaphore,
    request_ids: RequestIds,
    operations: Arc<dyn Operations>,
}

impl Entra {
    /// Makes a source of replicated settings. `client_secret` is the unsealed one.
    ///
    /// # Errors
    /// Says which setting cannot be used on this node. Logins must then be answered by
    /// [`Source::Misconfigured`](crate::sources::Source::Misconfigured).
    pub fn configure(
        settings: &EntraSettings,
        client_secret: Option<Secret>,
        surroundings: &Surroundings,
    ) -> Result<Self, ConfigError> {
        let checked = settings::check(settings, client_secret, &surroundings.pinned)?;
        let Checked {
            endpoint,
            grant,
            switches,
            timeout,
        } = checked;
        Ok(Self {
            http: http_client(surroundings)?,
            endpoint,
            grant,
            decisions: Decisions::new(switches),
            timeout,
            room: Semaphore::new(QUESTIONS_IN_FLIGHT_MAX),
            request_ids: RequestIds::new(surroundings.request_ids),
            operations: Arc::clone(&surroundings.operations),
        })
    }

    async fn question(&self, question: &Question, request_id: &str) -> Answer {
        let Ok(_place) = self.room.try_acquire() else {
            return without_verdict(SourceOutcome::NotAsked, Reason::Overload);
        };
        let deadline = Instant::now() + question.timeout.min(self.timeout);
        let form = self.grant.form(&question.name, &question.password);
        let mut tries_left = CONNECTIONS_TRIED_MAX;
        let heard = loop {
            tries_left -= 1;
            let heard = self.exchange(form.clone(), request_id, deadline).await;
            // Only while nothing has left us: so a second try cannot ask twice.
            let unsent = matches!(heard, Heard::NoConnection);
            if !unsent || tries_left == 0 || Instant::now() >= deadline {
                break heard;
            }
        };
        match heard {
            Heard::Answered(status, body) => self.decisions.judge(status, &Said::read(&body)),
            Heard::NoConnection => {
                without_verdict(SourceOutcome::NotAsked, Reason::SourceUnreachable)
            }
            Heard::Nothing => without_verdict(SourceOutcome::Unanswered, Reason::SourceUnanswered),
            Heard::TooMuch => unreadable(),
        }
    }

    async fn exchange(&self, form: Bytes, request_id: &str, deadline: Instant) -> Heard {
        let (body, taken) = TellingBody::new(form);
        let request = self
            .http
            .post(self.endpoint.clone())
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(header::ACCEPT, "application/json")
            .header("client-request-id", request_id)
            .header("return-client-request-id", "true")
            .body(reqwest::Body::wrap(body));
        let heard = timeout_at(deadline, async { read(request.send().await?).await }).await;
        match heard {
            Ok(Ok(heard)) => heard,
            Ok(Err(error)) => {
                tracing::debug!(request_id, error = %chain(error.without_url()), "no answer");
                if taken.is_taken() {
                    Heard::Nothing
                } else {
                    Heard::NoConnection
                }
            }
            Err(_) if taken.is_taken() => Heard::Nothing,
            Err(_) => Heard::NoConnection,
        }
    }

    fn tell(&self, answer: Answer, request_id: &str, began: Instant) {
        let reason = answer.reason.code();
        let took = began.elapsed();
        self.operations.count("source_answers", reason);
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
        let answer = self.question(&question, &request_id).await;
        self.tell(answer, &request_id, began);
        answer
    }
}

impl std::fmt::Debug for Entra {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Entra")
            .field("endpoint", &self.endpoint.as_str())
            .field("grant", &self.grant)
            .finish_non_exhaustive()
    }
}

/// What came of one exchange.
enum Heard {
    /// Status and body.
    Answered(u16, Zeroizing<Vec<u8>>),
    /// Nothing was sent.
    NoConnection,
    /// Sent, or perhaps sent, and nothing whole came back.
    Nothing,
    /// More came back than any answer of Entra has.
    TooMuch,
}

/// Names each request, so that our log and Entra's sign-in log can be laid side by side.
#[derive(Debug)]
struct RequestIds {
    prefix: [u8; 8],
    next: AtomicU64,
}

impl RequestIds {
    const fn new(prefix: [u8; 8]) -> Self {
        Self {
            prefix,
            next: AtomicU64::new(0),
        }
    }

    fn next(&self) -> String {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let prefix = u64::from_be_bytes(self.prefix);
        format!(
            "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
            prefix >> 32,
            (prefix >> 16) & 0xffff,
            prefix & 0xffff,
            number >> 48,
            number & 0xffff_ffff_ffff,
        )
    }
}

/// Reads the body up to the cap, whatever length the header claims.
async fn read(mut response: reqwest::Response) -> Result<Heard, reqwest::Error> {
    let status = response.status().as_u16();
    let mut body = Zeroizing::new(Vec::with_capacity(BODY_OCTETS_USUAL));
    while let Some(chunk) = response.chunk().await? {
        if body.len().saturating_add(chunk.len()) > BODY_OCTETS_MAX {
            return Ok(Heard::TooMuch);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Heard::Answered(status, body))
}

fn http_client(surroundings: &Surroundings) -> Result<reqwest::Client, ConfigError> {
    let builder = reqwest::Client::builder()
        .tls_backend_rustls()
        .tls_certs_merge(extra_authorities(surroundings)?)
        .https_only(true)
        .http1_only()
        .no_proxy()
        .referer(false)
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        // Not `connect_timeout`: it would run while a connection waits for its turn.
        .connector_layer(TimeoutLayer::new(CONNECT_TIMEOUT))
        .connector_layer(ConcurrencyLimitLayer::new(CONNECTIONS_MADE_MAX))
        .tcp_nodelay(true)
        .pool_max_idle_per_host(QUESTIONS_IN_FLIGHT_MAX)
        .pool_idle_timeout(IDLE_TIMEOUT)
        .user_agent(concat!("countersign/", env!("CARGO_PKG_VERSION")));
    builder.build().map_err(ConfigError::HttpClient)
}

fn extra_authorities(
    surroundings: &Surroundings,
) -> Result<Vec<reqwest::Certificate>, ConfigError> {
    let Some(file) = &surroundings.ca_file else {
        return Ok(Vec::new());
    };
    let path = file.display().to_string();
    let pem = match std::fs::read(file) {
        Ok(pem) => pem,
        Err(source) => return Err(ConfigError::CaFile { path, source }),
    };
    match reqwest::Certificate::from_pem_bundle(&pem) {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        _ => Err(ConfigError::CaFileContent { path }),
    }
}

const fn without_verdict(outcome: SourceOutcome, reason: Reason) -> Answer {
    Answer {
        outcome,
        reason,
        code: 0,
    }
}

const fn outcome_name(outcome: SourceOutcome) -> &'static str {
    match outcome {
        SourceOutcome::Denied => "denied",
        SourceOutcome::NotAsked => "not_asked",
        SourceOutcome::Right => "right",
        SourceOutcome::Unanswered => "unanswered",
        SourceOutcome::Wrong => "wrong",
    }
}

/// An error with its causes, in one line.
fn chain(error: impl std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

/// LIMIT: questions at one time, and connections kept for the next ones. 2,000 are
/// expected at 300 ms; above this bound the source counts as not asked.
const QUESTIONS_IN_FLIGHT_MAX: usize = 4096;
/// LIMIT: connections being made at one time. After a start or a fail-over thousands of
/// questions come at once; their handshakes would starve each other past the time-out.
const CONNECTIONS_MADE_MAX: usize = 128;
/// LIMIT: a connection that was just closed, and a new one.
const CONNECTIONS_TRIED_MAX: u8 = 2;
/// LIMIT: Entra's answers are below 8 KiB; tokens with many claims below 32.
const BODY_OCTETS_MAX: usize = 64 * 1024;
const BODY_OCTETS_USUAL: usize = 2048;
/// For name, TCP and TLS together.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// Shorter than any server's, so that a question seldom meets a connection that is just
/// being closed: such a question cannot be sent again.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);
