//! The first change of a cluster: it makes the store into one, once.

use super::audit::Facts;
use super::check::{ensure, present, put, valid};
use super::done::{Done, Step};
use super::{keyring, rules, settings};
use crate::base::limits::BOOTSTRAP_LIFE;
use crate::base::{ClusterId, Timestamp};
use crate::ledger::storage::member::MemberRole;
use crate::ledger::storage::{Found, Head, KeyPurpose, Member, Refusal, Rules};
use crate::ledger::table::{Draft, Read, Table};

/// Founds the cluster on an empty store: its id, keyring, first member, settings, rules
/// and the hash of the token by which its first operator is made within a day.
///
/// The cluster version begins with what the first member speaks, as its entry says: not
/// with what this binary speaks, which may be newer when the log is replayed.
pub(super) fn found(
    draft: &mut Draft<'_, impl Read>,
    head: &mut Head,
    at: Timestamp,
    it: &Found,
) -> Step {
    ensure(head.cluster.is_empty(), Refusal::Exists, || {
        "the cluster is founded already".into()
    })?;
    let member = present(it.member.as_ref(), "the first member")?;
    check(it, member)?;
    keyring::speakable(member.version_max)?;
    for key in &it.keys {
        let before = keyring::install(draft, at, key)?;
        valid(before.is_none(), "a key id is there twice")?;
    }
    put(draft, Table::Members, &member.node.to_be_bytes(), member);
    let given = it.settings.clone().unwrap_or_default();
    settings::install(draft, head, &given)?;
    rules::install(draft, head, &Rules::default());
    head.cluster.clone_from(&it.cluster);
    head.demo = it.demo;
    head.version = member.version_max;
    head.keys_revision = 1;
    if !it.bootstrap_hash.is_empty() {
        head.bootstrap_hash.clone_from(&it.bootstrap_hash);
        head.bootstrap_until = at.plus(BOOTSTRAP_LIFE).as_millis();
    }
    let after = Facts::default()
        .with("node", member.node)
        .with("version", head.version)
        .with("keys", it.keys.len())
        .with("demo", it.demo);
    Ok(Done {
        revision: 1,
        after: after.into_text(),
        ..Done::default()
    })
}

fn check(it: &Found, member: &Member) -> Step<()> {
    let cluster = ClusterId::try_from(&*it.cluster);
    let named = cluster.is_ok_and(|id| id != ClusterId::default());
    valid(named, "a cluster id has 16 octets, not all 0")?;
    let hash = it.bootstrap_hash.len();
    valid(
        matches!(hash, 0 | 32),
        "the bootstrap token's hash has 32 octets",
    )?;
    let seals = it.keys.iter().any(|key| key.purpose() == KeyPurpose::Seal);
    valid(seals, "the keyring has no key to seal with")?;
    let first = member.node != 0
        && u16::try_from(member.node).is_ok()
        && member.role() == MemberRole::Voter
        && !member.removed
        && member.version_max != 0;
    valid(
        first,
        "the first member is a voter with a number and a version",
    )
}
