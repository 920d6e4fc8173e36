//! Rules for users without a token, and who was let in by them.

use countersign::login::Ledger as _;
use countersign::operate::{
    ForwardedUser, NewToken, NewUser, OperateError, Role, RuleTrial, RuleTrialResult, RuleWritten,
};
use countersign_core::base::{Secret, Timestamp};
use countersign_core::ledger::storage::{self, TokenState, UserStatus};
use countersign_core::ledger::{Table, Write, query};

use super::world::{MemoryLedger, NOW, World, admin, caller, request, world};

/// Puts a record behind the log's back.
fn plant(ledger: &MemoryLedger, table: Table, key: &[u8], record: &impl prost::Message) {
    let put = Write::Put(table, key.to_vec(), record.encode_to_vec());
    ledger.write([put]);
}

/// Alice and Bob, a gateway, and an old server.
async fn furnished() -> World {
    let world = world();
    for (number, name) in [(1, "alice@contoso.example"), (2, "bob@contoso.example")] {
        let user = NewUser {
            name: name.to_owned(),
            ..NewUser::default()
        };
        world
            .operate
            .add_user(&admin(), request(number), user)
            .await
            .expect("a new user");
    }
    let client = storage::Client {
        id: 7,
        name: "fw1".to_owned(),
        factors: storage::Factors::PasswordAndCode.into(),
        revision: 1,
        ..storage::Client::default()
    };
    plant(&world.ledger, Table::Clients, &7_u64.to_be_bytes(), &client);
    let mut settings = query::settings(&world.ledger.view()).expect("settings");
    let mut forward = storage::Forward::default();
    "old".clone_into(&mut forward.name);
    settings.forwards = vec![forward];
    plant(&world.ledger, Table::Settings, &[], &settings);
    world
}

fn forwarding() -> RuleWritten {
    RuleWritten {
        name: "moving".to_owned(),
        until: "2030-06-01".to_owned(),
        factors: "forward".to_owned(),
        to: "old".to_owned(),
        ..RuleWritten::default()
    }
}

fn initial() -> RuleWritten {
    RuleWritten {
        name: "first days".to_owned(),
        until: "2030-06-01".to_owned(),
        factors: "password".to_owned(),
        initial_logins: 2,
        ..RuleWritten::default()
    }
}

fn id_of(world: &World, name: &str) -> u64 {
    let shown = world.operate.show_user(&admin(), name).expect("a user");
    shown.user.id
}

fn let_in(world: &World, name: &str, budgets: &storage::Budgets) {
    let id = id_of(world, name);
    plant(&world.ledger, Table::Budgets, &id.to_be_bytes(), budgets);
}

async fn give_token(world: &World, number: u8, owner: &str) {
    let token = NewToken {
        owner: owner.to_owned(),
        seed: Some(Secret::from("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ".to_owned())),
        active: true,
        ..NewToken::default()
    };
    world
        .operate
        .add_token(&admin(), request(number), token)
        .await
        .expect("a new token");
}

fn tried(world: &World, rule: RuleWritten, at: u64) -> RuleTrialResult {
    let trial = RuleTrial {
        user: "alice@contoso.example".to_owned(),
        client: "fw1".to_owned(),
        at: Timestamp::from_millis(at),
        draft: Some(vec![rule]),
        ..RuleTrial::default()
    };
    world.operate.try_rules(&admin(), &trial).expect("a trial")
}

#[tokio::test]
async fn a_rule_that_forwards_is_put_and_shown_as_it_was_written() {
    let world = furnished().await;
    let rules = vec![forwarding(), initial()];
    world
        .operate
        .put_rules(&admin(), request(8), rules.clone(), 0, 0)
        .await
        .unwrap();
    let shown = world.operate.list_rules(&admin()).unwrap();
    assert_eq!(shown.rules, rules);
}

#[tokio::test]
async fn a_rule_for_users_without_a_token_is_refused_without_its_end_or_its_server() {
    let world = furnished().await;
    let endless = RuleWritten {
        until: String::new(),
        ..forwarding()
    };
    let nowhere = RuleWritten {
        to: "older".to_owned(),
        ..forwarding()
    };
    let asking = RuleWritten {
        prompt: "challenge".to_owned(),
        ..forwarding()
    };
    for (number, rule, why) in [
        (10, endless, "so needs until"),
        (11, nowhere, "which the settings do not have"),
        (12, asking, "it forwards, and so neither"),
    ] {
        let put = world
            .operate
            .put_rules(&admin(), request(number), vec![rule], 0, 0)
            .await;
        let told = match put {
            Err(OperateError::Refused { detail, .. }) => detail,
            other => panic!("not refused: {other:?}"),
        };
        assert!(told.contains(why), "{told}");
    }
}

#[tokio::test]
async fn a_trial_tells_where_a_login_goes_and_when_the_rule_has_ended() {
    let world = furnished().await;
    let forwarded = tried(&world, forwarding(), NOW);
    assert_eq!((&*forwarded.factors, &*forwarded.to), ("forward", "old"));
    assert!(forwarded.prompt.is_empty() && forwarded.burn_code.is_empty());
    let june = 1_906_502_400_000;
    let ended = tried(&world, forwarding(), june);
    assert_eq!(ended.steps[0].mismatch, "it has ended, on 2030-06-01");
    give_token(&world, 20, "alice@contoso.example").await;
    let owner = tried(&world, forwarding(), NOW);
    assert!(owner.steps[0].mismatch.contains("has a token"));
}

#[tokio::test]
async fn a_trial_counts_the_initial_logins_that_are_left() {
    let world = furnished().await;
    let had = |initial_logins| storage::Budgets {
        initial_logins,
        ..storage::Budgets::default()
    };
    let_in(&world, "alice@contoso.example", &had(1));
    let left = tried(&world, initial(), NOW);
    assert_eq!((left.initial_logins, left.initial_logins_used), (2, 1));
    assert_eq!(left.refusal, "");
    let_in(&world, "alice@contoso.example", &had(2));
    let over = tried(&world, initial(), NOW);
    assert!(over.refusal.contains("all the initial logins"));
}

#[tokio::test]
async fn who_is_allowed_anew_has_had_no_initial_login() {
    let world = furnished().await;
    let had = storage::Budgets {
        initial_logins: 2,
        ..storage::Budgets::default()
    };
    let_in(&world, "alice@contoso.example", &had);
    let alice = "alice@contoso.example";
    let shown = world.operate.show_user(&admin(), alice).unwrap();
    assert_eq!(shown.initial_logins, 2);
    let auditor = caller(Role::Auditor);
    let refused = world.operate.allow_user(&auditor, request(30), alice);
    assert!(refused.await.is_err());
    let helpdesk = caller(Role::Helpdesk);
    let allowed = world.operate.allow_user(&helpdesk, request(31), alice);
    allowed.await.unwrap();
    let shown = world.operate.show_user(&admin(), alice).unwrap();
    assert_eq!(shown.initial_logins, 0);
}

#[tokio::test]
async fn it_is_known_who_still_goes_to_an_old_server_and_how_many_never_did() {
    let world = furnished().await;
    for (number, name) in [(3, "carol@contoso.example"), (4, "dave@contoso.example")] {
        let user = NewUser {
            name: name.to_owned(),
            ..NewUser::default()
        };
        world
            .operate
            .add_user(&admin(), request(number), user)
            .await
            .unwrap();
    }
    let last = |at| storage::Budgets {
        forwarded: Some(storage::LastForward {
            server: "old".to_owned(),
            at,
        }),
        ..storage::Budgets::default()
    };
    let_in(&world, "alice@contoso.example", &last(5));
    let_in(&world, "bob@contoso.example", &last(7));
    give_token(&world, 40, "bob@contoso.example").await;
    let dave = "dave@contoso.example";
    let status = UserStatus::Disabled;
    world
        .operate
        .set_user_status(&admin(), request(41), dave, status)
        .await
        .unwrap();
    let auditor = caller(Role::Auditor);
    let (mut found, mut never, mut after) = (Vec::new(), 0, None);
    for _ in 0..10 {
        let page = world.operate.list_forwarded(&auditor, after.as_deref(), 1);
        let page = page.unwrap();
        found.extend(page.forwarded);
        never += page.never;
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    let user = |user: &str, at, has_token| ForwardedUser {
        user: user.to_owned(),
        server: "old".to_owned(),
        at,
        has_token,
    };
    assert_eq!(
        found,
        [
            user("alice@contoso.example", 5, false),
            user("bob@contoso.example", 7, true),
        ]
    );
    assert_eq!(never, 1, "Carol; Dave is disabled");
}

#[tokio::test]
async fn a_token_that_is_not_proven_yet_does_not_count_as_one() {
    let world = furnished().await;
    give_token(&world, 50, "alice@contoso.example").await;
    let tokens = query::tokens(&world.ledger.view(), Default::default(), 10).unwrap();
    let mut token = tokens[0].clone();
    token.set_state(TokenState::Pending);
    plant(
        &world.ledger,
        Table::Tokens,
        &token.id.to_be_bytes(),
        &token,
    );
    assert_eq!(tried(&world, forwarding(), NOW).factors, "forward");
}
