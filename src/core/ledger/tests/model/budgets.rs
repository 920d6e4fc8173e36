//! The model's budgets: wrong passwords and codes, and places.

use std::collections::BTreeMap;

use super::{Budget, DAY, LIMIT, Model, Stage, WINDOW};
use crate::base::{AttemptKey, PlaceId, UserId};

impl Model {
    /// What is due for the user happens in order of time; ties: reset first.
    pub(in crate::ledger::tests) fn due(&mut self, user: UserId) {
        loop {
            let reset = self.budget(user).reset_at.filter(|&at| at <= self.now);
            let lapse = self
                .in_flight(user)
                .into_iter()
                .map(|(key, at)| (at, key))
                .min();
            let lapse = lapse.filter(|&(at, _)| at <= self.now);
            match (reset, lapse) {
                (Some(reset), None) => self.reset(user, reset),
                (Some(reset), Some((at, _))) if reset <= at => self.reset(user, reset),
                (_, Some((at, key))) => {
                    self.attempts.get_mut(&key).unwrap().stage = Stage::Open(at);
                    self.unsure(user, key, at);
                }
                (None, None) => return,
            }
        }
    }

    pub(super) fn reset(&mut self, user: UserId, _: u64) {
        let in_flight = self.in_flight(user);
        let budget = self.budget(user);
        budget.wrong.clear();
        budget.unsure.clear();
        budget.locked = false;
        budget.reset_at = None;
        budget.asked.retain(|key| in_flight.contains_key(key));
    }

    pub(super) fn in_flight(&self, user: UserId) -> BTreeMap<AttemptKey, u64> {
        let own = self
            .attempts
            .iter()
            .filter(|(_, record)| record.user == user);
        own.filter_map(|(key, record)| match record.stage {
            Stage::InFlight(until) => Some((*key, until)),
            Stage::Open(_) | Stage::Settled(..) => None,
        })
        .collect()
    }

    pub(in crate::ledger::tests) fn budget(&mut self, user: UserId) -> &mut Budget {
        self.budgets.entry(user).or_default()
    }

    pub(super) fn unsure(&mut self, user: UserId, key: AttemptKey, at: u64) {
        let budget = self.budget(user);
        if budget.wrong.is_empty() && budget.unsure.is_empty() {
            budget.reset_at = Some(at + WINDOW);
        }
        budget.unsure.insert(key);
    }

    pub(super) fn wrong(&mut self, user: UserId, key: AttemptKey) {
        let now = self.now;
        let budget = self.budget(user);
        if budget.wrong.is_empty() && budget.unsure.is_empty() {
            budget.reset_at = Some(now + WINDOW);
        }
        budget.unsure.remove(&key);
        budget.wrong.insert(key);
        if budget.wrong.len() >= LIMIT {
            budget.locked = true;
            budget.reset_at = Some(now + WINDOW);
        }
    }

    pub(super) fn slot(&self, user: UserId, place: PlaceId) -> PlaceId {
        let seen = self.places.get(&user).and_then(|places| places.get(&place));
        match seen {
            Some(seen) if self.now - seen <= 90 * DAY => place,
            _ => PlaceId::ELSEWHERE,
        }
    }

    pub(in crate::ledger::tests) fn waits(&self, user: UserId, place: PlaceId) -> bool {
        let slot = self.slot(user, place);
        let codes = self.codes.get(&(user, slot)).copied().unwrap_or_default();
        let full = if slot == PlaceId::ELSEWHERE { 5 } else { 10 };
        codes.failures >= full && self.now < codes.until
    }

    pub(super) fn wrong_code(&mut self, user: UserId, place: PlaceId) {
        let (now, slot) = (self.now, self.slot(user, place));
        let codes = self.codes.entry((user, slot)).or_default();
        if slot == PlaceId::ELSEWHERE {
            codes.failures += 1;
            if codes.failures >= 5 {
                codes.until = now + (60_000 * 2_u64.pow(codes.waits.min(20))).min(DAY);
                codes.waits += 1;
            }
        } else {
            if codes.failures == 0 || codes.until <= now {
                (codes.failures, codes.until) = (0, now + WINDOW);
            }
            codes.failures += 1;
        }
    }

    pub(super) fn accept_at(&mut self, user: UserId, place: PlaceId) {
        let slot = self.slot(user, place);
        self.codes.remove(&(user, slot));
        self.places.entry(user).or_default().insert(place, self.now);
    }
}
