//! The limits of guessing as they are in force: the settings, with a safe value for each
//! that an operator left open.
//!
//! Must not know: what is counted, and when.

use std::time::Duration;

use super::storage;
use crate::base::limits::{PASSCODES_PER_MINUTE_MAX, WINDOW_STEPS_MAX};

/// The newest rules of `apply` that this binary speaks. What is in force is
/// `Head.version`.
pub const CLUSTER_VERSION: u32 = 1;

/// How often somebody may be wrong (DESIGN §2, "Places").
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Limits {
    /// Different wrong passwords, or wrong codes where the code is all, until the lock.
    pub strict_failures: u32,
    /// The span in which they count together.
    pub strict_window: Duration,
    /// How long the lock lasts.
    pub strict_lock: Duration,
    /// Wrong codes from a place where the user was let in lately.
    pub known_place_failures: u32,
    /// The span in which they count together.
    pub known_place_window: Duration,
    /// Wrong codes from all other places together, until each guess has a wait.
    pub elsewhere_failures: u32,
    /// Steps on either side of the expected one in which a code is looked for.
    pub window_steps: u8,
    /// Passcodes that the whole cluster sends in a minute.
    pub passcodes_per_minute: u32,
}

/// A value that cannot be set, by the name of its field.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{field} must be 0 (default) or {least} to {most}")]
pub struct LimitError {
    /// The field of the message.
    pub field: &'static str,
    /// Least value.
    pub least: u32,
    /// Greatest value.
    pub most: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            strict_failures: 3,
            strict_window: TEN_MINUTES,
            strict_lock: TEN_MINUTES,
            known_place_failures: 10,
            known_place_window: TEN_MINUTES,
            elsewhere_failures: 5,
            window_steps: 1,
            passcodes_per_minute: PASSCODES_PER_MINUTE,
        }
    }
}

impl Limits {
    /// What a settings document means; a value that is 0 or absent has its default.
    ///
    /// # Errors
    /// The first value out of its range. A stored document has none: it was checked when
    /// it was put.
    pub fn resolve(stored: Option<&storage::Limits>) -> Result<Self, LimitError> {
        let safe = Self::default();
        let Some(stored) = stored else {
            return Ok(safe);
        };
        let steps = u32::from(WINDOW_STEPS_MAX);
        let window_steps = number("window_steps", stored.window_steps, (1, steps))?;
        let passcodes_per_minute = number(
            "passcodes_per_minute",
            stored.passcodes_per_minute,
            (1, PASSCODES_PER_MINUTE_MAX),
        )?;
        Ok(Self {
            strict_failures: number("strict_failures", stored.strict_failures, (1, 20))?
                .unwrap_or(safe.strict_failures)
                .min(ceiling(stored)),
            strict_window: span("strict_window", stored.strict_window)?
                .unwrap_or(safe.strict_window),
            strict_lock: span("strict_lock", stored.strict_lock)?.unwrap_or(safe.strict_lock),
            known_place_failures: number(
                "known_place_failures",
                stored.known_place_failures,
                (1, 100),
            )?
            .unwrap_or(safe.known_place_failures),
            known_place_window: span("known_place_window", stored.known_place_window)?
                .unwrap_or(safe.known_place_window),
            elsewhere_failures: number("elsewhere_failures", stored.elsewhere_failures, (1, 50))?
                .unwrap_or(safe.elsewhere_failures),
            window_steps: window_steps
                .and_then(|steps| steps.try_into().ok())
                .unwrap_or(safe.window_steps),
            passcodes_per_minute: passcodes_per_minute.unwrap_or(safe.passcodes_per_minute),
        })
    }
}

/// No more strict failures than this.
pub(super) const fn ceiling(stored: &storage::Limits) -> u32 {
    match stored.strict_ceiling {
        0 => u32::MAX,
        ceiling => ceiling,
    }
}

/// A number within its range; `None` where it was left open.
const fn number(
    field: &'static str,
    value: u32,
    (least, most): (u32, u32),
) -> Result<Option<u32>, LimitError> {
    if value == 0 {
        Ok(None)
    } else if value < least || value > most {
        Err(LimitError { field, least, most })
    } else {
        Ok(Some(value))
    }
}

/// A span of ten seconds to a day, in milliseconds. Shorter ones would make the budget
/// a rate that nobody notices.
fn span(field: &'static str, millis: u32) -> Result<Option<Duration>, LimitError> {
    let found = number(field, millis, (10_000, 86_400_000))?;
    Ok(found.map(|millis| Duration::from_millis(millis.into())))
}

/// Where the settings say nothing.
pub(super) const PASSCODES_PER_MINUTE: u32 = 60;
const TEN_MINUTES: Duration = Duration::from_secs(600);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_open_has_a_safe_default() {
        let open = storage::Limits::default();
        assert_eq!(Limits::resolve(Some(&open)), Ok(Limits::default()));
        assert_eq!(Limits::resolve(None), Ok(Limits::default()));
        let safe = Limits::default();
        assert_eq!((safe.strict_failures, safe.known_place_failures), (3, 10));
        assert_eq!((safe.elsewhere_failures, safe.window_steps), (5, 1));
    }

    #[test]
    fn what_is_set_counts() {
        let set = storage::Limits {
            strict_failures: 7,
            strict_lock: 60_000,
            window_steps: 2,
            ..storage::Limits::default()
        };
        let limits = Limits::resolve(Some(&set)).expect("within the ranges");
        assert_eq!((limits.strict_failures, limits.window_steps), (7, 2));
        assert_eq!(limits.strict_lock, Duration::from_secs(60));
    }

    #[test]
    fn no_more_failures_than_the_ceiling_allows_whatever_is_set() {
        for (set, ceiling, expected) in [(0, 2, 2), (7, 2, 2), (1, 2, 1), (7, 0, 7), (0, 9, 3)] {
            let limits = storage::Limits {
                strict_failures: set,
                strict_ceiling: ceiling,
                ..storage::Limits::default()
            };
            let limits = Limits::resolve(Some(&limits)).expect("within the ranges");
            assert_eq!(limits.strict_failures, expected, "{set} under {ceiling}");
        }
    }

    #[test]
    fn a_value_out_of_range_is_named() {
        let set = storage::Limits {
            strict_failures: 21,
            ..storage::Limits::default()
        };
        let error = Limits::resolve(Some(&set)).expect_err("21 is too many");
        assert_eq!(error.field, "strict_failures");
    }
}
