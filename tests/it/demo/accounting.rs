//! What devices send beside logins, and the same packet again.

use std::net::{Ipv4Addr, SocketAddr};

use anyhow::Context;
use countersign::node::SystemEntropy;
use countersign_core::base::{Entropy, Secret};
use countersign_core::radius::{Code, Question, Raw, Response, kind};
use serde_json::Value;
use tokio::net::UdpSocket;

use super::codes::calm_step;
use super::process::until;
use super::world::{ALICE, Demo, text};

/// Sends octets from this socket and gives the octets of the reply.
async fn ask(socket: &UdpSocket, packet: &[u8]) -> anyhow::Result<Vec<u8>> {
    socket.send(packet).await?;
    let mut octets = vec![0; 4096];
    let patience = std::time::Duration::from_secs(60);
    let length = tokio::time::timeout(patience, socket.recv(&mut octets)).await??;
    octets.truncate(length);
    Ok(octets)
}

async fn socket(server: &str) -> anyhow::Result<UdpSocket> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    socket.connect(server.parse::<SocketAddr>()?).await?;
    Ok(socket)
}

#[tokio::test]
async fn accounting_is_proven_answered_and_recorded() -> anyhow::Result<()> {
    let demo = Demo::start(1)?;
    let secret = demo.vpn()?.secret;
    let raw = |kind, value| Raw { kind, value };
    let attributes = [
        raw(kind::USER_NAME, ALICE.as_bytes()),
        raw(kind::ACCT_STATUS_TYPE, &[0, 0, 0, 1]),
        raw(kind::ACCT_SESSION_ID, b"session-7"),
    ];
    let forged = Secret::from("another secret".to_owned());
    let question = |secret, authenticator| Question {
        identifier: 9,
        authenticator,
        secret,
    };
    let unused = [0; 16];
    let packet = question(&secret, &unused).accounting_request(&attributes)?;
    let line = socket(demo.told("/nodes/0/accounting")).await?;
    line.send(&question(&forged, &unused).accounting_request(&attributes)?)
        .await?;
    until("a forged one is counted", async || {
        demo.count("datagrams", "CS-R104").await == 1
    })
    .await?;
    let reply = ask(&line, &packet).await?;
    let sent = packet.get(4..20).context("no authenticator")?.try_into()?;
    let response = Response::verify(&reply, &question(&secret, &sent))?;
    assert_eq!(response.code(), Code::AccountingResponse);
    assert_eq!(ask(&line, &packet).await?, reply, "the same packet again");
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

#[tokio::test]
async fn status_server_is_answered_on_both_ports_message_authenticator_first() -> anyhow::Result<()>
{
    let demo = Demo::start(1)?;
    let secret = demo.vpn()?.secret;
    let authenticator = SystemEntropy.array();
    let question = Question {
        identifier: 3,
        authenticator: &authenticator,
        secret: &secret,
    };
    let ports = [
        ("/nodes/0/radius", Code::AccessAccept),
        ("/nodes/0/accounting", Code::AccountingResponse),
    ];
    for (port, code) in ports {
        let line = socket(demo.told(port)).await?;
        let reply = ask(&line, &question.status_server(&[])?).await?;
        let response = Response::verify(&reply, &question)?;
        assert_eq!(response.code(), code, "{port}");
        let first = response.datagram().attributes().next();
        let first = first.map(|attribute| attribute.kind);
        assert_eq!(first, Some(kind::MESSAGE_AUTHENTICATOR), "{port}");
    }
    Ok(())
}

#[tokio::test]
async fn the_same_packet_again_gets_the_same_octets() -> anyhow::Result<()> {
    let demo = Demo::start(1)?;
    let alice = demo.alice()?;
    let secret = demo.vpn()?.secret;
    let code = alice.app.code(calm_step(10).await)?;
    let wrong = alice.app.wrong(1)?.concat();
    let line = socket(demo.told("/nodes/0/radius")).await?;
    for (identifier, code, verdict) in [
        (1, wrong, Code::AccessReject),
        (2, code, Code::AccessAccept),
    ] {
        let authenticator = SystemEntropy.array();
        let question = Question {
            identifier,
            authenticator: &authenticator,
            secret: &secret,
        };
        let typed = Secret::from(alice.password.clone() + &code);
        let state = Raw {
            kind: kind::PROXY_STATE,
            value: b"between",
        };
        let packet = question.access_request(ALICE.as_bytes(), &typed, &[state])?;
        let reply = ask(&line, &packet).await?;
        let response = Response::verify(&reply, &question)?;
        assert_eq!(response.code(), verdict);
        assert_eq!(
            response.datagram().first(kind::PROXY_STATE),
            Some(&b"between"[..])
        );
        for _ in 0..3 {
            assert_eq!(ask(&line, &packet).await?, reply);
        }
    }
    assert_eq!(
        demo.reasons(ALICE, 2).await?,
        ["CS-R301", "CS-R000"],
        "judged once each"
    );
    Ok(())
}
