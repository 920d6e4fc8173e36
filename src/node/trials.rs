//! Sees to it, where this node leads, that a trial which is over ends though nobody logs in: what
//! is over by entry time ends with the next entry, whatever that is.

use std::sync::Arc;
use std::time::Duration;

use countersign_core::base::{AttemptKey, Epoch};
use countersign_core::ledger::{Command, Settle, SourceOutcome, query};
use tokio::time::sleep;

use super::cluster::Seat;
use crate::consensus::Consensus;
use crate::login::Ledger as _;
use crate::relay::{Reign as _, Role};

/// Looks for as long as the node runs.
pub(super) async fn watch(seat: Seat, consensus: Arc<Consensus>) {
    loop {
        sleep(LOOK_AGAIN).await;
        let standing = seat.standing();
        if standing.role != Role::Leading {
            continue;
        }
        let head = query::head(&consensus.view());
        let ends = head.map_or(0, |head| head.trial_ends);
        if ends != 0 && ends <= standing.now.as_millis() {
            // It changes nothing, and leaves no trace but its time: no login has this key.
            let entry = Command::Settle(Settle {
                key: AttemptKey([0; 32]),
                epoch: Epoch::default(),
                outcome: SourceOutcome::NotAsked,
                relayed: None,
            });
            let proposed = consensus.propose(entry, PATIENCE).await;
            tracing::debug!(?proposed, "a trial was over");
        }
    }
}

const LOOK_AGAIN: Duration = Duration::from_secs(1);
const PATIENCE: Duration = Duration::from_secs(1);
