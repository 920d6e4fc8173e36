//! What an entry says of its account.
//!
//! Must not know: connections, passwords.

use std::time::Duration;

use countersign_core::base::Timestamp;
use time::PrimitiveDateTime;
use time::macros::format_description;

use super::message::Entry;
use super::settings::Kind;
use crate::sources::account::Account;

impl Account {
    /// Reads what an entry says of its account. What it does not say, or what may not be
    /// read, is taken to be in order: a bind judges it at the directory itself.
    pub(super) fn read(kind: Kind, entry: &Entry, now: Timestamp) -> Self {
        let account = match kind {
            Kind::ActiveDirectory => active_directory(entry, now),
            Kind::OpenLdap => open_ldap(entry, now),
        };
        Self {
            id: entry.dn.clone(),
            ..account
        }
    }

    /// Whether the entry says at all that nobody has turned the account off: every one of
    /// Active Directory has the attribute, so that one without it may not be read. Where no
    /// bind judges the account, it must be seen.
    pub(super) fn is_told(kind: Kind, entry: &Entry) -> bool {
        kind != Kind::ActiveDirectory || entry.number(CONTROL).is_some()
    }

    /// What has to be read of it.
    pub(super) const fn attributes(kind: Kind) -> &'static [&'static str] {
        match kind {
            Kind::ActiveDirectory => &[CONTROL, COMPUTED, "accountExpires", "pwdLastSet"],
            Kind::OpenLdap => &[LOCKED_SINCE, RESET, "shadowExpire", "pwdPolicySubentry"],
        }
    }
}

fn active_directory(entry: &Entry, now: Timestamp) -> Account {
    let control = entry.number(CONTROL).unwrap_or_default();
    let computed = entry.number(COMPUTED);
    let has = |flag: i64| computed.unwrap_or_default() & flag != 0;
    // Where the directory does not tell by itself: set to nought, it must be changed, but
    // for passwords that never expire and accounts that have none but a card's.
    let reset = entry.number("pwdLastSet") == Some(0) && control & NEVER_CHANGED == 0;
    Account {
        disabled: control & DISABLED != 0,
        locked: has(LOCKED_OUT),
        expired: entry
            .number("accountExpires")
            .is_some_and(|at| is_over(at, now)),
        must_change_password: has(PASSWORD_EXPIRED) || (computed.is_none() && reset),
        ..Account::default()
    }
}

/// Whether a time of Windows (100 ns since 1601) is over; nought and the greatest are never.
fn is_over(at: i64, now: Timestamp) -> bool {
    let Ok(ticks @ 1..) = u64::try_from(at) else {
        return false;
    };
    at != i64::MAX && (ticks / TICKS_A_MILLI).saturating_sub(MILLIS_1601) <= now.as_millis()
}

fn open_ldap(entry: &Entry, now: Timestamp) -> Account {
    let today = i64::try_from(now.as_secs() / SECS_A_DAY).unwrap_or(i64::MAX);
    Account {
        locked: entry.texts(LOCKED_SINCE).next().is_some(),
        expired: entry
            .number("shadowExpire")
            .is_some_and(|day| (0..=today).contains(&day)),
        must_change_password: entry.texts(RESET).next() == Some("TRUE"),
        ..Account::default()
    }
}

/// When the lock of an entry of OpenLDAP is over by itself; `None`: never.
pub(super) fn unlocked_at(entry: &Entry, lock: Duration) -> Option<Timestamp> {
    let since = entry.texts(LOCKED_SINCE).next()?;
    let format = format_description!("[year][month][day][hour][minute][second]");
    let since = PrimitiveDateTime::parse(since.get(..14)?, format).ok()?;
    // An administrator's lock is of the year nought.
    let secs = u64::try_from(since.assume_utc().unix_timestamp()).ok()?;
    (!lock.is_zero()).then(|| Timestamp::from_millis(secs.saturating_mul(1000)).plus(lock))
}

const CONTROL: &str = "userAccountControl";
const COMPUTED: &str = "msDS-User-Account-Control-Computed";
const LOCKED_SINCE: &str = "pwdAccountLockedTime";
const RESET: &str = "pwdReset";
const DISABLED: i64 = 0x2;
const LOCKED_OUT: i64 = 0x10;
/// The password never expires, or a smart card is asked for.
const NEVER_CHANGED: i64 = 0x1_0000 | 0x4_0000;
const PASSWORD_EXPIRED: i64 = 0x80_0000;
const TICKS_A_MILLI: u64 = 10_000;
/// From 1601 to 1970.
const MILLIS_1601: u64 = 11_644_473_600_000;
const SECS_A_DAY: u64 = 86_400;

#[cfg(test)]
mod tests {
    use countersign_core::login::Reason;

    use super::*;

    /// 2026-11-21T00:00:00Z.
    const NOW: Timestamp = Timestamp::from_millis(1_795_219_200_000);

    fn ad(attributes: &[(&str, &[&str])]) -> Account {
        Account::read(Kind::ActiveDirectory, &Entry::of("CN=a", attributes), NOW)
    }

    #[test]
    fn an_account_in_order_is_refused_nothing() {
        let account = ad(&[
            ("userAccountControl", &["512"]),
            ("msDS-User-Account-Control-Computed", &["0"]),
            ("accountExpires", &["9223372036854775807"]),
            ("pwdLastSet", &["134000000000000000"]),
        ]);
        assert_eq!(account.refusal(), None);
        assert!(!account.must_change_password);
        assert_eq!(ad(&[]).refusal(), None);
    }

    #[test]
    fn flags_of_active_directory_are_read() {
        assert!(ad(&[("useraccountcontrol", &["514"])]).disabled);
        let computed = |flags| ad(&[("msDS-User-Account-Control-Computed", &[flags])]);
        assert_eq!(computed("16").refusal(), Some(Reason::LockedAtSource));
        assert!(computed("8388608").must_change_password);
        assert!(!computed("8388608").locked);
    }

    #[test]
    fn a_password_set_to_nought_must_be_changed_unless_it_never_is() {
        let reset = |control| {
            ad(&[("pwdLastSet", &["0"]), ("userAccountControl", &[control])]).must_change_password
        };
        assert!(reset("512"));
        assert!(!reset("66048"));
        assert!(!reset("262656"));
    }

    #[test]
    fn an_account_expires_at_its_time_and_never_without_one() {
        // 2026-11-21T00:00:00Z in Windows' reckoning.
        let now = (1_795_219_200_000_i64 + 11_644_473_600_000) * 10_000;
        let expired = |at: i64| ad(&[("accountExpires", &[&at.to_string()])]).expired;
        assert!(expired(now));
        assert!(expired(1));
        assert!(!expired(now + 10_000));
        for never in [0, i64::MAX, -1] {
            assert!(!expired(never), "{never}");
        }
    }

    #[test]
    fn a_lock_of_openldap_ends_by_its_policy_and_an_administrators_never() {
        let entry = |since| Entry::of("uid=a", &[("pwdAccountLockedTime", &[since])]);
        let hour = Duration::from_secs(3600);
        assert_eq!(unlocked_at(&entry("20261120230000.123Z"), hour), Some(NOW));
        assert_eq!(unlocked_at(&entry("20261120230000Z"), Duration::ZERO), None);
        assert_eq!(unlocked_at(&entry("000001010000Z"), hour), None);
        assert!(Account::read(Kind::OpenLdap, &entry("000001010000Z"), NOW).locked);
    }
}
