//! `countersign-chaos`: a demo cluster under load and faults, and a judgement of its history.
//!
//! Real processes: nodes are killed with SIGKILL, frozen with SIGSTOP, ended with SIGTERM
//! and started again, while devices log in as VPN gateways do and an operator changes
//! things. What everyone saw is written down, and judged at the end by pure functions
//! (`judge/`). Exit status 0: everything held; 1: something did not, or could not be run.
//!
//! ```text
//! make chaos                                             ten minutes, three nodes
//! countersign-chaos --nodes 3 --minutes 10 --seed 7      the same choices again
//! ```
//!
//! A seed fixes what is chosen, not what the machine makes of it: the same seed is the same
//! load and the same faults in the same order, not the same interleaving.
//!
//! To see that the judges can find anything, take the memory of attempts out of the ledger.
//! The run must then end with status 1 and violations of I2, which is what
//! `make chaos-forgets` sees to. Such a build refuses any store but a demo's. The nodes of a
//! run are the `countersign` beside this binary, so all binaries are of one build.
//!
//! Images and packages ship without this binary, and nothing can import it.

mod admin;
mod demo;
mod device;
mod dice;
mod end;
mod faults;
mod fleet;
mod history;
mod judge;
mod load;
mod process;
mod recorder;
mod report;
mod run;
mod stories;
mod world;
mod writes;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;

/// Runs a demo cluster under load and faults, and judges what happened
#[derive(Debug, Parser)]
#[command(name = "countersign-chaos", version)]
pub(crate) struct Options {
    /// Nodes of the cluster
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=7))]
    nodes: u16,
    /// How long faults and load last
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=240))]
    minutes: u64,
    /// What is chosen; drawn and printed, if not given
    #[arg(long)]
    seed: Option<u64>,
    /// Where everything is kept; a new directory below the temporary one, if not given
    #[arg(long)]
    dir: Option<PathBuf>,
    /// Logins that devices begin each second
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=1000))]
    logins_per_second: u64,
    /// Also writes the outcome to this file, as JSON
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
}

fn main() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    let done = runtime
        .map_err(anyhow::Error::from)
        .and_then(|runtime| runtime.block_on(run::run(Options::parse())));
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("countersign-chaos: {error:#}");
            ExitCode::FAILURE
        }
    }
}
