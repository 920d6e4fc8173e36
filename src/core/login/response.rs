//! Codes that came hashed: CHAP and MS-CHAPv2, where the code is all that a login shows.
//!
//! A code cannot be read out of a response: each that a token of the user may show now is
//! tried. What is found takes the place of what PAP would have brought, so that the same
//! login is one attempt, whatever its device hashed it with and whichever challenge the next
//! packet has. Where nothing is found, each response is one wrong code of its own: of two
//! responses nobody can tell that the same wrong code was typed. A device that hashes anew
//! for each server so counts one typo at most once for each server that it asks; one that
//! sends the user's own response on, as the relay of a PPP link must, counts it once.
//!
//! LIMIT: a search tries `RESPONSE_CODES_MAX` codes. Nothing of it leaves the node: the
//! claim that follows is recorded like any other, with a code or without. Must not know
//! what was spent.

use super::judge::{Secrets, usable};
use super::{Ending, Reason, Request, Rule, Stop, identity};
use crate::base::limits::RESPONSE_LATE_STEPS;
use crate::base::{Secret, TokenId, UserId};
use crate::ledger::rules::Prompt;
use crate::ledger::{Factors, Read, query};
use crate::otp;
use crate::radius::{Attribute, Chap, MsChap2, MsChap2Success, Unencodable};

/// A response in place of a code.
#[derive(Debug, Eq, PartialEq)]
pub enum Response {
    /// CHAP-Password.
    Chap(Chap),
    /// MS-CHAP2-Response.
    MsChap2(MsChap2),
}

impl Response {
    /// What the reply has to carry beside what a rule grants, where the code was `code`.
    ///
    /// # Errors
    /// None, as the lengths are fixed.
    pub fn success(&self, code: &Secret) -> Result<Vec<Attribute>, Unencodable> {
        match self {
            Self::Chap(_) => Ok(Vec::new()),
            Self::MsChap2(made) => Ok(made.success(code.expose()).attributes()?.into()),
        }
    }

    /// How much of the reply that takes.
    pub(super) const fn success_octets(&self) -> usize {
        match self {
            Self::Chap(_) => 0,
            Self::MsChap2(_) => MsChap2Success::PACKET_OCTETS,
        }
    }

    /// What tells it from any other: the same packet has the same. Its first part has one
    /// length for each kind, so that no two responses are the same octets.
    pub(super) fn octets(&self) -> Secret {
        let (kind, response, challenge) = match self {
            Self::Chap(made) => (1, made.password(), made.challenge()),
            Self::MsChap2(made) => (2, made.response(), made.challenge()),
        };
        Secret::new([&[kind], response.expose(), challenge.expose()].concat())
    }

    fn is_made_with(&self, code: &[u8]) -> bool {
        match self {
            Self::Chap(made) => made.is_made_with(code),
            Self::MsChap2(made) => made.is_made_with(code),
        }
    }
}

/// Finds the code that a request's response was made with; `None`: none that any token of the
/// user may show.
///
/// # Errors
/// A Reject where a response proves nothing: the rule asks for a password, which nobody here
/// knows, or for the code in a challenge. Silence where a seed does not open and no other
/// token has the code.
pub fn code_of(
    view: &impl Read,
    request: &Request,
    response: &Response,
    rule: &Rule,
    secrets: &Secrets,
) -> Result<Option<Secret>, Stop> {
    let reject = |reason| Err(Stop::Ended(Ending::reject(reason)));
    if request.state.is_some() {
        return reject(Reason::ResponseToChallenge);
    }
    let id = identity::user_of(view, request, rule)?;
    let user = query::user(view, id)?.unwrap_or_default();
    let terms = rule.terms(view, request, &user)?;
    match (terms.factors, terms.prompt) {
        (Factors::PasswordAndCode | Factors::Password | Factors::Forward, _) => {
            reject(Reason::ResponseForPassword)
        }
        (Factors::Code | Factors::CodeAndAccount, Prompt::Challenge) => {
            reject(Reason::ResponseToChallenge)
        }
        (Factors::Code | Factors::CodeAndAccount, Prompt::Append | Prompt::Either) => {
            let tokens: Vec<_> = user.tokens.into_iter().map(TokenId).collect();
            search(view, request, response, (id, &tokens), rule, secrets)
        }
    }
}

/// Tries every code of every token, whatever was found before.
fn search(
    view: &impl Read,
    request: &Request,
    response: &Response,
    (user, tokens): (UserId, &[TokenId]),
    rule: &Rule,
    secrets: &Secrets,
) -> Result<Option<Secret>, Stop> {
    let steps = (rule.policy.window_steps, RESPONSE_LATE_STEPS);
    let (mut found, mut broken) = (None, false);
    for token in usable(query::owned_tokens(view, user, tokens)?) {
        let Some(seed) = token.open(secrets) else {
            broken = true;
            continue;
        };
        let (parameters, drift) = (&token.parameters, token.drift);
        let codes = otp::codes(&seed, parameters, request.arrived, drift, steps);
        for code in codes {
            if response.is_made_with(code.as_bytes()) {
                found = Some(Secret::from(code.as_bytes()));
            }
        }
    }
    match found {
        None if broken => Err(Stop::Ended(Ending::silent(Reason::Unsealable))),
        found => Ok(found),
    }
}
