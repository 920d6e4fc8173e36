//! The node that has a login in hand dies, or the leader beside it: the login does not.

use std::time::Duration;

use anyhow::ensure;
use countersign::login::Clock;
use countersign::node::SystemClock;
use serde_json::json;

use super::codes::step;
use super::fleet::{Fleet, NODES};
use super::process::until;
use super::world::{HOME, Verdict, login};

/// Kills a node while it waits for the source; tells how long the login took.
async fn asking_node_dies(fleet: &Fleet, round: usize) -> anyhow::Result<Duration> {
    let person = fleet.demo.load(u32::try_from(round)? + 1)?;
    // The newest code of the window stays valid for a minute and more.
    let typed = person.password.clone() + &person.app.code(step() + 1)?;
    let victim = round % NODES;
    let servers = [victim, (victim + 1) % NODES, (victim + 2) % NODES];
    let device = fleet.asks(fleet.demo.vpn()?, &servers)?;
    let before = fleet.questions().await?;
    let begun = SystemClock.monotonic();
    let killer = async {
        until("the source is asked", async || {
            fleet.questions().await.is_ok_and(|now| now > before)
        })
        .await?;
        fleet.kill(victim).await
    };
    let (verdict, killed) = tokio::join!(login(&device, &person.name, &typed, HOME), killer);
    let took = begun.elapsed();
    killed?;
    let verdict = verdict?;
    ensure!(
        verdict == Verdict::Accept,
        "round {round}: {verdict:?} after {took:?}"
    );
    let asked = fleet.demo.asked(&person.name)?;
    ensure!(
        (1..=2).contains(&asked),
        "round {round}: {asked} questions at the source"
    );
    fleet.restart(victim, &[]).await?;
    fleet
        .is_spent(|| fleet.demo.vpn(), &person.name, &typed)
        .await?;
    Ok(took)
}

#[tokio::test]
async fn a_login_outlives_the_node_that_is_asking_the_source() -> anyhow::Result<()> {
    let rounds = match std::env::var("ROUNDS") {
        Ok(rounds) => rounds.parse()?,
        Err(_) => ROUNDS,
    };
    let fleet = Fleet::start(u32::try_from(rounds)? + 1)?;
    fleet.demo.entra(&json!({"delay_ms": 1500})).await?;
    let mut longest = Duration::ZERO;
    for round in 0..rounds {
        longest = longest.max(asking_node_dies(&fleet, round).await?);
    }
    println!("{rounds} rounds: every retry accepted, every code spent; longest {longest:?}");
    Ok(())
}

#[tokio::test]
async fn the_leader_dies_while_another_node_asks_and_the_device_notices_nothing()
-> anyhow::Result<()> {
    let fleet = Fleet::start(1)?;
    fleet.demo.entra(&json!({"delay_ms": 1500})).await?;
    let person = fleet.demo.load(1)?;
    let typed = person.password.clone() + &person.app.code(step() + 1)?;
    let leader = fleet.leader().await?;
    let mut device = fleet.asks(fleet.demo.vpn()?, &[(leader + 1) % NODES])?;
    device.tries = 1;
    let killer = async {
        until("the source is asked", async || {
            fleet.questions().await.is_ok_and(|now| now > 0)
        })
        .await?;
        fleet.kill(leader).await
    };
    let (verdict, killed) = tokio::join!(login(&device, &person.name, &typed, HOME), killer);
    killed?;
    assert_eq!(verdict?, Verdict::Accept);
    assert_eq!(fleet.demo.asked(&person.name)?, 1);
    fleet.restart(leader, &[]).await?;
    fleet
        .is_spent(|| fleet.demo.vpn(), &person.name, &typed)
        .await
}

/// As many as show it in passing; `ROUNDS` in the environment asks for more.
const ROUNDS: usize = 5;
