//! Accounts and their groups at the stand-in's Graph.

use std::time::Duration;

use countersign::login::{Against, Answer, PasswordSource, Question};
use countersign::sources::account::LookupError;
use countersign::sources::breaker::FAILURES_MAX;
use countersign::sources::entra::{Credentials, Entra, Surroundings};
use countersign::sources::{Kind, Source, Sources};
use countersign_core::base::Secret;
use countersign_core::ledger::SourceOutcome;
use countersign_core::ledger::storage::{self, EntraClientType, EntraSettings};
use countersign_core::login::Reason;
use serde_json::{Value, json};

use super::{ask, settings, source, surroundings};
use crate::stand_in::StandIn;

const MFA: &str = "mfa@contoso.example";
pub(super) const TIME: Duration = Duration::from_secs(5);

/// A source that can prove itself by the secret.
pub(super) fn confidential(stand_in: &StandIn) -> anyhow::Result<(Entra, Surroundings)> {
    let settings = EntraSettings {
        client_id: stand_in.told("confidential_client_id").to_owned(),
        client_type: EntraClientType::Secret.into(),
        ..settings(stand_in)
    };
    let credentials = Credentials {
        client_secret: Some(Secret::new(std::fs::read(
            stand_in.told("client_secret_file"),
        )?)),
        client_key: None,
    };
    let surroundings = surroundings(stand_in)?;
    let entra = Entra::configure("entra", &settings, credentials, &surroundings)?;
    Ok((entra, surroundings))
}

async fn is_in(stand_in: &StandIn, groups: &[&str]) -> anyhow::Result<()> {
    stand_in
        .control(json!({"user": MFA, "groups": groups}))
        .await
}

/// The names of the account's groups.
async fn groups(source: &Entra, name: &str) -> Result<Option<Vec<String>>, LookupError> {
    let account = source.account(name, TIME).await?;
    let names = |groups: Vec<_>| {
        groups
            .into_iter()
            .map(|it: countersign::sources::account::Group| it.name)
    };
    Ok(account.map(|account| names(account.groups).collect()))
}

async fn graph(stand_in: &StandIn, faults: Value) -> anyhow::Result<()> {
    stand_in.control(json!({"graph": faults})).await
}

fn named(names: &[&str]) -> Result<Option<Vec<String>>, LookupError> {
    Ok(Some(names.iter().map(ToString::to_string).collect()))
}

#[tokio::test]
async fn an_account_is_read_with_its_groups_once_in_ten_minutes() -> anyhow::Result<()> {
    let stand_in = StandIn::start(&[])?;
    let (source, _) = confidential(&stand_in)?;
    is_in(&stand_in, &["VPN Users", "Staff"]).await?;
    for _ in 0..3 {
        assert_eq!(groups(&source, MFA).await, named(&["Staff", "VPN Users"]));
    }
    assert_eq!(
        groups(&source, "MFA@Contoso.Example").await,
        named(&["Staff", "VPN Users"])
    );
    assert_eq!(
        stand_in.graph_asked().await?,
        2,
        "the account and its groups"
    );
    let account = source.account("disabled@contoso.example", TIME).await?;
    assert!(account.is_some_and(|account| account.disabled));
    assert_eq!(source.account("unknown@contoso.example", TIME).await?, None);
    assert_eq!(source.account("nobody", TIME).await?, None);
    assert_eq!(stand_in.asked()?.len(), 1, "one token for all");
    Ok(())
}

#[tokio::test]
async fn guests_and_odd_names_are_found() -> anyhow::Result<()> {
    let guest = "bo_fabrikam.example#EXT#@contoso.example";
    let odd = ["o'hara@contoso.example", "$x+y&z@contoso.example"];
    let users = [guest, odd[0], odd[1]].map(|name| format!("{name}:pw:mfa"));
    let extra: Vec<_> = users.iter().flat_map(|it| ["--user", it]).collect();
    let stand_in = StandIn::start(&extra)?;
    let (source, _) = confidential(&stand_in)?;
    for (name, is_guest) in [(guest, true), (odd[0], false), (odd[1], false)] {
        let account = source.account(name, TIME).await?;
        assert_eq!(account.map(|it| it.guest), Some(is_guest), "{name}");
    }
    Ok(())
}

#[tokio::test]
async fn many_groups_come_in_pages() -> anyhow::Result<()> {
    let stand_in = StandIn::start(&[])?;
    let (source, _) = confidential(&stand_in)?;
    let all: Vec<_> = (0..2500)
        .map(|number| format!("group {number:04}"))
        .collect();
    let order = json!({"user": MFA, "groups": all});
    stand_in.control(order).await?;
    assert_eq!(groups(&source, MFA).await, Ok(Some(all)));
    assert_eq!(stand_in.graph_asked().await?, 4);
    let far: Vec<_> = (0..8000)
        .map(|number| format!("group {number:04}"))
        .collect();
    stand_in
        .control(json!({"user": "no_mfa@contoso.example", "groups": far}))
        .await?;
    let found = groups(&source, "no_mfa@contoso.example").await;
    assert_eq!(found, Err(LookupError::TooManyGroups));
    Ok(())
}

#[tokio::test]
async fn a_login_without_a_password_is_judged_by_the_account() -> anyhow::Result<()> {
    let stand_in = StandIn::start(&[])?;
    is_in(&stand_in, &["VPN Users"]).await?;
    let (entra, _) = confidential(&stand_in)?;
    let (asked, public) = (Sources::new(), Sources::new());
    let of = |entra| {
        let settings = storage::Source::default();
        let kind = Kind::Entra(Box::new(entra));
        vec![Source { settings, kind }.into()]
    };
    asked.adopt(1, of(entra));
    public.adopt(1, of(source(&stand_in)?));
    let judged = async |sources: &Sources, name: &str, groups: &[&str]| {
        let groups: Vec<_> = groups.iter().map(ToString::to_string).collect();
        let question = Question {
            name: format!("{name}@contoso.example"),
            password: Secret::default(),
            against: Against::Account,
            account: Some(groups.into()),
            timeout: TIME,
        };
        let Answer {
            outcome, reason, ..
        } = sources.ask(question).await;
        (outcome, reason)
    };
    let right = (SourceOutcome::Right, Reason::Accepted);
    let denied = |reason| (SourceOutcome::Denied, reason);
    assert_eq!(judged(&asked, "mfa", &["vpn users"]).await, right);
    assert_eq!(judged(&asked, "no_mfa", &[]).await, right);
    let not_in = judged(&asked, "no_mfa", &["VPN Users"]).await;
    assert_eq!(not_in, denied(Reason::NotInGroup));
    let disabled = judged(&asked, "disabled", &[]).await;
    assert_eq!(disabled, denied(Reason::AccountState));
    assert_eq!(
        judged(&asked, "unknown", &[]).await,
        denied(Reason::NoAccount)
    );
    let of_public = judged(&public, "mfa", &[]).await;
    assert_eq!(
        of_public,
        (SourceOutcome::NotAsked, Reason::SourceMisconfigured)
    );
    Ok(())
}

#[tokio::test]
async fn what_is_known_serves_while_graph_is_away_and_no_longer_than_an_hour() -> anyhow::Result<()>
{
    let stand_in = StandIn::start(&[])?;
    let (source, _) = confidential(&stand_in)?;
    is_in(&stand_in, &["VPN Users"]).await?;
    assert_eq!(groups(&source, MFA).await, named(&["VPN Users"]));
    tokio::time::pause();
    for (minutes, fault) in [
        (11, json!({"outage": true})),
        (11, json!({"outage": false, "cut": true})),
        (
            11,
            json!({"cut": false, "throttle": true, "retry_after": "30"}),
        ),
    ] {
        tokio::time::advance(Duration::from_secs(minutes * 60)).await;
        tokio::time::resume();
        graph(&stand_in, fault.clone()).await?;
        let asked = stand_in.graph_asked().await?;
        assert_eq!(groups(&source, MFA).await, named(&["VPN Users"]), "{fault}");
        assert!(stand_in.graph_asked().await? > asked, "{fault}");
        tokio::time::pause();
    }
    tokio::time::advance(Duration::from_secs(30 * 60)).await;
    tokio::time::resume();
    assert_eq!(groups(&source, MFA).await, Err(LookupError::Resting));
    graph(&stand_in, json!({"throttle": false})).await?;
    Ok(())
}

#[tokio::test]
async fn a_throttle_is_honoured_and_leaves_passwords_alone() -> anyhow::Result<()> {
    let stand_in = StandIn::start(&[])?;
    let (source, surroundings) = confidential(&stand_in)?;
    graph(&stand_in, json!({"throttle": true, "retry_after": "120"})).await?;
    for _ in 0..3 {
        assert_eq!(groups(&source, MFA).await, Err(LookupError::Resting));
    }
    assert_eq!(
        stand_in.graph_asked().await?,
        1,
        "asked once, then left alone"
    );
    assert_eq!(ask(&source).await, super::ACCEPTED);
    let alarms = surroundings.alarms.list();
    let alarms: Vec<_> = alarms
        .iter()
        .map(|it| (&*it.source, it.trouble.label))
        .collect();
    assert_eq!(alarms, [("entra (Graph)", "throttled")]);
    Ok(())
}

#[tokio::test]
async fn a_token_that_was_revoked_is_replaced_once() -> anyhow::Result<()> {
    let stand_in = StandIn::start(&[])?;
    let (source, _) = confidential(&stand_in)?;
    assert_eq!(groups(&source, MFA).await, named(&[]));
    stand_in.control(json!({"revoke": true})).await?;
    assert_eq!(groups(&source, "no_mfa@contoso.example").await, named(&[]));
    assert_eq!(stand_in.asked()?.len(), 2, "two tokens");
    let body = r#"{"error":{"code":"InvalidAuthenticationToken"}}"#;
    graph(&stand_in, json!({"canned": {"status": 401, "body": body}})).await?;
    let refused = groups(&source, "expired@contoso.example").await;
    assert_eq!(refused, Err(LookupError::Refused(401)));
    assert_eq!(stand_in.asked()?.len(), 3);
    Ok(())
}

#[tokio::test]
async fn one_token_is_fetched_at_a_time() -> anyhow::Result<()> {
    let stand_in = StandIn::start(&["--load-users", "50"])?;
    let (source, _) = confidential(&stand_in)?;
    stand_in.control(json!({"delay_ms": 100})).await?;
    let names: Vec<_> = (1..=50)
        .map(|it| format!("load{it}@contoso.example"))
        .collect();
    let asked = names.iter().map(|name| groups(&source, name));
    for found in futures_util::future::join_all(asked).await {
        assert_eq!(found, named(&[]));
    }
    assert_eq!(stand_in.asked()?.len(), 1);
    Ok(())
}

#[tokio::test]
async fn an_application_that_may_not_read_is_told_and_serves_nothing_old() -> anyhow::Result<()> {
    let stand_in = StandIn::start(&["--role", "Mail.Send"])?;
    let (source, surroundings) = confidential(&stand_in)?;
    for _ in 0..FAILURES_MAX {
        assert_eq!(groups(&source, MFA).await, Err(LookupError::Refused(403)));
    }
    assert_eq!(
        groups(&source, MFA).await,
        Err(LookupError::Service(0)),
        "it rests"
    );
    let alarms = surroundings.alarms.list();
    assert!(
        alarms
            .iter()
            .any(|it| it.trouble.label == "graph_permission")
    );
    Ok(())
}

#[tokio::test]
async fn hostile_answers_never_let_in() -> anyhow::Result<()> {
    let stand_in = StandIn::start(&[])?;
    let evil = StandIn::start(&[])?;
    let user = r#"{"id":"7d2c4f1e-9a53-4b8e-8f06-3c1b5e7a9d20","accountEnabled":true"#;
    let link = |to: &str| format!(r#"{user},"value":[],"@odata.nextLink":"{to}"}}"#);
    let own = stand_in.told("authority");
    let bodies = [
        String::new(),
        "<html>come in</html>".to_owned(),
        user.to_owned(),
        "[]".to_owned(),
        "null".to_owned(),
        r#"{"id":"x","accountEnabled":true,"value":[]}"#.to_owned(),
        format!(r#"{user},"value":{{}}}}"#),
        format!(r#"{user},"value":[{{"id":7}}]}}"#),
        format!(r#"{user},"value":[{{"id":"../x"}}]}}"#),
        format!(r#"{user},"accountEnabled":false,"value":[]}}"#),
        r#"{"id":"7d2c4f1e-9a53-4b8e-8f06-3c1b5e7a9d20","accountEnabled":"true","value":[]}"#
            .to_owned(),
        r#"{"id":"7d2c4f1e-9a53-4b8e-8f06-3c1b5e7a9d20","accountEnabled":null,"value":[]}"#
            .to_owned(),
        link(&format!("{}/v1.0/users/x", evil.told("authority"))),
        link(&format!("{own}/v1.0/groups")),
        link(&format!("{own}/control")),
        format!("{}{}", "[".repeat(100_000), "]".repeat(100_000)),
    ];
    for body in bodies {
        // Each at a source that rests for none of the others.
        let (source, _) = confidential(&stand_in)?;
        let canned = json!({"canned": {"status": 200, "body": body}});
        graph(&stand_in, canned).await?;
        let found = groups(&source, MFA).await;
        let shown = body.get(..200).unwrap_or(&body);
        assert_eq!(found, Err(LookupError::Unreadable), "{shown}");
    }
    assert_eq!(evil.graph_asked().await?, 0);
    let (source, _) = confidential(&stand_in)?;
    let padding = 10 * 1024 * 1024;
    let body = format!(r#"{user},"value":[]}}"#);
    let canned = json!({"status": 200, "body": body, "padding": padding});
    graph(&stand_in, json!({"canned": canned})).await?;
    assert_eq!(groups(&source, MFA).await, Err(LookupError::Unreadable));
    for (status, expected) in [
        (302, LookupError::Unreadable),
        (404, LookupError::Unreadable),
        (500, LookupError::Broken),
    ] {
        let location = format!("{}/v1.0/users/x", evil.told("authority"));
        let canned = json!({"status": status, "body": "<html>", "location": location});
        graph(&stand_in, json!({"canned": canned})).await?;
        assert_eq!(groups(&source, MFA).await, Err(expected), "{status}");
    }
    assert_eq!(evil.graph_asked().await?, 0, "no redirect is followed");
    Ok(())
}

#[tokio::test]
async fn changes_are_told_in_pages_and_then_since() -> anyhow::Result<()> {
    use countersign::sources::entra::graph::Page;

    let stand_in = StandIn::start(&["--load-users", "150"])?;
    let (source, _) = confidential(&stand_in)?;
    let graph = source.graph().expect("a confidential client");
    let page = async |link: &str| {
        let deadline = tokio::time::Instant::now() + TIME;
        graph.get::<Page<Value>>(link, deadline).await
    };
    let first = page("/v1.0/users/delta?$select=id,accountEnabled").await?;
    assert_eq!((first.value.len(), first.delta), (100, None));
    let last = page(&first.next.unwrap_or_default()).await?;
    assert_eq!((last.value.len(), last.next), (56, None));
    let link = last.delta.unwrap_or_default();
    assert!(page(&link).await?.value.is_empty());
    stand_in
        .control(json!({"user": MFA, "state": "disabled"}))
        .await?;
    let changed = page(&link).await?;
    assert_eq!(changed.value.len(), 1);
    assert_eq!(changed.value[0]["accountEnabled"], false);
    is_in(&stand_in, &["VPN Users"]).await?;
    let groups = page("/v1.0/groups/delta").await?;
    assert_eq!(
        groups.value[0]["members@delta"].as_array().map(Vec::len),
        Some(1)
    );
    is_in(&stand_in, &[]).await?;
    let left = page(&groups.delta.unwrap_or_default()).await?;
    assert!(left.value[0]["members@delta"][0]["@removed"].is_object());
    Ok(())
}
