//! What a user was let in by while without a token. It is the user's and not a rule's, so that
//! other rules grant nothing anew.
//!
//! Must not know which rules let in without a token.

use crate::base::Timestamp;
use crate::base::limits::FORWARD_NOTE_STEP;
use crate::ledger::storage::LastForward;

/// What a user was let in by while without a token.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct WithoutToken {
    /// Logins by the password alone that count.
    pub initial_logins: u32,
    /// The last one that an old server let in.
    pub forwarded: Option<LastForward>,
}

impl WithoutToken {
    /// Whether there is none left of so many; 0: it does not matter.
    pub(in crate::ledger) const fn is_over(&self, allowed: u32) -> bool {
        allowed > 0 && self.initial_logins >= allowed
    }

    /// Takes one of so many; 0: it does not matter. False: there is none left.
    pub(in crate::ledger) const fn take(&mut self, allowed: u32) -> bool {
        if self.is_over(allowed) {
            return false;
        }
        if allowed > 0 {
            self.initial_logins = self.initial_logins.saturating_add(1);
        }
        true
    }

    /// An old server has let the user in. To the day is enough: it is read to find out who
    /// still goes there.
    pub(in crate::ledger) fn note_forward(&mut self, server: &str, now: Timestamp) {
        let is_noted = |last: &LastForward| {
            let at = Timestamp::from_millis(last.at);
            last.server == server && at <= now && now < at.plus(FORWARD_NOTE_STEP)
        };
        if !self.forwarded.as_ref().is_some_and(is_noted) {
            self.forwarded = Some(LastForward {
                server: server.to_owned(),
                at: now.as_millis(),
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_are_taken_than_are_allowed() {
        let mut used = WithoutToken::default();
        assert!(used.take(2) && used.take(2) && !used.take(2));
        assert_eq!(used.initial_logins, 2);
        assert!(used.is_over(1) && used.is_over(2) && !used.is_over(3));
        assert!(used.take(0) && !used.is_over(0), "another rule");
        assert_eq!(used.initial_logins, 2);
    }

    #[test]
    fn a_forward_is_noted_once_a_day_and_for_each_server() {
        let mut used = WithoutToken::default();
        let at = Timestamp::from_millis;
        let mut note = |server: &str, now| {
            used.note_forward(server, at(now));
            let last = used.forwarded.clone().unwrap();
            (last.server, last.at)
        };
        let day = 24 * 3600 * 1000;
        assert_eq!(note("old", 5), ("old".to_owned(), 5));
        assert_eq!(note("old", 4 + day), ("old".to_owned(), 5));
        assert_eq!(note("old", 5 + day), ("old".to_owned(), 5 + day));
        assert_eq!(note("older", 6 + day), ("older".to_owned(), 6 + day));
    }
}
