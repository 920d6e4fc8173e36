//! The old servers that are in force now; settings replace them while logins run.

use std::sync::Arc;

use arc_swap::ArcSwap;
use countersign_core::ledger::{SourceOutcome, storage};
use countersign_core::login::{Forwarded, Reason};

use super::client::Forward;
use super::examine::unusable;
use crate::login::{Answer, Question};
use crate::sources::Finding;

/// One old server of the settings.
#[derive(Debug)]
pub struct OldServer {
    /// What it was made from: one that is still set so is kept, with all it has learnt.
    pub settings: storage::Forward,
    /// What asks it; `None`: this node must not or cannot.
    pub forward: Option<Forward>,
}

impl OldServer {
    /// Looks at each of its servers, without any user's password.
    pub async fn examine(&self) -> Vec<Finding> {
        match &self.forward {
            Some(forward) => forward.examine().await,
            None => vec![unusable()],
        }
    }
}

/// All of them. A question under way ends at the server it began with.
#[derive(Debug, Default)]
pub struct OldServers(ArcSwap<Vec<Arc<OldServer>>>);

impl OldServers {
    /// Those in force.
    #[must_use]
    pub fn current(&self) -> Arc<Vec<Arc<OldServer>>> {
        self.0.load_full()
    }

    /// Puts these in force.
    pub fn adopt(&self, servers: Vec<Arc<OldServer>>) {
        self.0.store(Arc::new(servers));
    }

    /// Asks the one that the login is forwarded to. Where there is none of its name, or none
    /// that this node may ask, nobody is asked.
    pub(in crate::sources) async fn ask(&self, question: &Question, to: &Forwarded) -> Answer {
        let current = self.current();
        let named = current.iter().find(|it| it.settings.name == *to.server);
        match named.and_then(|named| named.forward.as_ref()) {
            Some(forward) => forward.ask(question, &to.attributes).await,
            None => Answer::new(SourceOutcome::NotAsked, Reason::SourceMisconfigured, 0),
        }
    }
}
