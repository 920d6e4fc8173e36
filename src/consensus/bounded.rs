//! A service of which each peer has a few calls under way.
//!
//! A call of Raft may bring many megabytes, all of which are in memory before anybody looks
//! at them: one member alone must not fill it.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::task::{Context, Poll};

use futures_util::future::{BoxFuture, Either};
use tonic::Status;
use tonic::body::Body;
use tonic::codegen::{Service, http};
use tonic::server::NamedService;

use crate::peers::{Caller, Places};

/// `S`, so far as its callers have places. One is held until the answer begins.
#[derive(Clone)]
pub(super) struct Bounded<S> {
    pub(super) service: S,
    pub(super) places: Places,
}

impl<S: NamedService> NamedService for Bounded<S> {
    const NAME: &'static str = S::NAME;
}

type Answer = Result<http::Response<Body>, Infallible>;

impl<S> Service<http::Request<Body>> for Bounded<S>
where
    S: Service<http::Request<Body>, Response = http::Response<Body>, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Either<Ready<Answer>, BoxFuture<'static, Answer>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.service.poll_ready(context)
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let place = match request.extensions().get::<Caller>() {
            Some(Caller(node)) => self.places.take(*node),
            None => None,
        };
        let Some(place) = place else {
            let full = Status::resource_exhausted("too many calls at a time");
            return Either::Left(ready(Ok(full.into_http())));
        };
        let answered = self.service.call(request);
        Either::Right(Box::pin(async move {
            let answer = answered.await;
            drop(place);
            answer
        }))
    }
}
