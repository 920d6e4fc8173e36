//! What each kind of account and client is told.

use countersign::sources::entra::{Credentials, Entra};
use countersign_core::base::Secret;
use countersign_core::ledger::SourceOutcome;
use countersign_core::ledger::storage::{EntraClientType, EntraSettings};
use countersign_core::login::Reason;
use serde_json::json;

use super::{ACCEPTED, Verdict, ask, ask_with, public, settings, source, surroundings};
use crate::stand_in::{PASSWORD, StandIn};

#[tokio::test]
async fn each_state_of_an_account_has_its_verdict() -> anyhow::Result<()> {
    let stand_in = StandIn::start(&[])?;
    let source = source(&stand_in)?;
    let cases: [(&str, Verdict); 8] = [
        ("mfa", ACCEPTED),
        ("no_mfa", (SourceOutcome::Denied, Reason::NoMfa, 0)),
        (
            "locked",
            (SourceOutcome::NotAsked, Reason::LockedAtSource, 50053),
        ),
        (
            "disabled",
            (SourceOutcome::Denied, Reason::AccountState, 50057),
        ),
        (
            "expired",
            (SourceOutcome::Denied, Reason::MustChangePassword, 50055),
        ),
        ("blocked", (SourceOutcome::Denied, Reason::Policy, 53003)),
        (
            "unknown",
            (SourceOutcome::Wrong, Reason::WrongPassword, 50034),
        ),
        (
            "nobody",
            (SourceOutcome::Wrong, Reason::WrongPassword, 50034),
        ),
    ];
    for (state, verdict) in cases {
        let name = format!("{state}@contoso.example");
        assert_eq!(ask_with(&source, &name, PASSWORD).await, verdict, "{state}");
    }
    Ok(())
}

#[tokio::test]
async fn a_wrong_password_is_wrong_whatever_the_account() -> anyhow::Result<()> {
    let stand_in = StandIn::start(&[])?;
    let source = source(&stand_in)?;
    for state in ["mfa", "no_mfa", "disabled", "blocked"] {
        let name = format!("{state}@contoso.example");
        for password in ["wrong", &format!("{PASSWORD} "), &PASSWORD.to_lowercase()] {
            let verdict = ask_with(&source, &name, password).await;
            let wrong = (SourceOutcome::Wrong, Reason::WrongPassword, 50126);
            assert_eq!(verdict, wrong, "{state}: {password:?}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_change_of_state_shows_in_the_next_answer() -> anyhow::Result<()> {
    let stand_in = StandIn::start(&[])?;
    let source = source(&stand_in)?;
    assert_eq!(ask(&source).await, ACCEPTED);
    let order = json!({"user": "mfa@contoso.example", "state": "disabled"});
    stand_in.control(order).await?;
    assert_eq!(ask(&source).await.1, Reason::AccountState);
    Ok(())
}

#[tokio::test]
async fn a_confidential_client_is_known_by_its_secret() -> anyhow::Result<()> {
    let stand_in = StandIn::start(&[])?;
    let settings = EntraSettings {
        client_id: stand_in.told("confidential_client_id").to_owned(),
        client_type: EntraClientType::Secret.into(),
        ..settings(&stand_in)
    };
    let with = |secret: Vec<u8>| {
        let credentials = Credentials {
            client_secret: Some(Secret::new(secret)),
            client_key: None,
        };
        Entra::configure("entra", &settings, credentials, &surroundings(&stand_in)?)
    };
    let right = std::fs::read(stand_in.told("client_secret_file"))?;
    assert_eq!(ask(&with(right)?).await, ACCEPTED);
    let refused = ask(&with(b"wrong".to_vec())?).await;
    let expected = (
        SourceOutcome::NotAsked,
        Reason::SourceMisconfigured,
        7_000_215,
    );
    assert_eq!(refused, expected);
    Ok(())
}

#[tokio::test]
async fn a_tenant_or_application_that_is_not_there_is_no_fault_of_the_user() -> anyhow::Result<()> {
    let stand_in = StandIn::start(&[])?;
    let surroundings = surroundings(&stand_in)?;
    let tenant = "fabrikam.example".to_owned();
    let elsewhere = EntraSettings {
        tenant,
        ..settings(&stand_in)
    };
    let client_id = "00000000-0000-0000-0000-000000000000".to_owned();
    let stranger = EntraSettings {
        client_id,
        ..settings(&stand_in)
    };
    for (settings, code) in [(elsewhere, 90_002), (stranger, 700_016)] {
        let source = public(&settings, &surroundings)?;
        let expected = (SourceOutcome::NotAsked, Reason::SourceMisconfigured, code);
        assert_eq!(ask(&source).await, expected);
    }
    Ok(())
}

#[tokio::test]
async fn smart_lockout_hides_whether_the_password_is_right() -> anyhow::Result<()> {
    let stand_in = StandIn::start(&["--smart-lockout"])?;
    let source = source(&stand_in)?;
    for number in 0..10 {
        let password = format!("wrong{number}");
        let verdict = ask_with(&source, "mfa@contoso.example", &password).await;
        assert_eq!(verdict.0, SourceOutcome::Wrong);
    }
    let locked = (SourceOutcome::NotAsked, Reason::LockedAtSource, 50053);
    assert_eq!(
        ask_with(&source, "mfa@contoso.example", "wrong").await,
        locked
    );
    let elsewhere = self::source(&stand_in)?;
    assert_eq!(ask(&elsewhere).await, locked);
    Ok(())
}
