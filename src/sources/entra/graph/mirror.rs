//! The accounts and groups of a tenant as Graph's changes have told of them so far: who is
//! there, who is turned off, and who is in which group.
//!
//! A name or a state that Graph hides is an error and never an absence: without its
//! permissions an application is told of each account, and little about it. Must not know:
//! links, whether all has been told.

use std::collections::{BTreeMap, BTreeSet};

use countersign_core::base::limits::FIELD_OCTETS_MAX;

use super::changes::{GroupChange, UserChange};
use crate::sources::account::{Group, LookupError};
use crate::sources::entra::settings::is_guid;
use crate::sources::roster::{GroupTable, Listed, Listing};

/// All that has been told.
#[derive(Debug, Default)]
pub(super) struct Mirror {
    /// The places of objects, by their ids.
    places: BTreeMap<u128, u32>,
    users: BTreeMap<u32, Person>,
    groups: BTreeMap<u32, Circle>,
    /// The groups that name an object as their member.
    within: BTreeMap<u32, BTreeSet<u32>>,
    memberships: usize,
}

#[derive(Clone, Debug)]
struct Person {
    /// Folded.
    name: String,
    enabled: bool,
}

#[derive(Clone, Debug)]
struct Circle {
    id: u128,
    name: String,
    is_security: bool,
}

impl Mirror {
    /// Takes a change of an account over.
    ///
    /// # Errors
    /// When it cannot be read, hides what counts, or there is no room. All stays as it was.
    pub(super) fn take_user(&mut self, change: UserChange) -> Result<(), LookupError> {
        let place = self.place(&change.id)?;
        if change.removed.is_some() {
            self.users.remove(&place);
            return Ok(());
        }
        let known = self.users.get(&place);
        let name = current(change.user_principal_name, known.map(|it| &it.name))?;
        let enabled = current(change.account_enabled, known.map(|it| &it.enabled))?;
        if name.is_empty() {
            return Err(LookupError::Hidden);
        }
        if name.len() > FIELD_OCTETS_MAX {
            return Err(LookupError::Unreadable);
        }
        let name = name.to_lowercase();
        self.users.insert(place, Person { name, enabled });
        Ok(())
    }

    /// Takes a change of a group and of its members over.
    ///
    /// # Errors
    /// As [`Self::take_user`]; of its members some may have been taken over.
    pub(super) fn take_group(&mut self, change: GroupChange) -> Result<(), LookupError> {
        let place = self.place(&change.id)?;
        if change.removed.is_some() {
            self.groups.remove(&place);
            self.disband(place);
            return Ok(());
        }
        let known = self.groups.get(&place);
        let is_security = current(change.security_enabled, known.map(|it| &it.is_security))?;
        let name = match current(change.display_name, known.map(|it| &it.name)) {
            Ok(name) if !(is_security && name.is_empty()) => name,
            // It goes by its id alone, whatever it is called.
            Err(_) if !is_security => String::new(),
            // A rule that refuses its members would be missed.
            Ok(_) | Err(_) => return Err(LookupError::Hidden),
        };
        let id = number(&change.id)?;
        self.groups.insert(
            place,
            Circle {
                id,
                name,
                is_security,
            },
        );
        for member in change.members.unwrap_or_default() {
            let its = self.place(&member.id)?;
            if member.removed.is_some() {
                self.leave(its, place);
            } else if member.counts() {
                self.join(its, place)?;
            }
        }
        Ok(())
    }

    fn join(&mut self, member: u32, group: u32) -> Result<(), LookupError> {
        if self.memberships >= MEMBERSHIPS_MAX {
            return Err(LookupError::TooMany);
        }
        if self.within.entry(member).or_default().insert(group) {
            self.memberships = self.memberships.saturating_add(1);
        }
        Ok(())
    }

    fn leave(&mut self, member: u32, group: u32) {
        let within = self.within.get_mut(&member);
        if within.is_some_and(|groups| groups.remove(&group)) {
            self.memberships = self.memberships.saturating_sub(1);
        }
    }

    /// Nobody is in it any more. Should it come back, its members are told anew.
    fn disband(&mut self, group: u32) {
        for groups in self.within.values_mut() {
            if groups.remove(&group) {
                self.memberships = self.memberships.saturating_sub(1);
            }
        }
    }

    /// How each of `names` is had, in their order; `None`: nobody has the name.
    pub(super) fn listed(&self, names: &[String], groups: &mut GroupTable) -> Vec<Option<Listed>> {
        let mut by_name: BTreeMap<&str, Vec<u32>> = BTreeMap::new();
        for (place, user) in &self.users {
            by_name.entry(&user.name).or_default().push(*place);
        }
        let each = names.iter();
        each.map(
            |name| match by_name.get(&*name.to_lowercase()).map(Vec::as_slice) {
                None | Some([]) => None,
                Some([place]) => self.listing(*place, groups),
                // One has the name of another that is not told to have lost it yet.
                Some(_) => Some(Listed::Unread),
            },
        )
        .collect()
    }

    fn listing(&self, place: u32, groups: &mut GroupTable) -> Option<Listed> {
        let user = self.users.get(&place)?;
        Some(Listed::There(Listing {
            disabled: !user.enabled,
            groups: groups.named(self.groups_of(place)),
        }))
    }

    /// All groups of a member, direct or not.
    fn groups_of(&self, member: u32) -> Vec<Group> {
        let mut found = BTreeSet::new();
        let mut next = vec![member];
        // Each is looked at once, so that a cycle ends.
        while let Some(place) = next.pop() {
            let around = self.within.get(&place).into_iter().flatten();
            next.extend(around.filter(|group| found.insert(**group)));
        }
        let known = found.iter().filter_map(|place| self.groups.get(place));
        known.map(Circle::group).collect()
    }

    /// The place of an object, which it gets if it has none.
    fn place(&mut self, id: &str) -> Result<u32, LookupError> {
        let id = number(id)?;
        if let Some(place) = self.places.get(&id) {
            return Ok(*place);
        }
        if self.places.len() >= OBJECTS_MAX {
            return Err(LookupError::TooMany);
        }
        let place = u32::try_from(self.places.len()).map_err(|_| LookupError::TooMany)?;
        self.places.insert(id, place);
        Ok(place)
    }
}

impl Circle {
    /// A team or a mailing list is known by its id alone, as where one account is looked up.
    fn group(&self) -> Group {
        let name = self.is_security.then(|| self.name.clone());
        Group {
            name: name.unwrap_or_default(),
            id: shown(self.id),
        }
    }
}

/// What is told, or was before; what is null is hidden, and what never came may be.
fn current<T: Clone>(told: Option<Option<T>>, known: Option<&T>) -> Result<T, LookupError> {
    match told {
        Some(told) => told.ok_or(LookupError::Hidden),
        None => known.cloned().ok_or(LookupError::Hidden),
    }
}

/// The number that an object id is.
fn number(id: &str) -> Result<u128, LookupError> {
    if !is_guid(id) {
        return Err(LookupError::Unreadable);
    }
    let digits = id.replace('-', "");
    u128::from_str_radix(&digits, 16).map_err(|_| LookupError::Unreadable)
}

/// The object id, as Graph writes it.
fn shown(id: u128) -> String {
    format!(
        "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
        id >> 96,
        (id >> 80) & 0xffff,
        (id >> 64) & 0xffff,
        (id >> 48) & 0xffff,
        id & 0xffff_ffff_ffff
    )
}

/// LIMIT: accounts, groups and other members of a tenant, gone ones among them; some 40 octets
/// each, and the names.
const OBJECTS_MAX: usize = 1_000_000;
/// LIMIT: who is in which group; some 10 octets each.
const MEMBERSHIPS_MAX: usize = 5_000_000;

#[cfg(test)]
mod tests;
