//! What operators are told of an old server.

use super::old::{rewritten_under, unsigned};
use super::*;
use crate::sources::Light;

async fn examined(old: &Old) -> (Light, String) {
    let forward = forward(&settings(&[&old.at()]));
    let [found] = &forward.examine().await[..] else {
        panic!("one server");
    };
    assert!(found.found.contains(&old.at()), "{found:?}");
    assert_eq!(found.remedy.is_empty(), found.light == Light::Green);
    (found.light, found.found.clone())
}

fn alive(packet: &[u8]) -> Vec<u8> {
    reply(packet, &Reply::Alive)
}

#[tokio::test]
async fn a_server_that_answers_is_in_order_and_no_login_is_sent_to_it() {
    let old = Old::new(|_, packet| vec![alive(packet)]).await;
    assert_eq!(examined(&old).await.0, Light::Green);
    let [packet] = &old.heard()[..] else {
        panic!("one packet");
    };
    assert_eq!(packet[0], 12);
}

#[tokio::test]
async fn a_server_that_tells_nothing_of_itself_may_be_in_order() {
    let old = Old::new(|_, _| Vec::new()).await;
    let (light, told) = examined(&old).await;
    assert_eq!(light, Light::Amber);
    assert!(told.contains("does not answer Status-Server"), "{told}");
    let old = Old::new(|_, packet| vec![unsigned(packet, &alive(packet))]).await;
    let (light, told) = examined(&old).await;
    assert_eq!(light, Light::Amber);
    assert!(told.contains("without a Message-Authenticator"), "{told}");
}

#[tokio::test]
async fn a_server_with_another_secret_is_told_of() {
    let old = Old::new(|_, packet| {
        let right = alive(packet);
        vec![rewritten_under(b"another secret", packet, &right, |_| ())]
    })
    .await;
    let (light, told) = examined(&old).await;
    assert_eq!(light, Light::Red);
    assert!(told.contains("wrong secret or forged"), "{told}");
}

#[tokio::test]
async fn a_closed_port_and_a_name_that_leads_nowhere_are_told_of_each() {
    let forward = forward(&settings(&["127.0.0.1:1", "nowhere.invalid"]));
    let found = forward.examine().await;
    let told: Vec<_> = found.iter().map(|it| (it.light, it.step)).collect();
    assert_eq!(told, [(Light::Red, "status"), (Light::Red, "name")]);
}

#[tokio::test]
async fn a_server_that_this_node_must_not_ask_is_told_of() {
    let unusable = OldServer {
        settings: settings(&["198.51.100.7"]),
        forward: None,
    };
    let found = unusable.examine().await;
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].light, Light::Red);
    assert!(found[0].remedy.contains("forward_servers"), "{found:?}");
}
