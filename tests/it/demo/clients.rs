//! Clients, as an operator sets them up and as their devices meet them.

use std::net::{IpAddr, Ipv4Addr};
use std::process::Stdio;

use anyhow::{Context, ensure};
use countersign::device::Device;
use countersign_core::base::Secret;
use serde_json::Value;

use super::cluster::{Cluster, NODES};
use super::codes::calm_step;
use super::process::until;
use super::world::{ALICE, Demo, HOME, Verdict, login, text};

/// A device of the client that a test adds.
fn firewall(demo: &Demo, secret: &str) -> anyhow::Result<Device> {
    Ok(Device {
        secret: Secret::from(secret.to_owned()),
        source: Some(IpAddr::V4(Ipv4Addr::new(127, 0, 0, 3))),
        ..demo.vpn()?
    })
}

const ADD: [&str; 6] = [
    "client",
    "add",
    "fw1",
    "--range",
    "127.0.0.3",
    "--profile=generic",
];

/// Whether the firewall's login is answered at all.
async fn is_heard(device: &Device, typed: &str) -> bool {
    let verdict = login(device, ALICE, typed, HOME).await;
    verdict.is_ok_and(|verdict| verdict != Verdict::Silence)
}

#[tokio::test]
async fn a_client_is_added_with_its_profile_and_the_wait_ends_with_its_first_login()
-> anyhow::Result<()> {
    let demo = Demo::start(1)?;
    let typed = {
        let alice = demo.alice()?;
        alice.password + &alice.app.code(calm_step(10).await)?
    };
    let file = demo.folder().join("fw1.secret");
    std::fs::write(&file, "0123456789abcdef0123456789abcdef")?;
    let mut add = demo.command();
    add.args(ADD).arg("--wait").arg("--secret-file").arg(&file);
    let add = add.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    until("the client is there", async || {
        demo.run(&["client", "show", "fw1"])
            .is_ok_and(|said| said.status == 0)
    })
    .await?;
    let device = firewall(&demo, "0123456789abcdef0123456789abcdef")?;
    until("the login is answered", async || {
        is_heard(&device, &typed).await
    })
    .await?;
    let ended = add.wait_with_output()?;
    let (out, err) = (
        String::from_utf8(ended.stdout)?,
        String::from_utf8(ended.stderr)?,
    );
    ensure!(ended.status.success(), "{err}");
    let mut told = serde_json::Deserializer::from_str(&out).into_iter::<Value>();
    let client = told.next().context("no client")??;
    let radius = demo.radius()?;
    let server = format!(
        "Server 1: {}, authentication UDP {}",
        radius.ip(),
        radius.port()
    );
    assert!(text(&client, "configuration").contains(&server), "{client}");
    let steps = told.collect::<Result<Vec<_>, _>>()?;
    let steps: Vec<_> = steps.iter().map(|step| text(step, "step")).collect();
    for step in ["packet", "secret", "message-authenticator"] {
        assert!(steps.contains(&step), "{step} in {steps:?}");
    }
    assert!(err.contains("servers tried: node 1"), "{err}");
    Ok(())
}

#[tokio::test]
async fn a_wait_that_hears_only_strangers_names_them() -> anyhow::Result<()> {
    let demo = Demo::start(1)?;
    let added = demo.run(&ADD)?.json()?;
    let mut stranger = firewall(&demo, text(&added, "secret"))?;
    stranger.source = Some(IpAddr::V4(Ipv4Addr::new(127, 0, 0, 9)));
    stranger.timeout = std::time::Duration::from_millis(100);
    assert_eq!(
        login(&stranger, ALICE, "typed", HOME).await?,
        Verdict::Silence
    );
    let watched = demo.run(&["client", "watch", "fw1", "--wait-secs", "1"])?;
    assert_eq!(watched.status, 1);
    let command = "`countersign client set fw1 --range 127.0.0.3/32 --range 127.0.0.9`";
    assert!(watched.err.contains(command), "{}", watched.err);
    Ok(())
}

#[tokio::test]
async fn equal_ranges_are_refused_and_narrower_ones_are_not() -> anyhow::Result<()> {
    let demo = Demo::start(1)?;
    let equal = [
        "client",
        "add",
        "twin",
        "--range=127.0.0.1",
        "--profile=generic",
    ];
    let refused = demo.run(&equal)?;
    assert_eq!(refused.status, 1);
    assert!(
        refused.err.contains("belongs to client \"vpn\""),
        "{}",
        refused.err
    );
    let wider = [
        "client",
        "add",
        "wide",
        "--range=127.0.0.0/8",
        "--profile=generic",
    ];
    demo.run(&wider)?.json()?;
    Ok(())
}

#[tokio::test]
async fn what_one_node_learns_of_a_client_all_hold_it_to() -> anyhow::Result<()> {
    let cluster = Cluster::start(1)?;
    let require = ["client", "set", "vpn", "--message-authenticator", "require"];
    cluster.run(0, &require)?.json()?;
    let set = ["client", "set", "vpn", "--message-authenticator", "auto"];
    let set = cluster.run(0, &set)?;
    assert!(
        set.err.contains("weaker than before: require became auto"),
        "{}",
        set.err
    );
    let alice = cluster.demo.alice()?;
    let typed = alice.password + &alice.app.code(calm_step(10).await)?;
    let device = cluster.vpn_at(1)?;
    until("the login is answered", async || {
        is_heard(&device, &typed).await
    })
    .await?;
    for node in NODES {
        until("the node knows what was learnt", async || {
            let shown = cluster.run(node, &["client", "show", "vpn"]);
            let shown = shown.and_then(|shown| shown.json());
            shown.is_ok_and(|it| !text(&it, "message_authenticator_learnt").is_empty())
        })
        .await?;
    }
    let audit = cluster.run(2, &["audit"])?.json()?;
    let learnt = audit.as_array().into_iter().flatten();
    let learnt = learnt
        .filter(|it| text(it, "action") == "client.learn")
        .count();
    assert_eq!(learnt, 1);
    let again = ["client", "set", "vpn", "--message-authenticator", "auto"];
    let again = cluster.run(0, &again)?;
    assert!(again.err.contains("is forgotten"), "{}", again.err);
    Ok(())
}

#[tokio::test]
async fn a_secret_is_rotated_while_the_old_one_is_seen_in_use_and_then_ended() -> anyhow::Result<()>
{
    let demo = Demo::start(1)?;
    let old = text(&demo.run(&ADD)?.json()?, "secret").to_owned();
    let device = firewall(&demo, &old)?;
    until("the login is answered", async || {
        is_heard(&device, "typed").await
    })
    .await?;
    let rotate = ["client", "rotate-secret", "fw1"];
    let new = text(&demo.run(&rotate)?.json()?, "secret").to_owned();
    let used = || -> anyhow::Result<Vec<bool>> {
        let shown = demo.run(&["client", "show", "fw1"])?.json()?;
        let used = shown.get("secrets_used").and_then(Value::as_array);
        Ok(used.into_iter().flatten().map(|it| !it.is_null()).collect())
    };
    assert_eq!(used()?, [false, true]);
    let device = firewall(&demo, &new)?;
    until("the new secret is taken", async || {
        is_heard(&device, "typed").await
    })
    .await?;
    assert_eq!(used()?, [true, true]);
    let finished = demo
        .run(&["client", "rotate-secret", "fw1", "--finish"])?
        .json()?;
    assert_eq!(finished.get("secrets").and_then(Value::as_u64), Some(1));
    Ok(())
}

#[tokio::test]
async fn a_revalidated_login_is_an_event_of_its_own_kind() -> anyhow::Result<()> {
    let demo = Demo::start(1)?;
    let set = [
        "client",
        "set",
        "vpn",
        "--retry-grace-ms=1",
        "--revalidation-secs=300",
    ];
    let set = demo.run(&set)?;
    assert!(
        set.err
            .contains("taken again from the same caller for 300 s"),
        "{}",
        set.err
    );
    let alice = demo.alice()?;
    let typed = alice.password + &alice.app.code(calm_step(10).await)?;
    let vpn = demo.vpn()?;
    until("the login is answered", async || {
        is_heard(&vpn, &typed).await
    })
    .await?;
    until("it is told as a re-validation", async || {
        let verdict = login(&vpn, ALICE, &typed, HOME).await;
        let events = demo.run(&["events", "--user", ALICE]);
        let told = events.is_ok_and(|it| it.out.contains("\"kind\":\"revalidation\""));
        verdict.is_ok_and(|it| it == Verdict::Accept) && told
    })
    .await?;
    let elsewhere = login(&vpn, ALICE, &typed, "198.51.100.1").await?;
    assert_eq!(elsewhere, Verdict::Reject, "another caller");
    assert_eq!(demo.asked(ALICE)?, 1, "one question at the source");
    Ok(())
}
