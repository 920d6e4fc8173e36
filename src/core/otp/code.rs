//! Codes, and the steps of a window in which a given code is the right one.
//!
//! Knows time only as an argument. Must not know what was spent: it reports *all*
//! matching steps, since one that was left out here could be replayed later.

use std::fmt;
use std::io::Write as _;
use std::ops::RangeInclusive;

use subtle::ConstantTimeEq;
use zeroize::Zeroize;

use super::{Algorithm, Parameters};
use crate::base::limits::{DRIFT_STEPS_MAX, WINDOW_STEPS_MAX};
use crate::base::{Secret, Timestamp};

/// A step whose code is the one that was typed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Matched {
    /// The step, counted from 1970 in periods.
    pub step: u64,
    /// How far it lies from the step that the time alone gives, drift left out: what the
    /// token's drift would be.
    pub offset: i32,
}

/// All steps within `window` steps either side of the expected one whose code is `code`,
/// spent or not, oldest first. The expected step is the one of `now`, moved by `drift`.
///
/// `code` is ASCII digits; anything else, or another length than the token's, matches
/// nothing. Every step of the window is computed and compared in constant time, whatever
/// matched before.
///
/// `window` counts for at most [`WINDOW_STEPS_MAX`] and `drift` for at most
/// [`DRIFT_STEPS_MAX`] steps, so that neither a setting nor a stored value can widen it.
#[must_use]
pub fn matches(
    seed: &Secret,
    parameters: &Parameters,
    code: &[u8],
    now: Timestamp,
    drift: i32,
    window: u8,
) -> Vec<Matched> {
    if code.len() != parameters.digits.count() {
        return Vec::new();
    }
    let undrifted = step_of(now, parameters);
    let generator = generator(seed, parameters);
    offsets(drift, window)
        .filter_map(|offset| {
            let step = undrifted.checked_add_signed(offset)?;
            let expected = generated(&generator, parameters, step)?;
            let same: bool = expected.as_bytes().ct_eq(code).into();
            let offset = i32::try_from(offset).ok()?;
            same.then_some(Matched { step, offset })
        })
        .collect()
}

/// Every code for which [`matches()`] finds a step, and those of `late` steps before them, oldest
/// first: for who cannot read the code that was typed, and has to try each.
#[must_use]
pub fn codes(
    seed: &Secret,
    parameters: &Parameters,
    now: Timestamp,
    drift: i32,
    (window, late): (u8, u8),
) -> Vec<Code> {
    let undrifted = step_of(now, parameters);
    let offsets = offsets(drift, window);
    let first = offsets.start().saturating_sub(i64::from(late));
    let generator = generator(seed, parameters);
    (first..=*offsets.end())
        .filter_map(|offset| {
            let step = undrifted.checked_add_signed(offset)?;
            generated(&generator, parameters, step)
        })
        .collect()
}

/// The code of one step, as the token shows it; `None` for a step so late that its time
/// is no 64-bit number of seconds.
#[must_use]
pub fn code_at(seed: &Secret, parameters: &Parameters, step: u64) -> Option<Code> {
    generated(&generator(seed, parameters), parameters, step)
}

/// A code: 6 to 8 ASCII digits. Wiped when dropped and never printed by `Debug`.
pub struct Code {
    digits: [u8; 8],
    count: usize,
}

impl Code {
    /// The digits, ASCII.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.digits
            .get(..self.count)
            .expect("a code has at most eight digits")
    }

    /// The digits as text, to be typed or shown to the token's owner.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(self.as_bytes()).expect("digits are ASCII")
    }
}

impl Drop for Code {
    fn drop(&mut self) {
        self.digits.zeroize();
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Code(…)")
    }
}

/// The window, in steps from the one that the time alone gives.
fn offsets(drift: i32, window: u8) -> RangeInclusive<i64> {
    let drift = i64::from(drift.clamp(-DRIFT_STEPS_MAX, DRIFT_STEPS_MAX));
    let side = i64::from(window.min(WINDOW_STEPS_MAX));
    drift.saturating_sub(side)..=drift.saturating_add(side)
}

/// The step that `now` falls into (RFC 6238 §4.2, T0 = 0).
fn step_of(now: Timestamp, parameters: &Parameters) -> u64 {
    now.as_secs()
        .checked_div(parameters.period.as_secs())
        .expect("a period is never zero")
}

/// The package checks seeds against RFC 4226's 128 bits; imported hardware has fewer.
/// What it leaves unchecked (digits, period) our types have already settled.
fn generator(seed: &Secret, parameters: &Parameters) -> totp_rs::Totp {
    totp_rs::Builder::new()
        .with_algorithm(match parameters.algorithm {
            Algorithm::Sha1 => totp_rs::Algorithm::SHA1,
            Algorithm::Sha256 => totp_rs::Algorithm::SHA256,
            Algorithm::Sha512 => totp_rs::Algorithm::SHA512,
        })
        .with_digits(parameters.digits.octet())
        .with_step_duration(parameters.period.as_secs())
        .with_secret(seed.expose())
        .build_noncompliant()
}

fn generated(generator: &totp_rs::Totp, parameters: &Parameters, step: u64) -> Option<Code> {
    let seconds = step.checked_mul(parameters.period.as_secs())?;
    let mut code = Code {
        digits: [0; 8],
        count: parameters.digits.count(),
    };
    let mut room: &mut [u8] = &mut code.digits;
    write!(room, "{}", generator.generate(seconds)).expect("a code has at most eight digits");
    Some(code)
}

#[cfg(test)]
mod tests;
