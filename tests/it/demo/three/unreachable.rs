//! A node that cannot connect to the password source has a peer ask it (DESIGN §2).

use std::fs;
use std::path::Path;

use anyhow::{Context, ensure};

use super::super::cluster::{Cluster, NODES};
use super::super::codes::calm_step;
use super::super::world::{HOME, Verdict, login};

/// Makes the node trust another authority than the stand-in's, or that one again: no
/// handshake with the stand-in comes to an end then.
async fn trusts(cluster: &Cluster, node: usize, authority: &str) -> anyhow::Result<()> {
    let config = cluster
        .demo
        .told(&format!("/nodes/{node}/config"))
        .to_owned();
    let (config, authority) = (Path::new(&config), cluster.demo.told(authority));
    let text = fs::read_to_string(config)?;
    let line = text.lines().find(|line| line.starts_with("ca_file = "));
    let line = line.context("no authority of the source")?;
    let text = text.replace(line, &format!("ca_file = \"{authority}\""));
    fs::write(config, text)?;
    cluster.kill(node).await?;
    cluster.restart(node)?;
    cluster.settled().await.map(drop)
}

/// A right and a wrong password through `node`, each with one question.
async fn judged(cluster: &Cluster, node: usize, first: u32) -> anyhow::Result<()> {
    let demo = &cluster.demo;
    let (right, wrong) = (demo.load(first)?, demo.load(first + 1)?);
    let now = calm_step(15).await;
    let device = cluster.vpn_at(node)?;
    let typed = right.password.clone() + &right.app.code(now)?;
    let verdict = login(&device, &right.name, &typed, HOME).await?;
    ensure!(
        verdict == Verdict::Accept,
        "node {node}, right: {verdict:?}"
    );
    let typed = format!("guess{}", wrong.app.code(now)?);
    let verdict = login(&device, &wrong.name, &typed, HOME).await?;
    ensure!(
        verdict == Verdict::Reject,
        "node {node}, wrong: {verdict:?}"
    );
    for (person, reason) in [(&right, "CS-R000"), (&wrong, "CS-R401")] {
        let asked = demo.asked(&person.name)?;
        ensure!(asked == 1, "{asked} questions for {}", person.name);
        let reasons = demo.reasons(&person.name, 1).await?;
        ensure!(
            reasons.iter().any(|it| it == reason),
            "node {node}: {reasons:?}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn a_node_that_cannot_connect_to_the_source_has_a_peer_ask_it() -> anyhow::Result<()> {
    let cluster = Cluster::start(12)?;
    // Started anew, a node follows; then it leads.
    let without = (cluster.settled().await? + 1) % 3;
    trusts(&cluster, without, "/admin/ca_file").await?;
    for (round, node) in (0..).zip([without, (without + 1) % 3]) {
        judged(&cluster, node, round * 2 + 1).await?;
    }
    let (leader, heir) = (cluster.settled().await?, (without + 1).to_string());
    let handed = cluster.run(leader, &["cluster", "transfer-leader", &heir])?;
    ensure!(handed.status == 0, "{handed:?}");
    ensure!(cluster.settled().await? == without, "it leads now");
    judged(&cluster, without, 5).await?;
    // Nobody can: as with one node.
    for node in NODES.into_iter().filter(|node| *node != without) {
        trusts(&cluster, node, "/admin/ca_file").await?;
    }
    let person = cluster.demo.load(7)?;
    let typed = person.password.clone() + &person.app.code(calm_step(10).await)?;
    let device = cluster.vpn_at(without)?;
    let verdict = login(&device, &person.name, &typed, HOME).await?;
    ensure!(verdict == Verdict::Reject, "down for all: {verdict:?}");
    ensure!(cluster.demo.asked(&person.name)? == 0, "nobody was asked");
    trusts(&cluster, (without + 1) % 3, "/entra/ca_file").await?;
    let typed = person.password.clone() + &person.app.code(calm_step(10).await)?;
    let verdict = login(&device, &person.name, &typed, HOME).await?;
    ensure!(verdict == Verdict::Accept, "up for one: {verdict:?}");
    ensure!(cluster.demo.asked(&person.name)? == 1, "one question");
    Ok(())
}
