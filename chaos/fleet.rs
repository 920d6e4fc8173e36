//! The processes of the nodes: started, hurt and mended here, and ended with this. How each
//! ended is written down.

use std::fs::File;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use rustix::process::Signal;

use crate::demo::beside;
use crate::history::{Ended, FaultKind, How};
use crate::process;
use crate::recorder::Recorder;
use crate::world::{Node, World};

/// The nodes' processes.
#[derive(Debug)]
pub(crate) struct Fleet {
    nodes: Vec<Node>,
    /// As many as nodes, in their order.
    processes: Mutex<Vec<Process>>,
    recorder: Arc<Recorder>,
    dir: PathBuf,
    http: reqwest::Client,
}

#[derive(Debug)]
struct Process {
    node: u16,
    /// None: it is the demo's still, or was told to end, or has died.
    child: Option<Child>,
    is_frozen: bool,
    has_died: bool,
}

impl Fleet {
    pub(crate) fn new(world: &World, dir: &Path, recorder: Arc<Recorder>) -> anyhow::Result<Self> {
        let processes = world.nodes.iter().map(|node| Process {
            node: node.id,
            child: None,
            is_frozen: false,
            has_died: false,
        });
        Ok(Self {
            nodes: world.nodes.clone(),
            processes: Mutex::new(processes.collect()),
            recorder,
            dir: dir.to_owned(),
            http: reqwest::Client::builder()
                .no_proxy()
                .timeout(Duration::from_secs(1))
                .build()?,
        })
    }

    /// Starts each node that the demo has started anew, one after the other: only its parent
    /// is told how a process ends.
    pub(crate) async fn take_over(&self) -> anyhow::Result<()> {
        for node in &self.nodes {
            process::send(node.pid, Signal::TERM)?;
            process::gone(node.pid, TERMINATION).await?;
            self.start(node.id)?;
            self.ready(node.id, TERMINATION).await?;
        }
        Ok(())
    }

    /// Ends all of them in order.
    pub(crate) fn end_all(&self) {
        for process in self.processes().iter_mut() {
            // One that stands still could not end.
            if std::mem::take(&mut process.is_frozen)
                && let Some(child) = &process.child
            {
                drop(process::send(child.id(), Signal::CONT));
            }
            self.look_at(process);
            if let Some(mut child) = process.child.take() {
                let how = end(&mut child);
                self.ended(process.node, Some(FaultKind::Terminate), how);
            }
        }
    }

    /// The nodes' ids.
    pub(crate) fn ids(&self) -> Vec<u16> {
        self.nodes.iter().map(|node| node.id).collect()
    }

    /// SIGKILL, which no process can delay.
    pub(crate) async fn kill(&self, node: u16) -> anyhow::Result<()> {
        self.end(node, FaultKind::Kill, Signal::KILL).await
    }

    /// SIGTERM, and the patience that a service manager has.
    pub(crate) async fn terminate(&self, node: u16) -> anyhow::Result<()> {
        self.end(node, FaultKind::Terminate, Signal::TERM).await
    }

    async fn end(&self, node: u16, told: FaultKind, signal: Signal) -> anyhow::Result<()> {
        let mut child = self.running(node, |process| process.child.take())?;
        let mut child = child.take().context("no process")?;
        process::send(child.id(), signal)?;
        let in_time = process::gone(child.id(), TERMINATION).await;
        if in_time.is_err() {
            child.kill()?;
            process::gone(child.id(), TERMINATION).await?;
        }
        let status = child.wait()?;
        let how = in_time.map_or(How::Not, |()| how(status));
        self.ended(node, Some(told), how);
        Ok(())
    }

    /// SIGSTOP: as a machine that is paused. Resolves when it is in effect.
    pub(crate) async fn freeze(&self, node: u16) -> anyhow::Result<()> {
        let pid = self.running(node, |process| {
            process.is_frozen = true;
            signal(process, Signal::STOP)
        })??;
        process::frozen(pid, STANDSTILL).await
    }

    /// SIGCONT.
    pub(crate) fn thaw(&self, node: u16) -> anyhow::Result<()> {
        self.running(node, |process| {
            process.is_frozen = false;
            signal(process, Signal::CONT)
        })?
        .map(drop)
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
        let child = command.stderr(log).spawn()?;
        self.with(node, |process| process.child = Some(child))
    }

    /// Waits until the node says that it is ready.
    pub(crate) async fn ready(&self, node: u16, patience: Duration) -> anyhow::Result<()> {
        let url = format!("{}/ready", self.node(node)?.metrics);
        for _ in 0..patience.as_millis() / STEP.as_millis() {
            let asked = self.http.get(&url).send().await;
            if asked.is_ok_and(|answer| answer.status().is_success()) {
                return Ok(());
            }
            ensure!(!self.has_died(node)?, "node {node} has died");
            tokio::time::sleep(STEP).await;
        }
        bail!("node {node} is not ready after {patience:?}")
    }

    /// Whether the node has ended without having been told to. It stays so.
    pub(crate) fn has_died(&self, node: u16) -> anyhow::Result<bool> {
        self.with(node, |process| {
            self.look_at(process);
            process.has_died
        })
    }

    /// The first node that has died.
    pub(crate) fn dead(&self) -> Option<u16> {
        let mut processes = self.processes();
        let mut dead = processes.iter_mut().filter_map(|process| {
            self.look_at(process);
            process.has_died.then_some(process.node)
        });
        dead.next()
    }

    fn look_at(&self, process: &mut Process) {
        if let Some(child) = &mut process.child
            && let Ok(Some(status)) = child.try_wait()
        {
            process.child = None;
            process.has_died = true;
            self.ended(process.node, None, how(status));
        }
    }

    fn ended(&self, node: u16, told: Option<FaultKind>, how: How) {
        let at = self.recorder.at();
        self.recorder.ended(Ended {
            node,
            at,
            told,
            how,
        });
    }

    fn node(&self, id: u16) -> anyhow::Result<&Node> {
        let found = self.nodes.iter().find(|node| node.id == id);
        found.with_context(|| format!("there is no node {id}"))
    }

    /// One that has not died: its number may be another's by now.
    fn running<T>(&self, id: u16, act: impl FnOnce(&mut Process) -> T) -> anyhow::Result<T> {
        ensure!(!self.has_died(id)?, "node {id} has died");
        self.with(id, act)
    }

    fn with<T>(&self, id: u16, act: impl FnOnce(&mut Process) -> T) -> anyhow::Result<T> {
        let mut processes = self.processes();
        let found = processes.iter_mut().find(|process| process.node == id);
        Ok(act(found.with_context(|| format!("there is no node {id}"))?))
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

fn signal(process: &Process, signal: Signal) -> anyhow::Result<u32> {
    let pid = process.child.as_ref().context("no process")?.id();
    process::send(pid, signal)?;
    Ok(pid)
}

/// SIGTERM, and SIGKILL where that is not enough.
fn end(child: &mut Child) -> How {
    drop(process::send(child.id(), Signal::TERM));
    for _ in 0..TERMINATION.as_millis() / STEP.as_millis() {
        if let Ok(Some(status)) = child.try_wait() {
            return how(status);
        }
        std::thread::sleep(STEP);
    }
    drop(child.kill());
    drop(child.wait());
    How::Not
}

fn how(status: ExitStatus) -> How {
    match (status.code(), status.signal()) {
        (Some(code), _) => How::Status(code),
        (None, Some(signal)) => How::Signal(signal),
        (None, None) => How::Not,
    }
}

const STEP: Duration = Duration::from_millis(20);
const TERMINATION: Duration = Duration::from_secs(30);
/// A thread that waits for the disk stands still only after that.
const STANDSTILL: Duration = Duration::from_secs(20);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::History;

    /// A node 1 that is this.
    fn fleet(shell: &str) -> anyhow::Result<(Fleet, u32)> {
        let child = Command::new("sh").args(["-c", shell]).spawn()?;
        let pid = child.id();
        let process = Process {
            node: 1,
            child: Some(child),
            is_frozen: false,
            has_died: false,
        };
        let fleet = Fleet {
            nodes: Vec::new(),
            processes: Mutex::new(vec![process]),
            recorder: Arc::new(Recorder::new(History::default())),
            dir: PathBuf::new(),
            http: reqwest::Client::new(),
        };
        Ok((fleet, pid))
    }

    fn ends(fleet: &Fleet) -> Vec<(Option<FaultKind>, How)> {
        let ends = fleet.recorder.take().ends;
        ends.into_iter().map(|it| (it.told, it.how)).collect()
    }

    #[tokio::test]
    async fn a_node_that_ends_by_itself_has_died() -> anyhow::Result<()> {
        let (fleet, pid) = fleet("exit 101")?;
        process::gone(pid, TERMINATION).await?;
        assert!(fleet.terminate(1).await.is_err());
        assert!(fleet.freeze(1).await.is_err());
        assert_eq!(fleet.dead(), Some(1));
        fleet.end_all();
        assert_eq!(ends(&fleet), [(None, How::Status(101))]);
        Ok(())
    }

    #[tokio::test]
    async fn how_a_node_ends_on_sigterm_is_written_down() -> anyhow::Result<()> {
        let (fleet, _) = fleet("exec sleep 600")?;
        fleet.terminate(1).await?;
        assert_eq!(fleet.dead(), None);
        let told = Some(FaultKind::Terminate);
        assert_eq!(ends(&fleet), [(told, How::Signal(15))]);
        Ok(())
    }

    #[tokio::test]
    async fn a_node_that_stands_still_is_ended_with_the_rest() -> anyhow::Result<()> {
        let (fleet, _) = fleet("exec sleep 600")?;
        fleet.freeze(1).await?;
        assert_eq!(fleet.dead(), None);
        fleet.end_all();
        let told = Some(FaultKind::Terminate);
        assert_eq!(ends(&fleet), [(told, How::Signal(15))]);
        Ok(())
    }
}
