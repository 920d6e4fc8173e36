//! Users: added, listed, changed, removed; locked out and let in again.

use countersign_core::base::limits::PAGE_RECORDS_MAX;
use countersign_core::base::{Entropy, RequestId, Secret};
use countersign_core::ledger::storage::{self, ChangeOutcome, UserStatus, change::Kind};
use countersign_core::ledger::{Read, StoreError, Table, fields};

use super::house::{Asked, draw_id, numbered, seen_revision};
use super::read;
use super::{Action, Caller, Operate, OperateError};
use crate::login::Ledger;

/// A user as operators see it.
#[derive(Clone, Debug, PartialEq)]
pub struct UserShown {
    /// The record.
    pub user: storage::User,
    /// Too many wrong passwords: refused until the window ends or an operator unlocks.
    pub locked: bool,
    /// Logins without a token that the user has had.
    pub initial_logins: u32,
    /// The last login that an old server let in.
    pub forwarded: Option<storage::LastForward>,
}

/// A new user.
#[derive(Clone, Debug, Default)]
pub struct NewUser {
    /// As the directory knows it.
    pub name: String,
    /// Other names.
    pub aliases: Vec<String>,
    /// Free text.
    pub contact: String,
    /// Where passcodes are sent to; empty: nowhere.
    pub email: String,
    /// The same for SMS: + and digits.
    pub phone: String,
    /// Groups.
    pub groups: Vec<String>,
}

/// What to change of a user; what is `None` stays.
#[derive(Clone, Debug, Default)]
pub struct UserEdit {
    /// Another directory name.
    pub name: Option<String>,
    /// All aliases.
    pub aliases: Option<Vec<String>>,
    /// Free text.
    pub contact: Option<String>,
    /// Where passcodes are sent to; empty: nowhere.
    pub email: Option<String>,
    /// The same for SMS.
    pub phone: Option<String>,
    /// All groups.
    pub groups: Option<Vec<String>>,
}

/// Some of the users, by name.
#[derive(Clone, Debug, Default)]
pub struct UserPage {
    /// The users.
    pub users: Vec<UserShown>,
    /// Where the next page begins; `None`: this is the last.
    pub next: Option<String>,
}

impl<L: Ledger> Operate<L> {
    /// Makes a user.
    ///
    /// # Errors
    /// Refused when a name is taken or is none.
    pub async fn add_user(
        &self,
        caller: &Caller,
        request: RequestId,
        new: NewUser,
    ) -> Result<UserShown, OperateError> {
        let mut user = storage::User {
            name: new.name,
            aliases: new.aliases,
            contact: new.contact,
            email: new.email,
            phone: new.phone,
            groups: new.groups,
            status: UserStatus::Active.into(),
            ..Default::default()
        };
        let asked = Asked::new(Action::UserAdd, request).with_message(&user);
        user.id = draw_id(&mut self.chance());
        let put = storage::PutUser {
            user: Some(user),
            expected_revision: 0,
        };
        let done = self.change(caller, asked, Kind::PutUser(put)).await?;
        self.user_back(request, done.id).await
    }

    /// The users by name, `limit` of them, from `after` on.
    ///
    /// # Errors
    /// When the caller may not, or the node is not in sync.
    pub fn list_users(
        &self,
        caller: &Caller,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<UserPage, OperateError> {
        self.reading(caller, Action::UserList)?;
        let limit = limit.clamp(1, PAGE_RECORDS_MAX);
        let view = self.ledger.view();
        let (users, next) = read::users(&view, prefix, after, limit)?;
        let users: Result<_, StoreError> = users.into_iter().map(|u| shown(&view, u)).collect();
        Ok(UserPage {
            users: users?,
            next,
        })
    }

    /// One user, by name or alias.
    ///
    /// # Errors
    /// When nobody has the name.
    pub fn show_user(&self, caller: &Caller, name: &str) -> Result<UserShown, OperateError> {
        self.reading(caller, Action::UserShow)?;
        let user = self.user(name)?;
        Ok(shown(&self.ledger.view(), user)?)
    }

    /// Changes a user. `expected`: the revision that the caller saw; 0: whatever it is.
    ///
    /// # Errors
    /// Refused when somebody else changed it since, or a name is taken.
    pub async fn set_user(
        &self,
        caller: &Caller,
        request: RequestId,
        name: &str,
        expected: u64,
        edit: UserEdit,
    ) -> Result<UserShown, OperateError> {
        caller.may(Action::UserSet)?;
        let mut user = self
            .merged_with(expected, |view| {
                let user = called(view, name)?;
                Ok((user.revision, user))
            })
            .await?;
        let asked = Asked::new(Action::UserSet, request)
            .with(user.id.to_be_bytes())
            .with(format!("{expected} {edit:?}"));
        let revision = seen_revision(expected, user.revision);
        replace(&mut user.name, edit.name);
        replace(&mut user.aliases, edit.aliases);
        replace(&mut user.contact, edit.contact);
        replace(&mut user.email, edit.email);
        replace(&mut user.phone, edit.phone);
        replace(&mut user.groups, edit.groups);
        let put = storage::PutUser {
            user: Some(user),
            expected_revision: revision,
        };
        let done = self.change(caller, asked, Kind::PutUser(put)).await?;
        self.user_back(request, done.id).await
    }

    /// Removes a user. The tokens go back to the inventory, out of service.
    ///
    /// # Errors
    /// Refused when somebody else changed it since.
    pub async fn remove_user(
        &self,
        caller: &Caller,
        request: RequestId,
        name: &str,
        expected: u64,
    ) -> Result<ChangeOutcome, OperateError> {
        caller.may(Action::UserRemove)?;
        let asked = Asked::new(Action::UserRemove, request)
            .with(name)
            .with(expected.to_be_bytes());
        let user = self.user_or_gone(name)?;
        let remove = storage::RemoveUser {
            id: user.id,
            expected_revision: seen_revision(expected, user.revision),
        };
        self.change(caller, asked, Kind::RemoveUser(remove)).await
    }

    /// Forgets a user's wrong passwords and wrong codes.
    ///
    /// # Errors
    /// When nobody has the name.
    pub async fn unlock_user(
        &self,
        caller: &Caller,
        request: RequestId,
        name: &str,
    ) -> Result<ChangeOutcome, OperateError> {
        caller.may(Action::UserUnlock)?;
        let id = self.user(name)?.id;
        let asked = Asked::new(Action::UserUnlock, request).with(id.to_be_bytes());
        let unlock = storage::UnlockUser { id };
        self.change(caller, asked, Kind::UnlockUser(unlock)).await
    }

    /// Grants a user once more the logins without a token that rules allow.
    ///
    /// # Errors
    /// When nobody has the name.
    pub async fn allow_user(
        &self,
        caller: &Caller,
        request: RequestId,
        name: &str,
    ) -> Result<ChangeOutcome, OperateError> {
        caller.may(Action::UserAllow)?;
        let id = self.user(name)?.id;
        let asked = Asked::new(Action::UserAllow, request).with(id.to_be_bytes());
        let allow = storage::AllowUser { id };
        self.change(caller, asked, Kind::AllowUser(allow)).await
    }

    /// Disables a user, or enables it again.
    ///
    /// # Errors
    /// When nobody has the name.
    pub async fn set_user_status(
        &self,
        caller: &Caller,
        request: RequestId,
        name: &str,
        status: UserStatus,
    ) -> Result<ChangeOutcome, OperateError> {
        caller.may(Action::UserStatus)?;
        let id = self.user(name)?.id;
        let asked = Asked::new(Action::UserStatus, request)
            .with(id.to_be_bytes())
            .with(status.as_str_name());
        let set = storage::SetUserStatus {
            id,
            status: status.into(),
        };
        self.change(caller, asked, Kind::SetUserStatus(set)).await
    }

    /// Gives a user a password of its own, which no directory is asked for; `None` takes it
    /// away. It is hashed before anything is sent.
    ///
    /// # Errors
    /// A password that is too short, too long or has control characters; when nobody has the
    /// name.
    pub async fn set_user_password(
        &self,
        caller: &Caller,
        request: RequestId,
        name: &str,
        password: Option<&Secret>,
    ) -> Result<ChangeOutcome, OperateError> {
        caller.may(Action::UserPassword)?;
        let id = self.user(name)?.id;
        let asked = Asked::new(Action::UserPassword, request)
            .with(id.to_be_bytes())
            .with(if password.is_some() { "set" } else { "none" });
        let password = match password {
            Some(password) => self.sealed_password(id, password).await?,
            None => Vec::new(),
        };
        let set = storage::SetUserPassword { id, password };
        self.change(caller, asked, Kind::SetUserPassword(set)).await
    }

    async fn sealed_password(&self, id: u64, password: &Secret) -> Result<Vec<u8>, OperateError> {
        let salt = self.chance().array();
        let hashed = self.sources.own_passwords().hash(password, salt).await;
        let hash = hashed.map_err(|why| OperateError::invalid("password", why))?;
        let row = id.to_be_bytes();
        let context = fields::user_password(self.cluster_id()?, &row);
        self.seal(&context, &hash)
    }

    /// The user that has this name or alias.
    pub(super) fn user(&self, name: &str) -> Result<storage::User, OperateError> {
        called(&self.ledger.view(), name)
    }

    /// As [`Self::user`], but a user that is gone is an empty record: the ledger then
    /// knows whether this is the retry of the request that removed it.
    fn user_or_gone(&self, name: &str) -> Result<storage::User, OperateError> {
        Ok(read::user(&self.ledger.view(), name)?.unwrap_or_default())
    }

    async fn user_back(&self, request: RequestId, id: u64) -> Result<UserShown, OperateError> {
        self.read_back(request, |view| {
            let user = numbered(view, Table::Users, id)?;
            user.map(|user| shown(view, user)).transpose()
        })
        .await
    }
}

fn called(tables: &impl Read, name: &str) -> Result<storage::User, OperateError> {
    let found = read::user(tables, name)?;
    found.ok_or_else(|| OperateError::NotFound {
        kind: "user",
        name: name.to_owned(),
    })
}

fn shown(tables: &impl Read, user: storage::User) -> Result<UserShown, StoreError> {
    let budgets: Option<storage::Budgets> = numbered(tables, Table::Budgets, user.id)?;
    let at = countersign_core::ledger::query::head(tables)?.at;
    let budgets = budgets.unwrap_or_default();
    let strict = budgets.strict;
    let locked = strict.is_some_and(|strict| strict.locked && strict.reset_at > at);
    Ok(UserShown {
        user,
        locked,
        initial_logins: budgets.initial_logins,
        forwarded: budgets.forwarded,
    })
}

fn replace<T>(field: &mut T, by: Option<T>) {
    if let Some(by) = by {
        *field = by;
    }
}
