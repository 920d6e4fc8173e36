//! Runs a node: builds the parts, watches over them, stops them in order.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use countersign_core::base::Operations;
use countersign_core::ledger::query;
use countersign_core::seal::KeyFile;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::cluster::Peering;
use super::config::Config;
use super::error::ServeError;
use super::learning::Pupil;
use super::parts::{self, Judging, NodeLogins, Telling};
use super::system::{SystemClock, SystemEntropy};
use super::{cluster, founding, keys, learning, lockout, renewal, trials};
use crate::admin;
use crate::consensus::Consensus;
use crate::login::{Clock, Ledger};
use crate::net::{RadSec, radsec};
use crate::sources::Sources;
use crate::telemetry::health;

/// The parts that stand before the node takes part in a cluster.
struct House {
    config: Config,
    telling: Telling,
    consensus: Arc<Consensus>,
    peering: Option<Peering>,
    /// There as soon as logins can be judged.
    logins: Arc<OnceLock<NodeLogins>>,
    /// None of them in force before that.
    sources: Arc<Sources>,
    /// Set when the node begins to stop: from then on it invites no new logins.
    leaving: Arc<AtomicBool>,
    stopped: watch::Receiver<bool>,
}

/// What ended, and how.
type Ended = Result<(), ServeError>;

/// Runs the node until SIGTERM or SIGINT.
///
/// # Errors
/// When it cannot start, or a part of it fails.
pub async fn serve(config: Config) -> Result<(), ServeError> {
    keep_memory_private();
    raise_file_limit();
    for advice in &config.advice {
        tracing::warn!(%advice, "the node's file");
    }
    let file = parts::examine(&config)?;
    let telling = Telling::start(config.node, &config.data_dir).map_err(ServeError::Events)?;
    let peering = Peering::open(&config, Arc::clone(&telling.metrics) as _)?;
    let consensus = parts::consensus(&config, peering.as_ref(), &telling).await?;
    let (stop, stopped) = watch::channel(false);
    let house = House {
        config,
        telling,
        consensus,
        peering,
        logins: Arc::default(),
        sources: Arc::default(),
        leaving: Arc::default(),
        stopped,
    };
    let mut parts = JoinSet::new();
    let ended = house.run(file, &mut parts).await;
    stop.send_replace(true);
    house.consensus.shutdown().await;
    // Streams of peers do not end by themselves.
    parts.shutdown().await;
    ended
}

impl House {
    /// Builds the rest in the order in which it is needed, and runs it.
    async fn run(&self, file: KeyFile, parts: &mut JoinSet<Ended>) -> Ended {
        // Probes and peers ask before the node takes part; it takes part with their help.
        self.open_health(parts).await?;
        self.open_peers(parts).await?;
        tokio::select! {
            () = terminated() => return Ok(()),
            joined = self.join(&file) => joined?,
            Some(ended) = parts.join_next() => return ended.unwrap_or(Err(ServeError::Stopped)),
        }
        let head = query::head(&self.consensus.view())?;
        refuse_misuse(&self.config, head.demo)?;
        let opened = keys::open(&self.consensus.view(), self.config.cluster, &file)?;
        let peering = self.peering.as_ref();
        let judging = parts::judging(
            &self.config,
            &self.consensus,
            peering,
            (file, opened),
            (&self.telling, Arc::clone(&self.sources)),
        )?;
        self.serve_logins(judging, parts).await
    }

    /// Founds the cluster or waits until it is.
    async fn join(&self, file: &KeyFile) -> Ended {
        founding::found_if_blank(&self.config, &self.consensus, file).await?;
        if self.consensus.takes_part().await {
            Ok(())
        } else {
            Err(ServeError::Stopped)
        }
    }

    async fn serve_logins(&self, judging: Judging, parts: &mut JoinSet<Ended>) -> Ended {
        let mut keeper = parts::keeper(&self.consensus, self.peering.as_ref(), &judging);
        // Before the first packet: without keys no login is judged.
        keeper.step().await;
        parts.spawn(endless(keeper.run()));
        // From here on peers may hand logins over.
        let logins = self.logins.get_or_init(|| judging.logins.clone());
        self.open_admin(&judging, parts).await?;
        let alive = (logins.clone(), Arc::clone(&self.leaving));
        let alive = move || !alive.1.load(Ordering::Acquire) && alive.0.is_ready();
        let radsec = self.radsec(parts)?;
        let (pupil, lessons) = Pupil::new();
        let telling = (&self.telling, pupil);
        let mut radius = parts::radius(&self.config, radsec, &judging, telling, alive)?;
        let operate = Arc::clone(&judging.operate);
        parts.spawn(endless(learning::learn(self.config.node, operate, lessons)));
        let seat = cluster::Seat(Arc::clone(&self.consensus));
        parts.spawn(endless(trials::watch(
            seat.clone(),
            Arc::clone(&self.consensus),
        )));
        let (sources, operate) = (
            Arc::clone(&judging.copies.sources),
            Arc::clone(&judging.operate),
        );
        parts.spawn(endless(lockout::watch(
            self.config.node,
            seat,
            sources,
            operate,
        )));
        let synchroniser = parts::synchroniser(&self.config, &self.consensus, &judging);
        parts.spawn(endless(synchroniser.run(SystemEntropy)));
        parts.spawn(endless(judging.copies.follow(logins.clone())));
        let (telling, consensus) = (self.telling.clone(), Arc::clone(&self.consensus));
        let gauges = (radius.gauge(), radius.connections());
        parts.spawn(endless(collect(telling, consensus, gauges)));
        tracing::info!(
            node = %self.config.node,
            radius = ?radius.authentication,
            radsec = ?radius.radsec,
            "ready"
        );
        let ended = tokio::select! {
            () = terminated() => Ok(()),
            error = radius.failed() => Err(ServeError::Part("radius", error.into())),
            Some(ended) = parts.join_next() => ended.unwrap_or(Err(ServeError::Stopped)),
        };
        tracing::info!("stopping");
        self.leaving.store(true, Ordering::Release);
        self.hand_over().await;
        radius.stop().await;
        ended
    }

    /// What the listener for TLS is made of, where there is one.
    fn radsec(&self, parts: &mut JoinSet<Ended>) -> Result<Option<RadSec>, ServeError> {
        let Some(config) = &self.config.radsec else {
            return Ok(None);
        };
        let credentials = radsec::Credentials::load(config.files.clone());
        let credentials = Arc::new(credentials.map_err(ServeError::RadSec)?);
        let metrics = Arc::clone(&self.telling.metrics);
        parts.spawn(endless(renewal::renew(Arc::clone(&credentials), metrics)));
        Ok(Some(RadSec {
            listen: config.listen,
            credentials,
        }))
    }

    /// A leader that goes tells another to lead: nobody waits for its silence then.
    async fn hand_over(&self) {
        if self.peering.is_none() {
            return;
        }
        match self.consensus.hand_over_leadership(None).await {
            Ok(heir) => tracing::info!(%heir, "leadership handed over"),
            Err(error) => tracing::info!(%error, "leadership not handed over"),
        }
    }

    async fn open_health(&self, parts: &mut JoinSet<Ended>) -> Ended {
        let listener = parts::listen("metrics", self.config.metrics).await?;
        let (logins, leaving) = (Arc::clone(&self.logins), Arc::clone(&self.leaving));
        let ready = move || {
            let may_judge = logins.get().is_some_and(NodeLogins::is_ready);
            may_judge && !leaving.load(Ordering::Acquire)
        };
        let metrics = Arc::clone(&self.telling.metrics);
        let health = health::serve(listener, metrics, Arc::new(ready), self.end());
        parts.spawn(async move { part("metrics", health.await) });
        Ok(())
    }

    async fn open_peers(&self, parts: &mut JoinSet<Ended>) -> Ended {
        let Some(peering) = &self.peering else {
            return Ok(());
        };
        let (logins, sources) = (Arc::clone(&self.logins), Arc::clone(&self.sources));
        let listener = parts::listen("the peers' port", peering.listen()).await?;
        let teller = cluster::teller(&self.config, &self.telling);
        let served = peering.serve(
            listener,
            &self.consensus,
            (logins, teller, sources),
            self.end(),
        );
        let served = self.consensus.spawn(served).ok_or(ServeError::Stopped)?;
        parts.spawn(async move { part("peers", served.await.unwrap_or(Ok(()))) });
        let (credentials, metrics) = (peering.credentials(), Arc::clone(&self.telling.metrics));
        parts.spawn(endless(renewal::renew(credentials, metrics)));
        Ok(())
    }

    async fn open_admin(&self, judging: &Judging, parts: &mut JoinSet<Ended>) -> Ended {
        let tls = admin::Tls {
            certificate: self.config.admin_certificate.clone(),
            key: self.config.admin_key.clone(),
        };
        let listener = parts::listen("the admin API", self.config.admin).await?;
        let (operate, until) = (Arc::clone(&judging.operate), self.end());
        parts.spawn(
            async move { part("admin", admin::serve(operate, listener, &tls, until).await) },
        );
        Ok(())
    }

    fn end(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut stopped = self.stopped.clone();
        async move {
            let _gone = stopped.wait_for(|stopped| *stopped).await;
        }
    }
}

/// A part that ends only by being stopped.
async fn endless(part: impl Future<Output = ()>) -> Ended {
    part.await;
    Err(ServeError::Stopped)
}

/// Notes noise and figures, every ten seconds.
async fn collect(
    telling: Telling,
    consensus: Arc<Consensus>,
    (in_hand, connections): (impl Fn() -> usize, impl Fn() -> usize),
) {
    loop {
        tokio::time::sleep(COLLECT_EVERY).await;
        for record in telling.noise.collect(SystemClock.wall()) {
            telling.events.tell(record);
        }
        for (label, count) in [("requests", in_hand()), ("connections", connections())] {
            let count = u64::try_from(count).unwrap_or(u64::MAX);
            telling.metrics.level("in_hand", label, count);
        }
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

fn part<E: std::error::Error + Send + Sync + 'static>(
    name: &'static str,
    ended: Result<(), E>,
) -> Ended {
    ended.map_err(|error| ServeError::Part(name, error.into()))
}

/// A demo's store is for this machine alone, and a program that was built to break for a
/// demo's users.
fn refuse_misuse(config: &Config, is_demo: bool) -> Result<(), ServeError> {
    if is_demo {
        refuse_outside(config)
    } else if cfg!(any(
        feature = "dangerous-fail-points",
        feature = "dangerous-forget-attempts"
    )) {
        Err(ServeError::Dangerous)
    } else {
        Ok(())
    }
}

/// A demo's secrets are known to everyone who reads the manual.
fn refuse_outside(config: &Config) -> Result<(), ServeError> {
    let listeners = [config.admin, config.metrics];
    let peers = config.peers.as_ref().map(|peers| &peers.listen);
    let radsec = config.radsec.as_ref().map(|radsec| &radsec.listen);
    let listeners = listeners
        .iter()
        .chain(peers)
        .chain(radsec)
        .chain(&config.authentication)
        .chain(&config.accounting);
    match listeners.into_iter().find(|at| !at.ip().is_loopback()) {
        Some(outside) => Err(ServeError::Demo(*outside)),
        None => Ok(()),
    }
}

/// The memory holds every secret of the house in the clear: no core dump, on whatever disk
/// it would end, and nobody of the same user looks into it.
fn keep_memory_private() {
    use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};
    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    let kept = setrlimit(Resource::Core, none);
    // A limit says nothing to a core_pattern that is a pipe; this does.
    let hidden = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    if let Err(error) = kept.and(hidden) {
        tracing::warn!(%error, "a crash may leave secrets on a disk");
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
