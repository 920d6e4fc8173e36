//! The one bound of the time for a question, whatever is asked.

use std::time::Duration;

use countersign_core::base::limits::{SOURCE_TIMEOUT_MAX, SOURCE_TIMEOUT_MIN};

/// The time of so many milliseconds, unless it is out of bounds.
pub(super) fn within(millis: u32) -> Option<Duration> {
    let time = Duration::from_millis(millis.into());
    (SOURCE_TIMEOUT_MIN..=SOURCE_TIMEOUT_MAX)
        .contains(&time)
        .then_some(time)
}
