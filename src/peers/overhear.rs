//! Hears how each call ends, and notes which were refused to whom.
//!
//! The one place where all refusals pass: those of the gate, of the services, and of the
//! library where a message cannot be read, is cut off or too large.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body::{Body, Frame, SizeHint};
use tonic::{Code, Status};
use tower::{Layer, Service};

use super::refusals::Refusals;
use super::serve::{Caller, Gate};

/// Makes [`Overhearing`].
#[derive(Clone)]
pub(super) struct Overhear {
    pub(super) refusals: Arc<Refusals>,
    pub(super) gate: Gate,
}

/// Passes calls on and looks at how they end.
#[derive(Clone)]
pub(super) struct Overhearing<S> {
    inner: S,
    ear: Overhear,
}

/// An answer, whose end is looked at when it comes.
pub(super) struct Overheard<B> {
    body: B,
    ear: Overhear,
    caller: Option<Caller>,
}

impl<S> Layer<S> for Overhear {
    type Service = Overhearing<S>;

    fn layer(&self, inner: S) -> Overhearing<S> {
        let ear = self.clone();
        Overhearing { inner, ear }
    }
}

impl<S, B, R> Service<Request<R>> for Overhearing<S>
where
    S: Service<Request<R>, Response = Response<B>>,
    S::Future: Send + 'static,
{
    type Response = Response<Overheard<B>>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<R>) -> Self::Future {
        let caller = request.extensions().get().copied();
        let (ear, answer) = (self.ear.clone(), self.inner.call(request));
        Box::pin(async move {
            let answer = answer.await?;
            // Refused before it began: the status is among the headers.
            ear.hear(caller, answer.headers());
            Ok(answer.map(|body| Overheard { body, ear, caller }))
        })
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for Overheard<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        if let Some(Ok(frame)) = &frame
            && let Some(trailers) = frame.trailers_ref()
        {
            self.ear.hear(self.caller, trailers);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Overhear {
    fn hear(&self, caller: Option<Caller>, headers: &HeaderMap) {
        let Some(status) = Status::from_header_map(headers).filter(is_refusal) else {
            return;
        };
        match caller {
            Some(Caller(node)) if (self.gate)(node) => {
                self.refusals.member(node, status.message());
            }
            // Its certificate is good: it was a member once, or is to be one.
            Some(Caller(node)) => {
                let text = format_args!("node {node}: {}", status.message()).to_string();
                self.refusals.stranger(&text);
            }
            None => self.refusals.stranger(&status.message()),
        }
    }
}

/// Whether it says that what was asked is not for this caller, or cannot be meant. Not
/// that this node cannot serve anybody now, or that nobody waits any more.
fn is_refusal(status: &Status) -> bool {
    match status.code() {
        Code::DataLoss
        | Code::FailedPrecondition
        | Code::Internal
        | Code::InvalidArgument
        | Code::OutOfRange
        | Code::PermissionDenied
        | Code::ResourceExhausted
        | Code::Unauthenticated
        | Code::Unimplemented => true,
        Code::Aborted
        | Code::AlreadyExists
        | Code::Cancelled
        | Code::DeadlineExceeded
        | Code::NotFound
        | Code::Ok
        | Code::Unavailable
        | Code::Unknown => false,
    }
}
