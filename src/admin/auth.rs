//! Who calls: the bearer token of a call, checked before any of its message is read.
//!
//! Must not know what the call asks for.

use std::sync::Arc;

use countersign_core::base::Secret;
use countersign_core::ledger::StoreError;
use tonic::metadata::MetadataMap;
use tonic::{Request, Status};

use crate::login::Ledger;
use crate::operate::{AuthenticateError, Caller, Operate};

/// Puts the proven [`Caller`] into a call's extensions, or refuses the call.
pub(super) struct Authenticate<L>(pub(super) Arc<Operate<L>>);

impl<L> Clone for Authenticate<L> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<L: Ledger> tonic::service::Interceptor for Authenticate<L> {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        // No address: not one of our listeners, so nothing is known about the way.
        let source = request.remote_addr().ok_or_else(refused)?;
        let caller = match bearer(request.metadata()) {
            Some(token) => self.0.caller(&token, source.ip()),
            None => Err(AuthenticateError::Unknown),
        };
        match caller {
            Ok(caller) => {
                request.extensions_mut().insert(caller);
                Ok(request)
            }
            Err(AuthenticateError::Store(error)) => Err(unreadable(&error)),
            Err(error) => {
                tracing::warn!(source = %source.ip(), %error, "administrative call refused");
                Err(self.without_operators().unwrap_or_else(refused))
            }
        }
    }
}

impl<L: Ledger> Authenticate<L> {
    /// Until there is an operator, whoever calls is told what to do first.
    fn without_operators(&self) -> Option<Status> {
        let none = self.0.has_operators().is_ok_and(|some| !some);
        none.then(|| {
            Status::failed_precondition("there is no operator yet: `countersign admin bootstrap`")
        })
    }
}

/// The caller that [`Authenticate`] has proven.
///
/// # Errors
/// Unauthenticated, where nobody was: a service that was mounted without it answers
/// nothing.
pub(super) fn caller<T>(request: &Request<T>) -> Result<Caller, Status> {
    request.extensions().get().cloned().ok_or_else(refused)
}

/// The same caller as of now, for what goes on long after it was allowed.
pub(super) fn renewed<L: Ledger>(operate: &Operate<L>, caller: &Caller) -> Result<Caller, Status> {
    match operate.renewed(caller) {
        Ok(caller) => Ok(caller),
        Err(AuthenticateError::Store(error)) => Err(unreadable(&error)),
        Err(error) => {
            tracing::warn!(source = %caller.source, %error, "administrative call ended");
            Err(refused())
        }
    }
}

fn unreadable(error: &StoreError) -> Status {
    tracing::error!(%error, "the store cannot be read");
    Status::internal("the store of this node cannot be read")
}

/// One text for all causes: which of them it was is in the log.
fn refused() -> Status {
    Status::unauthenticated("no valid API token")
}

fn bearer(metadata: &MetadataMap) -> Option<Secret> {
    let value = metadata.get("authorization")?.as_bytes();
    let (scheme, token) = value.split_at_checked(7)?;
    let bearer = scheme.eq_ignore_ascii_case(b"bearer ") && token.len() <= TOKEN_OCTETS_MAX;
    bearer.then(|| Secret::from(token))
}

/// Longer than any API token.
const TOKEN_OCTETS_MAX: usize = 256;
