//! The model's passcodes: one of known places and one of all others, each with its bounds.

use super::{DAY, LIFE, Model, Record};
use crate::base::{AttemptKey, Owner, PasscodeId, PlaceId, UserId};
use crate::ledger::{Begin, RefusedBy, SendPasscode, SendResult};

/// Whether it is of known places, and which in turn.
pub(in crate::ledger::tests) type Id = (bool, u64);

#[derive(Clone, Debug)]
pub(in crate::ledger::tests) struct Passcode {
    turn: u64,
    hash: PasscodeId,
    until: u64,
    pub(in crate::ledger::tests) tries: u32,
    pub(in crate::ledger::tests) spent: bool,
    burned_by: Option<AttemptKey>,
    asked_by: AttemptKey,
    owner: Owner,
}

impl Model {
    pub(in crate::ledger::tests) fn send(&mut self, send: &SendPasscode) -> SendResult {
        use SendResult::{Already, Refused, Sent, Stale, TooLate};
        let (user, now) = (send.user, self.now);
        self.due(user);
        if now > send.issued.as_millis() + LIFE {
            return TooLate;
        }
        if send.revisions.client != self.clients.get(&send.client).unwrap().revision {
            return Stale;
        }
        if !self.is_good(user, &[]) {
            return Refused(RefusedBy::Revoked);
        }
        for known in [true, false] {
            let asked = self.passcodes.get(&(user, known));
            if let Some(asked) = asked.filter(|it| it.asked_by == send.key) {
                return if asked.owner == send.owner {
                    Sent
                } else {
                    Already
                };
            }
        }
        if self.budget(user).locked {
            return Refused(RefusedBy::Locked);
        }
        if self.waits(user, send.place) {
            return Refused(RefusedBy::Waiting);
        }
        let known = self.knows(user, send.place);
        let (most, most_daily, of_rate) = if known {
            (3, 10, 60_000)
        } else {
            (2, 5, 30_000)
        };
        let sent = self.sent.entry((user, known)).or_default();
        let within = |span| sent.iter().filter(|&&at| at + span > now).count();
        if within(600_000) >= most || within(DAY) >= most_daily {
            return Refused(RefusedBy::Limit);
        }
        let busy_until = self.busy_until.max(now) + RATE;
        if busy_until > now + of_rate {
            return Refused(RefusedBy::Overload);
        }
        self.busy_until = busy_until;
        sent.push(now);
        let passcode = Passcode {
            turn: sent.len() as u64,
            hash: send.hash,
            until: now + 300_000,
            tries: 3,
            spent: false,
            burned_by: None,
            asked_by: send.key,
            owner: send.owner,
        };
        self.passcodes.insert((user, known), passcode);
        Sent
    }

    /// The passcode that was typed.
    pub(super) fn typed(&self, begin: &Begin) -> Option<Id> {
        if !begin.matches.is_empty() {
            return None;
        }
        let here = self.knows(begin.user, begin.place);
        let is_it = |known| {
            let passcode = self.passcodes.get(&(begin.user, known))?;
            let is_it = begin.passcodes.contains(&passcode.hash) && self.is_usable(passcode);
            is_it.then_some((passcode.spent, (known, passcode.turn)))
        };
        let other = || is_it(!here).filter(|(spent, _)| *spent);
        is_it(here).or_else(other).map(|(_, id)| id)
    }

    /// Whether passcodes are still allowed, where the record claims one.
    pub(super) fn allows(begin: &Begin, record: &Record) -> bool {
        record.passcode.is_none() || !begin.passcodes.is_empty()
    }

    pub(super) fn is_current(&self, user: UserId, (known, turn): Id) -> bool {
        let current = self.passcodes.get(&(user, known));
        current.is_some_and(|it| it.turn == turn)
    }

    pub(super) fn is_passcode_spent(
        &self,
        user: UserId,
        id: Option<Id>,
        own: Option<AttemptKey>,
    ) -> bool {
        let Some(id) = id.filter(|id| self.is_current(user, *id)) else {
            return false;
        };
        let passcode = self.passcodes.get(&(user, id.0)).unwrap();
        let own = own.is_some_and(|key| passcode.burned_by == Some(key));
        passcode.spent && !own
    }

    /// A wrong code that may be one.
    pub(super) fn miss(&mut self, begin: &Begin) {
        let whose = (begin.user, self.knows(begin.user, begin.place));
        let Some(passcode) = self.passcodes.get(&whose) else {
            return;
        };
        if !begin.passcodes.is_empty() && self.is_usable(passcode) && !passcode.spent {
            self.passcodes.get_mut(&whose).unwrap().tries -= 1;
        }
    }

    pub(super) fn spend_passcode(
        &mut self,
        user: UserId,
        id: Option<Id>,
        burner: Option<AttemptKey>,
    ) {
        let Some(id) = id.filter(|id| self.is_current(user, *id)) else {
            return;
        };
        let passcode = self.passcodes.get_mut(&(user, id.0)).unwrap();
        passcode.spent = true;
        passcode.burned_by = burner;
    }

    const fn is_usable(&self, passcode: &Passcode) -> bool {
        passcode.tries > 0 && self.now < passcode.until
    }

    fn knows(&self, user: UserId, place: PlaceId) -> bool {
        self.slot(user, place) != PlaceId::ELSEWHERE
    }
}

/// What one takes of a minute: `passcodes_per_minute` of the script.
const RATE: u64 = 20_000;
