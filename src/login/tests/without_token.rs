//! Users without a token, through the driver: forwarded to an old server, or let in a few times
//! by the password alone, until a date.

use countersign_core::ledger::storage::change::Kind;
use countersign_core::ledger::storage::{
    AttributeType, Forward, PutRules, Rule, RuleAttribute, RuleFactors, Rules, Settings, Token,
    TokenState, User,
};
use countersign_core::ledger::{Table, query};
use countersign_core::login::{Decision, Reason};

use super::rules::change;
use super::world::{ALICE, COMMIT, Outcomes, VPN, World, without_stages};
use super::{reject, said};
use crate::login::Ledger;

/// After all that happens here, in milliseconds.
const LATER: u64 = 1_900_000_000_000;
const FORWARDED: (Decision, Reason) = (Decision::Accept, Reason::AcceptedForwarded);
const INITIAL: (Decision, Reason) = (Decision::Accept, Reason::AcceptedInitial);

/// Alice has no token, and this rule stands before one that asks for everything.
async fn with_rule(rule: impl FnOnce(&mut Rule)) -> World {
    let world = World::new();
    let table = Table::Users;
    world
        .ledger
        .edit(table, ALICE.0, |user: &mut User| user.tokens.clear());
    let mut first = Rule {
        name: "without a token".into(),
        until: LATER,
        ..Rule::default()
    };
    rule(&mut first);
    let last = Rule {
        name: "all others".into(),
        factors: RuleFactors::PasswordAndCode.into(),
        ..Rule::default()
    };
    let mut forward = Forward::default();
    "old".clone_into(&mut forward.name);
    let table = Table::Settings;
    world.ledger.edit_at(table, &[], |settings: &mut Settings| {
        settings.forwards = vec![forward];
    });
    let head = query::head(&world.ledger.view()).unwrap();
    let put = PutRules {
        rules: Some(Rules {
            revision: 0,
            rules: vec![first, last],
        }),
        expected_revision: head.rules_revision,
        confirm_within: 0,
    };
    change(&world, Kind::PutRules(put)).await;
    world
}

fn forward(rule: &mut Rule) {
    rule.factors = RuleFactors::Forward.into();
    rule.forward = "old".into();
    rule.attributes = vec![RuleAttribute {
        kind: 25,
        r#type: AttributeType::Text.into(),
        value: "of the rule".into(),
        ..RuleAttribute::default()
    }];
}

fn initial(rule: &mut Rule) {
    rule.factors = RuleFactors::Password.into();
    rule.initial_logins = 2;
}

async fn login(world: &World, typed: &str) -> Outcomes {
    world.login(world.request(VPN, typed)).await
}

fn classes(outcome: &Outcomes) -> Vec<String> {
    let values = outcome.grants.iter().filter_map(|it| it.value());
    let text = |value: &[u8]| String::from_utf8(value.to_vec()).unwrap();
    values.map(text).collect()
}

fn give_token(world: &World, state: TokenState) {
    world
        .ledger
        .edit(Table::Tokens, ALICE.0, |token: &mut Token| {
            token.state = state.into();
        });
    let table = Table::Users;
    world.ledger.edit(table, ALICE.0, |user: &mut User| {
        user.tokens = vec![ALICE.0]
    });
}

#[tokio::test(start_paused = true)]
async fn every_packet_of_a_forwarded_login_carries_what_the_old_server_said_once() {
    let world = with_rule(forward).await;
    world.source.takes(COMMIT * 10);
    let right = || world.request(VPN, "secret123456");
    let (first, joined) = (world.start(right()), world.start(right()));
    let first = without_stages(first.await.unwrap());
    assert_eq!(said(&first), FORWARDED);
    assert_eq!(classes(&first), ["of the rule", "question 1"]);
    assert_eq!(without_stages(joined.await.unwrap()), first);
    let repeat = without_stages(world.login(right()).await);
    assert_eq!((said(&repeat), repeat.grants), (FORWARDED, first.grants));
    assert_eq!(world.source.asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_old_server_that_refuses_is_asked_no_oftener_than_a_directory() {
    let world = with_rule(forward).await;
    for typed in ["one", "two", "three"] {
        let wrong = login(&world, typed).await;
        assert_eq!(said(&wrong), reject(Reason::WrongPassword));
        assert!(wrong.grants.is_empty());
    }
    let right = login(&world, "secret123456").await;
    assert_eq!(said(&right), reject(Reason::Locked));
    assert_eq!(world.source.asked(), 3);
}

#[tokio::test(start_paused = true)]
async fn who_has_a_token_goes_to_no_old_server_be_it_disabled() {
    let world = with_rule(forward).await;
    give_token(&world, TokenState::Disabled);
    let refused = login(&world, "secret123456").await;
    assert_eq!(said(&refused), reject(Reason::NoToken));
    assert_eq!(world.source.asked(), 0);
    give_token(&world, TokenState::Pending);
    assert_eq!(said(&login(&world, "secret123456").await), FORWARDED);
}

#[tokio::test(start_paused = true)]
async fn a_token_given_while_the_old_server_is_asked_keeps_the_login_out() {
    let world = with_rule(forward).await;
    world.source.takes(COMMIT * 100);
    let running = world.start(world.request(VPN, "secret123456"));
    tokio::time::sleep(COMMIT * 50).await;
    give_token(&world, TokenState::Active);
    let outcome = running.await.unwrap();
    assert_eq!(said(&outcome), reject(Reason::Revoked));
    assert!(outcome.grants.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_rule_that_has_ended_forwards_nobody() {
    let world = with_rule(|rule| {
        forward(rule);
        rule.until = 1;
    })
    .await;
    let refused = login(&world, "secret123456").await;
    assert_eq!(said(&refused), reject(Reason::NoToken));
    assert_eq!(world.source.asked(), 0);
}

#[tokio::test(start_paused = true)]
async fn initial_logins_end_with_their_count_and_a_retry_takes_none() {
    let world = with_rule(initial).await;
    for _ in 0..3 {
        assert_eq!(said(&login(&world, "secret").await), INITIAL);
    }
    assert_eq!(world.source.asked(), 1, "two were retries");
    let again = |port| {
        let mut request = world.request(VPN, "secret");
        request.caller.nas_port = Some(port);
        world.login(request)
    };
    assert_eq!(said(&again(1).await), INITIAL);
    assert_eq!(said(&again(2).await), reject(Reason::InitialUsed));
    assert_eq!(world.source.asked(), 2, "nobody is asked for nothing");
}

#[tokio::test(start_paused = true)]
async fn initial_logins_are_of_users_without_a_token() {
    let world = with_rule(initial).await;
    give_token(&world, TokenState::Disabled);
    let refused = login(&world, "secret").await;
    assert_eq!(said(&refused), reject(Reason::NoToken));
    assert_eq!(world.source.asked(), 0);
}
