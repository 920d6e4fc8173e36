//! The audit table: who changed what, when, and what it was before, without secrets.

use super::check::put;
use super::done::bounded;
pub(super) use super::facts::{Facts, sealed, shown, titled, told};
use crate::base::{Shown, Timestamp};
use crate::ledger::storage::change::Kind;
use crate::ledger::storage::{Actor, Audit, Change, EndTrial, Head};
use crate::ledger::table::{Draft, Read, Table};

/// What happened to a change.
pub(super) struct Happened<'a> {
    pub(super) before: &'a str,
    pub(super) after: &'a str,
    /// Empty: it was done.
    pub(super) refused: String,
}

/// Appends one record.
pub(super) fn append(
    draft: &mut Draft<'_, impl Read>,
    head: &mut Head,
    at: Timestamp,
    change: &Change,
    happened: Happened<'_>,
) {
    let (action, subject) = describe(change.kind.as_ref());
    let actor = change.actor.clone().unwrap_or_default();
    let request_id = change.request_id.iter().take(16).copied().collect();
    let audit = Audit {
        at: at.as_millis(),
        actor: Some(Actor {
            name: shown(&actor.name),
            source: shown(&actor.source),
            ..Actor::default()
        }),
        action: action.to_owned(),
        subject: bounded(subject),
        before: bounded(happened.before.to_owned()),
        after: bounded(happened.after.to_owned()),
        refused: bounded(happened.refused),
        request_id,
    };
    put(draft, Table::Audit, &head.audit_next.to_be_bytes(), &audit);
    head.audit_next = head.audit_next.saturating_add(1);
}

fn trial(it: &EndTrial) -> String {
    it.subject()
        .as_str_name()
        .replace("SUBJECT_", "")
        .to_ascii_lowercase()
}

/// The action and its subject, from the message alone: a refused change has them too.
pub(super) fn describe(kind: Option<&Kind>) -> (&'static str, String) {
    let Some(kind) = kind else {
        return ("unknown", String::new());
    };
    if let Some(described) = describe_people(kind) {
        return described;
    }
    describe_house(kind).unwrap_or(("unknown", String::new()))
}

/// Users, tokens and imports.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the other half of the actions is described below"
)]
fn describe_people(kind: &Kind) -> Option<(&'static str, String)> {
    Some(match kind {
        Kind::PutUser(it) => {
            let user = it.user.as_ref();
            let name = user.map_or("", |user| &*user.name);
            let id = user.map_or(0, |user| user.id);
            ("user.put", named("user", id, name))
        }
        Kind::RemoveUser(it) => ("user.remove", numbered("user", it.id)),
        Kind::SetUserStatus(it) => ("user.status", numbered("user", it.id)),
        Kind::UnlockUser(it) => ("user.unlock", numbered("user", it.id)),
        Kind::AllowUser(it) => ("user.allow", numbered("user", it.id)),
        Kind::SetUserPassword(it) => ("user.password", numbered("user", it.id)),
        Kind::SyncUsers(it) => ("users.sync", shown(&it.source)),
        Kind::PutToken(it) => {
            let token = it.token.as_ref();
            let serial = token.map_or("", |token| &*token.serial);
            let id = token.map_or(0, |token| token.id);
            ("token.put", named("token", id, serial))
        }
        Kind::RemoveToken(it) => ("token.remove", numbered("token", it.id)),
        Kind::SetTokenState(it) => ("token.state", numbered("token", it.id)),
        Kind::AssignToken(it) => ("token.assign", numbered("token", it.id)),
        Kind::ResyncToken(it) => ("token.resync", numbered("token", it.id)),
        Kind::Import(it) => ("import", counted("rows", it.rows.len())),
        _ => return None,
    })
}

/// Everything else.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the other half of the actions is described above"
)]
fn describe_house(kind: &Kind) -> Option<(&'static str, String)> {
    let plain = String::new();
    Some(match kind {
        Kind::Found(_) => ("cluster.found", plain),
        Kind::PutClient(it) => {
            let client = it.client.as_ref();
            let name = client.map_or("", |client| &*client.name);
            let id = client.map_or(0, |client| client.id);
            ("client.put", named("client", id, name))
        }
        Kind::RemoveClient(it) => ("client.remove", numbered("client", it.id)),
        Kind::LearnLockout(it) => (
            "settings.learn",
            format!("source {}", Shown::from(&*it.source)),
        ),
        Kind::LearnMessageAuthenticator(it) => ("client.learn", numbered("client", it.client)),
        Kind::PutSettings(_) => ("settings.put", plain),
        Kind::PutRules(_) => ("rules.put", plain),
        Kind::EndTrial(it) if it.confirmed => ("trial.confirm", trial(it)),
        Kind::EndTrial(it) => ("trial.revert", trial(it)),
        Kind::PutOperator(it) => {
            let name = it.operator.as_ref().map_or("", |it| &*it.name);
            ("operator.put", shown(name))
        }
        Kind::RemoveOperator(it) => ("operator.remove", shown(&it.name)),
        Kind::PutApiToken(it) => {
            let name = it.token.as_ref().map_or("", |it| &*it.name);
            ("api-token.put", shown(name))
        }
        Kind::RevokeApiToken(it) => ("api-token.revoke", shown(&it.name)),
        Kind::PutKey(it) => {
            let id = it.key.as_ref().map_or(0, |key| key.id);
            ("key.put", numbered("key", id.into()))
        }
        Kind::RaiseVersion(it) => ("cluster.version", it.to.to_string()),
        _ => return None,
    })
}

fn numbered(what: &str, id: u64) -> String {
    Facts::default().with(what, id).into_text()
}

fn counted(what: &str, count: usize) -> String {
    Facts::default().with(what, count).into_text()
}

fn named(what: &str, id: u64, name: &str) -> String {
    let facts = Facts::default().with(what, id);
    facts.text("name", name).into_text()
}
