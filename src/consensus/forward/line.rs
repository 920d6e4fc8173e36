//! One stream of requests to one leader.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use countersign_core::base::limits::BATCH_COMMANDS_MAX;
use countersign_core::ledger::storage;
use prost::Message;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot, watch};
use tokio::time::timeout;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Status, Streaming};

use super::codec::{because, decoded};
use super::{BATCH_OCTETS_MAX, MESSAGE_OCTETS_MAX, REQUESTS_IN_FLIGHT_MAX, Seat};
use crate::consensus::proposer::{Asked, Because, ProposeError, Reply, refuse};
use crate::consensus::reign::Reign;
use crate::consensus::state_machine::Applied;
use crate::login::Clock;
use crate::peers::Link;
use crate::peers::wire::ledger_client::LedgerClient;
use crate::peers::wire::propose_reply::{Outcomes, Result as Answer};
use crate::peers::wire::{ProposeReply, ProposeRequest};

/// An open stream.
pub(super) struct Line {
    seat: Seat,
    clock: Arc<dyn Clock>,
    tables: OwnTables,
    requests: mpsc::Sender<ProposeRequest>,
    replies: Streaming<ProposeReply>,
    window: Arc<Semaphore>,
    waiting: BTreeMap<u64, Waiting>,
    last: u64,
}

/// The tables of this node, and how long an answer waits for them.
pub(super) struct OwnTables {
    pub(super) applied: watch::Receiver<Applied>,
    pub(super) wait_max: Duration,
}

/// A request that was handed over. Dropped, each of its commands is unknown.
struct Waiting {
    replies: Vec<oneshot::Sender<Reply>>,
    place: OwnedSemaphorePermit,
}

/// Why a line is used no more.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Ended {
    /// Nobody can ask any more.
    Closed,
    /// The leader leads no more, or in another term.
    Overtaken,
    /// The stream broke, or its leader talks nonsense.
    Broken,
}

impl Line {
    /// Opens it. Nothing is handed over before the leader has answered, so that all of
    /// it is certainly not proposed when this fails.
    pub(super) async fn open(
        link: Link,
        seat: Seat,
        clock: Arc<dyn Clock>,
        tables: OwnTables,
    ) -> Result<Self, Status> {
        let (requests, outgoing) = mpsc::channel(REQUESTS_IN_FLIGHT_MAX);
        let mut client = LedgerClient::new(link)
            .max_encoding_message_size(MESSAGE_OCTETS_MAX)
            .max_decoding_message_size(MESSAGE_OCTETS_MAX);
        let replies = client.propose(ReceiverStream::new(outgoing)).await?;
        Ok(Self {
            seat,
            clock,
            tables,
            requests,
            replies: replies.into_inner(),
            window: Arc::new(Semaphore::new(REQUESTS_IN_FLIGHT_MAX)),
            waiting: BTreeMap::new(),
            last: 0,
        })
    }

    /// Sends what is asked until the line ends. What is left in `asked` was not sent.
    pub(super) async fn run(
        mut self,
        seat: Seat,
        reign: &mut watch::Receiver<Reign>,
        queue: &mut mpsc::Receiver<Asked>,
        asked: &mut Vec<Asked>,
    ) -> Ended {
        loop {
            let place = Arc::clone(&self.window);
            let batch = async {
                // The semaphore is never closed.
                let place = place.acquire_owned().await.ok()?;
                let more =
                    !asked.is_empty() || queue.recv_many(asked, BATCH_COMMANDS_MAX).await > 0;
                more.then_some(place)
            };
            tokio::select! {
                biased;
                changed = reign.changed() => match changed {
                    Err(_) => return Ended::Closed,
                    Ok(()) if is_of(*reign.borrow(), seat) => {}
                    Ok(()) => {
                        tokio::spawn(self.drain());
                        return Ended::Overtaken;
                    }
                },
                good = self.take() => if !good {
                    return Ended::Broken;
                },
                place = batch => match place {
                    None => return Ended::Closed,
                    Some(place) => if !self.send(asked, place) {
                        return Ended::Broken;
                    },
                },
            }
        }
    }

    /// Hands over as many as one request holds; false: the stream is broken.
    fn send(&mut self, asked: &mut Vec<Asked>, place: OwnedSemaphorePermit) -> bool {
        let now = self.clock.monotonic();
        let (mut commands, mut replies) = (Vec::new(), Vec::new());
        let (mut octets, mut remaining, mut taken) = (0_usize, Duration::ZERO, 0);
        for next in asked.iter().take(BATCH_COMMANDS_MAX) {
            let command = storage::Command::from(&next.command);
            let size = command.encoded_len();
            if taken > 0 && octets.saturating_add(size) > BATCH_OCTETS_MAX {
                break;
            }
            octets = octets.saturating_add(size);
            remaining = remaining.max(next.deadline.saturating_duration_since(now));
            commands.push(command);
            taken += 1;
        }
        let sent: Vec<_> = asked.drain(..taken).collect();
        if octets > COMMANDS_OCTETS_MAX {
            refuse(sent, Because::TooLarge);
            return true;
        }
        // Who has stopped waiting was told that it is unknown: sent late, it would only
        // come as a surprise.
        let mut kept = Vec::with_capacity(commands.len());
        for (asked, command) in sent.into_iter().zip(commands) {
            if !asked.reply.is_closed() {
                replies.push(asked.reply);
                kept.push(command);
            }
        }
        if kept.is_empty() {
            return true;
        }
        self.last = self.last.saturating_add(1);
        let request = ProposeRequest {
            number: self.last,
            term: self.seat.term,
            remaining: remaining.as_millis().try_into().unwrap_or(u32::MAX),
            commands: kept,
        };
        // LIMIT: the channel has room for the whole window, so it refuses when closed
        // alone; then the request never left.
        if self.requests.try_send(request).is_err() {
            for reply in replies {
                let because = Because::Unreachable(self.seat.leader);
                drop(reply.send(Err(ProposeError::NotProposed(because))));
            }
            return false;
        }
        self.waiting.insert(self.last, Waiting { replies, place });
        true
    }

    /// Takes the next answer; false: the stream is of no more use.
    async fn take(&mut self) -> bool {
        match self.replies.message().await {
            Ok(Some(reply)) => self.answer(reply),
            Ok(None) => false,
            Err(status) => {
                tracing::debug!(%status, "the leader ended the stream");
                false
            }
        }
    }

    /// Takes an answer; false: it is none to anything that was asked.
    fn answer(&mut self, reply: ProposeReply) -> bool {
        let Some(waiting) = self.waiting.remove(&reply.number) else {
            return false;
        };
        match reply.result {
            Some(Answer::Outcomes(outcomes)) => {
                if outcomes.outcomes.len() != waiting.replies.len() {
                    return false;
                }
                self.hand_out(outcomes, waiting);
            }
            Some(Answer::Refused(refused)) => {
                let error = because(refused, self.seat.leader);
                for reply in waiting.replies {
                    drop(reply.send(Err(error)));
                }
            }
            Some(Answer::Lost(_)) | None => {}
        }
        true
    }

    /// Answers once the own tables show what was done, so that who asked reads what it
    /// wrote. When they are late, it is told nevertheless: the outcome is known.
    fn hand_out(&self, outcomes: Outcomes, waiting: Waiting) {
        let (index, leader) = (outcomes.index, self.seat.leader);
        let deliver = move || {
            let Waiting { replies, place } = waiting;
            for (reply, outcome) in replies.into_iter().zip(outcomes.outcomes) {
                let outcome = decoded(outcome, leader).map(|outcome| (index, outcome));
                drop(reply.send(outcome));
            }
            drop(place);
        };
        let OwnTables { applied, wait_max } = &self.tables;
        if applied.borrow().index >= index {
            return deliver();
        }
        let (mut applied, wait_max) = (applied.clone(), *wait_max);
        // LIMIT: each holds its place in the window.
        tokio::spawn(async move {
            let shown = applied.wait_for(|applied| applied.index >= index);
            let _late = timeout(wait_max, shown).await.is_err();
            deliver();
        });
    }

    /// Takes the answers that are still on their way from a leader that leads no more:
    /// at a planned hand-over there are some, from one that is dead there are none.
    async fn drain(mut self) {
        let _taken = timeout(DRAIN_TIME_MAX, async {
            while !self.waiting.is_empty() && self.take().await {}
        })
        .await;
    }
}

fn is_of(reign: Reign, seat: Seat) -> bool {
    let Seat { leader, term } = seat;
    reign == Reign::Following { leader, term }
}

/// Of the commands of one request; the rest is for its frame.
const COMMANDS_OCTETS_MAX: usize = MESSAGE_OCTETS_MAX - 1024;
/// Short beside the time of a login: who is told that it is unknown asks again.
const DRAIN_TIME_MAX: Duration = Duration::from_millis(150);
