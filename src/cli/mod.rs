//! The command line: arguments in, tables or JSON out, an exit status.
//!
//! Operator commands are clients of the administrative API and only translate. Exit
//! status: 0 done, 1 refused, 2 usage, 3 unreachable or unknown.

mod admin;
mod bench;
mod client;
mod cluster;
mod completions;
mod confirm;
mod connection;
mod demo;
mod events;
mod failure;
mod import;
mod login;
mod new;
mod node;
mod output;
mod recall;
mod rule;
mod secrets;
mod settings;
mod show;
mod token;
mod user;

#[cfg(test)]
mod tests;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use connection::Connection;
use failure::Failure;

/// A highly available RADIUS server for VPN gateways
#[derive(Debug, Parser)]
#[command(name = "countersign", version, propagate_version = true)]
struct Arguments {
    #[command(flatten)]
    connection: Connection,
    #[command(subcommand)]
    command: Command,
}

/// One variant a group of commands; each has a file of its own.
#[derive(Debug, Subcommand)]
enum Command {
    #[command(flatten)]
    Here(Box<Here>),
    #[command(flatten)]
    Asking(Asking),
}

/// What is done on this machine.
#[derive(Debug, Subcommand)]
enum Here {
    /// Runs a node
    Serve(node::Serve),
    Demo(demo::Demo),
    /// Tells every fault of a node's file, at once
    CheckConfig(node::CheckConfig),
    Login(login::Login),
    Bench(bench::Bench),
    /// Prints a completion script
    Completions(completions::Completions),
}

/// What a node is asked to do.
#[derive(Debug, Subcommand)]
enum Asking {
    /// Users
    #[command(subcommand)]
    User(user::Command),
    /// Tokens: one seed in one device or app
    #[command(subcommand)]
    Token(token::Command),
    /// RADIUS clients: the devices that ask
    #[command(subcommand)]
    Client(client::Command),
    /// Rules: what a login must show, and what it is granted
    #[command(subcommand)]
    Rule(Box<rule::Command>),
    /// Operators and their API tokens
    #[command(subcommand)]
    Admin(admin::Command),
    /// Settings of the cluster
    #[command(subcommand)]
    Settings(settings::Command),
    /// Users and tokens from a file
    #[command(subcommand)]
    Import(import::Command),
    /// The cluster
    #[command(subcommand)]
    Cluster(cluster::Command),
    /// What happened on the node that is asked
    Events(events::Events),
    /// Who changed what, newest first
    Audit(events::Audit),
}

/// Runs the command line of this process.
#[must_use]
pub fn main() -> ExitCode {
    // Usage errors end here, with status 2.
    let arguments = Arguments::parse();
    let done = match arguments.command {
        Command::Here(command) => here(&arguments.connection, *command),
        Command::Asking(command) => with_runtime(ask(arguments.connection, command)),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("countersign: {failure}");
            failure.exit_code()
        }
    }
}

fn here(connection: &Connection, command: Here) -> Result<(), Failure> {
    match command {
        Here::Serve(it) => it.run(),
        Here::Demo(it) => it.run(),
        Here::CheckConfig(it) => it.run(),
        Here::Login(it) => with_runtime(it.run()),
        Here::Bench(it) => with_runtime(it.run(connection.output())),
        Here::Completions(it) => {
            it.print();
            Ok(())
        }
    }
}

fn with_runtime(command: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::Refused(format!("no runtime: {error}")))?;
    runtime.block_on(command)
}

async fn ask(connection: Connection, command: Asking) -> Result<(), Failure> {
    match command {
        Asking::User(it) => it.run(&connection.open()?).await,
        Asking::Token(it) => it.run(&connection.open()?).await,
        Asking::Client(it) => it.run(&connection.open()?).await,
        Asking::Rule(it) => it.run(&connection.open()?).await,
        Asking::Admin(it) => it.run(connection).await,
        Asking::Settings(it) => it.run(&connection.open()?).await,
        Asking::Import(it) => it.run(&connection.open()?).await,
        Asking::Cluster(it) => it.run(connection).await,
        Asking::Events(it) => it.run(&connection.open()?).await,
        Asking::Audit(it) => it.run(&connection.open()?).await,
    }
}
