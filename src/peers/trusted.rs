//! A connection for as long as its other end would be let in anew.
//!
//! A link lives for months. Who was let in by an authority that is trusted no more, or by a
//! certificate that has ended since, is sent away: both ends ping each second, so a
//! connection looks at least as often.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::credentials::Credentials;
use crate::tls::Proof;

/// A stream under TLS, after its handshake.
pub(super) struct Trusted<S> {
    stream: S,
    credentials: Arc<Credentials>,
    proof: Proof,
}

/// The other end would not be let in any more.
#[derive(Debug, thiserror::Error)]
#[error("the peer's certificate is trusted no more")]
struct Over;

impl<S> Trusted<S> {
    pub(super) fn new(stream: S, credentials: Arc<Credentials>, proof: Proof) -> Self {
        Self {
            stream,
            credentials,
            proof,
        }
    }
}

impl<S: Unpin> Trusted<S> {
    fn stream(self: Pin<&mut Self>) -> io::Result<Pin<&mut S>> {
        let this = self.get_mut();
        if this.credentials.trusts(this.proof) {
            Ok(Pin::new(&mut this.stream))
        } else {
            Err(io::Error::new(io::ErrorKind::ConnectionAborted, Over))
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Trusted<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.stream()?.poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Trusted<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.stream()?.poll_write(context, octets)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream()?.poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        // Also where it is trusted no more.
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }
}
