//! Someone who knows the name of a user (DESIGN L4).

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use super::codes::{App, calm_step};
use super::process::until;
use super::world::{ALICE, Demo, HOME, Verdict, login};

/// Guesses from one place until told to stop; counts what was refused.
async fn guess(demo: &Demo, place: usize, stop: &AtomicBool, refused: &AtomicUsize) {
    let Ok((mut device, alice)) = demo.vpn().and_then(|vpn| Ok((vpn, demo.alice()?))) else {
        return;
    };
    device.timeout = Duration::from_secs(1);
    device.tries = 1;
    let caller = format!("198.51.{place}.1");
    let codes = guesses(&alice.app);
    for code in codes.iter().cycle().skip(place * 37) {
        if stop.load(Ordering::Relaxed) {
            return;
        }
        let typed = format!("a guess{code}");
        if let Ok(Verdict::Reject) = login(&device, ALICE, &typed, &caller).await {
            refused.fetch_add(1, Ordering::Relaxed);
        }
    }
}

fn guesses(app: &App) -> Vec<String> {
    app.wrong(5000).unwrap_or_default()
}

#[tokio::test]
async fn an_attacker_at_fifty_places_keeps_nobody_out_from_home() -> anyhow::Result<()> {
    let demo = Demo::start(1)?;
    let (vpn, alice) = (demo.vpn()?, demo.alice()?);
    let (stop, refused) = (AtomicBool::new(false), AtomicUsize::new(0));
    let now = calm_step(20).await;
    let typed = |step| Ok::<_, anyhow::Error>(alice.password.clone() + &alice.app.code(step)?);
    let user = async {
        let first = login(&vpn, ALICE, &typed(now - 1)?, HOME).await?;
        assert_eq!(first, Verdict::Accept, "this makes the place known");
        for (step, guesses) in [(now, 200), (now + 1, 1000)] {
            until("the attack goes on", async || {
                refused.load(Ordering::Relaxed) >= guesses
            })
            .await?;
            let again = login(&vpn, ALICE, &typed(step)?, HOME).await?;
            assert_eq!(again, Verdict::Accept, "after {refused:?} guesses");
        }
        anyhow::Ok(())
    };
    let user = async {
        let came = user.await;
        stop.store(true, Ordering::Relaxed);
        came
    };
    let guards = (0..50).map(|place| guess(&demo, place, &stop, &refused));
    let attack = async {
        // It begins when the user's place is known: before, all places are alike.
        until("a first login", async || {
            demo.asked(ALICE).is_ok_and(|n| n > 0)
        })
        .await?;
        futures_util::future::join_all(guards).await;
        anyhow::Ok(())
    };
    let (user, attack) = tokio::join!(user, attack);
    attack?;
    user?;
    println!("{} guesses refused meanwhile", refused.into_inner());
    assert_eq!(demo.asked(ALICE)?, 3, "no guess reaches the source");
    Ok(())
}
