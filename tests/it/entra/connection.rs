//! What was sent, and how often: the line between "not asked" and "unanswered".

use std::net::TcpListener;
use std::time::Duration;

use tokio::time::Instant;

use countersign::sources::entra::{ConfigError, Entra, PinnedHosts, Surroundings};
use countersign_core::ledger::SourceOutcome;
use countersign_core::ledger::storage::EntraSettings;
use countersign_core::login::Reason;
use serde_json::json;

use super::{ACCEPTED, DOWN, SILENT, ask, ask_within, public, settings, source, surroundings};
use crate::stand_in::{PASSWORD, StandIn};

/// A source whose authority is a bare listener.
fn source_at(listener: &TcpListener, stand_in: &StandIn) -> anyhow::Result<Entra> {
    let host = listener.local_addr()?.to_string();
    let settings = EntraSettings {
        authority: format!("https://{host}"),
        ..settings(stand_in)
    };
    let surroundings = Surroundings {
        pinned: PinnedHosts::parse([&*host])?,
        ..surroundings(stand_in)?
    };
    Ok(public(&settings, &surroundings)?)
}

#[tokio::test]
async fn a_host_that_is_not_pinned_is_refused() -> anyhow::Result<()> {
    let stand_in = StandIn::start(&[])?;
    let surroundings = Surroundings {
        pinned: PinnedHosts::default(),
        ..surroundings(&stand_in)?
    };
    let refused = public(&settings(&stand_in), &surroundings);
    assert!(matches!(refused, Err(ConfigError::Unpinned(_))));
    Ok(())
}

#[tokio::test]
async fn a_refused_connection_is_not_asked() -> anyhow::Result<()> {
    let mut stand_in = StandIn::start(&[])?;
    let source = source(&stand_in)?;
    stand_in.kill()?;
    assert_eq!(ask(&source).await, DOWN);
    Ok(())
}

#[tokio::test]
async fn an_untrusted_certificate_is_not_asked() -> anyhow::Result<()> {
    let (stand_in, other) = (StandIn::start(&[])?, StandIn::start(&[])?);
    let surroundings = Surroundings {
        ca_file: Some(other.ca_file()),
        ..surroundings(&stand_in)?
    };
    let source = public(&settings(&stand_in), &surroundings)?;
    assert_eq!(ask(&source).await, DOWN);
    assert!(stand_in.asked()?.is_empty());
    Ok(())
}

#[tokio::test]
async fn a_failed_connection_is_tried_once_more() -> anyhow::Result<()> {
    let stand_in = StandIn::start(&[])?;
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let source = source_at(&listener, &stand_in)?;
    let connections = std::thread::spawn(move || {
        let two = listener.incoming().take(2).filter(Result::is_ok).count();
        listener.set_nonblocking(true).map(|()| (two, listener))
    });
    assert_eq!(ask(&source).await, DOWN);
    let (two, listener) = connections.join().expect("the thread does not panic")?;
    assert_eq!(two, 2);
    assert!(listener.accept().is_err(), "a third connection");
    Ok(())
}

#[tokio::test]
async fn a_server_that_never_shakes_hands_is_not_asked() -> anyhow::Result<()> {
    let stand_in = StandIn::start(&[])?;
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let source = source_at(&listener, &stand_in)?;
    let timeout = Duration::from_millis(300);
    let verdict = ask_within(&source, "mfa@contoso.example", PASSWORD, timeout).await;
    assert_eq!(verdict, DOWN);
    Ok(())
}

#[tokio::test]
async fn a_connection_cut_after_the_question_leaves_it_unanswered() -> anyhow::Result<()> {
    let stand_in = StandIn::start(&[])?;
    let source = source(&stand_in)?;
    stand_in.control(json!({"cut": true})).await?;
    assert_eq!(ask(&source).await, SILENT);
    assert_eq!(stand_in.asked()?.len(), 1, "asked once, never again");
    Ok(())
}

#[tokio::test]
async fn an_outage_leaves_it_unanswered() -> anyhow::Result<()> {
    let stand_in = StandIn::start(&[])?;
    let source = source(&stand_in)?;
    stand_in.control(json!({"outage": true})).await?;
    assert_eq!(ask(&source).await, SILENT);
    assert_eq!(stand_in.asked()?.len(), 1, "asked once, never again");
    stand_in.control(json!({"outage": false})).await?;
    assert_eq!(ask(&source).await, ACCEPTED);
    Ok(())
}

#[tokio::test]
async fn an_answer_that_comes_too_late_leaves_it_unanswered() -> anyhow::Result<()> {
    let stand_in = StandIn::start(&[])?;
    stand_in.control(json!({"delay_ms": 120_000})).await?;
    // Enough to connect in, also on a busy machine.
    let brief = EntraSettings {
        timeout: 3000,
        ..settings(&stand_in)
    };
    let by_settings = public(&brief, &surroundings(&stand_in)?)?;
    let began = Instant::now();
    assert_eq!(ask(&by_settings).await, SILENT);
    let (name, timeout) = ("mfa@contoso.example", Duration::from_secs(3));
    let by_question = source(&stand_in)?;
    assert_eq!(
        ask_within(&by_question, name, PASSWORD, timeout).await,
        SILENT
    );
    assert!(began.elapsed() < Duration::from_secs(100));
    Ok(())
}

#[tokio::test]
async fn throttling_is_not_asked() -> anyhow::Result<()> {
    let stand_in = StandIn::start(&[])?;
    let source = source(&stand_in)?;
    stand_in.control(json!({"throttle": true})).await?;
    assert_eq!(
        ask(&source).await,
        (SourceOutcome::NotAsked, Reason::SourceDown, 0)
    );
    assert_eq!(stand_in.asked()?.len(), 1);
    Ok(())
}

#[tokio::test]
async fn no_cookie_is_ever_sent_back_and_every_request_has_its_own_id() -> anyhow::Result<()> {
    let stand_in = StandIn::start(&[])?;
    let source = source(&stand_in)?;
    for _ in 0..3 {
        assert_eq!(ask(&source).await, ACCEPTED);
    }
    let asked = stand_in.asked()?;
    let ids: std::collections::BTreeSet<String> = asked
        .iter()
        .map(|line| line["request_id"].to_string())
        .collect();
    assert_eq!(ids.len(), 3);
    assert!(asked.iter().all(|line| line["cookies"] == false));
    Ok(())
}
