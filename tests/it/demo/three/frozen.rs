//! A node that stood still lets nobody in under what was in force before (DESIGN I5).

use anyhow::ensure;
use tokio::task::JoinSet;

use super::super::cluster::Cluster;
use super::super::codes::calm_step;
use super::super::process::{Frozen, until};
use super::super::world::{HOME, Person, Verdict, login};

/// Sets what the proxy's users have to type, and waits until it is acknowledged.
async fn require(cluster: &Cluster, node: usize, factors: &str) -> anyhow::Result<()> {
    until("the change is acknowledged", async || {
        let mut command = tokio::process::Command::from(cluster.demo.command_at(node));
        let command = command.args(["client", "set", "proxy", "--factors", factors]);
        command.output().await.is_ok_and(|it| it.status.success())
    })
    .await
}

/// `victim` stands still while the code alone ceases to be enough.
async fn tighten(cluster: &Cluster, victim: usize, people: &[Person]) -> anyhow::Result<()> {
    let [first, second, waiting @ ..] = people else {
        anyhow::bail!("too few people");
    };
    let now = calm_step(10).await;
    require(cluster, victim, "code").await?;
    let device = cluster.proxy_at(victim)?;
    let before = login(&device, &first.name, &first.app.code(now)?, HOME).await?;
    ensure!(before == Verdict::Accept, "before: {before:?}");
    let frozen = Frozen::new(cluster.pid(victim)?).await?;
    let mut early = JoinSet::new();
    for person in waiting {
        let (mut device, name) = (cluster.proxy_at(victim)?, person.name.clone());
        // However long the change takes.
        device.tries = 30;
        let code = person.app.code(now)?;
        // Its packet waits in the socket of the node that stands still.
        early.spawn(async move { login(&device, &name, &code, HOME).await });
    }
    require(cluster, (victim + 1) % 3, "both").await?;
    drop(frozen);
    let code = second.app.code(now)?;
    let next = login(&device, &second.name, &code, HOME).await?;
    ensure!(next == Verdict::Reject, "the next login: {next:?}");
    for verdict in early.join_all().await {
        let verdict = verdict?;
        ensure!(verdict == Verdict::Reject, "a waiting login: {verdict:?}");
    }
    let typed = second.password.clone() + &second.app.code(now + 1)?;
    let both = login(&device, &second.name, &typed, HOME).await?;
    ensure!(both == Verdict::Accept, "with the password: {both:?}");
    ensure!(cluster.demo.asked(&second.name)? == 1, "one question");
    Ok(())
}

#[tokio::test]
async fn a_rule_that_became_stricter_while_a_node_stood_still_holds_there() -> anyhow::Result<()> {
    let cluster = Cluster::start(30)?;
    for round in 0..3 {
        let people = (1..=10).map(|number| cluster.demo.load(round * 10 + number));
        let people = people.collect::<anyhow::Result<Vec<_>>>()?;
        let leader = cluster.settled().await?;
        // A follower stands still for less than an election, the leader for one.
        let victim = if round % 3 == 2 {
            leader
        } else {
            (leader + 1) % 3
        };
        tighten(&cluster, victim, &people).await?;
    }
    Ok(())
}
