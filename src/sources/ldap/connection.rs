//! One connection to a directory: one question at a time, and its answer. What is answered
//! is bounded in octets and entries.
//!
//! Must not know: who is bound, what a result means.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::BytesMut;
use rustls::ClientConfig;
use rustls_pki_types::CertificateDer;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt, ReadBuf};
use tokio::time::error::Elapsed;
use tokio::time::{Instant, timeout_at};

use super::ber::{Malformed, whole_length};
use super::endpoint::{Endpoint, Security};
use super::message::{self, Entry, Outcome, Response, Search};
use super::transport::{self, ConnectError, Duplex};

/// Why an answer did not come, or is none. The connection is of no use any more.
#[derive(Debug, thiserror::Error)]
pub(super) enum Broken {
    #[error("closed or failed")]
    Io(#[from] io::Error),
    #[error("not answered in time")]
    Late,
    #[error("not what the protocol has here")]
    Malformed,
    #[error("more than any answer has")]
    TooMuch,
}

impl From<Malformed> for Broken {
    fn from(Malformed: Malformed) -> Self {
        Self::Malformed
    }
}

/// What the server still owes.
#[derive(Clone, Copy)]
enum Owed {
    Nothing,
    /// The answer to what was asked then.
    Since(Instant),
    /// An answer that cannot come any more, or was none.
    Never,
}

/// A connection that may be used.
pub(super) struct Connection {
    stream: Box<dyn Duplex>,
    /// Read, and no whole message yet.
    read: BytesMut,
    asked: u32,
    owed: Owed,
    /// Which of the servers is at the other end.
    pub(super) server: usize,
    /// What the server showed; none in clear text.
    pub(super) certificate: Option<CertificateDer<'static>>,
}

impl Connection {
    /// Goes all the way to a server, until `deadline`.
    pub(super) async fn open(
        endpoint: &Endpoint,
        tls: &Arc<ClientConfig>,
        deadline: Instant,
    ) -> Result<Self, ConnectError> {
        let opening = async {
            let addresses = transport::resolve(endpoint).await?;
            let stream = transport::connect(&addresses).await?;
            Self::secure(stream, endpoint, tls).await
        };
        let opened = timeout_at(deadline, opening).await;
        opened.unwrap_or(Err(ConnectError::Late))
    }

    /// Makes a connection of a stream.
    pub(super) async fn secure(
        stream: impl Duplex + 'static,
        endpoint: &Endpoint,
        tls: &Arc<ClientConfig>,
    ) -> Result<Self, ConnectError> {
        match endpoint.security {
            Security::ClearText => Ok(Self::new(Box::new(stream), None)),
            Security::Tls => {
                let (stream, shown) = transport::secure(stream, endpoint, tls).await?;
                Ok(Self::new(stream, shown))
            }
            Security::StartTls => {
                let mut clear = Self::new(Box::new(stream), None);
                clear.start_tls().await?;
                let (stream, shown) = transport::secure(clear.stream, endpoint, tls).await?;
                Ok(Self::new(stream, shown))
            }
        }
    }

    /// Whatever stream it is.
    pub(super) fn new(
        stream: Box<dyn Duplex>,
        certificate: Option<CertificateDer<'static>>,
    ) -> Self {
        Self {
            stream,
            read: BytesMut::new(),
            asked: 0,
            owed: Owed::Nothing,
            server: 0,
            certificate,
        }
    }

    async fn start_tls(&mut self) -> Result<(), ConnectError> {
        let id = self.next_id();
        let asking = async {
            self.send(&message::start_tls(id)).await?;
            self.receive(id, SMALL_OCTETS_MAX).await
        };
        let outcome = match asking.await {
            Ok((Response::Extended(outcome), _)) => outcome,
            Err(Broken::Io(error)) => return Err(ConnectError::Connect(error)),
            Ok(_) | Err(Broken::Late | Broken::Malformed | Broken::TooMuch) => {
                return Err(ConnectError::Disturbed);
            }
        };
        if outcome.code != 0 {
            return Err(ConnectError::StartTls(outcome.code));
        }
        // Whoever sits in between might have put an answer here, to be read after TLS as if
        // it had come through it.
        if !self.read.is_empty() {
            return Err(ConnectError::Disturbed);
        }
        Ok(())
    }

    /// Binds. From the first octet on, the password may have been read.
    pub(super) async fn bind(
        &mut self,
        name: &str,
        password: &[u8],
        deadline: Instant,
    ) -> Result<Outcome, Broken> {
        let id = self.next_id();
        let request = message::bind(id, name, password);
        self.owed = Owed::Since(Instant::now());
        let asking = async {
            self.send(&request).await?;
            match self.receive(id, SMALL_OCTETS_MAX).await? {
                (Response::Bind(outcome), _) => Ok(outcome),
                _ => Err(Broken::Malformed),
            }
        };
        let came = timeout_at(deadline, asking).await;
        self.answered(came)
    }

    /// Searches. Where else to ask is not followed.
    pub(super) async fn search(
        &mut self,
        search: &Search<'_>,
        deadline: Instant,
    ) -> Result<(Outcome, Vec<Entry>), Broken> {
        self.owed = Owed::Since(Instant::now());
        let came = timeout_at(deadline, self.search_on(search)).await;
        self.answered(came)
    }

    fn answered<T>(&mut self, came: Result<Result<T, Broken>, Elapsed>) -> Result<T, Broken> {
        let came = came.unwrap_or(Err(Broken::Late));
        match came {
            // Too much is said: that is an answer.
            Ok(_) | Err(Broken::TooMuch) => self.owed = Owed::Nothing,
            Err(Broken::Late) => (),
            Err(Broken::Io(_) | Broken::Malformed) => self.owed = Owed::Never,
        }
        came
    }

    /// Whether it is the server's fault that an answer did not come. Whoever asked with no
    /// time left was not kept waiting by it.
    pub(super) fn is_at_fault(&self) -> bool {
        match self.owed {
            Owed::Nothing => false,
            Owed::Since(asked) => asked.elapsed() >= ANSWER_TIME_MIN,
            Owed::Never => true,
        }
    }

    async fn search_on(&mut self, search: &Search<'_>) -> Result<(Outcome, Vec<Entry>), Broken> {
        let id = self.next_id();
        self.send(&message::search(id, search)).await?;
        let mut entries = Vec::new();
        let (mut room, longest) = match search.page {
            None => (SEARCH_OCTETS_MAX, MESSAGE_OCTETS_MAX),
            Some(_) => (PAGE_OCTETS_MAX, PAGE_MESSAGE_OCTETS_MAX),
        };
        loop {
            let (response, octets) = self.receive(id, room.min(longest)).await?;
            room = room.saturating_sub(octets);
            match response {
                Response::Done(outcome) => return Ok((outcome, entries)),
                // LIMIT: a directory may pay no heed to the limit it was told.
                Response::Entry(_) if entries.len() >= ENTRIES_MAX => {
                    return Err(Broken::TooMuch);
                }
                Response::Entry(entry) => entries.push(entry),
                Response::Other => (),
                Response::Bind(_) | Response::Extended(_) => return Err(Broken::Malformed),
            }
        }
    }

    /// Whether nothing has come since the last answer, not even an end.
    pub(super) fn is_quiet(&mut self) -> bool {
        let mut octet = [0];
        let mut buffer = ReadBuf::new(&mut octet);
        let mut nobody = Context::from_waker(Waker::noop());
        let polled = Pin::new(&mut self.stream).poll_read(&mut nobody, &mut buffer);
        self.read.is_empty() && matches!(polled, Poll::Pending)
    }

    fn next_id(&mut self) -> u32 {
        // RFC 4511 §4.1.1.1: up to 2^31 - 1, and 0 is the directory's own.
        self.asked = self.asked % 0x7fff_ffff + 1;
        self.asked
    }

    async fn send(&mut self, message: &[u8]) -> Result<(), Broken> {
        self.stream.write_all(message).await?;
        Ok(self.stream.flush().await?)
    }

    /// The next message; it must answer `id`. Also how long it was.
    async fn receive(&mut self, id: u32, room: usize) -> Result<(Response, usize), Broken> {
        let length = loop {
            if let Some(length) = whole_length(&self.read)? {
                if length > room {
                    return Err(Broken::TooMuch);
                }
                if self.read.len() >= length {
                    break length;
                }
            }
            self.read.reserve(READ_OCTETS);
            if self.stream.read_buf(&mut self.read).await? == 0 {
                return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
            }
        };
        let (answered, response) = message::read(&self.read.split_to(length))?;
        // 0: the directory says that it closes.
        if answered != id {
            return Err(Broken::Malformed);
        }
        Ok((response, length))
    }
}

/// Read at one time, at least.
const READ_OCTETS: usize = 4 << 10;
impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").finish_non_exhaustive()
    }
}

/// The least time for an answer: with less nothing is asked, and a server that has had less
/// is not late. Half of the shortest time that the settings may give to a question.
pub(super) const ANSWER_TIME_MIN: Duration = Duration::from_millis(50);
/// LIMIT: of an answer that has no entries.
const SMALL_OCTETS_MAX: usize = 16 << 10;
/// LIMIT: of one message. An entry with 1,000 long names of groups has some 200 KiB.
const MESSAGE_OCTETS_MAX: usize = 512 << 10;
/// LIMIT: of all answers to one search.
const SEARCH_OCTETS_MAX: usize = 2 << 20;
/// LIMIT: of one message of a part. A group with 50,000 members has some 5 MiB.
const PAGE_MESSAGE_OCTETS_MAX: usize = 8 << 20;
/// LIMIT: of all answers to one search for a part.
const PAGE_OCTETS_MAX: usize = 16 << 20;
/// LIMIT: entries of one search.
pub(super) const ENTRIES_MAX: usize = 1024;
