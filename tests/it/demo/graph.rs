//! What Microsoft Graph says of users: as it is synchronised, and as it is looked up behind a
//! password.

use std::fs;

use anyhow::{Context, ensure};
use serde_json::{Value, json};

use super::codes::calm_step;
use super::rules::ask;
use super::world::{ALICE, Demo, HOME, Person, Verdict, login, text};

/// The id of the stand-in's application that has a secret.
const CONFIDENTIAL: &str = "e49a7d58-0c2b-4f36-b1d9-6a83f5c07e42";

/// A demo whose application proves itself, so that Graph answers it.
fn demo(users: u32) -> anyhow::Result<Demo> {
    let demo = Demo::start(users)?;
    let secret = fs::read_to_string(demo.folder().join("entra-client-secret"))?;
    let client = format!("client_id = \"{CONFIDENTIAL}\"\nclient_secret = \"{secret}\"");
    let mut lines = Vec::new();
    let shown = shown(&demo)?;
    for line in shown.lines() {
        lines.push(if line.starts_with("client_id") {
            &client
        } else {
            line
        });
    }
    apply(&demo, &lines.join("\n"))?;
    Ok(demo)
}

fn shown(demo: &Demo) -> anyhow::Result<String> {
    let shown = demo.run(&["settings", "show"])?.json()?;
    Ok(text(&shown, "document").to_owned())
}

fn apply(demo: &Demo, document: &str) -> anyhow::Result<()> {
    let applied = demo.run_with(&["settings", "apply", "-"], document.as_bytes())?;
    ensure!(applied.status == 0, "{}", applied.err);
    Ok(())
}

/// A round, as an operator runs it.
fn sync(demo: &Demo) -> anyhow::Result<Value> {
    let done = demo.run(&["settings", "sync"])?;
    ensure!(done.status == 0, "{}", done.err);
    done.json()
}

fn rule(demo: &Demo, args: &[&str]) -> anyhow::Result<()> {
    let added = demo.run(&[&["rule", "add"], args].concat())?;
    ensure!(added.status == 0, "{}", added.err);
    Ok(())
}

/// How a login with password and code ends, and why.
async fn ends(demo: &Demo, person: &Person, so_far: usize) -> anyhow::Result<(Verdict, String)> {
    // Another code after the first is spent, and another caller each time, else it would be
    // the same login.
    let step = calm_step(10).await + u64::from(so_far > 1);
    let typed = person.password.clone() + &person.app.code(step)?;
    let caller = format!("203.0.113.{}", so_far + 1);
    let verdict = login(&demo.vpn()?, &person.name, &typed, &caller).await?;
    let reasons = demo.reasons(&person.name, so_far + 1).await?;
    let last = reasons.last().cloned().context("no event")?;
    Ok((verdict, last))
}

#[tokio::test]
async fn who_is_disabled_or_leaves_a_group_at_entra_is_refused_after_a_round() -> anyhow::Result<()>
{
    let demo = demo(120)?;
    let alice = demo.alice()?;
    let at_entra = async |state: &str, groups: &[&str]| {
        let order = json!({"user": ALICE, "state": state, "groups": groups});
        demo.entra(&order).await
    };
    at_entra("mfa", &["VPN Users"]).await?;
    rule(
        &demo,
        &["vpn", "--client=vpn", "--group=vpn users", "--factors=both"],
    )?;
    let refused = |reason: &str| (Verdict::Reject, reason.to_owned());
    let let_in = (Verdict::Accept, "CS-R000".to_owned());
    assert_eq!(
        ends(&demo, &alice, 0).await?,
        refused("CS-R206"),
        "no round yet"
    );
    let first = sync(&demo)?;
    assert_eq!(first.get("matched"), Some(&json!(122)), "{first}");
    assert_eq!(ends(&demo, &alice, 1).await?, let_in);
    at_entra("disabled", &["VPN Users"]).await?;
    sync(&demo)?;
    assert_eq!(ends(&demo, &alice, 2).await?, refused("CS-R418"));
    at_entra("mfa", &[]).await?;
    sync(&demo)?;
    assert_eq!(ends(&demo, &alice, 3).await?, refused("CS-R206"));
    at_entra("mfa", &["VPN Users"]).await?;
    sync(&demo)?;
    assert_eq!(ends(&demo, &alice, 4).await?.0, Verdict::Accept);
    Ok(())
}

#[tokio::test]
async fn what_graph_hides_is_said_and_nobody_is_refused_by_it() -> anyhow::Result<()> {
    let demo = demo(1)?;
    sync(&demo)?;
    demo.entra(&json!({"hide": true, "forget": true})).await?;
    let hidden = demo.run(&["settings", "sync"])?;
    assert_ne!(hidden.status, 0);
    assert!(hidden.err.contains("User.Read.All"), "{}", hidden.err);
    let alice = demo.alice()?;
    assert_eq!(ends(&demo, &alice, 0).await?.0, Verdict::Accept);
    Ok(())
}

#[tokio::test]
async fn a_source_that_is_not_to_be_synchronised_is_not() -> anyhow::Result<()> {
    let demo = demo(1)?;
    let off = shown(&demo)?.replace("[[source]]\n", "[[source]]\nsync = false\n");
    apply(&demo, &off)?;
    let off = shown(&demo)?;
    assert!(off.contains("sync = false"));
    let none = demo.run(&["settings", "sync", "--source", "entra"])?;
    assert_ne!(none.status, 0);
    assert!(none.err.contains("users are read from"), "{}", none.err);
    apply(&demo, &off.replace("sync = false\n", ""))?;
    sync(&demo)?;
    Ok(())
}

#[tokio::test]
async fn behind_a_right_password_the_account_has_to_be_in_a_group() -> anyhow::Result<()> {
    let demo = demo(2)?;
    let (alice, other) = (demo.alice()?, demo.load(1)?);
    let groups = json!({"user": ALICE, "groups": ["VPN Users"]});
    demo.entra(&groups).await?;
    rule(
        &demo,
        &[
            "vpn",
            "--client=vpn",
            "--factors=both",
            "--account=required",
            "--account-group=VPN Users",
        ],
    )?;
    let tried = demo
        .run(&["rule", "test", ALICE, "--client", "vpn"])?
        .json()?;
    let shown = "both, and a living account in one of: VPN Users";
    assert_eq!(text(&tried, "factors"), shown);
    assert_eq!(ends(&demo, &alice, 0).await?.0, Verdict::Accept);
    let (verdict, reason) = ends(&demo, &other, 0).await?;
    assert_eq!((verdict, &*reason), (Verdict::Reject, "CS-R417"));
    // Whom Graph cannot be asked about waits, and loses no code.
    let third = demo.load(2)?;
    demo.entra(&json!({"graph": {"outage": true}})).await?;
    let typed = third.password.clone() + &third.app.code(calm_step(20).await)?;
    let device = demo.vpn()?;
    let silent = login(&device, &third.name, &typed, HOME).await?;
    assert_eq!(silent, Verdict::Reject);
    assert_eq!(demo.reasons(&third.name, 1).await?, ["CS-R410"]);
    let groups = json!({"user": third.name, "groups": ["VPN Users"]});
    demo.entra(&groups).await?;
    demo.entra(&json!({"graph": {"outage": false}})).await?;
    assert_eq!(
        login(&device, &third.name, &typed, HOME).await?,
        Verdict::Accept
    );
    Ok(())
}

#[tokio::test]
async fn groups_that_graph_tells_stand_in_the_accept_and_in_each_repeat() -> anyhow::Result<()> {
    let demo = demo(1)?;
    let alice = demo.alice()?;
    let at_entra = async |groups: &[&str]| {
        let order = json!({"user": ALICE, "groups": groups});
        demo.entra(&order).await
    };
    at_entra(&["VPN Users", "VPN Admins", "Staff"]).await?;
    let live = "--attribute=Class=OU={account.group:VPN };";
    let unasked = demo.run(&["rule", "add", "vpn", "--factors=both", live])?;
    assert_ne!(unasked.status, 0);
    assert!(
        unasked.err.contains("account = required"),
        "{}",
        unasked.err
    );
    rule(
        &demo,
        &["vpn", "--factors=both", "--account=required", live],
    )?;
    let tried = demo.run(&["rule", "test", ALICE, "--client", "vpn"])?;
    assert!(
        tried.out.contains("which the directory tells"),
        "{}",
        tried.out
    );
    let typed = alice.password.clone() + &alice.app.code(calm_step(10).await)?;
    let device = demo.vpn()?;
    let first = ask(&device, &alice.name, &typed).await?;
    assert_eq!(first.classes, ["OU=VPN Admins;", "OU=VPN Users;"]);
    at_entra(&["Staff"]).await?;
    assert_eq!(ask(&device, &alice.name, &typed).await?, first, "a retry");
    Ok(())
}
