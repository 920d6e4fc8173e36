//! What is asked of a directory about one account, whoever asks.
//!
//! Must not know: connections, passwords.

use countersign_core::base::Timestamp;
use countersign_core::login::Reason;

use super::account::unlocked_at;
use super::dn;
use super::domains::Domains;
use super::filter::UserFilter;
use super::groups;
use super::lockout;
use super::lookup::{NO_SUCH_ATTRIBUTE, Reader};
use super::message::{Entry, NAME_ALONE};
use super::settings::Kind;
use crate::sources::account::{Account, Group, LookupError};

/// Where and how accounts are found.
#[derive(Debug)]
pub(super) struct Directory {
    pub(super) kind: Kind,
    pub(super) base: String,
    pub(super) users: UserFilter,
    /// Names of other domains find nobody.
    pub(super) domains: Domains,
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
    /// The search for it found nobody: its entry is not where it is looked for, or it is
    /// hidden, which a directory does not tell apart.
    Absent,
    /// Its entry, which was found, may not be read.
    Unseen,
}

impl Directory {
    /// The filters by which a user is found.
    pub(super) fn filters(&self, name: &str) -> Vec<Vec<u8>> {
        self.users.filters(name, &self.domains)
    }

    /// Whether the settings leave out accounts that the directory binds: by a filter or an
    /// attribute, or by a base below the domain's own.
    pub(super) fn leaves_out(&self) -> bool {
        let domain = dn::domain_root(&self.base);
        self.users.leaves_out() || dn::folded(&self.base) != dn::folded(&domain)
    }

    /// The name of the user's entry.
    pub(super) async fn find(
        &self,
        reader: &mut Reader<'_>,
        name: &str,
    ) -> Result<Option<String>, LookupError> {
        let found = reader.user(self.filters(name), &self.base, NAME_ALONE);
        Ok(found.await?.map(|entry| entry.dn))
    }

    /// The account with its groups.
    pub(super) async fn account(
        &self,
        reader: &mut Reader<'_>,
        name: &str,
        now: Timestamp,
    ) -> Result<Option<Account>, LookupError> {
        let Some(mut account) = self.state(reader, name, now).await? else {
            return Ok(None);
        };
        account.groups = self.groups(reader, &account).await?;
        Ok(Some(account))
    }

    /// All groups of an account.
    pub(super) async fn groups(
        &self,
        reader: &mut Reader<'_>,
        account: &Account,
    ) -> Result<Vec<Group>, LookupError> {
        groups::all(reader, self.kind, &self.base, &account.id).await
    }

    /// The account without its groups. No bind judges it, so its state must be told.
    pub(super) async fn state(
        &self,
        reader: &mut Reader<'_>,
        name: &str,
        now: Timestamp,
    ) -> Result<Option<Account>, LookupError> {
        if self.domains.is_foreign(name) {
            return Err(LookupError::Foreign);
        }
        let attributes = Account::attributes(self.kind);
        let found = reader.user(self.filters(name), &self.base, attributes);
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
        let (entry, missing) = match dn {
            Some(dn) => (reader.entry(dn, attributes).await?, Standing::Unseen),
            None => {
                let found = reader.user(self.filters(name), &self.base, attributes);
                (found.await?, Standing::Absent)
            }
        };
        let Some(entry) = entry else {
            return Ok(missing);
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
