//! What a token has spent, and how far its clock is off.

use crate::base::limits::DRIFT_STEPS_MAX;
use crate::base::{AttemptKey, TokenId};
use crate::ledger::Match;
use crate::ledger::query::{encoded, record};
use crate::ledger::storage::Counter;
use crate::ledger::table::{Draft, Read, StoreError, Table};

/// Why steps are marked as spent.
#[derive(Clone, Copy)]
pub(super) enum Spend<'k> {
    /// The login is let in; its steps also tell how far the token's clock is off.
    Accepted,
    /// The code matched, and the client burns it at that; the key may still go on with it.
    Burned(&'k AttemptKey),
}

/// Whether a step may not be used any more: spent by whatever login. `own` is the key
/// which may use what it has burned itself.
pub(super) fn is_spent(
    tables: &impl Read,
    matches: &[Match],
    own: Option<&AttemptKey>,
) -> Result<bool, StoreError> {
    for step in matches {
        let counter = load(tables, step)?;
        let burned_by_own = own.is_some_and(|key| counter.burned_by == key.0);
        if step.step <= counter.last_spent && !burned_by_own {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Spends every step: `last_spent` only ever rises.
pub(super) fn spend<R: Read>(
    draft: &mut Draft<'_, R>,
    matches: &[Match],
    why: Spend<'_>,
) -> Result<(), StoreError> {
    let mut done: Vec<TokenId> = Vec::with_capacity(1);
    for step in matches {
        if done.contains(&step.token) {
            continue;
        }
        done.push(step.token);
        let of_token = matches.iter().filter(|other| other.token == step.token);
        let last = of_token.max_by_key(|other| other.step).unwrap_or(step);
        let before = load(draft, last)?;
        let after = spent(&before, last, why);
        if after != before {
            draft.put(
                Table::Counters,
                &last.token.0.to_be_bytes(),
                encoded(&after),
            );
        }
    }
    Ok(())
}

/// The counter once `last`, the highest step of its token, is spent.
fn spent(before: &Counter, last: &Match, why: Spend<'_>) -> Counter {
    let mut after = before.clone();
    after.generation = last.generation;
    if last.step <= before.last_spent {
        return after;
    }
    after.last_spent = last.step;
    match why {
        Spend::Accepted => {
            after.burned_by.clear();
            after.drift = drifted(before.drift, last.offset);
        }
        Spend::Burned(key) => after.burned_by = key.0.to_vec(),
    }
    after
}

/// One step towards what the login showed, and never far: a thief who can shift the
/// clock of one login must not be able to walk the window away.
fn drifted(drift: i32, offset: i32) -> i32 {
    let step = offset.saturating_sub(drift).clamp(-1, 1);
    drift
        .saturating_add(step)
        .clamp(-DRIFT_STEPS_MAX, DRIFT_STEPS_MAX)
}

/// The counter of the match's seed; that of an older seed says nothing about this one.
fn load(tables: &impl Read, step: &Match) -> Result<Counter, StoreError> {
    let stored: Option<Counter> = record(tables, Table::Counters, &step.token.0.to_be_bytes())?;
    let fresh = Counter {
        generation: step.generation,
        ..Counter::default()
    };
    Ok(stored
        .filter(|counter| counter.generation == step.generation)
        .unwrap_or(fresh))
}
