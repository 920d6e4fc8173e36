//! One account, and its groups.

use axum::extract::{Path, RawQuery, State};
use axum::http::HeaderMap;
use axum::response::Response;
use serde_json::{Value, json};

use super::super::answer::Trace;
use super::super::log::noted;
use super::super::server::House;
use super::bearer::{self, admit, refuse};
use super::{id_of, parameters};

/// `GET /v1.0/users/{user}`.
pub(in super::super) async fn user(
    State(house): State<House>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Response {
    shown(&house, &name, &headers).await
}

/// `GET /v1.0/users`: the first few.
pub(in super::super) async fn users(
    State(house): State<House>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let trace = match admit(&house, &headers, bearer::USERS, "graph users").await {
        Ok(trace) => trace,
        Err(refused) => return refused,
    };
    let query = parameters(query);
    let top = query.get("$top").and_then(|text| text.parse().ok());
    let all = house.accounts.list().into_iter();
    let all = all.filter(|(_, standing)| standing.exists());
    let page = all.take(top.unwrap_or(PAGE_USUAL).min(PAGE_MAX));
    let page: Vec<_> = page
        .map(|(name, standing)| user_json(&name, standing.is_alive()))
        .collect();
    let response = trace.json(200, &json!({ "value": page }));
    noted(response, None, "graph users".to_owned())
}

/// `GET /v1.0/users('{user}')`, in which an apostrophe is doubled.
pub(in super::super) async fn quoted(
    State(house): State<House>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Response {
    let inner = name
        .strip_prefix("users('")
        .and_then(|it| it.strip_suffix("')"));
    let name = inner.unwrap_or_default().replace("''", "'");
    shown(&house, &name, &headers).await
}

async fn shown(house: &House, name: &str, headers: &HeaderMap) -> Response {
    let trace = match admit(house, headers, bearer::USERS, "graph user").await {
        Ok(trace) => trace,
        Err(refused) => return refused,
    };
    match found(house, name) {
        Some((name, alive)) => {
            let response = trace.json(200, &user_json(&name, alive));
            noted(response, Some(name), "graph user".to_owned())
        }
        None => absent(&trace, "graph user"),
    }
}

/// `GET /v1.0/users/{user}/transitiveMemberOf/microsoft.graph.group`.
pub(in super::super) async fn memberships(
    State(house): State<House>,
    Path(name): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let trace = match admit(&house, &headers, bearer::MEMBERSHIPS, "graph groups").await {
        Ok(trace) => trace,
        Err(refused) => return refused,
    };
    let Some((user, _)) = found(&house, &name) else {
        return absent(&trace, "graph groups");
    };
    let query = parameters(query);
    let number = |key: &str| query.get(key).and_then(|text| text.parse::<usize>().ok());
    let top = number("$top").unwrap_or(PAGE_USUAL).clamp(1, PAGE_MAX);
    let skip = number("$skiptoken").unwrap_or_default();
    let groups = house.groups.of(&user);
    let page = groups.iter().skip(skip).take(top);
    let page: Vec<_> = page.map(|group| group_json(group)).collect();
    let mut body = json!({ "value": page });
    let next = skip.saturating_add(top);
    if next < groups.len() {
        let path = format!("users/{name}/transitiveMemberOf/microsoft.graph.group");
        let link = format!(
            "{}/v1.0/{path}?$top={top}&$skiptoken={next}",
            house.authority
        );
        if let Some(fields) = body.as_object_mut() {
            fields.insert("@odata.nextLink".to_owned(), link.into());
        }
    }
    let response = trace.json(200, &body);
    noted(response, Some(user), "graph groups".to_owned())
}

/// The account of a name or an id: its name, and whether it may be used.
fn found(house: &House, name: &str) -> Option<(String, bool)> {
    let (name, standing) = house.accounts.find(name)?;
    standing.exists().then(|| (name, standing.is_alive()))
}

fn absent(trace: &Trace, word: &str) -> Response {
    let code = "Request_ResourceNotFound";
    refuse(trace, 404, (code, "Resource does not exist."), word)
}

pub(super) fn user_json(name: &str, alive: bool) -> Value {
    let guest = name.contains("#EXT#");
    json!({
        "id": id_of("user", name),
        "userPrincipalName": name,
        "accountEnabled": alive,
        "userType": if guest { "Guest" } else { "Member" },
    })
}

pub(super) fn group_json(name: &str) -> Value {
    json!({
        "id": id_of("group", name),
        "displayName": name,
        "securityEnabled": true,
    })
}

const PAGE_USUAL: usize = 100;
const PAGE_MAX: usize = 999;
