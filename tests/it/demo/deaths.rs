//! The node that has a login in hand dies, or the leader beside it: the login does not.

use std::time::Duration;

use anyhow::ensure;
use countersign::login::Clock;
use countersign::node::SystemClock;
use serde_json::json;

use super::cluster::{Cluster, NODES};
use super::codes::step;
use super::process::until;
use super::world::{HOME, Verdict, login};

/// Kills a node while it waits for the source; tells how long the login took.
async fn asking_node_dies(cluster: &Cluster, round: usize) -> anyhow::Result<Duration> {
    let person = cluster.demo.load(u32::try_from(round)? + 1)?;
    // The newest code of the window stays valid for a minute and more.
    let newest = step() + 1;
    let typed = person.password.clone() + &person.app.code(newest)?;
    let victim = round % NODES.len();
    let servers = [victim, (victim + 1) % 3, (victim + 2) % 3];
    let device = cluster.at(cluster.demo.vpn()?, &servers)?;
    let before = cluster.demo.questions().await?;
    let begun = SystemClock.monotonic();
    let killer = async {
        until("the source is asked", async || {
            cluster.demo.questions().await.is_ok_and(|now| now > before)
        })
        .await?;
        cluster.kill(victim).await
    };
    let (verdict, killed) = tokio::join!(login(&device, &person.name, &typed, HOME), killer);
    let took = begun.elapsed();
    killed?;
    let verdict = verdict?;
    ensure!(
        verdict == Verdict::Accept,
        "round {round}: {verdict:?} after {took:?}"
    );
    let asked = cluster.demo.asked(&person.name)?;
    ensure!(
        (1..=2).contains(&asked),
        "round {round}: {asked} questions at the source"
    );
    cluster.restart(victim)?;
    cluster.ready(victim).await?;
    cluster
        .is_spent(|| cluster.demo.vpn(), &person.name, &typed, newest)
        .await?;
    Ok(took)
}

#[tokio::test]
async fn a_login_outlives_the_node_that_is_asking_the_source() -> anyhow::Result<()> {
    let rounds = match std::env::var("ROUNDS") {
        Ok(rounds) => rounds.parse()?,
        Err(_) => ROUNDS,
    };
    let cluster = Cluster::start(u32::try_from(rounds)? + 1)?;
    cluster.demo.entra(&json!({"delay_ms": 1500})).await?;
    let mut longest = Duration::ZERO;
    for round in 0..rounds {
        longest = longest.max(asking_node_dies(&cluster, round).await?);
    }
    println!("{rounds} rounds: every retry accepted, every code spent; longest {longest:?}");
    Ok(())
}

#[tokio::test]
async fn the_leader_dies_while_another_node_asks_and_the_device_notices_nothing()
-> anyhow::Result<()> {
    let cluster = Cluster::start(1)?;
    cluster.demo.entra(&json!({"delay_ms": 1500})).await?;
    let person = cluster.demo.load(1)?;
    let newest = step() + 1;
    let typed = person.password.clone() + &person.app.code(newest)?;
    let leader = cluster.settled().await?;
    let mut device = cluster.at(cluster.demo.vpn()?, &[(leader + 1) % 3])?;
    device.tries = 1;
    let killer = async {
        until("the source is asked", async || {
            cluster.demo.questions().await.is_ok_and(|now| now > 0)
        })
        .await?;
        cluster.kill(leader).await
    };
    let (verdict, killed) = tokio::join!(login(&device, &person.name, &typed, HOME), killer);
    killed?;
    assert_eq!(verdict?, Verdict::Accept);
    assert_eq!(cluster.demo.asked(&person.name)?, 1);
    cluster.restart(leader)?;
    cluster.ready(leader).await?;
    cluster
        .is_spent(|| cluster.demo.vpn(), &person.name, &typed, newest)
        .await
}

/// As many as show it in passing; `ROUNDS` in the environment asks for more.
const ROUNDS: usize = 5;
