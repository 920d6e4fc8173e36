//! Passwords behind which the account is looked at, at the source that has proven them.

use std::sync::Arc;
use std::time::Duration;

use countersign::login::{Against, PasswordSource, Question};
use countersign::sources::{Kind, Source, Sources};
use countersign_core::base::Secret;
use countersign_core::ledger::{SourceOutcome, storage};
use countersign_core::login::Reason;
use serde_json::json;

use super::graph::{TIME, confidential};
use super::{ACCEPTED, Verdict};
use crate::stand_in::{PASSWORD, StandIn};

const MFA: &str = "mfa@contoso.example";

/// The sources of these stand-ins, in this order.
fn sources(stand_ins: &[&StandIn]) -> anyhow::Result<Sources> {
    let source = |stand_in: &&StandIn| -> anyhow::Result<Arc<Source>> {
        let settings = storage::Source::default();
        let kind = Kind::Entra(Box::new(confidential(stand_in)?.0));
        Ok(Arc::new(Source { settings, kind }))
    };
    let all: anyhow::Result<_> = stand_ins.iter().map(source).collect();
    let sources = Sources::new();
    sources.adopt(1, all?);
    Ok(sources)
}

async fn ask(sources: &Sources, password: &str, groups: &[&str], timeout: Duration) -> Verdict {
    let groups: Vec<_> = groups.iter().map(ToString::to_string).collect();
    let question = Question {
        name: MFA.to_owned(),
        password: Secret::from(password.to_owned()),
        against: Against::Directory,
        account: Some(groups.into()),
        timeout,
    };
    let answer = sources.ask(question).await;
    (answer.outcome, answer.reason, answer.code)
}

#[tokio::test]
async fn a_right_password_is_enough_only_in_one_of_the_groups() -> anyhow::Result<()> {
    let stand_in = StandIn::start(&[])?;
    let groups = json!({"user": MFA, "groups": ["Staff", "VPN Users"]});
    stand_in.control(groups).await?;
    let sources = sources(&[&stand_in])?;
    assert_eq!(ask(&sources, PASSWORD, &[], TIME).await, ACCEPTED);
    assert_eq!(
        ask(&sources, PASSWORD, &["vpn users"], TIME).await,
        ACCEPTED
    );
    let denied = (SourceOutcome::Denied, Reason::NotInGroup, 0);
    assert_eq!(ask(&sources, PASSWORD, &["Admins"], TIME).await, denied);
    Ok(())
}

#[tokio::test]
async fn nothing_is_looked_up_behind_a_wrong_password() -> anyhow::Result<()> {
    let stand_in = StandIn::start(&[])?;
    let sources = sources(&[&stand_in])?;
    let wrong = (SourceOutcome::Wrong, Reason::WrongPassword, 50126);
    assert_eq!(ask(&sources, "wrong", &[], TIME).await, wrong);
    assert_eq!(stand_in.graph_asked().await?, 0);
    Ok(())
}

#[tokio::test]
async fn a_look_that_brings_nothing_lets_nobody_in_and_asks_no_other_source() -> anyhow::Result<()>
{
    let (first, second) = (StandIn::start(&[])?, StandIn::start(&[])?);
    let sources = sources(&[&first, &second])?;
    for fault in [
        json!({"outage": true}),
        json!({"outage": false, "cut": true}),
        json!({"cut": false, "throttle": true}),
    ] {
        first.control(json!({"graph": fault})).await?;
        let (outcome, reason, _) = ask(&sources, PASSWORD, &[], TIME).await;
        let judged_nothing = (SourceOutcome::NotAsked, Reason::SourceDown);
        assert_eq!((outcome, reason), judged_nothing, "{fault}");
    }
    assert_eq!(
        second.questions().await?,
        0,
        "its password is right there too"
    );
    assert_eq!(second.graph_asked().await?, 0);
    Ok(())
}

#[tokio::test]
async fn password_and_account_have_the_time_of_one_question() -> anyhow::Result<()> {
    let stand_in = StandIn::start(&[])?;
    let sources = sources(&[&stand_in])?;
    // Each of them alone would be in time; the account needs two questions and a token.
    stand_in
        .control(json!({"delay_ms": 700, "graph": {"delay_ms": 700}}))
        .await?;
    let time = Duration::from_millis(2500);
    let began = tokio::time::Instant::now();
    let (outcome, reason, _) = ask(&sources, PASSWORD, &[], time).await;
    assert_eq!(
        (outcome, reason),
        (SourceOutcome::NotAsked, Reason::SourceDown)
    );
    assert!(began.elapsed() < time + Duration::from_millis(700));
    Ok(())
}

#[tokio::test]
async fn who_has_a_password_of_its_own_has_no_account_to_be_looked_at() -> anyhow::Result<()> {
    let stand_in = StandIn::start(&[])?;
    let sources = sources(&[&stand_in])?;
    let own = Secret::from("an own password".to_owned());
    let hash = sources.own_passwords().hash(&own, [7; 16]).await?;
    let judged = async |typed: &str, account: Option<Arc<[String]>>| {
        let question = Question {
            name: MFA.to_owned(),
            password: Secret::from(typed.to_owned()),
            against: Against::Own(hash.duplicate()),
            account,
            timeout: Duration::from_secs(30),
        };
        let answer = sources.ask(question).await;
        (answer.outcome, answer.reason)
    };
    let right = (SourceOutcome::Right, Reason::Accepted);
    assert_eq!(judged("an own password", None).await, right);
    let any = || Some(Arc::from([]));
    let denied = (SourceOutcome::Denied, Reason::NoAccount);
    assert_eq!(judged("an own password", any()).await, denied);
    let (outcome, _) = judged("another one", any()).await;
    assert_eq!(outcome, SourceOutcome::Wrong);
    assert_eq!(stand_in.graph_asked().await?, 0);
    Ok(())
}
