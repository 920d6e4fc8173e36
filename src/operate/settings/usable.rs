//! Settings that no node could use are refused before they are proposed. In force, every login
//! of such a source would be refused, and nobody would know before the first one.
//!
//! Which hosts a node may ask is for its own file to say, and is not looked at here.

use countersign_core::base::Secret;
use countersign_core::ledger::fields::{self, SenderSecret, SourceSecret};
use countersign_core::ledger::storage::source::Kind;
use countersign_core::ledger::storage::{Settings, Source};

use crate::login::Ledger;
use crate::operate::{Operate, OperateError};
use crate::senders::{Mail, Sms};
use crate::sources::entra::Credentials;
use crate::sources::{entra, ldap};

impl<L: Ledger> Operate<L> {
    /// Checks sources and senders as every node will, with their secrets.
    ///
    /// # Errors
    /// The first that none could use, by its name, and why.
    pub(super) fn check_usable(&self, settings: &Settings) -> Result<(), OperateError> {
        for source in &settings.sources {
            self.check_source(source)?;
        }
        if let Some(mail) = &settings.mail {
            Mail::check_anywhere(mail).map_err(|why| OperateError::invalid("mail", why))?;
        }
        if let Some(sms) = &settings.sms {
            let context = fields::sender_secret(self.cluster_id()?, SenderSecret::SmsSecret);
            let secret = (!sms.secret.is_empty()).then(|| self.open(&context, &sms.secret));
            let secret = secret.transpose()?;
            let checked = Sms::check_anywhere(sms, secret.as_ref());
            checked.map_err(|why| OperateError::invalid("sms", why))?;
        }
        Ok(())
    }

    fn check_source(&self, source: &Source) -> Result<(), OperateError> {
        let fault = |why: &dyn std::error::Error| {
            let mut text = format!("\"{}\": {why}", source.name);
            let mut cause = why.source();
            while let Some(why) = cause {
                text = format!("{text}: {why}");
                cause = why.source();
            }
            OperateError::invalid("source", text)
        };
        let cluster = self.cluster_id()?;
        let opened =
            |secret: SourceSecret, sealed: &[u8]| -> Result<Option<Secret>, OperateError> {
                let context = fields::source_secret(cluster, &source.name, secret);
                let there = (!sealed.is_empty()).then(|| self.open(&context, sealed));
                there.transpose()
            };
        match &source.kind {
            Some(Kind::Entra(it)) => {
                let credentials = Credentials {
                    client_secret: opened(SourceSecret::ClientSecret, &it.client_secret)?,
                    client_key: opened(SourceSecret::ClientKey, &it.client_key)?,
                };
                entra::check_anywhere(it, credentials).map_err(|why| fault(&why))
            }
            Some(Kind::Ldap(it)) => {
                let password = opened(SourceSecret::ServicePassword, &it.service_password)?;
                ldap::check_anywhere(it, password).map_err(|why| fault(&why))
            }
            None => Ok(()),
        }
    }
}
