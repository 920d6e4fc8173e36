//! Whether a user has to wait: the node's own look, so that a waiting user costs no
//! command; and the operator's unlock.

use super::{Budgets, Limits};
use crate::base::{PlaceId, Timestamp, UserId};
use crate::ledger::table::{Draft, Read, StoreError};

/// How a user stands at a place.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Standing {
    /// May try.
    Free,
    /// Too many wrong passwords.
    Locked,
    /// Too many wrong codes from there.
    Waiting {
        /// Until when.
        until: Timestamp,
    },
}

/// How the user stands at the place at `now`, with what is due by then.
///
/// # Errors
/// When the store cannot be read.
pub fn standing(
    tables: &impl Read,
    limits: &Limits,
    user: UserId,
    place: PlaceId,
    now: Timestamp,
) -> Result<Standing, StoreError> {
    let budgets = Budgets::load(tables, user, limits, now)?;
    if budgets.strict.is_locked() {
        return Ok(Standing::Locked);
    }
    let waits = budgets.places.waits_until(place, limits, now);
    Ok(waits.map_or(Standing::Free, |until| Standing::Waiting { until }))
}

/// An operator grants the user the logins without a token once more: none was used yet.
///
/// # Errors
/// When the store cannot be read.
pub fn allow<R: Read>(
    draft: &mut Draft<'_, R>,
    user: UserId,
    now: Timestamp,
) -> Result<(), StoreError> {
    change(draft, user, now, |budgets| {
        budgets.without_token.initial_logins = 0;
    })
}

/// An operator lets the user try again: wrong and unsure passwords are forgotten, and
/// wrong codes from wherever. Keys in flight stay, being claims.
///
/// # Errors
/// When the store cannot be read.
pub fn unlock<R: Read>(
    draft: &mut Draft<'_, R>,
    user: UserId,
    now: Timestamp,
) -> Result<(), StoreError> {
    change(draft, user, now, |budgets| {
        budgets.strict.forget();
        budgets.places.forgive();
    })
}

fn change<R: Read>(
    draft: &mut Draft<'_, R>,
    user: UserId,
    now: Timestamp,
    change: impl FnOnce(&mut Budgets),
) -> Result<(), StoreError> {
    let limits = Limits::load(draft)?;
    let mut budgets = Budgets::load(draft, user, &limits, now)?;
    change(&mut budgets);
    budgets.save(draft);
    Ok(())
}
