//! The password sources of the settings. What only a node can know, such as which hosts may
//! receive passwords, is checked there.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, Ipv6Addr};

use super::super::audit::Facts;
use super::super::check::{sealed, text, valid};
use super::super::done::Step;
use crate::base::limits::{LEASE_MAX, SOURCE_DOMAINS_MAX, SOURCES_MAX};
use crate::ledger::storage::{EntraClientType, EntraSettings, Source, source};

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
            Some(source::Kind::Entra(entra)) => check_entra(entra)?,
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

fn check_entra(entra: &EntraSettings) -> Step<()> {
    valid(
        is_authority(&entra.authority),
        "the authority is not https://host[:port]",
    )?;
    let tenant = &*entra.tenant;
    valid(is_word(tenant), "the tenant is missing or has odd signs")?;
    // With these, accounts of any organisation would be asked for.
    let shared = ["common", "consumers", "organizations"];
    let own = !shared.iter().any(|word| tenant.eq_ignore_ascii_case(word));
    valid(own, "the tenant names no single organisation")?;
    valid(
        is_word(&entra.client_id),
        "the client id is missing or has odd signs",
    )?;
    text(&entra.scope, "the scope")?;
    let lease = LEASE_MAX.as_millis();
    let sane = entra.timeout == 0 || entra.timeout >= 100;
    valid(
        sane && u128::from(entra.timeout).saturating_add(5000) <= lease,
        "the time-out is 0 (default) or 100 to 55000 ms",
    )?;
    match entra.client_type() {
        EntraClientType::Public => valid(
            entra.client_secret.is_empty(),
            "a public client has no secret",
        ),
        EntraClientType::Secret => sealed(&entra.client_secret, "the client secret"),
        EntraClientType::Unspecified => valid(false, "the client type is unknown"),
    }
}

/// `https://host[:port]` and nothing behind it: a path or a user part would send the
/// password elsewhere than the pinned host suggests.
fn is_authority(text: &str) -> bool {
    let Some(rest) = text.strip_prefix("https://") else {
        return false;
    };
    let (host, port) = match rest.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (rest, None),
    };
    let plain = |port: &str| port.bytes().all(|octet| octet.is_ascii_digit());
    let open = port.is_none_or(|p| plain(p) && p.parse::<u16>().is_ok_and(|p| p != 0));
    open && is_host(host)
}

fn is_host(host: &str) -> bool {
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
fn is_word(text: &str) -> bool {
    let known = |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'.');
    (1..=128).contains(&text.len()) && text.bytes().all(known) && !text.contains("..")
}

/// What the audit tells of a source.
pub(super) fn facts(facts: Facts, source: &Source) -> Facts {
    let mut facts = facts.text("source.name", &source.name);
    for domain in &source.domains {
        facts = facts.text("source.domain", domain);
    }
    match &source.kind {
        Some(source::Kind::Entra(entra)) => facts
            .text("entra.authority", &entra.authority)
            .text("entra.tenant", &entra.tenant)
            .text("entra.client_id", &entra.client_id)
            .with("entra.client_type", entra.client_type().as_str_name())
            .with("entra.secret", !entra.client_secret.is_empty())
            .text("entra.scope", &entra.scope)
            .with("entra.timeout", entra.timeout)
            .with("entra.require_registered_mfa", entra.require_registered_mfa)
            .with(
                "entra.accept_external_challenge",
                entra.accept_external_challenge,
            ),
        None => facts,
    }
}
