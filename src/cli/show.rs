//! The shape of each thing in JSON, which programs rely on: keys are only ever added.
//! Tables take their columns from it.

use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::output::word;
use crate::admin::api;

pub(super) const USERS: &[&str] = &["name", "status", "locked", "aliases", "contact", "created"];
pub(super) const USER: &[&str] = &[
    "name",
    "id",
    "status",
    "locked",
    "own_password",
    "aliases",
    "contact",
    "email",
    "phone",
    "groups",
    "created",
    "revision",
];
pub(super) const TOKENS: &[&str] = &["id", "owner", "state", "serial", "label", "created"];
pub(super) const TOKEN: &[&str] = &[
    "id",
    "owner",
    "state",
    "serial",
    "label",
    "algorithm",
    "digits",
    "period",
    "drift",
    "created",
    "revision",
];
pub(super) const CLIENTS: &[&str] = &[
    "name",
    "ranges",
    "certificate_names",
    "factors",
    "message_authenticator",
    "secrets",
    "profile",
];
pub(super) const PROFILES: &[&str] = &[
    "name",
    "title",
    "timeout_ms",
    "tries",
    "servers",
    "message_authenticator",
    "challenge",
    "group_attributes",
];
pub(super) const CLIENT: &[&str] = &[
    "name",
    "id",
    "ranges",
    "certificate_names",
    "factors",
    "secrets",
    "message_authenticator",
    "message_authenticator_learnt",
    "timeout_ms",
    "tries",
    "servers",
    "retry_grace_ms",
    "strict_grace",
    "default_domain",
    "language",
    "burn_code",
    "on_source_down",
    "revalidation_ms",
    "name_forms",
    "allowed_factors",
    "rate",
    "burst",
    "profile",
    "revision",
];
pub(super) const OPERATORS: &[&str] = &["name", "role", "created", "revision"];
pub(super) const API_TOKENS: &[&str] =
    &["name", "operator", "role", "expires", "networks", "created"];
pub(super) const STATUS: &[&str] = &[
    "node",
    "role",
    "in_sync",
    "leader",
    "term",
    "applied",
    "state_hash",
    "entry_time",
    "cluster",
    "cluster_version",
    "program_version",
    "demo",
];
pub(super) const MEMBERS: &[&str] = &[
    "node",
    "role",
    "in_sync",
    "term",
    "applied",
    "lag",
    "fsync_p99_us",
    "clock_offset_ms",
    "certificate_expires",
    "hash",
    "program_version",
    "fault",
];
pub(super) const TROUBLES: &[&str] = &["node", "peer", "connected", "fault", "refused", "refusal"];
pub(super) const EVENTS: &[&str] = &[
    "at",
    "node",
    "kind",
    "answer",
    "reason",
    "user",
    "client",
    "source",
    "caller",
    "reference",
    "cause",
    "missed",
];
pub(super) const AUDIT: &[&str] = &[
    "number", "at", "operator", "source", "action", "subject", "after", "refused",
];

pub(super) fn user(it: &api::User) -> Value {
    json!({
        "id": it.id,
        "name": it.name,
        "aliases": it.aliases,
        "contact": it.contact,
        "email": it.email, "phone": it.phone,
        "groups": it.groups,
        "status": word(it.status().as_str_name(), "USER_STATUS_"),
        "locked": it.locked,
        "own_password": it.own_password,
        "created": moment(it.created),
        "revision": it.revision,
    })
}

pub(super) fn token(it: &api::Token) -> Value {
    json!({
        "id": it.id,
        "owner": it.owner,
        "algorithm": word(it.algorithm().as_str_name(), "TOKEN_ALGORITHM_"),
        "digits": it.digits,
        "period": it.period,
        "serial": it.serial,
        "label": it.label,
        "state": word(it.state().as_str_name(), "TOKEN_STATE_"),
        "drift": it.drift,
        "created": moment(it.created),
        "revision": it.revision,
    })
}

pub(super) fn client(it: &api::Client) -> Value {
    let policy = it.policy.clone().unwrap_or_default();
    let authenticator = policy.message_authenticator().as_str_name();
    json!({
        "id": it.id,
        "name": it.name,
        "ranges": it.ranges,
        "certificate_names": it.certificate_names,
        "secrets": it.secrets,
        "factors": word(policy.factors().as_str_name(), "FACTORS_"),
        "message_authenticator": word(authenticator, "MESSAGE_AUTHENTICATOR_"),
        "timeout_ms": policy.timeout_ms,
        "tries": policy.tries,
        "servers": policy.servers,
        "retry_grace_ms": policy.retry_grace_ms,
        "strict_grace": policy.strict_grace,
        "default_domain": policy.default_domain,
        "language": policy.language,
        "burn_code": word(policy.burn_code().as_str_name(), "BURN_CODE_"),
        "on_source_down": word(policy.on_source_down().as_str_name(), "ON_SOURCE_DOWN_"),
        "message_authenticator_learnt": moment(it.message_authenticator_learnt),
        "revalidation_ms": policy.revalidation_ms,
        "name_forms": name_forms(&policy),
        "allowed_factors": factors(&policy),
        "rate": policy.rate,
        "burst": policy.burst,
        "profile": it.profile,
        "warnings": it.warnings,
        "revision": it.revision,
    })
}

fn name_forms(policy: &api::ClientPolicy) -> Vec<String> {
    let forms = policy.name_forms();
    forms
        .map(|it| word(it.as_str_name(), "NAME_FORM_"))
        .collect()
}

fn factors(policy: &api::ClientPolicy) -> Vec<String> {
    let allowed = policy.allowed_factors();
    allowed
        .map(|it| word(it.as_str_name(), "FACTORS_"))
        .collect()
}

/// The newest secret first; `null`: no packet was proven by it.
pub(super) fn secrets_used(times: &[u64]) -> Value {
    times.iter().map(|&at| moment(at)).collect()
}

pub(super) fn profile(it: &api::Profile) -> Value {
    let policy = it.policy.clone().unwrap_or_default();
    let authenticator = policy.message_authenticator().as_str_name();
    json!({
        "name": it.name,
        "title": it.title,
        "method": it.method,
        "challenge": it.challenge,
        "timeout_ms": policy.timeout_ms,
        "tries": policy.tries,
        "servers": policy.servers,
        "message_authenticator": word(authenticator, "MESSAGE_AUTHENTICATOR_"),
        "group_attributes": it.group_attributes,
        "notes": it.notes,
    })
}

pub(super) fn operator(it: &api::Operator) -> Value {
    json!({
        "name": it.name,
        "role": word(it.role().as_str_name(), "ROLE_"),
        "created": moment(it.created),
        "revision": it.revision,
    })
}

pub(super) fn api_token(it: &api::ApiToken) -> Value {
    json!({
        "name": it.name,
        "operator": it.operator,
        "role": word(it.role().as_str_name(), "ROLE_"),
        "expires": moment(it.expires),
        "networks": it.networks,
        "created": moment(it.created),
    })
}

pub(super) fn status(it: &api::ClusterStatus) -> Value {
    json!({
        "node": it.node,
        "cluster": it.cluster,
        "role": it.role,
        "term": it.term,
        "leader": it.leader,
        "applied": it.applied,
        "state_hash": it.state_hash,
        "entry_time": moment(it.entry_time),
        "cluster_version": it.cluster_version,
        "program_version": it.program_version,
        "in_sync": it.in_sync,
        "demo": it.demo,
        "members": members(it),
    })
}

/// A line for each node. `lag`: entries behind the furthest log that anyone told of.
pub(super) fn members(it: &api::ClusterStatus) -> Vec<Value> {
    let furthest = it.members.iter().map(|it| it.last_log).max().unwrap_or(0);
    it.members.iter().map(|it| member(it, furthest)).collect()
}

fn member(it: &api::MemberStatus, furthest: u64) -> Value {
    if !it.fault.is_empty() {
        return json!({ "node": it.node, "fault": it.fault });
    }
    let links: Vec<_> = it.links.iter().map(link).collect();
    json!({
        "node": it.node,
        "role": it.role,
        "in_sync": it.in_sync,
        "fault": it.fenced,
        "term": it.term,
        "leader": it.leader,
        "last_log": it.last_log,
        "committed": it.committed,
        "applied": it.applied,
        "lag": furthest.saturating_sub(it.applied),
        "applied_at": moment(it.applied_at),
        "state_hash": it.state_hash,
        // As much of it as eyes compare.
        "hash": it.state_hash.get(..12),
        "fsync_p50_us": it.fsync_p50_micros,
        "fsync_p99_us": it.fsync_p99_micros,
        "certificate_expires": moment(it.certificate_expires),
        "program_version": it.program_version,
        "clock_offset_ms": it.clock_offset_ms,
        "links": links,
        "strangers": strangers(it),
    })
}

fn link(it: &api::LinkStatus) -> Value {
    json!({
        "node": it.node,
        "connected": it.connected,
        "fault": it.fault,
        "refused": it.refused,
        "refusal": it.refusal,
    })
}

fn strangers(it: &api::MemberStatus) -> Value {
    let strangers = it.strangers.clone().unwrap_or_default();
    json!({
        "refused": strangers.refused,
        "refusal": strangers.refusal,
    })
}

/// A line for each link on which something went wrong, and for strangers at each node.
pub(super) fn troubles(it: &api::ClusterStatus) -> Vec<Value> {
    let each = it.members.iter().flat_map(|member| {
        let links = member.links.iter().map(|link| {
            json!({
                "node": member.node,
                "peer": link.node,
                "connected": link.connected,
                "fault": link.fault,
                "refused": link.refused,
                "refusal": link.refusal,
            })
        });
        let strangers = member.strangers.iter().map(|strangers| {
            json!({
                "node": member.node,
                "peer": "strangers",
                "fault": "",
                "refused": strangers.refused,
                "refusal": strangers.refusal,
            })
        });
        links.chain(strangers).collect::<Vec<_>>()
    });
    each.filter(|it| it["fault"] != "" || it["refused"] != 0)
        .collect()
}

pub(super) fn event(it: &api::Event) -> Value {
    if it.missed > 0 {
        return json!({ "missed": it.missed });
    }
    json!({
        "at": moment(it.at),
        "node": it.node,
        "kind": it.kind,
        "reference": it.reference,
        "user": it.user,
        "client": it.client,
        "source": it.source,
        "caller": it.caller,
        "answer": it.answer,
        "reason": it.reason,
        "cause": it.cause,
        "remedy": it.remedy,
        "source_code": it.source_code,
        "took_ms": it.took_ms,
    })
}

pub(super) fn audit(it: &api::AuditRecord) -> Value {
    json!({
        "number": it.number,
        "at": moment(it.at),
        "operator": it.operator,
        "source": it.source,
        "action": it.action,
        "subject": it.subject,
        "before": it.before,
        "after": it.after,
        "refused": it.refused,
    })
}

/// RFC 3339; `null` for 0, which stands for never.
fn moment(millis: u64) -> Value {
    let nanos = i128::from(millis)
        .checked_mul(1_000_000)
        .filter(|&nanos| nanos != 0);
    let moment = nanos.and_then(|nanos| OffsetDateTime::from_unix_timestamp_nanos(nanos).ok());
    moment
        .and_then(|moment| moment.format(&Rfc3339).ok())
        .map_or(Value::Null, Value::String)
}
