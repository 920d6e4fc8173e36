//! One administrative change, from its request id to its audit record.
//!
//! Each change is tried on a draft of its own and carried over only when it was done:
//! a refused change leaves nothing but its audit record and its remembered outcome.

use super::audit::{self, Happened};
use super::done::{Done, Refused, Step, Stop, bounded, refuse};
use super::requests::{self, Fresh, Recalled};
use super::{
    clients, found, import, keyring, operators, rules, settings, sync, tokens, trials, users,
};
use crate::base::Timestamp;
use crate::ledger::storage::change::Kind;
use crate::ledger::storage::{Change, ChangeOutcome, Head, Refusal};
use crate::ledger::table::{Draft, Read, StoreError, Write, Writes};

/// Does an administrative change, or refuses it.
///
/// Total: any message, however odd, ends in an outcome. Before the founding nothing is
/// written, not even that something was refused.
///
/// # Errors
/// When the store cannot be read, or the change is of a newer cluster version than this
/// binary speaks. The node must stop.
pub(in crate::ledger) fn apply(
    draft: &mut Draft<'_, impl Read>,
    head: &mut Head,
    at: Timestamp,
    change: &Change,
) -> Result<ChangeOutcome, StoreError> {
    let fresh = match requests::recall(draft, at, change)? {
        Recalled::Repeat(outcome) => return Ok(outcome),
        Recalled::Fresh(fresh) => Ok(fresh),
        Recalled::Reused => Err(rejected(Refusal::RequestReused, "the request id is taken")),
        Recalled::Unnamed => Err(rejected(Refusal::Invalid, "a request id has 16 octets")),
    };
    let (fresh, step) = match fresh {
        Ok(fresh) => (Some(fresh), tried(draft, head, at, change)),
        Err(refused) => (None, Err(Stop::Refused(refused))),
    };
    let ended = match step {
        Ok(done) => Ok(done),
        Err(Stop::Refused(refused)) => Err(refused),
        Err(Stop::Store(error)) => return Err(error),
    };
    if head.cluster.is_empty() {
        return Ok(ended.map_or_else(Refused::into_outcome, Done::into_outcome));
    }
    record(draft, head, at, change, ended, fresh)
}

/// Tells the audit table and remembers the outcome.
fn record(
    draft: &mut Draft<'_, impl Read>,
    head: &mut Head,
    at: Timestamp,
    change: &Change,
    ended: Result<Done, Refused>,
    fresh: Option<Fresh>,
) -> Result<ChangeOutcome, StoreError> {
    requests::purge(draft, at)?;
    let (before, after, refused) = match &ended {
        Ok(done) => (&*done.before, &*done.after, String::new()),
        Err(refused) => ("", "", reason(refused)),
    };
    let happened = Happened {
        before,
        after,
        refused,
    };
    audit::append(draft, head, at, change, happened);
    let outcome = ended.map_or_else(Refused::into_outcome, Done::into_outcome);
    if let Some(fresh) = fresh {
        requests::remember(draft, at, fresh, &outcome)?;
    }
    Ok(outcome)
}

/// Runs the change on a draft of its own.
fn tried(
    draft: &mut Draft<'_, impl Read>,
    head: &mut Head,
    at: Timestamp,
    change: &Change,
) -> Step {
    let mut trial = Draft::new(&*draft);
    let mut changed = head.clone();
    // Before the founding there are no tokens, and nothing else is done.
    if !head.cluster.is_empty() {
        operators::may_still(&trial, at, change)?;
    }
    let done = run(&mut trial, &mut changed, at, change.kind.as_ref())?;
    let writes = trial.into_writes();
    carry_over(draft, writes);
    *head = changed;
    Ok(done)
}

/// Repeats the writes of a trial on the draft under it.
pub(super) fn carry_over(draft: &mut Draft<'_, impl Read>, writes: Writes) {
    for write in writes {
        match write {
            Write::Put(table, key, value) => draft.put(table, &key, value),
            Write::Delete(table, key) => draft.delete(table, &key),
            // INVARIANT: no administrative change removes a range.
            Write::DeleteRange(..) => debug_assert!(false, "a change removed a range"),
        }
    }
}

fn run(
    draft: &mut Draft<'_, impl Read>,
    head: &mut Head,
    at: Timestamp,
    kind: Option<&Kind>,
) -> Step {
    let Some(kind) = kind else {
        return refuse(Refusal::Invalid, "a change of no known kind");
    };
    if head.cluster.is_empty() && !matches!(kind, Kind::Found(_)) {
        return refuse(Refusal::NotFounded, "the cluster is not founded");
    }
    match kind {
        Kind::Found(it) => found::found(draft, head, at, it),
        Kind::PutUser(it) => users::put(draft, at, it),
        Kind::RemoveUser(it) => users::remove(draft, it),
        Kind::SetUserStatus(it) => users::set_status(draft, it),
        Kind::UnlockUser(it) => users::unlock(draft, at, it),
        Kind::AllowUser(it) => users::allow(draft, at, it),
        Kind::SetUserPassword(it) => users::set_password(draft, it),
        Kind::SyncUsers(it) => sync::users(draft, at, it),
        Kind::PutToken(it) => tokens::put(draft, at, it),
        Kind::RemoveToken(it) => tokens::remove(draft, it),
        Kind::SetTokenState(it) => tokens::set_state(draft, at, it),
        Kind::AssignToken(it) => tokens::assign(draft, it),
        Kind::ResyncToken(it) => tokens::resync(draft, at, it),
        Kind::PutClient(it) => clients::put(draft, head, it),
        Kind::RemoveClient(it) => clients::remove(draft, head, it),
        Kind::LearnMessageAuthenticator(it) => clients::learn(draft, head, at, it),
        Kind::PutSettings(it) => settings::put(draft, head, at, it),
        Kind::PutRules(it) => rules::put(draft, head, at, it),
        Kind::EndTrial(it) => trials::end(draft, head, it),
        Kind::LearnLockout(it) => settings::learn_lockout(draft, head, it),
        Kind::PutOperator(it) => operators::put(draft, head, at, it),
        Kind::RemoveOperator(it) => operators::remove(draft, at, it),
        Kind::PutApiToken(it) => operators::put_token(draft, at, it),
        Kind::RevokeApiToken(it) => operators::revoke_token(draft, at, it),
        Kind::PutKey(it) => keyring::put(draft, head, at, it),
        Kind::RaiseVersion(it) => keyring::raise_version(draft, head, it),
        Kind::Import(it) => import::import(draft, at, it),
    }
}

fn rejected(refusal: Refusal, detail: &str) -> Refused {
    Refused {
        refusal,
        detail: detail.to_owned(),
        rows: Vec::new(),
    }
}

fn reason(refused: &Refused) -> String {
    let name = refused.refusal.as_str_name();
    bounded(format!("{name}: {}", refused.detail))
}
