//! Everything at one time.

use super::codes::calm_step;
use super::volley::{Shot, volley};
use super::world::{Demo, Verdict};

#[tokio::test]
async fn of_three_callers_with_one_code_exactly_one_is_let_in() -> anyhow::Result<()> {
    let demo = Demo::start(900)?;
    let now = calm_step(12).await;
    let mut shots = Vec::new();
    for number in 1..=900 {
        let person = demo.load(number)?;
        let code = person.app.code(now)?;
        shots.extend([7, 8, 9].map(|caller| Shot {
            name: person.name.clone(),
            typed: code.clone(),
            caller: format!("198.51.100.{caller}"),
        }));
    }
    let (verdicts, took) = volley(&demo.proxy()?, &shots).await?;
    let accepted =
        |verdicts: &[Verdict]| verdicts.iter().filter(|it| **it == Verdict::Accept).count();
    let silent = verdicts
        .iter()
        .filter(|it| **it == Verdict::Silence)
        .count();
    println!(
        "2700 logins sent within {took:?}: {} accepted, {silent} unanswered",
        accepted(&verdicts)
    );
    for (user, three) in verdicts.chunks(3).enumerate() {
        assert_eq!(accepted(three), 1, "load{}: {three:?}", user + 1);
    }
    assert_eq!(accepted(&verdicts), 900);
    assert_eq!(silent, 0);
    Ok(())
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
    assert_eq!(usize::try_from(judged + waiting)? + silent, 1000);
    assert_eq!(demo.asked(&person.name)?, 0, "no guess reaches the source");
    Ok(())
}
