//! From single commands to log entries and back.
//!
//! Whatever has queued up while earlier entries were on their way becomes the next one;
//! when nothing is on its way, nothing waits. Only the leader stamps time.

use std::sync::Arc;

use countersign_core::base::limits::BATCH_COMMANDS_MAX;
use countersign_core::base::{NodeId, Timestamp};
use countersign_core::ledger::{CLUSTER_VERSION, Command, Entry, Outcome, query};
use openraft::errors::ClientWriteError;
use openraft::raft::ClientWriteResult;
use prost::Message as _;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot, watch};
use tokio::time::Instant;

use super::contact::Contact;
use super::disk::Disk;
use super::raft::{Answer, Batch, RaftId, Types};
use super::reign::Reign;
use super::state_machine::StateMachine;
use crate::fail_point;
use crate::login::Clock;

/// Why a command has no outcome.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ProposeError {
    /// It is certainly not in the log, and never will be.
    #[error("not proposed: {0}")]
    NotProposed(#[source] Because),
    /// It may be applied, now or later, or never. The ledger tells which.
    #[error("proposed, with no answer")]
    Unknown,
}

/// Why a command was not proposed.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Because {
    /// As many commands wait as may.
    #[error("too many commands wait")]
    Busy,
    /// This node does not lead; perhaps that one does.
    #[error("this node does not lead")]
    NotLeader(Option<NodeId>),
    /// The leader cannot be reached from here.
    #[error("the leader, node {0}, cannot be reached")]
    Unreachable(NodeId),
    /// No message to the leader holds it.
    #[error("the command is too large to be sent to the leader")]
    TooLarge,
    /// The node's tables or its clock are not what they should be.
    #[error("this node is fenced")]
    Fenced,
    /// The node is shutting down.
    #[error("this node is stopping")]
    Stopping,
}

/// What one command comes to, and in which entry of the log.
pub(super) type Reply = Result<(u64, Outcome), ProposeError>;

/// A command that waits for its entry.
pub(super) struct Asked {
    pub(super) command: Command,
    pub(super) reply: oneshot::Sender<Reply>,
    /// When nobody waits for the answer any more.
    pub(super) deadline: Instant,
}

/// Turns queued commands into entries, for as long as the queue is open.
pub(super) struct Proposer {
    pub(super) raft: openraft::Raft<Types, StateMachine>,
    pub(super) disk: Arc<Disk>,
    pub(super) node: NodeId,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) queue: mpsc::Receiver<Asked>,
    pub(super) reign: watch::Receiver<Reign>,
    pub(super) contact: Arc<Contact>,
}

impl Proposer {
    /// Runs until `stop` is dropped or told; then answers what is left and waits for the
    /// entries on their way.
    pub(super) async fn run(mut self, mut stop: oneshot::Receiver<()>) {
        let on_their_way = Arc::new(Semaphore::new(ENTRIES_IN_FLIGHT_MAX));
        let mut asked = Vec::with_capacity(BATCH_COMMANDS_MAX);
        let mut last = Timestamp::default();
        while let Ok(turn) = Arc::clone(&on_their_way).acquire_owned().await {
            if asked.is_empty() {
                tokio::select! {
                    biased;
                    _ = &mut stop => break,
                    count = self.queue.recv_many(&mut asked, BATCH_COMMANDS_MAX) => {
                        if count == 0 {
                            break;
                        }
                    }
                }
            }
            let later = asked.split_off(entry_length(&asked));
            let entry = std::mem::replace(&mut asked, later);
            self.propose(entry, &mut last, turn).await;
        }
        self.queue.close();
        while let Some(rest) = self.queue.recv().await {
            refuse([rest], Because::Stopping);
        }
        let all = u32::try_from(ENTRIES_IN_FLIGHT_MAX).unwrap_or(u32::MAX);
        drop(on_their_way.acquire_many(all).await);
    }

    async fn propose(&self, asked: Vec<Asked>, last: &mut Timestamp, turn: OwnedSemaphorePermit) {
        let (commands, replies) = asked.into_iter().map(|a| (a.command, a.reply)).unzip();
        let (entry, term) = match self.stamp(commands, last) {
            Ok(stamped) => stamped,
            Err(because) => return refuse_all(replies, because),
        };
        let answer = Answer::new(move |result: ClientWriteResult<Types>| {
            drop(turn);
            answer(replies, result);
        });
        // When the core has stopped, the answer is dropped, and with it the replies:
        // unknown, which is the safe side.
        let write = self.raft.write(Batch::new(entry.encode()));
        drop(write.with_leader(term).responder(answer).await);
        fail_point::proposed(&entry.commands);
    }

    /// The entry, and the leader's term that it must be written in.
    fn stamp(
        &self,
        commands: Vec<Command>,
        last: &mut Timestamp,
    ) -> Result<(Entry, super::raft::Leader), Because> {
        if !self.contact.may_stamp() {
            return Err(Because::Fenced);
        }
        let reign = *self.reign.borrow();
        let Reign::Leading { reign: leader, .. } = reign else {
            return Err(Because::NotLeader(reign.leader()));
        };
        // A head that cannot be read halts the node at the next entry; say nothing new.
        let head = query::head(&self.disk.tables()).unwrap_or_default();
        *last = self
            .clock
            .wall()
            .max(*last)
            .max(Timestamp::from_millis(head.at));
        let entry = Entry {
            version: match head.version {
                // Not founded: the first entry says what its proposer speaks.
                0 => CLUSTER_VERSION,
                version => version,
            },
            at: *last,
            proposer: self.node,
            commands,
        };
        Ok((entry, leader))
    }
}

/// How many of the commands make the next entry: the first, and more while they stay
/// within an entry's octets. Large imports side by side must not make an entry that no
/// peer can be sent.
fn entry_length(asked: &[Asked]) -> usize {
    let mut octets = 0_usize;
    let fit = asked.iter().take_while(|asked| {
        octets = octets.saturating_add(match &asked.command {
            Command::Change(change) => change.encoded_len(),
            Command::Begin(_)
            | Command::Settle(_)
            | Command::SendPasscode(_)
            | Command::Unreadable(_) => 0,
        });
        octets <= ENTRY_OCTETS_MAX
    });
    fit.count().max(1)
}

fn answer(replies: Vec<oneshot::Sender<Reply>>, result: ClientWriteResult<Types>) {
    match result {
        Ok(written) => {
            // A shorter list of outcomes would drop replies: unknown, never somebody else's.
            let index = written.log_id.index;
            for (reply, outcome) in replies.into_iter().zip(written.data) {
                drop(reply.send(Ok((index, outcome))));
            }
        }
        Err(ClientWriteError::ForwardToLeader(to)) => {
            let leader = to.leader_id.and_then(|id| RaftId(id).node());
            refuse_all(replies, Because::NotLeader(leader));
        }
        Err(
            ClientWriteError::LogEntryDiscarded(_)
            | ClientWriteError::ChangeMembershipError(_)
            | ClientWriteError::PreconditionFailed(_),
        ) => {
            for reply in replies {
                drop(reply.send(Err(ProposeError::Unknown)));
            }
        }
    }
}

/// Answers commands that are certainly not in the log.
pub(super) fn refuse(asked: impl IntoIterator<Item = Asked>, because: Because) {
    refuse_all(asked.into_iter().map(|asked| asked.reply), because);
}

fn refuse_all(replies: impl IntoIterator<Item = oneshot::Sender<Reply>>, because: Because) {
    for reply in replies {
        // Who has stopped waiting needs no answer.
        drop(reply.send(Err(ProposeError::NotProposed(because))));
    }
}

/// LIMIT: octets of the administrative changes in one entry, its first one apart; those of
/// logins are small.
const ENTRY_OCTETS_MAX: usize = 4 << 20;
/// Entries written and not yet applied. More would make smaller batches, and each entry
/// has its price; one keeps the disk busy enough while the queue is never empty.
const ENTRIES_IN_FLIGHT_MAX: usize = 1;

#[cfg(test)]
mod tests {
    use countersign_core::ledger::storage::Change;

    use super::*;

    fn asked(octets: usize) -> Asked {
        let change = Change {
            digest: vec![0; octets],
            ..Change::default()
        };
        Asked {
            command: Command::Change(Box::new(change)),
            reply: oneshot::channel().0,
            deadline: Instant::now(),
        }
    }

    #[test]
    fn an_entry_holds_what_can_be_sent_and_one_command_at_least() {
        let half = || asked(ENTRY_OCTETS_MAX / 2 - 100);
        assert_eq!(entry_length(&[half(), half(), half()]), 2);
        assert_eq!(entry_length(&[asked(2 * ENTRY_OCTETS_MAX), half()]), 1);
        assert_eq!(entry_length(&[asked(1), asked(1), asked(1)]), 3);
    }
}
