//! One login at several nodes is one login (DESIGN I2, I4).

use futures_util::future::try_join_all;

use super::super::cluster::{Cluster, NODES};
use super::super::codes::calm_step;
use super::super::world::{ALICE, HOME, Verdict, login};

/// The same login as packets of its own to all nodes at one time.
async fn at_all(cluster: &Cluster, name: &str, typed: &str) -> anyhow::Result<Vec<Verdict>> {
    let devices = NODES.map(|node| cluster.vpn_at(node));
    let devices = devices.into_iter().collect::<Result<Vec<_>, _>>()?;
    let logins = devices.iter().map(|it| login(it, name, typed, HOME));
    try_join_all(logins).await
}

#[tokio::test]
async fn the_same_login_at_every_other_node_is_one_question() -> anyhow::Result<()> {
    let cluster = Cluster::start(9)?;
    let demo = &cluster.demo;
    // However long it takes until all stand equal.
    let set = ["client", "set", "vpn", "--retry-grace-ms", "90000"];
    cluster.done(0, &set).await?;
    for first in NODES {
        for number in 1..=3 {
            let person = demo.load(number + 3 * u32::try_from(first)?)?;
            let code = person.app.code(calm_step(5).await + 1)?;
            let typed = person.password.clone() + &code;
            let device = cluster.vpn_at(first)?;
            let verdict = login(&device, &person.name, &typed, HOME).await?;
            assert_eq!(verdict, Verdict::Accept, "first at node {first}");
            cluster.settled().await?;
            for other in [1, 2].map(|step| (first + step) % 3) {
                let device = cluster.vpn_at(other)?;
                let verdict = login(&device, &person.name, &typed, HOME).await?;
                assert_eq!(verdict, Verdict::Accept, "node {first}, then {other}");
            }
            assert_eq!(demo.asked(&person.name)?, 1, "one question for one login");
            let elsewhere = cluster.vpn_at((first + 1) % 3)?;
            let replay = login(&elsewhere, &person.name, &typed, "198.51.100.1").await?;
            assert_eq!(replay, Verdict::Reject, "another caller");
        }
    }
    Ok(())
}

#[tokio::test]
async fn the_same_login_at_all_three_at_once_is_one_question() -> anyhow::Result<()> {
    let cluster = Cluster::start(20)?;
    let demo = &cluster.demo;
    let now = calm_step(15).await;
    let mut people = vec![demo.alice()?];
    for number in 1..=20 {
        people.push(demo.load(number)?);
    }
    let all = people.iter().map(|person| {
        let (cluster, code) = (&cluster, person.app.code(now));
        async move {
            let typed = person.password.clone() + &code?;
            at_all(cluster, &person.name, &typed).await
        }
    });
    for (person, verdicts) in people.iter().zip(try_join_all(all).await?) {
        assert_eq!(verdicts, [Verdict::Accept; 3], "{}", person.name);
        assert_eq!(demo.asked(&person.name)?, 1, "{}", person.name);
    }
    assert_eq!(demo.asked(ALICE)?, 1);
    Ok(())
}

#[tokio::test]
async fn a_wrong_password_at_three_nodes_is_one_question_and_one_failure() -> anyhow::Result<()> {
    let cluster = Cluster::start(1)?;
    let demo = &cluster.demo;
    let person = demo.load(1)?;
    let code = person.app.code(calm_step(15).await)?;
    // Of the limit of three, the first at three nodes takes one.
    for (number, guess) in (1..).zip(["one", "two", "three"]) {
        let typed = format!("{guess}{code}");
        let verdicts = at_all(&cluster, &person.name, &typed).await?;
        assert_eq!(verdicts, [Verdict::Reject; 3], "guess {guess}");
        assert_eq!(demo.asked(&person.name)?, number, "guess {guess}");
        cluster.settled().await?;
        for node in NODES {
            let locked = cluster.locked(node, &person.name).await?;
            assert_eq!(locked, number == 3, "guess {guess} at node {node}");
        }
    }
    let typed = person.password.clone() + &code;
    let right = at_all(&cluster, &person.name, &typed).await?;
    assert_eq!(right, [Verdict::Reject; 3], "locked at every node");
    assert_eq!(demo.asked(&person.name)?, 3);
    cluster.done(0, &["user", "unlock", &person.name]).await?;
    cluster.settled().await?;
    let right = login(&cluster.vpn_at(2)?, &person.name, &typed, "203.0.113.6").await?;
    assert_eq!(
        right,
        Verdict::Accept,
        "no wrong password has burned the code"
    );
    Ok(())
}

#[tokio::test]
async fn a_wrong_code_at_three_nodes_is_one_failure() -> anyhow::Result<()> {
    let cluster = Cluster::start(1)?;
    let demo = &cluster.demo;
    let person = demo.load(1)?;
    // Of the budget of five, the first at three nodes takes one; four more take four.
    for code in person.app.wrong(5)? {
        let typed = person.password.clone() + &code;
        let verdicts = at_all(&cluster, &person.name, &typed).await?;
        assert_eq!(verdicts, [Verdict::Reject; 3], "{code}");
    }
    let reasons = demo.reasons(&person.name, 15).await?;
    assert_eq!(reasons, ["CS-R301"; 15], "five failures");
    let typed = person.password.clone() + &person.app.wrong(6)?.concat()[30..];
    let verdicts = at_all(&cluster, &person.name, &typed).await?;
    assert_eq!(verdicts, [Verdict::Reject; 3]);
    let mut reasons = demo.reasons(&person.name, 18).await?;
    reasons.sort();
    assert_eq!(reasons[15..], ["CS-R303"; 3], "now the place has to wait");
    assert_eq!(
        demo.asked(&person.name)?,
        0,
        "no wrong code reaches the source"
    );
    Ok(())
}
