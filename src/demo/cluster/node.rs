//! A node of the demo: its process, and the operator's way to it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use countersign::node::SystemEntropy;
use countersign_core::base::Entropy;
use data_encoding::HEXLOWER;
use tokio::process::{Child, Command};

use super::contract;
use super::files::Site;

/// A running node.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) told: contract::Node,
    pub(super) site: Site,
    binary: PathBuf,
    process: Child,
}

impl Node {
    /// Starts one; it is not ready yet.
    pub(super) fn start(site: &Site) -> anyhow::Result<Self> {
        let binary = std::env::current_exe()?.with_file_name("countersign");
        let process = spawn(&binary, &site.config, &site.folder.join("log"))?;
        let ports = &site.ports;
        Ok(Self {
            told: contract::Node {
                id: site.id,
                pid: process.id().unwrap_or(0),
                radius: ports.radius.to_string(),
                accounting: ports.accounting.to_string(),
                radsec: ports.radsec.to_string(),
                admin: format!("https://{}", ports.admin),
                peers: site.several.then(|| ports.peers.to_string()),
                metrics: format!("http://{}", ports.metrics),
                config: site.config.clone(),
            },
            site: site.clone(),
            binary,
            process,
        })
    }

    /// Waits until it says that it answers devices.
    pub(super) async fn wait_until_ready(&mut self) -> anyhow::Result<()> {
        let id = self.site.id;
        for _ in 0..READY_TRIES {
            if let Some(status) = self.process.try_wait()? {
                let log = fs::read_to_string(self.site.folder.join("log")).unwrap_or_default();
                bail!("node {id} has stopped ({status}):\n{log}");
            }
            if reqwest::get(format!("{}/ready", self.told.metrics))
                .await
                .is_ok_and(|answer| answer.status().is_success())
            {
                return Ok(());
            }
            tokio::time::sleep(READY_STEP).await;
        }
        bail!(
            "node {id} is not ready after {:?}",
            READY_STEP * READY_TRIES
        )
    }

    /// Runs one of the product's own commands against this node; what it printed. On a busy
    /// machine the nodes may elect just then: what was not done, or may not have been, is
    /// asked again under the same number, so that it is done once.
    pub(super) async fn run(
        &self,
        admin: &contract::Admin,
        args: &[&str],
    ) -> anyhow::Result<Vec<u8>> {
        let request = HEXLOWER.encode(&SystemEntropy.array::<16>());
        let mut command = Command::new(&self.binary);
        command
            .args(args)
            .args(["--request-id", &request])
            .env("COUNTERSIGN_ADMIN", &self.told.admin)
            .env("COUNTERSIGN_TOKEN_FILE", &admin.token_file)
            .env("COUNTERSIGN_CA_FILE", &admin.ca_file)
            .stdin(Stdio::null());
        let mut output = command.output().await?;
        for _ in 0..RUNS_MAX {
            if output.status.code() != Some(UNKNOWN) {
                break;
            }
            tokio::time::sleep(READY_STEP).await;
            output = command.output().await?;
        }
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(
            output.status.success(),
            "countersign {}: {said}",
            args.join(" ")
        );
        Ok(output.stdout)
    }

    /// The last entry that the node has applied.
    pub(super) async fn applied(&self, admin: &contract::Admin) -> anyhow::Result<u64> {
        let status = self
            .run(admin, &["cluster", "status", "--output", "json"])
            .await?;
        let status: serde_json::Value = serde_json::from_slice(&status)?;
        let applied = status.get("applied").and_then(serde_json::Value::as_u64);
        applied.context("a status without what is applied")
    }

    /// Tells when the process has ended by itself. One that was killed on purpose may be
    /// started again by hand, so that is no reason to end the demo.
    pub(super) async fn ended(&mut self) {
        let _status = self.process.wait().await;
        eprintln!(
            "node {} has ended; start it again with:\n  countersign serve --config {}",
            self.site.id,
            self.told.config.display()
        );
    }

    /// Asks the process to end, and waits for it.
    pub(super) async fn stop(&mut self) {
        let Some(pid) = self.process.id().and_then(|id| i32::try_from(id).ok()) else {
            return;
        };
        if let Some(pid) = rustix::process::Pid::from_raw(pid) {
            // A process that is gone already needs no signal.
            let _gone = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        }
        if tokio::time::timeout(STOP_PATIENCE, self.process.wait())
            .await
            .is_err()
        {
            let _killed = self.process.kill().await;
        }
    }
}

fn spawn(binary: &Path, config: &Path, log: &Path) -> anyhow::Result<Child> {
    let log = File::create(log)?;
    Command::new(binary)
        .args(["serve", "--config", path(config)?])
        .env("MIMALLOC_PURGE_DELAY", "0") // as in deploy/
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .kill_on_drop(true)
        .process_group(0) // Ctrl-C is for the demo, which then stops the node in order
        .spawn()
        .with_context(|| format!("{} cannot be started", binary.display()))
}

/// Writes a file that only its owner can read.
pub(super) fn write_private(file: &Path, octets: &[u8]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    options.open(file)?.write_all(octets)
}

pub(super) fn path(path: &Path) -> anyhow::Result<&str> {
    path.to_str()
        .with_context(|| format!("{} is not UTF-8", path.display()))
}

pub(super) const READY_STEP: Duration = Duration::from_millis(50);
pub(super) const READY_TRIES: u32 = 1200;
/// The exit status of what is unreachable or unknown (DESIGN §7).
const UNKNOWN: i32 = 3;
const RUNS_MAX: u32 = 20;
const STOP_PATIENCE: Duration = Duration::from_secs(10);
