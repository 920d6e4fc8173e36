//! What users read on their devices, in the language of the client.
//!
//! Must not know why a login ended: one text stands for every refusal.

use crate::base::Reference;
use crate::ledger::address::{ADDRESS_PLACEHOLDER, PASSCODE_PLACEHOLDER};
use crate::ledger::storage;

/// The texts of one language.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Texts {
    /// Asks for the code.
    pub ask: String,
    /// Asks once more, after an answer that can be no code.
    pub ask_again: String,
    /// The subject of the e-mail that brings a passcode.
    pub passcode_subject: String,
    sent: String,
    passcode_message: String,
    denied: String,
}

impl Texts {
    /// The texts in `language`; where the settings have none in it, those for clients that
    /// name no language; where they leave one open, the English one.
    #[must_use]
    pub fn of(settings: &storage::Settings, language: &str) -> Self {
        let of = |language: &str| {
            let mut texts = settings.texts.iter();
            texts.find(|texts| texts.language.eq_ignore_ascii_case(language))
        };
        let set = of(language).or_else(|| of(""));
        let set = set.cloned().unwrap_or_default();
        let or = |set: String, default: &str| {
            if set.is_empty() {
                default.to_owned()
            } else {
                set
            }
        };
        Self {
            ask: or(set.ask, ASK),
            ask_again: or(set.ask_again, ASK_AGAIN),
            passcode_subject: or(set.passcode_subject, PASSCODE_SUBJECT),
            sent: or(set.sent, SENT),
            passcode_message: or(set.passcode_message, PASSCODE_MESSAGE),
            denied: or(set.denied, DENIED),
        }
    }

    /// Asks for a passcode. `to`: its address, masked. One text, whatever came of it: whether
    /// anything was sent, or why not, would tell who is known.
    #[must_use]
    pub fn sent(&self, to: &str) -> String {
        self.sent.replace(ADDRESS_PLACEHOLDER, to)
    }

    /// The message that brings a passcode.
    #[must_use]
    pub fn passcode_message(&self, passcode: &str) -> String {
        self.passcode_message
            .replace(PASSCODE_PLACEHOLDER, passcode)
    }

    /// Tells of a refusal, with what the user may read out to the help desk.
    #[must_use]
    pub fn denied(&self, reference: Reference) -> String {
        self.denied
            .replace(Reference::PLACEHOLDER, &reference.to_string())
    }
}

impl Default for Texts {
    fn default() -> Self {
        Self::of(&storage::Settings::default(), "")
    }
}

const ASK: &str = "Code from your authenticator: ";
const ASK_AGAIN: &str = "That is no code. Type the digits that your authenticator shows: ";
const SENT: &str = "A code was sent to {to}, unless too many were asked for lately. Code: ";
const PASSCODE_SUBJECT: &str = "Your code";
const PASSCODE_MESSAGE: &str = "{code} is your code. It is good for 5 minutes and for one login. \
    If you did not ask for it, somebody else knows your name: tell your help desk.";
const DENIED: &str = "Access denied (ref {ref})";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::SeededEntropy;

    fn settings() -> storage::Settings {
        let texts = |language: &str, ask: &str| storage::Texts {
            language: language.to_owned(),
            ask: ask.to_owned(),
            ..storage::Texts::default()
        };
        storage::Settings {
            texts: vec![texts("", "Code?"), texts("de", "Einmalcode:")],
            ..storage::Settings::default()
        }
    }

    #[test]
    fn a_client_has_the_texts_of_its_language_or_the_common_ones() {
        let ask = |language| Texts::of(&settings(), language).ask;
        assert_eq!(ask("de"), "Einmalcode:");
        assert_eq!(ask("DE"), "Einmalcode:");
        assert_eq!(ask("fr"), "Code?");
        assert_eq!(ask(""), "Code?");
        assert_eq!(Texts::of(&settings(), "de").ask_again, ASK_AGAIN);
        assert_eq!(Texts::default().ask, ASK);
    }

    #[test]
    fn a_refusal_names_its_reference() {
        let reference = Reference::draw(&mut SeededEntropy::new(1));
        let text = Texts::default().denied(reference);
        assert_eq!(text, format!("Access denied (ref {reference})"));
    }
}
