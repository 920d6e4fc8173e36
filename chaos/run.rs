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
use crate::demo::Demo;
use crate::device::{Devices, Patience};
use crate::fleet::Fleet;
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
    pub(crate) recorder: Arc<Recorder>,
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
    let users = users(options)?;
    println!(
        "starting {} nodes with {users} users in {}",
        options.nodes,
        dir.display()
    );
    let demo = Demo::start(dir, options.nodes, users).await?;
    let run = Arc::new(Run::new(options, seed, &demo, dir)?);
    run.set_up(options.nodes).await?;
    run.fleet.take_over().await?;
    run.are_equal().await?;
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
    // What happened until then is to be judged all the same.
    match end {
        Ok(end) => history.end = end,
        Err(error) => history.failed = Some(format!("{error:#}")),
    }
    history.users_ran_out = run.users.ran_out();
    history.questions = end::questions(&log);
    Ok(history)
}

/// Load and faults, and the calm after them. All of it ends at once when a node dies by
/// itself, since nothing that follows could be judged.
async fn bear(run: &Arc<Run>, time: Duration) -> anyhow::Result<()> {
    let (stop_faults, faults_stopped) = watch::channel(false);
    let (stop_load, load_stopped) = watch::channel(false);
    let mut parts = JoinSet::new();
    let (all_mended, mut calm) = watch::channel(false);
    let faults = faults::cause(Arc::clone(run), faults_stopped);
    parts.spawn(async move {
        let caused = faults.await;
        all_mended.send_replace(true);
        caused
    });
    parts.spawn(load::bear(Arc::clone(run), load_stopped.clone()));
    parts.spawn(writes::add(Arc::clone(run), load_stopped.clone()));
    parts.spawn(writes::turn_gate(Arc::clone(run), load_stopped.clone()));
    for stream in 0..FLIPPERS {
        parts.spawn(writes::flip(Arc::clone(run), stream, load_stopped.clone()));
    }
    let timing = async {
        undisturbed(run, time.saturating_sub(CALM)).await;
        stop_faults.send_replace(true);
        // Closed: it has failed, which ends the run.
        drop(calm.wait_for(|calm| *calm).await);
        undisturbed(run, CALM.min(time)).await;
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

/// So long, unless a node dies.
async fn undisturbed(run: &Run, time: Duration) {
    let died = async {
        loop {
            if let Some(node) = run.fleet.dead() {
                println!("node {node} has died by itself, so the run ends");
                return;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    };
    tokio::select! {
        () = tokio::time::sleep(time) => {}
        () = died => {}
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
        let recorder = Arc::new(Recorder::new(History {
            nodes,
            grace: grace(nodes),
            lease: LEASE,
            source_timeout: SOURCE_TIMEOUT,
            ..History::default()
        }));
        Ok(Self {
            seed,
            logins_per_second: options.logins_per_second,
            users: Users::new(world.users),
            operators: admin::operators(&world)?,
            fleet: Fleet::new(&world, dir, Arc::clone(&recorder))?,
            recorder,
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
        self.are_equal().await
    }

    async fn are_equal(&self) -> anyhow::Result<()> {
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

/// Enough for a user of its own in each story, which takes nearly two logins, and in each
/// round of those who are disabled and enabled.
fn users(options: &Options) -> anyhow::Result<u64> {
    let seconds = options.minutes * 60 + OVERTIME.as_secs();
    let stories = seconds * options.logins_per_second * 2 / 3;
    let users = stories + seconds * FLIPPERS + 100;
    ensure!(
        users <= USERS_MAX,
        "so many logins need {users} users, and the demo has {USERS_MAX} at the most"
    );
    Ok(users)
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

/// Without faults, at the end of a run: ten seconds to recover, and as long to see that it
/// lasts.
const CALM: Duration = Duration::from_secs(20);
/// Of a client where no setting says otherwise, with the slack for the commits.
const LEASE: At = 12 * SECOND;
/// Of Entra, where no setting says otherwise.
const SOURCE_TIMEOUT: At = 3 * SECOND;
const FLIPPERS: u64 = 2;
const USERS_MAX: u64 = 1_000_000;
/// The faults under way when they are to stop may take so long to mend.
const OVERTIME: Duration = Duration::from_secs(180);
const LOOK_EVERY: Duration = Duration::from_millis(50);

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[test]
    fn there_are_users_for_the_whole_load_or_no_run() -> anyhow::Result<()> {
        let options = |args: &str| Options::try_parse_from(args.split(' '));
        assert!(users(&options("chaos --minutes 60")?)? > 60 * 60 * 60 * 29 / 52);
        let most = "chaos --minutes 240 --logins-per-second 1000";
        assert!(users(&options(most)?).is_err());
        Ok(())
    }
}
