//! The one passcode that counts, of a user and a share of places.

use super::Share;
use crate::base::limits::{PASSCODE_LIFE, PASSCODE_TRIES, PASSCODES_DAY, PASSCODES_SPAN};
use crate::base::{AttemptKey, Owner, PasscodeId, Timestamp, UserId};
use crate::ledger::query::{encoded, record};
use crate::ledger::storage;
use crate::ledger::table::{Draft, Read, StoreError, Table};

/// The last passcode that was sent to a user, of one share; none, where none ever was.
#[derive(Debug)]
pub(super) struct Passcode {
    whose: (UserId, Share),
    now: Timestamp,
    stored: storage::Passcode,
    is_changed: bool,
}

impl Passcode {
    /// The record as it stands at `now`.
    pub(super) fn load(
        tables: &impl Read,
        whose: (UserId, Share),
        now: Timestamp,
    ) -> Result<Self, StoreError> {
        let (user, share) = whose;
        let stored = record(tables, Table::Passcodes, &share.key(user))?;
        Ok(Self {
            whose,
            now,
            stored: stored.unwrap_or_default(),
            is_changed: false,
        })
    }

    /// Writes the record where it was changed.
    pub(super) fn save<R: Read>(&self, draft: &mut Draft<'_, R>) {
        if self.is_changed {
            let (user, share) = self.whose;
            let key = share.key(user);
            draft.put(Table::Passcodes, &key, encoded(&self.stored));
        }
    }

    /// The number of the passcode that was typed, spent or not; 0: it was none, or one that
    /// is over. `typed` are its hashes under the keys that it may have been made with.
    pub(super) fn named_by(&self, typed: &[PasscodeId]) -> u64 {
        let is_it = typed.iter().any(|hash| self.stored.hash == hash.0);
        if is_it && self.is_usable() {
            self.stored.number
        } else {
            0
        }
    }

    /// Whether this is still the one: those before it let nobody in any more.
    pub(super) const fn is_current(&self, number: u64) -> bool {
        self.stored.number == number
    }

    /// Whether it may not be used any more. `own` is the key which may use what it has
    /// burned itself.
    pub(super) fn is_spent(&self, number: u64, own: Option<&AttemptKey>) -> bool {
        let burned_by_own = own.is_some_and(|key| self.stored.burned_by == key.0);
        self.is_current(number) && self.stored.spent && !burned_by_own
    }

    /// Something else was typed: a try less.
    pub(super) fn miss(&mut self) {
        if self.is_usable() && !self.stored.spent {
            self.stored.tries = self.stored.tries.saturating_sub(1);
            self.is_changed = true;
        }
    }

    /// Spends it for good, or for all but `burned_by`. One that was replaced meanwhile is
    /// gone already.
    pub(super) fn spend(&mut self, number: u64, burned_by: Option<&AttemptKey>) {
        if number != 0 && self.is_current(number) {
            self.stored.spent = true;
            self.stored.burned_by = burned_by.map(|key| key.0.to_vec()).unwrap_or_default();
            self.is_changed = true;
        }
    }

    /// Whether this very answer asked for it.
    pub(super) fn is_asked_by(&self, key: &AttemptKey) -> bool {
        self.stored.asked_by == key.0
    }

    /// Whether this owner is to send it.
    pub(super) fn is_of(&self, owner: Owner) -> bool {
        self.stored.owner == Some(owner.into())
    }

    /// Whether another may be sent.
    pub(super) fn has_room(&self) -> bool {
        let since = |span| {
            let after = self.now.minus(span).as_millis();
            let sent = self.stored.sent.iter();
            sent.filter(|at| **at > after).count()
        };
        let (most, most_daily) = self.whose.1.most();
        since(PASSCODES_SPAN) < most && since(PASSCODES_DAY) < most_daily
    }

    /// Another one takes its place.
    pub(super) fn replace(&mut self, hash: PasscodeId, key: &AttemptKey, owner: Owner) {
        let after = self.now.minus(PASSCODES_DAY).as_millis();
        // LIMIT: as many as may be sent in a day.
        let mut sent: Vec<u64> = std::mem::take(&mut self.stored.sent);
        sent.retain(|at| *at > after);
        sent.push(self.now.as_millis());
        self.stored = storage::Passcode {
            number: self.whose.1.next(self.stored.number),
            hash: hash.0.to_vec(),
            until: self.now.plus(PASSCODE_LIFE).as_millis(),
            tries: PASSCODE_TRIES,
            spent: false,
            burned_by: Vec::new(),
            asked_by: key.0.to_vec(),
            owner: Some(owner.into()),
            sent,
        };
        self.is_changed = true;
    }

    /// One that is numbered as another share's could not be spent: it was made before there
    /// were shares.
    fn is_usable(&self) -> bool {
        self.stored.tries > 0
            && self.now.as_millis() < self.stored.until
            && Share::of_number(self.stored.number) == self.whose.1
    }
}
