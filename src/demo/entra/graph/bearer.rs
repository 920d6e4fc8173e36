//! Tokens of the application's own that this stand-in knows again, and how Graph refuses.

use std::sync::atomic::Ordering;

use aws_lc_rs::hmac;
use axum::http::{HeaderMap, header};
use axum::response::Response;
use data_encoding::BASE64URL_NOPAD;
use serde_json::{Value, json};

use super::super::answer::{Trace, noise};
use super::super::log::noted;
use super::super::server::House;

/// Signs tokens, with a key of this run.
#[derive(Debug)]
pub(in super::super) struct Signer(hmac::Key);

impl Signer {
    pub(in super::super) fn new() -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, &noise::<32>()))
    }

    pub(in super::super) fn sign(&self, claims: &Value) -> String {
        let header = json!({"typ": "JWT", "alg": "HS256", "kid": "stand-in"});
        let part = |value: &Value| BASE64URL_NOPAD.encode(value.to_string().as_bytes());
        let signed = format!("{}.{}", part(&header), part(claims));
        let signature = hmac::sign(&self.0, signed.as_bytes());
        format!("{signed}.{}", BASE64URL_NOPAD.encode(signature.as_ref()))
    }

    /// What a token claims, if it was signed here.
    fn claims(&self, token: &str) -> Option<Value> {
        let (signed, signature) = token.rsplit_once('.')?;
        let signature = BASE64URL_NOPAD.decode(signature.as_bytes()).ok()?;
        hmac::verify(&self.0, signed.as_bytes(), &signature).ok()?;
        let (_, claims) = signed.split_once('.')?;
        let claims = BASE64URL_NOPAD.decode(claims.as_bytes()).ok()?;
        serde_json::from_slice(&claims).ok()
    }
}

/// Lets in who brings a token with one of these permissions. `word`: for the log.
pub(super) async fn admit(
    house: &House,
    headers: &HeaderMap,
    roles: &[&str],
    word: &str,
) -> Result<Trace, Response> {
    let faults = house.graph_faults.load_full();
    house.graph_asked.fetch_add(1, Ordering::Relaxed);
    if let Some((response, fault)) = faults.interfere().await {
        return Err(noted(response, None, format!("{word}: {fault}")));
    }
    let trace = Trace::of(headers);
    let bearer = headers.get(header::AUTHORIZATION);
    let bearer = bearer.and_then(|it| it.to_str().ok()?.strip_prefix("Bearer "));
    let claims = bearer.and_then(|token| house.signer.load().claims(token));
    let claims = claims.filter(|claims| {
        let expires = claims.get("exp").and_then(Value::as_f64);
        expires.is_some_and(|expires| expires > trace.now())
    });
    let Some(claims) = claims else {
        let (code, text) = ("InvalidAuthenticationToken", "Access token is not valid.");
        return Err(refuse(&trace, 401, (code, text), word));
    };
    let held = claims.get("roles").and_then(Value::as_array);
    let holds = |role: &Value| role.as_str().is_some_and(|role| roles.contains(&role));
    if held.is_some_and(|held| held.iter().any(holds)) {
        return Ok(trace);
    }
    let (code, text) = ("Authorization_RequestDenied", "Insufficient privileges.");
    Err(refuse(&trace, 403, (code, text), word))
}

/// As Graph refuses.
pub(super) fn refuse(
    trace: &Trace,
    status: u16,
    (code, message): (&str, &str),
    word: &str,
) -> Response {
    let body = json!({"error": {"code": code, "message": message}});
    noted(trace.json(status, &body), None, format!("{word}: {code}"))
}

/// Which permissions let an application read accounts.
pub(super) const USERS: &[&str] = &["User.Read.All", "Directory.Read.All"];
/// And what groups they are in.
pub(super) const MEMBERSHIPS: &[&str] = &[
    "User.Read.All",
    "GroupMember.Read.All",
    "Group.Read.All",
    "Directory.Read.All",
];
/// And groups themselves.
pub(super) const GROUPS: &[&str] = &[
    "GroupMember.Read.All",
    "Group.Read.All",
    "Directory.Read.All",
];
