//! From the replicated settings to old servers that may be asked from this node.
//!
//! The settings choose servers; which of them may ever receive a password is pinned in the
//! node's own file, so that a stolen operator account cannot send passwords elsewhere.

use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use countersign_core::base::limits::{
    FORWARD_SECRET_OCTETS_MIN, FORWARD_SERVERS_MAX, FORWARD_TIMEOUT, FORWARD_TRIES,
    FORWARD_TRIES_MAX, SOURCE_TIMEOUT_MAX, SOURCE_TIMEOUT_MIN,
};
use countersign_core::base::{ClusterId, Entropy, Operations, Secret, Shown};
use countersign_core::ledger::storage;
use countersign_core::radius::{NoNumber, Number, Ungrantable};

use super::server::Server;
use crate::login::Clock;
use crate::sources::alarm::Alarms;
use crate::sources::pinned::host_port;
use crate::sources::{self, PinnedServers};

/// What the node itself brings to an old server, whatever the settings say.
#[derive(Clone)]
pub struct ForwardSurroundings {
    /// The servers that may receive passwords.
    pub pinned: PinnedServers,
    /// Whose logins are forwarded: they are marked with it.
    pub cluster: ClusterId,
    /// Chance for authenticators.
    pub chance: Arc<Mutex<dyn Entropy + Send>>,
    /// Who is told of troubles.
    pub alarms: Arc<Alarms>,
    /// What time it is, for them.
    pub clock: Arc<dyn Clock>,
    /// Where counts go.
    pub operations: Arc<dyn Operations>,
}

impl fmt::Debug for ForwardSurroundings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ForwardSurroundings")
            .field("pinned", &self.pinned)
            .finish_non_exhaustive()
    }
}

/// Why settings cannot be used on this node.
#[derive(Debug, thiserror::Error)]
pub enum ForwardConfigError {
    /// An attribute that no packet has room for.
    #[error("an allowed attribute: {0}")]
    Number(#[from] NoNumber),
    /// One that no Accept of ours may carry from elsewhere.
    #[error("an allowed attribute: {0}")]
    Attribute(#[from] Ungrantable),
    /// Too short to keep anything from whoever listens.
    #[error("the secret is shorter than {FORWARD_SECRET_OCTETS_MIN} octets")]
    Secret,
    /// Not `host[:port]`.
    #[error("the server {0} is not host[:port]")]
    Server(String),
    /// None, or more than are asked.
    #[error("there are 1 to {FORWARD_SERVERS_MAX} servers")]
    Servers,
    /// Out of bounds.
    #[error(
        "the time-out of {0} ms is not within {least} to {most} ms",
        least = SOURCE_TIMEOUT_MIN.as_millis(),
        most = SOURCE_TIMEOUT_MAX.as_millis()
    )]
    Timeout(u32),
    /// Out of bounds.
    #[error("more than {FORWARD_TRIES_MAX} tries")]
    Tries,
    /// Not among the servers that this node may send passwords to.
    #[error("the server {0} is not pinned in this node's file")]
    Unpinned(String),
}

/// Settings that have passed every check.
#[derive(Debug)]
pub(super) struct Checked {
    pub(super) servers: Vec<Server>,
    pub(super) secret: Secret,
    pub(super) timeout: Duration,
    pub(super) tries: u32,
    pub(super) allowed: Vec<Number>,
    pub(super) unsigned_replies: bool,
}

/// Checks settings against what the node allows.
pub(super) fn check(
    settings: &storage::Forward,
    secret: Secret,
    surroundings: &ForwardSurroundings,
) -> Result<Checked, ForwardConfigError> {
    if !(1..=FORWARD_SERVERS_MAX).contains(&settings.servers.len()) {
        return Err(ForwardConfigError::Servers);
    }
    if secret.len() < FORWARD_SECRET_OCTETS_MIN {
        return Err(ForwardConfigError::Secret);
    }
    let servers = settings.servers.iter();
    let servers = servers.map(|text| server(text, &surroundings.pinned));
    let tries = match settings.tries {
        0 => FORWARD_TRIES,
        tries if tries <= FORWARD_TRIES_MAX => tries,
        _ => return Err(ForwardConfigError::Tries),
    };
    Ok(Checked {
        servers: servers.collect::<Result<_, _>>()?,
        secret,
        timeout: within(settings.timeout)?,
        tries,
        allowed: allowed(settings)?,
        unsigned_replies: settings.dangerous_unsigned_replies,
    })
}

fn server(text: &str, pinned: &PinnedServers) -> Result<Server, ForwardConfigError> {
    let shown = || Shown::from(text).to_string();
    let (host, port) = host_port(text).ok_or_else(|| ForwardConfigError::Server(shown()))?;
    let port = port.unwrap_or(PORT);
    if !pinned.allows(&host, port, &[PORT]) {
        return Err(ForwardConfigError::Unpinned(shown()));
    }
    Ok(Server { host, port })
}

fn allowed(settings: &storage::Forward) -> Result<Vec<Number>, ForwardConfigError> {
    let numbers = settings.attributes.iter().map(|it| {
        let number = Number::of_parts(it.kind, it.vendor, it.vendor_kind)?;
        number.granted()?;
        Ok(number)
    });
    numbers.collect()
}

fn within(millis: u32) -> Result<Duration, ForwardConfigError> {
    match millis {
        0 => Ok(FORWARD_TIMEOUT),
        millis => sources::within::within(millis).ok_or(ForwardConfigError::Timeout(millis)),
    }
}

/// RFC 2865 §3.
const PORT: u16 = 1812;
