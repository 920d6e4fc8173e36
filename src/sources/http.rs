//! The one way in which this house speaks HTTPS to services elsewhere: HTTP/1.1 over rustls,
//! no redirects, no cookies, no proxy but a named one, nothing sent twice.
//!
//! HTTP/1.1 on purpose: 2,000 questions may be in flight, which is far more than the
//! streams that a server allows on one HTTP/2 connection, and a connection that breaks
//! takes one question with it, not a hundred.
//!
//! Must not know: what is asked, of whom, or what an answer means.

use std::path::{Path, PathBuf};
use std::time::Duration;

use countersign_core::base::Timestamp;
use reqwest::header::{HeaderMap, RETRY_AFTER};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;
use tower::limit::ConcurrencyLimitLayer;
use tower::timeout::TimeoutLayer;
use url::Url;

/// How a client connects.
#[derive(Clone, Debug, Default)]
pub struct Way {
    /// A PEM file of authorities to trust beside the system's own.
    pub ca_file: Option<PathBuf>,
    /// `http://host:port` of a proxy that is asked to connect. TLS goes through it to the
    /// far end, so it sees which host is asked, and nothing that is said.
    pub proxy: Option<Url>,
}

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// The file of extra authorities cannot be read.
    #[error("cannot read the CA file {path}")]
    CaFile {
        /// Which file.
        path: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The file of extra authorities holds no usable certificate.
    #[error("the CA file {path} holds no PEM certificate that can be used")]
    CaFileContent {
        /// Which file.
        path: String,
    },
    /// The HTTP client cannot be built.
    #[error("cannot build the HTTP client")]
    Client(#[source] reqwest::Error),
}

/// A client for `connections_max` questions at one time.
///
/// # Errors
/// When the file of authorities cannot be used.
pub fn client(way: &Way, connections_max: usize) -> Result<reqwest::Client, HttpError> {
    let builder = reqwest::Client::builder()
        .tls_backend_rustls()
        .tls_certs_merge(extra_authorities(way.ca_file.as_deref())?)
        .https_only(true)
        .http1_only()
        // Not what the environment says: whoever sets that need not be the operator.
        .no_proxy()
        .referer(false)
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        // Not `connect_timeout`: it would run while a connection waits for its turn.
        .connector_layer(TimeoutLayer::new(CONNECT_TIMEOUT))
        .connector_layer(ConcurrencyLimitLayer::new(CONNECTIONS_MADE_MAX))
        .tcp_nodelay(true)
        .pool_max_idle_per_host(connections_max)
        .pool_idle_timeout(IDLE_TIMEOUT)
        .user_agent(concat!("countersign/", env!("CARGO_PKG_VERSION")));
    let builder = match &way.proxy {
        Some(proxy) => {
            let proxy = reqwest::Proxy::all(proxy.clone()).map_err(HttpError::Client)?;
            builder.proxy(proxy)
        }
        None => builder,
    };
    builder.build().map_err(HttpError::Client)
}

/// How long the far end asks to be left alone (RFC 9110 §10.2.3): seconds, or a date.
/// `None`: it does not say, or says nothing that can be read.
#[must_use]
pub fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    date(text).map(|then| then.since(now))
}

/// A date of HTTP's preferred form (RFC 9110 §5.6.7).
#[must_use]
pub fn date(text: &str) -> Option<Timestamp> {
    // RFC 2822 has the same form, with more zones.
    let then = OffsetDateTime::parse(text, &Rfc2822).ok()?;
    let millis = then.unix_timestamp().checked_mul(1000)?;
    Some(Timestamp::from_millis(millis.try_into().ok()?))
}

/// An error with its causes, in one line. It names no URL: a path may have a user's name.
#[must_use]
pub fn chain(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut source = std::error::Error::source(&error);
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

fn extra_authorities(file: Option<&Path>) -> Result<Vec<reqwest::Certificate>, HttpError> {
    let Some(file) = file else {
        return Ok(Vec::new());
    };
    let path = file.display().to_string();
    let pem = match std::fs::read(file) {
        Ok(pem) => pem,
        Err(source) => return Err(HttpError::CaFile { path, source }),
    };
    match reqwest::Certificate::from_pem_bundle(&pem) {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        _ => Err(HttpError::CaFileContent { path }),
    }
}

/// LIMIT: connections being made at one time. After a start or a fail-over thousands of
/// questions come at once; their handshakes would starve each other past the time-out.
const CONNECTIONS_MADE_MAX: usize = 128;
/// For name, TCP and TLS together, and for the proxy's part where there is one.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// Shorter than any server's, so that a question seldom meets a connection that is just
/// being closed: such a question cannot be sent again.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderValue;

    use super::*;

    /// 1994-11-06T08:49:37Z.
    const THEN: Timestamp = Timestamp::from_millis(784_111_777_000);

    fn asked(text: &str, now: Timestamp) -> Option<Duration> {
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, HeaderValue::from_str(text).expect("a header"));
        retry_after(&headers, now)
    }

    #[test]
    fn a_rest_is_asked_for_in_seconds_or_until_a_date() {
        let minute = Duration::from_secs(60);
        let date = "Sun, 06 Nov 1994 08:49:37 GMT";
        assert_eq!(asked("60", THEN), Some(minute));
        assert_eq!(asked(" 0 ", THEN), Some(Duration::ZERO));
        assert_eq!(asked(date, THEN.minus(minute)), Some(minute));
        assert_eq!(asked(date, THEN.plus(minute)), Some(Duration::ZERO));
    }

    #[test]
    fn what_cannot_be_read_asks_for_nothing() {
        for text in [
            "",
            "soon",
            "-1",
            "1.5",
            "99999999999999999999",
            "Sun, 06 Nov",
        ] {
            assert_eq!(asked(text, THEN), None, "{text}");
        }
        assert_eq!(retry_after(&HeaderMap::new(), THEN), None);
    }

    #[test]
    fn a_client_is_made_with_and_without_a_proxy() {
        let proxy = Url::parse("http://proxy.contoso.example:3128").ok();
        for proxy in [None, proxy] {
            let ca_file = None;
            assert!(client(&Way { ca_file, proxy }, 1).is_ok());
        }
    }
}
