//! E-mail: handed in at one server over TLS, as a message of plain text.
//!
//! Must not know why it is sent. Each message has a connection of its own: there are few.

use std::path::Path;
use std::time::Duration;

use countersign_core::base::Secret;
use countersign_core::base::limits::SENDER_TIMEOUT_MAX;
use countersign_core::ledger::{address, storage};
use lettre::message::header::{ContentType, Header, HeaderName, HeaderValue};
use lettre::message::{Mailbox, Message};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport, Tokio1Executor};

use super::pinned::is_host;
use super::{Pinned, SendError, SenderError};

/// A mail server that takes our messages.
pub struct Mail {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    pub(super) timeout: Duration,
}

impl Mail {
    /// Checks what every node takes or refuses alike, whatever its own file pins.
    ///
    /// # Errors
    /// The first setting that no node can use.
    pub fn check_anywhere(settings: &storage::Mail) -> Result<(), SenderError> {
        if !is_host(&settings.server) {
            return Err(SenderError::Server(settings.server.clone()));
        }
        if !address::is_email(&settings.from) {
            return Err(SenderError::From(settings.from.clone()));
        }
        Ok(())
    }

    /// From the settings. Each message is sent over TLS with a certificate of the server's
    /// name, or not at all.
    ///
    /// # Errors
    /// What of them cannot be used on this node.
    pub fn configure(
        settings: &storage::Mail,
        password: Option<&Secret>,
        (pinned, ca_file): (&Pinned, Option<&Path>),
    ) -> Result<Self, SenderError> {
        let server = &*settings.server;
        Self::check_anywhere(settings)?;
        let is_wrapped = match settings.tls() {
            storage::MailTls::Unspecified | storage::MailTls::Starttls => false,
            storage::MailTls::Tls => true,
        };
        let usual = if is_wrapped { TLS_PORT } else { STARTTLS_PORT };
        let port = match u16::try_from(settings.port) {
            Ok(0) => usual,
            Ok(port) => port,
            Err(_) => return Err(SenderError::Server(server.to_owned())),
        };
        if !pinned.holds(server, port, &[TLS_PORT, STARTTLS_PORT]) {
            return Err(SenderError::Unpinned(format!("{server}:{port}")));
        }
        let from = settings.from.parse();
        let from = from.map_err(|_| SenderError::From(settings.from.clone()))?;
        let mailbox = Mailbox::new(None, from);
        let tls = tls(server, ca_file)?;
        let tls = if is_wrapped {
            Tls::Wrapper(tls)
        } else {
            Tls::Required(tls)
        };
        let timeout = timeout(settings.timeout);
        let builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(server)
            .port(port)
            .timeout(Some(timeout))
            .tls(tls);
        let builder = match (settings.user.is_empty(), password) {
            (true, None) => builder,
            (false, Some(password)) => {
                let password = String::from_utf8_lossy(password.expose()).into_owned();
                builder.credentials(Credentials::new(settings.user.clone(), password))
            }
            (true, Some(_)) | (false, None) => return Err(SenderError::Secret),
        };
        Ok(Self {
            transport: builder.build(),
            from: mailbox,
            timeout,
        })
    }

    /// Sends one message, once.
    pub(super) async fn send(&self, to: &str, subject: &str, text: &str) -> Result<(), SendError> {
        let to = to.parse().map_err(|_| SendError::Unwritable)?;
        let message = Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(None, to))
            .subject(subject)
            .header(ContentType::TEXT_PLAIN)
            .header(AutoSubmitted)
            .body(text.to_owned())
            .map_err(|_| SendError::Unwritable)?;
        let sent = self.transport.send(message).await;
        sent.map(drop).map_err(SendError::Mail)
    }
}

impl std::fmt::Debug for Mail {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mail").finish_non_exhaustive()
    }
}

/// Nobody's machine is to answer it (RFC 3834 §5).
#[derive(Clone)]
struct AutoSubmitted;

impl Header for AutoSubmitted {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), "auto-generated".to_owned())
    }
}

/// TLS that trusts the system's authorities and those of the node's file.
fn tls(server: &str, ca_file: Option<&Path>) -> Result<TlsParameters, SenderError> {
    let mut builder = TlsParameters::builder(server.to_owned());
    if let Some(file) = ca_file {
        let pem = std::fs::read(file).map_err(SenderError::CaFile)?;
        let certificate = Certificate::from_pem(&pem).map_err(SenderError::Tls)?;
        builder = builder.add_root_certificate(certificate);
    }
    builder.build_rustls().map_err(SenderError::Tls)
}

/// How long the whole of a message may take.
pub(super) fn timeout(millis: u32) -> Duration {
    match millis {
        0 => TIMEOUT,
        millis => Duration::from_millis(millis.into()).min(SENDER_TIMEOUT_MAX),
    }
}

const TIMEOUT: Duration = Duration::from_secs(10);
const STARTTLS_PORT: u16 = 587;
const TLS_PORT: u16 = 465;
