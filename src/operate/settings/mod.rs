//! The settings: one versioned document, shown with its secrets masked and put as a whole.

mod document;
mod resolve;

use countersign_core::base::{RequestId, Secret};
use countersign_core::ledger::storage::{self, ChangeOutcome, change::Kind};
use countersign_core::ledger::{fields, query};

pub use document::{DocumentError, MASK};

use super::house::Asked;
use super::{Action, Caller, Operate, OperateError};
use crate::login::Ledger;

/// The settings as a document.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SettingsShown {
    /// TOML, secrets masked.
    pub document: String,
    /// Of the settings.
    pub revision: u64,
}

impl<L: Ledger> Operate<L> {
    /// The settings, secrets masked.
    ///
    /// # Errors
    /// When the caller may not, or the node is not in sync.
    pub fn show_settings(&self, caller: &Caller) -> Result<SettingsShown, OperateError> {
        self.reading(caller, Action::SettingsShow)?;
        let settings = query::settings(&self.ledger.view())?;
        Ok(SettingsShown {
            document: document::shown(&settings),
            revision: settings.revision,
        })
    }

    /// Replaces the settings by a document. A masked secret stays as it is. A `revision`
    /// in the document is the one it was made from: somebody else's change since then
    /// refuses it.
    ///
    /// # Errors
    /// The document's first fault with its line; or the ledger's refusal.
    pub async fn apply_settings(
        &self,
        caller: &Caller,
        request: RequestId,
        text: &Secret,
    ) -> Result<ChangeOutcome, OperateError> {
        caller.may(Action::SettingsApply)?;
        let document = document::parse(text)?;
        let old = query::settings(&self.ledger.view())?;
        let expected = document.revision.unwrap_or(old.revision);
        let given = document.client_secret()?;
        let mut settings = resolve::settings(document)?;
        let asked = Asked::new(Action::SettingsApply, request).with_message(&settings);
        if let Some(entra) = &mut settings.entra {
            let kept = old.entra.map(|old| old.client_secret).unwrap_or_default();
            entra.client_secret = self.client_secret(given, kept)?;
        }
        let put = storage::PutSettings {
            settings: Some(settings),
            expected_revision: expected,
        };
        self.change(caller, asked, Kind::PutSettings(put)).await
    }

    fn client_secret(&self, given: Given, kept: Vec<u8>) -> Result<Vec<u8>, OperateError> {
        match given {
            Given::Nothing => Ok(Vec::new()),
            Given::Kept if kept.is_empty() => {
                let why = "masked, but there is none to keep";
                Err(OperateError::invalid("entra.client_secret", why))
            }
            Given::Kept => Ok(kept),
            Given::New(secret) => {
                let context = fields::entra_client_secret(self.cluster_id()?);
                self.seal(&context, &secret)
            }
        }
    }
}

/// A secret of a document.
enum Given {
    Nothing,
    /// It stays as it is.
    Kept,
    New(Secret),
}
