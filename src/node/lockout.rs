//! Reads, where this node leads, after how many wrong passwords each directory locks an account,
//! and tells the cluster: its own budget stays below that (DESIGN §2, "Places").
//!
//! Must not know what follows from the number.

use std::sync::Arc;
use std::time::Duration;

use countersign_core::base::NodeId;
use tokio::time::sleep;

use super::cluster::Seat;
use super::parts::NodeOperate;
use crate::relay::{Reign as _, Role};
use crate::sources::Sources;

/// Reads and tells for as long as the node runs.
pub(super) async fn watch(
    node: NodeId,
    seat: Seat,
    sources: Arc<Sources>,
    operate: Arc<NodeOperate>,
) {
    loop {
        let changed = sources.changed();
        if seat.standing().role == Role::Leading {
            look(node, &sources, &operate).await;
        }
        // Settings that were just applied may have brought a directory.
        tokio::select! {
            () = changed => sleep(SETTLE).await,
            () = sleep(LOOK_AGAIN) => (),
        }
    }
}

async fn look(node: NodeId, sources: &Sources, operate: &NodeOperate) {
    for source in sources.current().iter() {
        let name = &*source.settings.name;
        match source.lockout_threshold().await {
            // What cannot be read says nothing: it may lock after any number.
            None => {}
            Some(Err(error)) => {
                tracing::debug!(source = name, %error, "its lockout cannot be read");
            }
            Some(Ok(threshold)) => {
                let learnt = operate
                    .learn_lockout(node, name, threshold.unwrap_or(0))
                    .await;
                if let Err(error) = learnt {
                    tracing::debug!(source = name, %error, "its lockout is not learnt yet");
                }
            }
        }
    }
}

/// How often each directory is looked at; a policy is changed a few times a year.
const LOOK_AGAIN: Duration = Duration::from_secs(60);
/// After a change: several may follow each other.
const SETTLE: Duration = Duration::from_secs(1);
