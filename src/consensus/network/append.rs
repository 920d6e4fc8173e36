//! A stream of appends to one peer: requests go out while answers come in.

use std::collections::VecDeque;
use std::time::Duration;

use futures_util::{Stream, StreamExt, stream};
use openraft::AnyError;
use openraft::errors::RPCError;
use openraft::raft::{AppendEntriesRequest, StreamAppendResult};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};
use tokio_stream::wrappers::ReceiverStream;
use tonic::Streaming;

use super::{Appended, Remote, answer, unreachable};
use crate::consensus::contact::Contact;
use crate::consensus::messages::{self, Between};
use crate::consensus::raft::Types;
use crate::peers::wire;

/// Opens the stream. `within` is how long the peer may take, for the first answer and for
/// each one after it.
pub(super) async fn open<'s, S>(
    remote: &'s mut Remote,
    mut input: S,
    within: Duration,
) -> Result<Appended<'s>, RPCError<Types>>
where
    S: Stream<Item = AppendEntriesRequest<Types>> + Send + Unpin + 'static,
{
    // Sent along with the call, or the first answer would take two round trips.
    let Some(first) = input.next().await else {
        return Ok(stream::empty().boxed());
    };
    let (requests, queued) = mpsc::channel(IN_FLIGHT_MAX);
    let mut client = remote.client()?;
    let mut outbound = Outbound {
        term: first.vote.leader_id.term,
        between: remote.between(),
        contact: &remote.reach.contact,
        requests: Some(requests),
        sent: VecDeque::new(),
    };
    outbound.send(&first);
    let call = client.append_entries(ReceiverStream::new(queued));
    let replies = answer(within, call).await?;
    let session = Session {
        input: Some(input),
        outbound,
        replies,
        within,
    };
    Ok(stream::unfold(Some(session), step).boxed())
}

/// The stream owns its input, so that it ends with it. Were the input given to the
/// transport, it could live on there and take entries from the next stream.
struct Session<'s, S> {
    input: Option<S>,
    outbound: Outbound<'s>,
    replies: Streaming<wire::AppendReply>,
    within: Duration,
}

struct Outbound<'s> {
    /// Of the leader that sends.
    term: u64,
    between: Between,
    contact: &'s Contact,
    requests: Option<mpsc::Sender<wire::AppendRequest>>,
    /// When each request that is not yet answered was sent.
    sent: VecDeque<Instant>,
}

impl Outbound<'_> {
    fn send(&mut self, request: &AppendEntriesRequest<Types>) {
        let message = messages::append_request(self.between, request, self.contact.word());
        // LIMIT: never full: as many places as requests that are not answered. Closed: the
        // call has ended, and its answers say so.
        if let Some(requests) = &self.requests
            && requests.try_send(message).is_ok()
        {
            self.sent.push_back(Instant::now());
        }
    }
}

type Item = Result<StreamAppendResult<Types>, RPCError<Types>>;

async fn step<S>(session: Option<Session<'_, S>>) -> Option<(Item, Option<Session<'_, S>>)>
where
    S: Stream<Item = AppendEntriesRequest<Types>> + Send + Unpin + 'static,
{
    let mut session = session?;
    let item = session.next().await?;
    let goes_on = matches!(item, Ok(Ok(_)));
    Some((item, goes_on.then_some(session)))
}

impl<S: Stream<Item = AppendEntriesRequest<Types>> + Send + Unpin> Session<'_, S> {
    async fn next(&mut self) -> Option<Item> {
        loop {
            let oldest = self.outbound.sent.front().copied();
            // When all is said and answered, the peer has as long to close.
            let since = oldest.or_else(|| self.input.is_none().then(Instant::now));
            let due = since.and_then(|since| since.checked_add(self.within));
            tokio::select! {
                biased;
                reply = self.replies.message() => return self.take(reply),
                () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {
                    oldest?;
                    let silent = AnyError::error("the peer does not answer");
                    return Some(Err(unreachable(&silent).into()));
                }
                request = read(self.input.as_mut()), if self.may_send() => match request {
                    Some(request) => self.outbound.send(&request),
                    None => {
                        self.input = None;
                        self.outbound.requests = None;
                    }
                },
            }
        }
    }

    fn may_send(&self) -> bool {
        self.input.is_some() && self.outbound.sent.len() < IN_FLIGHT_MAX
    }

    fn take(&mut self, reply: Result<Option<wire::AppendReply>, tonic::Status>) -> Option<Item> {
        let reply = match reply {
            Ok(Some(reply)) => reply,
            Ok(None) if self.outbound.sent.is_empty() => return None,
            Ok(None) => {
                let ended = AnyError::error("the peer ended the stream");
                return Some(Err(unreachable(&ended).into()));
            }
            Err(status) => return Some(Err(unreachable(&status).into())),
        };
        if self.outbound.sent.pop_front().is_none() {
            let unasked = AnyError::error("the peer answers what was not asked");
            return Some(Err(unreachable(&unasked).into()));
        }
        let read = messages::read_append_reply(&reply, self.outbound.term);
        Some(read.map_err(|error| unreachable(&error).into()))
    }
}

async fn read<S: Stream + Unpin>(input: Option<&mut S>) -> Option<S::Item> {
    input?.next().await
}

/// Requests that are on their way to one peer.
const IN_FLIGHT_MAX: usize = 64;
