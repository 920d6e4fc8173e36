//! From a connection to a client: TLS, then whose certificate it is, and whether the client
//! may come from there and have another connection.

use std::io;
use std::net::SocketAddr;

use countersign_core::base::ClientId;
use countersign_core::login::Reason;
use countersign_core::radius::Version;
use rustls::server::{Acceptor, ClientHello};
use rustls::{CommonState, ProtocolVersion};
use rustls_pki_types::CertificateDer;
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;
use tokio_rustls::LazyConfigAcceptor;
use tokio_rustls::server::TlsStream;

use super::listener::House;
use crate::tls::{Place, Proof, proof};

/// A connection whose client is known.
pub(super) struct Known {
    pub(super) stream: TlsStream<TcpStream>,
    pub(super) source: SocketAddr,
    pub(super) version: Version,
    /// All in the certificate.
    pub(super) names: Vec<String>,
    pub(super) proof: Proof,
    /// Of the client's connections, and of all.
    pub(super) _places: (Place, OwnedSemaphorePermit),
}

/// Why a connection is no client's.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refused {
    #[error("no handshake")]
    Handshake(#[source] io::Error),
    #[error("no handshake in time")]
    Slow,
    #[error("RADIUS/1.1 needs TLS 1.3")]
    Version,
    #[error("the certificate cannot be read")]
    Certificate,
    #[error("{reason}, of a certificate for {}", .names.join(", "))]
    Client { reason: Reason, names: Vec<String> },
}

impl Refused {
    pub(super) const fn reason(&self) -> Reason {
        match self {
            Self::Handshake(_) | Self::Slow | Self::Version | Self::Certificate => {
                Reason::NoSession
            }
            Self::Client { reason, .. } => *reason,
        }
    }

    /// A name that was shown.
    pub(super) fn certificate(&self) -> Option<&str> {
        match self {
            Self::Client { names, .. } => names.first().map(String::as_str),
            Self::Handshake(_) | Self::Slow | Self::Version | Self::Certificate => None,
        }
    }
}

impl<A, W> House<A, W> {
    /// Shakes hands, and finds out whose they are.
    pub(super) async fn shake(
        &self,
        stream: TcpStream,
        source: SocketAddr,
    ) -> Result<Known, Refused> {
        stream.set_nodelay(true).map_err(Refused::Handshake)?;
        let hello = LazyConfigAcceptor::new(Acceptor::default(), stream).await;
        let hello = hello.map_err(Refused::Handshake)?;
        let (config, generation) = self.credentials.server(offers_tls13(&hello.client_hello()));
        let stream = hello
            .into_stream(config)
            .await
            .map_err(Refused::Handshake)?;
        let (_, session) = stream.get_ref();
        let version = version(session)?;
        let proof = proof(session, generation).map_err(|_| Refused::Certificate)?;
        let shown = session.peer_certificates().and_then(<[_]>::first);
        let names = names(shown.ok_or(Refused::Certificate)?)?;
        match self.seat(&names, source) {
            Ok(_places) => Ok(Known {
                stream,
                source,
                version,
                names,
                proof,
                _places,
            }),
            Err(reason) => Err(Refused::Client { reason, names }),
        }
    }

    fn seat(
        &self,
        names: &[String],
        source: SocketAddr,
    ) -> Result<(Place, OwnedSemaphorePermit), Reason> {
        let clients = self.clients.load();
        let (client, _) = clients.find_named(names, source.ip())?;
        let of_client = self.of_clients.take(ClientId(client.entry.id));
        let of_all = self.connections.clone().try_acquire_owned();
        of_client.zip(of_all.ok()).ok_or(Reason::Connections)
    }
}

/// A client that can speak TLS 1.3 offers suites that are of it alone (RFC 8446 §B.4).
fn offers_tls13(hello: &ClientHello<'_>) -> bool {
    let mut suites = hello.cipher_suites().iter();
    suites.any(|suite| u16::from(*suite) >> 8 == 0x13)
}

fn version(session: &CommonState) -> Result<Version, Refused> {
    let version = Version::of_alpn(session.alpn_protocol());
    let modern = session.protocol_version() == Some(ProtocolVersion::TLSv1_3);
    if version == Version::WithoutMd5 && !modern {
        return Err(Refused::Version);
    }
    Ok(version)
}

/// The DNS names and URIs of a certificate's SAN (RFC 6614 §2.4); its CN is none of them.
fn names(certificate: &CertificateDer<'_>) -> Result<Vec<String>, Refused> {
    let parsed = webpki::EndEntityCert::try_from(certificate).map_err(|_| Refused::Certificate)?;
    let dns = parsed.valid_dns_names().map(str::to_ascii_lowercase);
    let uris = parsed.valid_uri_names().map(ToOwned::to_owned);
    Ok(dns.chain(uris).take(NAMES_MAX).collect())
}

/// LIMIT: names of one certificate that are looked at.
const NAMES_MAX: usize = 64;
