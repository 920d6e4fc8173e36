//! What a device sends to several servers, seen from them.

use std::collections::HashSet;

use countersign_core::base::SeededEntropy;
use countersign_core::radius::{Datagram, kind};
use tokio::net::UdpSocket;
use tokio::time::timeout;

use super::*;

/// Servers that hear and say nothing.
async fn silent(count: usize) -> Vec<UdpSocket> {
    let mut sockets = Vec::new();
    for _ in 0..count {
        sockets.push(UdpSocket::bind("127.0.0.1:0").await.unwrap());
    }
    sockets
}

fn device(servers: &[UdpSocket]) -> Device {
    Device {
        servers: servers.iter().map(|it| it.local_addr().unwrap()).collect(),
        secret: Secret::from(&b"a secret of some length"[..]),
        timeout: Duration::from_millis(20),
        tries: 2,
        source: None,
        identifier: "vpn.contoso.example".to_owned(),
        dangerous_unprotected_replies: false,
    }
}

async fn login(device: &Device, lines: &mut Lines) -> Report {
    let credentials = Credentials {
        state: None,
        name: "alice@contoso.example",
        password: &Secret::from(&b"secret123456"[..]),
        caller: "198.51.100.7",
    };
    let entropy = &mut SeededEntropy::new(1);
    device.login(&credentials, lines, entropy).await.unwrap()
}

/// All that has come to a server so far, with where from.
async fn heard(server: &UdpSocket) -> Vec<(Vec<u8>, SocketAddr)> {
    let mut packets = Vec::new();
    let mut octets = [0; 4096];
    while let Ok(Ok((length, from))) =
        timeout(Duration::from_millis(20), server.recv_from(&mut octets)).await
    {
        packets.push((octets[..length].to_vec(), from));
    }
    packets
}

#[tokio::test]
async fn a_server_gets_the_same_packet_again_and_the_next_one_a_new_packet() {
    let servers = silent(2).await;
    let report = login(&device(&servers), &mut Lines::default()).await;
    assert_eq!((report.answer, report.sent), (None, 4));
    let [first, second] = [heard(&servers[0]).await, heard(&servers[1]).await];
    for packets in [&first, &second] {
        assert_eq!(packets.len(), 2);
        assert_eq!(packets[0], packets[1]);
    }
    let ((one, from), (two, from_two)) = (&first[0], &second[0]);
    assert_ne!(from.port(), from_two.port());
    let [one, two] = [one, two].map(|octets| Datagram::parse(octets).unwrap());
    assert_ne!(one.authenticator(), two.authenticator());
    for same in [
        kind::USER_NAME,
        kind::CALLING_STATION_ID,
        kind::NAS_IDENTIFIER,
    ] {
        let [one, two] = [&one, &two].map(|it| it.all(same).collect::<Vec<_>>());
        assert_eq!(one.len(), 1);
        assert_eq!(one, two);
    }
}

#[tokio::test]
async fn the_next_login_has_another_identifier() {
    let servers = silent(1).await;
    let (device, mut lines) = (device(&servers), Lines::default());
    login(&device, &mut lines).await;
    login(&device, &mut lines).await;
    let packets = heard(&servers[0]).await;
    let identifiers: HashSet<_> = packets.iter().map(|(octets, _)| octets[1]).collect();
    assert_eq!((packets.len(), identifiers.len()), (4, 2));
}

#[test]
fn a_silent_server_is_left_out_for_a_while() {
    let memory = Memory::new(Duration::from_secs(30));
    let begun = Instant::now();
    let after = |seconds| begun + Duration::from_secs(seconds);
    assert_eq!(memory.order(3, begun), [0, 1, 2]);
    memory.silent(0, begun);
    assert_eq!(memory.order(3, after(29)), [1, 2]);
    assert_eq!(memory.order(3, after(30)), [0, 1, 2]);
}

#[test]
fn where_all_are_silent_all_are_asked() {
    let memory = Memory::new(Duration::from_secs(30));
    let now = Instant::now();
    memory.silent(0, now);
    memory.silent(1, now);
    assert_eq!(memory.order(2, now), [0, 1]);
    memory.heard(1);
    assert_eq!(memory.order(2, now), [1]);
}

#[test]
fn a_device_without_memory_begins_at_the_first_server() {
    let memory = Memory::default();
    let now = Instant::now();
    memory.silent(0, now);
    assert_eq!(memory.order(2, now), [0, 1]);
}
