//! How wrong codes from one known place count, and those from all other places together.
//!
//! Must not know: which place is known.

use super::Limits;
use crate::base::Timestamp;
use crate::base::limits::{WAIT_FIRST, WAIT_MAX};
use crate::ledger::storage::Codes;

/// Counts within a window that the first failure opens.
pub(super) fn failed_at_known(before: &Codes, limits: &Limits, now: Timestamp) -> Codes {
    if before.failures > 0 && now < Timestamp::from_millis(before.reset_at) {
        return Codes {
            failures: before.failures.saturating_add(1),
            ..*before
        };
    }
    Codes {
        failures: 1,
        reset_at: now.plus(limits.known_window).as_millis(),
        ..Codes::default()
    }
}

/// Once the budget is used up, each failure doubles the wait. Time alone clears nothing.
pub(super) fn failed_elsewhere(before: &Codes, limits: &Limits, now: Timestamp) -> Codes {
    let failures = before.failures.saturating_add(1);
    if failures < limits.elsewhere_failures {
        return Codes {
            failures,
            ..*before
        };
    }
    let doubled = 2_u32.saturating_pow(before.waits);
    let wait = WAIT_FIRST.saturating_mul(doubled).min(WAIT_MAX);
    Codes {
        failures,
        wait_until: now.plus(wait).as_millis(),
        waits: before.waits.saturating_add(1),
        ..*before
    }
}

/// As it is stored: not at all where nothing failed.
pub(super) fn message(codes: Codes) -> Option<Codes> {
    Some(codes).filter(|codes| *codes != Codes::default())
}
