//! The shapes of Entra's answers: status, headers and JSON as the real one sends them.

use std::sync::atomic::{AtomicU64, Ordering};

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use countersign::node::SystemEntropy;
use countersign_core::base::Entropy;
use data_encoding::BASE64URL_NOPAD;
use serde_json::{Value, json};
use time::macros::format_description;
use time::{Duration, OffsetDateTime};

use super::graph::Signer;

/// A refusal of the token endpoint.
#[derive(Clone, Copy, Debug)]
pub(super) struct Refusal {
    pub(super) code: u32,
    status: u16,
    error: &'static str,
    suberror: Option<&'static str>,
    text: &'static str,
}

macro_rules! refusals {
    (
        $($name:ident $status:literal $error:literal $suberror:expr, $code:literal $text:literal;)*
    ) => {
        impl Refusal {
            $(pub(super) const $name: Self = Self {
                code: $code,
                status: $status,
                error: $error,
                suberror: $suberror,
                text: $text,
            };)*
        }
    };
}

refusals! {
    MFA 400 "invalid_grant" Some("basic_action"), 50076
        "Multi-factor authentication is demanded to go on";
    UNKNOWN_USER 400 "invalid_grant" Some("bad_token"), 50034
        "The account is not in this directory";
    WRONG_PASSWORD 400 "invalid_grant" None, 50126
        "Name or password is wrong";
    LOCKED 400 "invalid_grant" None, 50053
        "The account is locked or the caller's address is blocked";
    EXPIRED 400 "invalid_grant" Some("user_password_expired"), 50055
        "The password has expired";
    DISABLED 400 "invalid_grant" None, 50057
        "The account is disabled";
    BLOCKED 400 "invalid_grant" Some("message_only"), 53003
        "Access is blocked by Conditional Access";
    UNKNOWN_TENANT 400 "invalid_tenant" None, 90002
        "No such tenant";
    UNKNOWN_CLIENT 400 "unauthorized_client" None, 700016
        "No such application in the directory";
    MISSING_SECRET 401 "invalid_client" None, 7000218
        "The request must have a client secret or assertion";
    WRONG_SECRET 401 "invalid_client" None, 7000215
        "The client secret is wrong";
    WRONG_ASSERTION 401 "invalid_client" None, 700027
        "The signature of the client assertion, or its certificate, is not known";
    WRONG_SUBJECT 401 "invalid_client" None, 700030
        "The client assertion is about another application";
    WRONG_AUDIENCE 401 "invalid_client" None, 50012
        "The client assertion is for another endpoint";
    LATE_ASSERTION 401 "invalid_client" None, 700024
        "The client assertion is not valid at this time";
    WRONG_SCOPE 400 "invalid_scope" None, 70011
        "The scope of an application must be a resource followed by /.default";
    UNWANTED_SECRET 401 "invalid_client" None, 700025
        "A public client must not send a secret";
    MISSING_FIELD 400 "invalid_request" None, 900144
        "The request lacks a field";
    REPEATED_FIELD 400 "invalid_request" None, 9002313
        "The request is malformed: a field stands twice";
    WRONG_GRANT 400 "unsupported_grant_type" None, 70003
        "The grant type is not supported";
}

/// What every answer of one request carries.
#[derive(Debug)]
pub(super) struct Trace {
    trace_id: String,
    correlation_id: String,
    now: OffsetDateTime,
}

impl Trace {
    /// Takes the caller's request id as correlation id, where it sent one.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let given = headers.get("client-request-id");
        let given = given.and_then(|id| id.to_str().ok()).map(str::to_owned);
        Self {
            trace_id: guid(),
            correlation_id: given.unwrap_or_else(guid),
            now: OffsetDateTime::now_utc(),
        }
    }

    pub(super) fn refuse(&self, refusal: Refusal) -> Response {
        let code = refusal.code;
        let time = self.timestamp();
        let text = format!(
            "AADSTS{code}: {}. Trace ID: {} Correlation ID: {} Timestamp: {time}",
            refusal.text, self.trace_id, self.correlation_id,
        );
        let mut body = json!({
            "error": refusal.error,
            "error_description": text,
            "error_codes": [code],
            "timestamp": time,
            "trace_id": self.trace_id,
            "correlation_id": self.correlation_id,
            "error_uri": format!("https://login.microsoftonline.com/error?code={code}"),
        });
        if let Some(suberror) = refusal.suberror {
            set(&mut body, "suberror", suberror.into());
        }
        if code == Refusal::BLOCKED.code {
            let claims = json!({"access_token": {"capolids": {"essential": true,
                "values": [self.trace_id]}}});
            set(&mut body, "claims", claims.to_string().into());
        }
        let mut response = self.json(refusal.status, &body);
        let item = HeaderValue::from_str(&format!("1,{code},0,,"));
        if let Ok(item) = item {
            response.headers_mut().insert("x-ms-clitelem", item);
        }
        response
    }

    /// A token: noise in the shape of one.
    pub(super) fn grant(&self, tenant: &str, client: &str, user: &str, scope: &str) -> Response {
        let (issued, expires) = (self.now.unix_timestamp(), TOKEN_LIFE_SECS);
        let claims = json!({
            "aud": client, "iss": format!("https://login.microsoftonline.com/{tenant}/v2.0"),
            "iat": issued, "nbf": issued, "exp": issued.saturating_add(expires),
            "preferred_username": user, "oid": self.trace_id, "sub": self.trace_id,
            "tid": tenant, "ver": "2.0",
        });
        let mut body = json!({
            "token_type": "Bearer", "scope": scope,
            "expires_in": expires, "ext_expires_in": expires,
            "access_token": token(&claims),
        });
        if scope.split(' ').any(|word| word == "openid") {
            set(&mut body, "id_token", token(&claims).into());
        }
        self.json(200, &body)
    }

    /// A token of the application's own.
    pub(super) fn grant_own(
        &self,
        tenant: &str,
        client: &str,
        roles: &[String],
        signer: &Signer,
    ) -> Response {
        let (issued, expires) = (self.now.unix_timestamp(), TOKEN_LIFE_SECS);
        let claims = json!({
            "aud": "https://graph.microsoft.com", "appid": client, "idtyp": "app",
            "iss": format!("https://sts.windows.net/{tenant}/"),
            "iat": issued, "nbf": issued, "exp": issued.saturating_add(expires),
            "roles": roles, "tid": tenant, "ver": "1.0",
        });
        let body = json!({
            "token_type": "Bearer", "expires_in": expires, "ext_expires_in": expires,
            "access_token": signer.sign(&claims),
        });
        self.json(200, &body)
    }

    /// Seconds since 1970.
    pub(super) fn now(&self) -> f64 {
        Duration::seconds(self.now.unix_timestamp()).as_seconds_f64()
    }

    pub(super) fn json(&self, status: u16, body: &Value) -> Response {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let content_type = "application/json; charset=utf-8";
        let cookie = "fpc=AbCd; path=/; secure; HttpOnly; SameSite=None";
        let head = [
            (header::CONTENT_TYPE, content_type),
            (header::CACHE_CONTROL, "no-store, no-cache"),
            (header::PRAGMA, "no-cache"),
            (header::SET_COOKIE, cookie),
            (
                header::STRICT_TRANSPORT_SECURITY,
                "max-age=31536000; includeSubDomains",
            ),
        ];
        let mut response = (status, head, body.to_string()).into_response();
        let headers = response.headers_mut();
        headers.insert(
            "x-ms-ests-server",
            HeaderValue::from_static("2.1.0 - STANDIN"),
        );
        for (name, id) in [
            ("x-ms-request-id", &self.trace_id),
            ("client-request-id", &self.correlation_id),
        ] {
            if let Ok(id) = HeaderValue::from_str(id) {
                headers.insert(name, id);
            }
        }
        response
    }

    fn timestamp(&self) -> String {
        let shape = format_description!("[year]-[month]-[day] [hour]:[minute]:[second]Z");
        self.now.format(shape).unwrap_or_default()
    }
}

fn set(body: &mut Value, name: &str, value: Value) {
    if let Some(fields) = body.as_object_mut() {
        fields.insert(name.to_owned(), value);
    }
}

fn token(claims: &Value) -> String {
    let header = json!({"typ": "JWT", "alg": "RS256", "kid": "stand-in"});
    let part = |value: &Value| BASE64URL_NOPAD.encode(value.to_string().as_bytes());
    let signature = BASE64URL_NOPAD.encode(&noise::<256>());
    format!("{}.{}.{signature}", part(&header), part(claims))
}

/// A GUID that no other request of this process has.
pub(super) fn guid() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let random = u64::from_be_bytes(noise());
    let (high, middle, low) = (random >> 32, (random >> 16) & 0xffff, random & 0xfff);
    format!("{high:08x}-{middle:04x}-4{low:03x}-8000-{number:012x}")
}

/// Random octets.
pub(super) fn noise<const N: usize>() -> [u8; N] {
    SystemEntropy.array()
}

const TOKEN_LIFE_SECS: i64 = 3599;
