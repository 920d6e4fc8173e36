//! The stand-in's Graph: accounts and their groups, and what has changed of them, for who
//! brings a token of the application's own.
//!
//! Must not know: passwords.

mod bearer;
mod delta;
mod read;

pub(super) use bearer::Signer;
pub(super) use delta::{group_changes, user_changes};
pub(super) use read::{memberships, quoted, user, users};

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use aws_lc_rs::digest::{SHA256, digest};

/// Who is in which group, and since which change.
#[derive(Debug, Default)]
pub(super) struct Groups(Mutex<Memberships>);

/// By group, then by the user's folded name. Who has left is kept, for who asks what changed.
#[derive(Debug, Default)]
struct Memberships {
    version: u64,
    all: BTreeMap<String, BTreeMap<String, Membership>>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Membership {
    is_in: bool,
    version: u64,
}

impl Groups {
    /// Puts the user into these groups and no others.
    pub(super) fn set(&self, user: &str, groups: &[String]) {
        let mut memberships = self.lock();
        memberships.version = memberships.version.saturating_add(1);
        let version = memberships.version;
        for group in groups {
            memberships.all.entry(group.clone()).or_default();
        }
        for (group, members) in &mut memberships.all {
            let is_in = groups.contains(group);
            let member = members.entry(user.to_lowercase()).or_default();
            if member.is_in != is_in {
                *member = Membership { is_in, version };
            }
        }
    }

    /// The names of the groups that the user is in.
    fn of(&self, user: &str) -> Vec<String> {
        let (memberships, user) = (self.lock(), user.to_lowercase());
        let is_in = |members: &BTreeMap<String, Membership>| {
            members.get(&user).is_some_and(|member| member.is_in)
        };
        let all = memberships.all.iter();
        all.filter(|(_, members)| is_in(members))
            .map(|(group, _)| group.clone())
            .collect()
    }

    fn lock(&self) -> MutexGuard<'_, Memberships> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The parameters of a query.
fn parameters(query: Option<String>) -> BTreeMap<String, String> {
    let query = query.unwrap_or_default();
    url::form_urlencoded::parse(query.as_bytes())
        .into_owned()
        .collect()
}

/// The id that an object of this name has in every run.
pub(super) fn id_of(kind: &str, name: &str) -> String {
    let folded = format!("{kind}:{}", name.to_lowercase());
    let digest = digest(&SHA256, folded.as_bytes());
    let octets = digest.as_ref().iter().take(16);
    let number = octets.fold(0, |sum: u128, octet| (sum << 8) | u128::from(*octet));
    format!(
        "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
        number >> 96,
        (number >> 80) & 0xffff,
        (number >> 64) & 0xffff,
        (number >> 48) & 0xffff,
        number & 0xffff_ffff_ffff
    )
}
