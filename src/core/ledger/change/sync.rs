//! Changes by synchronisation: what a round has found in a directory.
//!
//! A round never makes or removes a user, nor changes what operators set: it marks. Users
//! whose facts are as they were cost nothing. A round that would refuse too many users is
//! held: of those it refuses nobody, and tells how many they are, until an operator confirms
//! as many. How many is counted here, whatever the reader of the directory says.

use super::audit::Facts;
use super::check::{ensure, put as store, text, valid};
use super::done::{Done, Step, refuse};
use crate::base::limits::{
    GROUP_ID_OCTETS_MAX, SYNC_BATCH_USERS_MAX, SYNC_NAMES_MAX, SYNCED_GROUPS_MAX,
};
use crate::base::{Timestamp, UserId};
use crate::ledger::storage::{
    Refusal, SyncHeld, SyncState, SyncUsers, SyncedFacts, SyncedUser, User,
};
use crate::ledger::table::{Draft, Read, Table};
use crate::ledger::{query, synced};

/// Marks users as the directory has them.
pub(super) fn users(draft: &mut Draft<'_, impl Read>, at: Timestamp, it: &SyncUsers) -> Step {
    check(draft, it)?;
    let before = query::sync_state(draft, &it.source)?;
    ensure(it.round >= before.round, Refusal::Revision, || {
        "a later round has written already".to_owned()
    })?;
    let found = found(draft, at, it)?;
    let state = next(&before, it, &found, at);
    let mut written: usize = 0;
    for (old, mut new) in found {
        if state.held.is_some() && refuses_newly(&old, &new) {
            keep_status(&old, &mut new);
        }
        if is_same(old.synced.as_ref(), new.synced.as_ref()) {
            continue;
        }
        written = written.saturating_add(1);
        new.revision = new.revision.saturating_add(1);
        store(draft, Table::Users, &new.id.to_be_bytes(), &new);
    }
    store(
        draft,
        Table::Settings,
        &synced::state_key(&it.source),
        &state,
    );
    Ok(Done {
        after: told(it, &state, written),
        ..Done::default()
    })
}

/// Refuses what no reader of a directory sends.
fn check(draft: &mut Draft<'_, impl Read>, it: &SyncUsers) -> Step<()> {
    ensure(
        it.users.len() <= SYNC_BATCH_USERS_MAX,
        Refusal::Limit,
        || format!("more than {SYNC_BATCH_USERS_MAX} users in one change"),
    )?;
    valid(!it.source.is_empty(), "the source has no name")?;
    valid(it.round != 0, "the round has no time")?;
    text(&it.source, "the source")?;
    let mut all = it.users.iter().filter_map(|user| user.facts.as_ref());
    all.try_for_each(|facts| check_facts(&it.source, facts))?;
    // Facts of a source that is gone may only be forgotten.
    let forgets = it.users.iter().all(|user| user.facts.is_none());
    let settings = query::settings(draft)?;
    let mut sources = settings.sources.iter();
    let is_there = forgets || sources.any(|source| source.name == it.source);
    ensure(is_there, Refusal::NotFound, || "no such source".to_owned())
}

fn check_facts(source: &str, facts: &SyncedFacts) -> Step<()> {
    valid(facts.source == source, "facts of another source")?;
    if facts.groups.len() > SYNCED_GROUPS_MAX {
        return refuse(Refusal::Limit, "too many groups");
    }
    for group in &facts.groups {
        text(group, "a group")?;
    }
    let fits = |id: &String| id.len() <= GROUP_ID_OCTETS_MAX;
    let beside = facts.group_ids.is_empty() || facts.group_ids.len() == facts.groups.len();
    valid(
        beside && facts.group_ids.iter().all(fits),
        "the groups and their identifiers do not fit together",
    )
}

/// Each user that is still there and may be marked: as it is, and as it would be.
fn found(
    draft: &mut Draft<'_, impl Read>,
    at: Timestamp,
    it: &SyncUsers,
) -> Step<Vec<(User, User)>> {
    let mut found = Vec::with_capacity(it.users.len());
    for SyncedUser { id, facts, name } in &it.users {
        let Some(old) = query::user(draft, UserId(*id))? else {
            continue;
        };
        // Renamed while the directory was read: what was read is another account's.
        if !name.is_empty() && !synced::is_name(&old, name) {
            continue;
        }
        let of_another = || old.synced.as_ref().is_none_or(|of| of.source != it.source);
        let passes = match facts {
            // Only the source that said it may take it back unsaid.
            None => of_another(),
            // No directory has the account.
            Some(_) => !old.password.is_empty(),
        };
        if passes {
            continue;
        }
        let synced = facts.clone().map(|facts| SyncedFacts {
            at: at.as_millis(),
            ..facts
        });
        let new = User {
            synced,
            ..old.clone()
        };
        found.push((old, new));
    }
    Ok(found)
}

/// How the rounds of the source stand after this change.
fn next(before: &SyncState, it: &SyncUsers, found: &[(User, User)], at: Timestamp) -> SyncState {
    let allowed = synced::allowed(before, it);
    let goes_on = before.round == it.round;
    let refused = if goes_on { before.refused } else { 0 };
    let newly = found.iter().filter(|(old, new)| refuses_newly(old, new));
    let names: Vec<_> = newly.map(|(old, _)| old.name.clone()).collect();
    let counted = u32::try_from(names.len()).unwrap_or(u32::MAX);
    let counted = refused.saturating_add(counted);
    let is_held = goes_on && before.held.is_some();
    let mut state = SyncState {
        round: it.round,
        at: at.as_millis(),
        refused,
        allowed,
        held: before.held.clone().filter(|_| is_held),
    };
    if is_held {
        return state;
    }
    if it.disabling.max(counted) <= allowed {
        state.refused = counted;
        return state;
    }
    let mut held = SyncHeld {
        disabling: it.disabling.max(counted),
        matched: it.matched,
        names: names.into_iter().take(SYNC_NAMES_MAX).collect(),
        at: at.as_millis(),
    };
    // The same as before stands since then.
    if let Some(old) = &before.held
        && (old.disabling, old.matched, &old.names) == (held.disabling, held.matched, &held.names)
    {
        held.at = old.at;
    }
    state.held = Some(held);
    state
}

fn refuses_newly(old: &User, new: &User) -> bool {
    synced::is_refused(new) && !synced::is_refused(old)
}

/// Takes over the groups alone; of an account that is gone, not even these.
fn keep_status(old: &User, new: &mut User) {
    let known = old.synced.clone();
    new.synced = match new.synced.take() {
        Some(facts) if !facts.gone => Some(SyncedFacts {
            disabled: false,
            ..facts
        }),
        Some(_) | None => known,
    };
}

/// Whether two facts differ in nothing but their times.
fn is_same(one: Option<&SyncedFacts>, other: Option<&SyncedFacts>) -> bool {
    let timeless = |facts: &SyncedFacts| SyncedFacts {
        at: 0,
        ..facts.clone()
    };
    one.map(timeless) == other.map(timeless)
}

fn told(it: &SyncUsers, state: &SyncState, written: usize) -> String {
    let facts = Facts::default()
        .with("changed", written)
        .with("refused", state.refused)
        .with("matched", it.matched)
        .with("confirmed", it.confirmed);
    let Some(held) = &state.held else {
        return facts.into_text();
    };
    let facts = facts.with("held", held.disabling);
    facts.list("users", &held.names).into_text()
}
