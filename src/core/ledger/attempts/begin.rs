//! The table "Begin" of DESIGN §2, line by line. The first line that fits decides.

use std::time::Duration;

use super::attempt::{Attempt, State};
use super::counters::{self, Spend};
use super::facts::{self, ClientFacts, TokenFacts};
use super::generations::{self, Found};
use crate::base::limits::COMMAND_LIFE;
use crate::base::{Epoch, PlaceId, Timestamp};
use crate::ledger::apply::Scene;
use crate::ledger::budgets::{Budgets, Limits};
use crate::ledger::table::{Read, StoreError};
use crate::ledger::{Begin, BeginResult, Factors, Match, RefusedBy, Verdict};

/// Carries out a Begin. `epoch` is the command's own: its entry and its place in it.
pub(in crate::ledger) fn begin<R: Read>(
    scene: &mut Scene<'_, '_, R>,
    begin: &Begin,
    epoch: Epoch,
) -> Result<BeginResult, StoreError> {
    // Line 1.
    if scene.now > begin.issued.plus(COMMAND_LIFE) {
        return Ok(BeginResult::TooLate);
    }
    let Some(facts) = line_2(scene, begin)? else {
        return Ok(BeginResult::Stale);
    };
    if !line_3(scene, begin, &facts.tokens)? {
        return Ok(BeginResult::Refused(RefusedBy::Revoked));
    }
    let limits = scene.limits()?;
    let mut case = Case {
        begin,
        epoch,
        client: facts.client,
        found: generations::find(scene.draft, scene.head, &begin.key, scene.now)?,
        budgets: Budgets::load(scene.draft, begin.user, &limits, scene.now)?,
        limits,
    };
    let result = case.decide(scene)?;
    case.budgets.save(scene.draft);
    Ok(result)
}

/// The facts that the Begin was decided by, as they are now.
struct Facts {
    client: ClientFacts,
    /// Of each match; `None`: deleted.
    tokens: Vec<Option<TokenFacts>>,
}

/// Line 2: a login decided by other revisions, or with another seed or another user's
/// token, is decided again. `None`: it is.
fn line_2<R: Read>(scene: &Scene<'_, '_, R>, begin: &Begin) -> Result<Option<Facts>, StoreError> {
    let Some(client) = ClientFacts::load(scene.draft, begin.client)? else {
        return Ok(None);
    };
    let seen = begin.revisions;
    let now = (
        client.revision,
        scene.head.rules_revision,
        scene.head.settings_revision,
    );
    if (seen.client, seen.rules, seen.settings) != now {
        return Ok(None);
    }
    let mut tokens = Vec::with_capacity(begin.matches.len());
    for step in &begin.matches {
        let token = TokenFacts::load(scene.draft, step.token)?;
        if token
            .as_ref()
            .is_some_and(|token| !token.fits(begin.user, step))
        {
            return Ok(None);
        }
        tokens.push(token);
    }
    Ok(Some(Facts { client, tokens }))
}

/// Line 3: whether user and tokens are there and enabled.
fn line_3<R: Read>(
    scene: &Scene<'_, '_, R>,
    begin: &Begin,
    tokens: &[Option<TokenFacts>],
) -> Result<bool, StoreError> {
    let is_enabled = |token: &Option<TokenFacts>| token.as_ref().is_some_and(TokenFacts::is_active);
    Ok(tokens.iter().all(is_enabled) && facts::is_active(scene.draft, begin.user)?)
}

/// One Begin, its facts being right, and what the ledger holds about it.
struct Case<'c> {
    begin: &'c Begin,
    epoch: Epoch,
    client: ClientFacts,
    limits: Limits,
    /// The record under the key, whether or not it still answers.
    found: Option<Found>,
    budgets: Budgets,
}

/// What lines 9 to 14 go on with: the record's own facts, or those of a new login.
struct Terms {
    matches: Vec<Match>,
    factors: Factors,
    place: PlaceId,
    grace: Duration,
    keep: Duration,
    is_open: bool,
}

impl Case<'_> {
    fn decide<R: Read>(&mut self, scene: &mut Scene<'_, '_, R>) -> Result<BeginResult, StoreError> {
        let record = self.found.as_ref().map(|found| &found.attempt);
        let record = record.filter(|_| !DANGEROUS_FORGETS);
        // No clock of a proposer may make a record that is in flight seem long past.
        let issued = self.begin.issued.min(scene.now);
        let Some(record) = record.filter(|record| record.answers(issued)) else {
            return self.lines_9_to_14(scene, &self.new_login());
        };
        if (record.user, record.client) != (self.begin.user, self.begin.client) {
            // A key is of one user and one client; only a broken proposer says otherwise.
            return Ok(BeginResult::Refused(RefusedBy::Revoked));
        }
        match record.state {
            State::Settled { verdict, at } => match self.line_4(scene, record, verdict, at)? {
                Some(result) => Ok(result),
                None => self.lines_9_to_14(scene, &self.new_login()),
            },
            State::InFlight { until } => match self.lines_5_and_7(record, until) {
                Some(result) => Ok(result),
                None => self.line_6(scene, &self.going_on(record)),
            },
            State::Open { .. } if self.begin.prev != record.epoch => {
                // Line 8.
                let epoch = record.epoch;
                Ok(BeginResult::Changed { epoch })
            }
            State::Open { .. } => self.lines_9_to_14(scene, &self.going_on(record)),
        }
    }

    /// Line 4: a repeat gets the verdict, as long as the user may still be let in, and by
    /// the factors that are asked for now.
    fn line_4<R: Read>(
        &self,
        scene: &Scene<'_, '_, R>,
        record: &Attempt,
        verdict: Verdict,
        at: Timestamp,
    ) -> Result<Option<BeginResult>, StoreError> {
        if verdict != Verdict::Accepted {
            return Ok(Some(BeginResult::Repeat(verdict)));
        }
        let is_own = self.begin.owner == record.owner;
        if !is_own && self.begin.issued > at.plus(record.grace) {
            return Ok(None);
        }
        let is_enough = strictest(record.factors, self.begin.factors) == record.factors;
        Ok(Some(if is_enough && is_good(scene, record)? {
            BeginResult::Repeat(Verdict::Accepted)
        } else {
            BeginResult::Refused(RefusedBy::Revoked)
        }))
    }

    /// Lines 5 and 7: an attempt in flight is its owner's. `None`: line 6, the owner's node
    /// has started anew, so nobody waits for the source's answer any more.
    fn lines_5_and_7(&self, record: &Attempt, until: Timestamp) -> Option<BeginResult> {
        let (own, its) = (self.begin.owner, record.owner);
        let epoch = record.epoch;
        if own == its {
            Some(BeginResult::Granted { epoch, until })
        } else if own.node == its.node && own.boot > its.boot && self.begin.prev == epoch {
            None
        } else {
            Some(BeginResult::InFlight { until })
        }
    }

    /// Line 6: the source may have been asked before the node died.
    fn line_6<R: Read>(
        &mut self,
        scene: &mut Scene<'_, '_, R>,
        terms: &Terms,
    ) -> Result<BeginResult, StoreError> {
        let strict = &mut self.budgets.strict;
        strict.mark_unsure(&self.begin.key, &self.limits, scene.now);
        self.line_14(scene, terms)
    }

    fn lines_9_to_14<R: Read>(
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
        if terms.matches.is_empty() {
            return Ok(self.line_10(scene, terms));
        }
        // Line 11: what the key itself has burned, it may go on with.
        let own = terms.is_open.then_some(&self.begin.key);
        if counters::is_spent(scene.draft, &terms.matches, own)? {
            return Ok(BeginResult::Refused(RefusedBy::Spent));
        }
        if let Some(until) = self.line_12(scene, terms)? {
            return Ok(BeginResult::Busy { until });
        }
        if let Some(result) = self.line_13() {
            return Ok(result);
        }
        self.line_14(scene, terms)
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
        if strict.is_locked() {
            return Ok(Some(RefusedBy::Locked));
        }
        let waits = places.waits_until(begin.place, &self.limits, scene.now);
        if waits.is_some() {
            return Ok(Some(RefusedBy::Waiting));
        }
        let is_wrong = strict.is_wrong(&begin.key);
        Ok(is_wrong.then_some(RefusedBy::Wrong))
    }

    /// Line 10: a wrong code. Where it is the only factor, it is as good as a password.
    fn line_10<R: Read>(&mut self, scene: &mut Scene<'_, '_, R>, terms: &Terms) -> BeginResult {
        let Budgets { strict, places, .. } = &mut self.budgets;
        places.fail(self.begin.place, &self.limits, scene.now);
        if terms.factors == Factors::Code {
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
    fn line_14<R: Read>(
        &mut self,
        scene: &mut Scene<'_, '_, R>,
        terms: &Terms,
    ) -> Result<BeginResult, StoreError> {
        if terms.factors == Factors::Code {
            counters::spend(scene.draft, &terms.matches, Spend::Accepted)?;
            self.budgets.places.accept(terms.place, scene.now);
            return Ok(self.settled(scene, terms, Verdict::Accepted));
        }
        let key = &self.begin.key;
        if self.client.burns_on_match() {
            counters::spend(scene.draft, &terms.matches, Spend::Burned(key))?;
        }
        let until = scene.now.plus(self.begin.lease);
        self.budgets.strict.mark_in_flight(key, until);
        self.store(scene, terms, State::InFlight { until });
        let epoch = self.epoch;
        Ok(BeginResult::Granted { epoch, until })
    }

    fn settled<R: Read>(
        &self,
        scene: &mut Scene<'_, '_, R>,
        terms: &Terms,
        verdict: Verdict,
    ) -> BeginResult {
        let at = scene.now;
        self.store(scene, terms, State::Settled { verdict, at });
        BeginResult::Repeat(verdict)
    }

    fn store<R: Read>(&self, scene: &mut Scene<'_, '_, R>, terms: &Terms, state: State) {
        let attempt = Attempt {
            user: self.begin.user,
            client: self.begin.client,
            place: terms.place,
            matches: terms.matches.clone(),
            owner: self.begin.owner,
            epoch: self.epoch,
            factors: terms.factors,
            grace: terms.grace,
            keep: terms.keep,
            state,
        };
        let (key, before) = (&self.begin.key, self.found.as_ref());
        generations::store(scene.draft, scene.head, key, before, &attempt);
    }

    fn new_login(&self) -> Terms {
        let grace = self.client.grace(self.begin.caller_named);
        Terms {
            matches: self.begin.matches.clone(),
            factors: self.begin.factors,
            place: self.begin.place,
            grace,
            keep: facts::keep(grace),
            is_open: false,
        }
    }

    /// Goes on with the record's own matches: the code may have left its window meanwhile.
    fn going_on(&self, record: &Attempt) -> Terms {
        Terms {
            matches: record.matches.clone(),
            factors: strictest(record.factors, self.begin.factors),
            place: record.place,
            grace: record.grace,
            keep: record.keep,
            is_open: matches!(record.state, State::Open { .. }),
        }
    }
}

/// Lines 4 to 8 meet no record: for a build that proves that what this breaks is found.
const DANGEROUS_FORGETS: bool = cfg!(feature = "dangerous-forget-attempts");

/// Whether the record's user, tokens and seeds still let anyone in.
fn is_good<R: Read>(scene: &Scene<'_, '_, R>, record: &Attempt) -> Result<bool, StoreError> {
    facts::is_good(scene.draft, record.client, record.user, &record.matches)
}

/// What satisfies both rules: neither one that is stricter now nor the record's own is
/// got round by the other.
const fn strictest(one: Factors, other: Factors) -> Factors {
    match (one, other) {
        (Factors::Code, Factors::Code) => Factors::Code,
        (Factors::PasswordAndCode, _) | (_, Factors::PasswordAndCode) => Factors::PasswordAndCode,
    }
}
