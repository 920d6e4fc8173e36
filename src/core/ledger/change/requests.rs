//! Request ids: a retry of a change gets the outcome of the first try, and does nothing.

use std::ops::ControlFlow;

use prost::Message;
use sha2::{Digest, Sha256};

use super::audit;
use super::check::put;
use crate::base::limits::{REQUEST_KEEP, REQUESTS_PURGED_MAX};
use crate::base::{RequestId, Timestamp};
use crate::ledger::query;
use crate::ledger::storage::{Change, ChangeOutcome, Request};
use crate::ledger::table::{Draft, Read, StoreError, Table};

/// What the request id of a change says about it.
pub(super) enum Recalled {
    /// No request id: the change cannot be done safely.
    Unnamed,
    /// Not seen in the last 24 hours.
    Fresh(Fresh),
    /// Done or refused before, with this outcome.
    Repeat(ChangeOutcome),
    /// The id named another change.
    Reused,
}

/// A request not seen before, to be remembered with its outcome.
pub(super) struct Fresh {
    id: RequestId,
    digest: Vec<u8>,
    action: &'static str,
}

/// Looks a change's request id up. What is older than 24 hours is as if forgotten, even
/// where it was not purged yet.
pub(super) fn recall(
    tables: &impl Read,
    at: Timestamp,
    change: &Change,
) -> Result<Recalled, StoreError> {
    let Ok(id) = RequestId::try_from(&*change.request_id) else {
        return Ok(Recalled::Unnamed);
    };
    let (action, _) = audit::describe(change.kind.as_ref());
    let fresh = Fresh {
        id,
        digest: digest(change),
        action,
    };
    let Some(request) = query::record::<Request>(tables, Table::Requests, &id.0)? else {
        return Ok(Recalled::Fresh(fresh));
    };
    if is_due(Timestamp::from_millis(request.at), at) {
        return Ok(Recalled::Fresh(fresh));
    }
    if request.digest != fresh.digest {
        return Ok(Recalled::Reused);
    }
    ChangeOutcome::decode(&*request.outcome)
        .map(Recalled::Repeat)
        .map_err(|e| StoreError::Corrupt(Table::Requests, e))
}

/// Forgets some of what is older than 24 hours, the oldest first. Each change adds one
/// request and forgets up to [`REQUESTS_PURGED_MAX`], so that the table cannot grow
/// beyond a day's changes.
pub(super) fn purge(draft: &mut Draft<'_, impl Read>, at: Timestamp) -> Result<(), StoreError> {
    let mut due = Vec::new();
    draft.scan(Table::RequestTimes, &[], &mut |key, _| {
        let time = key.first_chunk().map(|time| u64::from_be_bytes(*time));
        let old = time.is_some_and(|time| is_due(Timestamp::from_millis(time), at));
        if !old || due.len() >= REQUESTS_PURGED_MAX {
            return ControlFlow::Break(());
        }
        due.push(key.to_vec());
        ControlFlow::Continue(())
    })?;
    for key in due {
        if let Some((_, id)) = key.split_first_chunk::<8>() {
            draft.delete(Table::Requests, id);
        }
        draft.delete(Table::RequestTimes, &key);
    }
    Ok(())
}

/// Remembers the outcome of a request.
pub(super) fn remember(
    draft: &mut Draft<'_, impl Read>,
    at: Timestamp,
    fresh: Fresh,
    outcome: &ChangeOutcome,
) -> Result<(), StoreError> {
    let old = query::record::<Request>(draft, Table::Requests, &fresh.id.0)?;
    if let Some(old) = old {
        // The id is used again after a day: its old time must not purge the new record.
        draft.delete(Table::RequestTimes, &time_key(old.at, fresh.id));
    }
    let time = time_key(at.as_millis(), fresh.id);
    let request = Request {
        at: at.as_millis(),
        digest: fresh.digest,
        outcome: outcome.encode_to_vec(),
        action: fresh.action.to_owned(),
    };
    put(draft, Table::Requests, &fresh.id.0, &request);
    draft.put(Table::RequestTimes, &time, Vec::new());
    Ok(())
}

fn is_due(stored: Timestamp, at: Timestamp) -> bool {
    stored.plus(REQUEST_KEEP) <= at
}

fn time_key(at: u64, id: RequestId) -> Vec<u8> {
    [&at.to_be_bytes()[..], &id.0].concat()
}

/// What the same request has in common with its retry: who asked, and what for. The
/// operator's address is left out, since a retry may come by another way.
fn digest(change: &Change) -> Vec<u8> {
    let name = change.actor.as_ref().map_or("", |actor| &*actor.name);
    let mut asked = change.digest.clone();
    if asked.is_empty()
        && let Some(kind) = &change.kind
    {
        kind.encode(&mut asked);
    }
    let mut hash = Sha256::new();
    for part in [name.as_bytes(), &asked] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.finalize().to_vec()
}
