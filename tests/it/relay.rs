//! Logins and attempt keys between two nodes, over real links.

mod rests;

use std::future::Future;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use countersign::login::{
    Alone, Answer, Clock, Ledger, Logins, Neighbours, NoMessenger, Parts, PasswordSource,
    ProposeError, Question,
};
use countersign::node::{Authority, SystemClock, SystemEntropy};
use countersign::peers::wire::logins_client::LoginsClient;
use countersign::peers::wire::{AttemptKeysRequest, LoginRequest};
use countersign::peers::{Credentials, Gate, Links, PeerName, Refusals, serve};
use countersign::relay::{
    Neighbourhood, OverLinks, Reign, Role, Sets, Standing, Unanswered, add_service,
};
use countersign::tls::Files;
use countersign_core::base::{
    Boot, ClientId, ClusterId, KeyId, NodeId, Secret, SeededEntropy, Timestamp, Unobserved,
};
use countersign_core::ledger::{Command, MemoryTables, Outcome, Table, Write, storage};
use countersign_core::login::{AttemptMacs, Call, Caller, Decision, Reason, Request, Secrets};
use countersign_core::seal::{DataKey, Keyring, MacKey, Purpose};
use prost::Message;
use tokio::net::TcpListener;
use tokio::time::Instant;
use tonic::service::Routes;

type NodeLogins = Logins<Facts, Nobody, SystemClock>;

const CLUSTER: ClusterId = ClusterId([9; 16]);
const FIRST: NodeId = NodeId(1);
const SECOND: NodeId = NodeId(2);
const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

/// Tables with one client and no user; nothing can be recorded.
struct Facts;

impl Ledger for Facts {
    type View = MemoryTables;

    fn view(&self) -> MemoryTables {
        let client = storage::Client {
            id: 1,
            factors: storage::Factors::Code.into(),
            revision: 1,
            ..storage::Client::default()
        };
        let mut tables = MemoryTables::default();
        let key = 1u64.to_be_bytes().to_vec();
        tables.write(vec![Write::Put(
            Table::Clients,
            key,
            client.encode_to_vec(),
        )]);
        tables
    }

    async fn propose(&self, _: Command, _: Duration) -> Result<Outcome, ProposeError> {
        Err(ProposeError::NotProposed)
    }

    fn standing(&self) -> Option<Timestamp> {
        Some(NOW)
    }

    fn progress(&self) -> impl Future<Output = ()> + Send {
        std::future::pending()
    }
}

struct Nobody;

impl PasswordSource for Nobody {
    async fn ask(&self, _: Question) -> Answer {
        panic!("nobody is asked");
    }
}

/// The first node, which follows the second.
struct Follower(String, AtomicU64);

impl Reign for Follower {
    fn standing(&self) -> Standing {
        Standing {
            role: Role::Following(SECOND),
            term: 1,
            now: NOW,
            in_contact: true,
            peers: vec![(SECOND, self.0.clone())],
        }
    }

    fn attempt_keys(&self) -> u64 {
        self.1.load(Ordering::Relaxed)
    }

    fn name_attempt_keys(&self, _: u64) {}

    fn changed(&self) -> impl Future<Output = ()> + Send {
        std::future::pending()
    }
}

struct Street {
    folder: tempfile::TempDir,
    authority: Authority,
}

impl Street {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().expect("the set-up of the test"),
            authority: Authority::new("test peers", SystemClock.wall())
                .expect("the set-up of the test"),
        }
    }

    fn credentials(&self, node: NodeId) -> Arc<Credentials> {
        let own = PeerName {
            cluster: CLUSTER,
            node,
        };
        let certificate = self.authority.peer(own).expect("the set-up of the test");
        let write = |name: &str, octets: &[u8]| -> PathBuf {
            let path = Path::new(self.folder.path()).join(format!("{node}-{name}"));
            std::fs::write(&path, octets).expect("the set-up of the test");
            path
        };
        let files = Files {
            certificate: write("certificate", certificate.chain.as_bytes()),
            key: write("key", certificate.key.expose()),
            authority: write("authority", self.authority.certificate().as_bytes()),
        };
        Arc::new(Credentials::load(own, files).expect("the set-up of the test"))
    }

    /// Serves the second node's logins to peers that the gate lets in.
    async fn serve(&self, logins: NodeLogins, gate: Gate) -> SocketAddr {
        let routes = add_service(Routes::default(), Arc::new(logins.into()));
        self.serve_routes(routes, gate).await
    }

    /// Serves what the second node has for peers.
    async fn serve_routes(&self, routes: Routes, gate: Gate) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .expect("the set-up of the test");
        let address = listener.local_addr().expect("the set-up of the test");
        let served = serve(
            listener,
            self.credentials(SECOND),
            routes,
            gate,
            Arc::new(Refusals::new(Arc::new(Unobserved))),
            std::future::pending(),
        );
        tokio::spawn(served);
        address
    }

    fn links(&self) -> Arc<Links> {
        Arc::new(Links::new(self.credentials(FIRST)))
    }
}

fn logins() -> NodeLogins {
    let mut entropy = SeededEntropy::new(1);
    let key = DataKey::draw(KeyId(1), Purpose::Fields, &mut entropy);
    Logins::new(Parts {
        ledger: Facts,
        source: Nobody,
        neighbours: Arc::new(Alone),
        messenger: Arc::new(NoMessenger),
        clock: SystemClock,
        entropy: Box::new(SystemEntropy),
        secrets: Secrets {
            cluster: CLUSTER,
            keyring: Keyring::new([key], KeyId(1)).expect("the set-up of the test"),
            places: MacKey::draw(&mut entropy),
        },
        node: SECOND,
        boot: Boot(1),
    })
}

fn keys() -> AttemptMacs {
    AttemptMacs::draw(5, NOW, &mut SeededEntropy::new(2))
}

fn request() -> Request {
    Request {
        client: ClientId(1),
        client_revision: 1,
        user_name: b"nobody".to_vec(),
        password: Secret::from(b"123456".as_slice()),
        state: None,
        response: None,
        proven: true,
        caller: Caller::default(),
        arrived: NOW,
        call: Call::default(),
    }
}

fn members() -> Gate {
    Arc::new(|node| node == FIRST)
}

#[tokio::test]
async fn a_peer_that_may_judge_takes_a_login_and_one_that_may_not_refuses_at_once() {
    let (street, second) = (Street::new(), logins());
    let address = street.serve(second.clone(), members()).await;
    let reign = Follower(address.to_string(), AtomicU64::new(5));
    let first = Neighbourhood::new(Arc::new(reign), street.links());
    let request = request();
    let link = street.links().to(SECOND, &address.to_string());
    let mut peer = LoginsClient::new(link);
    let mut asked = LoginRequest::default();
    asked.client = request.client.0;
    asked.user_name.clone_from(&request.user_name);
    asked.remaining = 60_000;
    let refused = peer.hand_over(asked).await.map(drop).unwrap_err();
    assert_eq!(refused.code(), tonic::Code::Unavailable);
    assert_eq!(refused.message(), "this node may not judge now");
    let deadline = Instant::now() + PATIENCE;
    let refused = first.hand_over(&request, &[], deadline).await;
    assert!(refused.is_none(), "it has no attempt keys yet");
    second.adopt_attempt_keys(keys());
    // One that has just refused is left alone for a moment.
    let taken = loop {
        if let Some(taken) = first.hand_over(&request, &[], deadline).await {
            break taken;
        }
        assert!(Instant::now() < deadline, "never asked again");
        tokio::time::sleep(Duration::from_millis(10)).await;
    };
    let outcome = taken.await.unwrap();
    assert_eq!(outcome.decision, Decision::Reject);
    assert_eq!(outcome.reason, Reason::UnknownUser);
    assert_eq!(outcome.judged_by, Some(SECOND));
    assert_eq!(outcome.client, ClientId(1));
    let no_time = first.hand_over(&request, &[], Instant::now()).await;
    assert!(no_time.is_none());
}

/// What the second node holds; a busy machine may take longer than a link waits.
async fn answered(sets: &OverLinks, address: &str) -> Option<AttemptMacs> {
    let begun = Instant::now();
    loop {
        match sets.of(SECOND, address).await {
            Ok(held) => return held,
            Err(Unanswered) => assert!(begun.elapsed() < PATIENCE, "never answered"),
        }
    }
}

#[tokio::test]
async fn keys_are_handed_to_members_alone() {
    let (street, second) = (Street::new(), logins());
    let address = street.serve(second.clone(), members()).await.to_string();
    let sets = OverLinks(street.links());
    assert_eq!(answered(&sets, &address).await, None);
    second.adopt_attempt_keys(keys());
    assert_eq!(answered(&sets, &address).await, Some(keys()));
    let strangers: Gate = Arc::new(|_| false);
    let address = street.serve(second, strangers).await.to_string();
    assert_eq!(sets.of(SECOND, &address).await, Err(Unanswered));
}

#[tokio::test]
async fn keys_are_not_handed_out_over_a_listener_that_proves_nobody() {
    let second = logins();
    second.adopt_attempt_keys(keys());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let incoming = tonic::transport::server::TcpIncoming::from(listener);
    let plain = tonic::transport::Server::builder()
        .add_routes(add_service(Routes::default(), Arc::new(second.into())));
    tokio::spawn(plain.serve_with_incoming(incoming));
    let mut stranger = LoginsClient::connect(format!("http://{address}"))
        .await
        .unwrap();
    let refused = stranger.get_attempt_keys(AttemptKeysRequest {}).await;
    assert_eq!(refused.unwrap_err().code(), tonic::Code::PermissionDenied);
}

/// Many times what anything takes here.
const PATIENCE: Duration = Duration::from_secs(60);
