//! Consensus as the login driver and the administrative actions see it.

use std::sync::Arc;
use std::time::Duration;

use countersign_core::base::Timestamp;
use countersign_core::ledger::table::Visit;
use countersign_core::ledger::{Command, Outcome, Read, StoreError, Table};

use super::disk::Disk;
use super::handle::Consensus;
use super::proposer;
use crate::login::{Ledger, ProposeError};

/// The tables of a running node; each read sees what is applied by then.
#[derive(Clone)]
pub struct LiveTables(Arc<Disk>);

impl LiveTables {
    pub(super) const fn new(disk: Arc<Disk>) -> Self {
        Self(disk)
    }
}

impl Read for LiveTables {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.0.tables().get(table, key)
    }

    fn scan(&self, table: Table, from: &[u8], visit: &mut Visit<'_>) -> Result<(), StoreError> {
        self.0.tables().scan(table, from, visit)
    }
}

impl Ledger for Arc<Consensus> {
    type View = LiveTables;

    fn view(&self) -> LiveTables {
        self.live_tables()
    }

    async fn propose(&self, command: Command, within: Duration) -> Result<Outcome, ProposeError> {
        self.propose_within(command, within)
            .await
            .map_err(|error| match error {
                proposer::ProposeError::NotProposed(_) => ProposeError::NotProposed,
                proposer::ProposeError::Unknown => ProposeError::Unknown,
            })
    }

    fn standing(&self) -> Option<Timestamp> {
        // Entry time stands still while nothing is written; the leader's next stamp is
        // what a command will be held against.
        Consensus::standing(self).ok()
    }

    fn progress(&self) -> impl Future<Output = ()> + Send {
        let mut applied = self.watch_applied();
        // A clone has seen what the handle's own receiver has: nothing since the start.
        applied.mark_unchanged();
        async move {
            // A closed channel is a node that stops; who waits for it has a deadline.
            let _stopped = applied.changed().await;
        }
    }
}
