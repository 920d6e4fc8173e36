//! The table "Begin" of DESIGN §2, line by line. The first line that fits decides.

use std::time::Duration;

use super::attempt::{Attempt, State};
use super::facts::{self, ClientFacts, TokenFacts};
use super::generations::{self, Found};
use crate::base::limits::COMMAND_LIFE;
use crate::base::{Epoch, PlaceId, Timestamp};
use crate::ledger::apply::Scene;
use crate::ledger::budgets::{Budgets, Limits};
use crate::ledger::passcodes::{Passcodes, Share};
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
    let typed = !begin.passcodes.is_empty();
    let passcodes = || Passcodes::load(scene.draft, begin.user, scene.now);
    let passcodes = typed.then(passcodes).transpose()?;
    let budgets = Budgets::load(scene.draft, begin.user, &limits, scene.now)?;
    let mut case = Case {
        begin,
        epoch,
        client: facts.client,
        found: generations::find(scene.draft, scene.head, &begin.key, scene.now)?,
        share: Share::of(&budgets, begin.place, scene.now),
        budgets,
        limits,
        passcodes,
    };
    let result = case.decide(scene)?;
    case.budgets.save(scene.draft);
    if let Some(passcodes) = &case.passcodes {
        passcodes.save(scene.draft);
    }
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
    // A rule that looked at a group which the user has left meanwhile would be an older one.
    if seen.user != 0 && facts::user_revision(scene.draft, begin.user)? != seen.user {
        return Ok(None);
    }
    // The rule that lets in without a token is not the user's any more.
    if begin.minds_tokens() && facts::has_token(scene.draft, begin.user)? {
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
    /// Whose passcode may be typed there.
    share: Share,
    /// The user's passcodes, where what was typed may be one.
    passcodes: Option<Passcodes>,
}

/// What lines 9 to 14 go on with: the record's own facts, or those of a new login.
struct Terms {
    matches: Vec<Match>,
    /// The passcode that was typed; 0: none.
    passcode: u64,
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
        if record.answer != self.begin.answer {
            // Before line 4: who answers a State anew guesses, and must not hear what the
            // first answer brought, nor whether this one would have been right.
            return Ok(BeginResult::Refused(RefusedBy::Answered));
        }
        match record.state {
            State::Settled { verdict, at } => match self.line_4(scene, record, verdict, at)? {
                Some(result) => Ok(result),
                None => self.lines_9_to_14(scene, &self.new_login()),
            },
            State::InFlight { until } => match self.lines_5_and_7(record, until) {
                Some(result) => Ok(result),
                None if self.is_enough(record) => self.line_6(scene, &self.going_on(record)),
                None => self.line_6_with_less(scene, record.clone()),
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
        // Re-validation that was turned off lets nobody in any more (DESIGN §1, I5). A retry
        // still gets its verdict: its time is within the record's `keep`.
        let now = self.client.grace(self.begin.caller_named).max(record.keep);
        if !is_own && self.begin.issued > at.plus(record.grace.min(now)) {
            return Ok(None);
        }
        let good = self.is_enough(record) && facts::is_attempt_good(scene.draft, record)?;
        let repeated = record.accepted_again().filter(|_| good);
        Ok(Some(
            repeated.map_or(BeginResult::Refused(RefusedBy::Revoked), |old| {
                old.map_or(BeginResult::Repeat(verdict), BeginResult::LetIn)
            }),
        ))
    }

    /// Whether the record had to show all that is asked for now. If it is granted or let in
    /// again, then by a rule that is no stricter.
    fn is_enough(&self, record: &Attempt) -> bool {
        let account = record.knows_account() || !self.begin.account;
        record.factors.covers(self.begin.factors)
            && account
            && self.allows(record.passcode)
            && self.allows_as_often(record.initial_logins)
    }

    /// Whether a login that was to count among so many without a token need not count among
    /// fewer now.
    fn allows_as_often(&self, initial_logins: u32) -> bool {
        let now = self.begin.initial_logins;
        now == 0 || (1..=now).contains(&initial_logins)
    }

    /// Whether a code that was claimed may still be what it was: the same login has the same
    /// octets, so that they are told as a passcode again unless no rule allows it any more.
    const fn allows(&self, passcode: u64) -> bool {
        passcode == 0 || self.passcodes.is_some()
    }

    /// The passcode that was typed. A token's code goes first: it is no miss of a passcode,
    /// and cannot be both.
    fn typed(&self) -> u64 {
        let passcodes = self.passcodes.as_ref();
        let passcodes = passcodes.filter(|_| self.begin.matches.is_empty());
        passcodes.map_or(0, |it| it.named_by(self.share, &self.begin.passcodes))
    }

    /// Lines 5 and 7: an attempt in flight is its owner's. `None`: line 6, the owner's node
    /// has started anew, so nobody waits for the source's answer any more; or the owner was
    /// granted less than is asked for now. A grant for the account as well is none for a
    /// question without it: its record would tell of a look that nobody took.
    fn lines_5_and_7(&self, record: &Attempt, until: Timestamp) -> Option<BeginResult> {
        let (own, its) = (self.begin.owner, record.owner);
        let epoch = record.epoch;
        if own == its {
            let granted = BeginResult::Granted { epoch, until };
            let is_same = record.account == self.begin.account;
            (is_same && self.is_enough(record)).then_some(granted)
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

    /// Line 6 where the record had to show less than is asked for now: its lease ends at
    /// once, and the login goes on with what this command brings.
    fn line_6_with_less<R: Read>(
        &mut self,
        scene: &mut Scene<'_, '_, R>,
        record: Attempt,
    ) -> Result<BeginResult, StoreError> {
        let (key, at) = (&self.begin.key, scene.now);
        self.budgets.strict.mark_unsure(key, &self.limits, at);
        let state = State::Open { at };
        let open = Attempt { state, ..record };
        generations::store(scene.draft, scene.head, key, self.found.as_ref(), &open);
        self.found = generations::find(scene.draft, scene.head, key, at)?;
        self.lines_9_to_14(scene, &self.going_on(&open))
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
            answer: self.begin.answer,
            passcode: terms.passcode,
            account: self.begin.account,
            initial_logins: self.begin.initial_logins,
            relayed: None,
            state,
        };
        let (key, before) = (&self.begin.key, self.found.as_ref());
        generations::store(scene.draft, scene.head, key, before, &attempt);
    }

    fn new_login(&self) -> Terms {
        let caller_named = self.begin.caller_named;
        Terms {
            matches: self.begin.matches.clone(),
            passcode: self.typed(),
            factors: self.begin.factors,
            place: self.begin.place,
            grace: self.client.grace(caller_named),
            keep: facts::keep(
                self.client.retry_grace(caller_named),
                self.begin.answer.is_some(),
            ),
            is_open: false,
        }
    }

    /// Goes on with the record's own matches: the code may have left its window meanwhile.
    /// A record that needed no code has none, and who is forwarded shows none here. Nothing
    /// satisfies an old server and one's own source at once, nor is anything shown to the one
    /// that the other has to hear of: the rule in force decides.
    fn going_on(&self, record: &Attempt) -> Terms {
        let (was, now) = (record.factors, self.begin.factors);
        let factors = if [was, now].contains(&Factors::Forward) {
            now
        } else {
            was.strictest(now)
        };
        let (matches, passcode) = if was.is_whole() || factors.is_whole() {
            (&self.begin.matches, self.typed())
        } else {
            (&record.matches, record.passcode)
        };
        Terms {
            matches: matches.clone(),
            passcode,
            factors,
            place: record.place,
            grace: record.grace,
            keep: record.keep,
            is_open: matches!(record.state, State::Open { .. }),
        }
    }
}

/// Lines 4 to 8 meet no record: for a build that proves that what this breaks is found.
const DANGEROUS_FORGETS: bool = cfg!(feature = "dangerous-forget-attempts");

mod lines_9_to_14;
