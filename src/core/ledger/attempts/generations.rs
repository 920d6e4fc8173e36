//! Where attempts are kept: by generation of their end, so that those which are over are
//! dropped by one range delete and never looked at one by one.
//!
//! INVARIANT: an attempt has one record; a rewritten one whose end moved is moved.
//! INVARIANT: the head's generations are ascending, none is empty, and their counts are
//! those of the records.

use super::attempt::{Attempt, record_key};
use crate::base::limits::{
    ATTEMPT_GENERATION, ATTEMPTS_LIVE_MAX, ATTEMPTS_STORED_MAX, COMMAND_LIFE,
};
use crate::base::{AttemptKey, Timestamp};
use crate::ledger::command::millis;
use crate::ledger::storage::Head;
use crate::ledger::storage::head::Generation;
use crate::ledger::table::{Draft, Read, StoreError, Table};

/// An attempt that was found, and where.
#[derive(Debug)]
pub(super) struct Found {
    generation: u64,
    /// As it stands now, whether or not it still answers.
    pub(super) attempt: Attempt,
}

/// Looks for the attempt in the generations that can still hold it, the newest first:
/// those in flight are there.
pub(super) fn find(
    tables: &impl Read,
    head: &Head,
    key: &AttemptKey,
    now: Timestamp,
) -> Result<Option<Found>, StoreError> {
    for generation in head.generations.iter().rev() {
        if is_over(generation, now) {
            continue;
        }
        let octets = tables.get(Table::Attempts, &record_key(generation.number, key))?;
        if let Some(octets) = octets {
            return Ok(Some(Found {
                generation: generation.number,
                attempt: Attempt::decode(&octets)?.seen_at(now),
            }));
        }
    }
    Ok(None)
}

/// Stores `attempt` in the place of what was found under its key.
pub(super) fn store<R: Read>(
    draft: &mut Draft<'_, R>,
    head: &mut Head,
    key: &AttemptKey,
    before: Option<&Found>,
    attempt: &Attempt,
) {
    let number = generation_of(attempt.end());
    if let Some(before) = before {
        forget(head, before);
        if before.generation != number {
            draft.delete(Table::Attempts, &record_key(before.generation, key));
        }
    }
    let generation = generation_mut(head, number);
    generation.stored = generation.stored.saturating_add(1);
    generation.live = generation.live.saturating_add(attempt.is_live().into());
    generation.keep = generation.keep.max(millis(attempt.kept()));
    draft.put(Table::Attempts, &record_key(number, key), attempt.encode());
}

/// Whether another live attempt must be refused.
pub(super) fn is_full(head: &Head, before: Option<&Found>) -> bool {
    if before.is_some_and(|found| found.attempt.is_live()) {
        return false;
    }
    let stored = head.generations.iter().map(|generation| generation.stored);
    live(head) >= ATTEMPTS_LIVE_MAX
        || before.is_none() && stored.sum::<u64>() >= ATTEMPTS_STORED_MAX
}

/// How many attempts are in flight or open.
pub(in crate::ledger) fn live(head: &Head) -> u64 {
    let live = head.generations.iter().map(|generation| generation.live);
    live.sum()
}

/// Drops the generations of which no attempt is stored any longer.
pub(in crate::ledger) fn drop_over<R: Read>(
    draft: &mut Draft<'_, R>,
    head: &mut Head,
    now: Timestamp,
) {
    head.generations.retain(|generation| {
        let over = is_over(generation, now);
        if over {
            let from = generation.number.to_be_bytes();
            let to = generation.number.saturating_add(1).to_be_bytes();
            draft.delete_range(Table::Attempts, &from, &to);
        }
        !over
    });
}

/// Whether the last attempt that may be in it is past its end, keep and life.
fn is_over(generation: &Generation, now: Timestamp) -> bool {
    let span = millis(ATTEMPT_GENERATION).into();
    let next = generation.number.saturating_add(1).saturating_mul(span);
    let last = Timestamp::from_millis(next)
        .plus(std::time::Duration::from_millis(generation.keep.into()))
        .plus(COMMAND_LIFE);
    last <= now
}

fn generation_of(end: Timestamp) -> u64 {
    end.as_millis()
        .checked_div(u64::from(millis(ATTEMPT_GENERATION)))
        .unwrap_or_default()
}

/// Takes what was found out of the counts.
fn forget(head: &mut Head, found: &Found) {
    let generation = generation_mut(head, found.generation);
    generation.stored = generation.stored.saturating_sub(1);
    let live = u64::from(found.attempt.is_live());
    generation.live = generation.live.saturating_sub(live);
    if generation.stored == 0 {
        head.generations.retain(|generation| generation.stored > 0);
    }
}

/// The count of a generation, made if need be.
fn generation_mut(head: &mut Head, number: u64) -> &mut Generation {
    let found = head
        .generations
        .binary_search_by_key(&number, |generation| generation.number);
    let at = found.unwrap_or_else(|at| {
        let new = Generation {
            number,
            ..Generation::default()
        };
        head.generations.insert(at, new);
        at
    });
    head.generations
        .get_mut(at)
        .expect("it was found or inserted there")
}
