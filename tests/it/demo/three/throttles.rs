//! What a source asks of one node, all do.

use std::time::Duration;

use futures_util::future::try_join_all;
use serde_json::json;

use super::super::cluster::Cluster;
use super::super::codes::calm_step;
use super::super::process::until;
use super::super::world::{HOME, Person, Verdict, login};

/// How many logins the node has spared a source that rests.
async fn spared(cluster: &Cluster, node: usize) -> u64 {
    cluster
        .demo
        .count_at(node, "source_spared", "resting")
        .await
}

/// One login of each of `people`, at the nodes of the same places.
async fn at(cluster: &Cluster, nodes: &[usize], people: &[Person]) -> anyhow::Result<Vec<Verdict>> {
    let now = calm_step(15).await;
    let logins = nodes.iter().zip(people).map(|(node, person)| async move {
        let typed = person.password.clone() + &person.app.code(now)?;
        login(&cluster.vpn_at(*node)?, &person.name, &typed, HOME).await
    });
    try_join_all(logins).await
}

#[tokio::test]
async fn an_outage_that_the_source_tells_one_node_of_is_known_to_all_within_a_second()
-> anyhow::Result<()> {
    let cluster = Cluster::start(7)?;
    let demo = &cluster.demo;
    let people = (1..=7).map(|number| demo.load(number));
    let people = people.collect::<anyhow::Result<Vec<_>>>()?;
    // As many as it takes until the first node leaves the source alone.
    let (first, others) = people.split_at(5);
    cluster.settled().await?;
    demo.entra(&json!({"outage": true})).await?;
    let before = demo.questions().await?;
    // So that nobody has to wait for a code in between.
    calm_step(25).await;
    let refused = at(&cluster, &[0; 5], first);
    let meanwhile = async {
        until("the source is asked", async || {
            demo.questions()
                .await
                .is_ok_and(|asked| asked == before + 5)
        })
        .await?;
        tokio::time::sleep(Duration::from_millis(500)).await;
        at(&cluster, &[1, 2], others).await
    };
    let (refused, verdicts) = tokio::join!(refused, meanwhile);
    assert!(!refused?.contains(&Verdict::Accept));
    assert!(!verdicts?.contains(&Verdict::Accept));
    assert_eq!(
        demo.questions().await?,
        before + 5,
        "the others asked nothing"
    );
    for node in [1, 2] {
        assert!(spared(&cluster, node).await > 0, "node {node} was not told");
    }
    Ok(())
}

#[tokio::test]
async fn a_throttle_at_one_node_keeps_all_from_asking_within_a_second() -> anyhow::Result<()> {
    let cluster = Cluster::start(3)?;
    let demo = &cluster.demo;
    let people = (1..=3).map(|number| demo.load(number));
    let people = people.collect::<anyhow::Result<Vec<_>>>()?;
    let (first, others) = people.split_at(1);
    cluster.settled().await?;
    demo.entra(&json!({"throttle": true, "retry_after": "120"}))
        .await?;
    let before = demo.questions().await?;
    let throttled = at(&cluster, &[0], first);
    let meanwhile = async {
        until("the source is asked", async || {
            demo.questions().await.is_ok_and(|asked| asked > before)
        })
        .await?;
        tokio::time::sleep(Duration::from_secs(1)).await;
        at(&cluster, &[1, 2], others).await
    };
    let (throttled, verdicts) = tokio::join!(throttled, meanwhile);
    assert!(!throttled?.contains(&Verdict::Accept));
    assert!(!verdicts?.contains(&Verdict::Accept));
    assert_eq!(
        demo.questions().await?,
        before + 1,
        "asked once by all three"
    );
    for node in [1, 2] {
        assert!(spared(&cluster, node).await > 0, "node {node} was not told");
    }
    Ok(())
}
