//! One old server, by name or address.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use countersign_core::base::limits::FORWARD_ADDRESSES_MAX;
use tokio::net::lookup_host;
use tokio::time::{Instant, timeout_at};
use url::Host;

/// Where it is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Server {
    pub(super) host: Host<String>,
    pub(super) port: u16,
}

impl Server {
    /// Its addresses, asked anew each time; none: its name leads nowhere now.
    pub(super) async fn addresses(&self, deadline: Instant) -> Vec<SocketAddr> {
        let name = match &self.host {
            Host::Domain(name) => &**name,
            Host::Ipv4(at) => return vec![SocketAddr::new(IpAddr::V4(*at), self.port)],
            Host::Ipv6(at) => return vec![SocketAddr::new(IpAddr::V6(*at), self.port)],
        };
        let found = timeout_at(deadline, lookup_host((name, self.port))).await;
        let found = found.into_iter().flatten().flatten();
        // LIMIT: FORWARD_ADDRESSES_MAX.
        found.take(FORWARD_ADDRESSES_MAX).collect()
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}
