//! From the settings of senders to what sends passcodes, with what this node's own file says
//! of it; and who is told where that fails.

use std::path::PathBuf;
use std::sync::Arc;

use countersign_core::base::{Secret, Shown, UserId};
use countersign_core::ledger::fields::SenderSecret;
use countersign_core::ledger::rules::PasscodeWay;
use countersign_core::ledger::{query, storage};
use countersign_core::login::Reason;
use countersign_core::seal::OpenError;

use super::config::Config;
use super::follow::chain;
use super::system::SystemClock;
use crate::consensus::Consensus;
use crate::login::{Clock, Ledger};
use crate::senders::{Mail, Pinned, Route, Routes, SendError, SenderError, Sms, Witness};
use crate::telemetry::events::{Events, Record};

/// What this node brings to senders.
pub(super) struct SenderSurroundings {
    mail: Pinned,
    sms: Pinned,
    ca_file: Option<PathBuf>,
}

/// Why a sender cannot be used on this node.
#[derive(Debug, thiserror::Error)]
enum RouteError {
    #[error(transparent)]
    Sender(#[from] SenderError),
    #[error("a secret of the sender cannot be opened")]
    Secret(#[from] OpenError),
}

impl SenderSurroundings {
    /// What the node's own file says.
    pub(super) fn new(config: &Config) -> Result<Self, SenderError> {
        let pinned = |hosts: &[String]| Pinned::parse(hosts.iter().map(String::as_str));
        Ok(Self {
            mail: pinned(&config.mail_servers)?,
            sms: pinned(&config.sms_hosts)?,
            ca_file: config.source_ca_file.clone(),
        })
    }

    /// Makes the senders, or keeps those of `old` whose settings are the same. `open` opens a
    /// sealed secret where there is one.
    pub(super) fn routes(
        &self,
        settings: &storage::Settings,
        old: &Routes,
        open: impl Fn(SenderSecret, &[u8]) -> Result<Option<Secret>, OpenError>,
    ) -> Routes {
        let ca_file = self.ca_file.as_deref();
        let mail = settings.mail.as_ref().map(|it| {
            kept(old.mail.as_ref(), it, || {
                let password = open(SenderSecret::MailPassword, &it.password)?;
                let mail = Mail::configure(it, password.as_ref(), (&self.mail, ca_file))?;
                Ok(mail)
            })
        });
        let sms = settings.sms.as_ref().map(|it| {
            kept(old.sms.as_ref(), it, || {
                let secret = open(SenderSecret::SmsSecret, &it.secret)?;
                Ok(Sms::configure(it, secret.as_ref(), (&self.sms, ca_file))?)
            })
        });
        Routes { mail, sms }
    }
}

fn kept<S: Clone + PartialEq, T>(
    old: Option<&Route<S, T>>,
    settings: &S,
    make: impl FnOnce() -> Result<T, RouteError>,
) -> Route<S, T> {
    let old = old.filter(|old| old.settings == *settings);
    let sender = old.and_then(|old| old.sender.clone()).or_else(|| {
        let told = |error: &RouteError| {
            tracing::error!(error = %chain(error), "a sender of passcodes cannot be used");
        };
        make().inspect_err(told).ok().map(Arc::new)
    });
    Route {
        settings: settings.clone(),
        sender,
    }
}

/// Tells operators of a passcode that was not sent.
pub(super) struct Teller {
    consensus: Arc<Consensus>,
    events: Arc<Events>,
}

impl Teller {
    pub(super) fn new(consensus: &Arc<Consensus>, events: &Arc<Events>) -> Self {
        Self {
            consensus: Arc::clone(consensus),
            events: Arc::clone(events),
        }
    }
}

impl Witness for Teller {
    fn failed(&self, user: UserId, way: PasscodeWay, why: &SendError) {
        let found = query::user(&self.consensus.view(), user);
        let name = found.ok().flatten().map_or_else(String::new, |it| it.name);
        let way = match way {
            PasscodeWay::Email => "e-mail",
            PasscodeWay::Sms => "SMS",
        };
        // A mail server may say anything.
        let why = Shown::from(&*chain(why)).to_string();
        tracing::warn!(user = user.0, way, error = %why, "a passcode was not sent");
        self.events.tell(Record {
            at: SystemClock.wall().as_millis(),
            kind: "passcode".into(),
            user: name,
            answer: "unsent".into(),
            reason: Reason::PasscodeUnsent.code().into(),
            detail: format!("{way}: {why}"),
            ..Record::default()
        });
    }
}
