//! From a document to the stored settings; secrets are sealed by the caller.

use countersign_core::ledger::storage;

use super::document::{Document, Entra, Limits, Texts};
use crate::operate::OperateError;

pub(super) fn settings(document: Document) -> Result<storage::Settings, OperateError> {
    let confidential = document.has_client_secret();
    Ok(storage::Settings {
        revision: 0,
        limits: Some(limits(&document.limits)?),
        entra: document.entra.map(|it| entra(it, confidential)),
        texts: document.texts.into_iter().map(texts).collect(),
    })
}

fn texts(it: Texts) -> storage::Texts {
    storage::Texts {
        language: it.language,
        ask: it.ask,
        ask_again: it.ask_again,
        denied: it.denied,
    }
}

fn entra(it: Entra, confidential: bool) -> storage::EntraSettings {
    let client_type = if confidential {
        storage::EntraClientType::Secret
    } else {
        storage::EntraClientType::Public
    };
    storage::EntraSettings {
        authority: it.authority,
        tenant: it.tenant,
        client_id: it.client_id,
        client_type: client_type.into(),
        client_secret: Vec::new(),
        scope: it.scope,
        timeout: it.timeout_ms,
        require_registered_mfa: it.require_registered_mfa,
        accept_external_challenge: it.accept_external_challenge,
        ..storage::EntraSettings::default()
    }
}

fn limits(it: &Limits) -> Result<storage::Limits, OperateError> {
    Ok(storage::Limits {
        strict_failures: it.strict_failures,
        strict_window: millis("limits.strict_window_secs", it.strict_window_secs)?,
        strict_lock: millis("limits.strict_lock_secs", it.strict_lock_secs)?,
        known_place_failures: it.known_place_failures,
        known_place_window: millis("limits.known_place_window_secs", it.known_place_window_secs)?,
        elsewhere_failures: it.elsewhere_failures,
        window_steps: it.window_steps,
    })
}

fn millis(field: &'static str, seconds: u32) -> Result<u32, OperateError> {
    let millis = seconds.checked_mul(1000);
    millis.ok_or_else(|| OperateError::invalid(field, "longer than any span here"))
}
