//! Checks and record keeping that all administrative changes share.

use std::collections::BTreeSet;

use ipnet::IpNet;
use prost::Message;

use super::done::{Step, refuse};
use crate::base::limits::{FIELD_OCTETS_MAX, LANGUAGE_OCTETS_MAX, RECORD_SEALED_OCTETS_MAX};
use crate::base::{Name, Shown};
use crate::ledger::query;
use crate::ledger::storage::Refusal;
use crate::ledger::table::{Draft, Read, Table};

/// Writes a record.
pub(super) fn put<M: Message>(
    draft: &mut Draft<'_, impl Read>,
    table: Table,
    key: &[u8],
    record: &M,
) {
    draft.put(table, key, record.encode_to_vec());
}

/// The record that a change names, or a refusal that names it.
pub(super) fn existing<M: Message + Default>(
    tables: &impl Read,
    table: Table,
    key: &[u8],
    what: &str,
) -> Step<M> {
    match query::record(tables, table, key)? {
        Some(record) => Ok(record),
        None => refuse(Refusal::NotFound, format!("no such {what}")),
    }
}

/// Refuses a change that was made against another revision than the stored one.
pub(super) fn revision(stored: u64, expected: u64) -> Step<()> {
    ensure(stored == expected, Refusal::Revision, || {
        format!("is at revision {stored}, not {expected}")
    })
}

/// Refuses unless `fits`.
pub(super) fn ensure(fits: bool, refusal: Refusal, detail: impl FnOnce() -> String) -> Step<()> {
    if fits {
        Ok(())
    } else {
        refuse(refusal, detail())
    }
}

/// Refuses a message that contradicts itself.
pub(super) fn valid(fits: bool, detail: &str) -> Step<()> {
    ensure(fits, Refusal::Invalid, || detail.to_owned())
}

/// Whether it looks like a tag of a language (RFC 5646): what texts are set and chosen by.
pub(super) fn is_language(text: &str) -> bool {
    let part = |part: &str| {
        (1..=8).contains(&part.len()) && part.bytes().all(|octet| octet.is_ascii_alphanumeric())
    };
    text.len() <= LANGUAGE_OCTETS_MAX && text.split('-').all(part)
}

/// A part without which the message says nothing.
pub(super) fn present<'a, T>(part: Option<&'a T>, what: &str) -> Step<&'a T> {
    match part {
        Some(part) => Ok(part),
        None => refuse(Refusal::Invalid, format!("{what} is missing")),
    }
}

/// Folds a name that is to be stored.
pub(super) fn name(text: &str, what: &str) -> Step<Name> {
    Name::fold(text).or_else(|e| {
        let shown = Shown::from(text);
        refuse(Refusal::Invalid, format!("{what} \"{shown}\": {e}"))
    })
}

/// A free text within its bound.
pub(super) fn text(text: &str, what: &str) -> Step<()> {
    valid(
        text.len() <= FIELD_OCTETS_MAX,
        &format!("{what} is longer than {FIELD_OCTETS_MAX} octets"),
    )
}

/// A sealed or wrapped secret: there, and within its bound.
pub(super) fn sealed(octets: &[u8], what: &str) -> Step<()> {
    valid(
        (1..=RECORD_SEALED_OCTETS_MAX).contains(&octets.len()),
        &format!("{what} is empty or longer than {RECORD_SEALED_OCTETS_MAX} octets"),
    )
}

/// Address ranges, each in its one spelling: two spellings of a range would hide that
/// they are equal.
pub(super) fn ranges(texts: &[String]) -> Step<BTreeSet<IpNet>> {
    let mut found = BTreeSet::new();
    for text in texts {
        let shown = Shown::from(&**text);
        let Ok(range) = text.parse::<IpNet>() else {
            return refuse(Refusal::Invalid, format!("range \"{shown}\" is no CIDR"));
        };
        valid(
            range == range.trunc(),
            &format!("range \"{shown}\" has bits beyond its prefix"),
        )?;
        valid(
            found.insert(range),
            &format!("range \"{shown}\" is there twice"),
        )?;
    }
    Ok(found)
}
