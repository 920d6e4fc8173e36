//! Replays of past logins under other rules.

use std::sync::{Arc, Barrier};

use countersign::operate::{Event, NewUser, OperateError, Replayed, Role, RuleWritten};
use countersign_core::base::Timestamp;
use countersign_core::ledger::{Table, Write, storage};
use prost::Message as _;
use tokio::task::spawn_blocking;

use super::world::{NOW, World, admin, caller, request, world};

/// Alice and a gateway.
async fn furnished() -> World {
    let world = world();
    let alice = NewUser {
        name: "alice@contoso.example".to_owned(),
        ..NewUser::default()
    };
    let added = world.operate.add_user(&admin(), request(1), alice).await;
    added.expect("a new user");
    let client = storage::Client {
        id: 7,
        name: "Fw1".to_owned(),
        factors: storage::Factors::PasswordAndCode.into(),
        revision: 1,
        ..storage::Client::default()
    };
    let key = 7_u64.to_be_bytes().to_vec();
    let put = Write::Put(Table::Clients, key, client.encode_to_vec());
    world.ledger.write([put]);
    world
}

/// A login of Alice from there.
fn login(client: &str, caller: String) -> Event {
    Event {
        at: Timestamp::from_millis(NOW),
        kind: "login".to_owned(),
        user: "Alice@contoso.example".to_owned(),
        client: client.to_owned(),
        caller,
        ..Event::default()
    }
}

/// Nobody may come by the gateway any more.
fn closing() -> [RuleWritten; 1] {
    [RuleWritten {
        name: "closed".to_owned(),
        clients: vec!["FW1".to_owned()],
        factors: "deny".to_owned(),
        ..RuleWritten::default()
    }]
}

async fn replay(world: &World) -> Result<Replayed, OperateError> {
    let (auditor, since) = (caller(Role::Auditor), Timestamp::default());
    let operate = &world.operate;
    operate.replay_rules(&auditor, &closing(), since).await
}

#[tokio::test]
async fn rules_are_replayed_beside_the_event_loop() {
    let world = furnished().await;
    let here = login("fw1", "198.51.100.7".to_owned());
    let gone = login("fw2", String::new());
    *world.events.kept.lock().unwrap() = vec![here.clone(), here, gone];
    let replayed = replay(&world).await.unwrap();
    assert!(!world.ledger.was_viewed_here());
    assert_eq!((replayed.logins, replayed.gone), (3, 1));
    let [difference] = &*replayed.differences else {
        panic!("{replayed:?}");
    };
    assert_eq!((difference.count, &*difference.caller), (2, "198.51.100.7"));
}

#[tokio::test]
async fn a_second_replay_is_refused_while_one_runs() {
    let world = furnished().await;
    let gate = Arc::new(Barrier::new(2));
    *world.events.gate.lock().unwrap() = Some(Arc::clone(&gate));
    let meet = || {
        let gate = Arc::clone(&gate);
        async move { spawn_blocking(move || gate.wait()).await.unwrap() }
    };
    let second = async {
        meet().await;
        let second = replay(&world).await;
        meet().await;
        second
    };
    let (first, second) = tokio::join!(replay(&world), second);
    assert!(first.is_ok(), "{first:?}");
    assert!(matches!(second, Err(OperateError::Busy(_))), "{second:?}");
    *world.events.gate.lock().unwrap() = None;
    assert!(replay(&world).await.is_ok());
}

#[tokio::test]
async fn more_differences_than_one_answer_holds_are_refused() {
    let world = furnished().await;
    let far = |number: usize| login("fw1", format!("{number:0250}"));
    *world.events.kept.lock().unwrap() = (0..10_000).map(far).collect();
    let refused = replay(&world).await.unwrap_err();
    assert!(refused.to_string().contains("10000 kinds"), "{refused}");
}
