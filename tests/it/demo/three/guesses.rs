//! Three nodes do not multiply the guesses (DESIGN I4).

use super::super::cluster::{Cluster, NODES};
use super::super::codes::calm_step;
use super::super::volley::{Shot, volley};
use super::super::world::{HOME, Verdict, login};

#[tokio::test]
async fn fifty_guesses_at_three_nodes_ask_no_more_than_the_strict_budget() -> anyhow::Result<()> {
    let cluster = Cluster::start(1)?;
    let demo = &cluster.demo;
    // Long enough for all guesses to meet while the first are being asked.
    demo.entra(&serde_json::json!({"delay_ms": 400})).await?;
    let person = demo.load(1)?;
    let code = person.app.code(calm_step(20).await)?;
    let shots: Vec<_> = (0..50)
        .map(|guess| Shot {
            name: person.name.clone(),
            typed: format!("guess{guess}{code}"),
            caller: HOME.to_owned(),
        })
        .collect();
    let device = cluster.at(demo.vpn()?, &NODES)?;
    let (verdicts, took) = volley(&device, &shots).await?;
    let asked = demo.asked(&person.name)?;
    println!("50 guesses sent within {took:?}: {asked} questions");
    assert!(!verdicts.contains(&Verdict::Accept));
    // Each question was answered, so none is allowed beyond the limit of three.
    assert_eq!(asked, 3, "{verdicts:?}");
    cluster.settled().await?;
    let right = person.password.clone() + &code;
    for node in NODES {
        assert!(cluster.locked(node, &person.name).await?, "node {node}");
        let verdict = login(&cluster.vpn_at(node)?, &person.name, &right, HOME).await?;
        assert_eq!(verdict, Verdict::Reject, "locked at node {node}");
    }
    assert_eq!(demo.asked(&person.name)?, 3);
    Ok(())
}
