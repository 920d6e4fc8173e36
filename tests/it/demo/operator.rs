//! An operator's day, by the product's own commands.

use std::process::Command;

use anyhow::Context;
use countersign_core::base::Secret;
use serde_json::Value;

use super::codes::{App, calm_step};
use super::process::{COUNTERSIGN, Said};
use super::world::{Demo, Verdict, login, text};

const CAROL: &str = "carol@contoso.example";

/// The names in a list.
fn names(list: &Value, key: &str) -> Vec<String> {
    let list = list.as_array().cloned().unwrap_or_default();
    list.iter().map(|it| text(it, key).to_owned()).collect()
}

/// The app that was shown this token's URI.
fn scanned(uri: &str) -> anyhow::Result<App> {
    let uri = url::Url::parse(uri)?;
    let secret = uri.query_pairs().find(|(key, _)| key == "secret");
    App::new(&secret.context("no secret in the URI")?.1)
}

#[tokio::test]
async fn a_user_is_made_shown_changed_stopped_and_removed() -> anyhow::Result<()> {
    let demo = Demo::start(1)?;
    let run = |args: &[&str]| demo.run(args);
    let added = run(&["user", "add", CAROL, "--alias", "carol", "--group", "staff"])?.json()?;
    assert_eq!(text(&added, "name"), CAROL);
    let listed = run(&["user", "list", "--prefix", "c"])?.json()?;
    assert_eq!(names(&listed, "name"), [CAROL]);
    let shown = run(&["user", "show", "carol"])?.json()?;
    assert_eq!(shown, added);
    let set = run(&["user", "set", CAROL, "--contact", "desk 7"])?.json()?;
    assert_eq!(text(&set, "contact"), "desk 7");
    assert_eq!(
        set.get("groups"),
        added.get("groups"),
        "what is not given stays"
    );
    let stale = run(&["user", "set", CAROL, "--contact", "x", "--revision", "1"])?;
    assert_eq!(
        stale.status, 1,
        "somebody else's change came before: {stale:?}"
    );
    for (command, status) in [("disable", "disabled"), ("enable", "active")] {
        assert_eq!(run(&["user", command, CAROL])?.status, 0);
        let shown = run(&["user", "show", CAROL])?.json()?;
        assert_eq!(text(&shown, "status"), status);
    }
    assert_eq!(run(&["user", "remove", CAROL])?.status, 0);
    let gone = run(&["user", "show", CAROL])?;
    assert_eq!((gone.status, gone.out.as_str()), (1, ""));
    let audit = names(&run(&["audit"])?.json()?, "action");
    for action in ["user.put", "user.status", "user.remove"] {
        assert!(audit.iter().any(|it| it == action), "{action} in {audit:?}");
    }
    Ok(())
}

#[tokio::test]
async fn a_disabled_user_is_refused_at_once_and_let_in_again() -> anyhow::Result<()> {
    let demo = Demo::start(2)?;
    let proxy = demo.proxy()?;
    let now = calm_step(10).await;
    let person = demo.load(1)?;
    let (first, second) = (person.app.code(now - 1)?, person.app.code(now)?);
    demo.run(&["user", "disable", &person.name])?;
    assert_eq!(
        login(&proxy, &person.name, &first, "").await?,
        Verdict::Reject
    );
    demo.run(&["user", "enable", &person.name])?;
    assert_eq!(
        login(&proxy, &person.name, &second, "").await?,
        Verdict::Accept
    );
    let reasons = demo.reasons(&person.name, 2).await?;
    assert_eq!(reasons, ["CS-R204", "CS-R000"]);
    Ok(())
}

#[tokio::test]
async fn a_token_is_scanned_proven_and_used() -> anyhow::Result<()> {
    let demo = Demo::start(1)?;
    let proxy = demo.proxy()?;
    demo.run(&["user", "add", CAROL])?.json()?;
    let added = demo
        .run(&["token", "add", "--owner", CAROL, "--serial", "phone-7"])?
        .json()?;
    assert_eq!(text(&added, "state"), "pending");
    let qr = demo.run(&["token", "qr", "phone-7"])?;
    assert!(qr.status == 0 && qr.out.contains('█'), "{qr:?}");
    let app = scanned(text(&added, "uri"))?;
    let now = calm_step(10).await;
    let early = login(&proxy, CAROL, &app.code(now - 1)?, "").await?;
    assert_eq!(early, Verdict::Reject, "a pending token lets nobody in");
    let wrong = app.wrong(1)?.concat();
    let prove = |code: &str| demo.run_with(&["token", "activate", "phone-7"], code.as_bytes());
    assert_eq!(prove(&wrong)?.status, 1);
    assert_eq!(prove(&app.code(now)?)?.status, 0);
    let shown = demo.run(&["token", "show", "phone-7"])?.json()?;
    assert_eq!(text(&shown, "state"), "active");
    let again = demo.run(&["token", "qr", "phone-7"])?;
    assert_eq!(again.status, 1, "a seed is never shown again: {again:?}");
    let proof = login(&proxy, CAROL, &app.code(now)?, "").await?;
    assert_eq!(proof, Verdict::Reject, "the code of the proof is spent");
    let next = login(&proxy, CAROL, &app.code(now + 1)?, "").await?;
    assert_eq!(next, Verdict::Accept);
    Ok(())
}

#[tokio::test]
async fn a_rotated_secret_is_valid_beside_the_old_one_until_that_is_dropped() -> anyhow::Result<()>
{
    let demo = Demo::start(3)?;
    let code = demo.load(1)?.app.code(calm_step(10).await)?;
    let (old, mut new) = (demo.proxy()?, demo.proxy()?);
    let rotate = ["client", "rotate-secret", "proxy"];
    let rotated = demo.run(&rotate)?.json()?;
    new.secret = Secret::from(text(&rotated, "secret").to_owned());
    for (number, device) in [(1, &old), (2, &new)] {
        let name = demo.load(number)?.name;
        let verdict = login(device, &name, &code, "").await?;
        assert_eq!(verdict, Verdict::Accept, "secret {number}");
    }
    demo.run_with(
        &[&rotate[..], &["--drop-old", "--secret-file", "-"]].concat(),
        b"third secret",
    )?
    .json()?;
    new.secret = Secret::from("third secret".to_owned());
    let name = demo.load(3)?.name;
    let old = countersign::device::Device { tries: 1, ..old };
    assert_eq!(login(&old, &name, &code, "").await?, Verdict::Silence);
    assert_eq!(login(&new, &name, &code, "").await?, Verdict::Accept);
    Ok(())
}

#[tokio::test]
async fn settings_status_events_and_audit_are_told() -> anyhow::Result<()> {
    let demo = Demo::start(1)?;
    let settings = demo.run(&["settings", "show"])?.json()?;
    assert!(text(&settings, "document").contains(demo.told("/entra/tenant")));
    let status = demo.run(&["cluster", "status"])?.json()?;
    assert_eq!(text(&status, "role"), "leader");
    for fact in ["demo", "in_sync"] {
        assert!(status.get(fact).is_some_and(|it| it == true), "{status}");
    }
    let alice = demo.alice()?;
    let typed = alice.password.clone() + &alice.app.wrong(1)?.concat();
    login(&demo.vpn()?, &alice.name, &typed, "198.51.100.9").await?;
    demo.reasons(&alice.name, 1).await?;
    let said = demo.run(&["events", "--user", &alice.name])?;
    let event: Value = serde_json::from_str(said.out.trim())?;
    let facts = ["kind", "answer", "reason", "client", "caller"].map(|key| text(&event, key));
    assert_eq!(facts, ["login", "reject", "CS-R301", "vpn", "198.51.100.9"]);
    let found = demo.run(&["events", "--reference", text(&event, "reference")])?;
    assert_eq!(found.out, said.out, "a reference leads to its login");
    let audit = demo.run(&["audit"])?.json()?;
    assert!(names(&audit, "operator").iter().any(|it| it == "operator"));
    Ok(())
}

#[tokio::test]
async fn the_exit_status_says_done_refused_usage_or_unknown() -> anyhow::Result<()> {
    let demo = Demo::start(1)?;
    let done = demo.run(&["user", "add", CAROL])?;
    let refused = demo.run(&["user", "add", CAROL])?;
    let usage = demo.run(&["user", "add"])?;
    let no_token = Said::by(Command::new(COUNTERSIGN).args(["user", "list"]), b"")?;
    let unreachable = demo.run(&["--admin", "https://127.0.0.1:1", "user", "list"])?;
    let mut stranger = demo.command();
    let forged = demo.folder().join("vpn-secret");
    stranger.args(["user", "list", "--token-file"]).arg(forged);
    let stranger = Said::by(&mut stranger, b"")?;
    let said = [done, refused, usage, no_token, unreachable, stranger];
    assert_eq!(
        said.each_ref().map(|said| said.status),
        [0, 1, 2, 2, 3, 1],
        "{said:#?}"
    );
    for said in said.iter().skip(1) {
        assert!(!said.err.is_empty() && said.out.is_empty(), "{said:?}");
    }
    Ok(())
}
