//! A leader that is asked to end: it hands over, and nobody notices.

use std::path::Path;
use std::process::Stdio;

use anyhow::{Context, ensure};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};

use super::super::codes::calm_step;
use super::super::process::{terminate, until};
use super::super::world::{HOME, Verdict, login};
use super::cluster::{Cluster, NODES};

/// A thousand users' codes typed at all nodes, the first of which leads and goes.
async fn load_while_leaving(cluster: &mut Cluster) -> anyhow::Result<Value> {
    let mut bench = tokio::process::Command::from(cluster.demo.command());
    bench.arg("bench").arg("--demo");
    bench.arg(cluster.demo.folder().join("demo.json"));
    bench.args(["--factors", "code", "--rate", "100", "--seconds", "4"]);
    // A code of the step before would leave the window while a device waits.
    bench.args(["--steps", "0..0"]);
    bench.args(["--timeout-ms", "1500", "--tries", "2", "--progress"]);
    bench.stdout(Stdio::piped()).kill_on_drop(true);
    let mut bench = bench.spawn()?;
    let output = bench.stdout.take().context("no standard output")?;
    let mut lines = BufReader::new(output).lines();
    let mut last = lines.next_line().await?.context("no progress")?;
    terminate(cluster.pid(0)?)?;
    cluster.gone(0).await?;
    while let Some(line) = lines.next_line().await? {
        last = line;
    }
    let status = bench.wait().await?;
    println!("{last}");
    ensure!(status.success(), "{status}: {last}");
    Ok(serde_json::from_str(&last)?)
}

#[tokio::test]
async fn under_load_no_login_is_lost_or_refused_when_the_leader_leaves() -> anyhow::Result<()> {
    let mut cluster = Cluster::start(1000)?;
    if cluster.settled().await? != 0 {
        let leader = cluster.settled().await?;
        let handed = cluster.run(leader, &["cluster", "transfer-leader", "1"])?;
        handed.json()?;
    }
    let told = load_while_leaving(&mut cluster).await?;
    let number = |key: &str| told.get(key).and_then(Value::as_u64);
    ensure!(
        number("lost") == Some(0) && number("rejects") == Some(0),
        "{told}"
    );
    ensure!(number("accepts") >= Some(300), "{told}");
    cluster.led(1, &[1, 2]).await?;
    cluster.restart(0)?;
    cluster.settled().await?;
    Ok(())
}

#[tokio::test]
async fn a_leaving_leader_ends_what_it_has_in_hand_and_invites_nothing_more() -> anyhow::Result<()>
{
    let mut cluster = Cluster::start(1)?;
    let leader = cluster.settled().await?;
    let others: Vec<_> = NODES.into_iter().filter(|node| *node != leader).collect();
    let demo = &cluster.demo;
    demo.entra(&serde_json::json!({"delay_ms": 1800})).await?;
    let person = demo.load(1)?;
    let typed = person.password.clone() + &person.app.code(calm_step(10).await)?;
    let mut device = cluster.vpn_at(leader)?;
    device.tries = 1;
    let process = format!("/proc/{}", cluster.pid(leader)?);
    let applied = || cluster.standing(leader).ok()?.number("applied");
    let before = applied();
    let leaving = async {
        until("the login has begun", async || applied() > before).await?;
        terminate(cluster.pid(leader)?)?;
        until("it invites no more logins", async || {
            !cluster.answers(leader).await
        })
        .await?;
        let alive = Path::new(&process).exists();
        ensure!(alive, "it has not waited for what it had in hand");
        let heir = cluster.led(others[0], &others).await?;
        Ok(heir)
    };
    let (verdict, heir) = tokio::join!(login(&device, &person.name, &typed, HOME), leaving);
    assert_ne!(heir?, leader);
    assert_eq!(verdict?, Verdict::Accept, "what it had in hand");
    cluster.gone(leader).await?;
    Ok(())
}
