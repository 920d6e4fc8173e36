//! Codes that come hashed, as devices send them that speak CHAP or MS-CHAPv2.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context;
use countersign_core::base::Secret;
use countersign_core::radius::{Code, MsChap2, Question, Response, kind};
use tokio::net::UdpSocket;
use tokio::time::timeout;

use super::codes::calm_step;
use super::radclient;
use super::world::Demo;

#[tokio::test]
async fn radclient_logs_in_with_chap_and_is_refused_with_ms_chap_of_old() -> anyhow::Result<()> {
    if !radclient::is_installed() {
        return Ok(());
    }
    let demo = Demo::start(2)?;
    let (person, other) = (demo.load(1)?, demo.load(2)?);
    let code = person.app.code(calm_step(20).await)?;
    let chap = |name: &str| radclient::hashed(&demo, name, "CHAP-Password", &code);
    for packet in ["the first", "another challenge"] {
        let said = chap(&person.name)?;
        assert!(
            said.out.contains("Received Access-Accept"),
            "{packet}: {said:?}"
        );
    }
    let old = radclient::hashed(&demo, &other.name, "MS-CHAP-Password", &code)?;
    assert!(old.out.contains("Received Access-Reject"), "{old:?}");
    let reasons = demo.reasons(&other.name, 1).await?;
    assert_eq!(reasons.first().map(String::as_str), Some("CS-R222"));
    let said = chap(&other.name)?;
    assert!(said.out.contains("Received Access-Accept"), "{said:?}");
    Ok(())
}

#[tokio::test]
async fn an_ms_chap_client_believes_the_server_and_shares_its_keys() -> anyhow::Result<()> {
    let demo = Demo::start(1)?;
    let person = demo.load(1)?;
    let device = demo.proxy()?;
    let code = Secret::from(person.app.code(calm_step(20).await)?);
    let name = person.name.as_bytes();
    let made = MsChap2::respond(7, &[9; 16], &[8; 16], name, &code)?;
    let question = Question {
        identifier: 7,
        authenticator: b"0123456789abcdef",
        secret: &device.secret,
    };
    let source = device.source.context("a device has an address")?;
    let socket = UdpSocket::bind(SocketAddr::new(source, 0)).await?;
    socket
        .connect(device.servers.first().context("no server")?)
        .await?;
    socket
        .send(&question.ms_chap2_request(name, &made, &[])?)
        .await?;
    let mut octets = [0; 4096];
    let length = timeout(Duration::from_secs(5), socket.recv(&mut octets)).await??;
    let reply = octets.get(..length).context("too long")?;
    let response = Response::verify(reply, &question)?;
    assert_eq!(response.code(), Code::AccessAccept);

    let microsoft = |vendor_kind: u8| {
        let head = [0, 0, 1, 0x37, vendor_kind];
        let mut values = response.datagram().all(kind::VENDOR_SPECIFIC);
        let value = values.find(|value| value.starts_with(&head));
        value
            .and_then(|value| value.get(6..))
            .context("an attribute is missing")
    };
    let expected = made.success(code.expose());
    assert_eq!(microsoft(26)?, expected.text);
    assert_eq!(question.unsalted(microsoft(16)?), Some(expected.send_key));
    assert_eq!(question.unsalted(microsoft(17)?), Some(expected.recv_key));
    Ok(())
}
