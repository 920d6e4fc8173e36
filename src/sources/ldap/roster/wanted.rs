//! Which entries of a list are those of the users that are asked about: by the same names by
//! which a login finds them.
//!
//! Must not know: connections, what an entry says of its account.

use std::collections::BTreeMap;

use crate::sources::Listed;
use crate::sources::ldap::directory::Directory;
use crate::sources::ldap::dn;
use crate::sources::ldap::message::Entry;

/// The users, and what was met of them.
pub(super) struct Wanted {
    /// By the attribute that is looked at first, then by the next one.
    keys: Vec<Keys>,
    /// Of each user, by each attribute.
    hits: Vec<Vec<Hit>>,
}

/// Who is found by an attribute, by its folded value.
struct Keys {
    attribute: String,
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
    pub(super) fn new(directory: &Directory, names: &[String]) -> Self {
        let attributes = directory.users.attributes();
        let hits = vec![Hit::Nobody; attributes.len()];
        let keys = attributes.into_iter().map(|attribute| Keys {
            attribute: attribute.to_owned(),
            users: BTreeMap::new(),
        });
        let mut wanted = Self {
            keys: keys.collect(),
            hits: vec![hits; names.len()],
        };
        for (at, name) in names.iter().enumerate() {
            // Without its domain it would be the name of another.
            if !directory.domains.is_foreign(name) {
                wanted.want(directory, at, name);
            }
        }
        wanted
    }

    fn want(&mut self, directory: &Directory, at: usize, name: &str) {
        for (attribute, value) in directory.users.keys(name, &directory.domains) {
            let mut keys = self.keys.iter_mut();
            if let Some(keys) = keys.find(|keys| keys.attribute == attribute) {
                keys.users.entry(folded(value)).or_default().push(at);
            }
        }
    }

    /// An entry of the list. `read` reads it, if it is wanted.
    pub(super) fn meet(&mut self, entry: &Entry, read: impl Fn() -> Listed) {
        let dn = dn::folded(&entry.dn);
        for (place, keys) in self.keys.iter().enumerate() {
            let values = entry.texts(&keys.attribute);
            let users = values.filter_map(|value| keys.users.get(&folded(value)));
            for &user in users.flatten() {
                let hits = self.hits.get_mut(user);
                if let Some(hit) = hits.and_then(|hits| hits.get_mut(place)) {
                    hit.add(&dn, &read);
                }
            }
        }
    }

    /// What was found of each user: by an attribute only where those before it find nobody.
    pub(super) fn into_hits(self) -> impl Iterator<Item = Hit> {
        self.hits.into_iter().map(|hits| {
            let mut hits = hits.into_iter();
            let found = hits.find(|hit| !matches!(hit, Hit::Nobody));
            found.unwrap_or(Hit::Nobody)
        })
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
