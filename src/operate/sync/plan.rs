//! What a round has to write: the differences between what a directory says and what is
//! replicated.
//!
//! Must not know: how it is written, or whether it may be.

use std::iter;
use std::sync::Arc;

use countersign_core::base::limits::SYNC_NAMES_MAX;
use countersign_core::ledger::storage::{self, SyncHeld, SyncedFacts, SyncedUser};
use countersign_core::ledger::synced;

use super::SyncReport;
use crate::sources::{GroupName, GroupTable, Listed, Listing};

/// What a round has found.
pub(super) struct Plan {
    pub(super) report: SyncReport,
    /// Users that would be newly refused.
    refusing: Vec<Difference>,
    others: Vec<Difference>,
    /// Groups that stay as they were.
    kept: GroupTable,
}

/// What is to be written of one user. There may be a million of them.
struct Difference {
    id: u64,
    name: String,
    disabled: bool,
    gone: bool,
    groups: Vec<Arc<GroupName>>,
}

impl Plan {
    pub(super) fn new(source: &str) -> Self {
        Self {
            report: SyncReport {
                source: source.to_owned(),
                ..SyncReport::default()
            },
            refusing: Vec::new(),
            others: Vec::new(),
            kept: GroupTable::default(),
        }
    }

    /// How the source has a user, who is replicated so.
    pub(super) fn add(&mut self, user: storage::User, listed: Listed) {
        let mut found = Difference {
            id: user.id,
            name: user.name.clone(),
            disabled: false,
            gone: false,
            groups: Vec::new(),
        };
        match listed {
            Listed::Unread => {
                self.report.unread = self.report.unread.saturating_add(1);
                return;
            }
            Listed::Gone => found.gone = true,
            Listed::There(Listing { disabled, groups }) => {
                found.disabled = disabled;
                found.groups = match groups {
                    Some(groups) => groups,
                    None => {
                        self.report.unread = self.report.unread.saturating_add(1);
                        self.as_before(user.synced.as_ref())
                    }
                };
            }
        }
        self.report.matched = self.report.matched.saturating_add(1);
        let was_refused = synced::is_refused(&user);
        let known = user.synced.map(|known| SyncedFacts { at: 0, ..known });
        if known.is_some_and(|known| known == found.facts(&self.report.source)) {
            return;
        }
        self.note(found, was_refused);
    }

    fn note(&mut self, found: Difference, was_refused: bool) {
        self.report.changed = self.report.changed.saturating_add(1);
        if was_refused || !(found.disabled || found.gone) {
            self.others.push(found);
            return;
        }
        self.report.refused = self.report.refused.saturating_add(1);
        if self.report.names.len() < SYNC_NAMES_MAX {
            self.report.names.push(found.name.clone());
        }
        self.refusing.push(found);
    }

    /// Groups that cannot be told stay as they were.
    fn as_before(&mut self, known: Option<&SyncedFacts>) -> Vec<Arc<GroupName>> {
        let Some(known) = known else {
            return Vec::new();
        };
        let ids = known.group_ids.iter().cloned();
        let ids = ids.chain(iter::repeat_with(String::new));
        let each = known.groups.iter().cloned().zip(ids);
        let each = each.map(|(name, id)| self.kept.shared(GroupName { name, id }));
        each.collect()
    }

    /// Leaves those that would be refused as they are, but for some that are told of.
    pub(super) fn hold(&mut self) {
        self.report.held = true;
        self.refusing.truncate(SYNC_NAMES_MAX);
        self.report.changed = count(self.others.len());
    }

    /// Whether anything has to be written, after a hold of before or without one.
    pub(super) fn is_news(&self, before: Option<&SyncHeld>) -> bool {
        let report = &self.report;
        let held = report.held.then_some((report.refused, report.matched));
        let is_same = match (held, before) {
            (None, None) => self.refusing.is_empty(),
            (Some(now), Some(before)) => {
                now == (before.disabling, before.matched) && report.names == before.names
            }
            (None, Some(_)) | (Some(_), None) => false,
        };
        !is_same || !self.others.is_empty()
    }

    /// What is to be written, first those that are counted; and of how many users.
    pub(super) fn changes(self) -> (impl Iterator<Item = SyncedUser>, usize) {
        let count = self.refusing.len().saturating_add(self.others.len());
        let source = self.report.source;
        let all = self.refusing.into_iter().chain(self.others);
        let all = all.map(move |found| SyncedUser {
            id: found.id,
            facts: Some(found.facts(&source)),
            name: found.name,
        });
        (all, count)
    }
}

impl Difference {
    fn facts(&self, source: &str) -> SyncedFacts {
        let groups = self.groups.iter();
        let groups = groups.map(|group| (group.name.clone(), group.id.clone()));
        let (groups, group_ids) = groups.unzip();
        SyncedFacts {
            source: source.to_owned(),
            disabled: self.disabled,
            gone: self.gone,
            groups,
            group_ids,
            at: 0,
        }
    }
}

fn count(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(id: u64, name: &str, synced: Option<SyncedFacts>) -> storage::User {
        storage::User {
            id,
            name: name.to_owned(),
            synced,
            ..storage::User::default()
        }
    }

    #[test]
    fn each_change_says_by_which_name_the_source_was_asked() {
        let mut plan = Plan::new("corp");
        plan.add(user(1, "ann", None), Listed::There(Listing::default()));
        plan.add(user(2, "bob", None), Listed::Gone);
        let mut names: Vec<_> = plan.changes().0.map(|change| change.name).collect();
        names.sort();
        assert_eq!(names, ["ann", "bob"]);
    }

    #[test]
    fn groups_that_cannot_be_told_stay_as_they_were() {
        let known = SyncedFacts {
            source: "corp".to_owned(),
            groups: vec!["vpn".to_owned()],
            group_ids: vec!["CN=vpn".to_owned()],
            at: 7,
            ..SyncedFacts::default()
        };
        let unread = |disabled| {
            Listed::There(Listing {
                disabled,
                groups: None,
            })
        };
        let mut plan = Plan::new("corp");
        plan.add(user(1, "ann", Some(known.clone())), unread(false));
        assert_eq!((plan.report.changed, plan.report.unread), (0, 1));
        plan.add(user(1, "ann", Some(known.clone())), unread(true));
        let expected = SyncedFacts {
            disabled: true,
            at: 0,
            ..known
        };
        let change = plan.changes().0.next();
        assert_eq!(change.and_then(|change| change.facts), Some(expected));
    }
}
