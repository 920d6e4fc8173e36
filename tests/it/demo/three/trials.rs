//! What nobody confirms is put back, though the leader that took it is dead by then.

use std::fs;

use super::super::cluster::Cluster;
use super::super::codes::step;
use super::super::process::{Said, until};
use super::super::world::{HOME, Verdict, login};

#[tokio::test]
async fn rules_that_nobody_confirms_are_put_back_after_the_leaders_death() -> anyhow::Result<()> {
    let cluster = Cluster::start(1)?;
    let leader = cluster.settled().await?;
    let file = cluster.demo.folder().join("nobody.toml");
    fs::write(&file, "[[rule]]\nname = \"nobody\"\nfactors = \"deny\"\n")?;
    let mut apply = cluster.demo.command_at(leader);
    apply.args(["rule", "apply", "--confirm", "60s"]).arg(&file);
    let applied = Said::by(&mut apply, b"")?;
    assert_eq!(applied.status, 0, "{}", applied.err);
    assert!(applied.err.contains("rule confirm"), "{}", applied.err);
    let person = cluster.demo.load(1)?;
    let other = (leader + 1) % 3;
    let device = cluster.proxy_at(other)?;
    let code = person.app.code(step())?;
    assert_eq!(
        login(&device, &person.name, &code, HOME).await?,
        Verdict::Reject
    );
    cluster.kill(leader).await?;
    // Nobody logs in meanwhile: the new leader sees to it by itself.
    until("the rules are gone again", async || {
        let listed = cluster.run(other, &["rule", "list"]);
        listed
            .and_then(|listed| listed.json())
            .is_ok_and(|rules| rules.as_array().is_some_and(Vec::is_empty))
    })
    .await?;
    let code = person.app.code(step())?;
    assert_eq!(
        login(&device, &person.name, &code, HOME).await?,
        Verdict::Accept
    );
    let late = cluster.run(other, &["rule", "confirm"])?;
    assert_eq!(late.status, 1, "nothing is left to confirm");
    assert!(late.err.contains("wait to be confirmed"), "{}", late.err);
    Ok(())
}
