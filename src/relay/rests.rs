//! That a password source asked to be left alone, told from node to node: the cluster asks it
//! by one application, and what it says to one of us it says to all.
//!
//! Only what the source itself says is told, over a connection that proved it to be the
//! source: a 429, a `Retry-After`, a number that means the same; and that it is out, by a 503
//! or a number of a temporary fault, once these have made the node leave it alone. That is
//! told once an outage and for a few seconds: then each node finds out by its own probes.
//! What is nobody's word is not told: a node that cannot reach the source, or hears nothing of
//! it, may well be cut off alone, and the others are then just what its logins need (DESIGN
//! §2). Nor is a 502 or 504, which something on this node's own way may have said.
//!
//! One message for each rest that begins, to all peers at once, and nobody waits for it. What
//! a peer tells is never told on. A peer is a member, and may still be broken: its word makes
//! a source rest for [`PEER_REST_MAX`] at most, and only the source that both know by the
//! same settings.
//!
//! Must not know what a source is, or how it says it.

use std::sync::Arc;
use std::time::Duration;

use countersign_core::base::NodeId;
use futures_util::future::join_all;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tonic::service::Routes;
use tonic::{Request, Response, Status};

use super::reign::Reign;
use super::service::proven;
use crate::peers::wire::sources_client::SourcesClient;
use crate::peers::wire::sources_server::{self, SourcesServer};
use crate::peers::wire::{RestReply, RestRequest};
use crate::peers::{Link, Links};
use crate::sources::Sources;
use crate::sources::breaker::Rests;

/// Answers peers.
struct Service(Arc<Sources>);

/// Adds the service to what peers are served.
pub fn add_rests(routes: Routes, sources: Arc<Sources>) -> Routes {
    let service = SourcesServer::new(Service(sources));
    routes.add_service(service.max_decoding_message_size(REST_OCTETS_MAX))
}

#[tonic::async_trait]
impl sources_server::Sources for Service {
    async fn rest(&self, request: Request<RestRequest>) -> Result<Response<RestReply>, Status> {
        proven(&request)?;
        let RestRequest {
            source,
            revision,
            millis,
        } = request.into_inner();
        let span = Duration::from_millis(millis).min(PEER_REST_MAX);
        let taken = self.0.rest(&source, revision, span);
        tracing::debug!(source, ?span, taken, "a peer says that a source rests");
        Ok(Response::new(RestReply { taken }))
    }
}

/// Tells all peers.
pub struct RestTeller<R> {
    reign: Arc<R>,
    links: Arc<Links>,
    sources: Arc<Sources>,
    room: Arc<Semaphore>,
    /// Where messages wait for their answers.
    front: Handle,
}

impl<R: Reign> RestTeller<R> {
    /// Tells the peers that `reign` names, over `links`, of rests of `sources`. To be made
    /// where messages are to wait.
    #[must_use]
    pub fn new(reign: Arc<R>, links: Arc<Links>, sources: Arc<Sources>) -> Self {
        Self {
            reign,
            links,
            sources,
            room: Arc::new(Semaphore::new(RESTS_IN_FLIGHT_MAX)),
            front: Handle::current(),
        }
    }
}

impl<R: Reign> Rests for RestTeller<R> {
    fn resting(&self, source: &str, span: Duration) {
        let Ok(place) = Arc::clone(&self.room).try_acquire_owned() else {
            return tracing::debug!(source, "too many rests at one time: not told");
        };
        let message = RestRequest {
            source: source.to_owned(),
            revision: self.sources.revision(),
            millis: u64::try_from(span.as_millis()).unwrap_or(u64::MAX),
        };
        let peers = self.reign.standing().peers;
        let told = peers.into_iter().map(|(node, address)| {
            let link = self.links.to(node, &address);
            tell(link, node, message.clone())
        });
        let told = join_all(told);
        self.front.spawn(async move {
            told.await;
            drop(place);
        });
    }
}

/// A peer that is not told finds out by itself, at the price of a question.
async fn tell(link: Link, node: NodeId, message: RestRequest) {
    let mut peer = SourcesClient::new(link).max_decoding_message_size(REST_OCTETS_MAX);
    match timeout(TELL_TIME_MAX, peer.rest(message)).await {
        Ok(Ok(_)) => {}
        Ok(Err(status)) => {
            let error = status.message();
            tracing::debug!(%node, error, "a peer was not told of a rest");
        }
        Err(_) => tracing::debug!(%node, "a peer was not told of a rest in time"),
    }
}

impl<R> std::fmt::Debug for RestTeller<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RestTeller").finish_non_exhaustive()
    }
}

/// LIMIT: for how long a peer's word keeps a source from being asked: as long as the source's
/// own would at most.
pub const PEER_REST_MAX: Duration = Duration::from_secs(300);
/// How long a peer may take to hear it. Later it has found out by itself.
const TELL_TIME_MAX: Duration = Duration::from_secs(1);
/// LIMIT: rests that are being told at one time; sources are few, and each rests for seconds.
const RESTS_IN_FLIGHT_MAX: usize = 16;
/// LIMIT: of a message; names of sources are short.
const REST_OCTETS_MAX: usize = 4 << 10;
