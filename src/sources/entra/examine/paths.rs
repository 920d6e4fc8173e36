//! The first step: the name, and a connection to it or to the proxy before it.

use std::net::SocketAddr;

use tokio::net::{TcpStream, lookup_host};
use url::Url;

use super::{green, red, within};
use crate::sources::Finding;
use crate::sources::entra::Entra;

impl Entra {
    pub(super) async fn find_way(&self) -> Finding {
        let far = &self.places.hosts.authority;
        let (near, what) = match &self.way.proxy {
            Some(proxy) => (proxy, "the proxy"),
            None => (far, "the authority"),
        };
        let host = near.host_str().unwrap_or_default();
        let port = near.port_or_known_default().unwrap_or_default();
        let Some(addresses) = addresses(near).await else {
            let found = format!("{what} {host} has no address");
            return red(STEP, found, "check the spelling, and DNS on this node");
        };
        let count = addresses.len();
        match within(connected(&addresses)).await.flatten() {
            Some(address) => green(
                STEP,
                format!("{what} {host} has {count} addresses; {address} takes connections"),
            ),
            None => red(
                STEP,
                format!("{what} {host} has {count} addresses; none takes connections"),
                format!("open port {port} to {host} in firewalls, or name a proxy"),
            ),
        }
    }
}

/// `None`: no name, no address, or none in time.
async fn addresses(url: &Url) -> Option<Vec<SocketAddr>> {
    let host = url
        .host_str()?
        .trim_start_matches('[')
        .trim_end_matches(']');
    let found = within(lookup_host((host, url.port_or_known_default()?))).await?;
    // LIMIT: more addresses than anyone has; each may cost time.
    let found: Vec<_> = found.ok()?.take(ADDRESSES_MAX).collect();
    (!found.is_empty()).then_some(found)
}

/// The first that takes a connection.
async fn connected(addresses: &[SocketAddr]) -> Option<SocketAddr> {
    for address in addresses {
        if TcpStream::connect(address).await.is_ok() {
            return Some(*address);
        }
    }
    None
}

const STEP: &str = "name and connection";
const ADDRESSES_MAX: usize = 16;
