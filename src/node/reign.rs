//! Where this node stands, for those who keep the attempt keys.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use countersign_core::base::Timestamp;

use super::system::SystemClock;
use crate::consensus::Consensus;
use crate::login::{Clock, Ledger};
use crate::relay::{Reign, Role, Standing};

/// The only node of a cluster: it has led since it started.
pub(super) struct Sole {
    consensus: Arc<Consensus>,
    attempt_keys: AtomicU64,
}

impl Sole {
    pub(super) fn new(consensus: Arc<Consensus>) -> Self {
        let attempt_keys = AtomicU64::new(0);
        Self {
            consensus,
            attempt_keys,
        }
    }

    fn now(&self) -> Timestamp {
        let standing = self.consensus.standing();
        standing.unwrap_or_else(|| SystemClock.wall())
    }
}

impl Reign for Sole {
    fn standing(&self) -> Standing {
        Standing {
            role: Role::Leading,
            term: self.consensus.figures().term,
            now: self.now(),
            peers: Vec::new(),
        }
    }

    fn attempt_keys(&self) -> u64 {
        self.attempt_keys.load(Ordering::Acquire)
    }

    fn name_attempt_keys(&self, number: u64) {
        self.attempt_keys.store(number, Ordering::Release);
    }

    fn changed(&self) -> impl Future<Output = ()> + Send {
        std::future::pending()
    }
}
