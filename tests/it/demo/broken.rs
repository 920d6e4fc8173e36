//! Packets that no device sends.

use std::net::Ipv4Addr;

use countersign::node::SystemEntropy;
use countersign_core::base::{Entropy, Secret};
use countersign_core::radius::{Question, Raw, Response, kind};
use tokio::net::UdpSocket;

use super::process::until;
use super::world::{ALICE, Demo};

/// A right Access-Request to be broken.
fn right(question: &Question<'_>, attributes: &[Raw<'_>]) -> anyhow::Result<Vec<u8>> {
    let typed = Secret::from("password000000".to_owned());
    Ok(question.access_request(ALICE.as_bytes(), &typed, attributes)?)
}

/// A packet whose length field says what it has.
fn with_attributes(packet: &[u8], attributes: &[u8]) -> anyhow::Result<Vec<u8>> {
    let mut packet = [packet, attributes].concat();
    let length = u16::try_from(packet.len())?.to_be_bytes();
    packet.splice(2..4, length);
    Ok(packet)
}

fn changed(packet: &[u8], at: usize, octet: u8) -> Vec<u8> {
    let mut packet = packet.to_vec();
    packet.splice(at..=at, [octet]);
    packet
}

/// What it is, the reason under which it is counted, its octets.
type Broken = (&'static str, &'static str, Vec<u8>);

fn kinds(question: &Question<'_>) -> anyhow::Result<Vec<Broken>> {
    let right = right(question, &[])?;
    let mut kinds = misshapen(&right)?;
    kinds.extend([
        ("no code", "CS-R102", changed(&right, 0, 0)),
        ("a reply", "CS-R102", changed(&right, 0, 2)),
        ("a code of another port", "CS-R102", changed(&right, 0, 4)),
        ("an unknown code", "CS-R102", changed(&right, 0, 250)),
    ]);
    kinds.extend(unproven(question, &right)?);
    Ok(kinds)
}

/// No RADIUS packets (RFC 2865 §3, §5).
fn misshapen(right: &[u8]) -> anyhow::Result<Vec<Broken>> {
    let first = |octets| right.iter().copied().take(octets).collect();
    let with = |attributes: &[u8]| with_attributes(right, attributes);
    let crowd = [kind::PROXY_STATE, 3, 7].repeat(201);
    let long = [&[kind::PROXY_STATE, 255][..], &[7; 253]]
        .concat()
        .repeat(16);
    let below = changed(&changed(right, 2, 0), 3, 19);
    let kinds = [
        ("an empty datagram", Vec::new()),
        ("half a header", first(10)),
        ("cut off", first(40)),
        ("a length below the header's", below),
        ("a length above the longest", with(&long)?),
        ("an attribute without length", with(&[33, 0])?),
        ("an attribute of length 1", with(&[33, 1])?),
        ("an attribute over the end", with(&[33, 9, 1])?),
        ("half an attribute", with(&[33])?),
        ("too many attributes", with(&crowd)?),
    ];
    Ok(kinds.map(|(what, packet)| (what, "CS-R101", packet)).into())
}

/// Packets that nobody who has the secret sent, or that do not show it.
fn unproven(question: &Question<'_>, right: &[u8]) -> anyhow::Result<[Broken; 4]> {
    let typed = Secret::from("password000000".to_owned());
    let proxy_state = Raw {
        kind: kind::PROXY_STATE,
        value: &[7; 16],
    };
    let bare =
        question.dangerous_unprotected_access_request(ALICE.as_bytes(), &typed, &[proxy_state])?;
    let another = [&[kind::MESSAGE_AUTHENTICATOR, 18][..], &[0; 16]].concat();
    let twice = with_attributes(right, &another)?;
    let short = with_attributes(&bare, &[80, 3, 1])?;
    Ok([
        ("a changed octet", "CS-R104", changed(right, 5, 1)),
        ("a second Message-Authenticator", "CS-R104", twice),
        ("a Message-Authenticator too short", "CS-R104", short),
        ("a Proxy-State unprotected", "CS-R105", bare),
    ])
}

#[tokio::test]
async fn broken_packets_of_each_kind_meet_silence_and_are_counted() -> anyhow::Result<()> {
    let demo = Demo::start(1)?;
    let authenticator = SystemEntropy.array();
    let secret = demo.vpn()?.secret;
    let question = Question {
        identifier: 1,
        authenticator: &authenticator,
        secret: &secret,
    };
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    socket.connect(demo.radius()?).await?;
    for (what, reason, packet) in kinds(&question)? {
        let before = demo.count("datagrams", reason).await;
        socket.send(&packet).await?;
        until(what, async || {
            demo.count("datagrams", reason).await == before + 1
        })
        .await?;
    }
    // A stranger's packet, however right.
    let stranger = UdpSocket::bind((Ipv4Addr::new(127, 0, 0, 3), 0)).await?;
    stranger.connect(demo.radius()?).await?;
    stranger.send(&right(&question, &[])?).await?;
    until("a stranger", async || {
        demo.count("datagrams", "CS-R103").await == 1
    })
    .await?;
    assert!(stranger.try_recv(&mut [0; 4096]).is_err());
    // The first answer that this socket ever gets is the one to the first right packet.
    let alive = Question {
        identifier: 200,
        ..question
    };
    socket.send(&alive.status_server(&[])?).await?;
    let mut octets = [0; 4096];
    let patience = std::time::Duration::from_secs(60);
    let length = tokio::time::timeout(patience, socket.recv(&mut octets)).await??;
    Response::verify(octets.get(..length).unwrap_or_default(), &alive)?;
    Ok(())
}
