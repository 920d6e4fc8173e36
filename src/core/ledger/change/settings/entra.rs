//! What Entra needs of the settings.

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

use super::super::audit::Facts;
use super::super::check::{sealed, text, valid};
use super::super::done::Step;
use super::sources::{is_host, is_word};
use crate::base::limits::{CLIENT_CERTIFICATE_OCTETS_MAX, LEASE_MAX};
use crate::ledger::storage::{EntraClientType, EntraCloud, EntraSettings};

/// What must hold of an Entra source, whatever node uses it.
pub(super) fn check(entra: &EntraSettings) -> Step<()> {
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
    check_timeout(entra.timeout)?;
    check_client(entra)
}

/// The time for one question, in milliseconds.
pub(super) fn check_timeout(timeout: u32) -> Step<()> {
    let lease = LEASE_MAX.as_millis();
    let sane = timeout == 0 || timeout >= 100;
    valid(
        sane && u128::from(timeout).saturating_add(5000) <= lease,
        "the time-out is 0 (default) or 100 to 55000 ms",
    )
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

/// A certificate in an audit: as operators and directories name it. Empty: none.
fn digest(certificate: &[u8]) -> String {
    if certificate.is_empty() {
        return String::new();
    }
    HEXLOWER.encode(&Sha256::digest(certificate))
}

/// What the audit tells of it.
pub(super) fn facts(facts: Facts, entra: &EntraSettings) -> Facts {
    facts
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
        )
}
