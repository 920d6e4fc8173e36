//! A demo of three nodes whose processes are killed and started again.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use anyhow::{Context, ensure};
use countersign::device::Device;
use serde_json::Value;

use super::process::{self, Process, Said, until};
use super::world::{Demo, Verdict, login};

/// The nodes, counted from 0.
pub(super) const NODES: usize = 3;

pub(super) struct Fleet {
    /// By node.
    restarted: Mutex<HashMap<usize, Process>>,
    pub(super) demo: Demo,
    http: reqwest::Client,
}

impl Fleet {
    pub(super) fn start(users: u32) -> anyhow::Result<Self> {
        let demo = Demo::of(NODES.try_into()?, users)?;
        let ca = std::fs::read(demo.told("/entra/ca_file"))?;
        let http = reqwest::Client::builder().no_proxy();
        let http = http.tls_certs_only([reqwest::Certificate::from_pem(&ca)?]);
        Ok(Self {
            restarted: Mutex::default(),
            demo,
            http: http.build()?,
        })
    }

    /// SIGKILL; returns when the process is gone.
    pub(super) async fn kill(&self, node: usize) -> anyhow::Result<()> {
        let pid = self.pid(node)?;
        process::kill(pid)?;
        self.gone(node).await
    }

    /// Waits until the process of this node is gone.
    pub(super) async fn gone(&self, node: usize) -> anyhow::Result<()> {
        let pid = self.pid(node)?;
        until("the process is gone", async || process::is_gone(pid)).await?;
        self.restarted().remove(&node);
        Ok(())
    }

    /// Starts a node that is gone, and waits until it is ready.
    pub(super) async fn restart(
        &self,
        node: usize,
        environment: &[(&str, &str)],
    ) -> anyhow::Result<()> {
        let config = Path::new(self.told(node, "config"));
        let log = self.demo.folder().join(format!("restarted-{node}"));
        let process = Process::serve_with(config, &log, environment)?;
        self.restarted().insert(node, process);
        let ready = async || self.demo.watch_at(node, "ready").await.is_some();
        until("the node is ready", ready).await
    }

    /// Who leads, as all agree.
    pub(super) async fn leader(&self) -> anyhow::Result<usize> {
        let mut leader = None;
        until("all agree on a leader", async || {
            let said = (0..NODES).map(|node| self.leader_by(node));
            let said: Option<Vec<_>> = said.collect();
            let said = said.unwrap_or_default();
            leader = said.first().copied();
            leader.is_some() && said.iter().all(|it| Some(*it) == leader)
        })
        .await?;
        leader.context("no leader")
    }

    fn leader_by(&self, node: usize) -> Option<usize> {
        let status = self.run(node, &["cluster", "status"]).ok()?.json().ok()?;
        let leader = status.get("leader").and_then(Value::as_u64)?;
        usize::try_from(leader).ok()?.checked_sub(1)
    }

    /// Makes this node lead.
    #[cfg(feature = "dangerous-fail-points")]
    pub(super) async fn lead(&self, node: usize) -> anyhow::Result<()> {
        until("the node leads", async || {
            let Ok(leader) = self.leader().await else {
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

    /// A command of the demo's operator, to this node.
    pub(super) fn run(&self, node: usize, args: &[&str]) -> anyhow::Result<Said> {
        Said::by(self.demo.command_at(node).args(args), b"")
    }

    /// The device, with its servers in this order.
    pub(super) fn asks(&self, mut device: Device, nodes: &[usize]) -> anyhow::Result<Device> {
        let at = |node: &usize| self.told(*node, "radius").parse::<SocketAddr>();
        device.servers = nodes.iter().map(at).collect::<Result<_, _>>()?;
        Ok(device)
    }

    /// Each node refuses the code that was typed, from another place: as spent.
    pub(super) async fn is_spent(
        &self,
        device: impl Fn() -> anyhow::Result<Device>,
        name: &str,
        typed: &str,
    ) -> anyhow::Result<()> {
        for node in 0..NODES {
            let device = self.asks(device()?, &[node])?;
            let caller = format!("198.51.100.{}", node + 1);
            let verdict = login(&device, name, typed, &caller).await?;
            ensure!(
                verdict == Verdict::Reject,
                "{name}: {verdict:?} at node {node} for a spent code"
            );
            until("the replay is told", async || {
                let events = self.run(node, &["events", "--limit", "5000", "--user", name]);
                events.is_ok_and(|events| events.out.contains("CS-R302"))
            })
            .await?;
        }
        Ok(())
    }

    /// Questions that the password source has read so far.
    pub(super) async fn questions(&self) -> anyhow::Result<u64> {
        let control = self.demo.told("/entra/control");
        let told = self.http.get(control).send().await?.bytes().await?;
        let told: Value = serde_json::from_slice(&told)?;
        told.get("asked").and_then(Value::as_u64).context("none")
    }

    fn pid(&self, node: usize) -> anyhow::Result<u32> {
        let own = self.restarted().get(&node).map(|process| process.0.id());
        own.map_or_else(|| self.demo.pid_of(node), Ok)
    }

    fn told(&self, node: usize, key: &str) -> &str {
        self.demo.told(&format!("/nodes/{node}/{key}"))
    }

    fn restarted(&self) -> MutexGuard<'_, HashMap<usize, Process>> {
        let restarted = self.restarted.lock();
        restarted.unwrap_or_else(PoisonError::into_inner)
    }
}
