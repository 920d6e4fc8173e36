//! Changes of the settings: a whole document with one revision.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, Ipv6Addr};

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

use super::audit::Facts;
use super::check::{is_language, present, put as store, revision, sealed, text, valid};
use super::done::{Done, Step, refuse};
use crate::base::Reference;
use crate::base::limits::{
    CLIENT_CERTIFICATE_OCTETS_MAX, LANGUAGES_MAX, LEASE_MAX, MESSAGE_OCTETS_MAX,
};
use crate::ledger::limits::Limits;
use crate::ledger::query;
use crate::ledger::storage::{
    EntraClientType, EntraCloud, EntraSettings, Head, PutSettings, Refusal, Settings, Texts,
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
    // Without one it is the cloud's own.
    valid(
        entra.authority.is_empty() || is_authority(&entra.authority),
        "the authority is not https://host[:port]",
    )?;
    valid(
        entra.proxy.is_empty() || is_proxy(&entra.proxy),
        "the proxy is not http://host:port",
    )?;
    valid(
        EntraCloud::try_from(entra.cloud).is_ok(),
        "the cloud is unknown",
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
    check_client(entra)
}

/// Each type of client has what it proves itself by, and nothing else.
fn check_client(entra: &EntraSettings) -> Step<()> {
    let kind = entra.client_type();
    valid(
        entra.client_secret.is_empty() || kind == EntraClientType::Secret,
        "a client secret, and the client is of another type",
    )?;
    let certificate = !entra.client_certificate.is_empty() || !entra.client_key.is_empty();
    valid(
        !certificate || kind == EntraClientType::Certificate,
        "a client certificate or key, and the client is of another type",
    )?;
    match kind {
        EntraClientType::Public => Ok(()),
        EntraClientType::Secret => sealed(&entra.client_secret, "the client secret"),
        EntraClientType::Certificate => {
            let fits = |octets: &[u8]| (1..=CLIENT_CERTIFICATE_OCTETS_MAX).contains(&octets.len());
            valid(
                fits(&entra.client_certificate) && fits(&entra.client_key),
                "the client certificate or its key is missing or too long",
            )
        }
        EntraClientType::Unspecified => valid(false, "the client type is unknown"),
    }
}

/// `http://host:port`: there is no usual port.
fn is_proxy(text: &str) -> bool {
    let rest = text.strip_prefix("http://").unwrap_or_default();
    let port = rest.rsplit_once(':').map(|(_, port)| port);
    port.is_some_and(|port| !port.ends_with(']')) && is_authority(&format!("https://{rest}"))
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

/// A certificate in an audit: as operators and directories name it. Empty: none.
fn digest(certificate: &[u8]) -> String {
    if certificate.is_empty() {
        return String::new();
    }
    HEXLOWER.encode(&Sha256::digest(certificate))
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
            .with("entra.certificate", digest(&entra.client_certificate))
            .with("entra.cloud", entra.cloud().as_str_name())
            .text("entra.proxy", &entra.proxy)
            .with(
                "entra.dangerous_custom_authority",
                entra.dangerous_custom_authority,
            )
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
