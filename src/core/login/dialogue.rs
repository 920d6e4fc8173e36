//! How password and code came: in one field, each by itself, or in two rounds of a
//! challenge (RFC 2865 §4.4 and §5.24).
//!
//! A State holds what the user typed first, sealed, so that any node goes on where another
//! has asked. It is bound to client, name and caller; that it is used once is for the
//! ledger to see to. Looks at forms alone: must not know whether a user exists, or whether
//! a code is right, since a challenge is given before any of that is recorded.

use data_encoding::{BASE64, BASE64_NOPAD};

use super::request::is_clean;
use super::split::Candidate;
use super::{AttemptMacs, Ending, Reason, Request, Stop};
use crate::base::limits::{
    CHALLENGE_ROUNDS_MAX, CLOCKS_APART_MAX, STATE_LIFE, STATE_LIFE_SENT, STATE_OCTETS_MAX,
};
use crate::base::{Entropy, Secret, Timestamp};
use crate::ledger::rules::Prompt;
use crate::seal::{MacKey, PASSING_OVERHEAD_OCTETS, PassingKey};

/// How password and code came.
#[derive(Debug)]
pub enum Dialogue {
    /// In one field, or the code did not come yet.
    Joined,
    /// Each by itself.
    Apart(Apart),
    /// The answer can be no code, whoever gave it: it is asked for again.
    Unanswered(Opened),
}

/// Password and code, each by itself.
#[derive(Debug)]
pub struct Apart {
    /// What proves the user at the source; empty where the code is all.
    pub password: Secret,
    /// What was typed as the code.
    pub code: Secret,
}

/// What a State holds.
#[derive(Debug)]
pub struct Opened {
    /// What was typed in the first round.
    pub password: Secret,
    /// How often the code has been asked for, from 1.
    pub round: u8,
    /// The answer asks for a passcode.
    pub asks_passcode: bool,
}

impl Dialogue {
    /// Reads how the request goes on, or begins.
    ///
    /// # Errors
    /// A Reject for a State that is not ours, not this login's, or too old: it is never
    /// taken for a first round. Noise in an unproven packet is what a wrong shared secret
    /// looks like: it is answered like one, with silence, and not counted.
    pub fn open(request: &Request, macs: &AttemptMacs) -> Result<Self, Stop> {
        if !request.is_clean_text() {
            return Err(Stop::Ended(if request.proven {
                Ending::reject(Reason::UnreadablePassword)
            } else {
                Ending::silent(Reason::UnreadablePassword)
            }));
        }
        let Some(state) = &request.state else {
            let apart = static_challenge(request.password.expose())?;
            return Ok(apart.map_or(Self::Joined, Self::Apart));
        };
        let mut opened = Opened::read(state, request, macs).map_err(reject)?;
        opened.asks_passcode = asks_passcode(request.password.expose());
        if !is_code(request.password.expose()) {
            return Ok(Self::Unanswered(opened));
        }
        Ok(Self::Apart(Apart {
            password: opened.password,
            code: request.password.duplicate(),
        }))
    }

    /// Whether the code is asked for in an answer of its own.
    #[must_use]
    pub fn asks(&self, prompt: Prompt, request: &Request) -> bool {
        match (self, prompt) {
            (Self::Apart(_) | Self::Unanswered(_), _) | (_, Prompt::Append) => false,
            // No device that hashes what the user types can ask for more of it.
            (Self::Joined, _) if request.response.is_some() => false,
            (Self::Joined, Prompt::Challenge) => true,
            (Self::Joined, Prompt::Either) => !ends_in_code(request.password.expose()),
        }
    }

    /// The State that asks for the code.
    ///
    /// # Errors
    /// A Reject where it was asked for often enough, or where the password does not fit:
    /// cut off, it would be another one.
    pub fn ask(
        &self,
        request: &Request,
        macs: &AttemptMacs,
        now: Timestamp,
        entropy: &mut impl Entropy,
    ) -> Result<Vec<u8>, Stop> {
        self.state(request, macs.in_force(now), 0, entropy)
    }

    /// The State that asks for the code of a message: a longer time to answer.
    ///
    /// # Errors
    /// As [`Self::ask`].
    pub fn ask_sent(
        &self,
        request: &Request,
        macs: &AttemptMacs,
        now: Timestamp,
        entropy: &mut impl Entropy,
    ) -> Result<Vec<u8>, Stop> {
        self.state(request, macs.in_force(now), SENT, entropy)
    }

    fn state(
        &self,
        request: &Request,
        root: &MacKey,
        mark: u8,
        entropy: &mut impl Entropy,
    ) -> Result<Vec<u8>, Stop> {
        let (password, round) = match self {
            Self::Unanswered(opened) => (&opened.password, opened.round.saturating_add(1)),
            Self::Joined | Self::Apart(_) => (&request.password, 1),
        };
        if round > CHALLENGE_ROUNDS_MAX {
            return Err(reject(Reason::ChallengeRounds));
        }
        if password.len() > PASSWORD_CARRIED_OCTETS_MAX {
            return Err(reject(Reason::PasswordUncarried));
        }
        let issued = request.arrived.as_millis().to_be_bytes();
        let plain = Secret::new([&issued, &[round | mark][..], password.expose()].concat());
        let key = key(root);
        let sealed = bound(request, |parts| key.seal(parts, plain.expose(), entropy));
        // As text: there are devices that end a State at its first NUL.
        Ok(BASE64_NOPAD.encode(&sealed).into_bytes())
    }

    /// Password and code, where they came each by itself.
    #[must_use]
    pub fn apart(self) -> Option<Apart> {
        match self {
            Self::Apart(apart) => Some(apart),
            Self::Joined | Self::Unanswered(_) => None,
        }
    }
}

impl Apart {
    pub(super) fn reading(&self) -> Candidate<'_> {
        Candidate {
            password: self.password.expose(),
            code: self.code.expose(),
        }
    }
}

impl Opened {
    fn read(state: &[u8], request: &Request, macs: &AttemptMacs) -> Result<Self, Reason> {
        let sealed = BASE64_NOPAD.decode(state);
        let sealed = sealed.map_err(|_| Reason::StateInvalid)?;
        let opened = bound(request, |parts| {
            macs.all().find_map(|root| key(root).open(parts, &sealed))
        });
        let plain = opened.ok_or(Reason::StateInvalid)?;
        let (issued, rest) = plain
            .expose()
            .split_first_chunk()
            .ok_or(Reason::StateInvalid)?;
        let (&round, password) = rest.split_first().ok_or(Reason::StateInvalid)?;
        let issued = Timestamp::from_millis(u64::from_be_bytes(*issued));
        // The clocks of the two nodes need not agree to the second.
        let life = if round & SENT == 0 {
            STATE_LIFE
        } else {
            STATE_LIFE_SENT
        };
        let is_over = request.arrived > issued.plus(life);
        if is_over || issued > request.arrived.plus(CLOCKS_APART_MAX) {
            return Err(Reason::StateExpired);
        }
        Ok(Self {
            password: Secret::from(password),
            round: round & !SENT,
            asks_passcode: false,
        })
    }
}

/// OpenVPN's static challenge: `SCRV1:` and, in Base64, password and answer. What only looks
/// like one is a password.
fn static_challenge(typed: &[u8]) -> Result<Option<Apart>, Stop> {
    let Some(rest) = typed.strip_prefix(b"SCRV1:") else {
        return Ok(None);
    };
    let mut parts = rest.split(|octet| *octet == b':');
    let (Some(password), Some(code), None) = (parts.next(), parts.next(), parts.next()) else {
        return Ok(None);
    };
    let (Ok(password), Ok(code)) = (BASE64.decode(password), BASE64.decode(code)) else {
        return Ok(None);
    };
    let (password, code) = (Secret::new(password), Secret::new(code));
    if is_clean(password.expose()) && is_clean(code.expose()) {
        Ok(Some(Apart { password, code }))
    } else {
        Err(reject(Reason::UnreadablePassword))
    }
}

/// The form of a code of any token; with none of them known, nobody's token shows.
fn is_code(typed: &[u8]) -> bool {
    (CODE_DIGITS_MIN..=CODE_DIGITS_MAX).contains(&typed.len())
        && typed.iter().all(u8::is_ascii_digit)
}

/// Whether an answer asks for a passcode: nothing, or the word that challenges name.
fn asks_passcode(typed: &[u8]) -> bool {
    typed.is_empty() || typed.trim_ascii().eq_ignore_ascii_case(PASSCODE_WORD)
}

fn ends_in_code(typed: &[u8]) -> bool {
    let end = typed.last_chunk::<CODE_DIGITS_MIN>();
    end.is_some_and(|end| end.iter().all(u8::is_ascii_digit))
}

const fn reject(reason: Reason) -> Stop {
    Stop::Ended(Ending::reject(reason))
}

fn key(root: &MacKey) -> PassingKey {
    PassingKey::derive(root, "state")
}

/// With what a State is bound to.
fn bound<T>(request: &Request, with: impl FnOnce(&[&[u8]]) -> T) -> T {
    let client = request.client.0.to_be_bytes();
    request
        .caller
        .with_parts(|[a, b, c, d, e, f]| with(&[&client, &request.user_name, a, b, c, d, e, f]))
}

/// What asks for a passcode, in any case.
const PASSCODE_WORD: &[u8] = b"send";
/// Beside the round: a passcode was sent, or seems so.
const SENT: u8 = 0x80;
/// When it was given, and in which round.
const HEADER_OCTETS: usize = 9;
/// The longest password that a State can hold.
const PASSWORD_CARRIED_OCTETS_MAX: usize =
    BASE64_STATE_OCTETS - PASSING_OVERHEAD_OCTETS - HEADER_OCTETS;
/// What fits into a State as text: three octets in four signs.
const BASE64_STATE_OCTETS: usize = STATE_OCTETS_MAX * 3 / 4;
/// As [`Digits`](crate::otp::Digits) has them.
const CODE_DIGITS_MIN: usize = 6;
const CODE_DIGITS_MAX: usize = 8;

#[cfg(test)]
mod tests;
