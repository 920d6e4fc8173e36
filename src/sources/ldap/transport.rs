//! From a server's name to a connection on which a password may be sent: name, TCP, TLS.
//!
//! Must not know: what is said on it.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::endpoint::Endpoint;
use super::settings::LdapConfigError;

/// Octets in both directions.
pub(super) trait Duplex: AsyncRead + AsyncWrite + Send + Sync + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Sync + Unpin> Duplex for T {}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub(super) enum ConnectError {
    /// No server listens, or there is no way to it.
    #[error("no connection")]
    Connect(#[source] io::Error),
    /// The time was over.
    #[error("no connection in time")]
    Late,
    /// The server's name leads nowhere.
    #[error("the name does not resolve")]
    Resolve(#[source] Arc<io::Error>),
    /// The server does not start TLS.
    #[error("the server does not start TLS (result {0})")]
    StartTls(u32),
    /// The server said something else than whether it starts TLS, or more than that: what
    /// comes before TLS may come from anyone.
    #[error("the start of TLS is disturbed")]
    Disturbed,
    /// The server's certificate or its TLS cannot be used.
    #[error("no TLS")]
    Tls(#[source] io::Error),
}

impl ConnectError {
    /// What TLS itself has against it.
    pub(super) fn rustls(&self) -> Option<&rustls::Error> {
        let Self::Tls(error) = self else {
            return None;
        };
        error.get_ref()?.downcast_ref()
    }

    /// With its causes, in one line.
    pub(super) fn chain(&self) -> String {
        let first: &dyn std::error::Error = self;
        let causes = std::iter::successors(Some(first), |error| error.source());
        let causes: Vec<_> = causes.map(ToString::to_string).collect();
        causes.join(": ")
    }
}

/// TLS that trusts the system's authorities and those of the node's file.
pub(super) fn tls(ca_file: Option<&Path>) -> Result<Arc<ClientConfig>, LdapConfigError> {
    let mut roots = RootCertStore::empty();
    // Some of the system's may be of a kind that is not understood; those trust nobody.
    let system = rustls_native_certs::load_native_certs();
    roots.add_parsable_certificates(system.certs);
    if let Some(file) = ca_file {
        let own = crate::tls::authority(file).map_err(LdapConfigError::CaFile)?;
        roots.extend(own.roots);
    }
    let config = ClientConfig::builder_with_provider(crate::tls::provider())
        .with_safe_default_protocol_versions()
        .map_err(LdapConfigError::Tls)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

/// The addresses behind the server's name.
pub(super) async fn resolve(endpoint: &Endpoint) -> Result<Vec<SocketAddr>, ConnectError> {
    let look_up = || {
        let (host, port) = (endpoint.host.clone(), endpoint.port);
        async move {
            let found = tokio::net::lookup_host((host, port)).await?;
            let found: Vec<_> = found.take(ADDRESSES_MAX).collect();
            if found.is_empty() {
                return Err(io::ErrorKind::NotFound.into());
            }
            Ok(found)
        }
    };
    let found = endpoint.addresses.find(look_up).await;
    found.map_err(ConnectError::Resolve)
}

/// A connection to the first address that takes one. The next is tried when one refuses, or
/// says nothing for a while: the name of a domain has the addresses of all its controllers.
pub(super) async fn connect(addresses: &[SocketAddr]) -> Result<TcpStream, ConnectError> {
    let mut last = io::ErrorKind::NotFound.into();
    let mut untried = addresses.iter();
    let mut trying = FuturesUnordered::new();
    loop {
        trying.extend(untried.next().map(TcpStream::connect));
        if trying.is_empty() {
            return Err(ConnectError::Connect(last));
        }
        let tried = if untried.len() == 0 {
            trying.next().await
        } else {
            timeout(STAGGER, trying.next()).await.unwrap_or(None)
        };
        match tried {
            Some(Ok(stream)) => {
                // A request is one write; waiting for more only makes it late.
                stream.set_nodelay(true).map_err(ConnectError::Connect)?;
                return Ok(stream);
            }
            Some(Err(error)) => last = error,
            None => (),
        }
    }
}

/// TLS on it, and the certificate that the server showed.
pub(super) async fn secure(
    stream: impl Duplex + 'static,
    endpoint: &Endpoint,
    tls: &Arc<ClientConfig>,
) -> Result<(Box<dyn Duplex>, Option<CertificateDer<'static>>), ConnectError> {
    let name = endpoint.name_in_certificate.clone();
    let connecting = TlsConnector::from(Arc::clone(tls)).connect(name, stream);
    let stream = connecting.await.map_err(ConnectError::Tls)?;
    let (_, session) = stream.get_ref();
    let shown = session.peer_certificates().and_then(<[_]>::first).cloned();
    Ok((Box::new(stream), shown))
}

/// How long an address that says nothing keeps the next one waiting (RFC 8305 §5).
const STAGGER: Duration = Duration::from_millis(250);
/// LIMIT: addresses of one name that are tried.
const ADDRESSES_MAX: usize = 4;

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn an_address_that_refuses_is_passed_over() {
        let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addresses = [&taken, &listener].map(|it| it.local_addr().unwrap());
        drop(taken);
        let stream = connect(&addresses).await.unwrap();
        assert_eq!(stream.peer_addr().unwrap(), addresses[1]);
        drop(listener);
        let refused = connect(&addresses).await.unwrap_err();
        assert!(matches!(refused, ConnectError::Connect(_)), "{refused}");
        assert!(connect(&[]).await.is_err());
    }

    /// Its queue is full: it neither takes nor refuses more.
    #[tokio::test]
    async fn an_address_that_says_nothing_does_not_keep_the_next_one_waiting() {
        let full = tokio::net::TcpSocket::new_v4().unwrap();
        full.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let full = full.listen(0).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addresses = [&full, &listener].map(|it| it.local_addr().unwrap());
        let mut crowd = Vec::new();
        while let Ok(Ok(one)) = timeout(STAGGER, TcpStream::connect(addresses[0])).await {
            crowd.push(one);
        }
        let connecting = timeout(STAGGER * 20, connect(&addresses));
        let stream = connecting.await.unwrap().unwrap();
        assert_eq!(stream.peer_addr().unwrap(), addresses[1]);
    }
}
