//! Changes of the keyring, and the raising of the cluster version.

use std::collections::BTreeSet;

use data_encoding::HEXLOWER;

use super::audit::{Facts, told};
use super::check::{ensure, present, put as store, sealed, valid};
use super::done::{Done, Step, Stop};
use super::facts::sealed as named;
use crate::base::limits::{KEY_WRAPS_MAX, KEYS_MAX};
use crate::base::{KeyId, Timestamp};
use crate::ledger::storage::{Head, Key, KeyPurpose, PutKey, RaiseVersion, Refusal, key};
use crate::ledger::table::{Draft, Read, StoreError, Table};
use crate::ledger::{CLUSTER_VERSION, query};

/// Adds a key, or replaces the wraps of one. That the wraps hold the same key as before
/// is for the proposer to know: nothing here can open them.
pub(super) fn put(
    draft: &mut Draft<'_, impl Read>,
    head: &mut Head,
    at: Timestamp,
    it: &PutKey,
) -> Step {
    let key = present(it.key.as_ref(), "the key")?;
    let old = install(draft, at, key)?;
    let (before, after) = told(&old.as_ref().map(facts).unwrap_or_default(), &facts(key));
    head.keys_revision = head.keys_revision.saturating_add(1);
    Ok(Done {
        id: key.id.into(),
        revision: head.keys_revision,
        before,
        after,
        ..Done::default()
    })
}

/// Checks and writes a key; what it was before.
pub(super) fn install(
    draft: &mut Draft<'_, impl Read>,
    at: Timestamp,
    key: &Key,
) -> Step<Option<Key>> {
    check(key)?;
    let old = query::key(draft, KeyId(key.id))?;
    if let Some(old) = &old {
        valid(key.purpose == old.purpose, "a key keeps its purpose")?;
    } else {
        let count = query::keys(draft)?.len();
        ensure(count < KEYS_MAX, Refusal::Limit, || {
            format!("a keyring has at most {KEYS_MAX} keys")
        })?;
    }
    let created = old.as_ref().map_or(at.as_millis(), |old| old.created);
    let key = Key {
        created,
        ..key.clone()
    };
    store(draft, Table::Keyring, &key.id.to_be_bytes(), &key);
    Ok(old)
}

/// Raises the cluster version, once all members can speak it.
pub(super) fn raise_version(
    draft: &mut Draft<'_, impl Read>,
    head: &mut Head,
    it: &RaiseVersion,
) -> Step {
    ensure(it.to > head.version, Refusal::State, || {
        format!("the cluster version is {} already", head.version)
    })?;
    let members = query::members(draft)?;
    let mut members = members.iter().filter(|member| !member.removed);
    let deaf = members.find(|member| member.version_max < it.to);
    ensure(deaf.is_none(), Refusal::State, || {
        let node = deaf.map_or(0, |member| member.node);
        format!("node {node} cannot speak version {}", it.to)
    })?;
    speakable(it.to)?;
    let before = Facts::default().with("version", head.version).into_text();
    head.version = it.to;
    Ok(Done {
        revision: it.to.into(),
        before,
        after: Facts::default().with("version", it.to).into_text(),
        ..Done::default()
    })
}

/// Stops a node whose binary is older than what its members' entry promises: refusing
/// here what the others do would make it differ from them.
pub(super) fn speakable(version: u32) -> Step<()> {
    if version > CLUSTER_VERSION {
        return Err(Stop::Store(StoreError::Newer(version, CLUSTER_VERSION)));
    }
    Ok(())
}

fn check(key: &Key) -> Step<()> {
    valid(key.id != 0, "the key id is 0")?;
    valid(
        key.purpose() != KeyPurpose::Unspecified,
        "the purpose is unknown",
    )?;
    let count = key.wraps.len();
    valid(
        (1..=KEY_WRAPS_MAX).contains(&count),
        &format!("a key has 1 to {KEY_WRAPS_MAX} wraps"),
    )?;
    for wrap in &key.wraps {
        sealed(&wrap.kek, "a fingerprint")?;
        sealed(&wrap.wrapped, "a wrapped key")?;
    }
    let keks: BTreeSet<_> = key.wraps.iter().map(|wrap| &wrap.kek).collect();
    valid(keks.len() == count, "two wraps of one key-encryption key")?;
    sealed(&key.recovery, "the wrap of the recovery key")
}

fn facts(key: &Key) -> Facts {
    let wrap = |it: &key::Wrap| format!("{}:{}", HEXLOWER.encode(&it.kek), named(&it.wrapped));
    let wraps: Vec<_> = key.wraps.iter().map(wrap).collect();
    Facts::default()
        .with("purpose", key.purpose().as_str_name())
        .with("recovery", named(&key.recovery))
        .list("wraps", &wraps)
}
