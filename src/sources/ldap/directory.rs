//! What is asked of a directory about one account, whoever asks.
//!
//! Must not know: connections, passwords.

use countersign_core::base::Timestamp;
use countersign_core::login::Reason;

use super::account::unlocked_at;
use super::filter::UserFilter;
use super::groups;
use super::lockout;
use super::lookup::{NO_SUCH_ATTRIBUTE, Reader};
use super::message::{Entry, NAME_ALONE};
use super::settings::Kind;
use crate::sources::account::{Account, LookupError};

/// Where and how accounts are found.
#[derive(Debug)]
pub(super) struct Directory {
    pub(super) kind: Kind,
    pub(super) base: String,
    pub(super) users: UserFilter,
    /// Who is let in must be in it.
    pub(super) required_group: Option<String>,
}

/// How an account stands whose password is right.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Standing {
    /// It may log in.
    Good,
    /// It may not.
    Refused(Reason),
    /// Its entry may not be read, or is not where it is looked for.
    Unseen,
}

impl Directory {
    /// The name of the user's entry.
    pub(super) async fn find(
        &self,
        reader: &mut Reader<'_>,
        name: &str,
    ) -> Result<Option<String>, LookupError> {
        let found = reader.user(&self.users, name, &self.base, NAME_ALONE);
        Ok(found.await?.map(|entry| entry.dn))
    }

    /// The account with its groups. No bind judges it, so its state must be told.
    pub(super) async fn account(
        &self,
        reader: &mut Reader<'_>,
        name: &str,
        now: Timestamp,
    ) -> Result<Option<Account>, LookupError> {
        let attributes = Account::attributes(self.kind);
        let found = reader.user(&self.users, name, &self.base, attributes);
        let Some(entry) = found.await? else {
            return Ok(None);
        };
        if !Account::is_told(self.kind, &entry) {
            return Err(LookupError::Refused(NO_SUCH_ATTRIBUTE));
        }
        let mut account = Account::read(self.kind, &entry, now);
        if account.locked && self.kind == Kind::OpenLdap {
            account.locked = self.is_locked(reader, &entry, now).await?;
        }
        account.groups = groups::all(reader, self.kind, &self.base, &entry.dn).await?;
        Ok(Some(account))
    }

    /// The mark of a lock stays behind when its time is over, until the next bind.
    async fn is_locked(
        &self,
        reader: &mut Reader<'_>,
        entry: &Entry,
        now: Timestamp,
    ) -> Result<bool, LookupError> {
        let lock = lockout::lock_time(reader, &self.base, entry).await?;
        Ok(unlocked_at(entry, lock).is_none_or(|at| at > now))
    }

    /// How the account stands, after the directory has taken its password.
    pub(super) async fn standing(
        &self,
        reader: &mut Reader<'_>,
        name: &str,
        dn: Option<&str>,
        now: Timestamp,
    ) -> Result<Standing, LookupError> {
        let attributes = Account::attributes(self.kind);
        let entry = match dn {
            Some(dn) => reader.entry(dn, attributes).await?,
            None => {
                let found = reader.user(&self.users, name, &self.base, attributes);
                found.await?
            }
        };
        let Some(entry) = entry else {
            return Ok(Standing::Unseen);
        };
        let mut account = Account::read(self.kind, &entry, now);
        // The bind has just told: whoever is locked is refused there, by Active Directory
        // with 775. The mark may be another server's, and old. All else stands as it is read,
        // old or not: a bind need not judge it.
        account.locked = false;
        if let Some(reason) = account.refusal() {
            return Ok(Standing::Refused(reason));
        }
        if account.must_change_password {
            return Ok(Standing::Refused(Reason::MustChangePassword));
        }
        let Some(group) = &self.required_group else {
            return Ok(Standing::Good);
        };
        let member = groups::is_member(reader, self.kind, &self.base, &entry.dn, group);
        if member.await? {
            return Ok(Standing::Good);
        }
        // "Not assigned".
        Ok(Standing::Refused(Reason::AccountState))
    }
}
