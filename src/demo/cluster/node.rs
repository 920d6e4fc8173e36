//! A node of the demo: its files, its process, and the operator's way to it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::net::{TcpListener, UdpSocket};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use countersign::node::{self, SystemEntropy};
use tokio::process::{Child, Command};

use super::contract;

/// A running node.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) told: contract::Node,
    folder: PathBuf,
    binary: PathBuf,
    process: Child,
}

impl Node {
    /// Makes a cluster of one node below `dir` and starts it.
    pub(super) async fn start(dir: &Path, authority: &str, ca_file: &Path) -> anyhow::Result<Self> {
        let folder = dir.join("node1");
        let made = node::make(&folder, &mut SystemEntropy)?;
        let [radius, accounting, admin, metrics] = free_ports()?;
        let text = fs::read_to_string(&made.config)?;
        let host = authority.trim_start_matches("https://");
        let text = text
            .replace("id = 1\n", "id = 1\ndemo = true\n")
            .replace("0.0.0.0:1812", &radius)
            .replace("0.0.0.0:1813", &accounting)
            .replace("127.0.0.1:8443", &admin)
            .replace("127.0.0.1:9464", &metrics)
            .replace("\"login.microsoftonline.com\"", &format!("\"{host}\""));
        let text = format!("{text}ca_file = \"{}\"\n", ca_file.display());
        fs::write(&made.config, text)?;
        let binary = std::env::current_exe()?.with_file_name("countersign");
        let process = spawn(&binary, &made.config, &folder.join("log"))?;
        let mut node = Self {
            told: contract::Node {
                id: 1,
                pid: process.id().unwrap_or(0),
                radius,
                accounting,
                admin: format!("https://{admin}"),
                metrics: format!("http://{metrics}"),
                config: made.config,
            },
            folder,
            binary,
            process,
        };
        node.wait_until_ready(&metrics).await?;
        Ok(node)
    }

    async fn wait_until_ready(&mut self, metrics: &str) -> anyhow::Result<()> {
        for _ in 0..READY_TRIES {
            if let Some(status) = self.process.try_wait()? {
                let log = fs::read_to_string(self.folder.join("log")).unwrap_or_default();
                bail!("the node has stopped ({status}):\n{log}");
            }
            let url = format!("http://{metrics}/ready");
            if reqwest::get(url)
                .await
                .is_ok_and(|answer| answer.status().is_success())
            {
                return Ok(());
            }
            tokio::time::sleep(READY_STEP).await;
        }
        bail!("the node is not ready after {:?}", READY_STEP * READY_TRIES)
    }

    /// Makes the first operator.
    pub(super) async fn bootstrap(&self) -> anyhow::Result<contract::Admin> {
        let admin = contract::Admin {
            token_file: self.folder.join("operator-token"),
            ca_file: self.folder.join("admin-ca.pem"),
        };
        let token = self.folder.join("bootstrap-token");
        let (token, save) = (path(&token)?, path(&admin.token_file)?);
        let options = ["--bootstrap-token-file", token, "--save-token", save];
        self.run(
            &admin,
            &[&["admin", "bootstrap", "operator"][..], &options].concat(),
        )
        .await?;
        Ok(admin)
    }

    /// Runs one of the product's own commands against this node.
    pub(super) async fn run(&self, admin: &contract::Admin, args: &[&str]) -> anyhow::Result<()> {
        let output = Command::new(&self.binary)
            .args(args)
            .env("COUNTERSIGN_ADMIN", &self.told.admin)
            .env("COUNTERSIGN_TOKEN_FILE", &admin.token_file)
            .env("COUNTERSIGN_CA_FILE", &admin.ca_file)
            .stdin(Stdio::null())
            .output()
            .await?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(
            output.status.success(),
            "countersign {}: {said}",
            args.join(" ")
        );
        Ok(())
    }

    /// Resolves when the process has ended by itself. One that was killed on purpose may
    /// be started again by hand, so that is no reason to end the demo.
    pub(super) async fn ended(&mut self) {
        let _status = self.process.wait().await;
        eprintln!(
            "node 1 has ended; start it again with:\n  countersign serve --config {}",
            self.told.config.display()
        );
        std::future::pending().await
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
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .kill_on_drop(true)
        .process_group(0) // Ctrl-C is for the demo, which then stops the node in order
        .spawn()
        .with_context(|| format!("{} cannot be started", binary.display()))
}

/// Free ports on loopback: two for UDP, two for TCP. They are free again when this
/// returns; the file of the node names them, so that it can be started again by hand.
fn free_ports() -> io::Result<[String; 4]> {
    let udp = [
        UdpSocket::bind("127.0.0.1:0")?,
        UdpSocket::bind("127.0.0.1:0")?,
    ];
    let tcp = [
        TcpListener::bind("127.0.0.1:0")?,
        TcpListener::bind("127.0.0.1:0")?,
    ];
    let [radius, accounting] = udp.map(|socket| socket.local_addr());
    let [admin, metrics] = tcp.map(|socket| socket.local_addr());
    Ok([radius?, accounting?, admin?, metrics?].map(|at| at.to_string()))
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

const READY_STEP: Duration = Duration::from_millis(50);
const READY_TRIES: u32 = 600;
const STOP_PATIENCE: Duration = Duration::from_secs(10);
