//! The secrets of settings: sealed where they are new, kept where they are masked.

use countersign_core::ledger::fields::{self, SenderSecret, SourceSecret};
use countersign_core::ledger::storage::source::Kind;
use countersign_core::ledger::storage::{self, Settings};

use super::document::{Document, Forward, Given, Mail, Sms, Source};
use crate::login::Ledger;
use crate::operate::{Operate, OperateError};

/// What a document says of them, in its order.
pub(super) struct Secrets {
    sources: Vec<Vec<(SourceSecret, Given)>>,
    senders: Vec<(SenderSecret, Given)>,
    forwards: Vec<Given>,
}

impl Secrets {
    /// Those of a document.
    ///
    /// # Errors
    /// The first that no secret can be.
    pub(super) fn of(document: &Document) -> Result<Self, OperateError> {
        let sources = document.sources.iter().map(Source::secrets);
        let mail = document.mail.as_ref().map(Mail::secret).transpose()?;
        let sms = document.sms.as_ref().map(Sms::secret).transpose()?;
        let forwards = document.forwards.iter().map(Forward::secret);
        Ok(Self {
            sources: sources.collect::<Result<_, _>>()?,
            senders: mail.into_iter().chain(sms).collect(),
            forwards: forwards.collect::<Result<_, _>>()?,
        })
    }
}

impl<L: Ledger> Operate<L> {
    /// Puts the secrets of a document into what was made of it.
    ///
    /// # Errors
    /// A masked one where there is none to keep.
    pub(super) fn seal_settings(
        &self,
        settings: &mut Settings,
        old: &Settings,
        secrets: Secrets,
    ) -> Result<(), OperateError> {
        for (source, secrets) in settings.sources.iter_mut().zip(secrets.sources) {
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
        for (secret, given) in secrets.senders {
            let sealed = self.sender_secret(old, secret, given)?;
            if let Some(slot) = sender_slot(settings, secret) {
                *slot = sealed;
            }
        }
        for (forward, given) in settings.forwards.iter_mut().zip(secrets.forwards) {
            forward.secret = self.forward_secret(old, &forward.name, given)?;
        }
        Ok(())
    }

    fn sender_secret(
        &self,
        old: &Settings,
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
        old: &Settings,
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
fn sender_slot(settings: &mut Settings, secret: SenderSecret) -> Option<&mut Vec<u8>> {
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
