//! Which steps the typed code stands for, and the claim that follows from it.
//!
//! Seeds are opened here, one at a time, and wiped before the function ends. Must not
//! know what was spent: every matching step goes to the ledger, which alone tells a first
//! use from a repeat and a replay.

use std::sync::Arc;

use super::split::{Candidate, candidates, given, split};
use super::{
    Against, Apart, Case, Claim, Ending, Forwarded, Question, Reason, Request, Rule, Stop,
};
use crate::base::{ClusterId, Epoch, Owner, Secret, TokenId};
use crate::ledger::attempts::Attempt;
use crate::ledger::query::{self, OwnedToken};
use crate::ledger::{Begin, Factors, Match, Read, Revisions, fields, storage};
use crate::otp::{self, Algorithm, Digits, Parameters, Period};
use crate::seal::{Keyring, MacKey, Sealed};

/// The opened secrets of a cluster that logins need.
#[derive(Debug)]
pub struct Secrets {
    /// Whose they are.
    pub cluster: ClusterId,
    /// Opens seeds.
    pub keyring: Keyring,
    /// Hashes places.
    pub places: MacKey,
}

impl Case {
    /// Finds the code and builds the claim.
    ///
    /// # Errors
    /// A Reject for a user without a token; silence when a seed cannot be opened.
    pub fn judge(
        &self,
        view: &impl Read,
        (request, apart): (&Request, Option<&Apart>),
        rule: &Rule,
        secrets: &Secrets,
        owner: Owner,
    ) -> Result<Claim, Stop> {
        if self.terms.factors == Factors::Forward {
            return self.judge_forward((request, apart), rule, owner);
        }
        if self.terms.factors == Factors::Password {
            return self.judge_password((request, apart), rule, secrets, owner);
        }
        let owned = query::owned_tokens(view, self.identity.user, &self.tokens)?;
        let tokens = usable(owned);
        let may_be_passcode = !self.passcodes.is_empty();
        if tokens.is_empty() && self.record.is_none() && !may_be_passcode {
            return Err(Stop::Ended(Ending::reject(Reason::NoToken)));
        }
        let lengths = || tokens.iter().map(|token| token.parameters.digits.count());
        let (typed, factors) = (request.password.expose(), self.terms.factors);
        let search = Search {
            request,
            secrets,
            window: rule.policy.window_steps,
            tokens: &tokens,
        };
        let readings = match apart {
            None => candidates(typed, factors, lengths()),
            Some(apart) => given(apart, factors, lengths()),
        };
        let found = search.among(readings)?;
        let (read, matches) = found.unwrap_or_default();
        let read = read.or_else(|| match apart {
            None => self.recorded_reading(typed, &tokens),
            Some(apart) if may_be_passcode => Some(apart.reading()),
            Some(apart) => self.recorded_apart(apart),
        });
        let asks = factors != Factors::Code;
        let bare = match apart {
            None => lengths().any(|length| length == typed.len() && split(typed, length).is_some()),
            Some(apart) => apart.password.is_empty(),
        };
        let reason = if factors == Factors::PasswordAndCode && bare {
            Reason::EmptyPassword
        } else {
            Reason::WrongCode
        };
        let read = read.filter(|_| asks);
        let question = read.map(|read| self.question(read, rule, secrets));
        Ok(Claim {
            begin: self.begin(request, rule, matches, owner),
            question: question.transpose()?,
            account_grants: self.terms.account_grants.clone(),
            let_in: self.let_in(),
            hit: self.hit(),
            miss: reason,
            on_source_down: rule.policy.on_source_down,
        })
    }

    /// Where no code is asked for, nothing is split and nothing is looked for: all that was
    /// typed is the password.
    fn judge_password(
        &self,
        (request, apart): (&Request, Option<&Apart>),
        rule: &Rule,
        secrets: &Secrets,
        owner: Owner,
    ) -> Result<Claim, Stop> {
        let typed = apart.map_or(&request.password, |apart| &apart.password);
        let (password, code) = (typed.expose(), &[][..]);
        if password.is_empty() {
            return Err(Stop::Ended(Ending::reject(Reason::EmptyPassword)));
        }
        Ok(Claim {
            begin: self.begin(request, rule, Vec::new(), owner),
            question: Some(self.question(Candidate { password, code }, rule, secrets)?),
            account_grants: self.terms.account_grants.clone(),
            let_in: self.let_in(),
            hit: self.hit(),
            miss: Reason::WrongCode,
            on_source_down: rule.policy.on_source_down,
        })
    }

    /// All that was typed goes to the old server, which knows where a code in it begins.
    fn judge_forward(
        &self,
        (request, apart): (&Request, Option<&Apart>),
        rule: &Rule,
        owner: Owner,
    ) -> Result<Claim, Stop> {
        let reject = |reason| Err(Stop::Ended(Ending::reject(reason)));
        if apart.is_some() && request.state.is_some() {
            return reject(Reason::ForwardToChallenge);
        }
        if request.password.is_empty() {
            return reject(Reason::EmptyPassword);
        }
        let Some(server) = &self.terms.to else {
            return reject(Reason::NoRule);
        };
        let name = String::from_utf8(request.user_name.clone());
        let forwarded = Forwarded {
            server: Arc::clone(server),
            attributes: request.forwarded_attributes(),
        };
        let question = Question {
            // Whoever has a name here has typed one.
            name: name.map_err(|_| Stop::Ended(Ending::reject(Reason::UnknownUser)))?,
            password: request.password.duplicate(),
            against: Against::Forward(Box::new(forwarded)),
            account: None,
            timeout: rule.policy.source_timeout,
        };
        Ok(Claim {
            begin: self.begin(request, rule, Vec::new(), owner),
            question: Some(question),
            account_grants: None,
            let_in: self.let_in(),
            hit: self.hit(),
            miss: Reason::WrongCode,
            on_source_down: rule.policy.on_source_down,
        })
    }

    /// How a login is told of that this claim lets in: every use of an exception is told from
    /// the rest. What a record had to show already counts as shown.
    fn let_in(&self) -> Reason {
        let (now, was) = (
            self.terms.factors,
            self.record.as_ref().map(|it| it.factors),
        );
        let shown = match was.filter(|was| ![*was, now].contains(&Factors::Forward)) {
            Some(was) => was.strictest(now),
            None => now,
        };
        match shown {
            Factors::Forward => Reason::AcceptedForwarded,
            Factors::Password if self.terms.initial_logins > 0 => Reason::AcceptedInitial,
            Factors::Password => Reason::AcceptedSingleFactor,
            Factors::PasswordAndCode | Factors::Code | Factors::CodeAndAccount => Reason::Accepted,
        }
    }

    /// How a login is told of that the ledger lets in at once: by a record that still answers
    /// all by itself, or by its client's re-validation.
    fn hit(&self) -> Reason {
        let record = self.record.as_ref();
        if record.is_some_and(|record| record.revalidates(self.issued)) {
            Reason::Revalidated
        } else {
            self.let_in()
        }
    }

    /// The reading that the record was made with: a retry may come when its code has left
    /// the window. The key binds all typed octets, so the code ends where it ended then.
    fn recorded_reading<'a>(&self, typed: &'a [u8], tokens: &[Token]) -> Option<Candidate<'a>> {
        let first = self.record.as_ref()?.matches.first()?;
        let token = tokens.iter().find(|token| token.id == first.token)?;
        let read = split(typed, token.parameters.digits.count())?;
        self.is_whole(&read).then_some(read)
    }

    /// The same of what came each by itself.
    fn recorded_apart<'a>(&self, apart: &'a Apart) -> Option<Candidate<'a>> {
        let is_recorded = !self.record.as_ref()?.matches.is_empty();
        let read = apart.reading();
        (is_recorded && self.is_whole(&read)).then_some(read)
    }

    /// Whether a reading has a password exactly where one is asked for.
    fn is_whole(&self, read: &Candidate<'_>) -> bool {
        read.password.is_empty() == self.terms.factors.is_code_alone()
    }

    fn question(
        &self,
        read: Candidate<'_>,
        rule: &Rule,
        secrets: &Secrets,
    ) -> Result<Question, Stop> {
        Ok(Question {
            name: self.directory_name.clone(),
            password: Secret::from(read.password),
            against: self.against(secrets)?,
            account: self.terms.account.clone(),
            timeout: rule.policy.source_timeout,
        })
    }

    /// Who is asked. A hash that does not open says nothing of what was typed.
    fn against(&self, secrets: &Secrets) -> Result<Against, Stop> {
        if self.terms.factors == Factors::CodeAndAccount {
            return Ok(Against::Account);
        }
        if self.own_password.is_empty() {
            return Ok(Against::Directory);
        }
        let row = self.identity.user.0.to_be_bytes();
        let context = fields::user_password(secrets.cluster, &row);
        let open = |sealed: Sealed| secrets.keyring.open(&context, &sealed).ok();
        let hash = Sealed::decode(&self.own_password).ok().and_then(open);
        let hash = hash.ok_or(Stop::Ended(Ending::silent(Reason::Unsealable)))?;
        Ok(Against::Own(hash))
    }

    fn begin(&self, request: &Request, rule: &Rule, matches: Vec<Match>, owner: Owner) -> Begin {
        let epoch = |record: &Attempt| record.epoch;
        Begin {
            key: self.identity.name.key,
            prev: self.record.as_ref().map_or_else(Epoch::default, epoch),
            owner,
            user: self.identity.user,
            client: request.client,
            place: self.identity.place,
            matches,
            revisions: Revisions {
                user: self.user_revision,
                ..rule.revisions
            },
            factors: self.terms.factors,
            issued: self.issued,
            lease: rule.policy.lease,
            caller_named: request.caller.is_named(),
            burn_code: self.terms.burn_code,
            answer: self.identity.name.answer,
            passcodes: self.passcodes.clone(),
            account: self.terms.account.is_some(),
            initial_logins: self.terms.initial_logins,
        }
    }
}

/// An active token, in types that hold nothing to be checked.
pub(super) struct Token {
    id: TokenId,
    generation: u64,
    pub(super) parameters: Parameters,
    pub(super) drift: i32,
    /// None: not a sealed field at all.
    seed: Option<Sealed>,
}

impl Token {
    /// Its seed; `None`: it does not open.
    pub(super) fn open(&self, secrets: &Secrets) -> Option<Secret> {
        let row = self.id.0.to_be_bytes();
        let context = fields::token_seed(secrets.cluster, &row);
        secrets.keyring.open(&context, self.seed.as_ref()?).ok()
    }
}

/// The tokens that take logins. One with parameters that this binary does not know takes
/// none: unknown means no.
pub(super) fn usable(tokens: Vec<OwnedToken>) -> Vec<Token> {
    tokens
        .into_iter()
        .filter_map(|owned| token(&owned))
        .collect()
}

fn token(OwnedToken { token, counter }: &OwnedToken) -> Option<Token> {
    let algorithm = match token.algorithm() {
        storage::TokenAlgorithm::Sha1 => Algorithm::Sha1,
        storage::TokenAlgorithm::Sha256 => Algorithm::Sha256,
        storage::TokenAlgorithm::Sha512 => Algorithm::Sha512,
        storage::TokenAlgorithm::Unspecified => return None,
    };
    let parameters = Parameters {
        algorithm,
        digits: Digits::try_from(token.digits).ok()?,
        period: Period::try_from(u64::from(token.period)).ok()?,
    };
    // What was learnt of an older seed's clock says nothing about this one's.
    let learnt = counter.generation == token.generation;
    let active = token.state() == storage::TokenState::Active;
    active.then(|| Token {
        id: TokenId(token.id),
        generation: token.generation,
        parameters,
        drift: if learnt { counter.drift } else { 0 },
        seed: Sealed::decode(&token.seed).ok(),
    })
}

/// What a code is looked for with.
struct Search<'a> {
    request: &'a Request,
    secrets: &'a Secrets,
    window: u8,
    tokens: &'a [Token],
}

/// A reading, and every step that its code stands for.
type Found<'a> = (Option<Candidate<'a>>, Vec<Match>);

impl Search<'_> {
    /// The first of the readings whose code any token has, with *all* steps it stands for.
    ///
    /// A seed that does not open ends the login only where nothing else matched: the
    /// user must not be counted wrong for it.
    fn among<'a>(&self, readings: Vec<Candidate<'a>>) -> Result<Option<Found<'a>>, Stop> {
        let mut broken = false;
        for reading in readings {
            let mut matches = Vec::new();
            let length = reading.code.len();
            for token in self
                .tokens
                .iter()
                .filter(|t| t.parameters.digits.count() == length)
            {
                match self.matches(token, reading.code) {
                    Some(steps) => matches.extend(steps),
                    None => broken = true,
                }
            }
            if !matches.is_empty() {
                return Ok(Some((Some(reading), matches)));
            }
        }
        if broken {
            return Err(Stop::Ended(Ending::silent(Reason::Unsealable)));
        }
        Ok(None)
    }

    /// The steps of one token, or None where its seed does not open.
    fn matches(&self, token: &Token, code: &[u8]) -> Option<impl Iterator<Item = Match>> {
        let seed = token.open(self.secrets)?;
        let (now, window) = (self.request.arrived, self.window);
        let steps = otp::matches(&seed, &token.parameters, code, now, token.drift, window);
        let (token, generation) = (token.id, token.generation);
        Some(steps.into_iter().map(move |found| Match {
            token,
            generation,
            step: found.step,
            offset: found.offset,
        }))
    }
}

#[cfg(test)]
mod tests;
