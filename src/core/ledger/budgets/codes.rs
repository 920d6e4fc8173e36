//! Wrong codes, per user and place. They never lock a user hard: a known place has a
//! budget of its own, all other places of the user share one that slows down.

use std::ops::ControlFlow;

use super::{Limits, places};
use crate::base::limits::{WAIT_FIRST, WAIT_MAX};
use crate::base::{PlaceId, Timestamp, UserId};
use crate::ledger::query::{encoded, record};
use crate::ledger::storage::Codes;
use crate::ledger::table::{Draft, Read, StoreError, Table};

/// The budget that a place's wrong codes count into.
#[derive(Clone, Copy, Debug)]
pub(in crate::ledger) struct Slot {
    user: UserId,
    /// [`PlaceId::ELSEWHERE`] unless the user was let in there lately.
    place: PlaceId,
}

impl Slot {
    pub(in crate::ledger) fn of(
        tables: &impl Read,
        user: UserId,
        place: PlaceId,
        now: Timestamp,
    ) -> Result<Self, StoreError> {
        let known = places::knows(tables, user, place, now)?;
        let place = if known { place } else { PlaceId::ELSEWHERE };
        Ok(Self { user, place })
    }

    /// Every budget of the user that holds anything: at most one per known place, and the
    /// shared one.
    pub(super) fn all(tables: &impl Read, user: UserId) -> Result<Vec<Self>, StoreError> {
        let prefix = user.0.to_be_bytes();
        let mut slots = Vec::new();
        tables.scan(Table::Codes, &prefix, &mut |key, _| {
            let place = key.strip_prefix(&prefix).map(PlaceId::try_from);
            let Some(Ok(place)) = place else {
                return ControlFlow::Break(());
            };
            slots.push(Self { user, place });
            ControlFlow::Continue(())
        })?;
        Ok(slots)
    }

    /// Until when no code from there is judged; `None`: it may be now.
    pub(in crate::ledger) fn waits_until(
        &self,
        tables: &impl Read,
        limits: &Limits,
        now: Timestamp,
    ) -> Result<Option<Timestamp>, StoreError> {
        let codes = self.load(tables)?.unwrap_or_default();
        let end = if self.is_elsewhere() {
            codes.wait_until
        } else if codes.failures >= limits.known_failures {
            codes.reset_at
        } else {
            return Ok(None);
        };
        let end = Timestamp::from_millis(end);
        Ok(Some(end).filter(|&end| now < end))
    }

    /// One more wrong code.
    pub(in crate::ledger) fn fail<R: Read>(
        &self,
        draft: &mut Draft<'_, R>,
        limits: &Limits,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let before = self.load(draft)?.unwrap_or_default();
        let after = if self.is_elsewhere() {
            failed_elsewhere(&before, limits, now)
        } else {
            failed_at_known(&before, limits, now)
        };
        draft.put(Table::Codes, &self.key(), encoded(&after));
        Ok(())
    }

    /// Let in from there: its budget, and no other, starts anew, and the place is known.
    pub(in crate::ledger) fn accept<R: Read>(
        &self,
        draft: &mut Draft<'_, R>,
        place: PlaceId,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.clear(draft)?;
        for forgotten in places::learn(draft, self.user, place, now)? {
            let user = self.user;
            let place = PlaceId::try_from(&*forgotten.place)
                .map_err(|_| StoreError::Contradiction(Table::Places, "place of a wrong length"))?;
            Self { user, place }.clear(draft)?;
        }
        Ok(())
    }

    pub(super) fn clear<R: Read>(&self, draft: &mut Draft<'_, R>) -> Result<(), StoreError> {
        if self.load(draft)?.is_some() {
            draft.delete(Table::Codes, &self.key());
        }
        Ok(())
    }

    fn is_elsewhere(&self) -> bool {
        self.place == PlaceId::ELSEWHERE
    }

    fn load(&self, tables: &impl Read) -> Result<Option<Codes>, StoreError> {
        record(tables, Table::Codes, &self.key())
    }

    fn key(&self) -> [u8; 24] {
        let mut octets = [0; 24];
        let parts = self.user.0.to_be_bytes().into_iter().chain(self.place.0);
        for (to, from) in octets.iter_mut().zip(parts) {
            *to = from;
        }
        octets
    }
}

/// Counts within a window that the first failure opens.
fn failed_at_known(before: &Codes, limits: &Limits, now: Timestamp) -> Codes {
    if before.failures > 0 && now < Timestamp::from_millis(before.reset_at) {
        return Codes {
            failures: before.failures.saturating_add(1),
            ..*before
        };
    }
    Codes {
        failures: 1,
        reset_at: now.plus(limits.known_window).as_millis(),
        ..Codes::default()
    }
}

/// Once the budget is used up, each failure doubles the wait. Time alone clears nothing.
fn failed_elsewhere(before: &Codes, limits: &Limits, now: Timestamp) -> Codes {
    let failures = before.failures.saturating_add(1);
    if failures < limits.elsewhere_failures {
        return Codes {
            failures,
            ..*before
        };
    }
    let doubled = 2_u32.saturating_pow(before.waits);
    let wait = WAIT_FIRST.saturating_mul(doubled).min(WAIT_MAX);
    Codes {
        failures,
        wait_until: now.plus(wait).as_millis(),
        waits: before.waits.saturating_add(1),
        ..*before
    }
}
