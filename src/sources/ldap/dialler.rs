//! Makes a connection to whichever server takes one.
//!
//! Must not know: who will be bound on it.

use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use tokio::time::Instant;

use super::connection::Connection;
use super::endpoint::Endpoint;
use super::transport::ConnectError;
use crate::sources::account::LookupError;
use crate::sources::servers::Servers;

/// The servers, and how to reach them.
#[derive(Debug)]
pub(super) struct Dialler {
    pub(super) servers: Servers<Endpoint>,
    pub(super) tls: Arc<ClientConfig>,
    pub(super) connect_timeout: Duration,
}

impl Dialler {
    /// Connects to one server after the other until one takes it. Nothing has been sent to
    /// any of them but what makes a connection.
    pub(super) async fn dial(&self, deadline: Instant) -> Result<Connection, LookupError> {
        for (at, endpoint) in self.servers.order(Instant::now()) {
            let now = Instant::now();
            if now >= deadline {
                break;
            }
            let until = if self.servers.all().len() == 1 {
                deadline
            } else {
                deadline.min(now + self.connect_timeout)
            };
            match Connection::open(endpoint, &self.tls, until).await {
                Ok(mut connection) => {
                    self.servers.worked(at);
                    connection.server = at;
                    return Ok(connection);
                }
                // It was not the server that was short of time.
                Err(ConnectError::Late) if until == deadline => (),
                Err(error) => {
                    self.servers.failed(at, Instant::now());
                    let error = error.chain();
                    tracing::debug!(%endpoint, error, "no connection to the directory");
                }
            }
        }
        Err(LookupError::Unreachable)
    }

    /// A server took a connection and then did not answer on it, or said that it cannot now:
    /// others are asked first, but what was asked here is asked of nobody again.
    pub(super) fn broke(&self, server: usize) {
        self.servers.failed(server, Instant::now());
    }
}
