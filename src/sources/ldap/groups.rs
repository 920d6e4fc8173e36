//! The groups of an account, direct or not.
//!
//! A directory may have more groups than anyone wants, and cycles of them. Where not all
//! can be read, none is named: a rule that refuses a group must not be missed. Groups of other
//! domains of Active Directory, and those built into each server, are not looked for; a group
//! of the account's own domain that is hidden, be it the primary one, counts as not read.
//!
//! Must not know: who is bound, what groups are good for.

use std::collections::BTreeSet;

use super::dn;
use super::filter;
use super::lookup::{Reader, SIZE_LIMIT};
use super::message::{Entry, NAME_ALONE, Scope};
use super::settings::Kind;
use crate::sources::account::{Group, LookupError};

/// What its name begins with is what people call it: `VPN users`.
pub(super) fn group(dn: &str) -> Group {
    Group {
        name: dn::leaf(dn).unwrap_or_else(|| dn.to_owned()),
        id: dn.to_owned(),
    }
}

/// All groups of the account `dn`, in order of their names.
pub(super) async fn all(
    reader: &mut Reader<'_>,
    kind: Kind,
    base: &str,
    dn: &str,
) -> Result<Vec<Group>, LookupError> {
    let found = match kind {
        Kind::ActiveDirectory => active_directory(reader, base, dn).await?,
        Kind::OpenLdap => open_ldap(reader, base, dn).await?,
    };
    let mut groups: Vec<_> = found.iter().map(|dn| group(dn)).collect();
    groups.sort();
    Ok(groups)
}

/// Whether the account `dn` is in the group, directly or not.
pub(super) async fn is_member(
    reader: &mut Reader<'_>,
    kind: Kind,
    base: &str,
    dn: &str,
    group: &str,
) -> Result<bool, LookupError> {
    if kind == Kind::OpenLdap {
        let groups = open_ldap(reader, base, dn).await?;
        return Ok(groups.iter().any(|found| is_same(found, group)));
    }
    // By identifier: the only way that knows of the primary group.
    let account = reader.entry(dn, &[TOKEN_GROUPS]).await?.unwrap_or_default();
    let sids = account.values(TOKEN_GROUPS);
    let group_entry = reader.entry(group, &[SID]).await?;
    let sid = group_entry
        .as_ref()
        .and_then(|entry| entry.values(SID).first());
    if let (false, Some(sid)) = (sids.is_empty(), sid) {
        return Ok(sids.contains(sid));
    }
    let found = in_chain(reader, base, dn).await?;
    Ok(found.iter().any(|found| is_same(found, group)))
}

async fn active_directory(
    reader: &mut Reader<'_>,
    base: &str,
    dn: &str,
) -> Result<BTreeSet<String>, LookupError> {
    let account = reader.entry(dn, &[TOKEN_GROUPS, SID, PRIMARY]).await?;
    let account = account.unwrap_or_default();
    // All groups, with the primary one, as the directory itself finds them.
    let sids = account.values(TOKEN_GROUPS);
    if sids.is_empty() {
        return without_token(reader, base, &account).await;
    }
    if sids.len() > GROUPS_MAX {
        return Err(LookupError::TooManyGroups);
    }
    let own_domain = domain_of(&account).ok_or(LookupError::Incomplete)?;
    let mut found = BTreeSet::new();
    for some in sids.chunks(ASKED_AT_ONCE) {
        let groups = by_sids(reader, base, some).await?;
        let is_told = |sid: &Vec<u8>| groups.iter().any(|group| group.values(SID).contains(sid));
        let mut own = some.iter().filter(|sid| sid.starts_with(own_domain));
        if !own.all(is_told) {
            return Err(LookupError::Incomplete);
        }
        found.extend(names(groups));
    }
    Ok(found)
}

/// The groups with these identifiers; those of other domains are not found.
async fn by_sids(
    reader: &mut Reader<'_>,
    base: &str,
    sids: &[Vec<u8>],
) -> Result<Vec<Entry>, LookupError> {
    let limit = u32::try_from(sids.len()).unwrap_or(u32::MAX);
    let sids: Vec<&[u8]> = sids.iter().map(Vec::as_slice).collect();
    let filter = filter::by_sids(&sids);
    // Groups need not lie where users do.
    let domain = dn::domain_root(base);
    let groups = reader.search(&domain, Scope::Subtree, filter, &[SID], limit);
    groups.await
}

/// The token may not be read: the chain, and that of the primary group, which no list of
/// members names.
async fn without_token(
    reader: &mut Reader<'_>,
    base: &str,
    account: &Entry,
) -> Result<BTreeSet<String>, LookupError> {
    let sid = primary(account).ok_or(LookupError::Incomplete)?;
    let primary = by_sids(reader, base, &[sid]).await?.pop();
    let primary = primary.ok_or(LookupError::Incomplete)?.dn;
    let mut found = in_chain(reader, base, &account.dn).await?;
    found.extend(in_chain(reader, base, &primary).await?);
    found.insert(primary);
    if found.len() > GROUPS_MAX {
        return Err(LookupError::TooManyGroups);
    }
    Ok(found)
}

/// The identifier of the primary group: the account's own domain with the group's number
/// behind it.
pub(super) fn primary(account: &Entry) -> Option<Vec<u8>> {
    let number = u32::try_from(account.number(PRIMARY)?).ok()?;
    Some([domain_of(account)?, &number.to_le_bytes()].concat())
}

/// The identifier of the account's domain: all of its own but the number at the end.
fn domain_of(account: &Entry) -> Option<&[u8]> {
    let sid = account.values(SID).first()?;
    sid.get(..sid.len().checked_sub(size_of::<u32>())?)
}

async fn in_chain(
    reader: &mut Reader<'_>,
    base: &str,
    dn: &str,
) -> Result<BTreeSet<String>, LookupError> {
    let filter = filter::groups_in_chain(dn);
    let limit = u32::try_from(GROUPS_MAX).unwrap_or(u32::MAX);
    let domain = dn::domain_root(base);
    let entries = reader.search(&domain, Scope::Subtree, filter, NAME_ALONE, limit);
    Ok(names(entries.await.map_err(too_many)?))
}

/// Step by step: the groups of the account, then those of which these are members, and so
/// on. Each is looked at once, so that a cycle ends.
async fn open_ldap(
    reader: &mut Reader<'_>,
    base: &str,
    dn: &str,
) -> Result<BTreeSet<String>, LookupError> {
    let entry = reader.entry(dn, &[MEMBER_OF, "uid"]).await?;
    let account = entry.as_ref().and_then(|entry| entry.texts("uid").next());
    let mut account = account.map(ToOwned::to_owned);
    let mut found = Found::default();
    entry.iter().for_each(|entry| found.add_named(entry));
    found.next.push(dn.to_owned());
    for _ in 0..DEPTH_MAX {
        let step = std::mem::take(&mut found.next);
        if step.is_empty() {
            return Ok(found.all);
        }
        for some in step.chunks(ASKED_AT_ONCE) {
            let some: Vec<&str> = some.iter().map(String::as_str).collect();
            let filter = filter::groups_of(&some, account.take().as_deref());
            let limit = u32::try_from(GROUPS_MAX).unwrap_or(u32::MAX);
            let entries = reader.search(base, Scope::Subtree, filter, &[MEMBER_OF], limit);
            for entry in entries.await.map_err(too_many)? {
                found.add_named(&entry);
                found.add(entry.dn);
            }
        }
        if found.all.len() > GROUPS_MAX {
            return Err(LookupError::TooManyGroups);
        }
    }
    if found.next.is_empty() {
        return Ok(found.all);
    }
    Err(LookupError::TooManyGroups)
}

/// Groups found so far.
#[derive(Default)]
struct Found {
    all: BTreeSet<String>,
    /// Folded, since a directory does not tell their cases apart.
    seen: BTreeSet<String>,
    /// Not yet asked about.
    next: Vec<String>,
}

impl Found {
    fn add(&mut self, dn: String) {
        if self.seen.insert(dn::folded(&dn)) {
            self.next.push(dn.clone());
            self.all.insert(dn);
        }
    }

    /// Those that the entry itself names.
    fn add_named(&mut self, entry: &Entry) {
        for dn in entry.texts(MEMBER_OF) {
            self.add(dn.to_owned());
        }
    }
}

fn names(entries: Vec<Entry>) -> BTreeSet<String> {
    entries.into_iter().map(|entry| entry.dn).collect()
}

fn too_many(error: LookupError) -> LookupError {
    if error == LookupError::Refused(SIZE_LIMIT) {
        return LookupError::TooManyGroups;
    }
    error
}

/// Whether two names are of one entry.
fn is_same(one: &str, other: &str) -> bool {
    dn::folded(one) == dn::folded(other)
}

const TOKEN_GROUPS: &str = "tokenGroups";
pub(super) const PRIMARY: &str = "primaryGroupID";
pub(super) const SID: &str = "objectSid";
pub(super) const MEMBER_OF: &str = "memberOf";
/// LIMIT: groups of one account. Windows itself stops at 1,015.
const GROUPS_MAX: usize = 1015;
/// LIMIT: groups in groups.
const DEPTH_MAX: usize = 16;
/// LIMIT: names in one question.
const ASKED_AT_ONCE: usize = 32;
