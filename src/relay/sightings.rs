//! What nodes have seen of clients, told to each other for operators.
//!
//! Must not know what is seen: each node tells as it is asked.

use std::sync::Arc;
use std::time::Duration;

use countersign_core::base::{ClientId, NodeId};
use futures_util::future::{BoxFuture, join_all};
use tokio::time::timeout;
use tonic::service::Routes;
use tonic::{Request, Response, Status};

use super::reign::Reign;
use super::service::proven;
use crate::operate::{Sighting, SightingLog};
use crate::peers::wire::sightings_client::SightingsClient;
use crate::peers::wire::sightings_server::{self, SightingsServer};
use crate::peers::{Links, wire};

/// Tells what this node has seen of a client.
pub type Teller = Arc<dyn Fn(ClientId) -> Sighting + Send + Sync>;

/// Answers peers.
struct Service(Teller);

/// Adds the service to what peers are served.
pub fn add_sightings(routes: Routes, teller: Teller) -> Routes {
    routes.add_service(SightingsServer::new(Service(teller)))
}

#[tonic::async_trait]
impl sightings_server::Sightings for Service {
    async fn tell(
        &self,
        request: Request<wire::SightingRequest>,
    ) -> Result<Response<Sighting>, Status> {
        proven(&request)?;
        let client = ClientId(request.get_ref().client);
        Ok(Response::new((self.0)(client)))
    }
}

/// Asks every node, this one too.
pub struct Gathered<R> {
    /// This node.
    pub node: NodeId,
    /// What it has seen itself.
    pub own: Teller,
    /// Who the others are.
    pub reign: Arc<R>,
    /// The way to them; `None`: there are none.
    pub links: Option<Arc<Links>>,
}

impl<R: Reign> SightingLog for Gathered<R> {
    fn of(&self, client: ClientId) -> BoxFuture<'_, Vec<(NodeId, Result<Sighting, String>)>> {
        Box::pin(async move {
            let own = (self.node, Ok((self.own)(client)));
            let Some(links) = &self.links else {
                return vec![own];
            };
            let peers = self.reign.standing().peers;
            let asked = peers.into_iter().map(|(node, address)| async move {
                (node, tell(links, node, &address, client).await)
            });
            let mut told = join_all(asked).await;
            told.push(own);
            told.sort_by_key(|(node, _)| *node);
            told
        })
    }
}

async fn tell(
    links: &Links,
    node: NodeId,
    address: &str,
    client: ClientId,
) -> Result<Sighting, String> {
    let mut peer = SightingsClient::new(links.to(node, address))
        .max_decoding_message_size(SIGHTING_OCTETS_MAX);
    let asked = peer.tell(wire::SightingRequest { client: client.0 });
    match timeout(TELL_TIME_MAX, asked).await {
        Ok(Ok(told)) => Ok(told.into_inner()),
        Ok(Err(status)) => Err(status.message().to_owned()),
        Err(_) => Err(format!("no answer within {} ms", TELL_TIME_MAX.as_millis())),
    }
}

/// How long a node may take to tell.
const TELL_TIME_MAX: Duration = Duration::from_secs(1);
/// LIMIT: of what one node tells.
const SIGHTING_OCTETS_MAX: usize = 64 << 10;
