//! The v2.0 token endpoint: the password grant, judged in the order of the real one –
//! tenant, client and its secret, form, then the user.

use std::sync::atomic::Ordering;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use countersign_core::base::Secret;

use super::answer::{Refusal, Trace};
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
    match judge(&house, &tenant, &form) {
        Some(refusal) => noted(trace.refuse(refusal), user, refusal.code.to_string()),
        None => {
            let client = form.client_id.as_deref().unwrap_or_default();
            let name = user.as_deref().unwrap_or_default();
            let scope = form.scope.as_deref().unwrap_or_default();
            let response = trace.grant(&house.tenant, client, name, scope);
            noted(response, user, "token".to_owned())
        }
    }
}

/// `None`: a token is granted.
fn judge(house: &House, tenant: &str, form: &Form) -> Option<Refusal> {
    if !house.is_tenant(tenant) {
        return Some(Refusal::UNKNOWN_TENANT);
    }
    if form.repeated {
        return Some(Refusal::REPEATED_FIELD);
    }
    match form.grant_type.as_deref() {
        Some("password") => {}
        Some(_) => return Some(Refusal::WRONG_GRANT),
        None => return Some(Refusal::MISSING_FIELD),
    }
    if let Some(refusal) = judge_client(house, form) {
        return Some(refusal);
    }
    let (Some(name), Some(password), Some(_)) = (&form.username, &form.password, &form.scope)
    else {
        return Some(Refusal::MISSING_FIELD);
    };
    house.accounts.judge(name, password)
}

fn judge_client(house: &House, form: &Form) -> Option<Refusal> {
    let Some(client_id) = &form.client_id else {
        return Some(Refusal::MISSING_FIELD);
    };
    if client_id.eq_ignore_ascii_case(&house.client_id) {
        return form
            .client_secret
            .is_some()
            .then_some(Refusal::UNWANTED_SECRET);
    }
    if !client_id.eq_ignore_ascii_case(&house.confidential_client_id) {
        return Some(Refusal::UNKNOWN_CLIENT);
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
