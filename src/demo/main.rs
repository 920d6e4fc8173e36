//! `countersign-demo`: what a demonstration needs and a product must not have.
//!
//! Images and packages ship without this binary; nothing else may import its modules.

mod cluster;
mod code;
mod commits;
mod entra;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Debug, Parser)]
#[command(
    name = "countersign-demo",
    version,
    about = "Parts of the demonstration"
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// A whole cluster on this machine; `countersign demo` runs this
    Cluster(cluster::Options),
    Code(code::Options),
    #[command(hide = true)]
    Commits(commits::Options),
    /// A stand-in for Microsoft Entra ID, alone, for any client to be tried on
    Entra(Box<entra::Options>),
}

fn main() -> ExitCode {
    let done = match Arguments::parse().command {
        Command::Cluster(options) => cluster::run(&options),
        Command::Code(options) => code::run(&options),
        Command::Commits(options) => commits::run(&options),
        Command::Entra(options) => entra::run(&options),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("countersign-demo: {error:#}");
            ExitCode::FAILURE
        }
    }
}
