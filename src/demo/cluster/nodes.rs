//! All nodes of the demo: started together, ready together, stopped together.

use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail};
use countersign::device::Device;
use countersign::node::SystemEntropy;
use futures_util::future::{join_all, try_join_all};

use super::contract::{self, Client};
use super::files::{self, Made};
use super::node::{self, Node, READY_STEP, READY_TRIES};
use super::ports::Ports;
use super::radsec::Signer;
use crate::entra;

/// The running nodes.
#[derive(Debug)]
pub(super) struct Nodes {
    nodes: Vec<Node>,
    made: Made,
}

impl Nodes {
    /// Makes `count` nodes below `dir` and starts them. Where somebody was faster at one
    /// of their ports, they are made anew on others.
    pub(super) async fn start(
        dir: &Path,
        count: u16,
        entra: &entra::Ready,
        radsec: &Signer,
    ) -> anyhow::Result<Self> {
        let mut starts = 0_u32;
        loop {
            starts = starts.saturating_add(1);
            let mut started = Self::make(dir, count, entra, radsec)?;
            let waiting = started.nodes.iter_mut().map(Node::wait_until_ready);
            let Err(error) = try_join_all(waiting).await else {
                return Ok(started);
            };
            started.stop().await;
            let robbed = started.made.sites.iter().any(|site| site.ports.taken());
            if !robbed || starts >= STARTS_MAX {
                return Err(error);
            }
            started.remove(dir)?;
        }
    }

    fn make(dir: &Path, count: u16, entra: &entra::Ready, radsec: &Signer) -> anyhow::Result<Self> {
        let found: anyhow::Result<Vec<_>> = (0..count).map(|_| Ports::find()).collect();
        let (ports, held): (Vec<_>, Vec<_>) = found?.into_iter().unzip();
        let made = files::make(dir, &ports, entra, radsec)?;
        drop(held);
        let nodes = made.sites.iter().map(Node::start);
        let nodes = nodes.collect::<anyhow::Result<_>>()?;
        Ok(Self { nodes, made })
    }

    fn remove(&self, dir: &Path) -> anyhow::Result<()> {
        for site in &self.made.sites {
            fs::remove_dir_all(&site.folder)?;
        }
        let shared = dir.join("cluster");
        if shared.exists() {
            fs::remove_dir_all(shared)?;
        }
        Ok(())
    }

    /// The node that operators are sent to.
    pub(super) fn first(&self) -> anyhow::Result<&Node> {
        self.nodes.first().context("a demo without nodes")
    }

    /// As `demo.json` lists them.
    pub(super) fn told(&self) -> Vec<contract::Node> {
        self.nodes.iter().map(|node| node.told.clone()).collect()
    }

    /// Makes the first operator.
    pub(super) async fn bootstrap(&self, dir: &Path) -> anyhow::Result<contract::Admin> {
        let admin = contract::Admin {
            token_file: dir.join("operator-token"),
            ca_file: self.made.admin_ca.clone(),
        };
        let token = node::path(&self.made.bootstrap_token)?;
        let save = node::path(&admin.token_file)?;
        let options = ["--bootstrap-token-file", token, "--save-token", save];
        let args = [&["admin", "bootstrap", "operator"][..], &options].concat();
        self.first()?.run(&admin, &args).await?;
        Ok(admin)
    }

    /// Waits until each node has applied what the first one has, and answers `client`.
    pub(super) async fn wait_until_equal(
        &self,
        admin: &contract::Admin,
        client: &Client,
    ) -> anyhow::Result<()> {
        let applied = self.first()?.applied(admin).await?;
        let waiting = self
            .nodes
            .iter()
            .map(|node| wait_for(node, admin, client, applied));
        try_join_all(waiting).await.map(drop)
    }

    /// Tells of each node that ends by itself. Never resolves.
    pub(super) async fn ended(&mut self) {
        join_all(self.nodes.iter_mut().map(Node::ended)).await;
        std::future::pending().await
    }

    /// Stops all of them.
    pub(super) async fn stop(&mut self) {
        join_all(self.nodes.iter_mut().map(Node::stop)).await;
    }
}

async fn wait_for(
    node: &Node,
    admin: &contract::Admin,
    client: &Client,
    applied: u64,
) -> anyhow::Result<()> {
    let server = node.site.ports.radius;
    let device = device(client, server)?;
    let mut last = None;
    for _ in 0..READY_TRIES {
        match node.applied(admin).await {
            Ok(there) if there < applied => last = None,
            Ok(_) if device.status(server, &mut SystemEntropy).await? => return Ok(()),
            Ok(_) => last = None,
            Err(error) => last = Some(error),
        }
        tokio::time::sleep(READY_STEP).await;
    }
    let id = node.site.id;
    match last {
        Some(error) => Err(error.context(format!("node {id} cannot be asked"))),
        None => bail!("node {id} does not follow the first one"),
    }
}

fn device(client: &Client, server: SocketAddr) -> anyhow::Result<Device> {
    let source: IpAddr = client.cidr.split('/').next().unwrap_or_default().parse()?;
    Ok(Device {
        servers: vec![server],
        secret: client.secret.clone().into(),
        timeout: STATUS_TIMEOUT,
        tries: 1,
        source: Some(source),
        identifier: "countersign-demo".to_owned(),
        dangerous_unprotected_replies: false,
    })
}

const STARTS_MAX: u32 = 3;
const STATUS_TIMEOUT: Duration = Duration::from_millis(300);
