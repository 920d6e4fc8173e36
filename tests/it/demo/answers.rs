//! Who is let in, and what everyone else is told.

use std::process::Command;
use std::time::Duration;

use countersign_core::base::Secret;

use super::codes::calm_step;
use super::process::{Said, until};
use super::radclient;
use super::world::{ALICE, Demo, HOME, Verdict, login};

/// The commands that the demo prints, as a shell runs them.
fn printed_login(demo: &Demo) -> anyhow::Result<Said> {
    let lines = demo.printed.lines().filter(|line| line.starts_with("  "));
    let script = lines.collect::<Vec<_>>().join("\n");
    Said::by(Command::new("sh").args(["-c", &script]), b"")
}

#[tokio::test]
async fn the_right_login_is_accepted_printed_by_device_and_by_radclient() -> anyhow::Result<()> {
    let demo = Demo::start(1)?;
    let alice = demo.alice()?;
    let now = calm_step(10).await;
    let typed = |step| Ok::<_, anyhow::Error>(alice.password.clone() + &alice.app.code(step)?);
    let device = login(&demo.vpn()?, ALICE, &typed(now - 1)?, HOME).await?;
    assert_eq!(device, Verdict::Accept, "our device");
    let printed = printed_login(&demo)?;
    assert!(printed.out.starts_with("Access-Accept"), "{printed:?}");
    if radclient::is_installed() {
        let verdict = radclient::login(&demo, "vpn-secret", ALICE, &typed(now + 1)?, HOME)?;
        assert_eq!(verdict, Verdict::Accept, "radclient");
    }
    Ok(())
}

#[tokio::test]
async fn every_wrong_login_is_refused_in_the_same_words() -> anyhow::Result<()> {
    let demo = Demo::start(3)?;
    let vpn = demo.vpn()?;
    let now = calm_step(15).await;
    let (alice, bob) = (demo.alice()?, demo.bob()?);
    let (first, second) = (demo.load(1)?, demo.load(2)?);
    let right = alice.password.clone() + &alice.app.code(now)?;
    assert_eq!(login(&vpn, ALICE, &right, HOME).await?, Verdict::Accept);
    let wrong_code = second.app.wrong(1)?.concat();
    let code = first.app.code(now)?;
    let cases = [
        (
            "wrong password",
            &*first.name,
            format!("guess{code}"),
            "CS-R401",
        ),
        (
            "wrong code",
            &second.name,
            second.password.clone() + &wrong_code,
            "CS-R301",
        ),
        (
            "unknown user",
            "nobody@contoso.example",
            format!("guess{code}"),
            "CS-R203",
        ),
        (
            "no MFA",
            &bob.name,
            bob.password.clone() + &bob.app.code(now)?,
            "CS-R402",
        ),
        ("used code", ALICE, right, "CS-R302"),
    ];
    let radclient = radclient::is_installed();
    for (case, name, typed, reason) in cases {
        let verdict = login(&vpn, name, &typed, "198.51.100.1").await?;
        assert_eq!(verdict, Verdict::Reject, "{case}");
        if radclient {
            let verdict = radclient::login(&demo, "vpn-secret", name, &typed, "198.51.100.2")?;
            assert_eq!(verdict, Verdict::Reject, "{case}, by radclient");
        }
        let reasons = demo.reasons(name, 1 + usize::from(name == ALICE)).await?;
        let told: Vec<_> = reasons.iter().filter(|it| *it != "CS-R000").collect();
        assert_eq!(
            told.first().map(|it| &***it),
            Some(reason),
            "{case}: {reasons:?}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn a_wrong_secret_meets_silence_and_is_counted() -> anyhow::Result<()> {
    let demo = Demo::start(1)?;
    let alice = demo.alice()?;
    let typed = alice.password + &alice.app.code(calm_step(10).await)?;
    let mut device = demo.vpn()?;
    device.secret = Secret::from("another secret".to_owned());
    device.timeout = Duration::from_millis(300);
    assert_eq!(login(&device, ALICE, &typed, HOME).await?, Verdict::Silence);
    until("three packets are counted", async || {
        demo.count("datagrams", "CS-R104").await == 3
    })
    .await?;
    if radclient::is_installed() {
        // The other client's secret.
        let verdict = radclient::login(&demo, "proxy-secret", ALICE, &typed, HOME)?;
        assert_eq!(verdict, Verdict::Silence, "radclient");
    }
    let right = login(&demo.vpn()?, ALICE, &typed, HOME).await?;
    assert_eq!(right, Verdict::Accept, "the code was not touched");
    Ok(())
}
