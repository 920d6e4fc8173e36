//! The attempt rules once more, as simple as they can be said: sets and maps, everything
//! due done at once, nothing encoded, nothing dropped. Written from DESIGN §2 alone; it
//! shares no code with the ledger but its vocabulary. Limits are the defaults.

mod budgets;
mod passcodes;
mod record;

use std::collections::{BTreeMap, BTreeSet};

use self::passcodes::{Id, Passcode};
use self::record::in_force;
pub(super) use self::record::{Record, Stage};
use crate::base::{AttemptKey, ClientId, Epoch, PlaceId, Timestamp, TokenId, UserId};
use crate::ledger::{
    Begin, BeginResult, BurnCode, Factors, Match, RefusedBy, Settle, SettleResult, SourceOutcome,
    Verdict,
};

const LIFE: u64 = 5_000;
const LIMIT: usize = 3;
const WINDOW: u64 = 600_000;
const DAY: u64 = 86_400_000;

#[derive(Clone, Debug, Default)]
pub(super) struct Budget {
    pub(super) wrong: BTreeSet<AttemptKey>,
    pub(super) unsure: BTreeSet<AttemptKey>,
    pub(super) locked: bool,
    reset_at: Option<u64>,
    /// Not of the design: the keys asked at the source since the last reset.
    pub(super) asked: BTreeSet<AttemptKey>,
}

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Codes {
    pub(super) failures: u32,
    until: u64,
    waits: u32,
}

#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Counter {
    pub(super) last_spent: u64,
    burned_by: Option<AttemptKey>,
    pub(super) drift: i32,
}

#[derive(Clone, Debug)]
pub(super) struct Token {
    pub(super) owner: UserId,
    pub(super) generation: u64,
    pub(super) active: bool,
}

#[derive(Clone, Debug)]
pub(super) struct Client {
    pub(super) revision: u64,
    pub(super) grace: u64,
    pub(super) grace_unnamed: u64,
    pub(super) revalidation: u64,
    pub(super) burns: bool,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Model {
    pub(super) now: u64,
    pub(super) users: BTreeMap<UserId, bool>,
    pub(super) owners: BTreeSet<UserId>,
    pub(super) initial: BTreeMap<UserId, u32>,
    pub(super) tokens: BTreeMap<TokenId, Token>,
    pub(super) clients: BTreeMap<ClientId, Client>,
    pub(super) attempts: BTreeMap<AttemptKey, Record>,
    pub(super) budgets: BTreeMap<UserId, Budget>,
    pub(super) codes: BTreeMap<(UserId, PlaceId), Codes>,
    places: BTreeMap<UserId, BTreeMap<PlaceId, u64>>,
    pub(super) counters: BTreeMap<(TokenId, u64), Counter>,
    /// Of known places, and of all others.
    pub(super) passcodes: BTreeMap<(UserId, bool), Passcode>,
    /// When they were.
    sent: BTreeMap<(UserId, bool), Vec<u64>>,
    busy_until: u64,
}

impl Model {
    pub(super) fn begin(&mut self, begin: &Begin, own: Epoch) -> BeginResult {
        use BeginResult::{Changed, Granted, InFlight, Refused, Repeat, Stale, TooLate};
        let issued = begin.issued.as_millis();
        self.due(begin.user);
        if self.now > issued + LIFE {
            return TooLate;
        }
        if self.is_stale(begin) {
            return Stale;
        }
        if !self.is_good(begin.user, &begin.matches) {
            return Refused(RefusedBy::Revoked);
        }
        let record = self.attempts.get(&begin.key).cloned();
        let Some(record) = record.filter(|record| record.answers(issued)) else {
            return self.go_on(begin, own, &self.fresh(begin, own), false);
        };
        match record.stage {
            Stage::Settled(Verdict::Accepted, at)
                if begin.owner == record.owner || issued <= at + self.grace_now(begin, &record) =>
            {
                let enough = record.is_enough(begin) && Self::allows(begin, &record);
                let good = enough && self.is_record_good(&record);
                match record.carried {
                    _ if !good => Refused(RefusedBy::Revoked),
                    Some(carried) => BeginResult::LetIn(carried),
                    None => Repeat(Verdict::Accepted),
                }
            }
            Stage::Settled(Verdict::Accepted, _) => {
                self.go_on(begin, own, &self.fresh(begin, own), false)
            }
            Stage::Settled(verdict, _) => Repeat(verdict),
            Stage::InFlight(until) => {
                let (epoch, until) = (record.epoch, Timestamp::from_millis(until));
                let enough = record.is_enough(begin) && Self::allows(begin, &record);
                if begin.owner == record.owner && enough && record.account == begin.account {
                    Granted { epoch, until }
                } else if begin.owner == record.owner
                    || (begin.owner.node == record.owner.node
                        && begin.owner.boot > record.owner.boot
                        && begin.prev == epoch)
                {
                    self.unsure(begin.user, begin.key, self.now);
                    if enough {
                        return self.grant(begin, own, &record);
                    }
                    let stage = Stage::Open(self.now);
                    let open = Record { stage, ..record };
                    self.attempts.insert(begin.key, open.clone());
                    self.reopen(begin, own, open)
                } else {
                    InFlight { until }
                }
            }
            Stage::Open(_) if begin.prev != record.epoch => Changed {
                epoch: record.epoch,
            },
            Stage::Open(_) => self.reopen(begin, own, record),
        }
    }

    /// Goes on with an open record: with its own matches, if it ever needed any and still does.
    fn reopen(&mut self, begin: &Begin, own: Epoch, mut terms: Record) -> BeginResult {
        let whole = |factors| matches!(factors, Factors::Password | Factors::Forward);
        let before = terms.factors;
        terms.factors = in_force(before, begin.factors);
        if whole(before) || whole(terms.factors) {
            terms.matches.clone_from(&begin.matches);
            terms.passcode = self.typed(begin);
        }
        self.go_on(begin, own, &terms, true)
    }

    fn is_stale(&self, begin: &Begin) -> bool {
        let client = self.clients.get(&begin.client).unwrap();
        let other = |step: &Match| {
            let token = self.tokens.get(&step.token).unwrap();
            token.owner != begin.user || token.generation != step.generation
        };
        let without_token = begin.factors == Factors::Forward || begin.initial_logins > 0;
        begin.revisions.client != client.revision
            || begin.matches.iter().any(other)
            || (without_token && self.owners.contains(&begin.user))
    }

    /// Lines 9 to 14 with the facts of `terms`.
    fn go_on(&mut self, begin: &Begin, own: Epoch, terms: &Record, open: bool) -> BeginResult {
        use BeginResult::{Refused, Repeat};
        let (user, key) = (begin.user, begin.key);
        if open && !self.is_good(user, &terms.matches) {
            return Refused(RefusedBy::Revoked);
        }
        let is_current = |id: Id| !begin.passcodes.is_empty() && self.is_current(user, id);
        if open && !terms.passcode.is_none_or(is_current) {
            return Refused(RefusedBy::Revoked);
        }
        if self.budget(user).locked {
            return Refused(RefusedBy::Locked);
        }
        if self.waits(user, begin.place) {
            return Refused(RefusedBy::Waiting);
        }
        if self.budget(user).wrong.contains(&key) {
            return Refused(RefusedBy::Wrong);
        }
        let used = self.initial.get(&user).copied().unwrap_or_default();
        if begin.initial_logins > 0 && used >= begin.initial_logins {
            return Refused(RefusedBy::Initial);
        }
        if matches!(terms.factors, Factors::Password | Factors::Forward) {
            return self.within_budget(begin, own, terms);
        }
        if terms.matches.is_empty() && terms.passcode.is_none() {
            self.wrong_code(user, begin.place);
            self.miss(begin);
            if matches!(terms.factors, Factors::Code | Factors::CodeAndAccount) {
                self.wrong(user, key);
            }
            self.settle_now(begin, own, terms, Verdict::WrongCode);
            return Repeat(Verdict::WrongCode);
        }
        self.claim(begin, own, terms, open)
    }

    /// Lines 11 and 12: there is a match.
    fn claim(&mut self, begin: &Begin, own: Epoch, terms: &Record, open: bool) -> BeginResult {
        use BeginResult::{Busy, Refused};
        let (user, key) = (begin.user, begin.key);
        for step in &terms.matches {
            let counter = self.counter(step);
            let burned = open && counter.burned_by == Some(key);
            if step.step <= counter.last_spent && !burned {
                return Refused(RefusedBy::Spent);
            }
        }
        if self.is_passcode_spent(user, terms.passcode, open.then_some(key)) {
            return Refused(RefusedBy::Spent);
        }
        let others = self.others(user, key);
        let same = |a: &Match, b: &Match| {
            (a.token, a.generation, a.step) == (b.token, b.generation, b.step)
        };
        let claims = |other: &AttemptKey| {
            let theirs = self.attempts.get(other).unwrap();
            let mut matches = theirs.matches.iter();
            matches.any(|a| terms.matches.iter().any(|b| same(a, b)))
                || (terms.passcode.is_some() && theirs.passcode == terms.passcode)
        };
        if let Some(until) = others
            .iter()
            .filter(|(key, _)| claims(key))
            .map(|(_, at)| *at)
            .max()
        {
            let until = Timestamp::from_millis(until);
            return Busy { until };
        }
        self.within_budget(begin, own, terms)
    }

    fn others(&self, user: UserId, key: AttemptKey) -> BTreeMap<AttemptKey, u64> {
        let mut others = self.in_flight(user);
        others.remove(&key);
        others
    }

    /// Lines 13 and 14.
    fn within_budget(&mut self, begin: &Begin, own: Epoch, terms: &Record) -> BeginResult {
        use BeginResult::{Busy, Refused};
        let (user, key) = (begin.user, begin.key);
        let others = self.others(user, key);
        let budget = self.budget(user);
        let mut counted: BTreeSet<_> = budget.wrong.union(&budget.unsure).copied().collect();
        counted.remove(&key);
        let used = counted
            .iter()
            .chain(others.keys())
            .collect::<BTreeSet<_>>()
            .len();
        if used >= LIMIT {
            return match others.values().min() {
                Some(&until) if counted.len() < LIMIT => Busy {
                    until: Timestamp::from_millis(until),
                },
                _ => Refused(RefusedBy::Limit),
            };
        }
        self.grant(begin, own, terms)
    }

    /// Line 14.
    fn grant(&mut self, begin: &Begin, own: Epoch, terms: &Record) -> BeginResult {
        if terms.factors == Factors::Code && begin.factors == Factors::Code {
            self.spend(&terms.matches, None);
            self.spend_passcode(begin.user, terms.passcode, None);
            self.accept_at(begin.user, terms.place);
            self.settle_now(begin, own, terms, Verdict::Accepted);
            return BeginResult::Repeat(Verdict::Accepted);
        }
        let burns = match begin.burn_code {
            Some(burn_code) => burn_code == BurnCode::OnMatch,
            None => self.clients.get(&begin.client).unwrap().burns,
        };
        if burns {
            self.spend(&terms.matches, Some(begin.key));
            self.spend_passcode(begin.user, terms.passcode, Some(begin.key));
        }
        let until = self.now + u64::try_from(begin.lease.as_millis()).unwrap();
        let record = Record {
            owner: begin.owner,
            epoch: own,
            factors: in_force(terms.factors, begin.factors),
            account: begin.account,
            initial: begin.initial_logins,
            carried: None,
            stage: Stage::InFlight(until),
            ..terms.clone()
        };
        self.attempts.insert(begin.key, record);
        self.budget(begin.user).asked.insert(begin.key);
        let until = Timestamp::from_millis(until);
        BeginResult::Granted { epoch: own, until }
    }

    pub(super) fn settle(&mut self, settle: &Settle) -> SettleResult {
        use SettleResult::{Already, Gone, LetIn, Released, Settled, Superseded};
        let key = settle.key;
        let Some(user) = self.attempts.get(&key).map(|record| record.user) else {
            return Gone;
        };
        self.due(user);
        let now = self.now;
        let record = self.attempts.get(&key).unwrap().clone();
        if now > record.end() + record.kept() + LIFE {
            return Gone;
        }
        match record.stage {
            Stage::Settled(Verdict::Accepted, _) if !self.is_record_good(&record) => {
                return Already(Verdict::Revoked);
            }
            Stage::Settled(verdict, _) => return record.carried.map_or(Already(verdict), LetIn),
            Stage::Open(_) => return Gone,
            Stage::InFlight(_) if record.epoch != settle.epoch => return Superseded,
            Stage::InFlight(_) => {}
        }
        let verdict = match settle.outcome {
            SourceOutcome::NotAsked => None,
            SourceOutcome::Unanswered => {
                self.unsure(user, key, now);
                None
            }
            SourceOutcome::Wrong => {
                self.wrong(user, key);
                Some(Verdict::WrongPassword)
            }
            SourceOutcome::Denied => Some(Verdict::Denied),
            SourceOutcome::Right if !self.is_record_good(&record) => Some(Verdict::Revoked),
            SourceOutcome::Right => Some(self.without_token(&record, settle)),
        };
        let budget = self.budget(user);
        if !budget.wrong.contains(&key) && !budget.unsure.contains(&key) {
            // Nothing counted, so nothing asked that counts.
            budget.asked.remove(&key);
        }
        let stage = verdict.map_or(Stage::Open(now), |verdict| Stage::Settled(verdict, now));
        let after = self.attempts.get_mut(&key).unwrap();
        after.stage = stage;
        let carried = record.carried(settle);
        after.carried = carried.filter(|_| verdict == Some(Verdict::Accepted));
        let carried = after.carried.clone();
        if verdict == Some(Verdict::Accepted) {
            self.spend(&record.matches, None);
            self.spend_passcode(user, record.passcode, None);
            if record.factors == Factors::CodeAndAccount {
                // No password was asked about.
                self.budget(user).unsure.remove(&key);
                self.budget(user).asked.remove(&key);
            } else {
                self.reset(user, now);
            }
            if !matches!(record.factors, Factors::Password | Factors::Forward) {
                self.accept_at(user, record.place);
            }
        }
        carried.map_or_else(|| verdict.map_or(Released, Settled), LetIn)
    }

    /// Right: but so many logins are allowed, and an old server must have said something.
    fn without_token(&mut self, record: &Record, settle: &Settle) -> Verdict {
        if record.factors == Factors::Forward && record.carried(settle).is_none() {
            return Verdict::Denied;
        }
        let used = self.initial.entry(record.user).or_default();
        if record.initial > 0 && *used >= record.initial {
            return Verdict::Denied;
        }
        *used += u32::from(record.initial > 0);
        Verdict::Accepted
    }

    fn settle_now(&mut self, begin: &Begin, own: Epoch, terms: &Record, verdict: Verdict) {
        let record = Record {
            owner: begin.owner,
            epoch: own,
            initial: begin.initial_logins,
            stage: Stage::Settled(verdict, self.now),
            ..terms.clone()
        };
        self.attempts.insert(begin.key, record);
    }

    /// Of a record, as its client allows it now; retries are always within its `keep`.
    fn grace_now(&self, begin: &Begin, record: &Record) -> u64 {
        let (_, allowed) = self.graces(begin);
        record.grace.min(allowed.max(record.keep))
    }

    /// For retries, and with re-validation.
    fn graces(&self, begin: &Begin) -> (u64, u64) {
        let client = self.clients.get(&begin.client).unwrap();
        if begin.caller_named && client.grace != 0 {
            (client.grace, client.grace.max(client.revalidation))
        } else {
            (client.grace_unnamed, client.grace_unnamed)
        }
    }

    fn fresh(&self, begin: &Begin, own: Epoch) -> Record {
        let (retry, grace) = self.graces(begin);
        Record {
            user: begin.user,
            place: begin.place,
            matches: begin.matches.clone(),
            owner: begin.owner,
            epoch: own,
            factors: begin.factors,
            passcode: self.typed(begin),
            account: begin.account,
            initial: begin.initial_logins,
            carried: None,
            grace,
            keep: retry.max(LIFE),
            stage: Stage::Open(0),
        }
    }

    fn is_record_good(&self, record: &Record) -> bool {
        let lost = record.minds_tokens() && self.owners.contains(&record.user);
        !lost && self.is_good(record.user, &record.matches)
    }

    fn is_good(&self, user: UserId, matches: &[Match]) -> bool {
        let good = |step: &Match| {
            let token = self.tokens.get(&step.token).unwrap();
            token.active && token.owner == user && token.generation == step.generation
        };
        self.users.get(&user) == Some(&true) && matches.iter().all(good)
    }

    fn counter(&self, step: &Match) -> Counter {
        let counter = self.counters.get(&(step.token, step.generation));
        counter.copied().unwrap_or_default()
    }

    fn spend(&mut self, matches: &[Match], burner: Option<AttemptKey>) {
        let mut steps = matches.to_vec();
        steps.sort_by_key(|step| std::cmp::Reverse(step.step));
        for step in steps {
            let counter = self
                .counters
                .entry((step.token, step.generation))
                .or_default();
            if step.step > counter.last_spent {
                counter.last_spent = step.step;
                counter.burned_by = burner;
                if burner.is_none() {
                    counter.drift += (step.offset - counter.drift).signum();
                    counter.drift = counter.drift.clamp(-5, 5);
                }
            }
        }
    }
}
