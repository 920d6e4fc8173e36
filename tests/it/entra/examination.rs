//! What the test button shows.

use countersign::sources::Light::{Amber, Green, Red};
use countersign::sources::entra::{Credentials, Entra};
use countersign::sources::{Finding, Light};
use countersign_core::base::Secret;
use countersign_core::ledger::storage::{EntraClientType, EntraSettings};
use serde_json::json;

use super::{public, settings, source, surroundings};
use crate::stand_in::StandIn;

const STEPS: [&str; 8] = [
    "name and connection",
    "TLS",
    "clock",
    "tenant",
    "domain",
    "application",
    "Graph",
    "sign-in",
];

fn lights(findings: &[Finding]) -> Vec<Light> {
    findings.iter().map(|finding| finding.light).collect()
}

/// Examines, and holds what is true of every examination.
async fn examined(source: &Entra, domain: Option<&str>) -> Vec<Finding> {
    let findings = source.examine(domain).await;
    let steps: Vec<_> = findings.iter().map(|finding| finding.step).collect();
    assert_eq!(steps, STEPS);
    for finding in &findings {
        assert!(!finding.found.is_empty(), "{finding:?}");
        assert_eq!(
            finding.light == Green,
            finding.remedy.is_empty(),
            "{finding:?}"
        );
    }
    findings
}

fn confidential(stand_in: &StandIn, secret: Vec<u8>) -> anyhow::Result<Entra> {
    let settings = EntraSettings {
        client_id: stand_in.told("confidential_client_id").to_owned(),
        client_type: EntraClientType::Secret.into(),
        ..settings(stand_in)
    };
    let credentials = Credentials {
        client_secret: Some(Secret::new(secret)),
        client_key: None,
    };
    let surroundings = surroundings(stand_in)?;
    Ok(Entra::configure(
        "entra",
        &settings,
        credentials,
        &surroundings,
    )?)
}

#[tokio::test]
async fn all_is_green_where_all_is_well() -> anyhow::Result<()> {
    let stand_in = StandIn::start(&[])?;
    let source = source(&stand_in)?;
    // In a task of its own, as a call of an operator is.
    let findings = tokio::spawn(async move { examined(&source, Some("contoso.example")).await });
    let findings = findings.await?;
    assert_eq!(lights(&findings), [Green; 8], "{findings:?}");
    let secret = std::fs::read(stand_in.told("client_secret_file"))?;
    let source = confidential(&stand_in, secret)?;
    let findings = examined(&source, Some("contoso.example")).await;
    assert_eq!(lights(&findings), [Green; 8], "{findings:?}");
    assert!(findings[6].found.contains("User.Read.All"), "{findings:?}");
    Ok(())
}

#[tokio::test]
async fn a_wrong_secret_is_red_in_the_steps_that_need_it() -> anyhow::Result<()> {
    let stand_in = StandIn::start(&[])?;
    let source = confidential(&stand_in, b"wrong".to_vec())?;
    let findings = examined(&source, Some("contoso.example")).await;
    let expected = [Green, Green, Green, Green, Green, Red, Amber, Red];
    assert_eq!(lights(&findings), expected, "{findings:?}");
    assert!(findings[5].found.contains("7000215"), "{findings:?}");
    Ok(())
}

#[tokio::test]
async fn a_domain_without_a_tenant_is_red_and_one_that_is_none_is_not_asked_for()
-> anyhow::Result<()> {
    let stand_in = StandIn::start(&[])?;
    let source = source(&stand_in)?;
    let findings = examined(&source, Some("fabrikam.example")).await;
    assert_eq!(findings[4].light, Red, "{findings:?}");
    for domain in [None, Some("../../x"), Some("a.b/c?d"), Some("")] {
        let findings = examined(&source, domain).await;
        let expected = [Green, Green, Green, Green, Amber, Green, Green, Amber];
        assert_eq!(lights(&findings), expected, "{findings:?}");
    }
    Ok(())
}

#[tokio::test]
async fn an_unknown_tenant_is_red() -> anyhow::Result<()> {
    let stand_in = StandIn::start(&[])?;
    let settings = EntraSettings {
        tenant: "fabrikam.example".to_owned(),
        ..settings(&stand_in)
    };
    let source = public(&settings, &surroundings(&stand_in)?)?;
    let findings = examined(&source, Some("contoso.example")).await;
    let expected = [Green, Green, Green, Red, Green, Green, Green, Red];
    assert_eq!(lights(&findings), expected, "{findings:?}");
    Ok(())
}

#[tokio::test]
async fn a_host_that_does_not_answer_is_red_in_time() -> anyhow::Result<()> {
    let mut stand_in = StandIn::start(&[])?;
    let source = source(&stand_in)?;
    stand_in.kill()?;
    let began = tokio::time::Instant::now();
    let findings = examined(&source, Some("contoso.example")).await;
    assert_eq!(findings[0].light, Red, "{findings:?}");
    assert_eq!(findings[1].light, Red, "{findings:?}");
    assert_eq!(lights(&findings)[2..5], [Amber; 3], "{findings:?}");
    assert!(began.elapsed().as_secs() < 10);
    Ok(())
}

#[tokio::test]
async fn an_examination_teaches_the_source_nothing() -> anyhow::Result<()> {
    let stand_in = StandIn::start(&[])?;
    let source = source(&stand_in)?;
    stand_in.control(json!({"throttle": true})).await?;
    examined(&source, Some("contoso.example")).await;
    assert_eq!(source.resting(), None);
    Ok(())
}

#[tokio::test]
async fn permissions_that_are_missing_and_a_graph_that_refuses_are_amber() -> anyhow::Result<()> {
    for (role, found) in [
        ("Mail.Send", "no accounts and no groups"),
        ("GroupMember.Read.All", "whether accounts are enabled"),
    ] {
        let stand_in = StandIn::start(&["--role", role])?;
        let secret = std::fs::read(stand_in.told("client_secret_file"))?;
        let source = confidential(&stand_in, secret)?;
        let findings = examined(&source, Some("contoso.example")).await;
        assert_eq!(lights(&findings)[5..7], [Green, Amber], "{findings:?}");
        assert!(findings[6].found.contains(found), "{findings:?}");
    }
    let stand_in = StandIn::start(&[])?;
    let secret = std::fs::read(stand_in.told("client_secret_file"))?;
    let source = confidential(&stand_in, secret)?;
    stand_in
        .control(json!({"graph": {"throttle": true}}))
        .await?;
    let findings = examined(&source, Some("contoso.example")).await;
    assert_eq!(lights(&findings)[5..7], [Green, Amber], "{findings:?}");
    assert!(findings[6].found.contains("429"), "{findings:?}");
    Ok(())
}
