//! Runs a node: builds the parts, watches over them, stops them in order.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use countersign_core::ledger::{StoreError, query};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::config::Config;
use super::keys::KeysError;
use super::parts::{self, Telling};
use super::renewal;
use super::system::SystemClock;
use crate::admin;
use crate::consensus::{Consensus, OpenError, StartError};
use crate::login::{Clock, Ledger};
use crate::peers::CredentialsError;
use crate::sources::entra::ConfigError as SourceError;
use crate::telemetry::health;

/// Why a node does not run.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The bootstrap token cannot be used.
    #[error("the bootstrap token file {0} cannot be used")]
    BootstrapToken(PathBuf, #[source] io::Error),
    /// A demo's store would be reachable from elsewhere.
    #[error("this is a demo's store: {0} must be a loopback address")]
    Demo(SocketAddr),
    /// The event files cannot be written.
    #[error("events cannot be kept")]
    Events(#[source] io::Error),
    /// The cluster could not be founded.
    #[error("the cluster cannot be founded: {0}")]
    Founding(String),
    /// The keys.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// A listener cannot be opened.
    #[error("{0} cannot listen on {1}")]
    Listen(&'static str, SocketAddr, #[source] io::Error),
    /// The store cannot be used.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// A part has failed.
    #[error("{0} has failed")]
    Part(
        &'static str,
        #[source] Box<dyn std::error::Error + Send + Sync>,
    ),
    /// A RADIUS port cannot be opened.
    #[error("the RADIUS ports cannot be opened")]
    Radius(#[source] io::Error),
    /// The certificates of the peers' links.
    #[error(transparent)]
    Peers(#[from] CredentialsError),
    /// The pinned hosts cannot be used.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// Consensus cannot start.
    #[error(transparent)]
    Start(#[from] StartError),
    /// Consensus stopped before the node could speak.
    #[error("consensus has stopped")]
    Stopped,
    /// The store cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Runs the node until SIGTERM or SIGINT.
///
/// # Errors
/// When it cannot start, or a part of it fails.
pub async fn serve(config: Config) -> Result<(), ServeError> {
    raise_file_limit();
    for advice in &config.advice {
        tracing::warn!(%advice, "the node's file");
    }
    let file = parts::examine(&config)?;
    let telling = Telling::start(config.node, &config.data_dir).map_err(ServeError::Events)?;
    let (consensus, keys) = parts::consensus(&config, file, &telling).await?;
    if query::head(&consensus.view())?.demo {
        refuse_outside(&config)?;
    }
    let credentials = parts::credentials(&config)?;
    let judging = parts::judging(&config, &consensus, keys, &telling)?;
    let mut keeper = parts::keeper(&consensus, &judging);
    // Before the first packet: without attempt keys nothing is judged.
    keeper.step().await;
    let keeping = tokio::spawn(keeper.run());
    let mut radius = parts::radius(&config, &judging, &telling)?;
    let (stop, stopped) = watch::channel(false);
    let mut others = JoinSet::new();
    let tls = admin::Tls {
        certificate: config.admin_certificate.clone(),
        key: config.admin_key,
    };
    let listener = parts::listen("the admin API", config.admin).await?;
    let (operate, until) = (Arc::clone(&judging.operate), end(stopped.clone()));
    others.spawn(async move { part("admin", admin::serve(operate, listener, &tls, until).await) });
    let listener = parts::listen("metrics", config.metrics).await?;
    let ready = judging.logins.clone();
    let health = health::serve(
        listener,
        Arc::clone(&telling.metrics),
        Arc::new(move || ready.is_ready()),
        end(stopped.clone()),
    );
    others.spawn(async move { part("metrics", health.await) });
    let (copies, logins) = (judging.copies, judging.logins.clone());
    let following = tokio::spawn(copies.follow(logins));
    let collecting = tokio::spawn(collect(
        telling.clone(),
        Arc::clone(&consensus),
        radius.gauge(),
    ));
    let renewing = tokio::spawn(renewal::renew(credentials, telling.metrics));
    tracing::info!(node = %config.node, radius = ?radius.authentication, "ready");
    let ended = tokio::select! {
        () = terminated() => Ok(()),
        error = radius.failed() => Err(ServeError::Part("radius", error.into())),
        Some(ended) = others.join_next() => ended.unwrap_or(Err(ServeError::Stopped)),
    };
    tracing::info!("stopping");
    stop.send_replace(true);
    radius.stop().await;
    following.abort();
    keeping.abort();
    collecting.abort();
    renewing.abort();
    others.shutdown().await;
    consensus.shutdown().await;
    ended
}

/// Notes noise and figures, every ten seconds.
async fn collect(telling: Telling, consensus: Arc<Consensus>, in_hand: impl Fn() -> usize) {
    use countersign_core::base::Operations;
    loop {
        tokio::time::sleep(COLLECT_EVERY).await;
        for record in telling.noise.collect(SystemClock.wall()) {
            telling.events.tell(record);
        }
        let requests = u64::try_from(in_hand()).unwrap_or(u64::MAX);
        telling.metrics.level("in_hand", "requests", requests);
        let figures = consensus.figures();
        telling.metrics.level("raft", "term", figures.term);
        telling.metrics.level("raft", "applied", figures.applied);
        telling.metrics.level("raft", "snapshot", figures.snapshot);
        telling.metrics.level("in_hand", "commands", figures.queued);
    }
}

/// Resolves on the first signal that asks to end.
async fn terminated() {
    let (Ok(mut terminate), Ok(mut interrupt)) = (
        signal(SignalKind::terminate()),
        signal(SignalKind::interrupt()),
    ) else {
        // Without handlers the kernel ends the process: as safe, only less polite.
        return std::future::pending().await;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}

async fn end(mut stopped: watch::Receiver<bool>) {
    let _gone = stopped.wait_for(|stopped| *stopped).await;
}

fn part<E: std::error::Error + Send + Sync + 'static>(
    name: &'static str,
    ended: Result<(), E>,
) -> Result<(), ServeError> {
    ended.map_err(|error| ServeError::Part(name, error.into()))
}

/// A demo's secrets are known to everyone who reads the manual.
fn refuse_outside(config: &Config) -> Result<(), ServeError> {
    let listeners = [config.admin, config.metrics];
    let peers = config.peers.as_ref().map(|peers| &peers.listen);
    let listeners = listeners
        .iter()
        .chain(peers)
        .chain(&config.authentication)
        .chain(&config.accounting);
    match listeners.into_iter().find(|at| !at.ip().is_loopback()) {
        Some(outside) => Err(ServeError::Demo(*outside)),
        None => Ok(()),
    }
}

/// Thousands of questions to a source are as many connections.
fn raise_file_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        tracing::warn!(%error, "the limit of open files stays as it is");
    }
}

const COLLECT_EVERY: Duration = Duration::from_secs(10);
