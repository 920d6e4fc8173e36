//! The way to a server, and to the next one.

use tokio::net::UdpSocket;

use super::*;

/// Nobody listens here.
const CLOSED: &str = "127.0.0.1:1";

#[tokio::test]
async fn the_same_packet_is_sent_again_until_it_is_answered() {
    let old = Old::new(|count, packet| {
        if count == 0 {
            Vec::new()
        } else {
            vec![accept(packet)]
        }
    })
    .await;
    assert_eq!(ask(&forward(&settings(&[&old.at()]))).await, right());
    let [first, second] = &old.heard()[..] else {
        panic!("two packets");
    };
    assert_eq!(first, second);
}

#[tokio::test]
async fn no_two_questions_are_the_same() {
    let old = Old::new(|_, packet| vec![accept(packet)]).await;
    let forward = forward(&settings(&[&old.at()]));
    assert_eq!(ask(&forward).await, right());
    assert_eq!(ask(&forward).await, right());
    let [first, second] = &old.heard()[..] else {
        panic!("two packets");
    };
    assert_ne!(first[4..20], second[4..20]);
    let state = |packet| old::read(packet).proxy_state;
    assert_ne!(state(first), state(second));
}

#[tokio::test]
async fn the_next_server_is_asked_where_nobody_listens_at_the_first() {
    let old = Old::new(|_, packet| vec![accept(packet)]).await;
    let forward = forward(&settings(&[CLOSED, &old.at()]));
    assert_eq!(ask(&forward).await, right());
    assert_eq!(old.heard().len(), 1);
}

#[tokio::test]
async fn where_nobody_listens_at_all_nobody_was_asked() {
    let forward = forward(&settings(&[CLOSED, "127.0.0.1:2"]));
    assert_eq!(ask(&forward).await, UNREACHABLE);
}

#[tokio::test]
async fn a_name_that_leads_nowhere_is_as_a_closed_port() {
    let old = Old::new(|_, packet| vec![accept(packet)]).await;
    let forward = forward(&settings(&["nowhere.invalid:1812", &old.at()]));
    assert_eq!(ask(&forward).await, right());
}

#[tokio::test]
async fn a_silent_server_may_have_read_and_no_other_is_asked_but_by_the_next_login() {
    let silent = Old::new(|_, _| Vec::new()).await;
    let old = Old::new(|_, packet| vec![accept(packet)]).await;
    let forward = forward(&settings(&[&silent.at(), &old.at()]));
    assert_eq!(ask(&forward).await, SILENT);
    assert_eq!((silent.heard().len(), old.heard().len()), (2, 0));
    assert_eq!(ask(&forward).await, right());
    assert_eq!((silent.heard().len(), old.heard().len()), (2, 1));
}

#[tokio::test]
async fn a_server_that_ends_after_the_first_packet_may_have_read_it() {
    let ending = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let at = ending.local_addr().unwrap().to_string();
    let ended = tokio::spawn(async move {
        let mut octets = [0; 4096];
        ending.recv_from(&mut octets).await.unwrap();
    });
    let old = Old::new(|_, packet| vec![accept(packet)]).await;
    let forward = forward(&settings(&[&at, &old.at()]));
    assert_eq!(ask(&forward).await, SILENT);
    ended.await.unwrap();
    assert_eq!(old.heard().len(), 0);
}
