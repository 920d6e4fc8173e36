//! Makes a connection to whichever server takes one.
//!
//! Must not know: who will be bound on it.

use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use tokio::time::Instant;

use super::connection::{ANSWER_TIME_MIN, Connection};
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
    /// any of them but what makes a connection, and there is time left for an answer on it.
    pub(super) async fn dial(&self, deadline: Instant) -> Result<Connection, LookupError> {
        self.dial_some(|_| true, deadline).await
    }

    /// The same, to none but those that may be tried.
    pub(super) async fn dial_some(
        &self,
        may_try: impl Fn(usize) -> bool,
        deadline: Instant,
    ) -> Result<Connection, LookupError> {
        let latest = deadline.checked_sub(ANSWER_TIME_MIN);
        let deadline = latest.ok_or(LookupError::Unreachable)?;
        let order = self.servers.order(Instant::now()).into_iter();
        for (at, endpoint) in order.filter(|(at, _)| may_try(*at)) {
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

    /// A server took a connection and then did not answer on it: others are asked first, but
    /// what was asked here is asked of nobody again.
    pub(super) fn blame(&self, connection: &Connection) {
        if connection.is_at_fault() {
            self.broke(connection.server);
        }
    }

    /// A server says that it cannot now: others are asked first.
    pub(super) fn broke(&self, server: usize) {
        self.servers.failed(server, Instant::now());
    }
}

#[cfg(test)]
mod tests {
    use rustls_pki_types::ServerName;
    use tokio::io::duplex;

    use super::*;
    use crate::sources::ldap::addresses::Addresses;
    use crate::sources::ldap::endpoint::Security;
    use crate::sources::ldap::transport;

    fn dialler() -> Dialler {
        let endpoint = |port| Endpoint {
            security: Security::ClearText,
            host: "192.0.2.1".to_owned(),
            port,
            name_in_certificate: ServerName::from(std::net::Ipv4Addr::LOCALHOST),
            addresses: Addresses::default(),
        };
        Dialler {
            servers: Servers::new(vec![endpoint(1), endpoint(2)]),
            tls: transport::tls(None).expect("no file is read"),
            connect_timeout: Duration::from_secs(1),
        }
    }

    /// Which server comes first after the first one was asked, and silent for so long.
    async fn first_after(patience: Duration) -> usize {
        let dialler = dialler();
        let (ours, _theirs) = duplex(4096);
        let mut connection = Connection::new(Box::new(ours), None);
        let bound = connection.bind("svc", b"pa55", Instant::now() + patience);
        assert!(bound.await.is_err());
        dialler.blame(&connection);
        dialler.servers.order(Instant::now())[0].0
    }

    #[tokio::test(start_paused = true)]
    async fn only_a_server_that_had_time_for_an_answer_is_blamed() {
        assert_eq!(
            first_after(ANSWER_TIME_MIN - Duration::from_millis(1)).await,
            0
        );
        assert_eq!(first_after(ANSWER_TIME_MIN).await, 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_breaks_off_is_blamed_at_once() {
        let dialler = dialler();
        let (ours, theirs) = duplex(4096);
        drop(theirs);
        let mut connection = Connection::new(Box::new(ours), None);
        let bound = connection.bind("svc", b"pa55", Instant::now() + ANSWER_TIME_MIN);
        assert!(bound.await.is_err());
        dialler.blame(&connection);
        assert_eq!(dialler.servers.order(Instant::now())[0].0, 1);
    }
}
