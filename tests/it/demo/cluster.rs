//! A demo of three nodes, and ways to each of them; nodes are counted from 0 here. Their
//! processes can be killed and started again.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, ensure};
use countersign::device::Device;
use countersign::node::SystemEntropy;
use serde_json::Value;

use super::codes::step;
use super::process::{self, Process, Said, until};
use super::world::{Demo, Verdict, login};

pub(super) const NODES: [usize; 3] = [0, 1, 2];

pub(super) struct Cluster {
    /// Those that were started again by hand.
    again: Mutex<HashMap<usize, Process>>,
    pub(super) demo: Demo,
}

/// How a node says that it and the others stand.
pub(super) struct Standing(Value);

impl Cluster {
    pub(super) fn start(users: u32) -> anyhow::Result<Self> {
        Ok(Self {
            again: Mutex::default(),
            demo: Demo::of(3, users)?,
        })
    }

    pub(super) fn radius(&self, node: usize) -> anyhow::Result<SocketAddr> {
        Ok(self.told(node, "radius").parse()?)
    }

    /// A device that asks for password and code and knows this node alone.
    pub(super) fn vpn_at(&self, node: usize) -> anyhow::Result<Device> {
        self.at(self.demo.vpn()?, &[node])
    }

    /// A device that asks for the code alone and knows this node alone.
    pub(super) fn proxy_at(&self, node: usize) -> anyhow::Result<Device> {
        self.at(self.demo.proxy()?, &[node])
    }

    /// The device, with these nodes for servers, in this order.
    pub(super) fn at(&self, device: Device, nodes: &[usize]) -> anyhow::Result<Device> {
        let servers = nodes.iter().map(|node| self.radius(*node));
        let servers = servers.collect::<Result<_, _>>()?;
        Ok(Device { servers, ..device })
    }

    /// One of the product's commands, asked of this node.
    pub(super) fn run(&self, node: usize, args: &[&str]) -> anyhow::Result<Said> {
        Said::by(self.demo.command_at(node).args(args), b"")
    }

    /// How the cluster stands, as this node sees it.
    pub(super) fn standing(&self, node: usize) -> anyhow::Result<Standing> {
        let status = self.run(node, &["cluster", "status"])?;
        status.json().map(Standing)
    }

    /// The leader that all three follow, each in sync and with the same entries applied.
    pub(super) async fn settled(&self) -> anyhow::Result<usize> {
        let mut leader = None;
        until("all three stand equal", async || {
            leader = self.standing(0).ok().and_then(|it| it.equal());
            leader.is_some()
        })
        .await?;
        leader.context("no leader")
    }

    /// Waits until this node has a leader among `nodes`, and tells it.
    pub(super) async fn led(&self, by: usize, nodes: &[usize]) -> anyhow::Result<usize> {
        let mut leader = None;
        until("somebody leads", async || {
            let standing = self.standing(by).ok().filter(Standing::in_sync);
            leader = standing.and_then(|it| it.leader());
            leader.is_some_and(|leader| nodes.contains(&leader))
        })
        .await?;
        leader.context("no leader")
    }

    /// Makes this node lead.
    pub(super) async fn lead(&self, node: usize) -> anyhow::Result<()> {
        until("the node leads", async || {
            let Ok(leader) = self.settled().await else {
                return false;
            };
            if leader == node {
                return true;
            }
            let heir = (node + 1).to_string();
            // It may be another's turn by now: asked again.
            drop(self.run(leader, &["cluster", "transfer-leader", &heir]));
            false
        })
        .await
    }

    pub(super) fn pid(&self, node: usize) -> anyhow::Result<u32> {
        let again = self.again().get(&node).map(|process| process.0.id());
        again.map_or_else(|| self.demo.pid_of(node), Ok)
    }

    /// SIGKILL; the sockets are closed when this returns.
    pub(super) async fn kill(&self, node: usize) -> anyhow::Result<()> {
        process::kill(self.pid(node)?)?;
        self.gone(node).await
    }

    /// Waits until the node's process has ended.
    pub(super) async fn gone(&self, node: usize) -> anyhow::Result<()> {
        let pid = self.pid(node)?;
        until("the process is gone", async || process::is_gone(pid)).await?;
        self.again().remove(&node);
        Ok(())
    }

    /// Starts a node that is gone again, as an operator does.
    pub(super) fn restart(&self, node: usize) -> anyhow::Result<()> {
        let config = PathBuf::from(self.told(node, "config"));
        self.restart_as(node, &config, &[])
    }

    /// The same by another file, or with something in its environment.
    pub(super) fn restart_as(
        &self,
        node: usize,
        config: &Path,
        environment: &[(&str, &str)],
    ) -> anyhow::Result<()> {
        let process = Process::serve_with(config, &self.log(node), environment)?;
        self.again().insert(node, process);
        Ok(())
    }

    /// Waits until the node is ready.
    pub(super) async fn ready(&self, node: usize) -> anyhow::Result<()> {
        let ready = async || self.demo.watch_at(node, "ready").await.is_some();
        until("the node is ready", ready).await
    }

    /// The file in which the node tells what it does.
    pub(super) fn log(&self, node: usize) -> PathBuf {
        Path::new(self.told(node, "config")).with_file_name("log")
    }

    /// Whether the node says to devices that it answers.
    pub(super) async fn answers(&self, node: usize) -> bool {
        let Ok(mut device) = self.proxy_at(node) else {
            return false;
        };
        device.timeout = STATUS_TIMEOUT;
        let Some(&server) = device.servers.first() else {
            return false;
        };
        let answered = device.status(server, &mut SystemEntropy).await;
        answered.unwrap_or(false)
    }

    /// Each node refuses the code of this step that was typed, from another place: as spent,
    /// or as wrong once it has left its window.
    pub(super) async fn is_spent(
        &self,
        device: impl Fn() -> anyhow::Result<Device>,
        name: &str,
        typed: &str,
        of: u64,
    ) -> anyhow::Result<()> {
        for node in NODES {
            let device = self.at(device()?, &[node])?;
            let caller = format!("198.51.100.{}", node + 1);
            let verdict = login(&device, name, typed, &caller).await?;
            ensure!(
                verdict == Verdict::Reject,
                "{name}: {verdict:?} at node {node} for a spent code"
            );
            let late = step() > of + 1;
            until("the replay is told", async || {
                let events = self.run(node, &["events", "--limit", "5000", "--user", name]);
                events.is_ok_and(|events| {
                    let told = |reason| events.out.contains(reason);
                    told("CS-R302") || late && told("CS-R301")
                })
            })
            .await?;
        }
        Ok(())
    }

    /// Has a command done that may be done twice. On a busy machine the nodes may elect
    /// just then: what was not done, or may not have been, is asked again.
    pub(super) async fn done(&self, node: usize, args: &[&str]) -> anyhow::Result<()> {
        let mut last = None;
        until("it is done or refused", async || {
            last = self.run(node, args).ok();
            last.as_ref().is_some_and(|said| said.status != 3)
        })
        .await?;
        let said = last.context("nothing said")?;
        ensure!(said.status == 0, "{args:?}: {said:?}");
        Ok(())
    }

    /// Makes a user whom nobody else makes.
    pub(super) async fn add(&self, node: usize, user: &str) -> anyhow::Result<()> {
        until("the user is made", async || {
            let said = self.run(node, &["user", "add", user]);
            // There already: an earlier one was done, and its answer lost.
            said.is_ok_and(|said| [0, 1].contains(&said.status))
        })
        .await?;
        let shown = self.shown(node, user).await?;
        shown.map(drop).context("it is not there")
    }

    /// The user as this node shows it once it may, if there is one.
    pub(super) async fn shown(&self, node: usize, user: &str) -> anyhow::Result<Option<Value>> {
        let mut shown = None;
        until("the node shows its tables", async || {
            let said = self.run(node, &["user", "show", user]).ok();
            shown = said.filter(|said| [0, 1].contains(&said.status));
            shown.is_some()
        })
        .await?;
        let said = shown.context("nothing said")?;
        Ok(if said.status == 0 {
            Some(said.json()?)
        } else {
            None
        })
    }

    /// Whether this user's passwords are locked.
    pub(super) async fn locked(&self, node: usize, user: &str) -> anyhow::Result<bool> {
        let shown = self.shown(node, user).await?.context("no such user")?;
        Ok(shown.get("locked").context("no such field")? == true)
    }

    fn told(&self, node: usize, key: &str) -> &str {
        self.demo.told(&format!("/nodes/{node}/{key}"))
    }

    fn again(&self) -> MutexGuard<'_, HashMap<usize, Process>> {
        self.again.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Standing {
    pub(super) fn number(&self, key: &str) -> Option<u64> {
        self.0.get(key)?.as_u64()
    }

    pub(super) fn in_sync(&self) -> bool {
        self.0.get("in_sync").is_some_and(|it| it == true)
    }

    /// Who leads, as this node sees it.
    pub(super) fn leader(&self) -> Option<usize> {
        let leader = usize::try_from(self.number("leader")?).ok()?;
        leader.checked_sub(1)
    }

    pub(super) fn members(&self) -> &[Value] {
        let members = self.0.get("members").and_then(Value::as_array);
        members.map(Vec::as_slice).unwrap_or_default()
    }

    /// The leader of all, where all are in sync with the same state of the same entry.
    fn equal(&self) -> Option<usize> {
        let [first, rest @ ..] = self.members() else {
            return None;
        };
        let keys = ["applied", "state_hash", "leader", "term", "in_sync"];
        let same = |it: &Value| keys.iter().all(|key| it.get(key) == first.get(key));
        let equal = rest.len() == 2 && rest.iter().all(same);
        let in_sync = first.get("in_sync").is_some_and(|it| it == true);
        (equal && in_sync && self.leader().is_some())
            .then(|| self.leader())
            .flatten()
    }
}

/// Longer than a node that answers takes for it.
const STATUS_TIMEOUT: Duration = Duration::from_millis(500);
