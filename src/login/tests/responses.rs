//! Codes that come hashed: CHAP and MS-CHAPv2.

use std::sync::Arc;
use std::time::Duration;

use countersign_core::base::Secret;
use countersign_core::ledger::storage::{Prompt, Rule, RuleFactors};
use countersign_core::login::{Reason, Request, Response};
use countersign_core::radius::{Chap, MsChap2};
use tokio::time::advance;

use super::cluster::Cluster;
use super::rules::put_rules;
use super::world::{PROXY, VPN, World, code_of_alice, copied, request};
use super::{ACCEPTED, reject, said};

/// The request as a device sends it that hashes what the user types, under a challenge.
fn chap(request: &Request, challenge: u8) -> Request {
    let challenge = [challenge; 16];
    let password = Chap::respond(7, &request.password, &challenge);
    let made = Chap::new(&password, &challenge).expect("lengths are right");
    hashed(request, Response::Chap(made))
}

fn ms_chap(request: &Request, challenge: u8) -> Request {
    let (name, password) = (&request.user_name, &request.password);
    let made = MsChap2::respond(7, &[9; 16], &[challenge; 16], name, password);
    hashed(request, Response::MsChap2(made.expect("lengths are right")))
}

fn hashed(request: &Request, response: Response) -> Request {
    Request {
        password: Secret::default(),
        response: Some(Arc::new(response)),
        ..copied(request)
    }
}

/// A code that Alice's token does not show soon.
fn wrong(world: &World) -> Request {
    let shown: Vec<_> = (0..9).map(|later| world.code(later)).collect();
    let mut codes = ["123456", "234567"].into_iter();
    let code = codes.find(|code| shown.iter().all(|it| it != code));
    world.request(PROXY, code.expect("not both"))
}

#[tokio::test(start_paused = true)]
async fn a_login_is_known_again_by_its_code_whatever_it_was_hashed_with() {
    let cluster = Cluster::new(0);
    let typed = request(cluster.clock, PROXY, &code_of_alice(cluster.clock, 0));
    let packets = [
        chap(&typed, 1),
        chap(&typed, 2),
        ms_chap(&typed, 3),
        copied(&typed),
    ];
    for (node, packet) in packets.into_iter().enumerate() {
        let outcome = cluster.login(node % 3, packet).await;
        assert_eq!(said(&outcome), ACCEPTED, "packet {node}");
    }
    // From elsewhere the same code is a replay.
    let mut other = chap(&typed, 4);
    other.caller.calling_station_id = Some(b"203.0.113.9".to_vec());
    let outcome = cluster.login(1, other).await;
    assert_eq!(said(&outcome), reject(Reason::Replay));
}

#[tokio::test(start_paused = true)]
async fn a_retry_is_known_again_when_its_code_has_just_left_the_window() {
    let world = World::new();
    let typed = world.request(PROXY, &world.code(0));
    assert_eq!(said(&world.login(chap(&typed, 1)).await), ACCEPTED);
    advance(Duration::from_secs(5)).await;
    let mut late = chap(&typed, 2);
    // As if the first packet had come with the oldest code of the window.
    late.arrived = late.arrived.plus(Duration::from_secs(3 * 30));
    assert_eq!(said(&world.login(late).await), ACCEPTED);
}

#[tokio::test(start_paused = true)]
async fn a_wrong_code_is_counted_once_for_the_same_octets_and_again_for_others() {
    let world = World::new();
    let typed = wrong(&world);
    for (challenge, commands) in [(1, 1), (1, 2), (2, 3)] {
        let outcome = world.login(chap(&typed, challenge)).await;
        assert_eq!(said(&outcome), reject(Reason::WrongCode));
        assert_eq!(world.ledger.commands().0, commands);
    }
    assert_eq!(world.counted_wrong(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_response_proves_nothing_where_a_password_is_asked_for() {
    let world = World::new();
    let typed = world.request(VPN, &world.code(0));
    for packet in [chap(&typed, 1), ms_chap(&typed, 1)] {
        let outcome = world.login(packet).await;
        assert_eq!(said(&outcome), reject(Reason::ResponseForPassword));
    }
    assert_eq!((world.ledger.commands().0, world.source.asked()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_response_is_no_first_round_of_a_challenge_and_no_answer_to_one() {
    let world = World::new();
    let rule = |prompt: Prompt| Rule {
        name: "all".into(),
        prompt: prompt.into(),
        factors: RuleFactors::Code.into(),
        ..Rule::default()
    };
    put_rules(&world, vec![rule(Prompt::Challenge)]).await;
    let typed = world.request(PROXY, &world.code(0));
    let first = chap(&typed, 1);
    let unasked = reject(Reason::ResponseToChallenge);
    assert_eq!(said(&world.login(copied(&first)).await), unasked);
    let mut answer = first;
    answer.state = Some(vec![0; 60]);
    assert_eq!(said(&world.login(answer).await), unasked);
    put_rules(&world, vec![rule(Prompt::Either)]).await;
    assert_eq!(said(&world.login(chap(&typed, 2)).await), ACCEPTED);
}

#[tokio::test(start_paused = true)]
async fn each_packet_of_an_ms_chap_login_is_answered_by_its_own_proof_and_keys() {
    let world = World::new();
    let typed = world.request(PROXY, &world.code(0));
    let mut texts = Vec::new();
    for challenge in [1, 2] {
        let packet = ms_chap(&typed, challenge);
        let Some(Response::MsChap2(made)) = packet.response.as_deref() else {
            panic!("a response of MS-CHAPv2");
        };
        let expected = made.success(typed.password.expose());
        let outcome = world.login(copied(&packet)).await;
        assert_eq!(said(&outcome), ACCEPTED);
        let [text, send, recv] = outcome.grants.as_slice() else {
            panic!("{:?}", outcome.grants);
        };
        assert_eq!(text.value(), Some(&expected.text[..]));
        let key = |key: &countersign_core::radius::Attribute| {
            key.salted_value().expect("a key").1.duplicate()
        };
        assert_eq!(
            (key(send), key(recv)),
            (expected.send_key, expected.recv_key)
        );
        texts.push(expected.text);
    }
    assert_ne!(texts[0], texts[1]);
    let refused = world.login(ms_chap(&wrong(&world), 3)).await;
    assert!(refused.grants.is_empty(), "{refused:?}");
}
