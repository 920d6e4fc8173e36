//! Who still goes to an old server, and how many never did.

use countersign_core::base::limits::PAGE_RECORDS_MAX;
use countersign_core::ledger::storage::{Budgets, User, UserStatus};
use countersign_core::ledger::{Read, StoreError, Table, query};

use crate::login::Ledger;
use crate::operate::house::numbered;
use crate::operate::{Action, Caller, Operate, OperateError, read};

/// A user whom an old server has let in.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ForwardedUser {
    /// By the name in the directory.
    pub user: String,
    /// The last old server, by its name in the settings.
    pub server: String,
    /// When that was, to the day: milliseconds since 1970.
    pub at: u64,
    /// Whether there is a token by now, so that no rule forwards the user any more.
    pub has_token: bool,
}

/// A part of them, in order of names.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ForwardedPage {
    /// Those of this part of the users.
    pub forwarded: Vec<ForwardedUser>,
    /// Active users of this part who have no token and were never let in by an old server.
    pub never: u64,
    /// Where the next page begins; `None`: this is the last.
    pub next: Option<String>,
}

impl<L: Ledger> Operate<L> {
    /// Looks at `limit` users from `after` on.
    ///
    /// # Errors
    /// When the caller may not, or the node is not in sync.
    pub fn list_forwarded(
        &self,
        caller: &Caller,
        after: Option<&str>,
        limit: usize,
    ) -> Result<ForwardedPage, OperateError> {
        self.reading(caller, Action::RuleForwarded)?;
        let view = self.ledger.view();
        let limit = limit.clamp(1, PAGE_RECORDS_MAX);
        let (users, next) = read::users(&view, "", after, limit)?;
        let mut page = ForwardedPage {
            next,
            ..ForwardedPage::default()
        };
        for user in users {
            page.add(&view, user)?;
        }
        Ok(page)
    }
}

impl ForwardedPage {
    fn add(&mut self, tables: &impl Read, user: User) -> Result<(), StoreError> {
        let has_token = query::has_token(tables, &user.tokens)?;
        let budgets: Option<Budgets> = numbered(tables, Table::Budgets, user.id)?;
        match budgets.and_then(|budgets| budgets.forwarded) {
            Some(last) => self.forwarded.push(ForwardedUser {
                user: user.name,
                server: last.server,
                at: last.at,
                has_token,
            }),
            None if !has_token && user.status() == UserStatus::Active => {
                self.never = self.never.saturating_add(1);
            }
            None => {}
        }
        Ok(())
    }
}
