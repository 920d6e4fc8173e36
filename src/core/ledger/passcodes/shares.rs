//! A user's passcodes: one that was asked for at a place where the user was let in lately, and
//! one that was asked for anywhere else.
//!
//! Nothing is proven before a passcode is asked for, so whoever knows a name may ask. Had a
//! user but one, an attacker could use up all that may be sent, replace the one that the user
//! waits for, and spoil it by wrong codes (DESIGN §1, L4). So known places are apart, as they
//! are with wrong codes: from elsewhere nobody comes at theirs, nor they at that of elsewhere.
//!
//! The number of a passcode tells its share, so that a place which becomes known meanwhile
//! changes nothing for a login that has begun.

use std::time::Duration;

use super::Passcode;
use crate::base::limits::{
    PASSCODES_DAILY_MAX, PASSCODES_ELSEWHERE_DAILY_MAX, PASSCODES_ELSEWHERE_MAX, PASSCODES_MAX,
};
use crate::base::{AttemptKey, PasscodeId, PlaceId, Timestamp, UserId};
use crate::ledger::budgets::Budgets;
use crate::ledger::table::{Draft, Read, StoreError, Table};

/// The places that have one passcode together.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::ledger) enum Share {
    /// All where the user was not let in lately.
    Elsewhere,
    /// Those where the user was.
    Known,
}

/// Both passcodes of a user.
#[derive(Debug)]
pub(in crate::ledger) struct Passcodes {
    elsewhere: Passcode,
    known: Passcode,
}

impl Share {
    /// That of a place.
    pub(in crate::ledger) fn of(budgets: &Budgets, place: PlaceId, now: Timestamp) -> Self {
        if budgets.places.knows(place, now) {
            Self::Known
        } else {
            Self::Elsewhere
        }
    }

    /// That of a passcode: odd numbers are of elsewhere.
    pub(super) const fn of_number(number: u64) -> Self {
        if number.is_multiple_of(2) {
            Self::Known
        } else {
            Self::Elsewhere
        }
    }

    /// The number of the next passcode after the one of this number; 0: after none.
    pub(super) fn next(self, last: u64) -> u64 {
        let next = last.saturating_add(1);
        if Self::of_number(next) == self {
            next
        } else {
            next.saturating_add(1)
        }
    }

    pub(super) fn key(self, user: UserId) -> Vec<u8> {
        let mut key = user.0.to_be_bytes().to_vec();
        match self {
            Self::Elsewhere => {}
            Self::Known => key.push(1),
        }
        key
    }

    /// How many may be sent within [`PASSCODES_SPAN`](crate::base::limits::PASSCODES_SPAN),
    /// and within a day.
    pub(super) const fn most(self) -> (usize, usize) {
        match self {
            Self::Elsewhere => (PASSCODES_ELSEWHERE_MAX, PASSCODES_ELSEWHERE_DAILY_MAX),
            Self::Known => (PASSCODES_MAX, PASSCODES_DAILY_MAX),
        }
    }

    /// How much of what the whole cluster sends in a minute may be under way for another to
    /// be sent. Who asks from elsewhere in many names leaves half to those who are at home.
    pub(super) const fn of_rate(self) -> Duration {
        match self {
            Self::Elsewhere => Duration::from_secs(30),
            Self::Known => Duration::from_secs(60),
        }
    }
}

impl Passcodes {
    /// The records as they stand at `now`.
    pub(in crate::ledger) fn load(
        tables: &impl Read,
        user: UserId,
        now: Timestamp,
    ) -> Result<Self, StoreError> {
        Ok(Self {
            elsewhere: Passcode::load(tables, (user, Share::Elsewhere), now)?,
            known: Passcode::load(tables, (user, Share::Known), now)?,
        })
    }

    /// Writes the records that were changed.
    pub(in crate::ledger) fn save<R: Read>(&self, draft: &mut Draft<'_, R>) {
        self.elsewhere.save(draft);
        self.known.save(draft);
    }

    /// The number of the passcode that was typed at a place of this share, spent or not; 0: it
    /// was none of the share's, or one that is over. `typed` are its hashes under the keys
    /// that it may have been made with.
    pub(in crate::ledger) fn named_by(&self, share: Share, typed: &[PasscodeId]) -> u64 {
        let own = self.of(share).named_by(typed);
        if own != 0 {
            return own;
        }
        // What has let in once is a replay everywhere: its place may be known by it now.
        let other = match share {
            Share::Elsewhere => &self.known,
            Share::Known => &self.elsewhere,
        };
        let replayed = Some(other.named_by(typed)).filter(|number| other.is_spent(*number, None));
        replayed.unwrap_or_default()
    }

    /// Whether this is still the one of its share: those before it let nobody in any more.
    pub(in crate::ledger) const fn is_current(&self, number: u64) -> bool {
        self.of(Share::of_number(number)).is_current(number)
    }

    /// Whether it may not be used any more. `own` is the key which may use what it has
    /// burned itself.
    pub(in crate::ledger) fn is_spent(&self, number: u64, own: Option<&AttemptKey>) -> bool {
        self.of(Share::of_number(number)).is_spent(number, own)
    }

    /// Something else was typed at a place of this share: a try less.
    pub(in crate::ledger) fn miss(&mut self, share: Share) {
        self.of_mut(share).miss();
    }

    /// Spends it for good, or for all but `burned_by`. One that was replaced meanwhile is
    /// gone already.
    pub(in crate::ledger) fn spend(&mut self, number: u64, burned_by: Option<&AttemptKey>) {
        self.of_mut(Share::of_number(number))
            .spend(number, burned_by);
    }

    /// The one that this very answer asked for.
    pub(super) fn asked_by(&self, key: &AttemptKey) -> Option<&Passcode> {
        let mut both = [&self.elsewhere, &self.known].into_iter();
        both.find(|one| one.is_asked_by(key))
    }

    pub(super) const fn of(&self, share: Share) -> &Passcode {
        match share {
            Share::Elsewhere => &self.elsewhere,
            Share::Known => &self.known,
        }
    }

    pub(super) const fn of_mut(&mut self, share: Share) -> &mut Passcode {
        match share {
            Share::Elsewhere => &mut self.elsewhere,
            Share::Known => &mut self.known,
        }
    }
}

/// Forgets the passcodes of a user who is removed.
pub(in crate::ledger) fn forget<R: Read>(draft: &mut Draft<'_, R>, user: UserId) {
    for share in [Share::Elsewhere, Share::Known] {
        draft.delete(Table::Passcodes, &share.key(user));
    }
}
