//! The limits that an operator may set, with what holds where nothing is set.

use std::time::Duration;

use crate::base::limits::{PASSCODES_PER_MINUTE_MAX, STRICT_FAILURES_MAX};
use crate::ledger::limits::{PASSCODES_PER_MINUTE, ceiling};
use crate::ledger::query::record;
use crate::ledger::storage;
use crate::ledger::table::{Read, StoreError, Table};

/// How many failures within which span. None of them is zero.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Limits {
    /// Different wrong passwords of one user.
    pub(super) strict_failures: u32,
    pub(super) strict_window: Duration,
    pub(super) strict_lock: Duration,
    /// Wrong codes from a place where the user was let in lately.
    pub(super) known_failures: u32,
    pub(super) known_window: Duration,
    /// Wrong codes from all other places together, before the waits begin.
    pub(super) elsewhere_failures: u32,
    /// Passcodes that the whole cluster sends in a minute.
    passcodes_per_minute: u32,
}

/// The field of [`storage::Settings`] that is needed here, by its number.
#[derive(Clone, PartialEq, prost::Message)]
struct SettingsFacts {
    #[prost(message, optional, tag = "3")]
    limits: Option<storage::Limits>,
}

impl Limits {
    /// What the settings say; where they say nothing, what is safe.
    #[must_use]
    pub fn of(settings: &storage::Settings) -> Self {
        settings.limits.unwrap_or_default().into()
    }

    pub(in crate::ledger) fn load(tables: &impl Read) -> Result<Self, StoreError> {
        let settings: Option<SettingsFacts> = record(tables, Table::Settings, &[])?;
        let set = settings.and_then(|settings| settings.limits);
        Ok(set.unwrap_or_default().into())
    }

    /// How many different keys of a user may be wrong, unsure or in flight.
    pub(in crate::ledger) fn strict_failures(&self) -> usize {
        self.strict_failures.try_into().unwrap_or(usize::MAX)
    }

    /// How much of a minute one passcode takes up.
    pub(in crate::ledger) fn passcode_each(&self) -> Duration {
        let minute = Duration::from_secs(60);
        minute
            .checked_div(self.passcodes_per_minute)
            .unwrap_or(minute)
    }
}

impl From<storage::Limits> for Limits {
    fn from(set: storage::Limits) -> Self {
        let millis = |set, default| Duration::from_millis(or(set, default).into());
        Self {
            strict_failures: or(set.strict_failures, 3)
                .min(ceiling(&set))
                .min(STRICT_FAILURES_MAX),
            strict_window: millis(set.strict_window, TEN_MINUTES),
            strict_lock: millis(set.strict_lock, TEN_MINUTES),
            known_failures: or(set.known_place_failures, 10),
            known_window: millis(set.known_place_window, TEN_MINUTES),
            elsewhere_failures: or(set.elsewhere_failures, 5),
            passcodes_per_minute: or(set.passcodes_per_minute, PASSCODES_PER_MINUTE)
                .min(PASSCODES_PER_MINUTE_MAX),
        }
    }
}

const fn or(set: u32, default: u32) -> u32 {
    if set == 0 { default } else { set }
}

/// In milliseconds.
const TEN_MINUTES: u32 = 600_000;
