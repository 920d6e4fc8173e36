//! A code that is asked for in an answer of its own.

use std::time::Duration;

use countersign_core::base::Secret;
use countersign_core::ledger::Table;
use countersign_core::ledger::storage::{
    self, Client, Prompt, Rule, RuleFactors, RuleMatch, Settings, Texts,
};
use countersign_core::login::{Decision, Reason, Request};
use tokio::time::advance;

use super::cluster::Cluster;
use super::rules::put_rules;
use super::world::{ALICE, Outcomes, PROXY, VPN, World, code_of_alice, copied};
use super::{ACCEPTED, reject, said};

const ASKED: (Decision, Reason) = (Decision::Challenge, Reason::Challenged);

fn rule(prompt: Prompt, factors: RuleFactors) -> Rule {
    Rule {
        name: "all".into(),
        prompt: prompt.into(),
        factors: factors.into(),
        ..Rule::default()
    }
}

async fn asking(prompt: Prompt) -> World {
    let world = World::new();
    put_rules(&world, vec![rule(prompt, RuleFactors::PasswordAndCode)]).await;
    world
}

/// The answer to what was asked, in the name and from the place of the request.
fn answer(request: &Request, asked: &Outcomes, typed: &str) -> Request {
    assert_eq!(said(asked), ASKED);
    Request {
        password: Secret::from(typed.as_bytes()),
        state: Some(asked.state().to_vec()),
        ..copied(request)
    }
}

#[tokio::test(start_paused = true)]
async fn the_password_of_the_first_round_and_the_code_of_the_second_let_in() {
    let world = asking(Prompt::Challenge).await;
    let before = world.ledger.commands();
    let first = world.request(VPN, "secret");
    let asked = world.login(copied(&first)).await;
    assert_eq!(asked.message(), "Code from your authenticator: ");
    assert_eq!((world.ledger.commands(), world.source.asked()), (before, 0));
    let answered = answer(&first, &asked, &world.code(0));
    assert_eq!(said(&world.login(copied(&answered)).await), ACCEPTED);
    assert_eq!(world.source.asked(), 1);
    // A retry of the answer is the same login.
    assert_eq!(said(&world.login(answered).await), ACCEPTED);
    assert_eq!(world.source.asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn who_is_unknown_disabled_or_locked_is_asked_like_anybody_and_then_refused() {
    let world = asking(Prompt::Challenge).await;
    let before = world.ledger.commands();
    let mut nobody = world.request(VPN, "secret");
    nobody.user_name = b"nobody@contoso.example".to_vec();
    let asked = world.login(copied(&nobody)).await;
    let known = world.login(world.request(VPN, "secret")).await;
    assert_eq!(asked.state().len(), known.state().len());
    assert_eq!(asked.message(), known.message());
    let refused = world.login(answer(&nobody, &asked, "123456")).await;
    assert_eq!(said(&refused), reject(Reason::UnknownUser));

    let first = world.request(VPN, "secret");
    world
        .ledger
        .edit(Table::Users, ALICE.0, |user: &mut storage::User| {
            user.status = storage::UserStatus::Disabled.into();
        });
    let asked = world.login(copied(&first)).await;
    let refused = world.login(answer(&first, &asked, &world.code(0))).await;
    assert_eq!(said(&refused), reject(Reason::DisabledUser));
    assert_eq!((world.ledger.commands(), world.source.asked()), (before, 0));
}

#[tokio::test(start_paused = true)]
async fn a_login_that_rules_refuse_is_asked_like_most_of_the_client() {
    let world = World::new();
    let staff = Rule {
        r#match: Some(RuleMatch {
            groups: vec!["staff".into()],
            ..RuleMatch::default()
        }),
        ..rule(Prompt::Challenge, RuleFactors::PasswordAndCode)
    };
    put_rules(&world, vec![staff]).await;
    let first = world.request(VPN, "secret");
    let asked = world.login(copied(&first)).await;
    let refused = world.login(answer(&first, &asked, &world.code(0))).await;
    assert_eq!(said(&refused), reject(Reason::NoRule));
}

#[tokio::test(start_paused = true)]
async fn another_answer_to_one_state_is_refused_right_or_wrong() {
    let world = asking(Prompt::Challenge).await;
    let first = world.request(VPN, "secret");
    let asked = world.login(copied(&first)).await;
    let wrong = world.login(answer(&first, &asked, "000000")).await;
    assert_eq!(said(&wrong), reject(Reason::WrongCode));
    let right = world.login(answer(&first, &asked, &world.code(0))).await;
    assert_eq!(said(&right), reject(Reason::StateUsed));
    assert_eq!(world.source.asked(), 0);
    // The user types the code again behind a new challenge.
    let asked = world.login(copied(&first)).await;
    let right = world.login(answer(&first, &asked, &world.code(0))).await;
    assert_eq!(said(&right), ACCEPTED);
}

#[tokio::test(start_paused = true)]
async fn another_answer_does_not_join_the_flow_of_the_first() {
    let world = asking(Prompt::Challenge).await;
    let first = world.request(VPN, "secret");
    let asked = world.login(copied(&first)).await;
    world.source.takes(Duration::from_secs(1));
    let right = world.start(answer(&first, &asked, &world.code(0)));
    let guess = world.start(answer(&first, &asked, "000000"));
    assert_eq!(said(&right.await.unwrap()), ACCEPTED);
    assert_eq!(said(&guess.await.unwrap()), reject(Reason::StateUsed));
}

#[tokio::test(start_paused = true)]
async fn a_state_from_another_caller_client_or_name_is_refused_and_costs_nothing() {
    let world = asking(Prompt::Challenge).await;
    let before = world.ledger.commands();
    let first = world.request(VPN, "secret");
    let asked = world.login(copied(&first)).await;
    let changes: [fn(&mut Request); 3] = [
        |it| it.caller.calling_station_id = Some(b"198.51.100.8".to_vec()),
        |it| it.client = PROXY,
        |it| it.user_name = b"bob@contoso.example".to_vec(),
    ];
    for change in changes {
        let mut answered = answer(&first, &asked, &world.code(0));
        change(&mut answered);
        assert_eq!(
            said(&world.login(answered).await),
            reject(Reason::StateInvalid)
        );
    }
    assert_eq!((world.ledger.commands(), world.source.asked()), (before, 0));
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_can_be_no_code_is_asked_for_again_of_anybody_three_times_in_all() {
    let world = asking(Prompt::Challenge).await;
    let before = world.ledger.commands();
    for name in [&b"alice@contoso.example"[..], b"nobody@contoso.example"] {
        let mut first = world.request(VPN, "secret");
        first.user_name = name.to_vec();
        let mut asked = world.login(copied(&first)).await;
        for typed in ["", "12 34"] {
            asked = world.login(answer(&first, &asked, typed)).await;
            assert!(asked.message().starts_with("That is no code."));
        }
        let over = world.login(answer(&first, &asked, "code")).await;
        assert_eq!(said(&over), reject(Reason::ChallengeRounds));
    }
    assert_eq!(world.ledger.commands(), before);
}

#[tokio::test(start_paused = true)]
async fn a_challenge_that_is_answered_too_late_is_refused() {
    let world = asking(Prompt::Challenge).await;
    let first = world.request(VPN, "secret");
    let asked = world.login(copied(&first)).await;
    advance(Duration::from_secs(61)).await;
    let late = world.request(VPN, &world.code(0));
    let late = Request {
        state: Some(asked.state().to_vec()),
        ..late
    };
    assert_eq!(said(&world.login(late).await), reject(Reason::StateExpired));
}

#[tokio::test(start_paused = true)]
async fn a_state_that_is_not_ours_is_no_first_round() {
    let world = asking(Prompt::Append).await;
    let foreign = Request {
        state: Some(b"another server's".to_vec()),
        ..world.right()
    };
    assert_eq!(
        said(&world.login(foreign).await),
        reject(Reason::StateInvalid)
    );
    assert_eq!(world.source.asked(), 0);
}

#[tokio::test(start_paused = true)]
async fn either_asks_where_no_digits_end_the_password_and_guesses_are_counted() {
    let world = asking(Prompt::Either).await;
    assert_eq!(said(&world.login(world.right()).await), ACCEPTED);
    let first = world.request(VPN, "secret");
    let asked = world.login(copied(&first)).await;
    let answered = world.login(answer(&first, &asked, &world.code(1))).await;
    assert_eq!(said(&answered), ACCEPTED);
    // A wrong code behind the password is a wrong code: a challenge in its place would
    // tell, uncounted, which codes are right.
    let guess = world.login(world.request(VPN, "secret000000")).await;
    assert_eq!(said(&guess), reject(Reason::WrongCode));
}

#[tokio::test(start_paused = true)]
async fn a_code_alone_is_asked_for_behind_an_empty_password() {
    let world = World::new();
    put_rules(&world, vec![rule(Prompt::Challenge, RuleFactors::Code)]).await;
    let first = world.request(PROXY, "");
    let asked = world.login(copied(&first)).await;
    let answered = world.login(answer(&first, &asked, &world.code(0))).await;
    assert_eq!(said(&answered), ACCEPTED);
    assert_eq!(world.source.asked(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_password_that_ends_in_digits_is_not_split_where_the_code_came_by_itself() {
    let world = asking(Prompt::Challenge).await;
    let first = world.request(VPN, "secret123456");
    let asked = world.login(copied(&first)).await;
    let answered = world.login(answer(&first, &asked, &world.code(0))).await;
    assert_eq!(said(&answered), reject(Reason::WrongPassword));
    assert_eq!(world.source.asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_static_challenge_needs_no_round_of_its_own() {
    let world = asking(Prompt::Challenge).await;
    let base64 = |text: &str| data_encoding::BASE64.encode(text.as_bytes());
    let typed = format!("SCRV1:{}:{}", base64("secret"), base64(&world.code(0)));
    assert_eq!(
        said(&world.login(world.request(VPN, &typed)).await),
        ACCEPTED
    );
}

#[tokio::test(start_paused = true)]
async fn users_read_the_texts_of_their_clients_language() {
    let world = asking(Prompt::Challenge).await;
    world
        .ledger
        .edit(Table::Clients, VPN.0, |client: &mut Client| {
            client.language = "de".into();
        });
    world
        .ledger
        .edit_at(Table::Settings, &[], |settings: &mut Settings| {
            settings.texts = vec![Texts {
                language: "de".into(),
                ask: "Einmalcode: ".into(),
                denied: "Abgelehnt ({ref})".into(),
                ..Texts::default()
            }];
        });
    world
        .ledger
        .edit_at(Table::Head, &[], |head: &mut storage::Head| {
            head.settings_revision += 1;
            head.clients_revision += 1;
        });
    let first = world.request(VPN, "secret");
    let asked = world.login(copied(&first)).await;
    assert_eq!(asked.message(), "Einmalcode: ");
    let refused = world.login(answer(&first, &asked, "000000")).await;
    assert_eq!(
        refused.message(),
        format!("Abgelehnt ({})", refused.reference)
    );
}

/// Every node's rules ask for the code.
async fn cluster() -> Cluster {
    let cluster = Cluster::new(0);
    cluster.edit_rules(|rules| {
        rules.revision = 1;
        rules.rules = vec![rule(Prompt::Challenge, RuleFactors::PasswordAndCode)];
    });
    cluster.applied_everywhere().await;
    cluster
}

#[tokio::test(start_paused = true)]
async fn what_one_node_asked_another_hears() {
    let cluster = cluster().await;
    let first = cluster.vpn("secret");
    let asked = cluster.login(0, copied(&first)).await;
    let code = code_of_alice(cluster.clock, 0);
    let answered = || answer(&first, &asked, &code);
    for outcome in cluster.everywhere(answered).await {
        assert_eq!(said(&outcome), ACCEPTED);
    }
    assert_eq!(cluster.source.asked(), 1);
    let mut elsewhere = answered();
    elsewhere.caller.calling_station_id = Some(b"198.51.100.8".to_vec());
    let refused = cluster.login(1, elsewhere).await;
    assert_eq!(said(&refused), reject(Reason::StateInvalid));
    let guess = cluster.login(2, answer(&first, &asked, "000000")).await;
    assert_eq!(said(&guess), reject(Reason::StateUsed));
}
