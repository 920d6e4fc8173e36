//! The service Logins: what peers may ask of this node.
//!
//! Must not know who is a member: the gate in front of it does. What it holds a call to is
//! that it came through that gate.

use std::pin::Pin;
use std::sync::{Arc, OnceLock};

use futures_util::{Stream, stream};
use tokio::runtime::Handle;
use tokio::time::Instant;
use tonic::service::Routes;
use tonic::{Request, Response, Status};

use super::codec::{self, WIRE_OCTETS_MAX};
use crate::login::{Clock, Ledger, Logins, PasswordSource};
use crate::peers::{Caller, wire};

/// Answers peers out of this node's logins, as soon as it has any: peers are served
/// before the node takes part.
pub struct Service<L, S, C> {
    logins: Arc<OnceLock<Logins<L, S, C>>>,
    /// Where logins run: not on the threads that heartbeats need.
    front: Handle,
}

/// Adds the service to what peers are served. To be called where logins are to run.
pub fn add_service<L: Ledger, S: PasswordSource, C: Clock>(
    routes: Routes,
    logins: Arc<OnceLock<Logins<L, S, C>>>,
) -> Routes {
    routes.add_service(
        wire::logins_server::LoginsServer::new(Service {
            logins,
            front: Handle::current(),
        })
        .max_decoding_message_size(WIRE_OCTETS_MAX),
    )
}

impl<L, S, C> Service<L, S, C> {
    fn logins(&self) -> Result<&Logins<L, S, C>, Status> {
        let logins = self.logins.get();
        logins.ok_or_else(|| Status::unavailable("this node does not take part yet"))
    }
}

#[tonic::async_trait]
impl<L: Ledger, S: PasswordSource, C: Clock> wire::logins_server::Logins for Service<L, S, C> {
    async fn get_attempt_keys(
        &self,
        request: Request<wire::AttemptKeysRequest>,
    ) -> Result<Response<wire::AttemptKeysReply>, Status> {
        proven(&request)?;
        let set = self.logins()?.attempt_keys();
        Ok(Response::new(codec::keys_message(set.as_deref())))
    }

    type HandOverStream = Pin<Box<dyn Stream<Item = Result<wire::LoginReply, Status>> + Send>>;

    /// The headers of the answer say that the login is taken; the reply follows.
    // LIMIT: the listener's streams for one link, and `LOGINS_MAX` flows behind them.
    async fn hand_over(
        &self,
        request: Request<wire::LoginRequest>,
    ) -> Result<Response<Self::HandOverStream>, Status> {
        proven(&request)?;
        let received = Instant::now();
        let (login, remaining) = codec::login(request.into_inner())
            .map_err(|error| Status::invalid_argument(error.to_string()))?;
        let judged = {
            let _front = self.front.enter();
            self.logins()?.take(login, received, received + remaining)
        };
        let judged = judged.ok_or_else(|| Status::unavailable("this node may not judge now"))?;
        let judged = self.front.spawn(judged);
        Ok(Response::new(Box::pin(stream::once(async move {
            let outcome = judged.await;
            let outcome = outcome.map_err(|_| Status::internal("the login stopped"))?;
            Ok(codec::reply_message(&outcome, received.elapsed()))
        }))))
    }
}

/// Keys and logins are for nobody whose certificate was not looked at, however the service
/// came to be served.
pub(super) fn proven<T>(request: &Request<T>) -> Result<(), Status> {
    let caller = request.extensions().get::<Caller>();
    caller
        .map(|_| ())
        .ok_or_else(|| Status::permission_denied("not over the peers' listener"))
}
