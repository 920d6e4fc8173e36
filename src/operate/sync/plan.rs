//! What a round has to write: the differences between what a directory says and what is
//! replicated.
//!
//! Must not know: how it is written, or whether it may be.

use countersign_core::base::limits::SYNC_NAMES_MAX;
use countersign_core::ledger::storage::{self, SyncHeld, SyncedFacts, SyncedUser};

use super::SyncReport;
use crate::sources::{GroupName, Listed, Listing};

/// A user as it is replicated.
pub(super) struct Known {
    pub(super) id: u64,
    pub(super) name: String,
    pub(super) synced: Option<SyncedFacts>,
}

impl From<storage::User> for Known {
    fn from(user: storage::User) -> Self {
        Self {
            id: user.id,
            name: user.name,
            synced: user.synced,
        }
    }
}

/// What a round has found.
pub(super) struct Plan {
    pub(super) report: SyncReport,
    /// Users that would be newly refused.
    refusing: Vec<SyncedUser>,
    others: Vec<SyncedUser>,
}

impl Plan {
    /// `listed`: how the source has each of `users`, in their order.
    pub(super) fn new(source: &str, users: Vec<Known>, listed: Vec<Listed>) -> Self {
        let mut plan = Self {
            report: SyncReport {
                source: source.to_owned(),
                ..SyncReport::default()
            },
            refusing: Vec::new(),
            others: Vec::new(),
        };
        for (user, listed) in users.into_iter().zip(listed) {
            plan.add(user, listed);
        }
        plan.report.refused = count(plan.refusing.len());
        plan.report.changed = count(plan.refusing.len().saturating_add(plan.others.len()));
        plan
    }

    fn add(&mut self, user: Known, listed: Listed) {
        let source = self.report.source.clone();
        let facts = match listed {
            Listed::Unread => {
                self.report.unread = self.report.unread.saturating_add(1);
                return;
            }
            Listed::Gone => SyncedFacts {
                source,
                gone: true,
                ..SyncedFacts::default()
            },
            Listed::There(Listing { disabled, groups }) => {
                let mut facts = SyncedFacts {
                    source,
                    disabled,
                    ..SyncedFacts::default()
                };
                if groups.is_none() {
                    self.report.unread = self.report.unread.saturating_add(1);
                }
                set_groups(&mut facts, groups, user.synced.as_ref());
                facts
            }
        };
        self.report.matched = self.report.matched.saturating_add(1);
        let known = user.synced.map(|known| SyncedFacts { at: 0, ..known });
        if known.as_ref() == Some(&facts) {
            return;
        }
        let is_refused = |facts: &SyncedFacts| facts.disabled || facts.gone;
        let newly = is_refused(&facts) && !known.as_ref().is_some_and(is_refused);
        let change = SyncedUser {
            id: user.id,
            facts: Some(facts),
            name: user.name.clone(),
        };
        if !newly {
            self.others.push(change);
            return;
        }
        self.refusing.push(change);
        if self.report.names.len() < SYNC_NAMES_MAX {
            self.report.names.push(user.name);
        }
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

    /// What is to be written: first those that are counted.
    pub(super) fn changes(self) -> Vec<SyncedUser> {
        let mut changes = self.refusing;
        changes.extend(self.others);
        changes
    }
}

/// Groups that cannot be told stay as they were.
fn set_groups(
    facts: &mut SyncedFacts,
    groups: Option<Vec<GroupName>>,
    known: Option<&SyncedFacts>,
) {
    match (groups, known) {
        (Some(groups), _) => {
            (facts.groups, facts.group_ids) = groups.into_iter().map(|it| (it.name, it.id)).unzip();
        }
        (None, Some(known)) => {
            facts.groups.clone_from(&known.groups);
            facts.group_ids.clone_from(&known.group_ids);
        }
        (None, None) => (),
    }
}

fn count(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_change_says_by_which_name_the_source_was_asked() {
        let known = |id, name: &str| Known {
            id,
            name: name.to_owned(),
            synced: None,
        };
        let listed = vec![Listed::There(Listing::default()), Listed::Gone];
        let plan = Plan::new("corp", vec![known(1, "ann"), known(2, "bob")], listed);
        let mut changes = plan.changes();
        changes.sort_by_key(|change| change.id);
        let names: Vec<_> = changes.iter().map(|change| &*change.name).collect();
        assert_eq!(names, ["ann", "bob"]);
    }
}
