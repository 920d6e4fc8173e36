//! How the directory has many users: all accounts and groups are read in parts, once, and
//! matched by the names by which logins find them.
//!
//! Whom the list does not show is asked for by name before it is called gone: a directory
//! compares names by rules of its own, and a list may hide what a search finds. Where a filter
//! of the settings finds users, each is asked for by name.
//!
//! Must not know: passwords, what the answer is good for.

mod membership;
mod wanted;

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::time::Duration;

use countersign_core::base::Timestamp;
use tokio::time::Instant;

use self::membership::Membership;
use self::wanted::{Hit, Wanted};
use super::client::Ldap;
use super::directory::Directory;
use super::filter::{self, UserFilter};
use super::lookup::{NO_SUCH_ATTRIBUTE, Reader};
use crate::sources::account::{Account, LookupError};
use crate::sources::{GroupTable, Listed, Listing, Roster, RosterError};

impl Roster for Ldap {
    async fn roster(&self, names: &[String]) -> Result<Vec<Listed>, RosterError> {
        if names.is_empty() {
            return Ok(Vec::new());
        }
        let service = self.service.as_ref().ok_or(LookupError::NoService)?;
        let now = Instant::now();
        let mut lease = service.lease(&self.dialler, now + self.timeout).await?;
        let reading = Reading {
            directory: &self.directory,
            reader: lease.reader_until(now + READING_TIME_MAX),
            until: now + READING_TIME_MAX,
            now: self.clock.wall(),
            groups: GroupTable::default(),
        };
        let listed = reading.all(names).await;
        match listed {
            Ok(_) | Err(LookupError::Broken) => Ok(service.keep_unless_broken(lease, listed)?),
            // Half a list may still be open on the connection: it ends with the lease.
            Err(error) => Err(error.into()),
        }
    }
}

/// One reading of the directory.
struct Reading<'a> {
    directory: &'a Directory,
    reader: Reader<'a>,
    until: Instant,
    now: Timestamp,
    groups: GroupTable,
}

impl Reading<'_> {
    async fn all(mut self, names: &[String]) -> Result<Vec<Listed>, LookupError> {
        let mut listed = self.listed(names).await?;
        for (name, listed) in names.iter().zip(&mut listed) {
            if self.directory.domains.is_foreign(name) {
                *listed = Some(Listed::Unread);
            }
        }
        let missing = listed.iter().filter(|listed| listed.is_none()).count();
        if missing > ONE_BY_ONE_MAX {
            return Err(LookupError::TooMany);
        }
        let mut all = Vec::with_capacity(names.len());
        for (name, listed) in names.iter().zip(listed) {
            all.push(match listed {
                Some(listed) => listed,
                None => self.one(name).await?,
            });
        }
        self.groups.bounded()?;
        Ok(all)
    }

    /// Those that the lists show.
    async fn listed(&mut self, names: &[String]) -> Result<Vec<Option<Listed>>, LookupError> {
        let Directory {
            kind, base, users, ..
        } = self.directory;
        let people = match users {
            UserFilter::Template(_) => return Ok(vec![None; names.len()]),
            UserFilter::Attribute(attribute) => filter::having(attribute),
            UserFilter::Names | UserFilter::Accounts => filter::people(),
        };
        let membership = Membership::read(&mut self.reader, *kind, base).await?;
        let mut wanted = Wanted::new(self.directory, names);
        let of_account = Account::attributes(*kind).iter().copied();
        let of_groups = membership.attributes().iter().copied();
        let of_users = users.attributes().into_iter();
        let attributes: BTreeSet<_> = of_users.chain(of_account).chain(of_groups).collect();
        let attributes: Vec<_> = attributes.into_iter().collect();
        let (now, groups) = (self.now, &mut self.groups);
        let reading = self
            .reader
            .each(base, people, &attributes, PEOPLE_IN_PART, |entry| {
                let groups = RefCell::new(&mut *groups);
                let named = |all| groups.borrow_mut().named(all);
                wanted.meet(&entry, || {
                    if !Account::is_told(*kind, &entry) {
                        return Listed::Unread;
                    }
                    Listed::There(Listing {
                        disabled: is_off(&Account::read(*kind, &entry, now)),
                        groups: membership.of(&entry).and_then(named),
                    })
                });
            });
        reading.await?;
        let listed = wanted.into_hits().map(|hit| match hit {
            Hit::Nobody => None,
            Hit::One(_, listed) => Some(listed),
            Hit::Several => Some(Listed::Unread),
        });
        Ok(listed.collect())
    }

    /// One user, as a login would find it.
    async fn one(&mut self, name: &str) -> Result<Listed, LookupError> {
        self.reader.deadline = self.until.min(Instant::now() + ANSWER_TIME_MAX);
        let (directory, now) = (self.directory, self.now);
        let account = match directory.state(&mut self.reader, name, now).await {
            Ok(None) => return Ok(Listed::Gone),
            Ok(Some(account)) => account,
            Err(
                LookupError::Ambiguous
                | LookupError::Foreign
                | LookupError::Refused(NO_SUCH_ATTRIBUTE),
            ) => return Ok(Listed::Unread),
            Err(error) => return Err(error),
        };
        let groups = match directory.groups(&mut self.reader, &account).await {
            Ok(groups) => self.groups.named(groups),
            // As the list has it: the state is told, the groups are not.
            Err(
                LookupError::Incomplete
                | LookupError::Refused(NO_SUCH_ATTRIBUTE)
                | LookupError::TooManyGroups,
            ) => None,
            Err(error) => return Err(error),
        };
        Ok(Listed::There(Listing {
            disabled: is_off(&account),
            groups,
        }))
    }
}

const fn is_off(account: &Account) -> bool {
    account.disabled || account.expired
}

/// People in one part of the list: no directory gives more than 1,000 unless it is set to.
const PEOPLE_IN_PART: u32 = 500;
/// LIMIT: how long all of it may take.
const READING_TIME_MAX: Duration = Duration::from_secs(300);
/// LIMIT: how long one user may take that is asked for by name.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(10);
/// LIMIT: users that are asked for by name in one reading.
const ONE_BY_ONE_MAX: usize = 5000;
