//! Rows S1–S10: what devices send beside logins, and what is not served.

use anyhow::Context;
use countersign_core::base::Secret;
use countersign_core::radius::{Code, Question, Response, kind};
use serde_json::Value;

use super::super::process::until;
use super::super::world::{ALICE, Demo, text};
use super::{ACCESS_REQUEST, Line, raw};

#[tokio::test]
async fn s1_status_server_is_answered_on_both_ports_message_authenticator_first()
-> anyhow::Result<()> {
    let demo = Demo::start(1)?;
    let ports = [
        ("radius", Code::AccessAccept),
        ("accounting", Code::AccountingResponse),
    ];
    for (port, code) in ports {
        let line = Line::open(&demo, port).await?;
        let told = line.told(&line.question(3).status_server(&[])?).await?;
        assert_eq!(told.code, code, "{port}");
        assert_eq!(told.kinds(), [kind::MESSAGE_AUTHENTICATOR], "{port}");
    }
    Ok(())
}

#[tokio::test]
async fn s2_accounting_is_proven_answered_and_recorded() -> anyhow::Result<()> {
    let demo = Demo::start(1)?;
    let line = Line::open(&demo, "accounting").await?;
    let attributes = [
        raw(kind::USER_NAME, ALICE.as_bytes()),
        raw(kind::ACCT_STATUS_TYPE, &[0, 0, 0, 1]),
        raw(kind::ACCT_SESSION_ID, b"session-7"),
    ];
    let forged = Question {
        secret: &Secret::from("another secret".to_owned()),
        ..line.question(9)
    };
    let forged = forged.accounting_request(&attributes)?;
    line.socket.send(&forged).await?;
    until("a forged one is counted", async || {
        demo.count("datagrams", "CS-R104").await == 1
    })
    .await?;
    let packet = line.question(9).accounting_request(&attributes)?;
    let reply = line.ask(&packet).await?;
    let sent = packet.get(4..20).context("no authenticator")?.try_into()?;
    let asked = Question {
        authenticator: &sent,
        ..line.question(9)
    };
    let response = Response::verify(&reply, &asked)?;
    assert_eq!(response.code(), Code::AccountingResponse);
    assert_eq!(line.ask(&packet).await?, reply, "the same packet again");
    // An event is written soon after its answer.
    demo.reasons(ALICE, 1).await?;
    let events = demo.run(&["events", "--user", ALICE])?;
    let events: Vec<Value> = events
        .out
        .lines()
        .map(serde_json::from_str)
        .collect::<Result<_, _>>()?;
    assert_eq!(
        events.len(),
        1,
        "recorded once, the forged one never: {events:?}"
    );
    let event = events.first().context("no event")?;
    assert_eq!(text(event, "kind"), "accounting");
    assert!(
        text(event, "cause").contains("status=Start session=session-7"),
        "{event}"
    );
    Ok(())
}

/// EAP is not served: said aloud, since the device has proven itself.
#[tokio::test]
async fn s10_an_eap_start_is_refused_aloud() -> anyhow::Result<()> {
    let demo = Demo::start(1)?;
    let line = Line::vpn(&demo).await?;
    let name = raw(kind::USER_NAME, ALICE.as_bytes());
    let identity = raw(79, b"\x02\x01\0\x0a\x01alice");
    let packet = line.request(1, ACCESS_REQUEST, &[name, identity])?;
    let told = line.told(&packet).await?;
    assert_eq!(told.code, Code::AccessReject);
    assert_eq!(told.kinds(), [80, 18], "no EAP-Message beside a text");
    assert_eq!(demo.reasons(ALICE, 1).await?, ["CS-R201"]);
    Ok(())
}
