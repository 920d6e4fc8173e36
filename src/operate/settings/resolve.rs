//! From a document to the stored settings; secrets are sealed by the caller.

use countersign_core::ledger::storage;

use super::document::{CLOUDS, Document, Entra, Forward, Limits, Mail, Sms, Source, Texts};
use super::pem;
use crate::operate::OperateError;

pub(super) fn settings(document: Document) -> Result<storage::Settings, OperateError> {
    Ok(storage::Settings {
        revision: 0,
        limits: Some(limits(&document.limits)?),
        sources: document
            .sources
            .into_iter()
            .map(source)
            .collect::<Result<_, _>>()?,
        forwards: document
            .forwards
            .into_iter()
            .map(Forward::stored)
            .collect::<Result<_, _>>()?,
        mail: document.mail.map(Mail::stored).transpose()?,
        sms: document.sms.map(Sms::stored).transpose()?,
        texts: document.texts.into_iter().map(texts).collect(),
    })
}

fn texts(it: Texts) -> storage::Texts {
    storage::Texts {
        language: it.language,
        ask: it.ask,
        ask_again: it.ask_again,
        denied: it.denied,
        sent: it.sent,
        passcode_subject: it.passcode_subject,
        passcode_message: it.passcode_message,
    }
}

fn source(it: Source) -> Result<storage::Source, OperateError> {
    let (usual_name, kind) = match (it.entra, it.ldap) {
        (Some(it), None) => ("entra", storage::source::Kind::Entra(entra(it)?)),
        (None, Some(it)) => {
            let stored = it.stored();
            let stored = stored.map_err(|(field, why)| OperateError::invalid(field, why))?;
            ("ldap", storage::source::Kind::Ldap(stored))
        }
        (None, None) | (Some(_), Some(_)) => {
            let why = "a source has one table of its kind: [source.entra] or [source.ldap]";
            return Err(OperateError::invalid("source", why));
        }
    };
    Ok(storage::Source {
        name: if it.name.is_empty() {
            usual_name.to_owned()
        } else {
            it.name
        },
        domains: it.domains,
        lockout_threshold: 0,
        sync_off: !it.sync,
        kind: Some(kind),
    })
}

fn entra(it: Entra) -> Result<storage::EntraSettings, OperateError> {
    let client_type = match (&it.client_secret, &it.client_key) {
        (Some(_), Some(_)) => {
            let why = "client_secret or client_certificate with client_key, not both";
            return Err(OperateError::invalid("source.entra", why));
        }
        (Some(_), None) => storage::EntraClientType::Secret,
        (None, Some(_)) => storage::EntraClientType::Certificate,
        (None, None) => storage::EntraClientType::Public,
    };
    let cloud = CLOUDS.iter().find(|(word, _)| *word == it.cloud);
    let cloud = cloud.ok_or_else(|| {
        OperateError::invalid("source.entra.cloud", "global, us-gov, us-dod or china")
    })?;
    let certificate = pem::certificate(&it.client_certificate)
        .map_err(|why| OperateError::invalid("source.entra.client_certificate", why))?;
    Ok(storage::EntraSettings {
        authority: it.authority,
        tenant: it.tenant,
        client_id: it.client_id,
        client_type: client_type.into(),
        client_secret: Vec::new(),
        scope: it.scope,
        timeout: it.timeout_ms,
        require_registered_mfa: it.require_registered_mfa,
        accept_external_challenge: it.accept_external_challenge,
        cloud: cloud.1.into(),
        client_certificate: certificate,
        client_key: Vec::new(),
        dangerous_custom_authority: it.dangerous_custom_authority,
        proxy: it.proxy,
    })
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
        strict_ceiling: 0,
        passcodes_per_minute: it.passcodes_per_minute,
    })
}

fn millis(field: &'static str, seconds: u32) -> Result<u32, OperateError> {
    let millis = seconds.checked_mul(1000);
    millis.ok_or_else(|| OperateError::invalid(field, "longer than any span here"))
}
