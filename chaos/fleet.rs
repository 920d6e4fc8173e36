//! The processes of the cluster: started, hurt and mended here, and ended with this.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use rustix::process::Signal;

use crate::process;
use crate::world::{Node, World};

/// The demo: one process that has started the others.
#[derive(Debug)]
pub(crate) struct Demo {
    process: Child,
    dir: PathBuf,
}

/// The nodes' processes.
#[derive(Debug)]
pub(crate) struct Fleet {
    nodes: Vec<Node>,
    /// As many as nodes, in their order.
    processes: Mutex<Vec<Process>>,
    dir: PathBuf,
    http: reqwest::Client,
}

#[derive(Debug)]
struct Process {
    pid: u32,
    /// Started here, not by the demo.
    own: Option<Child>,
    is_frozen: bool,
}

impl Demo {
    /// Starts it below `dir` and waits until it is ready.
    pub(crate) async fn start(dir: &Path, nodes: u16, users: u64) -> anyhow::Result<Self> {
        let log = File::create(dir.join("demo.log"))?;
        let mut command = Command::new(beside("countersign-demo")?);
        command.args(["cluster", "--nodes", &nodes.to_string()]);
        command.args(["--users", &users.to_string(), "--dir"]);
        command.arg(dir.join("demo")).stdin(Stdio::null());
        command.stdout(log.try_clone()?).stderr(log);
        let mut demo = Self {
            process: command.spawn()?,
            dir: dir.to_owned(),
        };
        for _ in 0..START_TRIES {
            if demo.file().exists() {
                return Ok(demo);
            }
            if let Some(status) = demo.process.try_wait()? {
                let said = std::fs::read_to_string(dir.join("demo.log"))?;
                bail!("the demo has ended ({status}): {said}");
            }
            tokio::time::sleep(STEP).await;
        }
        bail!("the demo is not ready after {:?}", STEP * START_TRIES)
    }

    /// What it tells.
    pub(crate) fn file(&self) -> PathBuf {
        self.dir.join("demo/demo.json")
    }
}

impl Drop for Demo {
    /// The demo ends its own nodes.
    fn drop(&mut self) {
        end(&mut self.process);
    }
}

impl Fleet {
    pub(crate) fn new(world: &World, dir: &Path) -> anyhow::Result<Self> {
        let processes = world.nodes.iter().map(|node| Process {
            pid: node.pid,
            own: None,
            is_frozen: false,
        });
        Ok(Self {
            nodes: world.nodes.clone(),
            processes: Mutex::new(processes.collect()),
            dir: dir.to_owned(),
            http: reqwest::Client::builder()
                .no_proxy()
                .timeout(Duration::from_secs(1))
                .build()?,
        })
    }

    /// Ends what was started here, and lets the demo end the rest.
    pub(crate) fn end_all(&self) {
        for process in self.processes().iter_mut() {
            // One that stands still could not end.
            if std::mem::take(&mut process.is_frozen) {
                drop(process::send(process.pid, Signal::CONT));
            }
            if let Some(mut own) = process.own.take() {
                end(&mut own);
            }
        }
    }

    /// The nodes' ids.
    pub(crate) fn ids(&self) -> Vec<u16> {
        self.nodes.iter().map(|node| node.id).collect()
    }

    /// SIGKILL, which no process can delay.
    pub(crate) async fn kill(&self, node: u16) -> anyhow::Result<()> {
        self.end(node, Signal::KILL, Duration::from_secs(5)).await
    }

    /// SIGTERM, and the patience that a service manager has.
    pub(crate) async fn terminate(&self, node: u16) -> anyhow::Result<()> {
        self.end(node, Signal::TERM, TERMINATION).await
    }

    async fn end(&self, node: u16, signal: Signal, patience: Duration) -> anyhow::Result<()> {
        let pid = self.pid(node)?;
        process::send(pid, signal)?;
        let gone = process::gone(pid, patience).await;
        gone.with_context(|| format!("node {node} does not end on {signal:?}"))?;
        let own = self.with(node, |process| process.own.take())?;
        if let Some(mut own) = own {
            own.wait()?;
        }
        Ok(())
    }

    /// SIGSTOP: as a machine that is paused.
    pub(crate) async fn freeze(&self, node: u16) -> anyhow::Result<()> {
        let pid = self.pid(node)?;
        self.with(node, |process| process.is_frozen = true)?;
        process::send(pid, Signal::STOP)?;
        process::frozen(pid, Duration::from_secs(5)).await
    }

    /// SIGCONT.
    pub(crate) fn thaw(&self, node: u16) -> anyhow::Result<()> {
        process::send(self.pid(node)?, Signal::CONT)?;
        self.with(node, |process| process.is_frozen = false)
    }

    /// Starts the node again, as an operator does.
    pub(crate) fn start(&self, node: u16) -> anyhow::Result<()> {
        let config = self.node(node)?.config.clone();
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.dir.join(format!("node{node}.log")))?;
        let mut command = Command::new(beside("countersign")?);
        command.args(["serve", "--config"]).arg(config);
        command.stdin(Stdio::null()).stdout(log.try_clone()?);
        let own = command.stderr(log).spawn()?;
        self.with(node, |process| {
            process.pid = own.id();
            process.own = Some(own);
        })
    }

    /// Waits until the node says that it is ready. A node that could not have its port
    /// back, since a device had it meanwhile, is started again.
    pub(crate) async fn ready(&self, node: u16, patience: Duration) -> anyhow::Result<()> {
        let url = format!("{}/ready", self.node(node)?.metrics);
        let mut starts = 0;
        for _ in 0..patience.as_millis() / STEP.as_millis() {
            let asked = self.http.get(&url).send().await;
            if asked.is_ok_and(|answer| answer.status().is_success()) {
                return Ok(());
            }
            if self.has_ended(node)? {
                starts += 1;
                ensure!(
                    starts <= STARTS_MAX,
                    "node {node} ends whenever it is started"
                );
                self.start(node)?;
            }
            tokio::time::sleep(STEP).await;
        }
        bail!("node {node} is not ready after {patience:?}")
    }

    fn has_ended(&self, node: u16) -> anyhow::Result<bool> {
        let ended = |process: &mut Process| match &mut process.own {
            Some(own) => own.try_wait().map(|status| status.is_some()),
            None => Ok(false),
        };
        Ok(self.with(node, ended)??)
    }

    fn pid(&self, node: u16) -> anyhow::Result<u32> {
        self.with(node, |process| process.pid)
    }

    fn node(&self, id: u16) -> anyhow::Result<&Node> {
        let found = self.nodes.iter().find(|node| node.id == id);
        found.with_context(|| format!("there is no node {id}"))
    }

    fn with<T>(&self, id: u16, act: impl FnOnce(&mut Process) -> T) -> anyhow::Result<T> {
        let at = self.nodes.iter().position(|node| node.id == id);
        let mut processes = self.processes();
        let process = at.and_then(|at| processes.get_mut(at));
        Ok(act(
            process.with_context(|| format!("there is no node {id}"))?
        ))
    }

    fn processes(&self) -> MutexGuard<'_, Vec<Process>> {
        self.processes
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        self.end_all();
    }
}

/// SIGTERM, and SIGKILL where that is not enough.
fn end(process: &mut Child) {
    drop(process::send(process.id(), Signal::TERM));
    for _ in 0..END_TRIES {
        if let Ok(Some(_)) = process.try_wait() {
            return;
        }
        std::thread::sleep(STEP);
    }
    drop(process.kill());
    drop(process.wait());
}

/// A binary that was built with this one.
fn beside(name: &str) -> anyhow::Result<PathBuf> {
    let binary = std::env::current_exe()?.with_file_name(name);
    ensure!(binary.exists(), "{} is not built", binary.display());
    Ok(binary)
}

const STEP: Duration = Duration::from_millis(20);
/// Importing many users takes minutes in a slow build.
const START_TRIES: u32 = 30_000;
const END_TRIES: u32 = 1_000;
const STARTS_MAX: u32 = 5;
const TERMINATION: Duration = Duration::from_secs(30);
