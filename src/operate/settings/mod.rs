//! The settings: one versioned document, shown with its secrets masked and put as a whole.

mod document;
mod examine;
mod learning;
mod pem;
mod resolve;
mod secrets;
mod usable;

use countersign_core::base::{RequestId, Secret, Timestamp};
use countersign_core::ledger::query;
use countersign_core::ledger::storage::end_trial::Subject;
use countersign_core::ledger::storage::{self, ChangeOutcome, change};

pub use document::{DocumentError, MASK, located};
pub use examine::Examined;
use secrets::Secrets;

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
    /// When they are reverted unless somebody confirms them.
    pub trial_until: Option<Timestamp>,
}

impl<L: Ledger> Operate<L> {
    /// The settings, secrets masked.
    ///
    /// # Errors
    /// When the caller may not, or the node is not in sync.
    pub fn show_settings(&self, caller: &Caller) -> Result<SettingsShown, OperateError> {
        self.reading(caller, Action::SettingsShow)?;
        let view = self.ledger.view();
        let settings = query::settings(&view)?;
        Ok(SettingsShown {
            document: document::shown(&settings),
            revision: settings.revision,
            trial_until: query::trial_until(&view, Subject::Settings)?,
        })
    }

    /// Replaces the settings by a document. A masked secret stays as it is. A `revision`
    /// in the document is the one it was made from: somebody else's change since then
    /// refuses it. Unless it is confirmed within so many milliseconds, what was before comes
    /// back; 0: it stays.
    ///
    /// # Errors
    /// The document's first fault with its line; or the ledger's refusal.
    pub async fn apply_settings(
        &self,
        caller: &Caller,
        request: RequestId,
        text: &Secret,
        confirm_within: u32,
    ) -> Result<ChangeOutcome, OperateError> {
        caller.may(Action::SettingsApply)?;
        let document = document::parse(text)?;
        let seen = document.revision.unwrap_or_default();
        let old = self
            .merged_with(seen, |view| {
                let settings = query::settings(view)?;
                Ok((settings.revision, settings))
            })
            .await?;
        let expected = document.revision.unwrap_or(old.revision);
        let secrets = Secrets::of(&document)?;
        let mut settings = resolve::settings(document)?;
        let asked = Asked::new(Action::SettingsApply, request)
            .with_message(&settings)
            .with(confirm_within.to_be_bytes());
        self.seal_settings(&mut settings, &old, secrets)?;
        self.check_usable(&settings)?;
        let put = storage::PutSettings {
            settings: Some(settings),
            expected_revision: expected,
            confirm_within,
        };
        self.change(caller, asked, change::Kind::PutSettings(put))
            .await
    }
}
