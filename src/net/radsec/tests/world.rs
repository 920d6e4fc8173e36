//! A RadSec listener on loopback, its authority, and clients of it.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use arc_swap::ArcSwap;
use countersign_core::base::{Secret, Timestamp};
use countersign_core::ledger::storage;
use countersign_core::login::Reason;
use countersign_core::radius::{Kind, Question, RADSEC_SECRET, Reply, Salt, Service};
use rustls::{ClientConfig, RootCertStore, SupportedCipherSuite, SupportedProtocolVersion};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::super::{Credentials, House, Limits, run};
use crate::net::clients::{Client, Clients};
use crate::net::desk::{Answer, Request};
use crate::net::room::Room;
use crate::net::witness::{Ended, Evidence, Heard, Sender, Session, Witness};
use crate::net::{Alive, radsec};
pub(super) use crate::tls::testing::{Authority, Shown};
use crate::tls::{Files, provider};

pub(super) const PATIENCE: Duration = Duration::from_secs(20);
pub(super) const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

/// Lets everybody in, once its gate is open.
pub(super) struct Judge {
    /// How many requests it was asked, and how many of them stopped waiting.
    asked: watch::Sender<(usize, usize)>,
    gate: watch::Receiver<bool>,
}

struct Waiting<'a>(&'a watch::Sender<(usize, usize)>);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.send_modify(|(_, stopped)| *stopped += 1);
    }
}

impl Answer for Judge {
    const SERVICE: Service = Service::Both;

    async fn answer(&self, request: &Request<'_>) -> Option<Vec<u8>> {
        self.asked.send_modify(|(asked, _)| *asked += 1);
        let waiting = Waiting(&self.asked);
        self.gate.clone().wait_for(|open| *open).await.unwrap();
        std::mem::forget(waiting);
        let reply = match request.packet.kind() {
            Kind::AccessRequest => Reply::Accept(&[], Salt::of([0; 2])),
            Kind::AccountingRequest => Reply::AccountingResponse,
            Kind::StatusServer => Reply::Alive,
        };
        Some(request.packet.reply(&reply).unwrap())
    }
}

/// Notes what was dropped, and what was heard.
pub(super) struct Notes(watch::Sender<Vec<(Reason, Option<String>)>>, HeardNotes);

/// What packets showed, and by which name their client was known.
pub(super) type HeardNotes = Arc<Mutex<Vec<(Evidence, Option<String>)>>>;

impl Witness for Notes {
    fn login(&self, _: &Ended<'_>) {}

    fn dropped(&self, sender: &Sender<'_>, reason: Reason) {
        let certificate = sender.certificate.map(ToOwned::to_owned);
        self.0
            .send_modify(|notes| notes.push((reason, certificate)));
    }

    fn heard(&self, heard: &Heard<'_>) {
        let certificate = heard.certificate.map(ToOwned::to_owned);
        self.1.lock().unwrap().push((heard.how, certificate));
    }

    async fn account(&self, _: Session) -> bool {
        true
    }
}

pub(super) struct World {
    pub(super) address: SocketAddr,
    pub(super) authority: Authority,
    pub(super) credentials: Arc<Credentials>,
    pub(super) clients: Arc<ArcSwap<Clients>>,
    pub(super) gate: watch::Sender<bool>,
    pub(super) alive: watch::Sender<bool>,
    pub(super) heard: HeardNotes,
    stop: watch::Sender<bool>,
    asked: watch::Receiver<(usize, usize)>,
    notes: watch::Receiver<Vec<(Reason, Option<String>)>>,
    server: Authority,
    folder: tempfile::TempDir,
    serving: JoinHandle<()>,
}

impl World {
    pub(super) async fn open() -> Self {
        Self::open_with(Limits::default()).await
    }

    pub(super) async fn open_with(limits: Limits) -> Self {
        let (authority, server) = (Authority::new("clients"), Authority::new("servers"));
        let folder = tempfile::tempdir().unwrap();
        let files = write(&folder, &server, &authority);
        let credentials = Arc::new(Credentials::load(files).unwrap());
        let clients = Arc::new(ArcSwap::from_pointee(entries("127.0.0.0/8")));
        let ((gate, open), (alive, living)) = (watch::channel(true), watch::channel(true));
        let ((asked, asking), (notes, noted)) =
            (watch::channel((0, 0)), watch::channel(Vec::new()));
        let (stop, mut stopped) = watch::channel(false);
        let heard = HeardNotes::default();
        let house = House::new(
            Arc::clone(&credentials),
            (Arc::clone(&clients), Room::new(4096)),
            (
                Arc::new(Judge { asked, gate: open }),
                Arc::new(Notes(notes, Arc::clone(&heard))),
            ),
            Alive(Arc::new(move || *living.borrow())),
            limits,
        );
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let until = async move { drop(stopped.wait_for(|it| *it).await) };
        let serving = tokio::spawn(async move {
            run(Arc::new(house), listener, until).await.unwrap();
        });
        Self {
            address,
            authority,
            credentials,
            clients,
            gate,
            alive,
            heard,
            stop,
            asked: asking,
            notes: noted,
            server,
            folder,
            serving,
        }
    }

    /// Has the listener trust another authority.
    pub(super) fn trust(&self, authority: &Authority) {
        write(&self.folder, &self.server, authority);
        self.credentials.reload(NOW).unwrap();
    }

    /// How many were asked so far.
    pub(super) fn asked(&self) -> usize {
        self.asked.borrow().0
    }

    /// Waits until so many were asked, and so many of them stopped waiting.
    pub(super) async fn reach(&self, asked: usize, stopped: usize) {
        let mut asking = self.asked.clone();
        let there = |it: &(usize, usize)| it.0 >= asked && it.1 >= stopped;
        let waited = timeout(PATIENCE, asking.wait_for(there)).await;
        assert!(waited.is_ok(), "{:?}", self.asked.borrow());
    }

    /// Waits for a drop, and whose certificate that was.
    pub(super) async fn noted(&self, reason: Reason) -> Option<String> {
        let mut notes = self.notes.clone();
        let known = |it: &Vec<(Reason, Option<String>)>| it.iter().any(|it| it.0 == reason);
        let waited = timeout(PATIENCE, notes.wait_for(known)).await;
        let notes = waited
            .unwrap_or_else(|_| panic!("{:?}", self.notes.borrow()))
            .unwrap();
        let found = notes.iter().find(|it| it.0 == reason);
        found.and_then(|it| it.1.clone())
    }

    /// Stops it, and waits until all is done.
    pub(super) async fn stop(self) {
        self.stop.send_replace(true);
        timeout(PATIENCE, self.serving).await.unwrap().unwrap();
    }

    pub(super) fn begin_stop(&self) {
        self.stop.send_replace(true);
    }

    /// The usual device, `fw1.contoso.example`.
    pub(super) fn device(&self) -> Device {
        Device::of(&self.authority, &named("fw1.contoso.example"))
    }

    pub(super) async fn dial(&self, device: &Device) -> std::io::Result<Stream> {
        device.dial(self.address, &self.server).await
    }

    /// Dials, and waits until the listener has hung up.
    pub(super) async fn is_refused(&self, device: &Device) {
        let refused = async {
            let mut stream = self.dial(device).await?;
            stream.write_all(&access(1, b"x")).await?;
            stream.0.read(&mut [0; 1]).await
        };
        match timeout(PATIENCE, refused).await.unwrap() {
            Ok(0) | Err(_) => {}
            Ok(_) => panic!("was answered"),
        }
    }
}

pub(super) struct Stream(pub(super) TlsStream<tokio::net::TcpStream>);

impl Stream {
    pub(super) async fn write_all(&mut self, octets: &[u8]) -> std::io::Result<()> {
        self.0.write_all(octets).await?;
        self.0.flush().await
    }

    /// The next reply.
    pub(super) async fn reply(&mut self) -> Vec<u8> {
        timeout(PATIENCE, async {
            let mut packet = vec![0; 4];
            self.0.read_exact(&mut packet).await.unwrap();
            let length = u16::from_be_bytes([packet[2], packet[3]]);
            packet.resize(length.into(), 0);
            self.0.read_exact(&mut packet[4..]).await.unwrap();
            packet
        })
        .await
        .unwrap()
    }

    /// Waits until the listener has hung up.
    pub(super) async fn end(&mut self) {
        let read = timeout(PATIENCE, self.0.read(&mut [0; 1])).await.unwrap();
        assert!(matches!(read, Ok(0) | Err(_)), "{read:?}");
    }
}

/// A device that dials.
pub(super) struct Device {
    pub(super) identity: Option<(String, String)>,
    pub(super) alpn: Vec<&'static [u8]>,
    pub(super) versions: Vec<&'static SupportedProtocolVersion>,
    pub(super) source: &'static str,
    /// It offers suites of versions that it does not speak.
    pub(super) is_boastful: bool,
}

impl Device {
    pub(super) fn of(authority: &Authority, shown: &Shown) -> Self {
        Self {
            identity: Some(authority.issue(shown)),
            alpn: Vec::new(),
            versions: rustls::ALL_VERSIONS.to_vec(),
            source: "127.0.0.1:0",
            is_boastful: false,
        }
    }

    async fn dial(&self, to: SocketAddr, server: &Authority) -> std::io::Result<Stream> {
        let mut roots = RootCertStore::empty();
        let root = CertificateDer::from_pem_slice(server.certificate().as_bytes()).unwrap();
        roots.add(root).unwrap();
        let mut suites = provider().as_ref().clone();
        let speaks = |suite: &SupportedCipherSuite| self.versions.contains(&suite.version());
        suites
            .cipher_suites
            .retain(|suite| self.is_boastful || speaks(suite));
        let config = ClientConfig::builder_with_provider(suites.into())
            .with_protocol_versions(&self.versions)
            .unwrap()
            .with_root_certificates(roots);
        let mut config = match &self.identity {
            None => config.with_no_client_auth(),
            Some((certificate, key)) => {
                let chain = CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap();
                let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
                config.with_client_auth_cert(vec![chain], key).unwrap()
            }
        };
        config.alpn_protocols = self.alpn.iter().map(|it| it.to_vec()).collect();
        let socket = TcpSocket::new_v4()?;
        socket.bind(self.source.parse().unwrap())?;
        let stream = socket.connect(to).await?;
        let name = ServerName::try_from("radius.contoso.example").unwrap();
        let connector = TlsConnector::from(Arc::new(config));
        Ok(Stream(connector.connect(name, stream).await?))
    }
}

/// A certificate for one DNS name.
pub(super) fn named(name: &str) -> Shown {
    Shown {
        dns: vec![name.to_owned()],
        ..Shown::default()
    }
}

/// The entries: `fw1`, who may come from `range` alone.
pub(super) fn entries(range: &str) -> Clients {
    Clients::new([Client::new(entry(range), Vec::new())])
}

pub(super) fn entry(range: &str) -> storage::Client {
    storage::Client {
        id: 1,
        name: "fw1".to_owned(),
        ranges: vec![range.to_owned()],
        certificate_names: vec![
            "fw1.contoso.example".to_owned(),
            "urn:device:fw1".to_owned(),
        ],
        ..Default::default()
    }
}

/// A historic Access-Request.
pub(super) fn access(identifier: u8, password: &[u8]) -> Vec<u8> {
    let secret = Secret::from(RADSEC_SECRET.as_bytes());
    let question = Question {
        identifier,
        authenticator: &[identifier; 16],
        secret: &secret,
    };
    let password = Secret::from(password);
    question.access_request(b"alice", &password, &[]).unwrap()
}

/// A request of RADIUS/1.1.
pub(super) fn tokened(code: u8, token: u32, attributes: &[u8]) -> Vec<u8> {
    let length = u16::try_from(20 + attributes.len()).unwrap();
    let mut packet = vec![code, 0];
    packet.extend(length.to_be_bytes());
    packet.extend(token.to_be_bytes());
    packet.extend([0; 12]);
    packet.extend(attributes);
    packet
}

fn write(folder: &tempfile::TempDir, server: &Authority, clients: &Authority) -> Files {
    let (certificate, key) = server.issue(&named("radius.contoso.example"));
    let put = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    Files {
        certificate: put("radsec.pem", &certificate),
        key: put("radsec.key", &key),
        authority: put("client-ca.pem", clients.certificate()),
    }
}

/// What is wrong with the files, by name.
pub(super) fn faults(world: &World, now: Timestamp) -> Vec<String> {
    let (wrong, _) = radsec::examine(world.credentials.files(), now);
    wrong.iter().map(ToString::to_string).collect()
}
