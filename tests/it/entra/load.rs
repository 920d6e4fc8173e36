//! Many questions at once.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use serde_json::json;

use countersign_core::ledger::storage::EntraSettings;

use super::{
    ACCEPTED, Entra, PASSWORD, ask_with, ask_within, public, settings, source, surroundings,
};
use crate::stand_in::{StandIn, ticks};

/// Keeps `in_flight` questions in flight, `rounds` times each; how long it took.
async fn run(source: &Arc<Entra>, in_flight: u32, rounds: u32) -> anyhow::Result<Duration> {
    let began = Instant::now();
    let mut askers = tokio::task::JoinSet::new();
    for _ in 0..in_flight {
        let source = Arc::clone(source);
        askers.spawn(async move {
            for _ in 0..rounds {
                assert_eq!(
                    ask_with(&source, "mfa@contoso.example", PASSWORD).await,
                    ACCEPTED
                );
            }
        });
    }
    while let Some(ended) = askers.join_next().await {
        ended?;
    }
    Ok(began.elapsed())
}

#[tokio::test(flavor = "multi_thread")]
async fn questions_do_not_wait_for_each_other() -> anyhow::Result<()> {
    let stand_in = StandIn::start(&[])?;
    // No answer comes before all are asked.
    stand_in.control(json!({"delay_ms": 120_000})).await?;
    let settings = EntraSettings {
        timeout: 30_000,
        ..settings(&stand_in)
    };
    let source = public(&settings, &surroundings(&stand_in)?)?;
    let source = Arc::new(source);
    let mut askers = tokio::task::JoinSet::new();
    for _ in 0..100 {
        let source = Arc::clone(&source);
        let timeout = Duration::from_secs(30);
        askers.spawn(async move {
            let name = "mfa@contoso.example";
            ask_within(&source, name, PASSWORD, timeout).await
        });
    }
    while stand_in.questions().await? < 100 {
        let ended = askers.try_join_next();
        assert!(ended.is_none(), "{ended:?} before all were asked");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement, for a quiet machine with 8,000 open files allowed"]
async fn two_thousand_in_flight_at_300_ms() -> anyhow::Result<()> {
    let stand_in = StandIn::start(&[])?;
    let source = Arc::new(source(&stand_in)?);
    let first = run(&source, 2000, 1).await?;
    println!("2,000 connections made and used once: {first:?}");
    for delay in [0, 300] {
        stand_in.control(json!({"delay_ms": delay})).await?;
        let (before, theirs_before) = (ticks("self")?, stand_in.ticks()?);
        let took = run(&source, 2000, 10).await?;
        let (ours, theirs) = (ticks("self")? - before, stand_in.ticks()? - theirs_before);
        let rate = 20_000.0 / took.as_secs_f64();
        // 10 ms a tick, over 20,000 questions: half a microsecond.
        println!("delay {delay} ms: {rate:.0} answers/s, {took:?} in all");
        println!(
            "  processor per question: {} µs here, {} µs there",
            ours / 2,
            theirs / 2
        );
    }
    Ok(())
}
