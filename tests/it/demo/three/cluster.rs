//! A demo of three nodes, and ways to each of them; nodes are counted from 0 here.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, ensure};
use countersign::device::Device;
use countersign::node::SystemEntropy;
use serde_json::Value;

use super::super::process::{self, Process, Said, until};
use super::super::world::{Demo, text};

pub(super) const NODES: [usize; 3] = [0, 1, 2];

pub(super) struct Cluster {
    pub(super) demo: Demo,
    /// Those that were started again by hand.
    again: [Option<Process>; 3],
}

/// How a node says that it and the others stand.
pub(super) struct Standing(Value);

impl Cluster {
    pub(super) fn start(users: u32) -> anyhow::Result<Self> {
        Ok(Self {
            demo: Demo::of(3, users)?,
            again: [const { None }; 3],
        })
    }

    pub(super) fn radius(&self, node: usize) -> anyhow::Result<SocketAddr> {
        Ok(self.demo.told(&format!("/nodes/{node}/radius")).parse()?)
    }

    /// A device that asks for password and code and knows this node alone.
    pub(super) fn vpn_at(&self, node: usize) -> anyhow::Result<Device> {
        let servers = vec![self.radius(node)?];
        let vpn = self.demo.vpn()?;
        Ok(Device { servers, ..vpn })
    }

    /// A device that asks for the code alone and knows this node alone.
    pub(super) fn proxy_at(&self, node: usize) -> anyhow::Result<Device> {
        let servers = vec![self.radius(node)?];
        let proxy = self.demo.proxy()?;
        Ok(Device { servers, ..proxy })
    }

    /// The same device for all three nodes.
    pub(super) fn at_all(&self, device: Device) -> anyhow::Result<Device> {
        let servers = NODES.map(|node| self.radius(node));
        let servers = servers.into_iter().collect::<Result<_, _>>()?;
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

    pub(super) fn pid(&self, node: usize) -> anyhow::Result<u32> {
        let again = self.again.get(node).context("no such node")?;
        let again = again.as_ref().map(|process| process.0.id());
        again.map_or_else(|| self.demo.pid_of(node), Ok)
    }

    /// SIGKILL; the sockets are closed when this returns.
    pub(super) async fn kill(&mut self, node: usize) -> anyhow::Result<()> {
        process::kill(self.pid(node)?)?;
        self.gone(node).await
    }

    /// Waits until the node's process has ended.
    pub(super) async fn gone(&mut self, node: usize) -> anyhow::Result<()> {
        let again = self.again.get_mut(node).context("no such node")?;
        match again.take() {
            Some(mut process) => drop(process.0.wait()?),
            None => {
                let process = format!("/proc/{}", self.demo.pid_of(node)?);
                until("it has ended", async || !Path::new(&process).exists()).await?;
            }
        }
        Ok(())
    }

    /// Starts a dead node again, as an operator does.
    pub(super) fn restart(&mut self, node: usize) -> anyhow::Result<()> {
        let config = self.demo.told(&format!("/nodes/{node}/config")).to_owned();
        let log = Path::new(&config).with_file_name("log");
        let started = Process::serve(Path::new(&config), &log)?;
        *self.again.get_mut(node).context("no such node")? = Some(started);
        Ok(())
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

    /// Reasons of this user's logins over all nodes, sorted, once there are so many.
    pub(super) async fn reasons(&self, user: &str, least: usize) -> anyhow::Result<Vec<String>> {
        let mut reasons = Vec::new();
        until("the events are written", async || {
            let each = NODES.map(|node| self.reasons_at(node, user).unwrap_or_default());
            reasons = each.concat();
            reasons.sort();
            reasons.len() >= least
        })
        .await?;
        Ok(reasons)
    }

    fn reasons_at(&self, node: usize, user: &str) -> anyhow::Result<Vec<String>> {
        let events = self.run(node, &["events", "--limit", "5000", "--user", user])?;
        ensure!(events.status == 0, "{}", events.err);
        let events = events.out.lines().map(serde_json::from_str::<Value>);
        let events = events.collect::<Result<Vec<_>, _>>()?;
        Ok(events
            .iter()
            .map(|it| text(it, "reason").to_owned())
            .collect())
    }

    /// Whether this user's passwords are locked.
    pub(super) fn locked(&self, node: usize, user: &str) -> anyhow::Result<bool> {
        let shown = self.run(node, &["user", "show", user])?.json()?;
        Ok(shown.get("locked").context("no such field")? == true)
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
