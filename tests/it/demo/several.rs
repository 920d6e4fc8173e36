//! The files that `cluster new` and the demo make for several nodes.

use std::collections::HashSet;
use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, ensure};
use tempfile::TempDir;

use super::process::{COUNTERSIGN, DEMO, Process, Said, until};

const NAMES: [&str; 3] = ["n1", "n2", "n3"];

#[tokio::test]
async fn each_node_of_a_demo_has_files_and_ports_of_its_own() -> anyhow::Result<()> {
    let dir = TempDir::new()?;
    let mut command = Command::new(DEMO);
    command.args(["cluster", "--nodes", "3", "--users", "1", "--dir"]);
    command.arg(dir.path().join("demo")).stdin(Stdio::null());
    command
        .stdout(File::create(dir.path().join("out"))?)
        .stderr(File::create(dir.path().join("err"))?);
    let process = Process(command.spawn()?);
    let file = |name: &str| dir.path().join("demo").join(name).join("node.toml");
    until("the files are made", async || {
        NAMES.iter().all(|name| file(name).exists())
    })
    .await?;
    let mut addresses = HashSet::new();
    for name in NAMES {
        check(&file(name))?;
        let text = fs::read_to_string(file(name))?;
        ensure!(text.contains("demo = true"), "{text}");
        let lines = text.lines().filter(|line| {
            let key = line.split(' ').next().unwrap_or_default();
            ["listen", "authentication", "accounting"].contains(&key)
        });
        let listens = lines.flat_map(quoted);
        let listens = listens.filter_map(|it| it.parse::<SocketAddr>().ok());
        for at in listens {
            ensure!(at.ip().is_loopback(), "{at}");
            ensure!(addresses.insert(at), "{at} twice");
        }
        let members = text
            .lines()
            .find(|line| line.starts_with("initial_members"));
        let members = members.context("no members")?;
        ensure!(quoted(members).count() == 3, "{members}");
    }
    ensure!(addresses.len() == 3 * 6, "{addresses:?}");
    drop(process);
    Ok(())
}

#[test]
fn a_cluster_of_three_is_made_and_each_file_of_it_is_without_fault() -> anyhow::Result<()> {
    let dir = TempDir::new()?;
    let folder = dir.path().join("new");
    let new = |members: &[&str]| {
        let mut command = Command::new(COUNTERSIGN);
        command.args(["cluster", "new"]).arg(&folder);
        let members = members.iter().flat_map(|member| ["--member", member]);
        Said::by(command.args(members), b"")
    };
    let said = new(&["1=node1.contoso.example", "2=node2", "3=192.0.2.3:9300"])?;
    ensure!(said.status == 0, "{}", said.err);
    for what in ["node-1", "node-2", "node-3", "recovery-key", "peer-ca.key"] {
        let path = folder.join(what);
        ensure!(
            said.out.contains(&path.display().to_string()),
            "{}",
            said.out
        );
    }
    for node in 1..=3 {
        check(&folder.join(format!("node-{node}/node.toml")))?;
    }
    let again = new(&["1=node1.contoso.example", "2=node2", "3=192.0.2.3:9300"])?;
    ensure!(
        again.status == 1 && again.err.contains("is there already"),
        "{}",
        again.err
    );
    let wrong = new(&["1=node1", "node2"])?;
    ensure!(wrong.status == 2, "{}", wrong.err);
    Ok(())
}

fn check(file: &Path) -> anyhow::Result<()> {
    let said = Said::by(Command::new(COUNTERSIGN).arg("check-config").arg(file), b"")?;
    ensure!(said.status == 0 && said.err.is_empty(), "{}", said.err);
    Ok(())
}

fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('"').skip(1).step_by(2)
}
