//! Changes of the settings: a whole document with one revision.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, Ipv6Addr};

use super::audit::Facts;
use super::check::{is_language, present, put as store, revision, sealed, text, valid};
use super::done::{Done, Step, refuse};
use crate::base::Reference;
use crate::base::limits::{LANGUAGES_MAX, LEASE_MAX, MESSAGE_OCTETS_MAX};
use crate::ledger::limits::Limits;
use crate::ledger::query;
use crate::ledger::storage::{
    EntraClientType, EntraSettings, Head, PutSettings, Refusal, Settings, Texts,
};
use crate::ledger::table::{Draft, Read, Table};

/// Replaces the settings.
pub(super) fn put(draft: &mut Draft<'_, impl Read>, head: &mut Head, it: &PutSettings) -> Step {
    let settings = present(it.settings.as_ref(), "the settings document")?;
    revision(head.settings_revision, it.expected_revision)?;
    let before = facts(&query::settings(draft)?);
    install(draft, head, settings)?;
    Ok(Done {
        revision: head.settings_revision,
        before,
        after: facts(settings),
        ..Done::default()
    })
}

/// Checks and writes a settings document under the next revision.
pub(super) fn install(
    draft: &mut Draft<'_, impl Read>,
    head: &mut Head,
    settings: &Settings,
) -> Step<()> {
    if let Some(entra) = &settings.entra {
        check_entra(entra)?;
    }
    if let Err(error) = Limits::resolve(settings.limits.as_ref()) {
        return refuse(Refusal::Invalid, error.to_string());
    }
    check_texts(&settings.texts)?;
    head.settings_revision = head.settings_revision.saturating_add(1);
    let settings = Settings {
        revision: head.settings_revision,
        ..settings.clone()
    };
    store(draft, Table::Settings, &[], &settings);
    Ok(())
}

/// A text that no attribute can hold would make every login silent that needs it.
fn check_texts(texts: &[Texts]) -> Step<()> {
    valid(texts.len() <= LANGUAGES_MAX, "there are too many languages")?;
    let mut languages = BTreeSet::new();
    for one in texts {
        let language = one.language.to_ascii_lowercase();
        valid(
            language.is_empty() || is_language(&language),
            "a language is no tag such as de or pt-BR",
        )?;
        valid(languages.insert(language), "a language stands twice")?;
        let fits = |text: &str| {
            text.len()
                <= MESSAGE_OCTETS_MAX.saturating_sub(text.matches(Reference::PLACEHOLDER).count())
                && !text.chars().any(char::is_control)
        };
        valid(
            [&one.ask, &one.ask_again, &one.denied]
                .into_iter()
                .all(|text| fits(text)),
            "a text is longer than an attribute, or has controls",
        )?;
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

fn facts(settings: &Settings) -> String {
    let mut facts = Facts::default();
    if let Some(entra) = &settings.entra {
        facts = facts
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
            );
    }
    if let Some(limits) = &settings.limits {
        facts = facts
            .with("strict_failures", limits.strict_failures)
            .with("strict_window", limits.strict_window)
            .with("strict_lock", limits.strict_lock)
            .with("known_place_failures", limits.known_place_failures)
            .with("known_place_window", limits.known_place_window)
            .with("elsewhere_failures", limits.elsewhere_failures)
            .with("window_steps", limits.window_steps);
    }
    for texts in &settings.texts {
        facts = facts
            .text("texts.language", &texts.language)
            .text("texts.ask", &texts.ask)
            .text("texts.ask_again", &texts.ask_again)
            .text("texts.denied", &texts.denied);
    }
    facts.into_text()
}
