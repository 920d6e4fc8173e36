//! The port by which a source tells how it has users: each of those that are asked about,
//! in whatever way the source reads them best.
//!
//! An answer is whole or none at all: what could not be read to its end must never look like
//! absence. Must not know: who asks, what follows from the answer.

use std::collections::BTreeSet;
use std::future::Future;
use std::sync::Arc;

use countersign_core::base::limits::{FIELD_OCTETS_MAX, GROUP_ID_OCTETS_MAX, SYNCED_GROUPS_MAX};
use countersign_core::ledger::storage::{self, EntraClientType, source::Kind};

use super::account::{Group, LookupError};
use super::alarm::{Over, Trouble};
use super::route;

/// A source that can tell of many users at one time.
pub trait Roster {
    /// How it has each of `names`, in their order. They are directory names, as passwords are
    /// asked for. Bounded in time and size by the source.
    fn roster(
        &self,
        names: &[String],
    ) -> impl Future<Output = Result<Vec<Listed>, RosterError>> + Send;
}

/// The source whose word on a user's account counts: of those that are asked for the name's
/// password the first that can tell of users at all.
#[must_use]
pub fn roster_of<'a>(sources: &'a [storage::Source], name: &str) -> Option<&'a storage::Source> {
    let domains: Vec<_> = sources.iter().map(|source| &*source.domains).collect();
    let places = route::route(name, &domains).into_iter();
    let mut routed = places.filter_map(|place| sources.get(place));
    routed.find(|source| has_roster(source))
}

/// Whether users are synchronised from a source that is set so: every node says the same.
#[must_use]
pub fn has_roster(source: &storage::Source) -> bool {
    let may_read = match &source.kind {
        Some(Kind::Ldap(ldap)) => !ldap.service_name.is_empty(),
        // A public client has no token of its own, and so no Graph.
        Some(Kind::Entra(entra)) => match entra.client_type() {
            EntraClientType::Secret | EntraClientType::Certificate => true,
            EntraClientType::Public | EntraClientType::Unspecified => false,
        },
        None => false,
    };
    may_read && !source.sync_off
}

/// How a source has one user.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Listed {
    /// There is no such account; the source was asked for this very one.
    Gone,
    /// There is one.
    There(Listing),
    /// It cannot be told: several accounts have the name, say.
    Unread,
}

/// An account.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Listing {
    /// Turned off, or its time is over. A lock that wrong passwords have brought is not meant.
    pub disabled: bool,
    /// All groups, direct or not, in order of names; `None`: not all can be told.
    pub groups: Option<Vec<Arc<GroupName>>>,
}

/// What a group is called.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct GroupName {
    /// By people. Empty: it is known by its id alone.
    pub name: String,
    /// By the directory: a distinguished name, an object id.
    pub id: String,
}

/// Why a source tells of nobody.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum RosterError {
    /// The directory does not tell.
    #[error(transparent)]
    Lookup(#[from] LookupError),
    /// This node cannot use it.
    #[error("this node cannot use the source as it is set; its log says why")]
    Misconfigured,
}

/// The groups of many users. Each group is kept once, however many are in it.
#[derive(Debug, Default)]
pub struct GroupTable {
    known: BTreeSet<Arc<GroupName>>,
    memberships: usize,
}

impl GroupTable {
    /// A group, as it is kept already or from now on.
    pub fn shared(&mut self, group: GroupName) -> Arc<GroupName> {
        if let Some(known) = self.known.get(&group) {
            return Arc::clone(known);
        }
        let group = Arc::new(group);
        self.known.insert(Arc::clone(&group));
        group
    }

    /// A user's groups as they are listed. `None`: they are more than are kept, or one has a
    /// longer name.
    pub(super) fn named(&mut self, groups: Vec<Group>) -> Option<Vec<Arc<GroupName>>> {
        let fits = |group: &Group| {
            group.name.len() <= FIELD_OCTETS_MAX && group.id.len() <= GROUP_ID_OCTETS_MAX
        };
        if groups.len() > SYNCED_GROUPS_MAX || !groups.iter().all(fits) {
            return None;
        }
        self.memberships = self.memberships.saturating_add(groups.len());
        self.bounded().ok()?;
        let name = |Group { name, id }| self.shared(GroupName { name, id });
        let mut named: Vec<_> = groups.into_iter().map(name).collect();
        named.sort();
        Some(named)
    }

    /// What is beyond the limit was not told, so that the reading is none.
    pub(super) const fn bounded(&self) -> Result<(), LookupError> {
        if self.memberships > MEMBERSHIPS_MAX {
            return Err(LookupError::TooMany);
        }
        Ok(())
    }
}

/// LIMIT: groups of all users together, each as often as users are in it: twenty for each of
/// a million users.
const MEMBERSHIPS_MAX: usize = 20_000_000;

/// More users would be refused than may be unasked.
pub static HELD: Trouble = Trouble {
    label: "sync_held",
    what: "the directory would have so many users refused that an operator must confirm it",
    remedy: "look at `settings sync --dry-run`; then `settings sync --confirm`, or set the \
             directory right",
    over: Over::Told,
};

/// The last round brought nothing.
pub static UNREAD: Trouble = Trouble {
    label: "sync_unread",
    what: "users cannot be synchronised: states and groups stay as they were",
    remedy: "`settings sync --dry-run` tells why",
    over: Over::Told,
};

#[cfg(test)]
mod tests {
    use countersign_core::ledger::storage::{EntraSettings, LdapSettings};

    use super::*;

    fn source(name: &str, domains: &[&str], kind: Kind) -> storage::Source {
        storage::Source {
            name: name.to_owned(),
            domains: domains.iter().map(ToString::to_string).collect(),
            kind: Some(kind),
            ..storage::Source::default()
        }
    }

    #[test]
    fn a_user_is_of_the_first_source_of_its_domain_that_can_be_read() {
        let ldap = |service: &str| {
            Kind::Ldap(LdapSettings {
                service_name: service.to_owned(),
                ..LdapSettings::default()
            })
        };
        let sources = [
            source(
                "entra",
                &["a.example"],
                Kind::Entra(EntraSettings::default()),
            ),
            source("blind", &["a.example"], ldap("")),
            source("corp", &["a.example"], ldap("svc")),
            source("second", &["a.example"], ldap("svc")),
            source("rest", &[], ldap("svc")),
        ];
        let of = |name| roster_of(&sources, name).map(|source| &*source.name);
        assert_eq!(of("ann@A.example"), Some("corp"));
        assert_eq!(of("ann@b.example"), Some("rest"));
        assert_eq!(of("A\\ann"), Some("rest"));
        assert_eq!(roster_of(&sources[..2], "ann@a.example"), None);
    }

    fn group(name: &str) -> Group {
        Group {
            name: name.to_owned(),
            id: format!("CN={name}"),
        }
    }

    #[test]
    fn a_group_is_kept_once_however_many_are_in_it() {
        let mut table = GroupTable::default();
        let one = table.named(vec![group("vpn"), group("all")]).unwrap();
        let other = table.named(vec![group("all")]).unwrap();
        assert_eq!(
            one.iter().map(|it| &*it.name).collect::<Vec<_>>(),
            ["all", "vpn"]
        );
        assert!(Arc::ptr_eq(&one[0], &other[0]));
    }

    #[test]
    fn a_reading_of_too_many_memberships_is_none() {
        let mut table = GroupTable {
            memberships: MEMBERSHIPS_MAX - 1,
            ..GroupTable::default()
        };
        assert!(table.named(vec![group("all")]).is_some());
        assert_eq!(table.bounded(), Ok(()));
        assert_eq!(table.named(vec![group("all")]), None);
        assert_eq!(table.bounded(), Err(LookupError::TooMany));
    }

    #[test]
    fn users_are_read_where_the_application_has_a_token_and_nobody_has_turned_it_off() {
        let entra = |client_type: EntraClientType| {
            let client_type = client_type.into();
            let settings = EntraSettings {
                client_type,
                ..EntraSettings::default()
            };
            source("entra", &[], Kind::Entra(settings))
        };
        assert!(!has_roster(&entra(EntraClientType::Public)));
        assert!(has_roster(&entra(EntraClientType::Secret)));
        let mut certificate = entra(EntraClientType::Certificate);
        assert!(has_roster(&certificate));
        certificate.sync_off = true;
        assert!(!has_roster(&certificate));
    }
}
