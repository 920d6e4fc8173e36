//! Has users synchronised while this node leads: every ten minutes, and at once where it
//! begins to lead and has not done it for as long.
//!
//! Every node tells of rounds that are held, by what is replicated. Must not know: how users
//! are read, what a round writes.

use std::sync::Arc;
use std::time::Duration;

use countersign_core::base::{Entropy, NodeId};
use tokio::time::{Instant, timeout};

use super::parts::NodeOperate;
use super::system::SystemClock;
use crate::login::Clock;
use crate::operate::OperateError;
use crate::relay::{Reign, Role};
use crate::sources::alarm::Alarms;
use crate::sources::roster::{HELD, UNREAD};

/// What synchronisation stands on.
pub(super) struct Synchroniser<R> {
    pub(super) node: NodeId,
    pub(super) reign: Arc<R>,
    pub(super) operate: Arc<NodeOperate>,
    pub(super) alarms: Arc<Alarms>,
}

impl<R: Reign> Synchroniser<R> {
    /// Runs what is due, for as long as the task lives.
    pub(super) async fn run(self, mut chance: impl Entropy + Send) {
        let mut due = Instant::now();
        let mut told = Vec::new();
        loop {
            let changed = self.reign.changed();
            if due <= Instant::now() && self.reign.standing().role == Role::Leading {
                due = Instant::now() + pause(chance.number());
                self.round().await;
            }
            if let Err(error) = self.tell(&mut told) {
                tracing::debug!(%error, "held rounds cannot be told of");
            }
            let _late = timeout(LOOK_EVERY, changed).await;
        }
    }

    async fn round(&self) {
        let Ok(sources) = self.operate.synced_sources() else {
            return;
        };
        for source in &sources {
            let done = self.operate.sync_due(self.node, source).await;
            match done {
                Ok(report) => {
                    self.alarms.end(source, &UNREAD);
                    tracing::info!(
                        source,
                        matched = report.matched,
                        unread = report.unread,
                        changed = report.changed,
                        refused = report.refused,
                        held = report.held,
                        "users are synchronised"
                    );
                }
                Err(error) => self.failed(source, &error),
            }
        }
        if let Err(error) = self.operate.forget_unsynced(self.node).await {
            tracing::warn!(%error, "what no source says any more is not forgotten");
        }
    }

    fn failed(&self, source: &str, error: &OperateError) {
        tracing::warn!(source, %error, "users are not synchronised");
        // An election, or a later round, is no trouble of the source.
        if matches!(error, OperateError::Roster(_)) {
            self.alarms.raise(source, &UNREAD, SystemClock.wall());
        }
    }

    /// Raises and ends the alarm of each source once. `told`: those that have one.
    fn tell(&self, told: &mut Vec<String>) -> Result<(), OperateError> {
        let mut held = Vec::new();
        for source in self.operate.synced_sources()? {
            if self.operate.is_sync_held(&source)? {
                held.push(source);
            }
        }
        for over in told.iter().filter(|source| !held.contains(source)) {
            self.alarms.end(over, &HELD);
        }
        for new in held.iter().filter(|source| !told.contains(source)) {
            self.alarms.raise(new, &HELD, SystemClock.wall());
        }
        *told = held;
        Ok(())
    }
}

/// Not at the same second at each cluster of a house. `chance` is any number.
const fn pause(chance: u64) -> Duration {
    let jitter = chance % JITTER_MILLIS;
    EVERY.saturating_add(Duration::from_millis(jitter))
}

/// Between the beginnings of two rounds.
const EVERY: Duration = Duration::from_secs(600);
/// Up to so much more.
const JITTER_MILLIS: u64 = 30_000;
/// Between two looks at what is held.
const LOOK_EVERY: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_round_comes_every_ten_minutes_or_a_little_later() {
        for chance in [0, 1, 29_999, 30_000, u64::MAX] {
            let pause = pause(chance);
            assert!(pause >= EVERY && pause < EVERY + Duration::from_secs(30));
        }
    }
}
