//! The v2.0 token endpoint: the password grant and the application's own, judged in the order
//! of the real one – tenant, client and its proof, form, then the user.

use std::sync::atomic::Ordering;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use countersign_core::base::Secret;

use super::answer::{Refusal, Trace};
use super::assertion::Expected;
use super::log::noted;
use super::server::House;

/// `POST /{tenant}/oauth2/v2.0/token`.
pub(super) async fn token(
    State(house): State<House>,
    Path(tenant): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let form = Form::read(&body);
    let user = form.username.clone();
    let faults = house.faults.load_full();
    house.asked.fetch_add(1, Ordering::Relaxed);
    if let Some((response, word)) = faults.interfere().await {
        return noted(response, user, word.to_owned());
    }
    let trace = Trace::of(&headers);
    let client = form.client_id.as_deref().unwrap_or_default();
    match judge(&house, (&tenant, &trace), &form) {
        Granted::Refused(refusal) => noted(trace.refuse(refusal), user, refusal.code.to_string()),
        Granted::Own => {
            let response =
                trace.grant_own(&house.tenant, client, &house.roles, &house.signer.load());
            noted(response, None, "own token".to_owned())
        }
        Granted::User => {
            let name = user.as_deref().unwrap_or_default();
            let scope = form.scope.as_deref().unwrap_or_default();
            let response = trace.grant(&house.tenant, client, name, scope);
            noted(response, user, "token".to_owned())
        }
    }
}

/// Who gets a token.
enum Granted {
    Own,
    Refused(Refusal),
    User,
}

fn judge(house: &House, (tenant, trace): (&str, &Trace), form: &Form) -> Granted {
    if !house.is_tenant(tenant) {
        return Granted::Refused(Refusal::UNKNOWN_TENANT);
    }
    if form.repeated {
        return Granted::Refused(Refusal::REPEATED_FIELD);
    }
    let own = match form.grant_type.as_deref() {
        Some("client_credentials") => true,
        Some("password") => false,
        Some(_) => return Granted::Refused(Refusal::WRONG_GRANT),
        None => return Granted::Refused(Refusal::MISSING_FIELD),
    };
    if let Some(refusal) = judge_client(house, (tenant, trace), form) {
        return Granted::Refused(refusal);
    }
    if own {
        return judge_own(house, form);
    }
    let (Some(name), Some(password), Some(_)) = (&form.username, &form.password, &form.scope)
    else {
        return Granted::Refused(Refusal::MISSING_FIELD);
    };
    let refusal = house.accounts.judge(name, password);
    refusal.map_or(Granted::User, Granted::Refused)
}

/// A public application has no token of its own.
fn judge_own(house: &House, form: &Form) -> Granted {
    let client = form.client_id.as_deref().unwrap_or_default();
    if !client.eq_ignore_ascii_case(&house.confidential_client_id) {
        return Granted::Refused(Refusal::MISSING_SECRET);
    }
    match form.scope.as_deref() {
        Some(scope) if scope.ends_with("/.default") => Granted::Own,
        Some(_) => Granted::Refused(Refusal::WRONG_SCOPE),
        None => Granted::Refused(Refusal::MISSING_FIELD),
    }
}

fn judge_client(house: &House, (tenant, trace): (&str, &Trace), form: &Form) -> Option<Refusal> {
    let Some(client_id) = &form.client_id else {
        return Some(Refusal::MISSING_FIELD);
    };
    let proves = form.client_secret.is_some() || form.client_assertion.is_some();
    if client_id.eq_ignore_ascii_case(&house.client_id) {
        return proves.then_some(Refusal::UNWANTED_SECRET);
    }
    if !client_id.eq_ignore_ascii_case(&house.confidential_client_id) {
        return Some(Refusal::UNKNOWN_CLIENT);
    }
    if let Some(assertion) = &form.client_assertion {
        if form.client_assertion_type.as_deref() != Some(JWT_BEARER) {
            return Some(Refusal::WRONG_ASSERTION);
        }
        let at = |tenant: &str| format!("{}/{tenant}/oauth2/v2.0/token", house.authority);
        let expected = Expected {
            audiences: &[at(tenant), at(&house.tenant)],
            client_id: &house.confidential_client_id,
            now: trace.now(),
        };
        return house.certificate.judge(assertion, expected);
    }
    match &form.client_secret {
        None => Some(Refusal::MISSING_SECRET),
        Some(secret) if *secret != house.client_secret => Some(Refusal::WRONG_SECRET),
        Some(_) => None,
    }
}

#[derive(Debug, Default)]
struct Form {
    grant_type: Option<String>,
    client_id: Option<String>,
    client_secret: Option<Secret>,
    client_assertion_type: Option<String>,
    client_assertion: Option<String>,
    scope: Option<String>,
    username: Option<String>,
    password: Option<Secret>,
    /// A field stands twice.
    repeated: bool,
}

impl Form {
    fn read(body: &[u8]) -> Self {
        let mut form = Self::default();
        for (name, value) in url::form_urlencoded::parse(body) {
            let value = value.into_owned();
            let before = match &*name {
                "grant_type" => form.grant_type.replace(value).is_some(),
                "client_id" => form.client_id.replace(value).is_some(),
                "client_secret" => form.client_secret.replace(value.into()).is_some(),
                "client_assertion_type" => form.client_assertion_type.replace(value).is_some(),
                "client_assertion" => form.client_assertion.replace(value).is_some(),
                "scope" => form.scope.replace(value).is_some(),
                "username" => form.username.replace(value).is_some(),
                "password" => form.password.replace(value.into()).is_some(),
                _ => false,
            };
            form.repeated |= before;
        }
        form
    }
}

/// RFC 7523 §2.2.
const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
