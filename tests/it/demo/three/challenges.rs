//! A challenge goes on at whichever node its answer meets.

use std::time::Duration;

use anyhow::{bail, ensure};
use countersign::device::{Answer, Device};
use countersign::login::Clock;
use countersign::node::{SystemClock, SystemEntropy};
use countersign_core::base::Entropy;

use super::super::cluster::{Cluster, NODES};
use super::super::codes::step;
use super::super::world::{HOME, Person, send};

/// The State of the challenge that a password is answered with.
async fn asked(device: &Device, person: &Person) -> anyhow::Result<Vec<u8>> {
    let typed = (&*person.password, None);
    match send(device, &person.name, typed, HOME).await? {
        Some(Answer::Challenge(_, state)) => Ok(state),
        other => bail!("{}: no challenge but {other:?}", person.name),
    }
}

/// One node asks for the code and dies; another one takes the answer. Tells how long the
/// device waited for that.
async fn challenger_dies(cluster: &Cluster, round: usize) -> anyhow::Result<Duration> {
    let person = cluster.demo.load(u32::try_from(round)? + 1)?;
    let [chance] = SystemEntropy.array();
    let victim = usize::from(chance) % NODES.len();
    let others = [(victim + 1) % 3, (victim + 2) % 3];
    let state = asked(&cluster.vpn_at(victim)?, &person).await?;
    cluster.kill(victim).await?;
    // The newest code of the window stays valid for a minute and more.
    let code = person.app.code(step() + 1)?;
    let device = cluster.at(cluster.demo.vpn()?, &others)?;
    let answer = (&*code, Some(&*state));
    let begun = SystemClock.monotonic();
    let heard = send(&device, &person.name, answer, HOME).await?;
    let took = begun.elapsed();
    ensure!(
        heard == Some(Answer::Accept),
        "round {round}: node {victim} is dead: {heard:?} after {took:?}"
    );
    // Whoever has seen State and code on their way is another caller.
    let device = cluster.at(cluster.demo.vpn()?, &[others[1], others[0]])?;
    let heard = send(&device, &person.name, answer, "198.51.100.1").await?;
    ensure!(
        matches!(heard, Some(Answer::Reject(_))),
        "round {round}: {heard:?} for another caller"
    );
    ensure!(
        cluster.demo.asked(&person.name)? == 1,
        "round {round}: not one question"
    );
    cluster.restart(victim)?;
    cluster.ready(victim).await?;
    // It knows as well that the State was used.
    let back = cluster.vpn_at(victim)?;
    let heard = send(&back, &person.name, answer, "198.51.100.2").await?;
    ensure!(
        matches!(heard, Some(Answer::Reject(_))),
        "round {round}: {heard:?} at the node that is back"
    );
    Ok(took)
}

#[tokio::test]
async fn an_answer_is_taken_by_another_node_when_the_one_that_asked_is_dead() -> anyhow::Result<()>
{
    let rounds = match std::env::var("ROUNDS") {
        Ok(rounds) => rounds.parse()?,
        Err(_) => ROUNDS,
    };
    let cluster = Cluster::start(u32::try_from(rounds)? + 1)?;
    let asks = ["rule", "add", "all", "--factors=both", "--prompt=challenge"];
    cluster.done(0, &asks).await?;
    let mut longest = Duration::ZERO;
    for round in 0..rounds {
        longest = longest.max(challenger_dies(&cluster, round).await?);
    }
    // A State is no way in by itself, nor is a code behind the password now.
    let person = cluster.demo.load(u32::try_from(rounds)? + 1)?;
    let typed = person.password.clone() + &person.app.code(step())?;
    let state = asked(&cluster.vpn_at(0)?, &person).await?;
    let (device, answer) = (cluster.vpn_at(1)?, (&*typed, Some(&*state)));
    let heard = send(&device, &person.name, answer, HOME).await?;
    ensure!(
        !matches!(heard, Some(Answer::Accept)),
        "a password in place of the code: {heard:?}"
    );
    println!("{rounds} rounds: every answer accepted once, none lost; longest {longest:?}");
    Ok(())
}

/// As many as show it in passing; `ROUNDS` in the environment asks for more.
const ROUNDS: usize = 4;
