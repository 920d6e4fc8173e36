//! Which entries of a list are those of the users that are asked about: by the same names by
//! which a login finds them.
//!
//! Must not know: connections, what an entry says of its account.

use std::collections::BTreeMap;

use crate::sources::Listed;
use crate::sources::ldap::dn;
use crate::sources::ldap::filter::{UserFilter, account_of};
use crate::sources::ldap::message::Entry;

/// The users, and what was met of them.
pub(super) struct Wanted {
    /// By the attribute that is looked at first, and by the second one.
    keys: [Keys; 2],
    hits: Vec<[Hit; 2]>,
}

/// Who is found by an attribute, by its folded value.
struct Keys {
    attribute: Option<String>,
    users: BTreeMap<String, Vec<usize>>,
}

/// What was found of one user.
#[derive(Clone, Debug, Default)]
pub(super) enum Hit {
    #[default]
    Nobody,
    /// By its folded distinguished name.
    One(String, Listed),
    Several,
}

impl Wanted {
    pub(super) fn new(users: &UserFilter, base: &str, names: &[String]) -> Self {
        let keys = |attribute: Option<&str>| Keys {
            attribute: attribute.map(str::to_owned),
            users: BTreeMap::new(),
        };
        let [first, second] = attributes(users);
        let mut wanted = Self {
            keys: [keys(first), keys(second)],
            hits: vec![[Hit::Nobody, Hit::Nobody]; names.len()],
        };
        let domain = dn::domain(base);
        for (at, name) in names.iter().enumerate() {
            wanted.want(users, &domain, at, name);
        }
        wanted
    }

    /// As `filter::names` has it: by principal name, and where the domain is the directory's
    /// own, or there is none, by account.
    fn want(&mut self, users: &UserFilter, domain: &str, at: usize, name: &str) {
        let of_domain = name.rsplit_once('@').map(|(_, domain)| domain);
        let (whole, account) = match users {
            UserFilter::Attribute(_) => (true, false),
            UserFilter::Names => (
                of_domain.is_some(),
                of_domain.is_none_or(|of| of.eq_ignore_ascii_case(domain)),
            ),
            UserFilter::Accounts => (false, true),
            UserFilter::Template(_) => (false, false),
        };
        let [first, second] = &mut self.keys;
        if whole {
            first.users.entry(folded(name)).or_default().push(at);
        }
        if account {
            let account = folded(account_of(name));
            second.users.entry(account).or_default().push(at);
        }
    }

    /// An entry of the list. `read` reads it, if it is wanted.
    pub(super) fn meet(&mut self, entry: &Entry, read: impl Fn() -> Listed) {
        let dn = dn::folded(&entry.dn);
        for (place, keys) in self.keys.iter().enumerate() {
            let Some(attribute) = &keys.attribute else {
                continue;
            };
            let values = entry.texts(attribute);
            let users = values.filter_map(|value| keys.users.get(&folded(value)));
            for &user in users.flatten() {
                let hits = self.hits.get_mut(user);
                if let Some(hit) = hits.and_then(|hits| hits.get_mut(place)) {
                    hit.add(&dn, &read);
                }
            }
        }
    }

    /// What was found of each user: by the second attribute only where the first finds nobody.
    pub(super) fn into_hits(self) -> Vec<Hit> {
        let hits = self.hits.into_iter().map(|[first, second]| match first {
            Hit::Nobody => second,
            Hit::One(..) | Hit::Several => first,
        });
        hits.collect()
    }
}

/// By what users are found: first by the one, then by the other.
pub(super) fn attributes(users: &UserFilter) -> [Option<&str>; 2] {
    match users {
        UserFilter::Attribute(attribute) => [Some(attribute), None],
        UserFilter::Names => [Some("userPrincipalName"), Some("sAMAccountName")],
        UserFilter::Accounts => [None, Some("sAMAccountName")],
        UserFilter::Template(_) => [None, None],
    }
}

impl Hit {
    /// One entry may come twice, in two parts of a list or by two of its values.
    fn add(&mut self, dn: &str, read: impl Fn() -> Listed) {
        match self {
            Self::Nobody => *self = Self::One(dn.to_owned(), read()),
            Self::One(met, _) if met == dn => (),
            Self::One(..) | Self::Several => *self = Self::Several,
        }
    }
}

fn folded(text: &str) -> String {
    text.to_lowercase()
}
