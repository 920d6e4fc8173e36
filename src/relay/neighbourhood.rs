//! The peers of this node over their links: logins are handed to them, key sets asked of
//! them.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use countersign_core::base::{ClientId, NodeId};
use countersign_core::login::{AttemptMacs, Outcome, Request};
use tokio::time::{Instant, timeout};
use tonic::Streaming;

use super::codec::{self, WIRE_OCTETS_MAX};
use super::keeper::{Sets, Unanswered};
use super::offers::Offers;
use super::reign::Reign;
use crate::login::{Boxed, Neighbours, Taken};
use crate::peers::wire::logins_client::LoginsClient;
use crate::peers::{Link, Links, wire};

/// The other nodes, as this node's logins see them.
pub struct Neighbourhood<R> {
    reign: Arc<R>,
    links: OverLinks,
    offers: Offers,
}

/// Asks peers for their key sets.
#[derive(Clone)]
pub struct OverLinks(pub Arc<Links>);

impl<R: Reign> Neighbourhood<R> {
    /// The peers that `reign` names, over `links`.
    pub fn new(reign: Arc<R>, links: Arc<Links>) -> Self {
        Self {
            reign,
            links: OverLinks(links),
            offers: Offers::new(),
        }
    }

    async fn offer(
        &self,
        request: &Request,
        except: &[NodeId],
        deadline: Instant,
    ) -> Option<Taken> {
        let _turn = self.offers.turn().await?;
        for (node, address) in self.reign.standing().leader_first() {
            if except.contains(&node) || !self.offers.may_ask(node, Instant::now()) {
                continue;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            let message = codec::login_message(request, left.saturating_sub(WAY_BACK))?;
            let mut peer = self.links.client(node, &address);
            // A peer that may not judge says so at once; one that says nothing is gone.
            let taken = timeout(TAKE_TIME_MAX, peer.hand_over(message)).await;
            if let Ok(Ok(stream)) = taken {
                let client = request.client;
                return Some(Box::pin(answer(stream.into_inner(), client, node)));
            }
            self.offers.refused(node, Instant::now());
        }
        None
    }
}

impl<R: Reign> Neighbours for Neighbourhood<R> {
    fn attempt_keys(&self) -> Option<u64> {
        Some(self.reign.attempt_keys())
    }

    fn hand_over<'a>(
        &'a self,
        request: &'a Request,
        except: &'a [NodeId],
        deadline: Instant,
    ) -> Boxed<'a, Option<Taken>> {
        Box::pin(self.offer(request, except, deadline))
    }
}

impl OverLinks {
    fn client(&self, node: NodeId, address: &str) -> LoginsClient<Link> {
        LoginsClient::new(self.0.to(node, address)).max_decoding_message_size(WIRE_OCTETS_MAX)
    }
}

impl Sets for OverLinks {
    fn of(
        &self,
        node: NodeId,
        address: &str,
    ) -> impl Future<Output = Result<Option<AttemptMacs>, Unanswered>> + Send {
        let mut peer = self.client(node, address);
        async move {
            let reply = peer.get_attempt_keys(wire::AttemptKeysRequest {}).await;
            let reply = reply.map_err(|_| Unanswered)?.into_inner();
            codec::keys(&reply)
                .inspect_err(|error| tracing::warn!(%node, %error, "a peer's attempt keys"))
                .map_err(|_| Unanswered)
        }
    }
}

/// A node without peers asks nobody.
impl<S: Sets> Sets for Option<S> {
    async fn of(&self, node: NodeId, address: &str) -> Result<Option<AttemptMacs>, Unanswered> {
        match self {
            Some(sets) => sets.of(node, address).await,
            None => Err(Unanswered),
        }
    }
}

async fn answer(
    mut replies: Streaming<wire::LoginReply>,
    client: ClientId,
    peer: NodeId,
) -> Option<Outcome> {
    let reply = replies.message().await.ok()??;
    codec::outcome(reply, client, peer)
        .inspect_err(|error| tracing::warn!(node = %peer, %error, "a peer's answer to a login"))
        .ok()
}

/// How long a peer may take to say that it takes a login.
const TAKE_TIME_MAX: Duration = Duration::from_millis(250);
/// Kept of the device's patience for the reply's way back.
const WAY_BACK: Duration = Duration::from_millis(50);
