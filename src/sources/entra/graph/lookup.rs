//! What is read of an account: may it be used, and all its groups.
//!
//! Must not know: tokens, connections.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::Deserialize;
use tokio::time::Instant;

use super::address;
use super::client::Graph;
use super::memory::{FRESH, STALE};
use crate::sources::account::{Account, Group, LookupError};
use crate::sources::entra::Entra;
use crate::sources::entra::settings::is_guid;

/// A page of a list.
#[derive(Debug, Deserialize)]
pub struct Page<T> {
    /// What is on it.
    pub value: Vec<T>,
    /// Where the next page is; `None`: it is the last one.
    #[serde(rename = "@odata.nextLink")]
    pub next: Option<String>,
    /// Of the last page of changes: where the changes since then are.
    #[serde(rename = "@odata.deltaLink")]
    pub delta: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct User {
    id: String,
    /// Null where it may not be read: then nobody is let in.
    account_enabled: bool,
    user_type: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Membership {
    id: String,
    /// Null where it may not be read.
    display_name: Option<String>,
    security_enabled: Option<bool>,
}

impl Entra {
    /// The account of a directory name; `None`: there is none. What was read lately is taken
    /// for what is; what was read within the hour, where Graph cannot be asked in `time`.
    ///
    /// # Errors
    /// Why Graph does not tell; nobody may be let in then.
    pub async fn account(
        &self,
        name: &str,
        time: Duration,
    ) -> Result<Option<Account>, LookupError> {
        let graph = self.graph().ok_or(LookupError::NoService)?;
        let (known, now) = (&self.graph.accounts, Instant::now());
        if let Some(account) = known.of(name, FRESH, now) {
            return Ok(Some(account));
        }
        let found = graph.account(name, now + time.min(self.timeout)).await;
        match &found {
            Ok(Some(account)) => known.keep(name, account.clone(), now),
            Ok(None) => known.forget(name),
            Err(error) if is_silence(*error) => {
                let account = known.of(name, STALE, Instant::now());
                return account.map_or(found, |account| Ok(Some(account)));
            }
            Err(_) => {}
        }
        found
    }
}

impl Graph<'_> {
    /// The account as Graph has it now.
    pub(super) async fn account(
        &self,
        name: &str,
        deadline: Instant,
    ) -> Result<Option<Account>, LookupError> {
        let Some(link) = address::user(name) else {
            return Ok(None);
        };
        let user: User = match self.get(&link, deadline).await {
            Ok(user) => user,
            Err(LookupError::Absent) => return Ok(None),
            Err(error) => return Err(error),
        };
        if !is_guid(&user.id) {
            return Err(LookupError::Unreadable);
        }
        // By its id: should the name change hands meanwhile, it is still one account.
        let groups = self.groups(&user.id, deadline).await?;
        Ok(Some(Account {
            disabled: !user.account_enabled,
            guest: user.user_type.as_deref() == Some("Guest"),
            groups,
            id: user.id,
            ..Account::default()
        }))
    }

    /// All groups, direct or not. Where not all can be read, none is named.
    async fn groups(&self, id: &str, deadline: Instant) -> Result<Vec<Group>, LookupError> {
        let mut link = address::groups(id);
        let (mut groups, mut seen) = (Vec::new(), BTreeSet::new());
        for _ in 0..PAGES_MAX {
            let page: Page<Membership> = match self.get(&link, deadline).await {
                // It was there a moment ago: nothing is known of its groups.
                Err(LookupError::Absent) => return Err(LookupError::Broken),
                page => page?,
            };
            for membership in page.value {
                groups.push(membership.group()?);
            }
            let Some(next) = page.next else {
                groups.sort();
                return Ok(groups);
            };
            if !seen.insert(std::mem::replace(&mut link, next)) || seen.contains(&link) {
                return Err(LookupError::Unreadable);
            }
        }
        Err(LookupError::TooManyGroups)
    }
}

impl Membership {
    /// A team or a mailing list is known by its id alone. Names are nobody's own: where any
    /// user may make a team, a team called like the group of a rule would let its maker in.
    fn group(self) -> Result<Group, LookupError> {
        if !is_guid(&self.id) {
            return Err(LookupError::Unreadable);
        }
        let is_security = self.security_enabled == Some(true);
        Ok(Group {
            name: self
                .display_name
                .filter(|_| is_security)
                .unwrap_or_default(),
            id: self.id,
        })
    }
}

/// Whether Graph just cannot be asked now. Where it refuses us, or something else answers in
/// its place, what was known of before is not good any more.
const fn is_silence(error: LookupError) -> bool {
    match error {
        LookupError::Broken
        | LookupError::Busy
        | LookupError::Resting
        | LookupError::Unreachable => true,
        LookupError::Absent
        | LookupError::Ambiguous
        | LookupError::Foreign
        | LookupError::Hidden
        | LookupError::Incomplete
        | LookupError::NoService
        | LookupError::Refused(_)
        | LookupError::Service(_)
        | LookupError::TooMany
        | LookupError::TooManyGroups
        | LookupError::Unreadable => false,
    }
}

/// LIMIT: pages of one account's groups, 999 on each; nobody is in more.
const PAGES_MAX: usize = 8;
