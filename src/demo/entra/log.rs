//! One JSON line for each request: what was asked, of whom, and what came of it.
//! Must never be told a password.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::server::House;

/// The log file. A line is one write to a file opened for appending, so lines of several
/// writers never mix.
#[derive(Debug)]
pub(super) struct Log(File);

/// What a handler wants to be told of its request.
#[derive(Clone, Debug, Default)]
pub(super) struct Note {
    pub(super) user: Option<String>,
    pub(super) verdict: String,
}

#[derive(Serialize)]
struct Line<'a> {
    time: String,
    method: &'a str,
    path: &'a str,
    status: u16,
    user: Option<&'a str>,
    verdict: &'a str,
    request_id: Option<&'a str>,
    cookies: bool,
}

impl Log {
    pub(super) fn open(path: &Path) -> std::io::Result<Self> {
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        Ok(Self(file))
    }

    fn write(&self, line: &Line<'_>) {
        let mut octets = serde_json::to_vec(line).unwrap_or_default();
        octets.push(b'\n');
        // A full disk must not stop the demonstration.
        drop((&self.0).write_all(&octets));
    }
}

/// Puts a note on an answer.
pub(super) fn noted(mut response: Response, user: Option<String>, verdict: String) -> Response {
    response.extensions_mut().insert(Note { user, verdict });
    response
}

/// Answers a request and writes its line, also when whoever asked is gone: Entra judges,
/// and counts, what it has read.
pub(super) async fn observe(State(house): State<House>, request: Request, next: Next) -> Response {
    let answered = tokio::spawn(answer(house, request, next)).await;
    answered.unwrap_or_else(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response())
}

async fn answer(house: House, request: Request, next: Next) -> Response {
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let cookies = request.headers().contains_key("cookie");
    let request_id = request.headers().get("client-request-id").cloned();
    let response = next.run(request).await;
    let note = response
        .extensions()
        .get::<Note>()
        .cloned()
        .unwrap_or_default();
    house.log.write(&Line {
        time: OffsetDateTime::now_utc()
            .format(&Rfc3339)
            .unwrap_or_default(),
        method: method.as_str(),
        path: &path,
        status: response.status().as_u16(),
        user: note.user.as_deref(),
        verdict: &note.verdict,
        request_id: request_id.as_ref().and_then(|id| id.to_str().ok()),
        cookies,
    });
    response
}
