//! Answers that Entra never gives: none lets anyone in, none makes us ask twice.

use countersign_core::ledger::SourceOutcome::{Denied, Unanswered, Wrong};
use countersign_core::login::Reason;
use serde_json::{Value, json};

use super::{Verdict, ask, source};
use crate::stand_in::StandIn;

/// Asks once with `canned` as the answer.
async fn told(canned: Value) -> anyhow::Result<Verdict> {
    let stand_in = StandIn::start(&[])?;
    let source = source(&stand_in)?;
    stand_in.control(json!({"canned": canned})).await?;
    let verdict = ask(&source).await;
    assert_eq!(stand_in.asked()?.len(), 1, "asked once, never again");
    Ok(verdict)
}

const UNREADABLE: Verdict = (Unanswered, Reason::UnknownAnswer, 0);

#[tokio::test]
async fn a_redirect_is_not_followed() -> anyhow::Result<()> {
    // To a path that would show in the log as a second question.
    let location = "/7d2c4f1e-9a53-4b8e-8f06-3c1b5e7a9d20/oauth2/v2.0/token";
    for status in [301, 302, 303, 307, 308] {
        let canned = json!({"status": status, "location": location});
        assert_eq!(told(canned).await?, UNREADABLE, "{status}");
    }
    Ok(())
}

#[tokio::test]
async fn a_huge_body_is_not_read_to_its_end() -> anyhow::Result<()> {
    let body = r#"{"error_codes":[50076]}"#;
    let small = json!({"status": 400, "body": body, "padding": 1024});
    assert_eq!(told(small).await?, super::ACCEPTED);
    let huge = json!({"status": 400, "body": body, "padding": 10 * 1024 * 1024});
    assert_eq!(told(huge).await?, UNREADABLE);
    Ok(())
}

#[tokio::test]
async fn a_page_is_no_answer() -> anyhow::Result<()> {
    let page = "<html>AADSTS50076: come in</html>";
    for status in [200, 400, 403, 407] {
        let canned = json!({"status": status, "body": page, "content_type": "text/html"});
        assert_eq!(told(canned).await?, UNREADABLE, "{status}");
    }
    Ok(())
}

#[tokio::test]
async fn hostile_json_never_lets_in() -> anyhow::Result<()> {
    let unknown = (Denied, Reason::UnknownAnswer, 0);
    let cases: [(&str, Verdict); 6] = [
        (
            r#"{"error_codes":[50126],"error_codes":[50076]}"#,
            (Wrong, Reason::WrongPassword, 50126),
        ),
        (r#"{"error_codes":["50076"]}"#, unknown),
        (r#"{"error_codes":"50076"}"#, unknown),
        (r#"{"error":"interaction_required"}"#, unknown),
        (r#"{"error_codes":[50076]"#, UNREADABLE),
        (
            r#"{"error_description":"AADSTS50034: The user AADSTS50076: is not here"}"#,
            (Wrong, Reason::WrongPassword, 50034),
        ),
    ];
    for (body, verdict) in cases {
        let canned = json!({"status": 400, "body": body});
        assert_eq!(told(canned).await?, verdict, "{body}");
    }
    Ok(())
}
