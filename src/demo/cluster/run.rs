//! Starts everything, tells how to log in, ends everything.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use clap::Args;
use tokio::signal::unix::{SignalKind, signal};

use super::contract::{self, Admin, Client, Demo};
use super::node::{self, Node};
use super::nodes::Nodes;
use super::people::People;
use super::radsec::{Signer, certificate_name};
use crate::entra;

/// Options of `countersign demo`.
#[derive(Args, Debug)]
pub(crate) struct Options {
    /// Nodes of the cluster, each a process of its own
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=7))]
    nodes: u16,
    /// Where everything is kept; a new directory below the temporary one, if not given
    #[arg(long)]
    dir: Option<PathBuf>,
    /// How many users a load generator may log in as
    #[arg(long, default_value_t = 1000, value_parser = load_users())]
    users: u32,
}

fn load_users() -> clap::builder::RangedI64ValueParser<u32> {
    clap::value_parser!(u32).range(..=1_000_000)
}

/// Runs the demo until Ctrl-C or SIGTERM.
///
/// # Errors
/// When a part cannot be started.
pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(start(options))
}

async fn start(options: &Options) -> anyhow::Result<()> {
    let mut terminated = signal(SignalKind::terminate())?;
    let dir = folder(options.dir.as_deref())?;
    let people = People::draw(options.users);
    let password = &people.load.password;
    let stand_in = entra::Options::demo(dir.clone(), people.accounts()?, options.users, password);
    let radsec = Signer::make(&dir)?;
    let (entra, serving) = entra::start(&stand_in)?;
    let serving = tokio::spawn(serving);
    // Whoever does not wait for it ends all nodes: their processes end with their handles.
    let mut nodes = tokio::select! {
        started = Nodes::start(&dir, options.nodes, &entra, &radsec) => started?,
        _ = terminated.recv() => return Ok(()),
        interrupted = tokio::signal::ctrl_c() => return Ok(interrupted?),
    };
    let set_up = tokio::select! {
        set_up = set_up(&dir, &nodes, &people, (&entra, &radsec)) => set_up.map(|()| true),
        _ = terminated.recv() => Ok(false),
        interrupted = tokio::signal::ctrl_c() => interrupted.map(|()| false).map_err(Into::into),
    };
    if matches!(set_up, Ok(true)) {
        tokio::select! {
            () = nodes.ended() => {}
            _ = terminated.recv() => {}
            interrupted = tokio::signal::ctrl_c() => interrupted?,
        }
    }
    nodes.stop().await;
    serving.abort();
    set_up.map(drop)
}

async fn set_up(
    dir: &Path,
    nodes: &Nodes,
    people: &People,
    (entra, radsec): (&entra::Ready, &Signer),
) -> anyhow::Result<()> {
    let admin = nodes.bootstrap(dir).await?;
    let node = nodes.first()?;
    for client in &people.clients {
        add_client(dir, node, &admin, client).await?;
    }
    let settings = dir.join("settings.toml");
    fs::write(
        &settings,
        format!(
            "[[source]]\n[source.entra]\n\
             authority = \"{}\"\ndangerous_custom_authority = true\n\
             tenant = \"{}\"\nclient_id = \"{}\"\n",
            entra.authority, entra.tenant, entra.client_id
        ),
    )?;
    node.run(&admin, &["settings", "apply", node::path(&settings)?])
        .await?;
    let csv = dir.join("users.csv");
    people.write_csv(&csv)?;
    node.run(&admin, &["import", "azure-csv", node::path(&csv)?])
        .await?;
    let [vpn, _] = &people.clients;
    nodes.wait_until_equal(&admin, vpn).await?;
    tell(dir, nodes, people, (entra, radsec), admin)
}

async fn add_client(dir: &Path, node: &Node, admin: &Admin, client: &Client) -> anyhow::Result<()> {
    let Client {
        name,
        cidr,
        factors,
        ..
    } = client;
    let secret = dir.join(format!("{name}-secret"));
    node::write_private(&secret, client.secret.as_bytes())?;
    let secret = node::path(&secret)?;
    let args = ["client", "add", name, "--range", cidr, "--factors", factors];
    let certificate = certificate_name(name);
    let lenient = [
        "--secret-file",
        secret,
        "--message-authenticator",
        "limit-proxy-state",
        "--certificate-name",
        &certificate,
    ];
    node.run(admin, &[&args[..], &lenient].concat()).await?;
    Ok(())
}

fn tell(
    dir: &Path,
    nodes: &Nodes,
    people: &People,
    (entra, radsec): (&entra::Ready, &Signer),
    admin: Admin,
) -> anyhow::Result<()> {
    let demo = Demo {
        nodes: nodes.told(),
        clients: people.clients.to_vec(),
        radsec: radsec.told.clone(),
        admin,
        entra: contract::Entra {
            authority: entra.authority.clone(),
            tenant: entra.tenant.clone(),
            client_id: entra.client_id.clone(),
            ca_file: entra.ca_file.clone(),
            log: entra.log.clone(),
            control: entra.control.clone(),
        },
        users: people.users.to_vec(),
        load: people.load.clone(),
    };
    demo.write(dir)?;
    let [vpn, _] = &people.clients;
    let [alice, _] = &people.users;
    let told = nodes.told();
    let servers: Vec<_> = told.iter().map(|node| node.radius.as_str()).collect();
    let servers = servers.join(",");
    println!("ready: {}", dir.join("demo.json").display());
    println!();
    println!(
        "Log in as {}, whose password is {}:",
        alice.name, alice.password
    );
    println!();
    let seed = dir.join("alice-seed");
    node::write_private(&seed, alice.totp_secret.as_bytes())?;
    println!(
        "  printf '%s%s' {} \"$({}-demo code --seed-file {})\" |",
        alice.password,
        program()?,
        seed.display()
    );
    println!(
        "    {} login {} --server {servers} --secret-file {}",
        program()?,
        alice.name,
        dir.join(format!("{}-secret", vpn.name)).display()
    );
    println!();
    println!("Ctrl-C ends the demo.");
    Ok(())
}

/// The program as the reader can type it.
fn program() -> anyhow::Result<String> {
    let own = std::env::current_exe()?.with_file_name("countersign");
    let here = std::env::current_dir()?;
    Ok(own.strip_prefix(here).unwrap_or(&own).display().to_string())
}

fn folder(given: Option<&Path>) -> anyhow::Result<PathBuf> {
    let dir = match given {
        Some(dir) => dir.to_owned(),
        None => std::env::temp_dir().join(format!("countersign-demo-{}", std::process::id())),
    };
    fs::create_dir_all(&dir).with_context(|| format!("{} cannot be made", dir.display()))?;
    let dir = dir.canonicalize()?;
    let empty = fs::read_dir(&dir)?.next().is_none();
    ensure!(
        empty,
        "{} is not empty; a demo starts from nothing",
        dir.display()
    );
    Ok(dir)
}
