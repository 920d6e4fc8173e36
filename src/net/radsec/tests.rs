//! A listener, and whom it lets in, for how long, and what it answers.

use std::time::Duration;

use countersign_core::ledger::storage;
use countersign_core::login::Reason;
use rustls::version::{TLS12, TLS13};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::Limits;
use crate::net::clients::{Client, Clients};
use crate::net::witness::Evidence;
use crate::tls::Bounds;
use world::*;

mod world;

const OLD: &[u8] = b"radius/1.0";
const NEW: &[u8] = b"radius/1.1";

#[tokio::test]
async fn both_versions_of_tls_and_of_radius_are_served() {
    let world = World::open().await;
    for (versions, alpn, agreed) in [
        (&TLS12, vec![], None),
        (&TLS13, vec![], None),
        (&TLS13, vec![OLD], Some(OLD)),
        (&TLS12, vec![NEW, OLD], Some(OLD)),
        (&TLS13, vec![OLD, NEW], Some(NEW)),
    ] {
        let device = Device {
            versions: vec![versions],
            alpn,
            ..world.device()
        };
        let mut stream = world.dial(&device).await.unwrap();
        assert_eq!(stream.0.get_ref().1.alpn_protocol(), agreed);
        if agreed == Some(NEW) {
            let request = tokened(1, 0x0102_0304, b"\x01\x07alice\x02\x06open");
            stream.write_all(&request).await.unwrap();
            assert_eq!(stream.reply().await, tokened(2, 0x0102_0304, b""));
        } else {
            stream.write_all(&access(9, b"open")).await.unwrap();
            assert_eq!(stream.reply().await[..2], [2, 9]);
        }
    }
}

#[tokio::test]
async fn radius_1_1_alone_is_not_spoken_under_tls_1_2() {
    let world = World::open().await;
    let device = Device {
        versions: vec![&TLS12],
        alpn: vec![NEW],
        ..world.device()
    };
    assert!(world.dial(&device).await.is_err());
    assert_eq!(world.noted(Reason::NoSession).await, None);
    let world = World::open().await;
    let boastful = Device {
        identity: world.device().identity,
        is_boastful: true,
        ..device
    };
    world.is_refused(&boastful).await;
    assert_eq!(world.noted(Reason::NoSession).await, None);
}

#[tokio::test]
async fn a_uri_in_the_certificate_is_a_name_as_well() {
    let world = World::open().await;
    let shown = Shown {
        uris: vec!["urn:device:fw1".to_owned()],
        ..Shown::default()
    };
    let device = Device::of(&world.authority, &shown);
    let mut stream = world.dial(&device).await.unwrap();
    stream.write_all(&access(1, b"x")).await.unwrap();
    assert_eq!(stream.reply().await[0], 2);
}

#[tokio::test]
async fn whoever_shows_no_certificate_or_a_bad_one_gets_no_session() {
    for which in ["none", "foreign", "expired", "server"] {
        let world = World::open().await;
        let foreign = Authority::new("clients");
        let authority = if which == "foreign" {
            &foreign
        } else {
            &world.authority
        };
        let shown = Shown {
            expired: which == "expired",
            server_only: which == "server",
            ..named("fw1.contoso.example")
        };
        let mut device = Device::of(authority, &shown);
        if which == "none" {
            device.identity = None;
        }
        world.is_refused(&device).await;
        assert_eq!(world.noted(Reason::NoSession).await, None, "{which}");
    }
}

#[tokio::test]
async fn a_name_that_no_client_has_is_refused_and_so_is_one_in_the_cn() {
    for shown in [
        named("fw2.contoso.example"),
        named("*.contoso.example"),
        Shown {
            common_name: "fw1.contoso.example".to_owned(),
            ..named("fw2.contoso.example")
        },
    ] {
        let world = World::open().await;
        let device = Device::of(&world.authority, &shown);
        world.is_refused(&device).await;
        let certificate = world.noted(Reason::UnknownCertificate).await;
        assert_eq!(certificate, shown.dns.first().cloned());
    }
}

#[tokio::test]
async fn a_client_from_outside_its_ranges_is_refused() {
    let world = World::open().await;
    world.clients.store(entries("127.0.0.2/32").into());
    world.is_refused(&world.device()).await;
    world.noted(Reason::CertificateElsewhere).await;
    let inside = Device {
        source: "127.0.0.2:0",
        ..world.device()
    };
    let mut stream = world.dial(&inside).await.unwrap();
    stream.write_all(&access(1, b"x")).await.unwrap();
    assert_eq!(stream.reply().await[0], 2);
}

#[tokio::test]
async fn a_client_that_is_changed_loses_its_open_connection() {
    let world = World::open().await;
    let mut stream = world.dial(&world.device()).await.unwrap();
    stream.write_all(&access(1, b"x")).await.unwrap();
    stream.reply().await;
    world.clients.store(entries("127.0.0.2/32").into());
    stream.write_all(&access(2, b"x")).await.unwrap();
    stream.end().await;
    world.noted(Reason::CertificateElsewhere).await;
}

#[tokio::test]
async fn many_requests_are_in_flight_on_one_connection() {
    let world = World::open().await;
    world.gate.send_replace(false);
    let mut stream = world.dial(&world.device()).await.unwrap();
    let requests: Vec<_> = (0..=255).map(|it| access(it, b"x")).collect();
    stream.write_all(&requests.concat()).await.unwrap();
    world.reach(256, 0).await;
    world.gate.send_replace(true);
    let mut answered = std::collections::BTreeSet::new();
    for _ in 0..256 {
        answered.insert(stream.reply().await[1]);
    }
    assert_eq!(answered.len(), 256);
}

#[tokio::test]
async fn what_is_over_the_bound_waits_for_the_rest() {
    let world = World::open().await;
    world.gate.send_replace(false);
    let mut device = world.device();
    device.alpn = vec![NEW];
    let mut stream = world.dial(&device).await.unwrap();
    let requests: Vec<_> = (0..300).map(|it| tokened(12, it, b"")).collect();
    stream.write_all(&requests.concat()).await.unwrap();
    world.reach(256, 0).await;
    world.gate.send_replace(true);
    for _ in 0..300 {
        assert_eq!(stream.reply().await[0], 2);
    }
    world.reach(300, 0).await;
}

#[tokio::test]
async fn a_packet_shows_the_certificate_of_its_connection_and_no_secret() {
    let world = World::open().await;
    let mut stream = world.dial(&world.device()).await.unwrap();
    stream.write_all(&access(1, b"x")).await.unwrap();
    stream.reply().await;
    let heard = world.heard.lock().unwrap().clone();
    let name = Some("fw1.contoso.example".to_owned());
    assert_eq!(heard, [(Evidence::Session, name)]);
}

#[tokio::test]
async fn what_is_over_the_rate_of_a_client_is_dropped_on_all_its_connections() {
    let world = World::open().await;
    let slow = storage::Client {
        rate: 1,
        burst: 2,
        ..entry("127.0.0.0/8")
    };
    let clients = Clients::new([Client::new(slow, Vec::new())]);
    world.clients.store(clients.into());
    let mut first = world.dial(&world.device()).await.unwrap();
    let mut second = world.dial(&world.device()).await.unwrap();
    for (stream, identifier) in [(&mut first, 1), (&mut second, 2)] {
        stream.write_all(&access(identifier, b"x")).await.unwrap();
        assert_eq!(stream.reply().await[..2], [2, identifier]);
    }
    let over: Vec<_> = (3..=30).map(|it| access(it, b"x")).collect();
    first.write_all(&over.concat()).await.unwrap();
    let name = Some("fw1.contoso.example".to_owned());
    assert_eq!(world.noted(Reason::ClientRate).await, name);
    assert!(world.asked() < 10, "{} were let through", world.asked());
}

#[tokio::test]
async fn the_same_packet_again_is_the_same_request() {
    let world = World::open().await;
    let mut stream = world.dial(&world.device()).await.unwrap();
    stream.write_all(&access(1, b"x")).await.unwrap();
    let first = stream.reply().await;
    stream.write_all(&access(1, b"x")).await.unwrap();
    assert_eq!(stream.reply().await, first);
    stream.write_all(&access(2, b"x")).await.unwrap();
    stream.reply().await;
    assert_eq!(world.asked(), 2);
}

#[tokio::test]
async fn what_a_closed_connection_asked_for_stops_waiting() {
    let world = World::open().await;
    world.gate.send_replace(false);
    let mut stream = world.dial(&world.device()).await.unwrap();
    stream.write_all(&access(1, b"x")).await.unwrap();
    world.reach(1, 0).await;
    drop(stream);
    world.reach(1, 1).await;
}

#[tokio::test]
async fn s3_a_packet_without_tls_gets_no_answer() {
    let world = World::open().await;
    let mut bare = TcpStream::connect(world.address).await.unwrap();
    bare.write_all(&access(1, b"x")).await.unwrap();
    let mut heard = Vec::new();
    // Some stacks say in a TLS alert (RFC 8446 §6) that this was none; RADIUS is not spoken.
    let _ = bare.read_to_end(&mut heard).await;
    assert!(heard.is_empty() || heard[0] == 21, "{heard:?}");
    world.noted(Reason::NoSession).await;
}

#[tokio::test]
async fn a_length_that_no_packet_has_ends_the_connection() {
    for length in [19_u16, 4097, u16::MAX] {
        let world = World::open().await;
        let mut stream = world.dial(&world.device()).await.unwrap();
        let [high, low] = length.to_be_bytes();
        stream.write_all(&[1, 1, high, low]).await.unwrap();
        stream.end().await;
        let certificate = world.noted(Reason::BrokenPacket).await;
        assert_eq!(certificate.as_deref(), Some("fw1.contoso.example"));
    }
}

#[tokio::test]
async fn a_packet_with_a_wrong_proof_ends_the_connection() {
    let world = World::open().await;
    let mut stream = world.dial(&world.device()).await.unwrap();
    let mut packet = access(1, b"x");
    packet[30] ^= 1;
    stream.write_all(&packet).await.unwrap();
    stream.end().await;
    world.noted(Reason::Forged).await;
}

#[tokio::test]
async fn a_kind_that_is_not_served_is_told_so_and_a_reply_is_not_answered() {
    let world = World::open().await;
    let mut device = world.device();
    device.alpn = vec![NEW];
    let mut stream = world.dial(&device).await.unwrap();
    let requests = [tokened(2, 1, b""), tokened(99, 2, b""), tokened(40, 3, b"")];
    stream.write_all(&requests.concat()).await.unwrap();
    let told = tokened(52, 3, b"\x65\x06\0\0\x01\x96");
    assert_eq!(stream.reply().await, told);
    world.noted(Reason::UnservedCode).await;
}

#[tokio::test]
async fn whoever_connects_and_says_nothing_is_sent_away() {
    let world = World::open_with(Limits {
        strangers: Bounds {
            handshake_time: Duration::from_millis(100),
            ..Bounds::default()
        },
        ..Limits::default()
    })
    .await;
    let mut stranger = TcpStream::connect(world.address).await.unwrap();
    assert_eq!(stranger.read(&mut [0; 1]).await.unwrap(), 0);
    world.noted(Reason::NoSession).await;
}

#[tokio::test]
async fn connections_of_a_client_and_in_all_are_bounded() {
    for limits in [
        Limits {
            of_client: 1,
            ..Limits::default()
        },
        Limits {
            connections: 1,
            ..Limits::default()
        },
    ] {
        let world = World::open_with(limits).await;
        let mut first = world.dial(&world.device()).await.unwrap();
        first.write_all(&access(1, b"x")).await.unwrap();
        first.reply().await;
        world.is_refused(&world.device()).await;
        world.noted(Reason::Connections).await;
        first.write_all(&access(2, b"x")).await.unwrap();
        first.reply().await;
    }
}

#[tokio::test]
async fn a_connection_that_is_idle_or_stuck_in_a_packet_ends() {
    for begun in [&b""[..], &[1, 1]] {
        let world = World::open_with(Limits {
            idle: Duration::from_millis(100),
            packet: Duration::from_millis(100),
            ..Limits::default()
        })
        .await;
        let mut stream = world.dial(&world.device()).await.unwrap();
        stream.write_all(begun).await.unwrap();
        stream.end().await;
    }
}

#[tokio::test]
async fn another_authority_ends_the_connections_of_the_old_one() {
    let world = World::open().await;
    let mut stream = world.dial(&world.device()).await.unwrap();
    stream.write_all(&access(1, b"x")).await.unwrap();
    stream.reply().await;
    let next = Authority::new("the next clients");
    world.trust(&next);
    stream.end().await;
    let device = Device::of(&next, &named("fw1.contoso.example"));
    let mut stream = world.dial(&device).await.unwrap();
    stream.write_all(&access(1, b"x")).await.unwrap();
    assert_eq!(stream.reply().await[0], 2);
}

#[tokio::test]
async fn a_connection_ends_with_the_certificate_that_opened_it() {
    let world = World::open().await;
    let mut stream = world.dial(&world.device()).await.unwrap();
    stream.write_all(&access(1, b"x")).await.unwrap();
    stream.reply().await;
    world
        .credentials
        .pass(NOW.plus(Duration::from_secs(1 << 40)));
    stream.end().await;
}

#[tokio::test]
async fn nothing_listens_while_the_node_cannot_decide() {
    let world = World::open_with(Limits {
        silence: Duration::from_millis(50),
        ..Limits::default()
    })
    .await;
    world.gate.send_replace(false);
    let mut stream = world.dial(&world.device()).await.unwrap();
    stream.write_all(&access(1, b"x")).await.unwrap();
    world.reach(1, 0).await;
    world.alive.send_replace(false);
    stream.end().await;
    world.reach(1, 1).await;
    assert!(TcpStream::connect(world.address).await.is_err());
    world.gate.send_replace(true);
    world.alive.send_replace(true);
    let dialled = async {
        loop {
            if let Ok(stream) = world.dial(&world.device()).await {
                return stream;
            }
            tokio::task::yield_now().await;
        }
    };
    let mut stream = tokio::time::timeout(PATIENCE, dialled).await.unwrap();
    stream.write_all(&access(2, b"x")).await.unwrap();
    assert_eq!(stream.reply().await[..2], [2, 2]);
}

#[tokio::test]
async fn what_is_in_hand_is_answered_before_a_node_stops() {
    let world = World::open().await;
    world.gate.send_replace(false);
    let mut stream = world.dial(&world.device()).await.unwrap();
    stream.write_all(&access(1, b"x")).await.unwrap();
    world.reach(1, 0).await;
    world.begin_stop();
    // The listener goes first; then the connection knows.
    while TcpStream::connect(world.address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    world.gate.send_replace(true);
    assert_eq!(stream.reply().await[..2], [2, 1]);
    stream.end().await;
    world.stop().await;
}

#[tokio::test]
async fn files_that_do_not_fit_are_told_and_not_taken() {
    let world = World::open().await;
    assert_eq!(faults(&world, NOW), Vec::<String>::new());
    let late = NOW.plus(Duration::from_secs(1 << 40));
    assert!(faults(&world, late)[0].ends_with("has expired"));
    assert!(world.credentials.reload(late).is_err());
    let files = world.credentials.files();
    let (_, key) = world.authority.issue(&named("fw1.contoso.example"));
    std::fs::write(&files.key, key).unwrap();
    std::fs::write(&files.authority, "").unwrap();
    let told = faults(&world, NOW);
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(world.credentials.reload(NOW).is_err());
    let device = world.device();
    let mut stream = world.dial(&device).await.unwrap();
    stream.write_all(&access(1, b"x")).await.unwrap();
    assert_eq!(stream.reply().await[0], 2, "those of before are in force");
}
