//! Lines 9 to 14 of the table "Begin": whether a login that has no verdict gets its code.

use super::{Case, Terms};
use crate::base::{AttemptKey, Timestamp};
use crate::ledger::apply::Scene;
use crate::ledger::attempts::attempt::State;
use crate::ledger::attempts::counters::{self, Spend};
use crate::ledger::attempts::{facts, generations};
use crate::ledger::budgets::Budgets;
use crate::ledger::passcodes::Passcode;
use crate::ledger::table::{Read, StoreError};
use crate::ledger::{BeginResult, BurnCode, Factors, RefusedBy, Verdict};

impl Case<'_> {
    pub(super) fn lines_9_to_14<R: Read>(
        &mut self,
        scene: &mut Scene<'_, '_, R>,
        terms: &Terms,
    ) -> Result<BeginResult, StoreError> {
        if let Some(refused) = self.line_9(scene, terms)? {
            return Ok(BeginResult::Refused(refused));
        }
        // LIMIT: attempts stored. Refused alike whether the code is right or wrong.
        if generations::is_full(scene.head, self.found.as_ref()) {
            return Ok(BeginResult::Refused(RefusedBy::Overload));
        }
        if !terms.factors.is_whole()
            && let Some(result) = self.lines_10_to_12(scene, terms)?
        {
            return Ok(result);
        }
        if let Some(result) = self.line_13() {
            return Ok(result);
        }
        self.line_14(scene, terms)
    }

    /// Lines 10 to 12: what is wrong with the code, where one is asked for.
    fn lines_10_to_12<R: Read>(
        &mut self,
        scene: &mut Scene<'_, '_, R>,
        terms: &Terms,
    ) -> Result<Option<BeginResult>, StoreError> {
        if terms.matches.is_empty() && terms.passcode == 0 {
            return Ok(Some(self.line_10(scene, terms)));
        }
        // Line 11: what the key itself has burned, it may go on with.
        let own = terms.is_open.then_some(&self.begin.key);
        let passcode = self.passcode.as_ref();
        if counters::is_spent(scene.draft, &terms.matches, own)?
            || passcode.is_some_and(|it| it.is_spent(terms.passcode, own))
        {
            return Ok(Some(BeginResult::Refused(RefusedBy::Spent)));
        }
        let until = self.line_12(scene, terms)?;
        Ok(until.map(|until| BeginResult::Busy { until }))
    }

    /// Line 9: who may not try now.
    fn line_9<R: Read>(
        &self,
        scene: &Scene<'_, '_, R>,
        terms: &Terms,
    ) -> Result<Option<RefusedBy>, StoreError> {
        let begin = self.begin;
        let Budgets { strict, places, .. } = &self.budgets;
        if terms.is_open && !facts::is_good(scene.draft, begin.client, begin.user, &terms.matches)?
        {
            return Ok(Some(RefusedBy::Revoked));
        }
        // Another passcode may have been spent since this one was replaced.
        let is_current = |it: &Passcode| it.is_current(terms.passcode);
        if terms.is_open && terms.passcode != 0 && !self.passcode.as_ref().is_some_and(is_current) {
            return Ok(Some(RefusedBy::Revoked));
        }
        if strict.is_locked() {
            return Ok(Some(RefusedBy::Locked));
        }
        let waits = places.waits_until(begin.place, &self.limits, scene.now);
        if waits.is_some() {
            return Ok(Some(RefusedBy::Waiting));
        }
        if strict.is_wrong(&begin.key) {
            return Ok(Some(RefusedBy::Wrong));
        }
        // No password is proven for who would not be let in by it.
        let is_over = self.budgets.without_token.is_over(begin.initial_logins);
        Ok(is_over.then_some(RefusedBy::Initial))
    }

    /// Line 10: a wrong code. Where it is the only factor, it is as good as a password.
    fn line_10<R: Read>(&mut self, scene: &mut Scene<'_, '_, R>, terms: &Terms) -> BeginResult {
        let Budgets { strict, places, .. } = &mut self.budgets;
        places.fail(self.begin.place, &self.limits, scene.now);
        if let Some(passcode) = &mut self.passcode {
            passcode.miss();
        }
        if terms.factors.is_code_alone() {
            strict.mark_wrong(&self.begin.key, &self.limits, scene.now);
        }
        self.settled(scene, terms, Verdict::WrongCode)
    }

    /// Line 12: another login of the user holds the code. Until when, at the longest.
    fn line_12<R: Read>(
        &self,
        scene: &Scene<'_, '_, R>,
        terms: &Terms,
    ) -> Result<Option<Timestamp>, StoreError> {
        let mut last = None;
        for (other, until) in self.budgets.strict.in_flight_beside(&self.begin.key) {
            let found = generations::find(scene.draft, scene.head, other, scene.now)?;
            let claims = found.is_some_and(|found| {
                let mut steps = terms.matches.iter();
                steps.any(|step| found.attempt.claims(step))
                    || found.attempt.claims_passcode(terms.passcode)
            });
            if claims {
                last = last.max(Some(until));
            }
        }
        Ok(last)
    }

    /// Line 13: the budget is used up. While a key in flight holds part of it, the login
    /// may still have its turn.
    fn line_13(&self) -> Option<BeginResult> {
        let (key, limit) = (&self.begin.key, self.limits.strict_failures());
        let strict = &self.budgets.strict;
        if strict.used_beside(key) < limit {
            return None;
        }
        let mut in_flight = strict.in_flight_beside(key);
        let first = in_flight.by_ref().map(|(_, until)| until).min();
        Some(match first {
            Some(until) if strict.counted_beside(key) < limit => BeginResult::Busy { until },
            Some(_) | None => BeginResult::Refused(RefusedBy::Limit),
        })
    }

    /// Line 14: the code is this login's.
    pub(super) fn line_14<R: Read>(
        &mut self,
        scene: &mut Scene<'_, '_, R>,
        terms: &Terms,
    ) -> Result<BeginResult, StoreError> {
        if terms.factors == Factors::Code {
            counters::spend(scene.draft, &terms.matches, Spend::Accepted)?;
            self.spend_passcode(terms, None);
            self.budgets.places.accept(terms.place, scene.now);
            return Ok(self.settled(scene, terms, Verdict::Accepted));
        }
        let begin = self.begin;
        let key = &begin.key;
        let of_client = self.client.burn_code();
        if self.begin.burn_code.unwrap_or(of_client) == BurnCode::OnMatch {
            counters::spend(scene.draft, &terms.matches, Spend::Burned(key))?;
            self.spend_passcode(terms, Some(key));
        }
        let until = scene.now.plus(self.begin.lease);
        self.budgets.strict.mark_in_flight(key, until);
        self.store(scene, terms, State::InFlight { until });
        let epoch = self.epoch;
        Ok(BeginResult::Granted { epoch, until })
    }

    fn spend_passcode(&mut self, terms: &Terms, burned_by: Option<&AttemptKey>) {
        if let Some(passcode) = &mut self.passcode {
            passcode.spend(terms.passcode, burned_by);
        }
    }
}
