//! Logins and accounting on one connection (RFC 6614 §3.4).

use std::sync::Arc;

use countersign_core::radius::{Kind, Service};

use super::desk::{Answer, Request};

/// Hands each request to whoever answers its kind.
#[derive(Debug)]
pub(super) struct Both<A, R> {
    pub(super) authenticator: Arc<A>,
    pub(super) recorder: Arc<R>,
}

impl<A: Answer, R: Answer> Answer for Both<A, R> {
    const SERVICE: Service = Service::Both;

    async fn answer(&self, request: &Request<'_>) -> Option<Vec<u8>> {
        match request.packet.kind() {
            Kind::AccessRequest | Kind::StatusServer => self.authenticator.answer(request).await,
            Kind::AccountingRequest => self.recorder.answer(request).await,
        }
    }
}
