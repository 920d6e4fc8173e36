//! Accounts that were read lately, so that a user who logs in often costs Graph little, and
//! so that users still log in while Graph is away.
//!
//! Must not know: how an account is read.

use std::sync::Arc;
use std::time::Duration;

use moka::sync::Cache;
use tokio::time::Instant;

use crate::sources::account::Account;

/// Accounts by name.
pub(super) struct Memory(Cache<String, Known>);

#[derive(Clone)]
struct Known {
    account: Arc<Account>,
    read: Instant,
}

impl Memory {
    pub(super) fn new() -> Self {
        let octets = |name: &String, known: &Known| octets(name, &known.account);
        let cache = Cache::builder()
            .max_capacity(ACCOUNTS_OCTETS_MAX)
            .weigher(octets)
            .time_to_live(STALE);
        Self(cache.build())
    }

    /// The account, if it was read no longer ago than `age`.
    pub(super) fn of(&self, name: &str, age: Duration, now: Instant) -> Option<Account> {
        let known = self.0.get(&name.to_lowercase())?;
        let young = now.saturating_duration_since(known.read) < age;
        young.then(|| Account::clone(&known.account))
    }

    /// It was read just now.
    pub(super) fn keep(&self, name: &str, account: Account, now: Instant) {
        let account = Arc::new(account);
        let read = now;
        self.0.insert(name.to_lowercase(), Known { account, read });
    }

    /// There is no such account. Of that nothing is kept: who makes one need not wait for it.
    pub(super) fn forget(&self, name: &str) {
        self.0.invalidate(&name.to_lowercase());
    }
}

/// Roughly what an entry takes.
fn octets(name: &str, account: &Account) -> u32 {
    let groups = account.groups.iter();
    let texts = groups.map(|group| ENTRY_OCTETS + group.name.len() + group.id.len());
    let all = texts.sum::<usize>() + ENTRY_OCTETS + name.len();
    u32::try_from(all).unwrap_or(u32::MAX)
}

/// How long what was read is taken for what is. Within it a disabled account still gets in.
pub(super) const FRESH: Duration = Duration::from_secs(600);
/// And how long where Graph cannot be asked.
pub(super) const STALE: Duration = Duration::from_secs(3600);
/// LIMIT: of all accounts of one source; of 50,000 with a few groups each.
const ACCOUNTS_OCTETS_MAX: u64 = 64 << 20;
const ENTRY_OCTETS: usize = 96;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sources::account::Group;

    fn account(groups: usize) -> Account {
        let group = |number| Group {
            name: format!("{number:0>900}"),
            id: String::new(),
        };
        Account {
            groups: (0..groups).map(group).collect(),
            ..Account::default()
        }
    }

    #[test]
    fn an_account_is_known_in_any_case_until_its_time_is_over() {
        let (memory, now) = (Memory::new(), Instant::now());
        memory.keep("Ann@contoso.example", account(1), now);
        let known = |age, later| memory.of("ann@CONTOSO.example", age, now + later);
        assert_eq!(
            known(FRESH, FRESH - Duration::from_millis(1)),
            Some(account(1))
        );
        assert_eq!(known(FRESH, FRESH), None);
        assert_eq!(known(STALE, FRESH), Some(account(1)));
        assert_eq!(known(STALE, STALE), None);
        assert_eq!(memory.of("bob@contoso.example", STALE, now), None);
        memory.forget("ANN@contoso.example");
        assert_eq!(known(STALE, Duration::ZERO), None);
    }

    #[test]
    fn no_more_octets_than_the_bound_are_kept() {
        let (memory, now) = (Memory::new(), Instant::now());
        for number in 0..200 {
            memory.keep(&format!("user{number}@a.example"), account(1000), now);
        }
        memory.0.run_pending_tasks();
        assert!(memory.0.weighted_size() <= ACCOUNTS_OCTETS_MAX);
        assert!(memory.0.entry_count() < 100);
    }
}
