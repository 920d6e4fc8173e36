//! The password sources of the settings. What only a node can know, such as which hosts may
//! receive passwords, is checked there.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, Ipv6Addr};

use super::super::audit::{Facts, titled};
use super::super::check::valid;
use super::super::done::Step;
use super::{entra, ldap};
use crate::base::limits::{SOURCE_DOMAINS_MAX, SOURCES_MAX};
use crate::ledger::storage::{Source, source};

/// Each source by itself, and that no two have one name.
pub(super) fn check(sources: &[Source]) -> Step<()> {
    valid(sources.len() <= SOURCES_MAX, "there are too many sources")?;
    let mut names = BTreeSet::new();
    for source in sources {
        valid(
            is_word(&source.name),
            "a source has no name, or odd signs in it",
        )?;
        let name = source.name.to_ascii_lowercase();
        valid(names.insert(name), "two sources have one name")?;
        check_domains(&source.domains)?;
        match &source.kind {
            Some(source::Kind::Entra(it)) => entra::check(it)?,
            Some(source::Kind::Ldap(it)) => ldap::check(it)?,
            None => valid(false, "a source is of no kind that is known")?,
        }
    }
    Ok(())
}

fn check_domains(domains: &[String]) -> Step<()> {
    valid(
        domains.len() <= SOURCE_DOMAINS_MAX,
        "a source has too many domains",
    )?;
    let mut seen = BTreeSet::new();
    for domain in domains {
        let lower = !domain.bytes().any(|octet| octet.is_ascii_uppercase());
        valid(
            lower && is_host(domain),
            "a domain of a source is no domain name in lower case",
        )?;
        valid(seen.insert(domain), "a source has a domain twice")?;
    }
    Ok(())
}

pub(super) fn is_host(host: &str) -> bool {
    let inner = host.strip_prefix('[').and_then(|h| h.strip_suffix(']'));
    if let Some(inner) = inner {
        return inner.parse::<Ipv6Addr>().is_ok();
    }
    let label = |label: &str| {
        let known = |octet: u8| octet.is_ascii_alphanumeric() || octet == b'-';
        (1..=63).contains(&label.len())
            && label.bytes().all(known)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    host.len() <= 253 && (host.parse::<Ipv4Addr>().is_ok() || host.split('.').all(label))
}

/// A part of a URL's path or of a form: never anything that must be escaped.
pub(super) fn is_word(text: &str) -> bool {
    let known = |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'.');
    (1..=128).contains(&text.len()) && text.bytes().all(known) && !text.contains("..")
}

/// What the audit tells of a source.
pub(super) fn facts(facts: Facts, source: &Source) -> Facts {
    let Source {
        name,
        domains,
        lockout_threshold,
        sync_off,
        kind,
    } = source;
    let facts = facts
        .under(titled("source", name))
        .list("domains", domains)
        .with("lockout_threshold", lockout_threshold)
        .with("sync", if *sync_off { "off" } else { "on" });
    match kind {
        Some(source::Kind::Entra(it)) => entra::facts(facts, it),
        Some(source::Kind::Ldap(it)) => ldap::facts(facts, it),
        None => facts,
    }
}
