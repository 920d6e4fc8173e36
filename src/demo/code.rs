//! `countersign-demo code`: the code that an app would show now.

use std::path::PathBuf;

use anyhow::Context;
use countersign::login::Clock;
use countersign::node::SystemClock;
use countersign_core::otp::{Parameters, code_at, from_base32};

/// Prints the code of a Base32 seed, as the user's app would show it now
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// File with the seed
    #[arg(long)]
    seed_file: PathBuf,
}

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let text = std::fs::read_to_string(&options.seed_file)?;
    let seed = from_base32(text.trim())?.seed;
    let parameters = Parameters::default();
    let step = SystemClock.wall().as_secs() / parameters.period.as_secs();
    let code = code_at(&seed, &parameters, step).context("no code at this time")?;
    print!("{}", code.as_str());
    Ok(())
}
