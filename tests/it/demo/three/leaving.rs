//! A leader that is asked to end: it hands over, and nobody notices.

use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, ensure};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};

use super::super::cluster::{Cluster, NODES};
use super::super::codes::calm_step;
use super::super::process::{is_gone, terminate, until};
use super::super::world::{HOME, Verdict, login, text};

/// A thousand users' codes typed at all nodes, the first of which leads and goes.
async fn load_while_leaving(cluster: &Cluster) -> anyhow::Result<Value> {
    let mut bench = tokio::process::Command::from(cluster.demo.command());
    bench.arg("bench").arg("--demo");
    bench.arg(cluster.demo.folder().join("demo.json"));
    bench.args(["--factors", "code", "--rate", "100", "--seconds", "4"]);
    // A code of the step before would leave the window while a device waits.
    bench.args(["--steps", "0..0"]);
    // Patient: what is lost is lost, also on a machine with other work.
    bench.args(["--timeout-ms", "3000", "--tries", "3", "--progress"]);
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
    let cluster = Cluster::start(1000)?;
    cluster.lead(0).await?;
    let told = load_while_leaving(&cluster).await?;
    let number = |key: &str| told.get(key).and_then(Value::as_u64);
    ensure!(
        number("lost") == Some(0) && number("rejects") == Some(0),
        "{told}"
    );
    ensure!(number("accepts") >= Some(100), "{told}");
    cluster.led(1, &[1, 2]).await?;
    cluster.restart(0)?;
    cluster.settled().await?;
    Ok(())
}

/// Source, device and node wait long enough for all that happens meanwhile.
async fn slow(cluster: &Cluster) -> anyhow::Result<()> {
    let demo = &cluster.demo;
    let timeout = PATIENCE.as_millis().to_string();
    let longer = format!("timeout_ms = {timeout}");
    let file = demo.folder().join("slow.toml");
    until("the settings are in force", async || {
        let shown = demo.run(&["settings", "show"]).and_then(|it| it.json());
        let shown = shown.unwrap_or_default();
        let document = text(&shown, "document");
        if document.contains(&longer) {
            return true;
        }
        let document = document.replace("timeout_ms = 0", &longer);
        if std::fs::write(&file, document).is_ok() {
            drop(demo.run(&["settings", "apply", file.to_str().unwrap_or_default()]));
        }
        false
    })
    .await?;
    let set = [
        "client",
        "set",
        "vpn",
        "--tries",
        "1",
        "--timeout-ms",
        &timeout,
    ];
    cluster.done(0, &set).await?;
    let delay = IN_HAND.as_millis();
    demo.entra(&serde_json::json!({"delay_ms": u64::try_from(delay)?}))
        .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leaving_leader_ends_what_it_has_in_hand_and_invites_nothing_more() -> anyhow::Result<()>
{
    let cluster = Cluster::start(1)?;
    slow(&cluster).await?;
    let leader = cluster.settled().await?;
    let others: Vec<_> = NODES.into_iter().filter(|node| *node != leader).collect();
    let person = cluster.demo.load(1)?;
    let typed = person.password.clone() + &person.app.code(calm_step(10).await)?;
    let mut device = cluster.vpn_at(leader)?;
    (device.tries, device.timeout) = (1, PATIENCE);
    let name = person.name.clone();
    let in_hand = tokio::spawn(async move { login(&device, &name, &typed, HOME).await });
    until("the source is asked", async || {
        cluster.demo.questions().await.is_ok_and(|asked| asked > 0)
    })
    .await?;
    terminate(cluster.pid(leader)?)?;
    until("it invites no more logins", async || {
        !cluster.answers(leader).await
    })
    .await?;
    let alive = !is_gone(cluster.pid(leader)?);
    ensure!(alive, "it has not waited for what it had in hand");
    let heir = cluster.led(others[0], &others).await?;
    assert_ne!(heir, leader);
    assert_eq!(in_hand.await??, Verdict::Accept, "what it had in hand");
    cluster.gone(leader).await?;
    assert_eq!(cluster.demo.asked(&person.name)?, 1);
    Ok(())
}

/// How long the source thinks.
const IN_HAND: Duration = Duration::from_secs(8);
/// How long everybody waits for it.
const PATIENCE: Duration = Duration::from_secs(25);
