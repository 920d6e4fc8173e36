//! What a rule grants of groups that a directory tells of the account.
//!
//! Rules see replicated facts alone (DESIGN §2); these groups decide nothing. They are read
//! when the code has been judged, the attributes are made of them once, and are then kept with
//! the login. Must not know how a directory is asked.

use std::fmt;

use crate::ledger::rules::{Grant, Granted, Names, Unfit};
use crate::radius::{Number, Relayed};

/// The attributes of a rule that wait for the directory, and what else stands in them.
#[derive(Clone, Eq, PartialEq)]
pub struct AccountGrants {
    grants: Vec<Grant>,
    typed: String,
    directory: String,
    client: String,
    groups: Vec<String>,
}

impl AccountGrants {
    /// Those of a rule's attributes that wait; `None`: none does.
    pub(crate) fn of(grants: &[Grant], names: &Names<'_>) -> Option<Self> {
        let grants = grants.iter().filter(|grant| grant.asks_directory());
        let grants: Vec<_> = grants.cloned().collect();
        (!grants.is_empty()).then(|| Self {
            grants,
            typed: names.typed.to_owned(),
            directory: names.directory.to_owned(),
            client: names.client.to_owned(),
            groups: names.groups.iter().map(ToString::to_string).collect(),
        })
    }

    /// Where they stand.
    pub fn numbers(&self) -> impl Iterator<Item = Number> {
        self.grants.iter().map(Grant::number)
    }

    /// The attributes, now that the directory has told these groups.
    ///
    /// # Errors
    /// They cannot be made, or are more than is kept with a login. Nobody is let in then: with
    /// an attribute less the user might be let further in.
    pub fn made(&self, account_groups: &[String]) -> Result<Relayed, Unfit> {
        let groups: Vec<&str> = self.groups.iter().map(String::as_str).collect();
        let account_groups: Vec<&str> = account_groups.iter().map(String::as_str).collect();
        let names = Names {
            typed: &self.typed,
            directory: &self.directory,
            client: &self.client,
            groups: &groups,
            account_groups: &account_groups,
        };
        let mut made = Vec::new();
        for grant in &self.grants {
            let granted = grant.attributes(&names)?.into_iter();
            // INVARIANT: a secret is no template.
            made.extend(granted.filter_map(Granted::into_attribute));
        }
        Ok(Relayed::new(&made)?)
    }
}

/// Numbers alone: values are for the device, names are a user's.
impl fmt::Debug for AccountGrants {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.numbers()).finish()
    }
}
