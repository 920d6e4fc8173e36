//! The old servers that are in force now; settings replace them while logins run.

use std::sync::Arc;

use arc_swap::ArcSwap;
use countersign_core::ledger::{SourceOutcome, storage};
use countersign_core::login::Reason;

use super::client::{Asked, Forward, Heard};
use super::examine::unusable;
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

    /// Asks the one of this name. Where there is none, or none that this node may ask,
    /// nobody is asked.
    pub async fn ask(&self, name: &str, asked: &Asked<'_>) -> Heard {
        let current = self.current();
        let named = current.iter().find(|it| it.settings.name == name);
        match named.and_then(|named| named.forward.as_ref()) {
            Some(forward) => forward.ask(asked).await,
            None => Heard::of(SourceOutcome::NotAsked, Reason::SourceMisconfigured),
        }
    }
}
