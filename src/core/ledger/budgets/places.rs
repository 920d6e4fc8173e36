//! Wrong codes, and where a user was let in lately. They never lock a user hard: a known
//! place has a budget of its own, which an attacker elsewhere cannot use up, so the user
//! still gets in from it (DESIGN §1, L4). All other places share one that slows down.

use super::{Limits, codes};
use crate::base::limits::{PLACE_MEMORY, PLACE_NOTE_STEP, PLACES_MAX};
use crate::base::{PlaceId, Timestamp};
use crate::ledger::storage;
use crate::ledger::storage::Codes;

/// One user's places.
#[derive(Debug)]
pub(in crate::ledger) struct Places {
    /// In the order in which they were last noted; some may be too long ago.
    known: Vec<Known>,
    elsewhere: Codes,
}

/// A place where the user was let in.
#[derive(Debug)]
struct Known {
    place: PlaceId,
    seen: Timestamp,
    codes: Codes,
}

impl Known {
    fn is_remembered(&self, now: Timestamp) -> bool {
        now.since(self.seen) <= PLACE_MEMORY
    }

    /// Whether to let the user in from there once more would tell next to nothing new. Of
    /// 90 days an hour is nothing, and most logins are spared a write.
    fn is_as_new(&self, now: Timestamp) -> bool {
        self.codes == Codes::default() && now.since(self.seen) < PLACE_NOTE_STEP
    }
}

impl Places {
    /// Whether the user was let in from there lately.
    pub(in crate::ledger) fn knows(&self, place: PlaceId, now: Timestamp) -> bool {
        self.find(place, now).is_some()
    }

    /// Until when no code from there is judged; `None`: it may be now.
    pub(in crate::ledger) fn waits_until(
        &self,
        place: PlaceId,
        limits: &Limits,
        now: Timestamp,
    ) -> Option<Timestamp> {
        let end = match self.find(place, now) {
            Some(known) if known.codes.failures < limits.known_failures => return None,
            Some(known) => known.codes.reset_at,
            None => self.elsewhere.wait_until,
        };
        let end = Timestamp::from_millis(end);
        (now < end).then_some(end)
    }

    /// One more wrong code.
    pub(in crate::ledger) fn fail(&mut self, place: PlaceId, limits: &Limits, now: Timestamp) {
        match self.find_mut(place, now) {
            Some(known) => known.codes = codes::failed_at_known(&known.codes, limits, now),
            None => self.elsewhere = codes::failed_elsewhere(&self.elsewhere, limits, now),
        }
    }

    /// Let in from there: its budget, and no other, starts anew, and the place is known.
    /// Forgotten over it are those too long ago, and the one not seen for longest where
    /// there are too many.
    pub(in crate::ledger) fn accept(&mut self, place: PlaceId, now: Timestamp) {
        match self.find(place, now) {
            Some(known) if known.is_as_new(now) => return,
            Some(_) => {}
            None => self.elsewhere = Codes::default(),
        }
        if place == PlaceId::ELSEWHERE {
            return;
        }
        self.known
            .retain(|known| known.place != place && known.is_remembered(now));
        self.known.push(Known {
            place,
            seen: now,
            codes: Codes::default(),
        });
        let surplus = self.known.len().saturating_sub(PLACES_MAX);
        self.known.drain(..surplus);
    }

    /// Forgets the wrong codes from everywhere; the places stay known.
    pub(super) fn forgive(&mut self) {
        self.elsewhere = Codes::default();
        for known in &mut self.known {
            known.codes = Codes::default();
        }
    }

    fn find(&self, place: PlaceId, now: Timestamp) -> Option<&Known> {
        let mut known = self.known.iter();
        known.find(|known| known.place == place && known.is_remembered(now))
    }

    fn find_mut(&mut self, place: PlaceId, now: Timestamp) -> Option<&mut Known> {
        let mut known = self.known.iter_mut();
        known.find(|known| known.place == place && known.is_remembered(now))
    }

    pub(super) fn parse(
        elsewhere: Option<Codes>,
        known: Vec<storage::Place>,
    ) -> Result<Self, &'static str> {
        let known = known.into_iter().map(Known::try_from);
        Ok(Self {
            known: known.collect::<Result<_, _>>()?,
            elsewhere: elsewhere.unwrap_or_default(),
        })
    }

    pub(super) fn known_messages(&self) -> Vec<storage::Place> {
        self.known.iter().map(storage::Place::from).collect()
    }

    pub(super) fn elsewhere_message(&self) -> Option<Codes> {
        codes::message(self.elsewhere)
    }
}

impl TryFrom<storage::Place> for Known {
    type Error = &'static str;

    fn try_from(stored: storage::Place) -> Result<Self, &'static str> {
        let place = PlaceId::try_from(&*stored.place);
        Ok(Self {
            place: place.map_err(|_| "place of a wrong length")?,
            seen: Timestamp::from_millis(stored.seen),
            codes: stored.codes.unwrap_or_default(),
        })
    }
}

impl From<&Known> for storage::Place {
    fn from(known: &Known) -> Self {
        Self {
            place: known.place.0.to_vec(),
            seen: known.seen.as_millis(),
            codes: codes::message(known.codes),
        }
    }
}
