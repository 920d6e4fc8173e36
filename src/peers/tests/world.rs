//! A listener of node 1 on loopback, its authority, and ways to it.

use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use countersign_core::base::{ClusterId, NodeId, Operations, Timestamp};
use rustls::{ClientConfig, SupportedProtocolVersion};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tonic::metadata::MetadataValue;
use tonic::service::Routes;
use tonic::transport::Endpoint;
use tonic::{Code, Request, Response, Status};
use tower::Service as _;

use super::super::handshakes::Door;
use super::super::serve::serve_behind;
use super::super::verify::OnePeer;
use super::super::wire::standing_client::StandingClient;
use super::super::wire::standing_server::{Standing, StandingServer};
use super::super::wire::{CompareReply, CompareRequest, NodeStatus, StatusRequest};
use super::super::{Caller, Credentials, Links, PROTOCOL_HEADER, PeerName, Refusals};
pub(super) use crate::tls::testing::{Authority, Identity, Shown};
use crate::tls::{Bounds, Files};

pub(super) const CLUSTER: ClusterId = ClusterId([7; 16]);

/// The name of a node in a certificate.
pub(super) fn uri(cluster: ClusterId, node: u16) -> String {
    let node = NodeId(node);
    PeerName { cluster, node }.to_string()
}

/// What a peer's certificate says.
pub(super) fn peer(uri: String) -> Shown {
    Shown {
        uris: vec![uri],
        ..Shown::default()
    }
}

/// Counts of refusals, for tests to wait for.
#[derive(Debug)]
pub(super) struct Counts(watch::Sender<HashMap<&'static str, u64>>);

impl Counts {
    pub(super) fn of(&self, label: &str) -> u64 {
        self.0.borrow().get(label).copied().unwrap_or(0)
    }

    /// Waits until so many were refused for this, and not one more.
    pub(super) async fn reach(&self, label: &str, count: u64) {
        let mut counts = self.0.subscribe();
        let there = |it: &HashMap<_, _>| it.get(label).is_some_and(|it| *it >= count);
        let waited = tokio::time::timeout(PATIENCE, counts.wait_for(there)).await;
        assert!(waited.is_ok(), "{label} {count}: {:?}", self.0.borrow());
        drop(waited);
        assert_eq!(self.of(label), count, "{:?}", self.0.borrow());
    }
}

impl Operations for Counts {
    fn count(&self, name: &'static str, label: &'static str) {
        assert_eq!(name, "peer_calls_refused");
        let add = |counts: &mut HashMap<_, u64>| *counts.entry(label).or_default() += 1;
        self.0.send_modify(add);
    }

    fn time(&self, _: &'static str, _: &'static str, _: Duration) {}
    fn level(&self, _: &'static str, _: &'static str, _: u64) {}
}

/// Tells callers who they are.
struct Mirror;

#[tonic::async_trait]
impl Standing for Mirror {
    async fn get_status(
        &self,
        request: Request<StatusRequest>,
    ) -> Result<Response<NodeStatus>, Status> {
        let Some(Caller(node)) = request.extensions().get() else {
            return Err(Status::internal("nobody"));
        };
        Ok(Response::new(NodeStatus {
            node: node.0.into(),
            ..NodeStatus::default()
        }))
    }

    async fn compare(&self, _: Request<CompareRequest>) -> Result<Response<CompareReply>, Status> {
        Err(Status::unimplemented("a mirror has no clock"))
    }
}

/// Node 1, that nodes 2 and 3 may call.
pub(super) struct House {
    pub(super) authority: Authority,
    pub(super) counts: Arc<Counts>,
    pub(super) refusals: Arc<Refusals>,
    pub(super) credentials: Arc<Credentials>,
    pub(super) address: SocketAddr,
    members: Arc<Mutex<BTreeSet<u16>>>,
    links: HashMap<u16, Links>,
    serving: JoinHandle<()>,
    folder: tempfile::TempDir,
}

impl House {
    pub(super) async fn open() -> Self {
        Self::open_with(Bounds::default()).await
    }

    pub(super) async fn open_with(bounds: Bounds) -> Self {
        let (mut house, serve) = Self::unserved(bounds).await;
        house.serving = tokio::spawn(serve);
        house
    }

    /// A house that strangers find, and what serves its peers once it is polled.
    pub(super) async fn unserved(bounds: Bounds) -> (Self, impl Future<Output = ()> + Send) {
        let folder = tempfile::tempdir().unwrap();
        let authority = Authority::new("peers");
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let counts = Arc::new(Counts(watch::Sender::default()));
        let refusals = Arc::new(Refusals::new(Arc::clone(&counts) as _));
        let members = Arc::new(Mutex::new(BTreeSet::from([2, 3])));
        let own = credentials(&folder, &authority, 1);
        let asked = Arc::clone(&members);
        let door = Door {
            refusals: Arc::clone(&refusals),
            credentials: Arc::clone(&own),
            gate: Arc::new(move |node: NodeId| asked.lock().unwrap().contains(&node.0)),
            bounds,
        };
        let routes = Routes::new(StandingServer::new(Mirror));
        let never = std::future::pending();
        let served = serve_behind(door, listener, routes, never);
        let link = |node| (node, Links::new(credentials(&folder, &authority, node)));
        let links = [2, 3].map(link).into();
        let house = Self {
            authority,
            counts,
            refusals,
            credentials: own,
            address,
            members,
            links,
            serving: tokio::spawn(async {}),
            folder,
        };
        (house, async { served.await.unwrap() })
    }

    /// Has the listener trust another authority, or the same one anew.
    pub(super) fn trust(&self, authority: &Authority) {
        credentials(&self.folder, authority, 1);
        self.credentials.reload(NOW).unwrap();
    }

    pub(super) fn links(&self, node: u16) -> &Links {
        &self.links[&node]
    }

    pub(super) fn remove(&self, node: u16) {
        self.members.lock().unwrap().remove(&node);
    }

    /// A call of a peer; what the listener takes it for.
    pub(super) async fn call(&self, node: u16) -> Result<u32, Status> {
        self.call_at(node, &self.address.to_string()).await
    }

    /// The same by another address.
    pub(super) async fn call_at(&self, node: u16, address: &str) -> Result<u32, Status> {
        let begun = Instant::now();
        loop {
            // A busy machine may take longer than a link waits for its connection.
            match self.ask_at(node, NodeId(1), address).await {
                Err(status) if status.code() == Code::Unavailable && begun.elapsed() < PATIENCE => {
                }
                other => return other,
            }
        }
    }

    /// A call where `expected` is dialled; once.
    pub(super) async fn call_as(&self, node: u16, expected: NodeId) -> Result<u32, Status> {
        self.ask_at(node, expected, &self.address.to_string()).await
    }

    async fn ask_at(&self, node: u16, expected: NodeId, address: &str) -> Result<u32, Status> {
        let link = self.links(node).to(expected, address);
        let call = StandingClient::new(link);
        let status = asked(call, Request::new(StatusRequest {})).await?;
        Ok(status.node)
    }

    /// A call of node 2 under another number of the protocol, or none.
    pub(super) async fn call_speaking(&self, number: Option<&'static str>) -> Result<(), Status> {
        let expected = PeerName {
            cluster: CLUSTER,
            node: NodeId(1),
        };
        let config = credentials(&self.folder, &self.authority, 2).client(expected);
        let ((config, _), address) = (config.unwrap(), self.address);
        let connector = tower::service_fn(move |_| {
            let connector = TlsConnector::from(Arc::clone(&config));
            async move {
                let stream = TcpStream::connect(address).await?;
                let name = ServerName::try_from("peer").unwrap();
                let stream = connector.connect(name, stream).await?;
                Ok::<_, std::io::Error>(hyper_util::rt::TokioIo::new(stream))
            }
        });
        let channel = Endpoint::from_static("http://peer").connect_with_connector_lazy(connector);
        let mut request = Request::new(StatusRequest {});
        if let Some(number) = number {
            let number = MetadataValue::from_static(number);
            request.metadata_mut().insert(PROTOCOL_HEADER, number);
        }
        asked(StandingClient::new(channel), request).await.map(drop)
    }

    /// Octets of a member in place of a call's messages; what it is told.
    pub(super) async fn send(&self, node: u16, octets: &'static str) -> Code {
        let mut link = self.links(node).to(NodeId(1), &self.address.to_string());
        let request = http::Request::post("/countersign.peer.v1.Standing/GetStatus")
            .header("content-type", "application/grpc")
            .body(tonic::body::Body::new(octets.to_owned()));
        poll_fn(|context| {
            tower::Service::<http::Request<tonic::body::Body>>::poll_ready(&mut link, context)
        })
        .await
        .unwrap();
        let answer = tokio::time::timeout(PATIENCE, link.call(request.unwrap())).await;
        let answer = answer.expect("an answer in time").unwrap();
        let status = Status::from_header_map(answer.headers());
        status.expect("it is refused at once").code()
    }

    /// How a stranger dials who trusts the listener.
    pub(super) fn dialling(
        &self,
        identity: Option<Identity>,
        version: &'static SupportedProtocolVersion,
    ) -> ClientConfig {
        let roots = roots(&self.authority);
        let provider = crate::tls::provider();
        let verifier = OnePeer {
            expected: PeerName {
                cluster: CLUSTER,
                node: NodeId(1),
            },
            anchors: roots.roots.into(),
            provider: Arc::clone(&provider),
        };
        let config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[version])
            .unwrap()
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier));
        let Some((certificate, key)) = identity else {
            return config.with_no_client_auth();
        };
        let chain = vec![CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()];
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
        config.with_client_auth_cert(chain, key).unwrap()
    }

    /// A connection of a member that says nothing once it is there.
    pub(super) async fn dial(&self, node: u16) -> TlsStream<TcpStream> {
        let identity = self.authority.issue(&peer(uri(CLUSTER, node)));
        let config = self.dialling(Some(identity), &rustls::version::TLS13);
        let stream = TcpStream::connect(self.address).await.unwrap();
        let connector = TlsConnector::from(Arc::new(config));
        let name = ServerName::try_from("peer").unwrap();
        connector.connect(name, stream).await.unwrap()
    }

    /// Dials, and waits until the listener closes: whoever is served would wait for ever.
    pub(super) async fn dial_to_the_end(&self, config: ClientConfig) {
        let stream = TcpStream::connect(self.address).await.unwrap();
        let name = ServerName::try_from("peer").unwrap();
        let dial = async {
            let connector = TlsConnector::from(Arc::new(config));
            if let Ok(mut stream) = connector.connect(name, stream).await {
                let mut octets = Vec::new();
                drop(stream.read_to_end(&mut octets).await);
            }
        };
        let ended = tokio::time::timeout(PATIENCE, dial).await;
        assert!(ended.is_ok(), "a stranger is kept");
    }
}

impl Drop for House {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn asked<T>(
    mut client: StandingClient<T>,
    request: Request<StatusRequest>,
) -> Result<NodeStatus, Status>
where
    T: tonic::client::GrpcService<tonic::body::Body>,
    T::Error: Into<tonic::codegen::StdError>,
    T::ResponseBody: http_body::Body<Data = bytes::Bytes> + Send + 'static,
    <T::ResponseBody as http_body::Body>::Error: Into<tonic::codegen::StdError> + Send,
{
    let answer = tokio::time::timeout(PATIENCE, client.get_status(request)).await;
    Ok(answer.expect("an answer in time")?.into_inner())
}

fn roots(authority: &Authority) -> rustls::RootCertStore {
    let mut roots = rustls::RootCertStore::empty();
    let certificate = CertificateDer::from_pem_slice(authority.certificate().as_bytes());
    roots.add(certificate.unwrap()).unwrap();
    roots
}

fn credentials(folder: &tempfile::TempDir, authority: &Authority, node: u16) -> Arc<Credentials> {
    let own = PeerName {
        cluster: CLUSTER,
        node: NodeId(node),
    };
    let (certificate, key) = authority.issue(&peer(own.to_string()));
    let write = |name: &str, text: &str| {
        let path = folder.path().join(format!("{name}-{node}"));
        fs::write(&path, text).unwrap();
        path
    };
    let files = Files {
        certificate: write("certificate", &certificate),
        key: write("key", &key),
        authority: write("authority", authority.certificate()),
    };
    Arc::new(Credentials::load(own, files).unwrap())
}

const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);
const PATIENCE: Duration = Duration::from_secs(20);
