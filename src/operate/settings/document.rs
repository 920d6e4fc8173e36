//! The settings as people write them: TOML, where an unknown key is an error.
//!
//! Must not know the ledger or what a value means. No error shows a value: one of them
//! is a secret.

use std::fmt;

use countersign_core::base::Secret;
use countersign_core::ledger::storage;
use serde::{Deserialize, Serialize};

use super::Given;
use crate::operate::OperateError;

/// Stands for a secret that is there and not shown.
pub const MASK: &str = "(kept)";

#[derive(Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Document {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) revision: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) entra: Option<Entra>,
    #[serde(default)]
    pub(super) limits: Limits,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) texts: Vec<Texts>,
}

/// What users read in one language. A text that is left out has its default.
#[derive(Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Texts {
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) language: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) ask: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) ask_again: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) denied: String,
}

/// Where Entra ID is asked.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Entra {
    #[serde(default = "public_cloud")]
    pub(super) authority: String,
    pub(super) tenant: String,
    pub(super) client_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_secret: Option<Masked>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(super) scope: String,
    #[serde(default)]
    pub(super) timeout_ms: u32,
    #[serde(default = "yes")]
    pub(super) require_registered_mfa: bool,
    #[serde(default)]
    pub(super) accept_external_challenge: bool,
}

/// A value of 0 has the default.
#[derive(Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Limits {
    pub(super) strict_failures: u32,
    pub(super) strict_window_secs: u32,
    pub(super) strict_lock_secs: u32,
    pub(super) known_place_failures: u32,
    pub(super) known_place_window_secs: u32,
    pub(super) elsewhere_failures: u32,
    pub(super) window_steps: u32,
}

/// Is read as a secret and only ever written as the mask.
struct Masked(Secret);

impl<'de> Deserialize<'de> for Masked {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from).map(|text| Self(Secret::from(text)))
    }
}

impl Serialize for Masked {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(MASK)
    }
}

/// What is wrong with a document, by its line.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct DocumentError {
    /// From 1.
    pub line: usize,
    /// Without values.
    pub why: String,
}

impl fmt::Display for DocumentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.why)
    }
}

impl Document {
    pub(super) fn client_secret(&self) -> Result<Given, OperateError> {
        let entra = self.entra.as_ref();
        match entra.and_then(|entra| entra.client_secret.as_ref()) {
            None => Ok(Given::Nothing),
            Some(Masked(secret)) if secret.expose() == MASK.as_bytes() => Ok(Given::Kept),
            Some(Masked(secret)) if secret.is_empty() => Err(OperateError::invalid(
                "entra.client_secret",
                "empty; leave the key out where there is none",
            )),
            Some(Masked(secret)) => Ok(Given::New(secret.duplicate())),
        }
    }

    pub(super) fn has_client_secret(&self) -> bool {
        let entra = self.entra.as_ref();
        entra.is_some_and(|entra| entra.client_secret.is_some())
    }
}

pub(super) fn parse(text: &Secret) -> Result<Document, OperateError> {
    let text = std::str::from_utf8(text.expose())
        .map_err(|_| OperateError::invalid("settings", "the document is not UTF-8"))?;
    toml::from_str(text).map_err(|e| OperateError::invalid("settings", located(text, &e)))
}

/// The fault with its line. toml's own text quotes the line, and some of its messages the
/// value; where a secret stands, neither may be told.
fn located(text: &str, error: &toml::de::Error) -> DocumentError {
    let start = error.span().map_or(0, |span| span.start);
    let before = text.get(..start).unwrap_or_default();
    let line = before.matches('\n').count().saturating_add(1);
    let quoted = text.lines().nth(line.saturating_sub(1)).unwrap_or_default();
    let why = if quoted.contains("secret") && !error.message().starts_with("unknown field") {
        "not a text".to_owned()
    } else {
        error.message().to_owned()
    };
    DocumentError { line, why }
}

pub(super) fn shown(settings: &storage::Settings) -> String {
    let entra = settings.entra.as_ref().map(|entra| Entra {
        authority: entra.authority.clone(),
        tenant: entra.tenant.clone(),
        client_id: entra.client_id.clone(),
        client_secret: (!entra.client_secret.is_empty()).then(|| Masked(Secret::default())),
        scope: entra.scope.clone(),
        timeout_ms: entra.timeout,
        require_registered_mfa: entra.require_registered_mfa,
        accept_external_challenge: entra.accept_external_challenge,
    });
    let limits = settings.limits.unwrap_or_default();
    let document = Document {
        revision: Some(settings.revision),
        entra,
        limits: Limits {
            strict_failures: limits.strict_failures,
            strict_window_secs: limits.strict_window / 1000,
            strict_lock_secs: limits.strict_lock / 1000,
            known_place_failures: limits.known_place_failures,
            known_place_window_secs: limits.known_place_window / 1000,
            elsewhere_failures: limits.elsewhere_failures,
            window_steps: limits.window_steps,
        },
        texts: settings.texts.iter().map(texts).collect(),
    };
    toml::to_string(&document).expect("texts, numbers and flags have a form in TOML")
}

fn texts(it: &storage::Texts) -> Texts {
    Texts {
        language: it.language.clone(),
        ask: it.ask.clone(),
        ask_again: it.ask_again.clone(),
        denied: it.denied.clone(),
    }
}

fn public_cloud() -> String {
    "https://login.microsoftonline.com".to_owned()
}

const fn yes() -> bool {
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(text: &str) -> String {
        let parsed = parse(&Secret::from(text.as_bytes()));
        parsed.err().expect("a fault").to_string()
    }

    const ENTRA: &str = "[entra]\ntenant = \"contoso.example\"\nclient_id = \"4711\"\n";

    #[test]
    fn an_unknown_key_is_told_with_its_line() {
        let fault = fault(&format!("{ENTRA}client_secrte = \"x\"\n"));
        assert!(
            fault.contains("line 4: unknown field `client_secrte`"),
            "{fault}"
        );
    }

    #[test]
    fn no_fault_shows_a_secret() {
        for text in [
            "client_secret = 4711081500",
            "client_secret = \"hunter2hunter2",
        ] {
            let fault = fault(&format!("{ENTRA}{text}\n"));
            assert!(
                !fault.contains("4711081500") && !fault.contains("hunter2"),
                "{fault}"
            );
        }
    }

    #[test]
    fn what_is_shown_can_be_applied_and_has_no_secret() {
        let settings = storage::Settings {
            revision: 3,
            entra: Some(storage::EntraSettings {
                authority: "https://login.example".to_owned(),
                client_secret: b"sealed".to_vec(),
                ..Default::default()
            }),
            texts: vec![storage::Texts {
                language: "de".to_owned(),
                ask: "Einmalcode: ".to_owned(),
                ..Default::default()
            }],
            ..Default::default()
        };
        let text = shown(&settings);
        assert!(
            text.contains("client_secret = \"(kept)\"") && !text.contains("sealed"),
            "{text}"
        );
        let document = parse(&Secret::from(text)).expect("a document");
        assert_eq!(document.revision, Some(3));
        assert_eq!(document.texts[0].ask, "Einmalcode: ");
        assert!(matches!(document.client_secret(), Ok(Given::Kept)));
    }
}
