//! Runs the Entra stand-in as a process of its own, as the demo does.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::Context;
use serde_json::Value;
use tempfile::TempDir;

/// The password of every account.
pub(crate) const PASSWORD: &str = "R1ght & p\u{e4}ss+w=rd%:";

/// A stand-in with one account per state, each named after it: `mfa@contoso.example`.
pub(crate) struct StandIn {
    process: Child,
    dir: TempDir,
    ready: Value,
    http: reqwest::Client,
}

impl StandIn {
    pub(crate) fn start(extra: &[&str]) -> anyhow::Result<Self> {
        let dir = TempDir::new()?;
        let mut command = Command::new(env!("CARGO_BIN_EXE_countersign-demo"));
        command
            .arg("entra")
            .arg("--dir")
            .arg(dir.path())
            .args(extra);
        for state in [
            "mfa", "no_mfa", "locked", "disabled", "expired", "blocked", "unknown",
        ] {
            command.arg("--user");
            command.arg(format!("{state}@contoso.example:{PASSWORD}:{state}"));
        }
        let mut process = command.stdout(Stdio::piped()).spawn()?;
        let mut line = String::new();
        let output = process.stdout.take().context("no standard output")?;
        BufReader::new(output).read_line(&mut line)?;
        let ready: Value = serde_json::from_str(&line)?;
        let ca = std::fs::read(text(&ready, "ca_file"))?;
        let http = reqwest::Client::builder()
            .no_proxy()
            .tls_certs_only([reqwest::Certificate::from_pem(&ca)?])
            .build()?;
        Ok(Self {
            process,
            dir,
            ready,
            http,
        })
    }

    /// A field of the line that says that it is ready.
    pub(crate) fn told(&self, field: &str) -> &str {
        text(&self.ready, field)
    }

    /// `127.0.0.1:port`, as a node pins it.
    pub(crate) fn host(&self) -> &str {
        self.told("authority").trim_start_matches("https://")
    }

    pub(crate) fn ca_file(&self) -> PathBuf {
        self.told("ca_file").into()
    }

    pub(crate) fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Sets faults and states.
    pub(crate) async fn control(&self, order: Value) -> anyhow::Result<()> {
        let post = self.http.post(self.told("control")).body(order.to_string());
        post.send().await?.error_for_status()?;
        Ok(())
    }

    /// Questions that it has read, answered or not.
    pub(crate) async fn questions(&self) -> anyhow::Result<u64> {
        let told = self.http.get(self.told("control")).send().await?;
        let told: Value = serde_json::from_slice(&told.bytes().await?)?;
        told.get("asked").and_then(Value::as_u64).context("none")
    }

    /// Questions to Graph that it has read.
    pub(crate) async fn graph_asked(&self) -> anyhow::Result<u64> {
        let told = self.http.get(self.told("control")).send().await?;
        let told: Value = serde_json::from_slice(&told.bytes().await?)?;
        let asked = told.pointer("/graph/asked").and_then(Value::as_u64);
        asked.context("none")
    }

    /// The log's lines that concern the token endpoint.
    pub(crate) fn asked(&self) -> anyhow::Result<Vec<Value>> {
        let log = std::fs::read_to_string(self.told("log"))?;
        let mut lines = Vec::new();
        for line in log.lines() {
            let line: Value = serde_json::from_str(line)?;
            if text(&line, "path").ends_with("/token") {
                lines.push(line);
            }
        }
        Ok(lines)
    }

    /// Processor time used so far, in ticks of 10 ms (proc(5), fields 14 and 15).
    pub(crate) fn ticks(&self) -> anyhow::Result<u64> {
        ticks(&self.process.id().to_string())
    }

    /// Kills the process; its address then refuses connections.
    pub(crate) fn kill(&mut self) -> anyhow::Result<()> {
        self.process.kill()?;
        self.process.wait()?;
        Ok(())
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        drop(self.kill());
    }
}

/// Of a process, or of `self`.
pub(crate) fn ticks(process: &str) -> anyhow::Result<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat"))?;
    let (_, fields) = stat.rsplit_once(") ").context("no name")?;
    let mut fields = fields.split(' ').skip(11);
    let mut next = || fields.next().context("too few fields");
    Ok(next()?.parse::<u64>()?.saturating_add(next()?.parse()?))
}

fn text<'a>(object: &'a Value, field: &str) -> &'a str {
    object
        .get(field)
        .and_then(Value::as_str)
        .unwrap_or_default()
}
