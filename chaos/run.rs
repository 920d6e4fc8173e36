//! One run: start, load, faults, end, judgement.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, ensure};
use countersign::node::SystemEntropy;
use countersign_core::base::Entropy;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::admin::{self, Operator};
use crate::device::{Devices, Patience};
use crate::fleet::{Demo, Fleet};
use crate::history::{At, History, SECOND};
use crate::load::Users;
use crate::recorder::Recorder;
use crate::world::{GATE, GATE_SECRET, GATE_SOURCE, World};
use crate::{Options, end, faults, judge, load, report, writes};

/// What everyone in a run uses.
pub(crate) struct Run {
    pub(crate) seed: u64,
    pub(crate) logins_per_second: u64,
    pub(crate) world: World,
    pub(crate) users: Users,
    pub(crate) operators: Vec<Operator>,
    pub(crate) recorder: Recorder,
    pub(crate) fleet: Fleet,
    source: reqwest::Client,
}

/// Runs it all; true: everything held. Whatever ends it, the processes end with it.
pub(crate) async fn run(options: Options) -> anyhow::Result<bool> {
    raise_file_limit();
    let seed = options.seed.unwrap_or_else(|| SystemEntropy.number());
    let replay = replay(&options, seed);
    println!("{replay}");
    let dir = folder(options.dir.as_deref())?;
    let history = tokio::select! {
        history = play(&options, seed, &dir) => history?,
        () = interrupted() => anyhow::bail!("interrupted"),
    };
    report::keep(&dir.join("history.json"), &history)?;
    let violations = judge::judge(&history);
    report::print(&history, &violations);
    println!(
        "everything that happened: {}",
        dir.join("history.json").display()
    );
    println!("{replay}");
    if let Some(file) = &options.report {
        report::write(file, &replay, &history, &violations)?;
    }
    Ok(violations.is_empty())
}

/// What happened.
async fn play(options: &Options, seed: u64, dir: &Path) -> anyhow::Result<History> {
    let users = users(options);
    println!(
        "starting {} nodes with {users} users in {}",
        options.nodes,
        dir.display()
    );
    let demo = Demo::start(dir, options.nodes, users).await?;
    let run = Arc::new(Run::new(options, seed, &demo, dir)?);
    run.set_up(options.nodes).await?;
    println!("running for {} minutes", options.minutes);
    let borne = bear(&run, Duration::from_secs(options.minutes * 60)).await;
    let end = match borne {
        Ok(()) => end::look(&run).await,
        Err(error) => Err(error),
    };
    // Before the demo, which waits for those that it has started.
    run.fleet.end_all();
    drop(demo);
    let log = std::fs::read_to_string(&run.world.entra.log)?;
    let mut history = run.recorder.take();
    history.end = end?;
    history.questions = end::questions(&log);
    Ok(history)
}

/// Load and faults, and the calm after them.
async fn bear(run: &Arc<Run>, time: Duration) -> anyhow::Result<()> {
    let (stop_faults, faults_stopped) = watch::channel(false);
    let (stop_load, load_stopped) = watch::channel(false);
    let mut parts = JoinSet::new();
    parts.spawn(faults::cause(Arc::clone(run), faults_stopped));
    parts.spawn(load::bear(Arc::clone(run), load_stopped.clone()));
    parts.spawn(writes::add(Arc::clone(run), load_stopped.clone()));
    parts.spawn(writes::turn_gate(Arc::clone(run), load_stopped.clone()));
    for stream in 0..FLIPPERS {
        parts.spawn(writes::flip(Arc::clone(run), stream, load_stopped.clone()));
    }
    let timing = async {
        tokio::time::sleep(time.saturating_sub(CALM)).await;
        stop_faults.send_replace(true);
        tokio::time::sleep(CALM.min(time)).await;
        stop_load.send_replace(true);
        std::future::pending::<()>().await
    };
    let telling = async {
        loop {
            tokio::time::sleep(Duration::from_secs(10)).await;
            let at = run.recorder.at() / SECOND;
            println!("{at:>5} s: {}", run.recorder.progress());
        }
    };
    let ended = async {
        while let Some(part) = parts.join_next().await {
            part??;
        }
        anyhow::Ok(())
    };
    tokio::select! {
        () = timing => Ok(()),
        () = telling => Ok(()),
        ended = ended => ended,
    }
}

impl Run {
    fn new(options: &Options, seed: u64, demo: &Demo, dir: &Path) -> anyhow::Result<Self> {
        let world = World::read(&demo.file())?;
        let nodes = options.nodes;
        ensure!(
            world.nodes.len() == usize::from(nodes),
            "the demo has other nodes"
        );
        let ca = std::fs::read(&world.entra.ca_file)?;
        let source = reqwest::Client::builder()
            .no_proxy()
            .timeout(Duration::from_secs(5))
            .add_root_certificate(reqwest::Certificate::from_pem(&ca)?);
        Ok(Self {
            seed,
            logins_per_second: options.logins_per_second,
            users: Users::new(world.users),
            operators: admin::operators(&world)?,
            recorder: Recorder::new(History {
                nodes,
                grace: grace(nodes),
                lease: LEASE,
                source_timeout: SOURCE_TIMEOUT,
                ..History::default()
            }),
            fleet: Fleet::new(&world, dir)?,
            source: source.build()?,
            world,
        })
    }

    pub(crate) fn devices(&self) -> Devices<'_> {
        Devices {
            world: &self.world,
            recorder: &self.recorder,
        }
    }

    /// The clients as the devices are: so many servers, so patient.
    async fn set_up(&self, nodes: u16) -> anyhow::Result<()> {
        let operator = self.operators.first().context("no node")?;
        let id = || SystemEntropy.array::<16>().to_vec();
        let gate = operator.add_client(GATE, GATE_SOURCE, GATE_SECRET, id());
        gate.await.context("the gate")?;
        let timeout = u32::try_from(Patience::USUAL.timeout.as_millis())?;
        for client in [self.world.vpn.name, self.world.proxy.name, GATE] {
            let set = operator.set_client(client, id(), |policy| {
                policy.timeout_ms = timeout;
                policy.tries = Patience::USUAL.tries;
                policy.servers = nodes.into();
            });
            set.await.with_context(|| format!("client {client}"))?;
        }
        let (standings, equal) = end::converge(self).await;
        ensure!(
            equal.is_some(),
            "the nodes never became equal: {standings:?}"
        );
        Ok(())
    }

    /// How long the password source thinks before each answer.
    pub(crate) async fn delay_source(&self, millis: u64) -> anyhow::Result<()> {
        let order = format!("{{\"delay_ms\":{millis}}}");
        let post = self.source.post(&self.world.entra.control).body(order);
        post.send().await?.error_for_status()?;
        Ok(())
    }
}

/// As the ledger computes it (DESIGN §2, "grace").
fn grace(nodes: u16) -> At {
    let device = u64::from(Patience::USUAL.tries) * Patience::USUAL.timeout.as_secs();
    (device * u64::from(nodes) + 5).min(120) * SECOND
}

/// Enough for a user of its own in each story, as far as the demo goes.
fn users(options: &Options) -> u64 {
    let stories = options.minutes * 60 * options.logins_per_second * 2 / 3;
    (stories + 1_000).min(USERS_MAX)
}

fn replay(options: &Options, seed: u64) -> String {
    format!(
        "countersign-chaos --nodes {} --minutes {} --seed {seed} --logins-per-second {}",
        options.nodes, options.minutes, options.logins_per_second
    )
}

fn folder(given: Option<&Path>) -> anyhow::Result<PathBuf> {
    let dir = given.map_or_else(
        || std::env::temp_dir().join(format!("countersign-chaos-{}", std::process::id())),
        Path::to_owned,
    );
    std::fs::create_dir_all(&dir).with_context(|| format!("{} cannot be made", dir.display()))?;
    Ok(dir.canonicalize()?)
}

async fn interrupted() {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminate) = signal(SignalKind::terminate()) else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
}

/// Each login under way has a socket.
fn raise_file_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        eprintln!("the limit of open files stays as it is: {error}");
    }
}

/// Without faults, at the end of a run.
const CALM: Duration = Duration::from_secs(20);
/// Of a client where no setting says otherwise, with the slack for the commits.
const LEASE: At = 12 * SECOND;
/// Of Entra, where no setting says otherwise.
const SOURCE_TIMEOUT: At = 3 * SECOND;
const FLIPPERS: u64 = 2;
const USERS_MAX: u64 = 100_000;
