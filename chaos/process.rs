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

/// Waits until the process is no more, or only waits for its parent; then its ports are
/// free.
pub(crate) async fn gone(pid: u32, patience: Duration) -> anyhow::Result<()> {
    until(pid, patience, is_gone).await
}

/// Waits until the process stands still: whichever thread has to take the signal may wait
/// for the processor, while the others go on.
pub(crate) async fn frozen(pid: u32, patience: Duration) -> anyhow::Result<()> {
    until(pid, patience, stands_still).await
}

async fn until(
    pid: u32,
    patience: Duration,
    so: impl Fn(&[Option<char>]) -> bool,
) -> anyhow::Result<()> {
    for _ in 0..patience.as_millis() / STEP.as_millis() {
        if so(&threads(pid)) {
            return Ok(());
        }
        tokio::time::sleep(STEP).await;
    }
    let states = threads(pid);
    ensure!(
        so(&states),
        "process {pid} is not so after {patience:?}: {states:?}"
    );
    Ok(())
}

/// The main thread is a zombie as soon as it ends, while others may still hold sockets.
fn is_gone(threads: &[Option<char>]) -> bool {
    threads.len() <= 1
        && threads
            .iter()
            .all(|state| matches!(state, None | Some('Z' | 'X')))
}

fn stands_still(threads: &[Option<char>]) -> bool {
    !threads.is_empty() && threads.iter().all(|state| *state == Some('T'))
}

/// The state of each thread as proc(5) has it; none: it ended just now.
fn threads(pid: u32) -> Vec<Option<char>> {
    let Ok(threads) = fs::read_dir(format!("/proc/{pid}/task")) else {
        return Vec::new();
    };
    let stats = threads.map(|thread| fs::read_to_string(thread.ok()?.path().join("stat")).ok());
    stats.map(|stat| state(&stat?)).collect()
}

/// After the name, which may hold anything.
fn state(stat: &str) -> Option<char> {
    let (_, rest) = stat.rsplit_once(')')?;
    rest.trim_start().chars().next()
}

const STEP: Duration = Duration::from_millis(2);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_whose_main_thread_alone_has_ended_is_not_gone() {
        assert!(!is_gone(&[Some('Z'), Some('S')]));
        assert!(!is_gone(&[Some('S')]));
        assert!(is_gone(&[Some('Z')]));
        assert!(is_gone(&[]));
    }

    #[test]
    fn a_process_stands_still_when_each_thread_does() {
        assert!(!stands_still(&[Some('T'), Some('R')]));
        assert!(!stands_still(&[Some('T'), None]));
        assert!(!stands_still(&[]));
        assert!(stands_still(&[Some('T'), Some('T')]));
    }

    #[test]
    fn a_name_may_hold_brackets() {
        assert_eq!(state("7 (a) T) S 1 7"), Some('S'));
    }

    #[test]
    fn this_process_runs() {
        let threads = threads(std::process::id());
        assert!(!is_gone(&threads) && !stands_still(&threads), "{threads:?}");
    }
}
