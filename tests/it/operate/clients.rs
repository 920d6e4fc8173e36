//! Clients: their devices, their secrets, and what nodes learn and see of them.

use countersign::login::Ledger as _;
use countersign::operate::{ClientAdded, ClientFacts, OperateError, UsedSecret, secret_digest};
use countersign_core::base::{ClientId, NodeId, Secret};
use countersign_core::ledger::storage::{self, MessageAuthenticatorMode, Refusal};

use super::world::{World, admin, request, world};

fn facts(name: &str) -> storage::Client {
    storage::Client {
        name: name.to_owned(),
        ranges: vec!["198.51.100.7".to_owned()],
        ..Default::default()
    }
}

async fn add(
    world: &World,
    facts: storage::Client,
    profile: &str,
) -> Result<ClientAdded, OperateError> {
    let (facts, caller) = (ClientFacts(facts), admin());
    let operate = &world.operate;
    operate
        .add_client(&caller, request(1), facts, profile, None)
        .await
}

#[tokio::test]
async fn a_profile_says_what_was_left_open_and_how_the_device_is_told() {
    let world = world();
    let added = add(&world, facts("fw1"), "asa").await.unwrap();
    let client = &added.client;
    assert_eq!(
        (client.timeout, client.tries, client.servers),
        (10_000, 1, 3)
    );
    assert_eq!(
        client.message_authenticator(),
        MessageAuthenticatorMode::Auto
    );
    assert_eq!(client.profile, "asa");
    let secret = added.secret.unwrap();
    let secret = std::str::from_utf8(secret.expose()).unwrap();
    assert!(secret.len() == 32 && secret.bytes().all(|it| it.is_ascii_alphanumeric()));
    let told = added.configuration.unwrap();
    let told = std::str::from_utf8(told.expose()).unwrap();
    for part in ["host 192.0.2.1", "host node2.contoso.example", secret] {
        assert!(told.contains(part), "{part} in\n{told}");
    }
    let missed = "node 3 did not answer (no answer in time): add it to the device by hand";
    assert_eq!(added.warnings, [missed]);
    let rule = "countersign rule add fw1-groups --client fw1 --factors both \
                --attribute 'Class=OU={groups};'";
    assert_eq!(added.suggestions, [rule]);
}

#[tokio::test]
async fn a_profile_that_nobody_knows_makes_no_client() {
    let world = world();
    let refused = add(&world, facts("fw1"), "toaster").await.unwrap_err();
    assert!(matches!(
        refused,
        OperateError::NotFound {
            kind: "profile",
            ..
        }
    ));
    let listed = world.operate.list_clients(&admin(), "").unwrap();
    assert_eq!(listed, (Vec::new(), None));
}

#[tokio::test]
async fn every_profile_makes_a_client_that_is_taken() {
    let world = world();
    let profiles = world.operate.list_profiles(&admin()).unwrap();
    for (number, profile) in (10..).zip(profiles) {
        let facts = ClientFacts(storage::Client {
            ranges: vec![format!("198.51.100.{number}")],
            ..facts(&profile.name)
        });
        let added = world
            .operate
            .add_client(&admin(), request(number), facts, &profile.name, None)
            .await;
        assert!(added.is_ok(), "{}: {added:?}", profile.name);
    }
}

#[tokio::test]
async fn what_an_operator_should_know_of_a_client_is_told_with_it() {
    let world = world();
    let weak = storage::Client {
        message_authenticator: MessageAuthenticatorMode::No.into(),
        ..facts("fw1")
    };
    let secret = Some(Secret::from("50% of a secret".to_owned()));
    let facts = ClientFacts(weak);
    let added = world
        .operate
        .add_client(&admin(), request(1), facts, "generic", secret)
        .await
        .unwrap();
    assert!(
        added.warnings[0].contains("CVE-2024-3596"),
        "{:?}",
        added.warnings
    );
    assert!(
        added.warnings[1].contains("misread"),
        "{:?}",
        added.warnings
    );
    assert!(added.secret.is_none(), "it was given");
}

#[tokio::test]
async fn equal_ranges_are_refused_and_the_other_client_is_named() {
    let world = world();
    add(&world, facts("fw1"), "generic").await.unwrap();
    let twin = ClientFacts(facts("fw2"));
    let twin = world
        .operate
        .add_client(&admin(), request(2), twin, "generic", None)
        .await;
    match twin {
        Err(OperateError::Refused { refusal, detail }) => {
            assert_eq!(refusal, Refusal::Exists);
            assert_eq!(detail, "198.51.100.7/32 belongs to client \"fw1\"");
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_rotation_is_finished_with_a_word_on_what_was_last_seen() {
    let world = world();
    add(&world, facts("fw1"), "generic").await.unwrap();
    let caller = admin();
    let rotate = |number| {
        world
            .operate
            .rotate_client_secret(&caller, request(number), "fw1", None, false)
    };
    let rotated = rotate(2).await.unwrap().client;
    let see = |place: usize, at| {
        let digest = secret_digest(&rotated.secrets[place]).to_vec();
        world.sightings.0.lock().unwrap().secrets = vec![UsedSecret { digest, at }];
    };
    see(1, 7);
    let seen = world.operate.sightings(&admin(), "fw1").await.unwrap();
    assert_eq!(seen.secrets_used, [0, 7]);
    let finished = world
        .operate
        .finish_rotation(&admin(), request(3), "fw1")
        .await
        .unwrap();
    assert_eq!(finished.client.secrets, rotated.secrets[..1]);
    assert!(finished.secret.is_none() && finished.warnings[0].contains("old secret"));
    let rotated = rotate(4).await.unwrap().client;
    let digest = secret_digest(&rotated.secrets[0]).to_vec();
    world.sightings.0.lock().unwrap().secrets = vec![UsedSecret { digest, at: 9 }];
    let finished = world
        .operate
        .finish_rotation(&admin(), request(5), "fw1")
        .await
        .unwrap();
    assert_eq!(finished.warnings, Vec::<String>::new());
}

#[tokio::test]
async fn whichever_nodes_ask_a_client_learns_once() {
    let world = world();
    let client = add(&world, facts("fw1"), "asa").await.unwrap().client;
    let learn = |node, revision| {
        world
            .operate
            .learn_message_authenticator(NodeId(node), ClientId(client.id), revision)
    };
    learn(1, client.revision + 1).await.unwrap();
    assert_eq!(world.operate.show_client(&admin(), "fw1").unwrap(), client);
    for node in 1..4 {
        learn(node, client.revision).await.unwrap();
    }
    let learnt = world.operate.show_client(&admin(), "fw1").unwrap();
    assert_ne!(learnt.message_authenticator_learnt, 0);
    let audit = world.operate.list_audit(&admin(), 0, 10).unwrap();
    let actions = audit.iter().filter(|it| it.record.action == "client.learn");
    let actions: Vec<_> = actions.map(|it| it.record.actor.clone().unwrap()).collect();
    assert_eq!(actions.len(), 1);
    assert_eq!(
        (&*actions[0].name, &*actions[0].source),
        ("cluster", "node 1")
    );
    assert!(world.ledger.standing().is_some());
}

#[tokio::test]
async fn what_was_learnt_is_forgotten_only_when_the_mode_is_set_anew() {
    let world = world();
    let client = add(&world, facts("fw1"), "asa").await.unwrap().client;
    let learnt =
        world
            .operate
            .learn_message_authenticator(NodeId(1), ClientId(client.id), client.revision);
    learnt.await.unwrap();
    let set = |number, anew| {
        let facts = ClientFacts(client.clone());
        let operate = &world.operate;
        async move {
            operate
                .set_client(&admin(), request(number), "fw1", 0, facts, anew)
                .await
                .unwrap()
        }
    };
    assert_ne!(set(2, false).await.client.message_authenticator_learnt, 0);
    let anew = set(3, true).await;
    assert_eq!(anew.client.message_authenticator_learnt, 0);
    assert!(
        anew.warnings[0].contains("is forgotten"),
        "{:?}",
        anew.warnings
    );
}

#[tokio::test]
async fn a_rotation_drops_no_secret_that_a_device_may_use() {
    let world = world();
    let first = add(&world, facts("fw1"), "generic").await.unwrap().client;
    let rotate = |number, drop_old| {
        let operate = &world.operate;
        async move {
            let caller = admin();
            let rotated =
                operate.rotate_client_secret(&caller, request(number), "fw1", None, drop_old);
            rotated.await.map(|it| it.client.secrets)
        }
    };
    for (number, count) in (2..).zip([2, 3, 4]) {
        let secrets = rotate(number, false).await.unwrap();
        assert_eq!(secrets.len(), count);
        assert!(secrets.contains(&first.secrets[0]), "it is still in use");
    }
    let repeated = rotate(4, false).await.unwrap();
    assert_eq!(repeated.len(), 4, "it was done before");
    let refused = rotate(5, false).await.unwrap_err().to_string();
    assert!(
        refused.contains("--finish") && refused.contains("--drop-old"),
        "{refused}"
    );
    assert_eq!(rotate(6, true).await.unwrap().len(), 1);
}

/// As on a node that lags behind the one that showed the client.
#[tokio::test(start_paused = true)]
async fn a_client_is_changed_only_from_the_revision_that_was_seen() {
    let world = world();
    let old = add(&world, facts("fw1"), "generic").await.unwrap().client;
    let (operate, caller) = (&world.operate, admin());
    let set = |number, expected| {
        let facts = ClientFacts(old.clone());
        operate.set_client(&caller, request(number), "fw1", expected, facts, false)
    };
    let late = operate.rotate_client_secret(&caller, request(2), "fw1", None, true);
    let (set, rotated) = tokio::join!(set(3, old.revision + 1), late);
    let (set, rotated) = (set.unwrap().client, rotated.unwrap().client);
    assert_eq!(set.secrets, rotated.secrets, "what was ended is not back");
    let never = operate.set_client(
        &caller,
        request(4),
        "fw1",
        set.revision + 1,
        ClientFacts(old.clone()),
        false,
    );
    match never.await {
        Err(OperateError::Refused { refusal, detail }) => {
            assert_eq!(refusal, Refusal::Revision);
            assert!(detail.contains("another node"), "{detail}");
        }
        other => panic!("{other:?}"),
    }
}
