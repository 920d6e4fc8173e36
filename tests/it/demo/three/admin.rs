//! What an operator sees and does, whichever node is asked.

use std::time::Duration;

use anyhow::{Context, ensure};
use countersign::login::Clock;
use countersign::node::SystemClock;
use serde_json::Value;

use super::super::cluster::{Cluster, NODES, Standing};
use super::super::process::{Said, until};
use super::super::world::text;

#[tokio::test]
async fn each_node_tells_how_all_stand() -> anyhow::Result<()> {
    let cluster = Cluster::start(1)?;
    for node in NODES {
        let mut amiss = Ok(());
        let told = until("the node tells it", async || {
            amiss = cluster
                .standing(node)
                .and_then(|standing| is_whole(&standing, node));
            amiss.is_ok()
        });
        told.await.map_err(|late| amiss.err().unwrap_or(late))?;
    }
    Ok(())
}

/// Whether `node` says of all three how they stand, with nothing amiss.
fn is_whole(standing: &Standing, node: usize) -> anyhow::Result<()> {
    let leader = standing.leader().context("no leader")?;
    ensure!(standing.number("node") == Some(node as u64 + 1));
    ensure!(standing.members().len() == 3);
    for (number, member) in standing.members().iter().enumerate() {
        let role = if number == leader { "leader" } else { "voter" };
        ensure!(text(member, "role") == role, "node {number}: {member}");
        ensure!(text(member, "fault").is_empty(), "node {number}: {member}");
        ensure!(!text(member, "certificate_expires").is_empty(), "{member}");
        let fsync = member.get("fsync_p99_us").and_then(Value::as_u64);
        ensure!(fsync > Some(0), "{member}");
        let links = member.get("links").and_then(Value::as_array);
        let links = links.context("no links")?;
        let connected = |link: &&Value| link.get("connected") == Some(&Value::Bool(true));
        ensure!(links.iter().filter(connected).count() == 2, "{member}");
    }
    Ok(())
}

#[tokio::test]
async fn a_dead_node_is_named_by_the_others() -> anyhow::Result<()> {
    let cluster = Cluster::start(1)?;
    let dead = (cluster.settled().await? + 1) % 3;
    cluster.kill(dead).await?;
    for node in NODES.into_iter().filter(|node| *node != dead) {
        until("it names the dead one, and goes on", async || {
            let Ok(standing) = cluster.standing(node) else {
                return false;
            };
            // Two of three are a quorum.
            let member = standing.members().get(dead);
            standing.in_sync() && member.is_some_and(|member| !text(member, "fault").is_empty())
        })
        .await?;
    }
    Ok(())
}

#[tokio::test]
async fn the_leader_is_handed_over_to_whom_the_operator_names() -> anyhow::Result<()> {
    let cluster = Cluster::start(1)?;
    let transfer = |node, heir: &[&str]| {
        let args = [&["cluster", "transfer-leader"], heir].concat();
        cluster.run(node, &args)
    };
    // A busy machine may see an election of its own at any time: then all is asked again.
    until("a follower says who could", async || {
        let Ok(leader) = cluster.settled().await else {
            return false;
        };
        let named = format!("node {} does", leader + 1);
        let refused = transfer((leader + 1) % 3, &[]);
        refused.is_ok_and(|it| it.status == 1 && it.err.contains(&named))
    })
    .await?;
    let (mut before, mut heir) = (None, 0);
    until("the leader hands over to whom is named", async || {
        let Ok(leader) = cluster.settled().await else {
            return false;
        };
        before = cluster
            .standing(leader)
            .ok()
            .and_then(|it| it.number("term"));
        heir = (leader + 1) % 3;
        let handed = transfer(leader, &[&(heir + 1).to_string()]);
        let handed = handed.and_then(|it| it.json()).unwrap_or_default();
        let now = handed.get("leader").and_then(Value::as_u64);
        before.is_some() && now == Some(heir as u64 + 1)
    })
    .await?;
    cluster.settled().await?;
    assert!(cluster.standing(heir)?.number("term") > before);
    until("nobody is no heir", async || {
        let Ok(leader) = cluster.settled().await else {
            return false;
        };
        let nobody = transfer(leader, &["9"]);
        nobody.is_ok_and(|it| it.status == 1 && it.err.contains("no such"))
    })
    .await
}

#[tokio::test]
async fn a_change_through_any_node_is_read_at_every_node() -> anyhow::Result<()> {
    let cluster = Cluster::start(1)?;
    cluster.settled().await?;
    let mut slowest = Duration::ZERO;
    for round in 0..4 {
        for writer in NODES {
            let mut tries = 0;
            let mut name = String::new();
            until("a change is acknowledged", async || {
                tries += 1;
                name = format!("made{round}-{writer}-{tries}@contoso.example");
                let added = cluster.run(writer, &["user", "add", &name]);
                added.is_ok_and(|it| it.status == 0)
            })
            .await?;
            let shown = cluster.shown(writer, &name).await?;
            assert!(shown.is_some(), "read where it was written");
            let begun = SystemClock.monotonic();
            for reader in NODES.into_iter().filter(|node| *node != writer) {
                let read = async || matches!(cluster.shown(reader, &name).await, Ok(Some(_)));
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
            until("the leader hands over", async || {
                let Ok(leader) = cluster.led(0, &NODES).await else {
                    return false;
                };
                let mut command = tokio::process::Command::from(cluster.demo.command_at(leader));
                let command = command.args(["cluster", "transfer-leader"]);
                command.output().await.is_ok_and(|it| it.status.success())
            })
            .await?;
        }
        Ok::<_, anyhow::Error>(())
    };
    let hand_over = async {
        let handed = hand_over.await;
        // Also where it failed: the others would go on for ever.
        stop.notify_waiters();
        handed
    };
    let makers = futures_util::future::try_join_all(NODES.map(|node| make(&cluster, node, &stop)));
    let (made, handed) = tokio::join!(makers, hand_over);
    handed?;
    let made = made?.into_iter().flatten().collect::<Vec<_>>();
    cluster.settled().await?;
    let mut unknown = 0;
    for (name, said) in &made {
        // What was on its way to a leader that led no more is unknown: there once, under
        // one number, or not at all.
        ensure!([0, 3].contains(&said.status), "{name}: {said:?}");
        let mut there = Vec::new();
        for node in NODES {
            there.extend(cluster.shown(node, name).await?);
        }
        let right = there.len() == 3 || there.is_empty() && said.status == 3;
        ensure!(right, "{name}: {said:?}, then {there:?}");
        ensure!(there.windows(2).all(|two| two[0] == two[1]), "{there:?}");
        unknown += usize::from(said.status == 3);
    }
    println!(
        "{} users made amid 5 changes of the leader, {unknown} of them unknown",
        made.len()
    );
    ensure!(unknown < made.len(), "none was acknowledged");
    Ok(())
}
