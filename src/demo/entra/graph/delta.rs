//! What has changed of accounts and of groups: first all, in pages, then what came since.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use axum::extract::{RawQuery, State};
use axum::http::HeaderMap;
use axum::response::Response;
use serde_json::{Value, json};

use super::super::answer::Trace;
use super::super::log::noted;
use super::super::server::House;
use super::bearer::{self, admit, refuse};
use super::read::{group_json, user_json};
use super::{Groups, id_of, parameters};

/// `GET /v1.0/users/delta`.
pub(in super::super) async fn user_changes(
    State(house): State<House>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let trace = match admit(&house, &headers, bearer::USERS, "graph users delta").await {
        Ok(trace) => trace,
        Err(refused) => return refused,
    };
    let Some((since, skip)) = place(&house, &parameters(query)) else {
        return forgotten(&trace, "graph users delta");
    };
    let (version, changed) = house.accounts.changes(since);
    // Of whom nothing was told before, nobody needs to hear that they are gone.
    let told = changed.into_iter();
    let told = told.filter(|(_, standing)| standing.exists() || since > 0);
    let changed = told.map(|(name, standing)| {
        if standing.exists() {
            user_json(&name, standing.is_alive())
        } else {
            json!({"id": id_of("user", &name), "@removed": {"reason": "deleted"}})
        }
    });
    let link = format!("{}/v1.0/users/delta", house.authority);
    let changed = changed.map(|told| shown(&house, told)).collect();
    let body = page(&house, &link, changed, (since, skip), version);
    noted(trace.json(200, &body), None, "graph users delta".to_owned())
}

/// `GET /v1.0/groups/delta`.
pub(in super::super) async fn group_changes(
    State(house): State<House>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let trace = match admit(&house, &headers, bearer::GROUPS, "graph groups delta").await {
        Ok(trace) => trace,
        Err(refused) => return refused,
    };
    let Some((since, skip)) = place(&house, &parameters(query)) else {
        return forgotten(&trace, "graph groups delta");
    };
    let (version, changed) = house.groups.changes(since);
    let link = format!("{}/v1.0/groups/delta", house.authority);
    let changed = changed.into_iter().map(|told| shown(&house, told));
    let body = page(&house, &link, changed.collect(), (since, skip), version);
    noted(
        trace.json(200, &body),
        None,
        "graph groups delta".to_owned(),
    )
}

impl Groups {
    /// What has changed since that version, and which one it is now.
    fn changes(&self, since: u64) -> (u64, Vec<Value>) {
        let memberships = self.lock();
        let mut changed = Vec::new();
        for (group, members) in &memberships.all {
            let news = members.iter().filter(|(_, it)| it.version > since);
            // Of whom nothing was told before, nobody needs to hear that they left.
            let news = news.filter(|(_, it)| it.is_in || since > 0);
            let news: Vec<_> = news
                .map(|(user, it)| {
                    let mut member = json!({
                        "@odata.type": "#microsoft.graph.user",
                        "id": id_of("user", user),
                    });
                    if let (false, Some(fields)) = (it.is_in, member.as_object_mut()) {
                        fields.insert("@removed".to_owned(), json!({"reason": "deleted"}));
                    }
                    member
                })
                .collect();
            if news.is_empty() && since > 0 {
                continue;
            }
            let mut told = group_json(group);
            if let Some(fields) = told.as_object_mut() {
                fields.insert("members@delta".to_owned(), news.into());
            }
            changed.push(told);
        }
        (memberships.version, changed)
    }
}

/// Since which version, and how many of what came since were told. `None`: nobody knows.
fn place(house: &House, query: &BTreeMap<String, String>) -> Option<(u64, usize)> {
    let Some(token) = query.get("$skiptoken").or_else(|| query.get("$deltatoken")) else {
        return Some((0, 0));
    };
    let mut parts = token.splitn(3, '-');
    let forgotten: u64 = parts.next()?.parse().ok()?;
    let since = parts.next()?.parse().ok()?;
    let skip = parts.next()?.parse().ok()?;
    (forgotten == house.graph_forgets.load(Ordering::Relaxed)).then_some((since, skip))
}

fn forgotten(trace: &Trace, word: &str) -> Response {
    let text = "The sync state generation is not found.";
    refuse(trace, 410, ("syncStateNotFound", text), word)
}

/// As it is told to who may not read it all.
fn shown(house: &House, mut told: Value) -> Value {
    if house.graph_hides.load(Ordering::Relaxed) {
        for field in ["accountEnabled", "displayName", "userPrincipalName"] {
            if let Some(field) = told.get_mut(field) {
                *field = Value::Null;
            }
        }
    }
    told
}

fn page(
    house: &House,
    link: &str,
    all: Vec<Value>,
    (since, skip): (u64, usize),
    version: u64,
) -> Value {
    let forgotten = house.graph_forgets.load(Ordering::Relaxed);
    let next = skip.saturating_add(PAGE);
    let more = next < all.len();
    let value: Vec<_> = all.into_iter().skip(skip).take(PAGE).collect();
    if more {
        let link = format!("{link}?$skiptoken={forgotten}-{since}-{next}");
        json!({"value": value, "@odata.nextLink": link})
    } else {
        let link = format!("{link}?$deltatoken={forgotten}-{version}-0");
        json!({"value": value, "@odata.deltaLink": link})
    }
}

const PAGE: usize = 100;
