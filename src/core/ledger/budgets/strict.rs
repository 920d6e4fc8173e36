//! The strict budget: the different passwords that a user may have asked at the source.
//!
//! It counts keys, not questions: a key is one password, so a retry costs nothing. Keys in
//! flight count too, so that parallel guesses on several nodes cannot exceed it; and they
//! are how the claims of a user's attempts are found.

use crate::base::{AttemptKey, Timestamp};
use crate::ledger::budgets::Limits;
use crate::ledger::storage;
use crate::ledger::storage::strict::Key as StoredKey;

/// One user's strict budget.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(in crate::ledger) struct Strict {
    keys: Vec<(AttemptKey, Kind)>,
    locked: bool,
    /// When what is wrong or unsure is forgotten; `None` while nothing is.
    reset_at: Option<Timestamp>,
}

/// What is known of a key.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Kind {
    /// The source said that the password is wrong, or the code alone was.
    Wrong,
    /// The source may have been asked; nobody knows what it said.
    Unsure,
    /// It may be asked until then.
    InFlight {
        until: Timestamp,
        unsure_before: bool,
    },
}

impl Kind {
    /// Whether it would still count if nothing came of what is in flight.
    const fn counts_alone(self) -> bool {
        match self {
            Self::Wrong | Self::Unsure => true,
            Self::InFlight { unsure_before, .. } => unsure_before,
        }
    }
}

impl Strict {
    /// What is due happens in order of time; of two at the same time the reset is first,
    /// so that a lease that ends just then counts into the next window.
    pub(super) fn let_pass(&mut self, limits: &Limits, now: Timestamp) {
        loop {
            let reset = self.reset_at.filter(|&at| at <= now);
            let lapse = self.first_lapse().filter(|&(until, _)| until <= now);
            match (reset, lapse) {
                (Some(reset), Some((until, key))) if until < reset => {
                    self.mark_unsure(&key, limits, until);
                }
                (Some(_), _) => self.forget(),
                (None, Some((until, key))) => self.mark_unsure(&key, limits, until),
                (None, None) => return,
            }
        }
    }

    fn first_lapse(&self) -> Option<(Timestamp, AttemptKey)> {
        let in_flight = self.keys.iter().filter_map(|(key, kind)| match kind {
            Kind::InFlight { until, .. } => Some((*until, *key)),
            Kind::Wrong | Kind::Unsure => None,
        });
        in_flight.min_by_key(|&(until, _)| until)
    }

    /// Whether the user has to wait, whatever the password.
    pub(in crate::ledger) const fn is_locked(&self) -> bool {
        self.locked
    }

    /// Whether this very password is known to be wrong.
    pub(in crate::ledger) fn is_wrong(&self, key: &AttemptKey) -> bool {
        self.keys.contains(&(*key, Kind::Wrong))
    }

    /// How many keys are used, this one left out.
    pub(in crate::ledger) fn used_beside(&self, key: &AttemptKey) -> usize {
        self.beside(key).count()
    }

    /// How many of them are wrong or unsure.
    pub(in crate::ledger) fn counted_beside(&self, key: &AttemptKey) -> usize {
        self.beside(key).filter(|kind| kind.counts_alone()).count()
    }

    fn beside(&self, key: &AttemptKey) -> impl Iterator<Item = Kind> {
        let others = self.keys.iter().filter(move |(other, _)| other != key);
        others.map(|&(_, kind)| kind)
    }

    /// The user's other keys in flight, and until when.
    pub(in crate::ledger) fn in_flight_beside(
        &self,
        key: &AttemptKey,
    ) -> impl Iterator<Item = (&AttemptKey, Timestamp)> {
        self.keys
            .iter()
            .filter_map(move |(other, kind)| match kind {
                Kind::InFlight { until, .. } if other != key => Some((other, *until)),
                Kind::InFlight { .. } | Kind::Wrong | Kind::Unsure => None,
            })
    }

    /// The source may be asked about this key until then.
    pub(in crate::ledger) fn mark_in_flight(&mut self, key: &AttemptKey, until: Timestamp) {
        let unsure_before = self.kind(key).is_some_and(Kind::counts_alone);
        self.set(
            key,
            Kind::InFlight {
                until,
                unsure_before,
            },
        );
    }

    /// The source may have been asked about this key, without an answer.
    pub(in crate::ledger) fn mark_unsure(
        &mut self,
        key: &AttemptKey,
        limits: &Limits,
        at: Timestamp,
    ) {
        self.set(key, Kind::Unsure);
        self.open_window(limits, at);
    }

    /// The key is known to be wrong; too many of them lock.
    pub(in crate::ledger) fn mark_wrong(
        &mut self,
        key: &AttemptKey,
        limits: &Limits,
        at: Timestamp,
    ) {
        self.set(key, Kind::Wrong);
        self.open_window(limits, at);
        let kinds = self.keys.iter().map(|&(_, kind)| kind);
        let wrong = kinds.filter(|&kind| kind == Kind::Wrong).count();
        if wrong >= limits.strict_failures() {
            self.locked = true;
            self.reset_at = Some(at.plus(limits.strict_lock));
        }
    }

    /// The key is no longer in flight, and this flight told nothing. What an earlier one
    /// left unsure stays so.
    pub(in crate::ledger) fn release(&mut self, key: &AttemptKey) {
        if self.kind(key).is_some_and(Kind::counts_alone) {
            self.set(key, Kind::Unsure);
        } else {
            self.keys.retain(|(other, _)| other != key);
        }
    }

    /// Let in without a password: the key is done with, and says nothing of the others.
    pub(in crate::ledger) fn accept(&mut self, key: &AttemptKey) {
        self.keys.retain(|(other, _)| other != key);
        let counted = self.keys.iter().any(|(_, kind)| kind.counts_alone());
        if !self.locked && !counted {
            // The next failure is a first one, and starts a window of its own.
            self.reset_at = None;
        }
    }

    /// An accepted password: the key is done with, all others start anew.
    pub(in crate::ledger) fn clear(&mut self, key: &AttemptKey) {
        self.accept(key);
        self.forget();
    }

    /// Forgets what is wrong or unsure, and unlocks. Keys in flight stay: they are claims.
    pub(super) fn forget(&mut self) {
        self.keys
            .retain(|(_, kind)| matches!(kind, Kind::InFlight { .. }));
        for (_, kind) in &mut self.keys {
            if let Kind::InFlight { unsure_before, .. } = kind {
                *unsure_before = false;
            }
        }
        self.locked = false;
        self.reset_at = None;
    }

    /// The first failure opens the window; later ones do not stretch it.
    fn open_window(&mut self, limits: &Limits, at: Timestamp) {
        let end = at.plus(limits.strict_window);
        self.reset_at = Some(self.reset_at.unwrap_or(end));
    }

    fn kind(&self, key: &AttemptKey) -> Option<Kind> {
        let own = self.keys.iter().find(|(other, _)| other == key);
        own.map(|&(_, kind)| kind)
    }

    fn set(&mut self, key: &AttemptKey, kind: Kind) {
        match self.keys.iter_mut().find(|(other, _)| other == key) {
            Some((_, own)) => *own = kind,
            None => self.keys.push((*key, kind)),
        }
    }
}

impl From<&Strict> for storage::Strict {
    fn from(strict: &Strict) -> Self {
        let keys = strict.keys.iter().map(|(key, kind)| {
            let (kind, until) = match kind {
                Kind::Wrong => (WRONG, Timestamp::default()),
                Kind::Unsure => (UNSURE, Timestamp::default()),
                Kind::InFlight {
                    until,
                    unsure_before,
                } => (IN_FLIGHT + u32::from(*unsure_before), *until),
            };
            StoredKey {
                key: key.0.to_vec(),
                kind,
                until: until.as_millis(),
            }
        });
        Self {
            keys: keys.collect(),
            locked: strict.locked,
            reset_at: strict.reset_at.unwrap_or_default().as_millis(),
        }
    }
}

impl TryFrom<storage::Strict> for Strict {
    type Error = &'static str;

    fn try_from(stored: storage::Strict) -> Result<Self, &'static str> {
        let keys = stored.keys.into_iter().map(|stored| {
            let until = Timestamp::from_millis(stored.until);
            let kind = match stored.kind {
                WRONG => Kind::Wrong,
                UNSURE => Kind::Unsure,
                IN_FLIGHT | IN_FLIGHT_UNSURE_BEFORE => Kind::InFlight {
                    until,
                    unsure_before: stored.kind == IN_FLIGHT_UNSURE_BEFORE,
                },
                _ => return Err("key of no known kind"),
            };
            let key = AttemptKey::try_from(&*stored.key).map_err(|_| "key of a wrong length")?;
            Ok((key, kind))
        });
        Ok(Self {
            keys: keys.collect::<Result<_, _>>()?,
            locked: stored.locked,
            reset_at: Some(stored.reset_at)
                .filter(|&millis| millis != 0)
                .map(Timestamp::from_millis),
        })
    }
}

const WRONG: u32 = 1;
const UNSURE: u32 = 2;
const IN_FLIGHT: u32 = 3;
const IN_FLIGHT_UNSURE_BEFORE: u32 = 4;
