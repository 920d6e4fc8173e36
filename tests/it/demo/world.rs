//! A demo as a process of its own, and the ways to it.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{ChildStdout, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, ensure};
use countersign::device::{Answer, Credentials, Device, Lines};
use countersign::node::SystemEntropy;
use countersign_core::base::Secret;
use serde_json::Value;
use tempfile::TempDir;

use super::codes::App;
use super::process::{COUNTERSIGN, DEMO, Process, Said, until};

pub(super) const ALICE: &str = "alice@contoso.example";
/// Where a user is at home.
pub(super) const HOME: &str = "203.0.113.5";

/// A demo, ended when it is dropped.
pub(super) struct Demo {
    told: Value,
    /// What it printed, from the ready line on.
    pub(super) printed: String,
    _process: Process,
    /// A process that prints into a closed pipe would end.
    _output: BufReader<ChildStdout>,
    dir: TempDir,
}

/// Someone who can log in.
pub(super) struct Person {
    pub(super) name: String,
    pub(super) password: String,
    pub(super) app: App,
}

/// What a device was told.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Verdict {
    Accept,
    /// In the one form that all refusals have.
    Reject,
    Silence,
}

impl Demo {
    /// Starts one of one node with so many users for load.
    pub(super) fn start(users: u32) -> anyhow::Result<Self> {
        Self::of(1, users)
    }

    /// Starts one of so many nodes.
    pub(super) fn of(nodes: u16, users: u32) -> anyhow::Result<Self> {
        let dir = TempDir::new()?;
        let errors = dir.path().join("stderr");
        let mut command = Command::new(DEMO);
        command.args([
            "cluster",
            "--nodes",
            &nodes.to_string(),
            "--users",
            &users.to_string(),
            "--dir",
        ]);
        command.arg(dir.path().join("demo")).stdin(Stdio::null());
        command
            .stdout(Stdio::piped())
            .stderr(File::create(&errors)?);
        let mut process = Process(command.spawn()?);
        let output = process.0.stdout.take().context("no standard output")?;
        let mut output = BufReader::new(output);
        let mut printed = String::new();
        while !printed.contains("Ctrl-C ends the demo") {
            let read = output.read_line(&mut printed)?;
            ensure!(read > 0, "the demo: {}", fs::read_to_string(&errors)?);
        }
        let told = fs::read(dir.path().join("demo/demo.json"))?;
        Ok(Self {
            told: serde_json::from_slice(&told)?,
            printed,
            _process: process,
            _output: output,
            dir,
        })
    }

    /// A value of `demo.json` by its pointer (RFC 6901).
    pub(super) fn told(&self, pointer: &str) -> &str {
        let value = self.told.pointer(pointer).and_then(Value::as_str);
        value.unwrap_or_default()
    }

    fn nodes(&self) -> usize {
        let nodes = self.told.pointer("/nodes").and_then(Value::as_array);
        nodes.map_or(0, Vec::len)
    }

    pub(super) fn pid(&self) -> anyhow::Result<u32> {
        self.pid_of(0)
    }

    /// The process that the demo itself started for this node, counted from 0.
    pub(super) fn pid_of(&self, node: usize) -> anyhow::Result<u32> {
        let pid = self.told.pointer(&format!("/nodes/{node}/pid"));
        let pid = pid.and_then(Value::as_u64).context("no process id")?;
        Ok(pid.try_into()?)
    }

    pub(super) fn folder(&self) -> PathBuf {
        self.dir.path().join("demo")
    }

    pub(super) fn config(&self) -> &Path {
        Path::new(self.told("/nodes/0/config"))
    }

    pub(super) fn node_log(&self) -> PathBuf {
        self.folder().join("n1/log")
    }

    pub(super) fn alice(&self) -> anyhow::Result<Person> {
        self.person("/users/0")
    }

    /// Has no MFA at the stand-in.
    pub(super) fn bob(&self) -> anyhow::Result<Person> {
        self.person("/users/1")
    }

    /// A user for load, counted from 1.
    pub(super) fn load(&self, number: u32) -> anyhow::Result<Person> {
        let person = self.person("/load")?;
        let name = person.name.replace("{n}", &number.to_string());
        Ok(Person { name, ..person })
    }

    fn person(&self, at: &str) -> anyhow::Result<Person> {
        let text = |key: &str| self.told(&format!("{at}/{key}"));
        Ok(Person {
            name: text("name").to_owned(),
            password: text("password").to_owned(),
            app: App::new(text("totp_secret"))?,
        })
    }

    pub(super) fn radius(&self) -> anyhow::Result<SocketAddr> {
        Ok(self.told("/nodes/0/radius").parse()?)
    }

    /// A device of the client that asks for password and code.
    pub(super) fn vpn(&self) -> anyhow::Result<Device> {
        self.device("/clients/0/secret", Ipv4Addr::LOCALHOST)
    }

    /// A device of the client that asks for the code alone.
    pub(super) fn proxy(&self) -> anyhow::Result<Device> {
        self.device("/clients/1/secret", Ipv4Addr::new(127, 0, 0, 2))
    }

    fn device(&self, secret: &str, source: Ipv4Addr) -> anyhow::Result<Device> {
        Ok(Device {
            servers: vec![self.radius()?],
            secret: Secret::from(self.told(secret).to_owned()),
            timeout: Duration::from_secs(3),
            tries: 3,
            source: Some(IpAddr::V4(source)),
            dangerous_unprotected_replies: false,
            identifier: "vpn.contoso.example".to_owned(),
        })
    }

    /// Runs one of the product's commands as the demo's operator, for JSON.
    pub(super) fn run(&self, args: &[&str]) -> anyhow::Result<Said> {
        self.run_with(args, b"")
    }

    /// The same with something on standard input.
    pub(super) fn run_with(&self, args: &[&str], input: &[u8]) -> anyhow::Result<Said> {
        Said::by(self.command().args(args), input)
    }

    /// The product's program, set up for the demo's operator.
    pub(super) fn command(&self) -> Command {
        self.command_at(0)
    }

    /// The same for an operator who asks this node, counted from 0.
    pub(super) fn command_at(&self, node: usize) -> Command {
        let mut command = Command::new(COUNTERSIGN);
        command.args(["--output", "json"]);
        let admin = self.told(&format!("/nodes/{node}/admin"));
        command.env("COUNTERSIGN_ADMIN", admin);
        command.env("COUNTERSIGN_TOKEN_FILE", self.told("/admin/token_file"));
        command.env("COUNTERSIGN_CA_FILE", self.told("/admin/ca_file"));
        command
    }

    /// Reasons of this user's logins, once there are so many: an event is written soon after
    /// its login, which never waits for it. One node after another, oldest first.
    pub(super) async fn reasons(&self, user: &str, least: usize) -> anyhow::Result<Vec<String>> {
        let mut reasons = Vec::new();
        until("the events are written", async || {
            let each = (0..self.nodes()).map(|node| self.reasons_at(node, user));
            let each = each.collect::<anyhow::Result<Vec<_>>>();
            reasons = each.unwrap_or_default().concat();
            reasons.len() >= least
        })
        .await?;
        Ok(reasons)
    }

    fn reasons_at(&self, node: usize, user: &str) -> anyhow::Result<Vec<String>> {
        let mut events = self.command_at(node);
        let events = events.args(["events", "--limit", "5000", "--user", user]);
        let events = Said::by(events, b"")?;
        ensure!(events.status == 0, "{}", events.err);
        let mut reasons = Vec::new();
        for line in events.out.lines() {
            let event: Value = serde_json::from_str(line)?;
            reasons.push(text(&event, "reason").to_owned());
        }
        Ok(reasons)
    }

    /// A page of the node's watchers; none: it does not say that it is well.
    pub(super) async fn watch(&self, page: &str) -> Option<String> {
        self.watch_at(0, page).await
    }

    /// The same of this node, counted from 0.
    pub(super) async fn watch_at(&self, node: usize, page: &str) -> Option<String> {
        let url = format!("{}/{page}", self.told(&format!("/nodes/{node}/metrics")));
        let http = reqwest::Client::builder().no_proxy().build().ok()?;
        let answer = http.get(url).send().await.ok()?.error_for_status().ok()?;
        answer.text().await.ok()
    }

    /// A counter of the metrics, 0 where it has not begun.
    pub(super) async fn count(&self, name: &str, label: &str) -> u64 {
        self.count_at(0, name, label).await
    }

    /// The same of this node, counted from 0.
    pub(super) async fn count_at(&self, node: usize, name: &str, label: &str) -> u64 {
        let page = self.watch_at(node, "metrics").await.unwrap_or_default();
        let head = format!("countersign_{name}_total{{");
        let tail = format!("=\"{label}\"}}");
        let mut lines = page.lines().filter(|line| line.starts_with(&head));
        let line = lines.find(|line| line.contains(&tail));
        let value = line.and_then(|line| line.rsplit(' ').next()?.parse().ok());
        value.unwrap_or(0)
    }

    /// Sets faults and delays of the stand-in.
    pub(super) async fn entra(&self, order: &Value) -> anyhow::Result<()> {
        let control = self.told("/entra/control");
        let post = self.stand_in()?.post(control).body(order.to_string());
        post.send().await?.error_for_status()?;
        Ok(())
    }

    /// Questions that the stand-in has read so far, answered or not.
    pub(super) async fn questions(&self) -> anyhow::Result<u64> {
        let control = self.told("/entra/control");
        let told = self.stand_in()?.get(control).send().await?.bytes().await?;
        let told: Value = serde_json::from_slice(&told)?;
        told.get("asked").and_then(Value::as_u64).context("none")
    }

    fn stand_in(&self) -> anyhow::Result<reqwest::Client> {
        let ca = fs::read(self.told("/entra/ca_file"))?;
        let ca = reqwest::Certificate::from_pem(&ca)?;
        let http = reqwest::Client::builder().no_proxy();
        Ok(http.tls_certs_only([ca]).build()?)
    }

    /// How often the stand-in was asked about this user's password.
    pub(super) fn asked(&self, user: &str) -> anyhow::Result<usize> {
        let log = fs::read_to_string(self.told("/entra/log"))?;
        let lines = log.lines().map(serde_json::from_str::<Value>);
        let lines = lines.collect::<Result<Vec<_>, _>>()?;
        let asks =
            |line: &&Value| text(line, "path").ends_with("/token") && text(line, "user") == user;
        Ok(lines.iter().filter(asks).count())
    }
}

/// What a device hears of one packet of its own, from a port of its own. `state`: the
/// packet answers a challenge.
pub(super) async fn send(
    device: &Device,
    name: &str,
    (typed, state): (&str, Option<&[u8]>),
    caller: &str,
) -> anyhow::Result<Option<Answer>> {
    let credentials = Credentials {
        name,
        password: &Secret::from(typed.to_owned()),
        state,
        caller,
    };
    let mut lines = Lines::default();
    let report = device
        .login(&credentials, &mut lines, &mut SystemEntropy)
        .await?;
    Ok(report.answer)
}

/// One login in a packet of its own, from a port of its own.
pub(super) async fn login(
    device: &Device,
    name: &str,
    typed: &str,
    caller: &str,
) -> anyhow::Result<Verdict> {
    match send(device, name, (typed, None), caller).await? {
        None => Ok(Verdict::Silence),
        Some(Answer::Accept) => Ok(Verdict::Accept),
        Some(Answer::Reject(text)) => {
            ensure!(is_refusal(&text), "a refusal of another form: {text:?}");
            Ok(Verdict::Reject)
        }
        Some(Answer::Challenge(text, _)) => anyhow::bail!("a challenge: {text}"),
    }
}

/// Whether it is `Access denied (ref XXXXXX)` and nothing more.
pub(super) fn is_refusal(text: &str) -> bool {
    let reference = text
        .strip_prefix("Access denied (ref ")
        .and_then(|rest| rest.strip_suffix(')'));
    let sign = |octet: u8| octet.is_ascii_uppercase() || octet.is_ascii_digit();
    reference.is_some_and(|it| it.len() == 6 && it.bytes().all(sign))
}

/// A text of a JSON object; empty where there is none.
pub(super) fn text<'a>(object: &'a Value, key: &str) -> &'a str {
    object.get(key).and_then(Value::as_str).unwrap_or_default()
}
