//! Every administrative action, and the least role that may take it.
//!
//! The one table of rights: what is not in it does not exist, so nothing is allowed by
//! being forgotten. Must not know what an action does.

use std::fmt;
use std::str::FromStr;

use countersign_core::ledger::storage;

/// What an operator may do, least first: each role may do what the ones before it may.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Role {
    /// Reads.
    Auditor,
    /// Reads; changes users and their tokens.
    Helpdesk,
    /// Everything.
    Admin,
}

impl Role {
    /// The stored role, where it is one that this binary knows.
    #[must_use]
    pub const fn of(stored: storage::Role) -> Option<Self> {
        match stored {
            storage::Role::Unspecified => None,
            storage::Role::Auditor => Some(Self::Auditor),
            storage::Role::Helpdesk => Some(Self::Helpdesk),
            storage::Role::Admin => Some(Self::Admin),
        }
    }

    /// As it is stored.
    #[must_use]
    pub const fn stored(self) -> storage::Role {
        match self {
            Self::Auditor => storage::Role::Auditor,
            Self::Helpdesk => storage::Role::Helpdesk,
            Self::Admin => storage::Role::Admin,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Auditor => "auditor",
            Self::Helpdesk => "helpdesk",
            Self::Admin => "admin",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Role {
    type Err = UnknownRole;

    fn from_str(text: &str) -> Result<Self, UnknownRole> {
        [Self::Auditor, Self::Helpdesk, Self::Admin]
            .into_iter()
            .find(|role| role.name() == text)
            .ok_or(UnknownRole)
    }
}

/// A text that names no role.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("a role is auditor, helpdesk or admin")]
pub struct UnknownRole;

macro_rules! actions {
    ($($action:ident $name:literal $least:ident;)*) => {
        /// An administrative action.
        #[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
        pub enum Action {
            $(#[doc = concat!("`", $name, "`")] $action,)*
        }

        impl Action {
            /// Every action, for manuals and tests.
            pub const ALL: &'static [Self] = &[$(Self::$action),*];

            /// What operators call it.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$action => $name,)*
                }
            }

            /// The least role that may take it.
            #[must_use]
            pub const fn least_role(self) -> Role {
                match self {
                    $(Self::$action => Role::$least,)*
                }
            }
        }
    };
}

actions! {
    UserAdd "user.add" Helpdesk;
    UserList "user.list" Auditor;
    UserShow "user.show" Auditor;
    UserSet "user.set" Helpdesk;
    UserRemove "user.remove" Helpdesk;
    UserUnlock "user.unlock" Helpdesk;
    UserAllow "user.allow" Helpdesk;
    UserPassword "user.password" Helpdesk;
    UserStatus "user.status" Helpdesk;
    TokenAdd "token.add" Helpdesk;
    TokenList "token.list" Auditor;
    TokenShow "token.show" Auditor;
    TokenUri "token.uri" Helpdesk;
    TokenRemove "token.remove" Helpdesk;
    TokenState "token.state" Helpdesk;
    TokenAssign "token.assign" Helpdesk;
    TokenResync "token.resync" Helpdesk;
    ClientAdd "client.add" Admin;
    ClientList "client.list" Auditor;
    ClientShow "client.show" Auditor;
    ClientSet "client.set" Admin;
    ClientRemove "client.remove" Admin;
    ClientLearn "client.learn" Admin;
    ClientProfiles "client.profiles" Auditor;
    ClientWatch "client.watch" Auditor;
    ClientRotateSecret "client.rotate-secret" Admin;
    RuleList "rule.list" Auditor;
    RuleForwarded "rule.forwarded" Auditor;
    RulePut "rule.put" Admin;
    RuleTest "rule.test" Auditor;
    SettingsShow "settings.show" Auditor;
    SettingsApply "settings.apply" Admin;
    SettingsSync "settings.sync" Admin;
    SettingsTest "settings.test" Admin;
    SettingsLearn "settings.learn" Admin;
    OperatorPut "operator.put" Admin;
    OperatorList "operator.list" Auditor;
    OperatorRemove "operator.remove" Admin;
    ApiTokenAdd "api-token.add" Admin;
    ApiTokenList "api-token.list" Auditor;
    ApiTokenRevoke "api-token.revoke" Admin;
    Import "import" Admin;
    Status "cluster.status" Auditor;
    TransferLeader "cluster.transfer-leader" Admin;
    EventsRead "events.read" Auditor;
    AuditRead "audit.read" Auditor;
    RequestShow "request.show" Auditor;
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Written down a second time and by hand, so that a slip in the table is seen.
    const FOR_AUDITORS: &[&str] = &[
        "api-token.list",
        "audit.read",
        "client.list",
        "client.profiles",
        "client.show",
        "client.watch",
        "cluster.status",
        "events.read",
        "operator.list",
        "request.show",
        "rule.forwarded",
        "rule.list",
        "rule.test",
        "settings.show",
        "token.list",
        "token.show",
        "user.list",
        "user.show",
    ];
    const FOR_HELPDESKS: &[&str] = &[
        "token.add",
        "token.assign",
        "token.remove",
        "token.resync",
        "token.state",
        "token.uri",
        "user.add",
        "user.allow",
        "user.password",
        "user.remove",
        "user.set",
        "user.status",
        "user.unlock",
    ];

    #[test]
    fn each_action_needs_the_role_that_the_design_gives_it() {
        for action in Action::ALL {
            let least = if FOR_AUDITORS.contains(&action.name()) {
                Role::Auditor
            } else if FOR_HELPDESKS.contains(&action.name()) {
                Role::Helpdesk
            } else {
                Role::Admin
            };
            assert_eq!(action.least_role(), least, "{}", action.name());
        }
    }

    #[test]
    fn a_role_of_another_version_may_do_nothing() {
        assert_eq!(Role::of(storage::Role::Unspecified), None);
    }
}
