//! Rows P1–P8: packets that no device sends, also those that rows M1–M7, S1 and S9 have
//! dropped.

use std::net::{Ipv4Addr, SocketAddr};

use countersign_core::base::Secret;
use countersign_core::radius::{Response, kind};
use tokio::net::UdpSocket;

use super::super::process::until;
use super::super::world::{ALICE, Demo};
use super::{Line, raw};

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

fn kinds(line: &Line) -> anyhow::Result<Vec<Broken>> {
    let right = line.login(1, ALICE, TYPED)?;
    let mut kinds = misshapen(&right)?;
    let name = [raw(kind::USER_NAME, ALICE.as_bytes())];
    kinds.extend([
        ("P2 no code", "CS-R102", changed(&right, 0, 0)),
        ("P2 a reply", "CS-R102", changed(&right, 0, 2)),
        (
            "P2 a code of another port",
            "CS-R102",
            changed(&right, 0, 4),
        ),
        ("P2 an unknown code", "CS-R102", changed(&right, 0, 250)),
        (
            "S9 a Disconnect-Request",
            "CS-R102",
            line.request(1, 40, &name)?,
        ),
        ("S9 a CoA-Request", "CS-R102", line.request(1, 43, &name)?),
    ]);
    kinds.extend(unproven(line, &right)?);
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
        ("P1 an empty datagram", Vec::new()),
        ("P1 half a header", first(10)),
        ("P1 cut off", first(40)),
        ("P1 a length below the header's", below),
        ("P1 a length above the longest", with(&long)?),
        ("P4 an attribute without length", with(&[33, 0])?),
        ("P4 an attribute of length 1", with(&[33, 1])?),
        ("P4 an attribute over the end", with(&[33, 9, 1])?),
        ("P4 half an attribute", with(&[33])?),
        ("P4 an attribute of type 0", with(&[0, 3, 1])?),
        ("P8 too many attributes", with(&crowd)?),
    ];
    Ok(kinds.map(|(what, packet)| (what, "CS-R101", packet)).into())
}

/// Packets that nobody who has the secret sent, or that do not show it.
fn unproven(line: &Line, right: &[u8]) -> anyhow::Result<Vec<Broken>> {
    let (question, name) = (line.question(1), ALICE.as_bytes());
    let typed = Secret::from(TYPED);
    let bare = |attributes| question.dangerous_unprotected_access_request(name, &typed, attributes);
    let proxy_state = [raw(kind::PROXY_STATE, &[7; 16])];
    let another = [&[kind::MESSAGE_AUTHENTICATOR, 18][..], &[0; 16]].concat();
    let twice = with_attributes(right, &another)?;
    let short = with_attributes(&bare(&[])?, &[80, 3, 1])?;
    let status = [&[12, 1, 0, 20][..], &[7; 16]].concat();
    Ok(vec![
        ("M1 a changed octet", "CS-R104", changed(right, 5, 1)),
        ("M1 a second Message-Authenticator", "CS-R104", twice),
        ("M1 a Message-Authenticator too short", "CS-R104", short),
        (
            "M3 a Proxy-State unprotected",
            "CS-R105",
            bare(&proxy_state)?,
        ),
        (
            "M7 an EAP-Message unprotected",
            "CS-R105",
            bare(&[raw(79, b"e")])?,
        ),
        ("S1 an unsigned Status-Server", "CS-R105", status),
    ])
}

/// A node tells nobody why a packet was dropped: row M6 is off.
#[tokio::test]
async fn m6_whatever_is_dropped_meets_silence_and_is_counted() -> anyhow::Result<()> {
    let demo = Demo::start(1)?;
    let line = Line::vpn(&demo).await?;
    for (what, reason, packet) in kinds(&line)? {
        let before = demo.count("datagrams", reason).await;
        line.socket.send(&packet).await?;
        until(what, async || {
            demo.count("datagrams", reason).await == before + 1
        })
        .await?;
    }
    // The first answer that this socket ever gets is the one to the first right packet.
    line.is_silent(200).await
}

#[tokio::test]
async fn p3_the_secret_is_that_of_the_source_address_alone() -> anyhow::Result<()> {
    let demo = Demo::start(1)?;
    let mut line = Line::vpn(&demo).await?;
    let vpn = raw(kind::NAS_IP_ADDRESS, &[127, 0, 0, 1]);
    let packet = line.request(1, 1, &[raw(2, &[7; 16]), vpn])?;
    let server: SocketAddr = demo.told("/nodes/0/radius").parse()?;
    // Another client, and a stranger, each with the secret of the client that they name.
    for (source, reason) in [([127, 0, 0, 2], "CS-R104"), ([127, 0, 0, 3], "CS-R103")] {
        line.socket = UdpSocket::bind((Ipv4Addr::from(source), 0)).await?;
        line.socket.connect(server).await?;
        line.socket.send(&packet).await?;
        until("it is counted", async || {
            demo.count("datagrams", reason).await == 1
        })
        .await?;
        assert!(line.socket.try_recv(&mut [0; 4096]).is_err());
    }
    Ok(())
}

#[tokio::test]
async fn p7_a_reply_comes_from_the_port_that_was_asked_under_its_number() -> anyhow::Result<()> {
    let demo = Demo::start(1)?;
    for port in ["radius", "accounting"] {
        let mut line = Line::open(&demo, port).await?;
        let server = line.socket.peer_addr()?;
        line.socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        for number in [0, 255] {
            let asked = line.question(number).status_server(&[])?;
            line.socket.send_to(&asked, server).await?;
            let mut octets = [0; 4096];
            let (length, from) = line.socket.recv_from(&mut octets).await?;
            assert_eq!(from, server);
            let reply = octets.get(..length).unwrap_or_default();
            Response::verify(reply, &line.question(number))?;
        }
    }
    Ok(())
}

const TYPED: &[u8] = b"password000000";
