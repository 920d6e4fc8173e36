//! The leader's side: other voters' commands into the own queue.

use std::sync::Arc;
use std::time::Duration;

use countersign_core::base::NodeId;
use countersign_core::base::limits::{BATCH_COMMANDS_MAX, COMMAND_LIFE};
use countersign_core::ledger::{Command, Outcome, names_its_token};
use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, timeout_at};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};

use super::codec::{encoded, refusal};
use super::{MESSAGE_OCTETS_MAX, REQUESTS_IN_FLIGHT_MAX};
use crate::consensus::proposer::{Asked, Because, ProposeError, Reply};
use crate::consensus::reign::Reign;
use crate::login::Clock;
use crate::peers::wire::ledger_server::{Ledger, LedgerServer};
use crate::peers::wire::propose_reply::{Outcomes, Result as Answer};
use crate::peers::wire::{ProposeReply, ProposeRequest};
use crate::peers::{Caller, Place, Places};

/// Whether a node votes at present.
pub(in crate::consensus) type IsVoter = Arc<dyn Fn(NodeId) -> bool + Send + Sync>;

/// Takes commands from other voters.
#[derive(Clone)]
pub(in crate::consensus) struct Proposals {
    queue: mpsc::Sender<Asked>,
    reign: watch::Receiver<Reign>,
    clock: Arc<dyn Clock>,
    is_voter: IsVoter,
    streams: Places,
}

impl Proposals {
    pub(in crate::consensus) fn new(
        queue: mpsc::Sender<Asked>,
        reign: watch::Receiver<Reign>,
        clock: Arc<dyn Clock>,
        is_voter: IsVoter,
    ) -> Self {
        Self {
            queue,
            reign,
            clock,
            is_voter,
            streams: Places::new(STREAMS_OF_NODE_MAX),
        }
    }

    /// The service, with its bounds.
    pub(in crate::consensus) fn server(self) -> LedgerServer<Self> {
        LedgerServer::new(self)
            .max_decoding_message_size(MESSAGE_OCTETS_MAX)
            .max_encoding_message_size(MESSAGE_OCTETS_MAX)
    }

    /// Proposes a request, or says why not. The future is its answer.
    ///
    /// # Errors
    /// When no voter of ours says such a thing.
    pub(super) fn take(
        &self,
        caller: NodeId,
        request: ProposeRequest,
    ) -> Result<BoxFuture<'static, ProposeReply>, Status> {
        if !(self.is_voter)(caller) {
            return Err(Status::permission_denied("only voters propose"));
        }
        if request.commands.len() > BATCH_COMMANDS_MAX {
            return Err(Status::invalid_argument("too many commands in one request"));
        }
        let read = |command| Command::try_from(command).unwrap_or_else(Command::Unreadable);
        let commands: Vec<_> = request.commands.into_iter().map(read).collect();
        if commands.iter().any(|command| is_foreign(command, caller)) {
            return Err(Status::invalid_argument("a command of somebody else"));
        }
        let number = request.number;
        let asked = match self.queued(commands, request.term, request.remaining) {
            Ok(asked) => asked,
            Err(because) => {
                let result = Some(Answer::Refused(refusal(because)));
                return Ok(Box::pin(async move { ProposeReply { number, result } }));
            }
        };
        Ok(Box::pin(answered(number, asked)))
    }

    /// All of them or none: one answer tells what became of a request.
    fn queued(&self, commands: Vec<Command>, term: u64, remaining: u32) -> Result<Waited, Because> {
        match *self.reign.borrow() {
            // One of an older term, which the asker knows to be over, can commit nothing.
            Reign::Leading { reign, .. } if *reign >= term => {}
            Reign::Leading { .. } | Reign::Following { .. } | Reign::Vacant => {
                return Err(Because::NotLeader(None));
            }
        }
        let remaining = Duration::from_millis(remaining.into()).min(COMMAND_LIFE);
        let deadline = self.clock.monotonic() + remaining;
        let places = self.queue.try_reserve_many(commands.len());
        let places = places.map_err(|refused| match refused {
            mpsc::error::TrySendError::Full(()) => Because::Busy,
            mpsc::error::TrySendError::Closed(()) => Because::Stopping,
        })?;
        let answers = places.zip(commands).map(|(place, command)| {
            let (reply, answer) = oneshot::channel();
            place.send(Asked {
                command,
                reply,
                deadline,
            });
            answer
        });
        Ok(Waited {
            answers: answers.collect(),
            deadline,
        })
    }
}

/// Whether a command is none of the caller's own. A node speaks for itself alone: with
/// another's tag it could take that one's attempts over (DESIGN §2, Begin, line 6). And
/// administrators speak for themselves: who stole a node's key is none of them.
fn is_foreign(command: &Command, caller: NodeId) -> bool {
    match command {
        Command::Begin(begin) => begin.owner.node != caller,
        Command::SendPasscode(send) => send.owner.node != caller,
        Command::Change(change) => !names_its_token(change),
        Command::Settle(_) | Command::Unreadable(_) => false,
    }
}

struct Waited {
    answers: Vec<oneshot::Receiver<Reply>>,
    deadline: Instant,
}

/// Waits for every command; what has no answer by then is lost, not refused.
async fn answered(number: u64, waited: Waited) -> ProposeReply {
    let mut outcomes = Vec::with_capacity(waited.answers.len());
    let mut last = 0;
    for answer in waited.answers {
        let result: Result<Outcome, _> = match timeout_at(waited.deadline, answer).await {
            Ok(Ok(Ok((index, outcome)))) => {
                last = index.max(last);
                Ok(outcome)
            }
            Ok(Ok(Err(error))) => Err(error),
            Ok(Err(_)) | Err(_) => Err(ProposeError::Unknown),
        };
        outcomes.push(encoded(result));
    }
    let outcomes = Outcomes {
        index: last,
        outcomes,
    };
    ProposeReply {
        number,
        result: Some(Answer::Outcomes(outcomes)),
    }
}

#[tonic::async_trait]
impl Ledger for Proposals {
    type ProposeStream = ReceiverStream<Result<ProposeReply, Status>>;

    async fn propose(
        &self,
        request: Request<Streaming<ProposeRequest>>,
    ) -> Result<Response<Self::ProposeStream>, Status> {
        let caller = request.extensions().get::<Caller>().copied();
        let Some(Caller(caller)) = caller.filter(|Caller(node)| (self.is_voter)(*node)) else {
            return Err(Status::permission_denied("only voters propose"));
        };
        let place = self.streams.take(caller);
        let place = place.ok_or_else(|| Status::resource_exhausted("too many streams"))?;
        let (replies, outgoing) = mpsc::channel(REQUESTS_IN_FLIGHT_MAX);
        let desk = self.clone();
        tokio::spawn(desk.serve(caller, request.into_inner(), replies, place));
        Ok(Response::new(ReceiverStream::new(outgoing)))
    }
}

impl Proposals {
    /// Answers one stream to its end. What is proposed takes its course, also when
    /// nobody waits for it any more.
    async fn serve(
        self,
        caller: NodeId,
        mut requests: Streaming<ProposeRequest>,
        replies: mpsc::Sender<Result<ProposeReply, Status>>,
        place: Place,
    ) {
        let mut proposed = FuturesUnordered::new();
        let mut open = true;
        while open || !proposed.is_empty() {
            let room = open && proposed.len() < REQUESTS_IN_FLIGHT_MAX;
            let taken = tokio::select! {
                Some(reply) = proposed.next(), if !proposed.is_empty() => {
                    if replies.send(Ok(reply)).await.is_err() {
                        break;
                    }
                    continue;
                }
                request = requests.message(), if room => match request {
                    Ok(Some(request)) => self.take(caller, request),
                    Ok(None) => {
                        open = false;
                        continue;
                    }
                    Err(unreadable) => Err(unreadable),
                },
                () = replies.closed() => break,
            };
            match taken {
                Ok(answer) => proposed.push(answer),
                Err(status) => {
                    tracing::warn!(node = %caller, error = %status, "commands were refused");
                    // Who sends nonsense hears so and has to start anew.
                    drop(replies.send(Err(status)).await);
                    break;
                }
            }
        }
        drop(place);
    }
}

/// Streams of a voter at one time. It needs one, and others while old ones end.
const STREAMS_OF_NODE_MAX: usize = 4;
