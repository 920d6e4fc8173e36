//! Processes of a test: ended with it, whatever becomes of it.

use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::Context;
use countersign::login::Clock;
use countersign::node::SystemClock;
use rustix::process::{Pid, Signal};

pub(super) const COUNTERSIGN: &str = env!("CARGO_BIN_EXE_countersign");
pub(super) const DEMO: &str = env!("CARGO_BIN_EXE_countersign-demo");

/// A process that ends in order when it is dropped.
pub(super) struct Process(pub(super) Child);

impl Process {
    /// Starts a node by its file, as an operator does.
    pub(super) fn serve(config: &Path, log: &Path) -> anyhow::Result<Self> {
        Self::serve_with(config, log, &[])
    }

    /// The same with something in its environment.
    pub(super) fn serve_with(
        config: &Path,
        log: &Path,
        environment: &[(&str, &str)],
    ) -> anyhow::Result<Self> {
        let log = std::fs::File::options()
            .create(true)
            .append(true)
            .open(log)?;
        let mut command = Command::new(COUNTERSIGN);
        command.args(["serve", "--config"]).arg(config);
        command.env("RUST_LOG", "debug,h2=info,hyper=info");
        command.envs(environment.iter().copied());
        command.stdin(Stdio::null()).stdout(log.try_clone()?);
        Ok(Self(command.stderr(log).spawn()?))
    }

    /// SIGTERM, and the status of the end. One that does not end in time is killed.
    pub(super) fn stop(&mut self) -> anyhow::Result<ExitStatus> {
        send(self.0.id(), Signal::TERM)?;
        let begun = SystemClock.monotonic();
        while begun.elapsed() < PATIENCE {
            if let Some(status) = self.0.try_wait()? {
                return Ok(status);
            }
            std::thread::sleep(STEP);
        }
        self.0.kill()?;
        self.0.wait()?;
        anyhow::bail!("it did not end within {PATIENCE:?} of SIGTERM")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let Ok(None) = self.0.try_wait() else {
            return;
        };
        if let Err(error) = self.stop() {
            drop(self.0.kill());
            drop(self.0.wait());
            assert!(std::thread::panicking(), "a process of the test: {error}");
        }
    }
}

/// SIGKILL, which no process can delay.
pub(super) fn kill(pid: u32) -> anyhow::Result<()> {
    send(pid, Signal::KILL)
}

/// A process that stands still, until this is dropped.
pub(super) struct Frozen(u32);

impl Frozen {
    /// Resolves when every thread of it stands: whichever has to take the signal may wait
    /// for the processor, while the others go on.
    pub(super) async fn new(pid: u32) -> anyhow::Result<Self> {
        let frozen = Self(pid);
        send(pid, Signal::STOP)?;
        until("all threads stand still", async || {
            stands_still(pid).unwrap_or(false)
        })
        .await?;
        Ok(frozen)
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        // One that was killed meanwhile cannot go on.
        drop(send(self.0, Signal::CONT));
    }
}

fn stands_still(pid: u32) -> std::io::Result<bool> {
    for thread in std::fs::read_dir(format!("/proc/{pid}/task"))? {
        let stat = std::fs::read_to_string(thread?.path().join("stat"))?;
        // After the name in brackets, which may hold anything: T for stopped.
        if !stat
            .rsplit(") ")
            .next()
            .is_some_and(|it| it.starts_with('T'))
        {
            return Ok(false);
        }
    }
    Ok(true)
}

/// SIGTERM, which asks a process to end in order.
pub(super) fn terminate(pid: u32) -> anyhow::Result<()> {
    send(pid, Signal::TERM)
}

/// Whether a process is no more, or only waits for its parent; then its ports are free.
pub(super) fn is_gone(pid: u32) -> bool {
    let threads = std::fs::read_dir(format!("/proc/{pid}/task"));
    let threads = threads.map_or(0, Iterator::count);
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = stat
        .rsplit_once(") ")
        .and_then(|(_, rest)| rest.chars().next());
    threads <= 1 && matches!(state, None | Some('Z' | 'X'))
}

fn send(pid: u32, signal: Signal) -> anyhow::Result<()> {
    let pid = Pid::from_raw(pid.try_into()?).context("no process")?;
    Ok(rustix::process::kill_process(pid, signal)?)
}

/// What a command said.
#[derive(Debug)]
pub(super) struct Said {
    pub(super) status: i32,
    pub(super) out: String,
    pub(super) err: String,
}

impl Said {
    /// Runs a command to its end with `input` as its standard input.
    pub(super) fn by(command: &mut Command, input: &[u8]) -> anyhow::Result<Self> {
        command.stdin(Stdio::piped());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn()?;
        let mut stdin = child.stdin.take().context("no standard input")?;
        // A command that reads nothing may be gone already.
        drop(stdin.write_all(input));
        drop(stdin);
        let output = child.wait_with_output()?;
        Ok(Self {
            status: output.status.code().unwrap_or(-1),
            out: String::from_utf8(output.stdout)?,
            err: String::from_utf8(output.stderr)?,
        })
    }

    /// The JSON of a command that must have done its work.
    pub(super) fn json(&self) -> anyhow::Result<serde_json::Value> {
        anyhow::ensure!(self.status == 0, "status {}: {}", self.status, self.err);
        Ok(serde_json::from_str(&self.out)?)
    }
}

/// Asks again and again until it is so.
pub(super) async fn until(what: &str, mut so: impl AsyncFnMut() -> bool) -> anyhow::Result<()> {
    let begun = SystemClock.monotonic();
    loop {
        // Looked at once more however long the last look took.
        let late = begun.elapsed() >= PATIENCE;
        if so().await {
            return Ok(());
        }
        anyhow::ensure!(!late, "not within {PATIENCE:?}: {what}");
        tokio::time::sleep(STEP).await;
    }
}

/// Many times what anything takes here: machines of tests are busy with others.
const PATIENCE: Duration = Duration::from_secs(180);
const STEP: Duration = Duration::from_millis(20);
