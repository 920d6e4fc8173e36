//! The accounts of the stand-in, and what becomes of a name and a password.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use countersign_core::base::Secret;
use serde::{Deserialize, Serialize};

use super::answer::Refusal;
use super::graph::id_of;

/// What the directory says once the password is right; `locked` and `unknown` before.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Standing {
    Blocked,
    Disabled,
    Expired,
    Locked,
    Mfa,
    NoMfa,
    Unknown,
}

/// `name:password:state`; the password may have colons.
#[derive(Debug)]
pub(crate) struct Account {
    pub(super) name: String,
    password: Secret,
    standing: Standing,
    /// In a row, for the smart lockout.
    failures: u32,
    /// Of all accounts, when this one was last set.
    version: u64,
}

impl Account {
    pub(super) fn new(name: &str, password: Secret, standing: Standing) -> Self {
        Self {
            name: name.to_owned(),
            password,
            standing,
            failures: 0,
            version: 1,
        }
    }
}

/// As clap needs it. The failures stay with the original.
impl Clone for Account {
    fn clone(&self) -> Self {
        Self::new(&self.name, self.password.duplicate(), self.standing)
    }
}

impl FromStr for Account {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let shape = || anyhow::anyhow!("not name:password:state");
        let (name, rest) = text.split_once(':').ok_or_else(shape)?;
        let (password, standing) = rest.rsplit_once(':').ok_or_else(shape)?;
        let standing = serde_json::from_value(standing.into())?;
        Ok(Self::new(name, Secret::from(password.to_owned()), standing))
    }
}

/// All accounts, by folded name.
#[derive(Debug)]
pub(super) struct Accounts {
    all: Mutex<BTreeMap<String, Account>>,
    /// The folded names by Graph's ids.
    ids: BTreeMap<String, String>,
    version: AtomicU64,
    smart_lockout: bool,
}

impl Accounts {
    pub(super) fn new(accounts: impl Iterator<Item = Account>, smart_lockout: bool) -> Self {
        let all = accounts.map(|account| (account.name.to_lowercase(), account));
        let all: BTreeMap<_, _> = all.collect();
        let ids = all.keys().map(|name| (id_of("user", name), name.clone()));
        Self {
            ids: ids.collect(),
            all: Mutex::new(all),
            version: AtomicU64::new(1),
            smart_lockout,
        }
    }

    /// Judges in the order of the real one: user, lockout, password, state, policy.
    /// `None`: a token is granted.
    pub(super) fn judge(&self, name: &str, password: &Secret) -> Option<Refusal> {
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(account) = all.get_mut(&name.to_lowercase()) else {
            return Some(Refusal::UNKNOWN_USER);
        };
        if account.standing == Standing::Unknown {
            return Some(Refusal::UNKNOWN_USER);
        }
        let locked = self.smart_lockout && account.failures >= FAILURES_MAX;
        if locked || account.standing == Standing::Locked {
            return Some(Refusal::LOCKED);
        }
        if account.password != *password {
            account.failures = account.failures.saturating_add(1);
            return Some(Refusal::WRONG_PASSWORD);
        }
        account.failures = 0;
        account.standing.refusal()
    }

    /// Sets what is given; forgets failures. `false`: no such account.
    pub(super) fn set(
        &self,
        name: &str,
        standing: Option<Standing>,
        password: Option<Secret>,
    ) -> bool {
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(account) = all.get_mut(&name.to_lowercase()) else {
            return false;
        };
        account.standing = standing.unwrap_or(account.standing);
        if let Some(password) = password {
            account.password = password;
        }
        account.failures = 0;
        let version = self.version.fetch_add(1, Ordering::Relaxed);
        account.version = version.saturating_add(1);
        true
    }

    /// Those that were set since that version, and which one it is now.
    pub(super) fn changes(&self, since: u64) -> (u64, Vec<(String, Standing)>) {
        let all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        let changed = all.values().filter(|account| account.version > since);
        let changed = changed.map(|account| (account.name.clone(), account.standing));
        (self.version.load(Ordering::Relaxed), changed.collect())
    }

    /// Name and state of the account that has this name or this id.
    pub(super) fn find(&self, name: &str) -> Option<(String, Standing)> {
        let folded = name.to_lowercase();
        let own = self.ids.get(&folded).unwrap_or(&folded);
        let all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        let account = all.get(own)?;
        Some((account.name.clone(), account.standing))
    }

    /// Name and state of each.
    pub(super) fn list(&self) -> BTreeMap<String, Standing> {
        let all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        let pairs = all.values().map(|one| (one.name.clone(), one.standing));
        pairs.collect()
    }

    /// Whether an account has a name in this domain.
    pub(super) fn has_domain(&self, domain: &str) -> bool {
        let suffix = format!("@{}", domain.to_lowercase());
        let all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        all.keys().any(|name| name.ends_with(&suffix))
    }
}

impl Standing {
    /// Whether Graph has it.
    pub(super) fn exists(self) -> bool {
        self != Self::Unknown
    }

    /// Whether Graph calls it enabled.
    pub(super) fn is_alive(self) -> bool {
        self != Self::Disabled
    }

    const fn refusal(self) -> Option<Refusal> {
        match self {
            Self::Blocked => Some(Refusal::BLOCKED),
            Self::Disabled => Some(Refusal::DISABLED),
            Self::Expired => Some(Refusal::EXPIRED),
            Self::Locked => Some(Refusal::LOCKED),
            Self::Mfa => Some(Refusal::MFA),
            Self::NoMfa => None,
            Self::Unknown => Some(Refusal::UNKNOWN_USER),
        }
    }
}

/// Wrong passwords in a row until the smart lockout (public cloud).
const FAILURES_MAX: u32 = 10;
