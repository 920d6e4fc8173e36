//! The table "Settle" of DESIGN §2, line by line. The first line that fits decides.

use super::attempt::{Attempt, State};
use super::counters::{self, Spend};
use super::facts;
use super::generations::{self, Found};
use crate::base::{AttemptKey, Timestamp};
use crate::ledger::apply::Scene;
use crate::ledger::budgets::{Budgets, Limits};
use crate::ledger::passcodes::Passcodes;
use crate::ledger::table::{Read, StoreError};
use crate::ledger::{Carried, Factors, Settle, SettleResult, SourceOutcome, Verdict};

/// Carries out a Settle.
pub(in crate::ledger) fn settle<R: Read>(
    scene: &mut Scene<'_, '_, R>,
    settle: &Settle,
) -> Result<SettleResult, StoreError> {
    let found = generations::find(scene.draft, scene.head, &settle.key, scene.now)?;
    let Some(found) = found.filter(|found| found.attempt.is_stored(scene.now)) else {
        // Line 2: absent.
        return Ok(SettleResult::Gone);
    };
    match found.attempt.state {
        State::Settled { verdict, .. } => line_1(scene, &found.attempt, verdict),
        // Line 2: open.
        State::Open { .. } => Ok(SettleResult::Gone),
        // Line 3.
        State::InFlight { .. } if found.attempt.epoch != settle.epoch => {
            Ok(SettleResult::Superseded)
        }
        State::InFlight { .. } => lines_4_to_9(scene, settle, found),
    }
}

/// Line 1: there is a verdict, but nobody is let in any more by one that was revoked.
fn line_1<R: Read>(
    scene: &Scene<'_, '_, R>,
    attempt: &Attempt,
    verdict: Verdict,
) -> Result<SettleResult, StoreError> {
    if verdict != Verdict::Accepted {
        return Ok(SettleResult::Already(verdict));
    }
    let good = facts::is_attempt_good(scene.draft, attempt)?;
    let told = attempt.accepted_again().filter(|_| good);
    Ok(
        told.map_or(SettleResult::Already(Verdict::Revoked), |carried| {
            carried.map_or(SettleResult::Already(verdict), SettleResult::LetIn)
        }),
    )
}

fn lines_4_to_9<R: Read>(
    scene: &mut Scene<'_, '_, R>,
    settle: &Settle,
    found: Found,
) -> Result<SettleResult, StoreError> {
    let limits = scene.limits()?;
    let user = found.attempt.user;
    let mut grant = Grant {
        key: settle.key,
        budgets: Budgets::load(scene.draft, user, &limits, scene.now)?,
        limits,
        found,
    };
    let verdict = grant.answered(scene, settle)?;
    grant.budgets.save(scene.draft);
    let carried = grant.carried(settle);
    let carried = carried.filter(|_| verdict == Some(Verdict::Accepted));
    grant.store(scene, verdict, carried);
    Ok(match (verdict, carried) {
        (Some(_), Some(carried)) => SettleResult::LetIn(carried.clone()),
        (Some(verdict), None) => SettleResult::Settled(verdict),
        (None, _) => SettleResult::Released,
    })
}

/// The grant that the source's answer belongs to.
struct Grant {
    key: AttemptKey,
    limits: Limits,
    found: Found,
    budgets: Budgets,
}

impl Grant {
    /// Lines 4 to 9: counts the answer. `None`: there is no verdict.
    fn answered<R: Read>(
        &mut self,
        scene: &mut Scene<'_, '_, R>,
        settle: &Settle,
    ) -> Result<Option<Verdict>, StoreError> {
        let (key, now) = (self.key, scene.now);
        let strict = &mut self.budgets.strict;
        Ok(match settle.outcome {
            // Line 4.
            SourceOutcome::NotAsked => {
                strict.release(&key);
                None
            }
            // Line 5.
            SourceOutcome::Unanswered => {
                strict.mark_unsure(&key, &self.limits, now);
                None
            }
            // Line 6.
            SourceOutcome::Wrong => {
                strict.mark_wrong(&key, &self.limits, now);
                Some(Verdict::WrongPassword)
            }
            // Line 7.
            SourceOutcome::Denied => {
                strict.release(&key);
                Some(Verdict::Denied)
            }
            // Line 8.
            SourceOutcome::Right if !facts::is_attempt_good(scene.draft, &self.found.attempt)? => {
                strict.release(&key);
                Some(Verdict::Revoked)
            }
            SourceOutcome::Right => Some(self.right(scene, settle)?),
        })
    }

    /// Right, and everything is still good.
    fn right<R: Read>(
        &mut self,
        scene: &mut Scene<'_, '_, R>,
        settle: &Settle,
    ) -> Result<Verdict, StoreError> {
        if !self.counts_without_token(settle, scene.now) {
            self.budgets.strict.release(&self.key);
            return Ok(Verdict::Denied);
        }
        self.line_9(scene)?;
        Ok(Verdict::Accepted)
    }

    /// Line 9 of who has no token: it counts. False: as many logins as are allowed were let in
    /// meanwhile, or what the old server said was lost on the way; then nothing is counted.
    fn counts_without_token(&mut self, settle: &Settle, now: Timestamp) -> bool {
        let attempt = &self.found.attempt;
        let carried = self.carried(settle);
        let without_token = &mut self.budgets.without_token;
        if attempt.factors == Factors::Forward {
            let Some(server) = carried.and_then(|carried| carried.server.as_ref()) else {
                return false;
            };
            without_token.note_forward(server, now);
        }
        without_token.take(attempt.initial_logins)
    }

    /// What the Accept carries: of an old server, where the login is forwarded to one; of a
    /// directory, where one is asked about the account.
    fn carried<'a>(&self, settle: &'a Settle) -> Option<&'a Carried> {
        let attempt = &self.found.attempt;
        let forwarded = attempt.factors == Factors::Forward;
        let carried = settle.relayed.as_ref();
        carried.filter(|it| match it.server {
            Some(_) => forwarded,
            None => !forwarded && attempt.knows_account(),
        })
    }

    /// Line 9: let in. The claim was this attempt's alone, so it does not matter that the
    /// user's other code may have moved the mark past this one meanwhile. Who has shown no
    /// code has not made up for wrong ones, and is not known at the place by a password
    /// that somebody may have stolen. Who has shown no password has not made up for wrong
    /// passwords.
    fn line_9<R: Read>(&mut self, scene: &mut Scene<'_, '_, R>) -> Result<(), StoreError> {
        let attempt = &self.found.attempt;
        counters::spend(scene.draft, &attempt.matches, Spend::Accepted)?;
        if attempt.passcode != 0 {
            let mut passcodes = Passcodes::load(scene.draft, attempt.user, scene.now)?;
            passcodes.spend(attempt.passcode, None);
            passcodes.save(scene.draft);
        }
        if attempt.factors.is_code_alone() {
            self.budgets.strict.accept(&self.key);
        } else {
            self.budgets.strict.clear(&self.key);
        }
        if !attempt.factors.is_whole() {
            self.budgets.places.accept(attempt.place, scene.now);
        }
        Ok(())
    }

    fn store<R: Read>(
        &self,
        scene: &mut Scene<'_, '_, R>,
        verdict: Option<Verdict>,
        relayed: Option<&Carried>,
    ) {
        let at = scene.now;
        let settled = |verdict| State::Settled { verdict, at };
        let after = Attempt {
            state: verdict.map_or(State::Open { at }, settled),
            relayed: relayed.cloned(),
            ..self.found.attempt.clone()
        };
        generations::store(
            scene.draft,
            scene.head,
            &self.key,
            Some(&self.found),
            &after,
        );
    }
}
