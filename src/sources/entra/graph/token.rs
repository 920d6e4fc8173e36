//! The application's own token for Graph: asked for with what the application proves itself
//! by, kept until shortly before it ends, and never shown.
//!
//! Must not know: users, what Graph is asked.

use std::time::Duration;

use bytes::Bytes;
use reqwest::header::HeaderValue;
use serde::Deserialize;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout_at};
use zeroize::Zeroizing;

use super::client::{Missed, Shows};
use crate::sources::account::LookupError;
use crate::sources::breaker::Fault;
use crate::sources::entra::Entra;
use crate::sources::entra::exchange::{self, Answered, Heard};
use crate::sources::entra::guard::rest_asked;
use crate::sources::entra::request::Stamp;

/// The token in hand. One is fetched at a time: whoever comes meanwhile waits for it.
#[derive(Default)]
pub(super) struct Tokens(Mutex<Slot>);

#[derive(Default)]
struct Slot {
    token: Option<Token>,
    /// The last fetch that failed: those who waited for it do not all try again.
    failed: Option<(Instant, Missed)>,
}

struct Token {
    bearer: HeaderValue,
    until: Instant,
}

/// What the token endpoint grants.
#[derive(Deserialize)]
struct Granted {
    access_token: String,
    expires_in: u64,
}

impl Tokens {
    /// A token to ask with. Fetches one where there is none.
    pub(super) async fn bearer(
        &self,
        entra: &Entra,
        deadline: Instant,
    ) -> Result<HeaderValue, Missed> {
        let began = Instant::now();
        let slot = timeout_at(deadline, self.0.lock()).await;
        let mut slot = slot.map_err(|_| Missed::nothing(LookupError::Broken))?;
        let now = Instant::now();
        if let Some(token) = slot.token.as_ref().filter(|token| token.until > now) {
            return Ok(token.bearer.clone());
        }
        if let Some((_, missed)) = slot.failed.filter(|(at, _)| *at > began) {
            return Err(Missed::nothing(missed.error));
        }
        slot.token = None;
        match fetch(entra, deadline).await {
            Ok(token) => {
                let bearer = token.bearer.clone();
                slot.token = Some(token);
                Ok(bearer)
            }
            Err(missed) => {
                slot.failed = Some((Instant::now(), missed));
                Err(missed)
            }
        }
    }

    /// Graph does not take this one, though its time is not over: it was revoked.
    pub(super) async fn forget(&self, bearer: &HeaderValue) {
        let mut slot = self.0.lock().await;
        if slot.token.as_ref().is_some_and(|it| it.bearer == *bearer) {
            slot.token = None;
        }
    }
}

async fn fetch(entra: &Entra, deadline: Instant) -> Result<Token, Missed> {
    // The same endpoint judges passwords; while it wants to be left alone, it is.
    if entra.resting().is_some() {
        return Err(Missed::nothing(LookupError::Resting));
    }
    let request_id = entra.request_ids.next();
    let stamp = Stamp {
        id: &request_id,
        now: entra.clock.wall(),
    };
    let form = entra.grant.own_form(&entra.places.graph_scope(), stamp);
    let form = form.map_err(|_| Missed::fault(LookupError::Service(0), Fault::Misconfigured))?;
    let (http, to) = (&entra.http, &entra.places.token);
    let began = Instant::now();
    let heard = exchange::post(http, to, form, &request_id, deadline).await;
    match &heard {
        Heard::Answered(answered) if answered.status == 200 => {
            token(answered, began).ok_or(Missed::UNREADABLE)
        }
        Heard::Answered(_) => Err(refused(entra, &heard)),
        Heard::NoConnection => Err(Missed::fault(LookupError::Unreachable, Fault::Unreachable)),
        Heard::Nothing => Err(Missed::fault(LookupError::Broken, Fault::Unanswered)),
        Heard::TooMuch => Err(Missed::UNREADABLE),
    }
}

/// Why there is no token, by the table that judges users too.
fn refused(entra: &Entra, heard: &Heard) -> Missed {
    use countersign_core::ledger::SourceOutcome as Outcome;
    use countersign_core::login::Reason;

    let (judged, retry_after) = entra.judge(heard);
    if let Some(span) = rest_asked(&judged, retry_after) {
        return Missed {
            error: LookupError::Resting,
            shows: Shows::Throttle(span),
        };
    }
    if let Some(trouble) = judged.trouble {
        entra.graph.raise(trouble);
    }
    let answer = &judged.answer;
    match (answer.outcome, answer.reason) {
        (Outcome::Unanswered, _) => Missed::fault(LookupError::Broken, Fault::Unanswered),
        (Outcome::NotAsked, reason) if reason != Reason::SourceMisconfigured => {
            Missed::fault(LookupError::Broken, Fault::Temporary)
        }
        (Outcome::NotAsked | Outcome::Denied | Outcome::Right | Outcome::Wrong, _) => {
            Missed::fault(LookupError::Service(answer.code), Fault::Misconfigured)
        }
    }
}

/// What a token goes with, of the answer that brought it. `None`: it brought none.
pub(in crate::sources::entra) fn bearer(answered: &Answered) -> Option<HeaderValue> {
    token(answered, Instant::now()).map(|token| token.bearer)
}

/// `None`: nothing that could be a token.
fn token(answered: &Answered, now: Instant) -> Option<Token> {
    let granted: Granted = serde_json::from_slice(&answered.body).ok()?;
    let text = Zeroizing::new(granted.access_token);
    let is_token = |octet: u8| octet.is_ascii_graphic();
    if text.is_empty() || !text.bytes().all(is_token) {
        return None;
    }
    let life = Duration::from_secs(granted.expires_in).min(LIFE_MAX);
    // A short life has a short end.
    let until = now + life.saturating_sub(EARLY.min(life / 4));
    // Wiped when the last question that carries it is over.
    let bearer = Bytes::from_owner(Zeroizing::new(format!("Bearer {}", &*text)));
    let mut bearer = HeaderValue::from_maybe_shared(bearer).ok()?;
    bearer.set_sensitive(true);
    Some(Token { bearer, until })
}

/// How long before its end a token is replaced: clocks and questions under way.
const EARLY: Duration = Duration::from_secs(300);
/// LIMIT: Entra's are good for 60 to 90 minutes, at most for a day.
const LIFE_MAX: Duration = Duration::from_secs(86_400);

#[cfg(test)]
mod tests {
    use super::*;

    fn told(body: &str, now: Instant) -> Option<Token> {
        let answered = Answered {
            status: 200,
            headers: reqwest::header::HeaderMap::new(),
            body: Zeroizing::new(body.as_bytes().to_vec()),
        };
        token(&answered, now)
    }

    #[test]
    fn a_token_is_replaced_before_it_ends_and_is_not_shown() {
        let now = Instant::now();
        for (life, used) in [(3600, 3300), (100, 75), (0, 0), (u64::MAX, 86_100)] {
            let body = format!(r#"{{"access_token":"s3cret","expires_in":{life}}}"#);
            let token = told(&body, now).expect("a token");
            assert_eq!(token.until, now + Duration::from_secs(used), "{life}");
            assert_eq!(token.bearer, "Bearer s3cret");
            assert!(!format!("{:?}", token.bearer).contains("s3cret"));
        }
    }

    #[test]
    fn what_is_no_token_is_none() {
        for body in [
            "",
            "<html>",
            "{}",
            r#"{"access_token":"","expires_in":3600}"#,
            r#"{"access_token":"a b","expires_in":3600}"#,
            r#"{"access_token":"a\r\nX: y","expires_in":3600}"#,
            r#"{"access_token":"a","expires_in":-1}"#,
            r#"{"access_token":["a"],"expires_in":3600}"#,
            r#"{"access_token":"a","access_token":"b","expires_in":3600}"#,
            r#"{"access_token":"a"}"#,
        ] {
            assert!(told(body, Instant::now()).is_none(), "{body}");
        }
    }
}
