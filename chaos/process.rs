//! Processes by their ids: signals, and what has become of them.

use std::fs;
use std::time::Duration;

use anyhow::{Context, ensure};
use rustix::process::{Pid, Signal};

/// Sends a signal.
pub(crate) fn send(pid: u32, signal: Signal) -> anyhow::Result<()> {
    let raw = Pid::from_raw(pid.try_into()?).context("no process")?;
    rustix::process::kill_process(raw, signal).with_context(|| format!("process {pid}"))
}

/// Waits until the process is no more, or only waits for its parent.
pub(crate) async fn gone(pid: u32, patience: Duration) -> anyhow::Result<()> {
    until(pid, patience, |state| {
        matches!(state, None | Some('Z' | 'X'))
    })
    .await
}

/// Waits until the process stands still.
pub(crate) async fn frozen(pid: u32, patience: Duration) -> anyhow::Result<()> {
    until(pid, patience, |state| matches!(state, Some('T'))).await
}

async fn until(
    pid: u32,
    patience: Duration,
    so: impl Fn(Option<char>) -> bool,
) -> anyhow::Result<()> {
    for _ in 0..patience.as_millis() / STEP.as_millis() {
        if so(state(pid)) {
            return Ok(());
        }
        tokio::time::sleep(STEP).await;
    }
    ensure!(so(state(pid)), "process {pid} is not so after {patience:?}");
    Ok(())
}

/// As proc(5) has it; the name of the process may hold anything.
fn state(pid: u32) -> Option<char> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, rest) = stat.rsplit_once(')')?;
    rest.trim_start().chars().next()
}

const STEP: Duration = Duration::from_millis(2);
