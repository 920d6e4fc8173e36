//! Links to peers: one channel each, dialled when first used and again whenever it broke.
//!
//! The name is resolved anew on each connect: a pod comes back under another address.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use countersign_core::base::{NodeId, Timestamp};
use hyper_util::rt::TokioIo;
use rustls::CertificateError;
use rustls_pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tonic::metadata::MetadataValue;
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint, Uri};
use tonic::{Request, Status};

use super::credentials::Credentials;
use super::name::PeerName;
use super::trusted::Trusted;
use super::{PROTOCOL, PROTOCOL_HEADER};
use crate::tls::proof;

/// A link, ready for a service's client.
pub type Link = InterceptedService<Channel, Protocol>;

/// The links of a node.
#[derive(Debug)]
pub struct Links {
    credentials: Arc<Credentials>,
    table: Mutex<HashMap<(NodeId, String), Known>>,
}

#[derive(Debug)]
struct Known {
    channel: Channel,
    standing: Arc<Mutex<LinkStanding>>,
}

/// How a link does, for operators.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct LinkStanding {
    /// The last attempt to connect was good.
    pub connected: bool,
    /// Why the last bad one was.
    pub fault: String,
}

/// Names the protocol's number in each call.
#[derive(Clone, Copy, Debug)]
pub struct Protocol;

impl Interceptor for Protocol {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        let number = MetadataValue::from(PROTOCOL);
        request.metadata_mut().insert(PROTOCOL_HEADER, number);
        Ok(request)
    }
}

impl Links {
    /// None yet.
    #[must_use]
    pub fn new(credentials: Arc<Credentials>) -> Self {
        Self {
            credentials,
            table: Mutex::default(),
        }
    }

    /// When the certificate that this node shows ends.
    #[must_use]
    pub fn expires(&self) -> Timestamp {
        self.credentials.expires()
    }

    /// The link to `node` at `address`, a DNS name and port. Must be called on the runtime
    /// that is to drive it. A call over it fails at once while there is no connection and
    /// none can be made.
    #[must_use]
    pub fn to(&self, node: NodeId, address: &str) -> Link {
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        let known = table
            .entry((node, address.to_owned()))
            .or_insert_with(|| self.open(node, address));
        InterceptedService::new(known.channel.clone(), Protocol)
    }

    /// How the link to `node` does; `None`: it was never used.
    #[must_use]
    pub fn standing(&self, node: NodeId) -> Option<LinkStanding> {
        let table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        let known = table.iter().find(|((other, _), _)| *other == node);
        known.map(|(_, known)| {
            let standing = known.standing.lock();
            standing.unwrap_or_else(PoisonError::into_inner).clone()
        })
    }

    fn open(&self, node: NodeId, address: &str) -> Known {
        let standing = Arc::new(Mutex::new(LinkStanding::default()));
        let dialler = Dialler {
            credentials: Arc::clone(&self.credentials),
            node,
            address: address.to_owned(),
        };
        let told = Arc::clone(&standing);
        let connector = tower::service_fn(move |_: Uri| {
            let (dialler, told) = (dialler.clone(), Arc::clone(&told));
            async move {
                let dialled = dialler.dial().await;
                let mut standing = told.lock().unwrap_or_else(PoisonError::into_inner);
                standing.connected = dialled.is_ok();
                if let Err(error) = &dialled {
                    standing.fault = readable(error);
                }
                dialled.map(TokioIo::new)
            }
        });
        // The address is the dialler's; this one only has to be well-formed.
        let channel = Endpoint::from_static("http://peer")
            .http2_keep_alive_interval(KEEPALIVE)
            .keep_alive_timeout(KEEPALIVE)
            .keep_alive_while_idle(true)
            .buffer_size(CALLS_WAITING_MAX)
            .connect_with_connector_lazy(connector);
        Known { channel, standing }
    }
}

#[derive(Clone, Debug)]
struct Dialler {
    credentials: Arc<Credentials>,
    node: NodeId,
    address: String,
}

impl Dialler {
    async fn dial(&self) -> io::Result<Trusted<TlsStream<TcpStream>>> {
        let connected = timeout(CONNECT_TIME_MAX, self.connect()).await;
        connected.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
    }

    async fn connect(&self) -> io::Result<Trusted<TlsStream<TcpStream>>> {
        let stream = TcpStream::connect(&self.address).await?;
        stream.set_nodelay(true)?;
        let expected = PeerName {
            cluster: self.credentials.own().cluster,
            node: self.node,
        };
        let config = self.credentials.client(expected);
        let (config, generation) = config.map_err(io::Error::other)?;
        let connector = TlsConnector::from(config);
        // Sent to nobody who looks at it: the verifier goes by the URI.
        let name = ServerName::try_from("peer").map_err(io::Error::other)?;
        let stream = connector.connect(name, stream).await?;
        let proof = proof(stream.get_ref().1, generation).map_err(io::Error::other)?;
        Ok(Trusted::new(stream, Arc::clone(&self.credentials), proof))
    }
}

/// What an operator can read. rustls prints our own causes as code.
fn readable(error: &io::Error) -> String {
    let inner = error.get_ref().and_then(|it| it.downcast_ref());
    match inner {
        Some(rustls::Error::InvalidCertificate(CertificateError::Other(cause))) => {
            cause.0.to_string()
        }
        _ => error.to_string(),
    }
}

/// TCP and TLS together.
const CONNECT_TIME_MAX: Duration = Duration::from_millis(1000);
/// A peer that does not answer a ping for so long is taken for gone, and dialled anew.
const KEEPALIVE: Duration = Duration::from_secs(1);
/// Calls that may wait for one link.
const CALLS_WAITING_MAX: usize = 1024;
