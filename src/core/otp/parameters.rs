//! What a token was made with. The types hold nothing that the rest would have to check.
//!
//! Knows which values exist; must not know what they are used for.

use std::fmt;
use std::str::FromStr;

/// How codes are computed from a seed. The default is what nearly every app supports.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub struct Parameters {
    /// Hash of the HMAC.
    pub algorithm: Algorithm,
    /// Length of a code.
    pub digits: Digits,
    /// Length of a time step.
    pub period: Period,
}

/// Hash of the HMAC (RFC 6238 §1.2).
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub enum Algorithm {
    /// HMAC-SHA-1, the only one that every app knows.
    #[default]
    Sha1,
    /// HMAC-SHA-256.
    Sha256,
    /// HMAC-SHA-512.
    Sha512,
}

impl Algorithm {
    /// Octets of a new seed: as many as the hash puts out (RFC 6238 §5.1).
    #[must_use]
    pub const fn seed_octets(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha512 => 64,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Sha1 => "SHA1",
            Self::Sha256 => "SHA256",
            Self::Sha512 => "SHA512",
        }
    }
}

/// The name that an otpauth URI uses: `SHA1`, `SHA256` or `SHA512`.
impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Algorithm {
    type Err = ParameterError;

    fn from_str(text: &str) -> Result<Self, ParameterError> {
        [Self::Sha1, Self::Sha256, Self::Sha512]
            .into_iter()
            .find(|algorithm| algorithm.name().eq_ignore_ascii_case(text))
            .ok_or(ParameterError::Algorithm)
    }
}

/// Length of a code: 6, 7 or 8 digits.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Digits(u8);

impl Digits {
    /// The number of digits, 6 to 8.
    #[must_use]
    pub const fn count(self) -> usize {
        self.0 as usize
    }

    pub(super) const fn octet(self) -> u8 {
        self.0
    }
}

impl Default for Digits {
    fn default() -> Self {
        Self(6)
    }
}

impl fmt::Display for Digits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl TryFrom<u32> for Digits {
    type Error = ParameterError;

    fn try_from(count: u32) -> Result<Self, ParameterError> {
        match count {
            6 => Ok(Self(6)),
            7 => Ok(Self(7)),
            8 => Ok(Self(8)),
            given => Err(ParameterError::Digits { given }),
        }
    }
}

/// Length of a time step: 30 or 60 seconds.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Period(u8);

impl Period {
    /// The seconds of a step, 30 or 60.
    #[must_use]
    pub const fn as_secs(self) -> u64 {
        self.0 as u64
    }
}

impl Default for Period {
    fn default() -> Self {
        Self(30)
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl TryFrom<u64> for Period {
    type Error = ParameterError;

    fn try_from(seconds: u64) -> Result<Self, ParameterError> {
        match seconds {
            30 => Ok(Self(30)),
            60 => Ok(Self(60)),
            given => Err(ParameterError::Period { given }),
        }
    }
}

/// A value that no token here can have.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ParameterError {
    /// Neither SHA1, SHA256 nor SHA512.
    #[error("the algorithm is none of SHA1, SHA256 and SHA512")]
    Algorithm,
    /// Not 6 to 8 digits.
    #[error("a code has 6 to 8 digits, not {given}")]
    Digits {
        /// What was given.
        given: u32,
    },
    /// Neither 30 nor 60 seconds.
    #[error("a step has 30 or 60 seconds, not {given}")]
    Period {
        /// What was given, in seconds.
        given: u64,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_six_to_eight_digits_exist() {
        let taken: Vec<u32> = (0..300).filter(|&n| Digits::try_from(n).is_ok()).collect();
        assert_eq!(taken, [6, 7, 8]);
    }

    #[test]
    fn only_thirty_and_sixty_seconds_exist() {
        let taken: Vec<u64> = (0..600).filter(|&n| Period::try_from(n).is_ok()).collect();
        assert_eq!(taken, [30, 60]);
    }

    #[test]
    fn an_algorithm_is_read_as_it_is_written() {
        for algorithm in [Algorithm::Sha1, Algorithm::Sha256, Algorithm::Sha512] {
            assert_eq!(algorithm.to_string().to_lowercase().parse(), Ok(algorithm));
        }
        assert_eq!("MD5".parse::<Algorithm>(), Err(ParameterError::Algorithm));
    }
}
