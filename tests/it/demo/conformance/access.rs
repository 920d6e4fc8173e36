//! Rows A1–A12: Access-Requests and their replies.

use std::time::Duration;

use anyhow::Context;
use countersign_core::radius::{Code, kind};
use serde_json::json;
use tokio::time::timeout;

use super::super::codes::calm_step;
use super::super::process::until;
use super::super::world::{ALICE, Demo};
use super::{ACCESS_REQUEST, Line, raw};

#[tokio::test]
async fn a1_a_request_without_proof_or_with_two_is_refused_aloud() -> anyhow::Result<()> {
    let demo = Demo::start(1)?;
    let line = Line::vpn(&demo).await?;
    let name = raw(kind::USER_NAME, ALICE.as_bytes());
    let (hidden, chap) = (raw(2, &[7; 16]), raw(3, &[7; 17]));
    for (number, proof) in (1..).zip([&[][..], &[hidden, chap], &[hidden, hidden]]) {
        let packet = line.request(number, ACCESS_REQUEST, &[&[name], proof].concat())?;
        let told = line.told(&packet).await?;
        assert_eq!(told.code, Code::AccessReject, "{proof:?}");
    }
    let reasons = demo.reasons(ALICE, 3).await?;
    assert_eq!(reasons, ["CS-R201"; 3]);
    Ok(())
}

#[tokio::test]
async fn a4_a_user_is_one_user_however_the_name_is_written() -> anyhow::Result<()> {
    let demo = Demo::start(1)?;
    demo.run(&["client", "set", "vpn", "--default-domain=contoso.example"])?
        .json()?;
    let (line, alice) = (Line::vpn(&demo).await?, demo.alice()?);
    let typed = alice.password.clone() + &alice.app.code(calm_step(10).await)?;
    let names = [ALICE, "Alice@Contoso.example", "alice", "CONTOSO\\alice"];
    for (number, name) in (1..).zip(names) {
        let told = line.judged(number, name, typed.as_bytes()).await?;
        assert_eq!(told.code, Code::AccessAccept, "{name}");
    }
    assert_eq!(demo.asked(ALICE)?, 1, "one login, in four spellings");
    for (number, name) in (10..).zip([" ", "alice\u{202e}", "alice@fabrikam.example"]) {
        let told = line.judged(number, name, typed.as_bytes()).await?;
        assert_eq!(told.code, Code::AccessReject, "{name:?}");
    }
    let nameless = [raw(kind::USER_NAME, b""), raw(2, &[7; 16])];
    let nameless = line.request(20, ACCESS_REQUEST, &nameless)?;
    assert_eq!(line.told(&nameless).await?.code, Code::AccessReject);
    Ok(())
}

#[tokio::test]
async fn a5_an_accept_grants_and_a_reject_only_says_why_not() -> anyhow::Result<()> {
    let demo = Demo::start(1)?;
    let grants = ["--attribute=Class=OU=staff;", "--attribute=Filter-Id=vpn"];
    let rule = ["rule", "add", "all", "--factors=both"];
    demo.run(&[&rule[..], &grants].concat())?.json()?;
    let (line, alice) = (Line::vpn(&demo).await?, demo.alice()?);
    let typed = alice.password.clone() + &alice.app.code(calm_step(10).await)?;
    let accept = line.judged(1, ALICE, typed.as_bytes()).await?;
    assert_eq!(accept.code, Code::AccessAccept);
    assert_eq!(accept.kinds(), [80, 25, 11, 33]);
    let wrong = alice.password.clone() + &alice.app.wrong(1)?.concat();
    let reject = line.judged(2, ALICE, wrong.as_bytes()).await?;
    assert_eq!(reject.code, Code::AccessReject);
    assert_eq!(reject.kinds(), [80, 18, 33]);
    Ok(())
}

#[tokio::test]
async fn a6_a_reply_repeats_every_proxy_state_in_order() -> anyhow::Result<()> {
    let demo = Demo::start(1)?;
    let line = Line::vpn(&demo).await?;
    let long = [0xff; 253];
    let states = [&b"last"[..], &long, b"", b"first"];
    let sent = states.map(|value| raw(kind::PROXY_STATE, value));
    let password = raw(2, &[7; 16]);
    let packet = line.request(1, ACCESS_REQUEST, &[&sent[..], &[password]].concat())?;
    let told = line.told(&packet).await?;
    let echoed = told
        .attributes
        .iter()
        .filter(|it| it.0 == kind::PROXY_STATE);
    assert!(echoed.map(|(_, value)| &value[..]).eq(states), "{told:?}");
    Ok(())
}

#[tokio::test]
async fn a11_the_same_packet_again_gets_the_same_octets() -> anyhow::Result<()> {
    let demo = Demo::start(1)?;
    let (line, alice) = (Line::vpn(&demo).await?, demo.alice()?);
    let code = alice.app.code(calm_step(10).await)?;
    let wrong = alice.app.wrong(1)?.concat();
    for (number, code, verdict) in [
        (1, wrong, Code::AccessReject),
        (2, code, Code::AccessAccept),
    ] {
        let typed = alice.password.clone() + &code;
        let packet = line.login(number, ALICE, typed.as_bytes())?;
        let reply = line.ask(&packet).await?;
        assert_eq!(reply.first().copied(), Some(verdict as u8));
        for _ in 0..3 {
            assert_eq!(line.ask(&packet).await?, reply);
        }
    }
    let reasons = demo.reasons(ALICE, 2).await?;
    assert_eq!(reasons, ["CS-R301", "CS-R000"], "judged once each");
    Ok(())
}

#[tokio::test]
async fn a11_a_packet_in_hand_is_answered_once_however_often_it_comes() -> anyhow::Result<()> {
    let demo = Demo::start(1)?;
    demo.entra(&json!({"delay_ms": 700})).await?;
    let (line, alice) = (Line::vpn(&demo).await?, demo.alice()?);
    let typed = alice.password.clone() + &alice.app.code(calm_step(10).await)?;
    let packet = line.login(1, ALICE, typed.as_bytes())?;
    for _ in 0..3 {
        line.socket.send(&packet).await?;
    }
    let told = line.told(&packet).await?;
    assert_eq!(told.code, Code::AccessAccept);
    line.is_silent(2).await
}

#[tokio::test]
async fn a12_nothing_is_answered_once_the_device_has_given_up() -> anyhow::Result<()> {
    let demo = Demo::start(1)?;
    let times = ["--timeout-ms=1500", "--tries=1"];
    let set = ["client", "set", "vpn"];
    demo.run(&[&set[..], &times].concat())?.json()?;
    demo.entra(&json!({"delay_ms": 2000})).await?;
    let (line, alice) = (Line::vpn(&demo).await?, demo.alice()?);
    let typed = alice.password.clone() + &alice.app.code(calm_step(10).await)?;
    let packet = line.login(1, ALICE, typed.as_bytes())?;
    line.socket.send(&packet).await?;
    until("the device is given up", async || {
        let reasons = demo.reasons(ALICE, 1).await.unwrap_or_default();
        reasons == ["CS-R501"]
    })
    .await?;
    line.is_silent(2).await?;
    // The source's answer comes too late for that packet, and is kept for those after it.
    let (mut number, mut heard) = (2, None);
    until("the login is let in", async || {
        number += 1;
        let packet = line.login(number, ALICE, typed.as_bytes());
        let sent = line.socket.send(&packet.unwrap_or_default()).await;
        heard = timeout(LONGER, line.heard()).await.ok();
        sent.is_ok() && heard.is_some()
    })
    .await?;
    let reply = heard.context("no reply")??;
    let head = [Code::AccessAccept as u8, number];
    assert_eq!(reply.get(..2), Some(&head[..]), "the last packet alone");
    assert_eq!(demo.asked(ALICE)?, 1);
    Ok(())
}

/// Longer than the device of the last test waits.
const LONGER: Duration = Duration::from_millis(1100);
