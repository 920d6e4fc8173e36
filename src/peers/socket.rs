//! A connection that changes hands between runtimes.
//!
//! A runtime wakes whoever waits for a socket by threads of its own. A peer's socket is
//! accepted where strangers are met, and must be woken where heartbeats run.

use std::io::{self, IoSlice};
use std::net::TcpStream as Unwatched;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

/// A TCP connection under TLS. Empty while it is watched by no runtime.
pub(super) struct Socket(Option<TcpStream>);

impl From<TcpStream> for Socket {
    fn from(stream: TcpStream) -> Self {
        Self(Some(stream))
    }
}

/// A session after its handshake, between two runtimes.
pub(super) struct Parked {
    session: TlsStream<Socket>,
    unwatched: Unwatched,
}

impl Parked {
    /// Takes it from the runtime that watches it.
    pub(super) fn new(mut session: TlsStream<Socket>) -> io::Result<Self> {
        let (Socket(socket), _) = session.get_mut();
        let watched = socket.take().ok_or(io::ErrorKind::NotConnected)?;
        Ok(Self {
            session,
            unwatched: watched.into_std()?,
        })
    }

    /// Has the runtime of the call watch it.
    pub(super) fn resume(mut self) -> io::Result<TlsStream<Socket>> {
        let (Socket(socket), _) = self.session.get_mut();
        *socket = Some(TcpStream::from_std(self.unwatched)?);
        Ok(self.session)
    }
}

impl Socket {
    fn watched(self: Pin<&mut Self>) -> io::Result<Pin<&mut TcpStream>> {
        let watched = self.get_mut().0.as_mut();
        let watched = watched.ok_or(io::ErrorKind::NotConnected)?;
        Ok(Pin::new(watched))
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.watched()?.poll_read(context, buffer)
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.watched()?.poll_write(context, octets)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.watched()?.poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.0.as_ref().is_some_and(TcpStream::is_write_vectored)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.watched()?.poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.watched()?.poll_shutdown(context)
    }
}
