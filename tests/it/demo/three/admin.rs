//! What an operator sees and does, whichever node is asked.

use std::time::Duration;

use anyhow::{Context, ensure};
use countersign::login::Clock;
use countersign::node::SystemClock;
use serde_json::Value;

use super::super::process::{Said, until};
use super::super::world::text;
use super::cluster::{Cluster, NODES};

#[tokio::test]
async fn each_node_tells_how_all_stand() -> anyhow::Result<()> {
    let cluster = Cluster::start(1)?;
    let leader = cluster.settled().await?;
    for node in NODES {
        let standing = cluster.standing(node)?;
        assert_eq!(standing.leader(), Some(leader), "as node {node} sees it");
        assert_eq!(standing.number("node"), Some(node as u64 + 1));
        assert_eq!(standing.members().len(), 3);
        for (number, member) in standing.members().iter().enumerate() {
            let role = if number == leader { "leader" } else { "voter" };
            assert_eq!(text(member, "role"), role, "node {number}");
            assert_eq!(text(member, "fault"), "", "node {number}");
            assert!(!text(member, "certificate_expires").is_empty());
            let fsync = member.get("fsync_p99_us").and_then(Value::as_u64);
            assert!(fsync > Some(0), "{member}");
            let links = member.get("links").and_then(Value::as_array);
            let links = links.context("no links")?;
            let connected = |link: &&Value| link.get("connected") == Some(&Value::Bool(true));
            assert_eq!(links.iter().filter(connected).count(), 2, "{member}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_dead_node_is_named_by_the_others() -> anyhow::Result<()> {
    let mut cluster = Cluster::start(1)?;
    let dead = (cluster.settled().await? + 1) % 3;
    cluster.kill(dead).await?;
    for node in NODES.into_iter().filter(|node| *node != dead) {
        let standing = cluster.standing(node)?;
        let member = standing.members().get(dead).context("no such member")?;
        assert!(!text(member, "fault").is_empty(), "{member}");
        assert!(standing.in_sync(), "two of three are a quorum");
    }
    Ok(())
}

#[tokio::test]
async fn the_leader_is_handed_over_to_whom_the_operator_names() -> anyhow::Result<()> {
    let cluster = Cluster::start(1)?;
    let leader = cluster.settled().await?;
    let term = cluster.standing(0)?.number("term");
    let follower = (leader + 1) % 3;
    let refused = cluster.run(follower, &["cluster", "transfer-leader"])?;
    assert_eq!(refused.status, 1, "{refused:?}");
    let named = format!("node {} does", leader + 1);
    assert!(refused.err.contains(&named), "{refused:?}");
    let heir = (follower + 1).to_string();
    let handed = cluster.run(leader, &["cluster", "transfer-leader", &heir])?;
    let handed = handed.json()?;
    let now = handed.get("leader").and_then(Value::as_u64);
    assert_eq!(now, Some(follower as u64 + 1));
    assert_eq!(cluster.settled().await?, follower);
    assert!(cluster.standing(0)?.number("term") > term);
    let nobody = cluster.run(follower, &["cluster", "transfer-leader", "9"])?;
    assert_eq!(nobody.status, 1, "{nobody:?}");
    Ok(())
}

#[tokio::test]
async fn a_change_through_any_node_is_read_at_every_node() -> anyhow::Result<()> {
    let cluster = Cluster::start(1)?;
    cluster.settled().await?;
    let mut slowest = Duration::ZERO;
    for round in 0..4 {
        for writer in NODES {
            let name = format!("made{round}-{writer}@contoso.example");
            let shown = |node| cluster.run(node, &["user", "show", &name]);
            cluster.run(writer, &["user", "add", &name])?.json()?;
            let begun = SystemClock.monotonic();
            assert_eq!(shown(writer)?.status, 0, "read where it was written");
            for reader in NODES.into_iter().filter(|node| *node != writer) {
                let read = async || shown(reader).is_ok_and(|it| it.status == 0);
                until("it is read elsewhere", read).await?;
            }
            slowest = slowest.max(begun.elapsed());
        }
    }
    println!("read at all nodes after {slowest:?} at the most");
    Ok(())
}

/// Users made one by one through `node` until told to stop; what each command said.
async fn make(
    cluster: &Cluster,
    node: usize,
    stop: &tokio::sync::Notify,
) -> anyhow::Result<Vec<(String, Said)>> {
    let mut made = Vec::new();
    let mut stopped = std::pin::pin!(stop.notified());
    while futures_util::poll!(&mut stopped).is_pending() {
        let name = format!("amid{}-{node}@contoso.example", made.len());
        let mut command = tokio::process::Command::from(cluster.demo.command_at(node));
        let output = command.args(["user", "add", &name]).output().await?;
        let said = Said {
            status: output.status.code().unwrap_or(-1),
            out: String::from_utf8(output.stdout)?,
            err: String::from_utf8(output.stderr)?,
        };
        made.push((name, said));
    }
    Ok(made)
}

#[tokio::test]
async fn changes_go_on_while_the_leader_changes() -> anyhow::Result<()> {
    let cluster = Cluster::start(1)?;
    let stop = tokio::sync::Notify::new();
    let hand_over = async {
        for _ in 0..5 {
            let leader = cluster.led(0, &NODES).await?;
            let mut command = tokio::process::Command::from(cluster.demo.command_at(leader));
            let command = command.args(["cluster", "transfer-leader"]);
            let handed = command.output().await?;
            ensure!(handed.status.success(), "{handed:?}");
        }
        stop.notify_waiters();
        Ok(())
    };
    let makers = futures_util::future::try_join_all(NODES.map(|node| make(&cluster, node, &stop)));
    let (made, handed) = tokio::join!(makers, hand_over);
    handed?;
    let made = made?.into_iter().flatten().collect::<Vec<_>>();
    cluster.settled().await?;
    for (name, said) in &made {
        ensure!(said.status == 0, "{name}: {said:?}");
        for node in NODES {
            let shown = cluster.run(node, &["user", "show", name])?;
            ensure!(shown.status == 0, "{name} at node {node}: {shown:?}");
        }
    }
    println!("{} users made amid 5 changes of the leader", made.len());
    Ok(())
}
