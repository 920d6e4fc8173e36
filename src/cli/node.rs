//! The commands that run a node on this machine or check its file: `serve`,
//! `check-config`.

use std::path::{Path, PathBuf};

use super::failure::Failure;
use crate::login::Clock;
use crate::node::{self, SystemClock, config};
use crate::telemetry;

/// `countersign serve`
#[derive(Debug, clap::Args)]
pub(super) struct Serve {
    /// The node's own file
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

/// `countersign check-config`
#[derive(Debug, clap::Args)]
pub(super) struct CheckConfig {
    /// The node's own file
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

impl Serve {
    pub(super) fn run(self) -> Result<(), Failure> {
        let config = load(&self.config)?;
        telemetry::start_logs(config.log);
        // The one crypto provider of the process; a second call would change nothing.
        let _set = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .map_err(|error| Failure::Refused(format!("no runtime: {error}")))?;
        let served = runtime.block_on(node::serve(config));
        served.map_err(|error| Failure::Refused(chain(&error)))
    }
}

impl CheckConfig {
    pub(super) fn run(&self) -> Result<(), Failure> {
        let config = load(&self.file)?;
        for advice in &config.advice {
            eprintln!("{}: advice: {advice}", self.file.display());
        }
        println!("{}: no faults", self.file.display());
        Ok(())
    }
}

fn load(file: &Path) -> Result<config::Config, Failure> {
    config::load(file, SystemClock.wall()).map_err(|error| {
        let mut text = chain(&error);
        if let config::ConfigError::Faulty(path, faults) = &error {
            for fault in faults {
                text.push_str(&format!("\n{}: {fault}", path.display()));
            }
        }
        Failure::Usage(text)
    })
}

/// An error with its causes, in one line.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(": ")
}
