//! `countersign-demo commits`: what a commit alone costs, to hold a login against.
//!
//! Three nodes in one process, with the product's own links and stores, and one command at
//! a time: as large as a login's, and refused by the tables without a look at anything.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, ensure};
use countersign::consensus::{Config, Consensus, Lead, Peers, Ports, Timing, abort};
use countersign::login::{Clock, Ledger};
use countersign::node::{Authority, SystemClock, SystemEntropy};
use countersign::peers::{self, Credentials, Links, PeerName, Refusals};
use countersign::tls::Files;
use countersign_core::base::limits::COMMAND_LIFE;
use countersign_core::base::{
    AttemptKey, Boot, ClientId, ClusterId, Entropy, Epoch, NodeId, Owner, PlaceId, TokenId,
    Unobserved, UserId,
};
use countersign_core::ledger::command::{Begin, Factors, Match, Revisions};
use countersign_core::ledger::storage::change::Kind;
use countersign_core::ledger::storage::key::Wrap;
use countersign_core::ledger::storage::member::MemberRole;
use countersign_core::ledger::storage::{Actor, Change, Found, Key, KeyPurpose, Member, Refusal};
use countersign_core::ledger::{CLUSTER_VERSION, Command, Outcome};
use futures_util::future::try_join_all;
use hdrhistogram::Histogram;
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// Commits one command at a time over three nodes, and tells how long each took
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// How long to measure at the leader, and at another node
    #[arg(long, value_name = "SECONDS", default_value_t = 5)]
    seconds: u64,
    /// Where the stores are made
    #[arg(long)]
    dir: std::path::PathBuf,
}

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(measure(options))
}

async fn measure(options: &Options) -> anyhow::Result<()> {
    let nodes = start(&options.dir).await?;
    let span = Duration::from_secs(options.seconds);
    // Whoever was elected; a commit that meets another election ends the measurement.
    let leads = |place: &(NodeId, &Arc<Consensus>)| place.1.lead() == Lead::This;
    let places = (1..).map(NodeId).zip(&nodes);
    let (leaders, others): (Vec<_>, Vec<_>) = places.partition(leads);
    let (own, leader) = leaders.first().context("nobody leads")?;
    let (another, other) = others.first().context("nobody follows")?;
    let told = json!({
        "leader": commits(leader, *own, span).await?,
        "other": commits(other, *another, span).await?,
    });
    println!("{told}");
    for node in &nodes {
        node.shutdown().await;
    }
    Ok(())
}

/// Commits through `node` for so long.
async fn commits(node: &Arc<Consensus>, own: NodeId, span: Duration) -> anyhow::Result<Value> {
    let mut times = Histogram::<u64>::new(3)?;
    let begun = SystemClock.monotonic();
    for flow in 1.. {
        let before = SystemClock.monotonic();
        let outcome = node.propose(command(own, flow), COMMAND_LIFE).await;
        times.record(before.elapsed().as_micros().try_into()?)?;
        ensure!(matches!(outcome, Ok(Outcome::Begin(_))), "{outcome:?}");
        if begun.elapsed() >= span {
            break;
        }
    }
    let millis = |quantile| times.value_at_quantile(quantile) as f64 / 1000.0;
    Ok(json!({
        "commits": times.len(),
        "p50_ms": millis(0.5),
        "p99_ms": millis(0.99),
    }))
}

/// The Begin of a login with the code alone, of a user that nobody made.
fn command(node: NodeId, flow: u64) -> Command {
    let mut entropy = SystemEntropy;
    Command::Begin(Begin {
        key: AttemptKey(entropy.array()),
        prev: Epoch::default(),
        owner: Owner {
            node,
            boot: Boot(1),
            flow,
        },
        user: UserId(1),
        client: ClientId(1),
        place: PlaceId(entropy.array()),
        matches: vec![Match {
            token: TokenId(1),
            generation: 1,
            step: SystemClock.wall().as_secs() / 30,
            offset: 0,
        }],
        revisions: Revisions::default(),
        factors: Factors::Code,
        issued: SystemClock.wall(),
        lease: Duration::from_secs(5),
        caller_named: true,
        burn_code: None,
        answer: None,
        passcodes: Vec::new(),
        initial_logins: 0,
    })
}

/// Three nodes that have founded a cluster; the first one leads.
async fn start(dir: &Path) -> anyhow::Result<Vec<Arc<Consensus>>> {
    let cluster = ClusterId(SystemEntropy.array());
    let authority = Authority::new("Bench", SystemClock.wall())?;
    let listeners = try_join_all((0..NODES).map(|_| TcpListener::bind("127.0.0.1:0"))).await?;
    let addresses = listeners.iter().map(TcpListener::local_addr);
    let addresses = addresses.collect::<Result<Vec<_>, _>>()?;
    let numbers = (1..).map(NodeId);
    let members = numbers.zip(addresses.iter().map(ToString::to_string));
    let members: Vec<_> = members.collect();
    let mut nodes = Vec::new();
    for (listener, (node, address)) in listeners.into_iter().zip(&members) {
        let own = PeerName {
            cluster,
            node: *node,
        };
        let place = dir.join(node.to_string());
        let credentials = credentials(&authority, own, &place)?;
        let refusals = Arc::new(Refusals::new(Arc::new(Unobserved)));
        let config = Config {
            directory: place.join("store"),
            cluster,
            node: *node,
            address: address.clone(),
            timing: Timing::default(),
            peers: Some(Peers {
                links: Arc::new(Links::new(Arc::clone(&credentials))),
                refusals: Arc::clone(&refusals),
                initial_members: members.clone(),
            }),
        };
        let ports = Ports {
            clock: Arc::new(SystemClock),
            operations: Arc::new(Unobserved),
            on_halt: abort(),
        };
        let consensus = Arc::new(Consensus::start(config, ports).await?);
        let (routes, gate) = (consensus.routes(), consensus.gate());
        let never = std::future::pending();
        tokio::spawn(peers::serve(
            listener,
            credentials,
            routes,
            gate,
            refusals,
            never,
        ));
        nodes.push(consensus);
    }
    let founder = nodes.first().context("no nodes")?;
    let founded = founder.found(found(cluster)).await?;
    let done = matches!(&founded, Outcome::Change(it) if it.refusal() == Refusal::Unspecified);
    ensure!(done, "not founded: {founded:?}");
    try_join_all(nodes.iter().map(|node| async {
        ensure!(node.takes_part().await, "a node has stopped");
        Ok(())
    }))
    .await?;
    Ok(nodes)
}

fn credentials(
    authority: &Authority,
    own: PeerName,
    place: &Path,
) -> anyhow::Result<Arc<Credentials>> {
    let made = authority.peer(own)?;
    let files = Files {
        certificate: place.join("peer.pem"),
        key: place.join("peer.key"),
        authority: place.join("peers.pem"),
    };
    std::fs::create_dir_all(place)?;
    std::fs::write(&files.certificate, made.chain)?;
    std::fs::write(&files.key, made.key.expose())?;
    std::fs::write(&files.authority, authority.certificate())?;
    Ok(Arc::new(Credentials::load(own, files)?))
}

fn found(cluster: ClusterId) -> Command {
    Command::Change(Box::new(Change {
        request_id: SystemEntropy.array::<16>().to_vec(),
        actor: Some(Actor {
            name: "bench".to_owned(),
            ..Actor::default()
        }),
        digest: vec![1; 32],
        kind: Some(Kind::Found(Found {
            cluster: cluster.0.to_vec(),
            keys: vec![Key {
                id: 1,
                purpose: KeyPurpose::Seal.into(),
                wraps: vec![Wrap {
                    kek: vec![1; 8],
                    wrapped: vec![2; 48],
                }],
                recovery: vec![3; 80],
                created: 0,
            }],
            member: Some(Member {
                node: 1,
                incarnation: 1,
                role: MemberRole::Voter.into(),
                version_max: CLUSTER_VERSION,
                ..Member::default()
            }),
            demo: true,
            ..Found::default()
        })),
    }))
}

const NODES: usize = 3;
