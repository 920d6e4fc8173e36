//! The settings: one versioned document, shown with its secrets masked and put as a whole.

mod document;
mod examine;
mod learning;
mod pem;
mod resolve;

use countersign_core::base::{RequestId, Secret, Timestamp};
use countersign_core::ledger::fields::{SenderSecret, SourceSecret};
use countersign_core::ledger::storage::end_trial::Subject;
use countersign_core::ledger::storage::source::Kind;
use countersign_core::ledger::storage::{self, ChangeOutcome, change};
use countersign_core::ledger::{fields, query};

pub use document::{DocumentError, MASK};
use document::{Forward, Given, Mail, Sms, Source};
pub use examine::Examined;

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
        let old = query::settings(&self.ledger.view())?;
        let expected = document.revision.unwrap_or(old.revision);
        let given: Result<Vec<_>, _> = document.sources.iter().map(Source::secrets).collect();
        let given = given?;
        let mail = document.mail.as_ref().map(Mail::secret).transpose()?;
        let sms = document.sms.as_ref().map(Sms::secret).transpose()?;
        let forwards: Result<Vec<_>, _> = document.forwards.iter().map(Forward::secret).collect();
        let forwards = forwards?;
        let mut settings = resolve::settings(document)?;
        let asked = Asked::new(Action::SettingsApply, request)
            .with_message(&settings)
            .with(confirm_within.to_be_bytes());
        for (source, secrets) in settings.sources.iter_mut().zip(given) {
            let mut old = old
                .sources
                .iter()
                .find(|old| old.name == source.name)
                .cloned();
            for (secret, given) in secrets {
                let kept = old
                    .as_mut()
                    .and_then(|old| slot(old, secret))
                    .map(std::mem::take);
                let sealed = self.source_secret((&source.name, secret), given, kept)?;
                if let Some(slot) = slot(source, secret) {
                    *slot = sealed;
                }
            }
        }
        for (secret, given) in mail.into_iter().chain(sms) {
            let sealed = self.sender_secret(&old, secret, given)?;
            if let Some(slot) = sender_slot(&mut settings, secret) {
                *slot = sealed;
            }
        }
        for (forward, given) in settings.forwards.iter_mut().zip(forwards) {
            forward.secret = self.forward_secret(&old, &forward.name, given)?;
        }
        let put = storage::PutSettings {
            settings: Some(settings),
            expected_revision: expected,
            confirm_within,
        };
        self.change(caller, asked, change::Kind::PutSettings(put))
            .await
    }

    fn sender_secret(
        &self,
        old: &storage::Settings,
        secret: SenderSecret,
        given: Given,
    ) -> Result<Vec<u8>, OperateError> {
        match given {
            Given::Nothing => Ok(Vec::new()),
            Given::Kept => {
                let kept = sender_slot(&mut old.clone(), secret).map(std::mem::take);
                kept.filter(|kept| !kept.is_empty()).ok_or_else(|| {
                    let why = "a secret is masked, but there is none to keep";
                    OperateError::invalid("mail or sms", why)
                })
            }
            Given::New(plain) => {
                let context = fields::sender_secret(self.cluster_id()?, secret);
                self.seal(&context, &plain)
            }
        }
    }

    fn forward_secret(
        &self,
        old: &storage::Settings,
        name: &str,
        given: Given,
    ) -> Result<Vec<u8>, OperateError> {
        match given {
            Given::Nothing => Ok(Vec::new()),
            Given::Kept => {
                let kept = old.forwards.iter().find(|old| old.name == name);
                let kept = kept.filter(|kept| !kept.secret.is_empty());
                kept.map(|kept| kept.secret.clone()).ok_or_else(|| {
                    let why = format!(
                        "the secret of \"{name}\" is masked, but there is none to keep; \
                         a forward that is renamed needs its secret again"
                    );
                    OperateError::invalid("forward", why)
                })
            }
            Given::New(plain) => {
                let context = fields::forward_secret(self.cluster_id()?, name);
                self.seal(&context, &plain)
            }
        }
    }

    fn source_secret(
        &self,
        (source, secret): (&str, SourceSecret),
        given: Given,
        kept: Option<Vec<u8>>,
    ) -> Result<Vec<u8>, OperateError> {
        match given {
            Given::Nothing => Ok(Vec::new()),
            Given::Kept => kept.filter(|kept| !kept.is_empty()).ok_or_else(|| {
                let why = format!(
                    "a secret of \"{source}\" is masked, but there is none to keep; \
                     a source that is renamed needs its secrets again"
                );
                OperateError::invalid("source", why)
            }),
            Given::New(plain) => {
                let context = fields::source_secret(self.cluster_id()?, source, secret);
                self.seal(&context, &plain)
            }
        }
    }
}

/// Where the settings keep a sender's secret; `None`: there is no such sender.
fn sender_slot(settings: &mut storage::Settings, secret: SenderSecret) -> Option<&mut Vec<u8>> {
    match secret {
        SenderSecret::MailPassword => settings.mail.as_mut().map(|it| &mut it.password),
        SenderSecret::SmsSecret => settings.sms.as_mut().map(|it| &mut it.secret),
    }
}

/// Where a stored source keeps a secret; `None`: a source of its kind has none.
fn slot(source: &mut storage::Source, secret: SourceSecret) -> Option<&mut Vec<u8>> {
    match (&mut source.kind, secret) {
        (Some(Kind::Entra(entra)), SourceSecret::ClientSecret) => Some(&mut entra.client_secret),
        (Some(Kind::Entra(entra)), SourceSecret::ClientKey) => Some(&mut entra.client_key),
        (Some(Kind::Ldap(ldap)), SourceSecret::ServicePassword) => Some(&mut ldap.service_password),
        (Some(Kind::Entra(_)), SourceSecret::ServicePassword)
        | (Some(Kind::Ldap(_)), SourceSecret::ClientSecret | SourceSecret::ClientKey)
        | (None, _) => None,
    }
}
