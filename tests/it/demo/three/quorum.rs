//! No quorum, no verdict; and afterwards nothing is missing (DESIGN I3, I6, L2).

use std::time::Duration;

use anyhow::ensure;
use countersign::login::Clock;
use countersign::node::SystemClock;
use futures_util::future::join_all;

use super::super::cluster::{Cluster, NODES};
use super::super::codes::{calm_step, step};
use super::super::process::until;
use super::super::world::{HOME, Person, Verdict, login};

/// What was acknowledged before the nodes died.
struct Kept {
    users: Vec<String>,
    /// Who was let in by the code alone, and what was typed.
    accepted: (Person, String),
}

async fn acknowledge(cluster: &Cluster, round: u32) -> anyhow::Result<Kept> {
    let mut users = Vec::new();
    for node in NODES {
        let name = format!("kept{round}-{node}@contoso.example");
        cluster.add(node, &name).await?;
        users.push(name);
    }
    let person = cluster.demo.load(100 * round + 1)?;
    let code = person.app.code(calm_step(20).await)?;
    let verdict = login(&cluster.proxy_at(0)?, &person.name, &code, HOME).await?;
    ensure!(verdict == Verdict::Accept, "before: {verdict:?}");
    let accepted = (person, code);
    Ok(Kept { users, accepted })
}

/// All at one time, each for as long as a device waits for a packet.
async fn is_silent(cluster: &Cluster, node: usize, round: u32) -> anyhow::Result<()> {
    let (mut vpn, mut proxy) = (cluster.vpn_at(node)?, cluster.proxy_at(node)?);
    (vpn.tries, proxy.tries) = (1, 1);
    let person = |number: u32| cluster.demo.load(100 * round + number);
    let right = |it: &Person| it.app.code(step());
    let (one, two, three, four) = (person(2)?, person(3)?, person(4)?, person(5)?);
    let wrong = one.app.wrong(1)?.concat();
    let cases = [
        (&proxy, &*one.name, right(&one)?),
        (&proxy, &two.name, wrong.clone()),
        (&vpn, &three.name, three.password.clone() + &right(&three)?),
        (&vpn, &four.name, four.password.clone() + &wrong),
        (&vpn, &four.name, format!("guess{}", right(&four)?)),
        (&vpn, "nobody@contoso.example", format!("guess{wrong}")),
    ];
    let logins = cases
        .iter()
        .map(|(device, name, typed)| login(device, name, typed, HOME));
    for (verdict, (_, name, _)) in join_all(logins).await.into_iter().zip(&cases) {
        ensure!(verdict? == Verdict::Silence, "{name}");
    }
    ensure!(!cluster.answers(node).await, "Status-Server");
    Ok(())
}

/// An operator is told in one sentence.
fn says_so(cluster: &Cluster, node: usize, round: u32) -> anyhow::Result<()> {
    let begun = SystemClock.monotonic();
    let lost = format!("lost{round}@contoso.example");
    let said = cluster.run(node, &["user", "add", &lost])?;
    println!("after {:?}: {}", begun.elapsed(), said.err.trim());
    ensure!(said.status == 3 && said.out.is_empty(), "{said:?}");
    ensure!(said.err.trim().lines().count() == 1, "{said:?}");
    let standing = cluster.standing(node)?;
    ensure!(!standing.in_sync(), "it says that it is in sync");
    Ok(())
}

/// Tells how long it took until each node let somebody in.
async fn logins_again(cluster: &Cluster, round: u32) -> anyhow::Result<Duration> {
    let begun = SystemClock.monotonic();
    for (number, node) in (10..).zip(NODES) {
        let person = cluster.demo.load(100 * round + number)?;
        let mut proxy = cluster.proxy_at(node)?;
        proxy.timeout = Duration::from_millis(500);
        until("logins again", async || {
            let code = person.app.code(step()).unwrap_or_default();
            let verdict = login(&proxy, &person.name, &code, HOME).await;
            verdict.is_ok_and(|it| it == Verdict::Accept)
        })
        .await?;
    }
    Ok(begun.elapsed())
}

async fn nothing_is_lost(cluster: &Cluster, kept: &Kept) -> anyhow::Result<()> {
    for node in NODES {
        for name in &kept.users {
            let shown = cluster.shown(node, name).await?;
            ensure!(shown.is_some(), "{name} at node {node}");
        }
        let (person, code) = &kept.accepted;
        let replay = login(&cluster.proxy_at(node)?, &person.name, code, "192.0.2.1").await?;
        ensure!(replay == Verdict::Reject, "a replay: {replay:?}");
    }
    Ok(())
}

/// Kills all but `survivor`, and starts them again.
async fn round(cluster: &Cluster, survivor: usize, round: u32) -> anyhow::Result<()> {
    let kept = acknowledge(cluster, round).await?;
    let others = NODES.into_iter().filter(|node| *node != survivor);
    for node in others.clone() {
        cluster.kill(node).await?;
    }
    until("the survivor has noticed", async || {
        !cluster.answers(survivor).await
    })
    .await?;
    is_silent(cluster, survivor, round).await?;
    says_so(cluster, survivor, round)?;
    for node in others {
        cluster.restart(node)?;
    }
    let took = logins_again(cluster, round).await?;
    println!("node {survivor} survived: logins at all nodes after {took:?}");
    cluster.settled().await?;
    nothing_is_lost(cluster, &kept).await?;
    Ok(())
}

#[tokio::test]
async fn the_last_of_three_is_silent_and_nothing_is_lost() -> anyhow::Result<()> {
    let cluster = Cluster::start(300)?;
    let leader = cluster.settled().await?;
    round(&cluster, leader, 0).await?;
    let follower = (cluster.settled().await? + 1) % 3;
    round(&cluster, follower, 1).await?;
    // Everything at one time: no node is there to tell the others.
    let kept = acknowledge(&cluster, 2).await?;
    for node in NODES {
        cluster.kill(node).await?;
    }
    for node in NODES {
        cluster.restart(node)?;
    }
    let took = logins_again(&cluster, 2).await?;
    println!("all killed: logins at all nodes after {took:?}");
    cluster.settled().await?;
    nothing_is_lost(&cluster, &kept).await?;
    Ok(())
}
