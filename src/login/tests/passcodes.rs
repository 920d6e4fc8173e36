//! A passcode, from the answer that asks for one to the login that it lets in.

use std::time::Duration;

use countersign_core::base::Secret;
use countersign_core::ledger::Table;
use countersign_core::ledger::storage::{
    Mail, PasscodeWay, Prompt, Rule, RuleFactors, Settings, User, UserStatus,
};
use countersign_core::login::{Decision, Reason, Request};
use tokio::time::Instant;

use super::rules::put_rules;
use super::world::{ALICE, Fault, Outcomes, VPN, World, copied};
use super::{ACCEPTED, reject, said, silent};

const SENT: (Decision, Reason) = (Decision::Challenge, Reason::PasscodeSent);
const ADDRESS: &str = "alice.private@fabrikam.example";

fn rule(passcode: PasscodeWay) -> Rule {
    Rule {
        name: "all".into(),
        prompt: Prompt::Challenge.into(),
        factors: RuleFactors::PasswordAndCode.into(),
        passcode: passcode.into(),
        ..Rule::default()
    }
}

async fn world() -> World {
    let world = World::new();
    world
        .ledger
        .edit_at(Table::Settings, &[], |it: &mut Settings| {
            it.mail = Some(Mail {
                from: "vpn@contoso.example".into(),
                ..Mail::default()
            });
        });
    world.ledger.edit(Table::Users, ALICE.0, |user: &mut User| {
        user.email = ADDRESS.into();
        user.revision = 1;
    });
    put_rules(&world, vec![rule(PasscodeWay::Email)]).await;
    world
}

fn answer(request: &Request, asked: &Outcomes, typed: &str) -> Request {
    assert_eq!(asked.decision, Decision::Challenge, "{asked:?}");
    Request {
        password: Secret::from(typed.as_bytes()),
        state: Some(asked.state().to_vec()),
        ..copied(request)
    }
}

/// What is answered to who asks with this, having typed a password.
async fn asked(world: &World, first: &Request, word: &str) -> Outcomes {
    let challenge = world.login(copied(first)).await;
    world.login(answer(first, &challenge, word)).await
}

/// The digits of the last message.
fn digits(world: &World) -> String {
    let sent = world.messenger.sent();
    let (_, text) = sent.last().expect("a message");
    text.chars().take_while(char::is_ascii_digit).collect()
}

#[tokio::test(start_paused = true)]
async fn a_passcode_that_was_asked_for_lets_in_once() {
    let world = world().await;
    let first = world.request(VPN, "secret");
    let sent = asked(&world, &first, "").await;
    assert_eq!(said(&sent), SENT);
    assert!(sent.message().contains("a***@fabrikam.example"));
    let messages = world.messenger.sent();
    assert_eq!(messages.len(), 1);
    assert_eq!(messages[0].0, ADDRESS);
    let code = digits(&world);
    assert_eq!(code.len(), 8);
    assert!(!sent.message().contains(&code));
    let right = world.login(answer(&first, &sent, &code)).await;
    assert_eq!(said(&right), ACCEPTED);
    assert_eq!(world.source.asked(), 1);
    // Behind any challenge of the client, and once.
    let challenge = world.login(copied(&first)).await;
    let again = world.login(answer(&first, &challenge, &code)).await;
    assert_eq!(said(&again), reject(Reason::Replay));
}

#[tokio::test(start_paused = true)]
async fn a_token_still_lets_in_where_a_passcode_was_sent() {
    let world = world().await;
    let first = world.request(VPN, "secret");
    let sent = asked(&world, &first, "Send").await;
    let right = world.login(answer(&first, &sent, &world.code(0))).await;
    assert_eq!(said(&right), ACCEPTED);
}

#[tokio::test(start_paused = true)]
async fn a_user_without_a_token_gets_in_by_a_passcode_and_by_nothing_else() {
    let world = world().await;
    world.ledger.edit(Table::Users, ALICE.0, |user: &mut User| {
        user.tokens.clear();
    });
    let first = world.request(VPN, "secret");
    let sent = asked(&world, &first, "").await;
    let none = world.login(answer(&first, &sent, "123456")).await;
    assert_eq!(said(&none), reject(Reason::NoToken));
    let sent = asked(&world, &first, "").await;
    let right = world.login(answer(&first, &sent, &digits(&world))).await;
    assert_eq!(said(&right), ACCEPTED);
}

#[tokio::test(start_paused = true)]
async fn after_three_wrong_ones_the_right_one_is_wrong() {
    let world = world().await;
    let first = world.request(VPN, "secret");
    asked(&world, &first, "").await;
    let code = digits(&world);
    let wrong = if code == "00000000" {
        "00000001"
    } else {
        "00000000"
    };
    for _ in 0..3 {
        let challenge = world.login(copied(&first)).await;
        let refused = world.login(answer(&first, &challenge, wrong)).await;
        assert_eq!(said(&refused), reject(Reason::WrongCode));
    }
    let challenge = world.login(copied(&first)).await;
    let refused = world.login(answer(&first, &challenge, &code)).await;
    assert_eq!(said(&refused), reject(Reason::WrongCode));
    assert_eq!(world.source.asked(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_retry_of_the_ask_sends_nothing_more() {
    let world = world().await;
    let first = world.request(VPN, "secret");
    let challenge = world.login(copied(&first)).await;
    for _ in 0..3 {
        let sent = world.login(answer(&first, &challenge, "")).await;
        assert_eq!(said(&sent), SENT);
    }
    assert_eq!(world.messenger.sent().len(), 1);
}

/// Whoever asks, the same text comes after the same time; the address is made up for those
/// who have none.
#[tokio::test(start_paused = true)]
async fn who_is_unknown_disabled_without_an_address_or_was_sent_enough_hears_the_same() {
    let world = world().await;
    let mut nobody = world.request(VPN, "secret");
    nobody.user_name = b"anna@contoso.example".to_vec();
    let mut heard = Vec::new();
    let mut hear = |outcome: &Outcomes, began: Instant, to: &str| {
        assert_eq!(outcome.decision, Decision::Challenge);
        assert!(outcome.message().contains(to), "{}", outcome.message());
        let text = outcome.message().replace(to, "");
        heard.push((text, outcome.state().len(), began.elapsed()));
    };
    let first = world.request(VPN, "secret");
    let mut reasons = Vec::new();
    let challenge = world.login(copied(&nobody)).await;
    let began = Instant::now();
    let unknown = world.login(answer(&nobody, &challenge, "")).await;
    hear(&unknown, began, "a***@contoso.example");
    reasons.push(unknown.reason);
    for _ in 0..3 {
        let challenge = world.login(copied(&first)).await;
        let began = Instant::now();
        let outcome = world.login(answer(&first, &challenge, "")).await;
        hear(&outcome, began, "a***@fabrikam.example");
        reasons.push(outcome.reason);
    }
    world.ledger.edit(Table::Users, ALICE.0, |user: &mut User| {
        user.email = String::new();
    });
    let challenge = world.login(copied(&first)).await;
    let began = Instant::now();
    let outcome = world.login(answer(&first, &challenge, "")).await;
    hear(&outcome, began, "a***@contoso.example");
    reasons.push(outcome.reason);
    world.ledger.edit(Table::Users, ALICE.0, |user: &mut User| {
        user.email = ADDRESS.into();
        user.status = UserStatus::Disabled.into();
    });
    let challenge = world.login(copied(&first)).await;
    let began = Instant::now();
    let outcome = world.login(answer(&first, &challenge, "")).await;
    hear(&outcome, began, "a***@fabrikam.example");
    reasons.push(outcome.reason);
    assert!(heard.windows(2).all(|two| two[0] == two[1]), "{heard:?}");
    assert_eq!(
        reasons,
        [
            Reason::UnknownUser,
            Reason::PasscodeSent,
            Reason::PasscodeSent,
            Reason::PasscodeLimit,
            Reason::PasscodeNowhere,
            Reason::DisabledUser,
        ]
    );
    assert_eq!(world.messenger.sent().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn without_a_rule_that_allows_it_an_empty_answer_is_asked_for_again() {
    let world = world().await;
    put_rules(&world, vec![rule(PasscodeWay::Unspecified)]).await;
    let first = world.request(VPN, "secret");
    let again = asked(&world, &first, "").await;
    assert_eq!(said(&again), (Decision::Challenge, Reason::Challenged));
    assert!(again.message().starts_with("That is no code"));
    assert!(world.messenger.sent().is_empty());
}

#[tokio::test(start_paused = true)]
async fn without_a_sender_an_empty_answer_is_asked_for_again() {
    let world = world().await;
    put_rules(&world, vec![rule(PasscodeWay::Sms)]).await;
    let first = world.request(VPN, "secret");
    let again = asked(&world, &first, "").await;
    assert_eq!(said(&again), (Decision::Challenge, Reason::Challenged));
    assert!(world.messenger.sent().is_empty());
}

#[tokio::test(start_paused = true)]
async fn nothing_is_sent_before_the_command_is_applied() {
    let world = world().await;
    let first = world.request(VPN, "secret");
    let challenge = world.login(copied(&first)).await;
    world.ledger.will([Fault::NotProposed; 20]);
    let lost = world.login(answer(&first, &challenge, "")).await;
    assert_eq!(said(&lost), silent(Reason::NoQuorum));
    assert!(world.messenger.sent().is_empty());
}

#[tokio::test(start_paused = true)]
async fn where_the_first_result_is_lost_the_same_node_finds_it_and_sends_once() {
    let world = world().await;
    let first = world.request(VPN, "secret");
    let challenge = world.login(copied(&first)).await;
    world.ledger.will([Fault::AnswerLost]);
    let sent = world.login(answer(&first, &challenge, "")).await;
    assert_eq!(said(&sent), SENT);
    assert_eq!(world.messenger.sent().len(), 1);
    let right = world.login(answer(&first, &sent, &digits(&world))).await;
    assert_eq!(said(&right), ACCEPTED);
}

#[tokio::test(start_paused = true)]
async fn a_wrong_password_does_not_spend_the_passcode() {
    let world = world().await;
    let first = world.request(VPN, "wrong");
    let sent = asked(&world, &first, "").await;
    let refused = world.login(answer(&first, &sent, &digits(&world))).await;
    assert_eq!(said(&refused), reject(Reason::WrongPassword));
    let first = world.request(VPN, "secret");
    let challenge = world.login(copied(&first)).await;
    let right = world
        .login(answer(&first, &challenge, &digits(&world)))
        .await;
    assert_eq!(said(&right), ACCEPTED);
}

#[tokio::test(start_paused = true)]
async fn after_five_minutes_it_is_a_wrong_code() {
    let world = world().await;
    let first = world.request(VPN, "secret");
    asked(&world, &first, "").await;
    tokio::time::advance(Duration::from_secs(301)).await;
    let challenge = world.login(copied(&first)).await;
    let late = world
        .login(answer(&first, &challenge, &digits(&world)))
        .await;
    assert_eq!(said(&late), reject(Reason::WrongCode));
}
