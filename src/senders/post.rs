//! The one place that messages are handed to: each is sent in a task of its own, once.

use std::sync::Arc;

use arc_swap::ArcSwap;
use countersign_core::base::{Operations, UserId};
use countersign_core::ledger::rules::PasscodeWay;
use countersign_core::ledger::storage;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::{Mail, SendError, Sms};
use crate::login::{Letter, Messenger};

/// Who tells operators of what failed.
pub trait Witness: Send + Sync + 'static {
    /// A passcode did not leave this node, or nobody knows whether it did.
    fn failed(&self, user: UserId, way: PasscodeWay, why: &SendError);
}

/// What messages are sent by; settings replace it while messages are on their way.
#[derive(Debug, Default)]
pub struct Routes {
    /// E-mail.
    pub mail: Option<Route<storage::Mail, Mail>>,
    /// SMS.
    pub sms: Option<Route<storage::SmsGateway, Sms>>,
}

/// A sender, and what it was made from.
#[derive(Debug)]
pub struct Route<S, T> {
    /// As they are stored.
    pub settings: S,
    /// None: they cannot be used on this node.
    pub sender: Option<Arc<T>>,
}

/// Sends messages.
pub struct Post {
    routes: ArcSwap<Routes>,
    in_hand: Arc<Semaphore>,
    operations: Arc<dyn Operations>,
    witness: Arc<dyn Witness>,
}

impl Post {
    /// With nothing to send by.
    #[must_use]
    pub fn new(operations: Arc<dyn Operations>, witness: Arc<dyn Witness>) -> Self {
        Self {
            routes: ArcSwap::default(),
            in_hand: Arc::new(Semaphore::new(IN_HAND_MAX)),
            operations,
            witness,
        }
    }

    /// What messages are sent by now.
    #[must_use]
    pub fn routes(&self) -> Arc<Routes> {
        self.routes.load_full()
    }

    /// Sends by these from now on.
    pub fn adopt(&self, routes: Routes) {
        self.routes.store(Arc::new(routes));
    }

    fn tell(
        (operations, witness): (&dyn Operations, &dyn Witness),
        (user, way): (UserId, PasscodeWay),
        sent: Result<(), SendError>,
    ) {
        let name = match way {
            PasscodeWay::Email => "passcodes_by_email",
            PasscodeWay::Sms => "passcodes_by_sms",
        };
        match sent {
            Ok(()) => operations.count(name, "sent"),
            Err(why) => {
                operations.count(name, why.label());
                witness.failed(user, way, &why);
            }
        }
    }
}

impl std::fmt::Debug for Post {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Post").finish_non_exhaustive()
    }
}

impl Messenger for Post {
    fn send(&self, letter: Letter) {
        let (operations, witness) = (Arc::clone(&self.operations), Arc::clone(&self.witness));
        let whose = (letter.user, letter.way);
        // LIMIT: messages on their way. One that waited would come when nobody asks any more.
        let Ok(turn) = Arc::clone(&self.in_hand).try_acquire_owned() else {
            return Self::tell((&*operations, &*witness), whose, Err(SendError::Busy));
        };
        let routes = self.routes();
        tokio::spawn(async move {
            let sent = sent(&routes, &letter).await;
            drop(turn);
            Self::tell((&*operations, &*witness), whose, sent);
        });
    }
}

/// One try, with an end.
async fn sent(routes: &Routes, letter: &Letter) -> Result<(), SendError> {
    let text = |octets| std::str::from_utf8(octets).map_err(|_| SendError::Unwritable);
    let (to, message) = (text(letter.to.expose())?, text(letter.text.expose())?);
    let sent = match letter.way {
        PasscodeWay::Email => {
            let mail = routes.mail.as_ref().and_then(|it| it.sender.as_ref());
            let mail = mail.ok_or(SendError::NoSender)?;
            timeout(mail.timeout, mail.send(to, &letter.subject, message)).await
        }
        PasscodeWay::Sms => {
            let sms = routes.sms.as_ref().and_then(|it| it.sender.as_ref());
            let sms = sms.ok_or(SendError::NoSender)?;
            timeout(sms.timeout, sms.send(to, message)).await
        }
    };
    sent.unwrap_or(Err(SendError::Late))
}

/// LIMIT: messages on their way at one time.
pub(super) const IN_HAND_MAX: usize = 64;
