//! The task that takes what is proposed on a node that does not lead.

use std::sync::Arc;
use std::time::Duration;

use countersign_core::base::NodeId;
use countersign_core::base::limits::BATCH_COMMANDS_MAX;
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;

use super::Seat;
use super::line::{Ended, Line, OwnTables};
use crate::consensus::proposer::{Asked, Because, refuse};
use crate::consensus::reign::Reign;
use crate::consensus::state_machine::Applied;
use crate::login::Clock;
use crate::peers::Links;

/// Where a member is dialled; none: it is no member.
pub(in crate::consensus) type AddressOf = Arc<dyn Fn(NodeId) -> Option<String> + Send + Sync>;

/// Keeps one stream to the present leader.
pub(in crate::consensus) struct Forwarder {
    pub(in crate::consensus) links: Arc<Links>,
    pub(in crate::consensus) address_of: AddressOf,
    pub(in crate::consensus) clock: Arc<dyn Clock>,
    pub(in crate::consensus) reign: watch::Receiver<Reign>,
    pub(in crate::consensus) applied: watch::Receiver<Applied>,
    /// How long to wait for the own tables to show what the leader has applied.
    pub(in crate::consensus) own_tables_wait_max: Duration,
    pub(in crate::consensus) queue: mpsc::Receiver<Asked>,
    /// The queue of this node's own proposer, for what was asked before it came to lead.
    pub(in crate::consensus) local: mpsc::Sender<Asked>,
}

impl Forwarder {
    /// Runs until nobody can ask any more.
    pub(in crate::consensus) async fn run(mut self) {
        let mut asked = Vec::new();
        loop {
            let reign = *self.reign.borrow_and_update();
            let going_on = match reign {
                Reign::Following { leader, term } => {
                    self.serve(Seat { leader, term }, &mut asked).await
                }
                Reign::Leading { .. } | Reign::Vacant => {
                    self.pass(reign, &mut asked);
                    self.until_something(&mut asked).await
                }
            };
            if !going_on {
                return;
            }
        }
    }

    /// Serves one leader for as long as it leads and its stream holds; false: the end.
    async fn serve(&mut self, seat: Seat, asked: &mut Vec<Asked>) -> bool {
        // Opened before anybody asks: the first login after an election need not wait.
        let mut reign = self.reign.clone();
        let opened = tokio::select! {
            opened = self.open(seat) => opened,
            changed = reign.changed() => return changed.is_ok(),
        };
        let Some(line) = opened else {
            refuse(self.all(asked), Because::Unreachable(seat.leader));
            return self.until_something(asked).await;
        };
        let served = line.run(seat, &mut self.reign, &mut self.queue, asked);
        match served.await {
            Ended::Broken => {
                tracing::warn!(leader = %seat.leader, "the stream to the leader broke");
                // Not opened anew at once: a leader that breaks each would be asked
                // without pause.
                self.until_something(asked).await
            }
            Ended::Overtaken => true,
            Ended::Closed => false,
        }
    }

    async fn open(&self, seat: Seat) -> Option<Line> {
        let address = (self.address_of)(seat.leader)?;
        let link = self.links.to(seat.leader, &address);
        let tables = OwnTables {
            applied: self.applied.clone(),
            wait_max: self.own_tables_wait_max,
        };
        let opening = Line::open(link, seat, Arc::clone(&self.clock), tables);
        match timeout(OPEN_TIME_MAX, opening).await {
            Ok(Ok(line)) => Some(line),
            Ok(Err(error)) => {
                tracing::warn!(leader = %seat.leader, %error, "no stream to the leader");
                None
            }
            Err(_) => {
                tracing::warn!(leader = %seat.leader, "the leader does not answer");
                None
            }
        }
    }

    /// Waits for a command or another leader; false: the end.
    async fn until_something(&mut self, asked: &mut Vec<Asked>) -> bool {
        if !asked.is_empty() {
            return true;
        }
        tokio::select! {
            biased;
            changed = self.reign.changed() => changed.is_ok(),
            count = self.queue.recv_many(asked, BATCH_COMMANDS_MAX) => count > 0,
        }
    }

    /// Nobody else leads: what was asked is this node's own, or nobody's.
    fn pass(&mut self, reign: Reign, asked: &mut Vec<Asked>) {
        for asked in self.all(asked) {
            if matches!(reign, Reign::Leading { .. }) {
                if let Err(refused) = self.local.try_send(asked) {
                    refuse_one(refused);
                }
            } else {
                refuse([asked], Because::NotLeader(None));
            }
        }
    }

    /// Everything that was asked by now.
    fn all(&mut self, asked: &mut Vec<Asked>) -> Vec<Asked> {
        let mut all = std::mem::take(asked);
        while let Ok(more) = self.queue.try_recv() {
            all.push(more);
        }
        all
    }
}

/// What a queue did not take is certainly not in the log.
pub(in crate::consensus) fn refuse_one(refused: mpsc::error::TrySendError<Asked>) {
    match refused {
        mpsc::error::TrySendError::Full(asked) => refuse([asked], Because::Busy),
        mpsc::error::TrySendError::Closed(asked) => refuse([asked], Because::Stopping),
    }
}

/// Dialling and the stream's first answer together.
const OPEN_TIME_MAX: Duration = Duration::from_millis(1000);
