//! The one record of a user's budgets.

use super::Limits;
use super::places::Places;
use super::strict::Strict;
use super::without_token::WithoutToken;
use crate::base::{Timestamp, UserId};
use crate::ledger::query::{encoded, record};
use crate::ledger::storage;
use crate::ledger::table::{Draft, Read, StoreError, Table};

/// The budgets of one user, as they are now.
#[derive(Debug)]
pub(in crate::ledger) struct Budgets {
    /// Wrong passwords, and what is in flight.
    pub(in crate::ledger) strict: Strict,
    /// Wrong codes, and where the user was let in.
    pub(in crate::ledger) places: Places,
    /// What the user was let in by without a token.
    pub(in crate::ledger) without_token: WithoutToken,
    user: UserId,
    stored: storage::Budgets,
}

impl Budgets {
    /// The record, with what has become due by `now`.
    pub(in crate::ledger) fn load(
        tables: &impl Read,
        user: UserId,
        limits: &Limits,
        now: Timestamp,
    ) -> Result<Self, StoreError> {
        let key = user.0.to_be_bytes();
        let stored = record(tables, Table::Budgets, &key)?.unwrap_or_default();
        let mut budgets = Self::parse(user, stored)
            .map_err(|what| StoreError::Contradiction(Table::Budgets, what))?;
        budgets.strict.let_pass(limits, now);
        Ok(budgets)
    }

    /// Writes the record where it differs from the one stored.
    pub(in crate::ledger) fn save<R: Read>(&self, draft: &mut Draft<'_, R>) {
        let key = self.user.0.to_be_bytes();
        let now = self.message();
        if now == self.stored {
            return;
        }
        if now == storage::Budgets::default() {
            draft.delete(Table::Budgets, &key);
        } else {
            draft.put(Table::Budgets, &key, encoded(&now));
        }
    }

    fn parse(user: UserId, stored: storage::Budgets) -> Result<Self, &'static str> {
        let parts = stored.clone();
        Ok(Self {
            strict: parts.strict.unwrap_or_default().try_into()?,
            places: Places::parse(parts.elsewhere, parts.places)?,
            without_token: WithoutToken {
                initial_logins: parts.initial_logins,
                forwarded: parts.forwarded,
            },
            user,
            stored,
        })
    }

    fn message(&self) -> storage::Budgets {
        let is_used = self.strict != Strict::default();
        storage::Budgets {
            strict: is_used.then(|| (&self.strict).into()),
            elsewhere: self.places.elsewhere_message(),
            places: self.places.known_messages(),
            initial_logins: self.without_token.initial_logins,
            forwarded: self.without_token.forwarded.clone(),
        }
    }
}
