//! One request and what comes back of it: sent at most once, within its time.
//!
//! Must not know: what a number means.

use std::sync::atomic::{AtomicU64, Ordering};

use aws_lc_rs::digest::{SHA256, digest};
use bytes::Bytes;
use countersign_core::base::Timestamp;
use reqwest::header::{self, HeaderMap, HeaderValue};
use tokio::time::{Instant, timeout_at};
use url::Url;
use zeroize::Zeroizing;

use super::request::TellingBody;
use crate::sources::http::chain;

/// What came of one request.
#[derive(Debug)]
pub(super) enum Heard {
    /// The far end's own words.
    Answered(Answered),
    /// Nothing was sent.
    NoConnection,
    /// Sent, or perhaps sent, and nothing whole came back.
    Nothing,
    /// More came back than any answer of Entra has.
    TooMuch,
}

/// An answer that came back whole.
#[derive(Debug)]
pub(super) struct Answered {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    /// May hold a token.
    pub(super) body: Zeroizing<Vec<u8>>,
}

/// Posts a form, once.
pub(super) async fn post(
    http: &reqwest::Client,
    to: &Url,
    form: Bytes,
    request_id: &str,
    deadline: Instant,
) -> Heard {
    let (body, taken) = TellingBody::new(form);
    let request = http
        .post(to.clone())
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .header(header::ACCEPT, "application/json")
        .header("client-request-id", request_id)
        .header("return-client-request-id", "true")
        // We take 429 with Retry-After for what it is, so Entra may say it.
        .header("x-ms-lib-capability", "retry-after, h429")
        .body(reqwest::Body::wrap(body));
    let answer = async { read(request.send().await?, BODY_OCTETS_MAX).await };
    let heard = timeout_at(deadline, answer).await;
    match heard {
        Ok(Ok(heard)) => heard,
        Ok(Err(error)) => {
            tracing::debug!(request_id, error = %chain(error), "no answer");
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

/// Gets a document of Graph, of so many octets at most, with the application's token.
pub(super) async fn get(
    http: &reqwest::Client,
    from: &Url,
    bearer: HeaderValue,
    request_id: &str,
    (deadline, octets_max): (Instant, usize),
) -> Heard {
    let request = http
        .get(from.clone())
        .header(header::AUTHORIZATION, bearer)
        .header(header::ACCEPT, "application/json")
        // Graph answers "advanced queries" only to who says that he knows them.
        .header("ConsistencyLevel", "eventual")
        .header("client-request-id", request_id);
    let answer = async { read(request.send().await?, octets_max).await };
    match timeout_at(deadline, answer).await {
        Ok(Ok(heard)) => heard,
        Ok(Err(error)) => {
            let connects = error.is_connect();
            tracing::debug!(request_id, error = %chain(error), "no answer of Graph");
            if connects {
                Heard::NoConnection
            } else {
                Heard::Nothing
            }
        }
        Err(_) => Heard::Nothing,
    }
}

/// Reads the body up to the cap, whatever length the header claims.
pub(super) async fn read(
    mut response: reqwest::Response,
    octets_max: usize,
) -> Result<Heard, reqwest::Error> {
    let status = response.status().as_u16();
    let headers = std::mem::take(response.headers_mut());
    let mut body = Zeroizing::new(Vec::with_capacity(BODY_OCTETS_USUAL));
    while let Some(chunk) = response.chunk().await? {
        if body.len().saturating_add(chunk.len()) > octets_max {
            return Ok(Heard::TooMuch);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Heard::Answered(Answered {
        status,
        headers,
        body,
    }))
}

/// Names each request, so that our log and Entra's sign-in log can be laid side by side, and
/// each statement that is signed, of which none may have the name of another.
#[derive(Debug)]
pub(super) struct RequestIds {
    prefix: u64,
    next: AtomicU64,
}

impl RequestIds {
    /// `random` is the node's own of this start. A source that is made again of new settings
    /// begins later than the last one ended; sources of the same moment have other names.
    pub(super) fn new(random: [u8; 8], source: &str, now: Timestamp) -> Self {
        let name = digest(&SHA256, source.as_bytes());
        let name = name.as_ref().iter().take(8);
        let name = name.fold(0, |sum, octet| (sum << 8) | u64::from(*octet));
        Self {
            prefix: u64::from_be_bytes(random) ^ name,
            next: AtomicU64::new(now.as_millis() << IDS_A_MILLISECOND_BITS),
        }
    }

    pub(super) fn next(&self) -> String {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let prefix = self.prefix;
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

/// More than a node ever asks in a millisecond.
const IDS_A_MILLISECOND_BITS: u32 = 20;
/// LIMIT: Entra's answers are below 8 KiB; tokens with many claims below 32.
pub(super) const BODY_OCTETS_MAX: usize = 64 * 1024;
/// LIMIT: a page of Graph with 999 groups is below 256 KiB.
pub(super) const DOCUMENT_OCTETS_MAX: usize = 512 * 1024;
const BODY_OCTETS_USUAL: usize = 2048;

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_two_requests_have_one_id() {
        let now = Timestamp::from_millis(1_800_000_000_000);
        let later = Timestamp::from_millis(1_800_000_000_001);
        let ids = [("entra", now), ("entra", later), ("other", now)];
        let ids = ids.map(|(source, now)| RequestIds::new([7; 8], source, now));
        let drawn: BTreeSet<_> = ids
            .iter()
            .flat_map(|ids| std::iter::repeat_with(|| ids.next()).take(1000))
            .collect();
        assert_eq!(drawn.len(), 3000);
        let shape = |id: &String| id.split('-').map(str::len).eq([8, 4, 4, 4, 12]);
        assert!(drawn.iter().all(shape));
    }
}
