//! The demo: one process that starts the cluster and the stand-in for Entra.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{bail, ensure};
use rustix::process::Signal;

use crate::process;

/// Ends with this.
#[derive(Debug)]
pub(crate) struct Demo {
    process: Child,
    dir: PathBuf,
}

impl Demo {
    /// Starts it below `dir` and waits until it is ready.
    pub(crate) async fn start(dir: &Path, nodes: u16, users: u64) -> anyhow::Result<Self> {
        let log = File::create(dir.join("demo.log"))?;
        let mut command = Command::new(beside("countersign-demo")?);
        command.args(["cluster", "--nodes", &nodes.to_string()]);
        command.args(["--users", &users.to_string(), "--dir"]);
        command.arg(dir.join("demo")).stdin(Stdio::null());
        command.stdout(log.try_clone()?).stderr(log);
        let mut demo = Self {
            process: command.spawn()?,
            dir: dir.to_owned(),
        };
        for _ in 0..START_TRIES {
            if demo.file().exists() {
                return Ok(demo);
            }
            if let Some(status) = demo.process.try_wait()? {
                let said = std::fs::read_to_string(dir.join("demo.log"))?;
                bail!("the demo has ended ({status}): {said}");
            }
            tokio::time::sleep(STEP).await;
        }
        bail!("the demo is not ready after {:?}", STEP * START_TRIES)
    }

    /// What it tells.
    pub(crate) fn file(&self) -> PathBuf {
        self.dir.join("demo/demo.json")
    }
}

impl Drop for Demo {
    /// SIGTERM, upon which it ends what it has started, and SIGKILL where that is not
    /// enough.
    fn drop(&mut self) {
        drop(process::send(self.process.id(), Signal::TERM));
        for _ in 0..END_TRIES {
            if let Ok(Some(_)) = self.process.try_wait() {
                return;
            }
            std::thread::sleep(STEP);
        }
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// A binary that was built with this one.
pub(crate) fn beside(name: &str) -> anyhow::Result<PathBuf> {
    let binary = std::env::current_exe()?.with_file_name(name);
    ensure!(binary.exists(), "{} is not built", binary.display());
    Ok(binary)
}

const STEP: Duration = Duration::from_millis(20);
/// Importing many users takes minutes in a slow build.
const START_TRIES: u32 = 30_000;
const END_TRIES: u32 = 1_000;
