//! The same login again is a retry, not a replay (DESIGN I2).

use std::time::Duration;

use super::codes::{calm_step, step};
use super::process::until;
use super::world::{ALICE, Demo, HOME, Verdict, login, text};

#[tokio::test]
async fn the_same_login_again_has_the_same_verdict_also_when_its_code_is_old() -> anyhow::Result<()>
{
    let demo = Demo::start(1)?;
    let set = ["client", "set", "vpn", "--retry-grace-ms", "90000"];
    demo.run(&set)?.json()?;
    let (vpn, alice) = (demo.vpn()?, demo.alice()?);
    let now = calm_step(5).await;
    let typed = alice.password + &alice.app.code(now - 1)?;
    for packet in 1..=3 {
        let verdict = login(&vpn, ALICE, &typed, HOME).await?;
        assert_eq!(verdict, Verdict::Accept, "packet {packet}");
    }
    assert_eq!(demo.asked(ALICE)?, 1, "one question at the source");
    // The first login taught the token's drift, so the code stands in the middle of its
    // window and leaves it with the second step from now: LIMIT: 60 s.
    let patience = Duration::from_secs(60);
    tokio::time::timeout(patience, async {
        while step() < now + 2 {
            tokio::time::sleep(GLANCE).await;
        }
    })
    .await?;
    let other = login(&vpn, ALICE, &typed, "198.51.100.1").await?;
    assert_eq!(other, Verdict::Reject, "another caller");
    let reasons = demo.reasons(ALICE, 4).await?;
    let last = reasons.last().map(String::as_str);
    assert_eq!(last, Some("CS-R301"), "the code has left its window");
    let again = login(&vpn, ALICE, &typed, HOME).await?;
    assert_eq!(again, Verdict::Accept, "the same login still");
    assert_eq!(demo.asked(ALICE)?, 1, "one line in the stand-in's log");
    Ok(())
}

#[tokio::test]
async fn a_wrong_password_sent_three_times_is_one_question_and_one_failure() -> anyhow::Result<()> {
    let demo = Demo::start(1)?;
    let (vpn, person) = (demo.vpn()?, demo.load(1)?);
    let code = person.app.code(calm_step(10).await)?;
    let locked = || {
        let shown = demo.run(&["user", "show", &person.name])?.json()?;
        Ok::<_, anyhow::Error>(shown.get("locked").is_some_and(|it| it == true))
    };
    // Of the limit of three, three packets take one; two more wrong passwords take two.
    for (guess, packets, locks) in [("one", 3, false), ("two", 1, false), ("three", 1, true)] {
        for packet in 1..=packets {
            let verdict = login(&vpn, &person.name, &format!("{guess}{code}"), HOME).await?;
            assert_eq!(verdict, Verdict::Reject, "guess {guess}, packet {packet}");
        }
        assert_eq!(locked()?, locks, "after guess {guess}");
    }
    assert_eq!(
        demo.asked(&person.name)?,
        3,
        "one question for each password"
    );
    let typed = person.password.clone() + &code;
    let right = login(&vpn, &person.name, &typed, HOME).await?;
    assert_eq!(right, Verdict::Reject, "locked");
    demo.run(&["user", "unlock", &person.name])?;
    until("the lock is gone", async || {
        locked().is_ok_and(|locked| !locked)
    })
    .await?;
    let right = login(&vpn, &person.name, &typed, "203.0.113.6").await?;
    assert_eq!(
        right,
        Verdict::Accept,
        "no wrong password has burned the code"
    );
    Ok(())
}

#[tokio::test]
async fn a_wrong_code_sent_three_times_is_one_failure() -> anyhow::Result<()> {
    let demo = Demo::start(1)?;
    let (vpn, person) = (demo.vpn()?, demo.load(1)?);
    let codes = person.app.wrong(6)?;
    // Of the budget of five, three packets take one; four more codes take four.
    for (number, code) in codes.iter().enumerate() {
        for _ in 0..if number == 0 { 3 } else { 1 } {
            let typed = person.password.clone() + code;
            let verdict = login(&vpn, &person.name, &typed, HOME).await?;
            assert_eq!(verdict, Verdict::Reject);
        }
    }
    let judged = [["CS-R301"; 7].as_slice(), &["CS-R303"]].concat();
    assert_eq!(demo.reasons(&person.name, 8).await?, judged);
    let user = demo.run(&["user", "show", &person.name])?.json()?;
    assert_eq!(text(&user, "status"), "active");
    Ok(())
}

const GLANCE: Duration = Duration::from_millis(50);
