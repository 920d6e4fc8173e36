//! The settings as people write them: TOML, where an unknown key is an error.
//!
//! Must not know the ledger or what a value means. No error shows a value: one of them
//! is a secret.

use std::fmt;

use countersign_core::base::Secret;
use countersign_core::ledger::storage;
use serde::{Deserialize, Serialize};

use crate::operate::OperateError;

mod forward;
mod ldap;
mod senders;
mod source;
pub(super) use forward::Forward;
pub(super) use senders::{Mail, Sms};
pub(super) use source::{CLOUDS, Entra, Given, Source};

/// Stands for a secret that is there and not shown.
pub const MASK: &str = "(kept)";

#[derive(Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Document {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) revision: Option<u64>,
    #[serde(default)]
    pub(super) limits: Limits,
    #[serde(default, rename = "source", skip_serializing_if = "Vec::is_empty")]
    pub(super) sources: Vec<Source>,
    #[serde(default, rename = "forward", skip_serializing_if = "Vec::is_empty")]
    pub(super) forwards: Vec<Forward>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) mail: Option<Mail>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) sms: Option<Sms>,
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
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) sent: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) passcode_subject: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) passcode_message: String,
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
    pub(super) passcodes_per_minute: u32,
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

pub(super) fn parse(text: &Secret) -> Result<Document, OperateError> {
    let text = std::str::from_utf8(text.expose())
        .map_err(|_| OperateError::invalid("settings", "the document is not UTF-8"))?;
    let holds_secret = |line: &str| {
        ["secret", "password", "key"]
            .iter()
            .any(|it| line.contains(it))
    };
    toml::from_str(text)
        .map_err(|e| OperateError::invalid("settings", located(text, &e, holds_secret)))
}

/// The fault with its line. toml's own text quotes the line, and some of its messages the
/// value; where a secret stands, neither may be told.
pub fn located(
    text: &str,
    error: &toml::de::Error,
    holds_secret: impl FnOnce(&str) -> bool,
) -> DocumentError {
    let start = error.span().map_or(0, |span| span.start);
    let before = text.get(..start).unwrap_or_default();
    let line = before.matches('\n').count().saturating_add(1);
    let quoted = text.lines().nth(line.saturating_sub(1)).unwrap_or_default();
    let message = error.message();
    let names_key = ["unknown field", "missing field"];
    let names_key = names_key.iter().any(|it| message.starts_with(it));
    let why = if !names_key && holds_secret(quoted) {
        "no TOML, or not a value that this key takes".to_owned()
    } else {
        message.to_owned()
    };
    DocumentError { line, why }
}

pub(super) fn shown(settings: &storage::Settings) -> String {
    let limits = settings.limits.unwrap_or_default();
    let document = Document {
        revision: Some(settings.revision),
        sources: settings.sources.iter().map(Source::shown).collect(),
        limits: Limits {
            strict_failures: limits.strict_failures,
            strict_window_secs: limits.strict_window / 1000,
            strict_lock_secs: limits.strict_lock / 1000,
            known_place_failures: limits.known_place_failures,
            known_place_window_secs: limits.known_place_window / 1000,
            elsewhere_failures: limits.elsewhere_failures,
            window_steps: limits.window_steps,
            passcodes_per_minute: limits.passcodes_per_minute,
        },
        forwards: settings.forwards.iter().map(Forward::shown).collect(),
        mail: settings.mail.as_ref().map(Mail::shown),
        sms: settings.sms.as_ref().map(Sms::shown),
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
        sent: it.sent.clone(),
        passcode_subject: it.passcode_subject.clone(),
        passcode_message: it.passcode_message.clone(),
    }
}

#[cfg(test)]
mod tests {
    use countersign_core::ledger::fields::SourceSecret;

    use super::*;

    fn fault(text: &str) -> String {
        let parsed = parse(&Secret::from(text.as_bytes()));
        parsed.err().expect("a fault").to_string()
    }

    const ENTRA: &str =
        "[[source]]\n[source.entra]\ntenant = \"contoso.example\"\nclient_id = \"4711\"\n";

    #[test]
    fn an_unknown_key_is_told_with_its_line() {
        let fault = fault(&format!("{ENTRA}client_secrte = \"x\"\n"));
        assert!(
            fault.contains("line 5: unknown field `client_secrte`"),
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
            sources: vec![storage::Source {
                name: "entra".to_owned(),
                domains: vec!["contoso.example".to_owned()],
                lockout_threshold: 0,
                sync_off: true,
                kind: Some(storage::source::Kind::Entra(storage::EntraSettings {
                    authority: "https://login.example".to_owned(),
                    client_secret: b"sealed".to_vec(),
                    ..Default::default()
                })),
            }],
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
        let source = &document.sources[0];
        assert_eq!(source.domains, ["contoso.example"]);
        assert!(!source.sync);
        let secrets = source.secrets().expect("no secret is empty");
        assert!(matches!(
            secrets[..],
            [
                (SourceSecret::ClientSecret, Given::Kept),
                (SourceSecret::ClientKey, Given::Nothing)
            ]
        ));
    }
}
