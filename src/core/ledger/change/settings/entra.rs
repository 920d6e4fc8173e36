//! What Entra needs of the settings.

use std::time::Duration;

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

use super::super::audit::Facts;
use super::super::check::{ensure, sealed, text, valid};
use super::super::done::Step;
use super::sources::{is_host, is_word};
use crate::base::limits::{CLIENT_CERTIFICATE_OCTETS_MAX, SOURCE_TIMEOUT_MAX, SOURCE_TIMEOUT_MIN};
use crate::ledger::storage::{EntraClientType, EntraCloud, EntraSettings, Refusal};

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

/// The time for one question, in milliseconds: what every node can ask within.
pub(super) fn check_timeout(timeout: u32) -> Step<()> {
    check_within(timeout, SOURCE_TIMEOUT_MAX)
}

/// A time that somebody is waited for, in milliseconds.
pub(super) fn check_within(timeout: u32, most: Duration) -> Step<()> {
    let (least, millis) = (SOURCE_TIMEOUT_MIN, Duration::from_millis(timeout.into()));
    ensure(
        timeout == 0 || (least..=most).contains(&millis),
        Refusal::Invalid,
        || {
            let (least, most) = (least.as_millis(), most.as_millis());
            format!("the time-out is 0 (default) or {least} to {most} ms")
        },
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
    let EntraSettings {
        authority,
        tenant,
        client_id,
        client_type: _,
        client_secret,
        scope,
        timeout,
        require_registered_mfa,
        accept_external_challenge,
        cloud: _,
        client_certificate,
        client_key,
        dangerous_custom_authority,
        proxy,
    } = entra;
    facts
        .with("kind", "entra")
        .text("authority", authority)
        .text("tenant", tenant)
        .text("client_id", client_id)
        .with("client_type", entra.client_type().as_str_name())
        .sealed("client_secret", client_secret)
        .with("certificate", digest(client_certificate))
        .sealed("client_key", client_key)
        .with("cloud", entra.cloud().as_str_name())
        .text("proxy", proxy)
        .with("dangerous_custom_authority", dangerous_custom_authority)
        .text("scope", scope)
        .with("timeout", timeout)
        .with("require_registered_mfa", require_registered_mfa)
        .with("accept_external_challenge", accept_external_challenge)
}
