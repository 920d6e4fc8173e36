//! What is not asked, and what is learnt from what was.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use countersign::sources::breaker::{FAILURES_MAX, Rests};
use countersign::sources::entra::{Entra, Surroundings};
use countersign_core::ledger::SourceOutcome;
use countersign_core::login::Reason;
use serde_json::{Value, json};

use super::{
    ACCEPTED, DOWN, PASSWORD, Verdict, ask, ask_with, public, settings, source, surroundings,
};
use crate::stand_in::StandIn;

#[derive(Debug, Default)]
struct Told(Mutex<Vec<Duration>>);

impl Rests for Told {
    fn resting(&self, _: &str, span: Duration) {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        told.push(span);
    }
}

fn labels(surroundings: &Surroundings) -> Vec<&'static str> {
    let alarms = surroundings.alarms.list();
    alarms.iter().map(|alarm| alarm.trouble.label).collect()
}

async fn failing(stand_in: &StandIn, source: &Entra, fault: Value) -> anyhow::Result<()> {
    stand_in.control(fault).await?;
    for _ in 0..FAILURES_MAX {
        assert_ne!(ask(source).await, ACCEPTED);
    }
    Ok(())
}

#[tokio::test]
async fn a_wrong_password_is_asked_about_once() -> anyhow::Result<()> {
    let stand_in = StandIn::start(&[])?;
    let source = source(&stand_in)?;
    let name = "mfa@contoso.example";
    assert_eq!(ask_with(&source, name, "wrong").await.2, 50126);
    let known = (SourceOutcome::Wrong, Reason::KnownWrong, 0);
    assert_eq!(ask_with(&source, name, "wrong").await, known);
    assert_eq!(stand_in.asked()?.len(), 1);
    assert_eq!(ask(&source).await, ACCEPTED);
    assert_eq!(ask_with(&source, name, "wrong").await.2, 50126);
    Ok(())
}

#[tokio::test]
async fn a_locked_user_is_asked_for_once() -> anyhow::Result<()> {
    let stand_in = StandIn::start(&[])?;
    let source = source(&stand_in)?;
    let name = "locked@contoso.example";
    assert_eq!(ask_with(&source, name, PASSWORD).await.2, 50053);
    let paused = (SourceOutcome::NotAsked, Reason::LockedAtSource, 0);
    assert_eq!(ask_with(&source, name, PASSWORD).await, paused);
    assert_eq!(ask_with(&source, name, "other").await, paused);
    assert_eq!(stand_in.asked()?.len(), 1);
    assert_eq!(ask(&source).await, ACCEPTED);
    Ok(())
}

#[tokio::test]
async fn a_throttled_source_is_left_alone_for_as_long_as_it_says() -> anyhow::Result<()> {
    let stand_in = StandIn::start(&[])?;
    let told = Arc::new(Told::default());
    let surroundings = Surroundings {
        rests: Arc::clone(&told) as _,
        ..surroundings(&stand_in)?
    };
    let source = public(&settings(&stand_in), &surroundings)?;
    let order = json!({"throttle": true, "retry_after": "120"});
    stand_in.control(order).await?;
    let down = (SourceOutcome::NotAsked, Reason::SourceDown, 0);
    for _ in 0..3 {
        assert_eq!(ask(&source).await, down);
    }
    assert_eq!(stand_in.asked()?.len(), 1, "asked once, then left alone");
    let left = source.resting().unwrap_or_default();
    assert!(left > Duration::from_secs(100), "{left:?}");
    assert_eq!(labels(&surroundings), ["throttled"]);
    let told = told.0.lock().unwrap_or_else(PoisonError::into_inner);
    assert_eq!(*told, [Duration::from_secs(120)]);
    Ok(())
}

#[tokio::test]
async fn a_rest_that_a_peer_tells_of_is_kept() -> anyhow::Result<()> {
    let stand_in = StandIn::start(&[])?;
    let source = source(&stand_in)?;
    source.rest(Duration::from_secs(60));
    assert_eq!(ask(&source).await.1, Reason::SourceDown);
    assert!(stand_in.asked()?.is_empty());
    Ok(())
}

#[tokio::test]
async fn a_source_that_fails_is_not_asked_and_found_again() -> anyhow::Result<()> {
    let stand_in = StandIn::start(&[])?;
    let surroundings = surroundings(&stand_in)?;
    let source = public(&settings(&stand_in), &surroundings)?;
    failing(&stand_in, &source, json!({"outage": true})).await?;
    let asked = stand_in.asked()?.len();
    for _ in 0..5 {
        assert_eq!(ask(&source).await, DOWN, "another node may reach it");
    }
    assert_eq!(stand_in.asked()?.len(), asked);
    assert_eq!(labels(&surroundings), ["unanswered"]);
    stand_in.control(json!({"outage": false})).await?;
    tokio::time::sleep(source.resting().unwrap_or_default()).await;
    assert_eq!(ask(&source).await, ACCEPTED);
    assert!(labels(&surroundings).is_empty());
    Ok(())
}

#[tokio::test]
async fn a_client_that_is_refused_is_told_with_a_remedy() -> anyhow::Result<()> {
    let stand_in = StandIn::start(&[])?;
    let surroundings = surroundings(&stand_in)?;
    let source = public(&settings(&stand_in), &surroundings)?;
    let body = r#"{"error":"invalid_client","error_codes":[7000222]}"#;
    let canned = json!({"canned": {"status": 401, "body": body}});
    failing(&stand_in, &source, canned).await?;
    let refused = (SourceOutcome::NotAsked, Reason::SourceMisconfigured, 0);
    let verdict: Verdict = ask(&source).await;
    assert_eq!(verdict, refused);
    assert_eq!(labels(&surroundings), ["secret_expired"]);
    Ok(())
}
