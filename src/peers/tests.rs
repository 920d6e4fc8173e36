//! Who is let in over real connections, and who is not: while strangers are turned away, a
//! good peer goes on.

mod world;

use std::time::Duration;

use countersign_core::base::limits::SHOWN_CHARS_MAX;
use countersign_core::base::{ClusterId, NodeId, Timestamp};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tonic::Code;

use super::Refused;
use super::wire::StatusRequest;
use super::wire::standing_client::StandingClient;
use crate::tls::Bounds;
use world::{Authority, CLUSTER, House, Shown, peer, uri};

#[tokio::test]
async fn a_peer_of_the_own_authority_is_served_under_its_own_name() {
    let house = House::open().await;
    for node in [2, 3] {
        assert_eq!(house.call(node).await.unwrap(), u32::from(node));
    }
}

#[tokio::test]
async fn a_peer_is_dialled_by_its_name() {
    let house = House::open().await;
    let port = house.address.port();
    let named = house.call_at(2, &format!("localhost:{port}")).await;
    assert_eq!(named.unwrap(), 2);
    assert!(house.links(2).standing(NodeId(1)).unwrap().connected);
    // No label of a name is longer than 63 octets (RFC 1035 §2.3.4).
    let nobody = format!("{}:{port}", "x".repeat(64));
    let link = house.links(3).to(NodeId(1), &nobody);
    let status = StandingClient::new(link).get_status(StatusRequest {}).await;
    assert_eq!(status.unwrap_err().code(), Code::Unavailable);
}

/// Each is refused for its own reason, and a good peer is served before and after.
#[tokio::test]
async fn a_certificate_that_is_no_peers_is_refused() {
    let house = House::open().await;
    let foreign = ClusterId([9; 16]);
    let strangers = Authority::new("strangers");
    let ours = &house.authority;
    let cases = [
        ("certificate", strangers.issue(&peer(uri(CLUSTER, 2)))),
        ("cluster", ours.issue(&peer(uri(foreign, 2)))),
        ("name", ours.issue(&Shown::default())),
        (
            "name",
            ours.issue(&peer("https://contoso.example/node/2".into())),
        ),
        ("name", ours.issue(&peer(format!("{}0", uri(CLUSTER, 0))))),
        (
            "name",
            ours.issue(&Shown {
                uris: vec![uri(CLUSTER, 2), uri(CLUSTER, 3)],
                ..Shown::default()
            }),
        ),
        (
            "certificate",
            ours.issue(&Shown {
                expired: true,
                ..peer(uri(CLUSTER, 2))
            }),
        ),
        (
            "certificate",
            ours.issue(&Shown {
                server_only: true,
                ..peer(uri(CLUSTER, 2))
            }),
        ),
    ];
    for (number, (label, identity)) in (1..).zip(cases) {
        house.call(2).await.unwrap();
        let before = house.counts.of(label);
        let config = house.dialling(Some(identity), &rustls::version::TLS13);
        house.dial_to_the_end(config).await;
        house.counts.reach(label, before + 1).await;
        let refused = house.refusals.of_strangers();
        assert_eq!(refused.count, number, "{refused:?}");
        assert!(refused.last.contains("127.0.0.1: "), "{refused:?}");
    }
    house.call(2).await.unwrap();
    assert_eq!(house.refusals.of(NodeId(2)), Refused::default());
}

#[tokio::test]
async fn a_caller_without_a_certificate_is_refused() {
    let house = House::open().await;
    let config = house.dialling(None, &rustls::version::TLS13);
    house.dial_to_the_end(config).await;
    house.counts.reach("certificate", 1).await;
    house.call(2).await.unwrap();
}

#[tokio::test]
async fn an_older_tls_is_refused() {
    let house = House::open().await;
    let good = house.authority.issue(&peer(uri(CLUSTER, 2)));
    let config = house.dialling(Some(good), &rustls::version::TLS12);
    house.dial_to_the_end(config).await;
    house.counts.reach("handshake", 1).await;
    house.call(2).await.unwrap();
}

#[tokio::test]
async fn garbage_is_refused() {
    let house = House::open().await;
    for garbage in [
        &b"GET / HTTP/1.1\r\n\r\n"[..],
        &[0; 4096],
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        &[0x16, 3, 1, 0xff, 0xff, 1],
    ] {
        let before = house.counts.of("handshake");
        let mut stream = TcpStream::connect(house.address).await.unwrap();
        // The other end may have closed already.
        drop(stream.write_all(garbage).await);
        drop(stream.shutdown().await);
        house.counts.reach("handshake", before + 1).await;
    }
    house.call(2).await.unwrap();
}

#[tokio::test]
async fn whoever_says_nothing_is_sent_away_in_time() {
    let house = House::open_with(Bounds {
        handshake_time: Duration::from_millis(50),
        ..Bounds::default()
    })
    .await;
    let silent = TcpStream::connect(house.address).await.unwrap();
    house.counts.reach("slow_handshake", 1).await;
    assert_eq!(house.refusals.of_strangers().count, 1);
    drop(silent);
    house.call(2).await.unwrap();
}

/// With more silent strangers than there is room for, and a bound on handshakes that
/// nobody lives to see.
#[tokio::test]
async fn silent_strangers_keep_no_peer_out() {
    let house = House::open_with(Bounds {
        handshake_time: Duration::from_secs(3600),
        ..Bounds::default()
    })
    .await;
    let mut silent = Vec::new();
    for _ in 0..200 {
        silent.push(TcpStream::connect(house.address).await.unwrap());
    }
    house.call(2).await.unwrap();
    house.counts.reach("crowd", 200 + 1 - 64).await;
    house.call(3).await.unwrap();
}

/// Heartbeats run where peers are served.
#[tokio::test]
async fn strangers_are_met_elsewhere_than_where_peers_are_served() {
    let (house, serve) = House::unserved(Bounds::default()).await;
    let mut stream = TcpStream::connect(house.address).await.unwrap();
    stream.write_all(&[0; 4096]).await.unwrap();
    house.counts.reach("handshake", 1).await;
    let threads = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    threads.spawn(serve);
    house.call(2).await.unwrap();
    // The sockets of those that are served go with the threads that serve them.
    threads.shutdown_background();
    assert!(house.call(2).await.is_err());
}

#[tokio::test]
async fn a_dialler_takes_nobody_but_the_node_that_it_dialled() {
    let house = House::open().await;
    let error = house.call_as(2, NodeId(3)).await.unwrap_err();
    assert_eq!(error.code(), Code::Unavailable, "{error}");
    let fault = house.links(2).standing(NodeId(3)).unwrap().fault;
    let expected = format!(
        "the certificate is of {}, not of {}",
        uri(CLUSTER, 1),
        uri(CLUSTER, 3)
    );
    assert!(fault.contains(&expected), "{fault}");
    house.counts.reach("handshake", 1).await;
    house.call(2).await.unwrap();
}

#[tokio::test]
async fn another_protocol_is_refused() {
    let house = House::open().await;
    for number in [None, Some("2"), Some("0"), Some("x"), Some("01x")] {
        let before = house.counts.of("protocol");
        let error = house.call_speaking(number).await.unwrap_err();
        assert_eq!(error.code(), Code::FailedPrecondition, "{number:?}");
        assert_eq!(house.counts.of("protocol"), before + 1);
    }
    let refused = house.refusals.of(NodeId(2));
    assert_eq!(
        (refused.count, &*refused.last),
        (5, "another protocol: upgrade")
    );
    assert_eq!(house.refusals.of_strangers(), Refused::default());
    assert!(house.call_speaking(Some("1")).await.is_ok());
}

#[tokio::test]
async fn membership_is_asked_at_each_call_of_a_link() {
    let house = House::open().await;
    house.call(2).await.unwrap();
    house.remove(2);
    let error = house.call(2).await.unwrap_err();
    assert_eq!(error.code(), Code::PermissionDenied);
    assert_eq!(house.counts.of("not_a_member"), 1);
    let refused = house.refusals.of_strangers();
    assert_eq!((refused.count, &*refused.last), (1, "node 2: not a member"));
    assert_eq!(house.refusals.of(NodeId(2)), Refused::default());
    house.call(3).await.unwrap();
}

/// What a member sends is read by the library, which refuses what it cannot read before any
/// service of ours sees it.
#[tokio::test]
async fn messages_that_cannot_be_read_are_refused_and_counted_for_their_sender() {
    let house = House::open().await;
    let cases = [
        ("garbage", "\0\0\0\0\x02\0\0", Code::Internal),
        ("cut off", "\0\0\0\0\x64abc", Code::Internal),
        ("too large", "\0\x7f\0\0\0abc", Code::OutOfRange),
        ("compressed", "\x01\0\0\0\x02\0\0", Code::Internal),
    ];
    for (number, (what, message, code)) in (1..).zip(cases) {
        house.call(3).await.unwrap();
        assert_eq!(house.send(3, message).await, code, "{what}");
        let refused = house.refusals.of(NodeId(3));
        assert_eq!(refused.count, number, "{what}: {refused:?}");
        assert!(!refused.last.is_empty(), "{what}");
    }
    house.call(3).await.unwrap();
    assert_eq!(house.refusals.of(NodeId(2)), Refused::default());
    assert_eq!(house.refusals.of_strangers(), Refused::default());
}

#[tokio::test]
async fn what_a_stranger_says_of_itself_is_cut_short() {
    let house = House::open().await;
    let name = peer(format!("countersign://{}", "x".repeat(4000)));
    let identity = house.authority.issue(&name);
    let config = house.dialling(Some(identity), &rustls::version::TLS13);
    house.dial_to_the_end(config).await;
    house.counts.reach("name", 1).await;
    let refused = house.refusals.of_strangers();
    assert!(refused.last.chars().count() <= SHOWN_CHARS_MAX + 1);
}

#[tokio::test]
async fn who_is_no_member_is_sent_away_with_the_handshake() {
    let house = House::open().await;
    let outsider = house.authority.issue(&peer(uri(CLUSTER, 9)));
    let config = house.dialling(Some(outsider), &rustls::version::TLS13);
    house.dial_to_the_end(config).await;
    house.counts.reach("not_a_member", 1).await;
    house.call(2).await.unwrap();
}

#[tokio::test]
async fn a_node_has_so_many_connections_and_no_more() {
    let house = House::open().await;
    let mut open = Vec::new();
    for _ in 0..8 {
        open.push(house.dial(2).await);
    }
    let more = house.authority.issue(&peer(uri(CLUSTER, 2)));
    let config = house.dialling(Some(more), &rustls::version::TLS13);
    house.dial_to_the_end(config).await;
    house.counts.reach("connections", 1).await;
    house.call(3).await.unwrap();
    // Each that ends makes room.
    drop(open);
    while house.call(2).await.is_err() {}
}

#[tokio::test]
async fn who_was_let_in_by_an_older_authority_is_sent_away() {
    let house = House::open().await;
    house.call(2).await.unwrap();
    house.trust(&Authority::new("another"));
    assert!(house.call(2).await.is_err(), "over the connection it has");
    house.trust(&house.authority);
    house.call(3).await.unwrap();
}

#[tokio::test]
async fn a_certificate_that_is_renewed_cuts_nobody_off() {
    let house = House::open().await;
    house.call(2).await.unwrap();
    let (_, before) = house.credentials.server();
    house.trust(&house.authority);
    assert_eq!(house.credentials.server().1, before);
    house.trust(&Authority::new("another"));
    assert_ne!(house.credentials.server().1, before);
}

#[tokio::test]
async fn a_connection_ends_with_the_certificate_that_it_was_opened_by() {
    let house = House::open().await;
    house.call(2).await.unwrap();
    house.credentials.pass(Timestamp::from_millis(u64::MAX));
    assert!(house.call(2).await.is_err());
    house.credentials.pass(Timestamp::default());
    house.call(2).await.unwrap();
}
