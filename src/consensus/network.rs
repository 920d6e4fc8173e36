//! How this node reaches its peers for the Raft core.
//!
//! Every call ends by a deadline of its own: a peer that is frozen accepts all that is
//! sent and answers nothing.

mod append;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{Stream, StreamExt, stream};
use openraft::base::{BoxFuture, BoxStream};
use openraft::errors::{RPCError, ReplicationClosed, StreamingError, Unreachable};
use openraft::network::{Backoff, RPCOption, RaftNetworkFactory, RaftNetworkV2};
use openraft::raft::{
    AppendEntriesRequest, AppendEntriesResponse, SnapshotResponse, StreamAppendResult,
    TransferLeaderRequest, TransferLeaderResponse, VoteRequest, VoteResponse,
};
use openraft::{AnyError, OptionalSend};
use tokio::time::timeout;
use tonic::Response;

use super::contact::Contact;
use super::messages::{self, Between};
use super::raft::{Peer, RaftId, Types, Vote};
use super::snapshot::outgoing::{self, Exports};
use super::snapshot::{Image, Snapshot};
use crate::peers::wire::raft_client::RaftClient;
use crate::peers::{Link, Links};

/// Reaches peers, where there are links to any.
pub(super) struct Network(pub(super) Arc<Reach>);

/// What all calls need.
pub(super) struct Reach {
    pub(super) own: RaftId,
    /// None: nobody is reached.
    pub(super) links: Option<Arc<Links>>,
    pub(super) contact: Arc<Contact>,
    pub(super) exports: Exports,
    /// How long an answer within a stream may take before the stream is given up.
    pub(super) answer_max: Duration,
}

/// One peer, as the Raft core reaches it.
pub(super) struct Remote {
    pub(super) reach: Arc<Reach>,
    target: RaftId,
    address: String,
}

/// A peer's service, ready to be called.
pub(super) type Client = RaftClient<Link>;

impl RaftNetworkFactory<Types> for Network {
    type Network = Remote;

    async fn new_client(&mut self, target: u64, peer: &Peer) -> Remote {
        Remote {
            reach: Arc::clone(&self.0),
            target: RaftId(target),
            address: peer.address.clone(),
        }
    }
}

impl Remote {
    /// The peer's service; dials it when first called.
    pub(super) fn client(&self) -> Result<Client, Unreachable<Types>> {
        let links = self.reach.links.as_ref();
        let (Some(links), Some(node)) = (links, self.target.node()) else {
            return Err(nobody());
        };
        Ok(RaftClient::new(links.to(node, &self.address)))
    }

    /// The header of each call.
    pub(super) fn between(&self) -> Between {
        Between {
            from: self.reach.own,
            to: self.target,
        }
    }

    async fn ask_vote(
        &self,
        asked: &VoteRequest<Types>,
        pre: bool,
        within: Duration,
    ) -> Result<VoteResponse<Types>, RPCError<Types>> {
        let request = messages::vote_request(self.between(), asked, pre);
        let mut client = self.client()?;
        let reply = answer(within, client.request_vote(request)).await?;
        let read = messages::read_vote_reply(&reply, asked.vote.leader_id.term);
        Ok(read.map_err(|error| unreachable(&error))?)
    }
}

impl RaftNetworkV2<Types> for Remote {
    type SnapshotData = Image;

    async fn append_entries(
        &mut self,
        rpc: AppendEntriesRequest<Types>,
        option: RPCOption,
    ) -> Result<AppendEntriesResponse<Types>, RPCError<Types>> {
        let within = option.soft_ttl();
        let one = stream::iter([rpc]);
        let mut replies = append::open(self, one, within).await?;
        match replies.next().await {
            Some(reply) => reply.map(AppendEntriesResponse::from),
            None => Err(nobody().into()),
        }
    }

    fn stream_append<'s, S>(
        &'s mut self,
        input: S,
        option: RPCOption,
    ) -> BoxFuture<'s, Result<Appended<'s>, RPCError<Types>>>
    where
        S: Stream<Item = AppendEntriesRequest<Types>> + OptionalSend + Unpin + 'static,
    {
        // The core's time is for one heartbeat; a stream may wait for a slow disk.
        let within = option.soft_ttl().max(self.reach.answer_max);
        Box::pin(append::open(self, input, within))
    }

    async fn vote(
        &mut self,
        rpc: VoteRequest<Types>,
        option: RPCOption,
    ) -> Result<VoteResponse<Types>, RPCError<Types>> {
        self.ask_vote(&rpc, false, option.soft_ttl()).await
    }

    async fn pre_vote(
        &mut self,
        rpc: VoteRequest<Types>,
        option: RPCOption,
    ) -> Result<VoteResponse<Types>, RPCError<Types>> {
        self.ask_vote(&rpc, true, option.soft_ttl()).await
    }

    async fn full_snapshot(
        &mut self,
        vote: Vote,
        snapshot: Snapshot,
        cancel: impl Future<Output = ReplicationClosed> + OptionalSend + 'static,
        _: RPCOption,
    ) -> Result<SnapshotResponse<Types>, StreamingError<Types>> {
        tokio::select! {
            closed = cancel => Err(closed.into()),
            sent = outgoing::send(self, vote, &snapshot) => sent,
        }
    }

    async fn transfer_leader(
        &mut self,
        req: TransferLeaderRequest<Types>,
        option: RPCOption,
    ) -> Result<TransferLeaderResponse<Types>, RPCError<Types>> {
        let request = messages::transfer_request(self.between(), &req);
        let mut client = self.client()?;
        let reply = answer(option.soft_ttl(), client.transfer_leader(request)).await?;
        if reply.taken {
            return Ok(Ok(()));
        }
        Err(unreachable(&AnyError::error("the peer does not take the lead")).into())
    }

    fn backoff(&self) -> Option<Backoff> {
        Some(Backoff::new(std::iter::repeat(AGAIN)))
    }
}

/// What a stream of appends brings.
pub(super) type Appended<'s> = BoxStream<'s, Result<StreamAppendResult<Types>, RPCError<Types>>>;

/// The answer to one call, by a deadline.
pub(super) async fn answer<T>(
    within: Duration,
    call: impl Future<Output = Result<Response<T>, tonic::Status>>,
) -> Result<T, Unreachable<Types>> {
    match timeout(within, call).await {
        Ok(Ok(reply)) => Ok(reply.into_inner()),
        Ok(Err(status)) => Err(unreachable(&status)),
        Err(late) => Err(unreachable(&late)),
    }
}

/// The core waits a moment before it asks again.
pub(super) fn unreachable(cause: &(impl std::error::Error + 'static)) -> Unreachable<Types> {
    Unreachable::new(cause)
}

fn nobody() -> Unreachable<Types> {
    Unreachable::new(&AnyError::error("this node has no link to that peer"))
}

/// Between two attempts to reach a peer.
const AGAIN: Duration = Duration::from_millis(200);
