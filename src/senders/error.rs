//! Why there is no sender, and why a message was not sent.

use crate::sources::http::HttpError;

/// Settings that cannot be used on this node.
#[derive(Debug, thiserror::Error)]
pub enum SenderError {
    /// An address of the settings.
    #[error("the address {0} that e-mail comes from is none")]
    From(String),
    /// The name of a header, or its text.
    #[error("the header {0} is none, is the connection's own, or holds more than {{secret}}")]
    Header(String),
    /// The HTTP client cannot be built.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// A value would not stay where it is put.
    #[error("the body is no {0} in which each placeholder stands inside one value")]
    Body(&'static str),
    /// Neither POST, PUT nor GET, or a body where there can be none.
    #[error("the method is none of POST, PUT and GET, or a GET with a body")]
    Method,
    /// An entry of the pinned hosts.
    #[error("the pinned host {0} is neither host nor host:port")]
    Pinned(String),
    /// To nobody, or nothing.
    #[error("neither the URL nor the body has {{phone}}, or neither has {{text}}")]
    Places,
    /// The secret is used and not there, or there and not used.
    #[error("the secret is there and not used, or used and not there")]
    Secret,
    /// The name of the server.
    #[error("the mail server {0} is no name of a host")]
    Server(String),
    /// TLS cannot be set up.
    #[error("no TLS towards the mail server")]
    Tls(#[source] lettre::transport::smtp::Error),
    /// The file of authorities.
    #[error("the CA file cannot be used")]
    CaFile(#[source] std::io::Error),
    /// Not among the hosts of this node's file.
    #[error("the host {0} is not pinned in this node's file")]
    Unpinned(String),
    /// Not https, or a placeholder where it chooses the host.
    #[error("the URL is not https://host[:port]/… with placeholders behind the host alone")]
    Url,
}

/// A message that was not sent, or of which that is not known.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// As many are on their way as may be.
    #[error("too many messages are on their way")]
    Busy,
    /// It cannot be written.
    #[error("the message cannot be written")]
    Unwritable,
    /// No answer in time; it may have been taken.
    #[error("no answer in time")]
    Late,
    /// The mail server refused it, or there is no way to it.
    #[error("the mail server did not take it")]
    Mail(#[source] lettre::transport::smtp::Error),
    /// There is no way to the gateway, or TLS failed.
    #[error("the gateway could not be asked: {0}")]
    Gateway(String),
    /// The gateway refused it.
    #[error("the gateway answered with status {0}")]
    Status(u16),
    /// Nothing to send with: not set, or not usable on this node.
    #[error("this node has nothing to send it with")]
    NoSender,
}

impl SendError {
    /// For counts.
    #[must_use]
    pub const fn label(&self) -> &'static str {
        match self {
            Self::Busy => "busy",
            Self::Unwritable => "unwritable",
            Self::Late => "late",
            Self::Mail(_) | Self::Status(_) => "refused",
            Self::Gateway(_) => "unreachable",
            Self::NoSender => "no_sender",
        }
    }
}
