//! Everything at one time.

use super::volley::{Shot, one_of_three, volley};
use super::world::{Demo, Verdict};

#[tokio::test]
async fn of_three_callers_with_one_code_exactly_one_is_let_in() -> anyhow::Result<()> {
    let demo = Demo::start(900)?;
    let set = ["client", "set", "proxy", "--retry-grace-ms", "90000"];
    demo.run(&set)?.json()?;
    one_of_three(&demo, &demo.proxy()?, 900).await
}

#[tokio::test]
async fn of_a_thousand_parallel_guesses_hardly_more_than_the_budget_are_judged()
-> anyhow::Result<()> {
    let demo = Demo::start(1)?;
    let person = demo.load(1)?;
    let codes = person.app.wrong(1000)?;
    let shots: Vec<_> = codes
        .into_iter()
        .map(|code| Shot {
            name: person.name.clone(),
            typed: person.password.clone() + &code,
            caller: "198.51.100.7".to_owned(),
        })
        .collect();
    let (verdicts, took) = volley(&demo.vpn()?, &shots).await?;
    assert!(!verdicts.contains(&Verdict::Accept));
    let silent = verdicts.iter().filter(|it| **it == Verdict::Silence);
    let silent = silent.count();
    let judged = demo.count("logins", "CS-R301").await;
    let waiting = demo.count("logins", "CS-R303").await;
    // Of one user eight logins wait for their turn; who is told nothing sends again.
    let crowded = demo.count("logins", "CS-R106").await;
    println!(
        "1000 guesses sent within {took:?}: {judged} judged, {waiting} had to wait, \
         {crowded} packets dropped, {silent} unanswered"
    );
    assert!((1..=6).contains(&judged), "{judged} of a budget of 5");
    // One that was answered too late for its device is counted nevertheless.
    assert!(usize::try_from(judged + waiting)? + silent >= 1000);
    assert_eq!(demo.asked(&person.name)?, 0, "no guess reaches the source");
    Ok(())
}
