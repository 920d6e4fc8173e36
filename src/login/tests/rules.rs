//! Rules that are kept in memory: what they save, and that a changed one is met at once.

use countersign_core::base::ClientId;
use countersign_core::ledger::storage::change::Kind;
use countersign_core::ledger::storage::{
    AccountCheck, Actor, ApiToken, AttributeType, Change, ChangeOutcome, Client, Factors, Head,
    Limits, PutClient, PutRules, PutSettings, Refusal, RemoveClient, Rule, RuleAttribute,
    RuleFactors, RuleMatch, Rules, Settings, User,
};
use countersign_core::ledger::{Command, Outcome, Table, query};
use countersign_core::login::{Decision, Reason, Request};

use super::world::{ALICE, COMMIT, PROXY, VPN, World, without_stages};
use super::{ACCEPTED, reject, said, silent};
use crate::login::Ledger;

/// Carries out a change as an operator's, and waits until it is acknowledged.
pub(super) async fn change(world: &World, kind: Kind) -> ChangeOutcome {
    world.ledger.edit_at(Table::Head, &[], |head: &mut Head| {
        head.cluster = vec![9; 16];
    });
    let token = vec![9; 32];
    world
        .ledger
        .edit_at(Table::ApiTokens, &token, |stored: &mut ApiToken| {
            stored.hash.clone_from(&token);
        });
    let actor = Actor {
        token: token.clone(),
        ..Actor::default()
    };
    let number = world.ledger.commands().1 as u128;
    let command = Command::Change(Box::new(Change {
        request_id: number.to_be_bytes().to_vec(),
        actor: Some(actor),
        kind: Some(kind),
        ..Change::default()
    }));
    match world.ledger.propose(command, COMMIT * 2).await {
        Ok(Outcome::Change(outcome)) if outcome.refusal() == Refusal::Unspecified => outcome,
        other => panic!("{other:?}"),
    }
}

async fn put(world: &World, client: ClientId, factors: Factors) -> u64 {
    let found = query::client(&world.ledger.view(), client).unwrap();
    let expected_revision = found.map_or(0, |client| client.revision);
    let put = PutClient {
        expected_revision,
        client: Some(Client {
            id: client.0,
            name: format!("client-{}", client.0),
            ranges: vec![format!("198.51.100.{}/32", client.0)],
            secrets: vec![vec![1; 40]],
            factors: factors.into(),
            timeout: 3000,
            tries: 1,
            servers: 1,
            ..Client::default()
        }),
        learn_anew: false,
    };
    change(world, Kind::PutClient(put)).await.revision
}

/// Alice's next right login through the client that may ask for the code alone.
fn code_alone(world: &World, later: u64, revision: u64) -> Request {
    Request {
        client_revision: revision,
        ..world.request(PROXY, &world.code(later))
    }
}

#[tokio::test(start_paused = true)]
async fn a_login_reads_the_head_once_and_a_known_rule_not_at_all() {
    let world = World::new();
    let own = [
        Table::Names,
        Table::Users,
        Table::Budgets,
        Table::Tokens,
        Table::Counters,
    ];
    let first = [&[Table::Head, Table::Clients, Table::Settings], &own[..]].concat();
    let login = || world.login(code_alone(&world, 0, 1));
    assert_eq!(said(&login().await), ACCEPTED);
    assert_eq!(world.ledger.reads(), first);
    let mut other = world.request(PROXY, "123456");
    other.user_name = b"bob@contoso.example".to_vec();
    world.login(other).await;
    // In the one generation that there is by now, Bob has no attempt.
    let second = [&[Table::Head, Table::Names, Table::Attempts], &own[1..]].concat();
    assert_eq!(world.ledger.reads(), second);
}

#[tokio::test(start_paused = true)]
async fn a_rule_that_was_tightened_is_met_by_the_next_login() {
    let world = World::new();
    let revision = put(&world, PROXY, Factors::Code).await;
    let loose = code_alone(&world, 0, revision);
    assert_eq!(said(&world.login(loose).await), ACCEPTED);
    let revision = put(&world, PROXY, Factors::PasswordAndCode).await;
    let next = code_alone(&world, 1, revision);
    let refused = world.login(next).await;
    assert_eq!(said(&refused), reject(Reason::EmptyPassword));
    // Found out from the own tables, not by a claim that was told to be stale.
    assert_eq!(world.ledger.commands(), (2, 2));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_was_removed_lets_nobody_in() {
    let world = World::new();
    let revision = put(&world, PROXY, Factors::Code).await;
    let before = code_alone(&world, 0, revision);
    assert_eq!(said(&world.login(before).await), ACCEPTED);
    let remove = RemoveClient {
        id: PROXY.0,
        expected_revision: revision,
    };
    change(&world, Kind::RemoveClient(remove)).await;
    let after = code_alone(&world, 1, revision);
    assert_eq!(
        said(&world.login(after).await),
        silent(Reason::UnknownClient)
    );
}

#[tokio::test(start_paused = true)]
async fn limits_that_were_tightened_are_met_by_the_next_login() {
    let world = World::new();
    assert_eq!(said(&world.login(world.right()).await), ACCEPTED);
    let guess = |typed| world.login(world.request(VPN, typed));
    for typed in ["guess111111", "guess222222"] {
        assert_eq!(said(&guess(typed).await), reject(Reason::WrongCode));
    }
    let limits = Limits {
        known_place_failures: 2,
        ..Limits::default()
    };
    let put = PutSettings {
        settings: Some(Settings {
            limits: Some(limits),
            ..Settings::default()
        }),
        expected_revision: 0,
        confirm_within: 0,
    };
    change(&world, Kind::PutSettings(put)).await;
    let third = guess("guess333333").await;
    assert_eq!(said(&third), reject(Reason::Waiting));
    assert_eq!(
        world.ledger.commands().0,
        3,
        "a waiting user costs no command"
    );
}

/// A rule for a group that grants the group's name as Class.
fn rule(name: &str, group: &str, factors: RuleFactors) -> Rule {
    let class = RuleAttribute {
        kind: 25,
        r#type: AttributeType::Octets.into(),
        value: format!("OU={{group:{group}}};"),
        ..RuleAttribute::default()
    };
    let denies = factors == RuleFactors::Deny;
    Rule {
        name: name.into(),
        r#match: Some(RuleMatch {
            groups: vec![group.into()],
            ..RuleMatch::default()
        }),
        factors: factors.into(),
        attributes: if denies { Vec::new() } else { vec![class] },
        ..Rule::default()
    }
}

pub(super) async fn put_rules(world: &World, rules: Vec<Rule>) {
    let head = query::head(&world.ledger.view()).unwrap();
    let put = PutRules {
        rules: Some(Rules { revision: 0, rules }),
        expected_revision: head.rules_revision,
        confirm_within: 0,
    };
    change(world, Kind::PutRules(put)).await;
}

fn member_of(world: &World, group: &str) {
    let key = ALICE.0.to_be_bytes();
    world.ledger.edit_at(Table::Users, &key, |user: &mut User| {
        user.groups = vec![group.into()];
    });
}

fn classes(outcome: &super::world::Outcomes) -> Vec<&[u8]> {
    let attributes = outcome.grants.iter();
    attributes
        .filter_map(|attribute| attribute.value())
        .collect()
}

#[tokio::test(start_paused = true)]
async fn a_known_list_of_rules_is_not_read_again() {
    let world = World::new();
    member_of(&world, "staff");
    put_rules(&world, vec![rule("staff", "staff", RuleFactors::Code)]).await;
    let login = |later| world.login(code_alone(&world, later, 1));
    world.ledger.reads();
    assert_eq!(said(&login(0).await), ACCEPTED);
    let reads = world.ledger.reads();
    assert_eq!(
        reads[..4],
        [Table::Head, Table::Rules, Table::Clients, Table::Settings]
    );
    login(1).await;
    let known = [Table::Rules, Table::Clients, Table::Settings];
    let reads = world.ledger.reads();
    assert!(
        reads.iter().all(|table| !known.contains(table)),
        "{reads:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_secret_that_does_not_open_here_lets_nobody_in_without_it() {
    let world = World::new();
    member_of(&world, "staff");
    let mut secretive = rule("staff", "staff", RuleFactors::Code);
    secretive.attributes.push(RuleAttribute {
        kind: 69,
        r#type: AttributeType::TaggedSalted.into(),
        sealed: [vec![1], vec![0; 4 + 24 + 6 + 16]].concat(),
        ..RuleAttribute::default()
    });
    put_rules(&world, vec![secretive]).await;
    let outcome = world.login(code_alone(&world, 0, 1)).await;
    assert_eq!(said(&outcome), silent(Reason::Unsealable));
    assert!(outcome.grants.is_empty());
}

#[tokio::test(start_paused = true)]
async fn every_packet_of_a_login_is_granted_the_same() {
    let world = World::new();
    member_of(&world, "staff");
    let both = RuleFactors::PasswordAndCode;
    put_rules(&world, vec![rule("staff", "staff", both)]).await;
    world.source.takes(COMMIT * 10);
    let (first, joined) = (world.start(world.right()), world.start(world.right()));
    let first = without_stages(first.await.unwrap());
    assert_eq!(
        (said(&first), classes(&first)),
        (ACCEPTED, vec![&b"OU=staff;"[..]])
    );
    assert_eq!(without_stages(joined.await.unwrap()), first);
    let repeat = world.login(world.right()).await;
    assert_eq!(repeat.grants, first.grants);
    assert_eq!(world.source.asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn groups_that_the_directory_told_are_granted_to_every_packet_of_the_login() {
    let world = World::new();
    member_of(&world, "staff");
    let mut live = rule("staff", "staff", RuleFactors::PasswordAndCode);
    live.account = Some(AccountCheck::default());
    live.attributes[0].value = "OU={account.groups};".into();
    put_rules(&world, vec![live]).await;
    *world.source.groups.lock().unwrap() = vec!["vpn-a".into()];
    let first = world.login(world.right()).await;
    let granted = (ACCEPTED, vec![&b"OU=vpn-a;"[..]]);
    assert_eq!((said(&first), classes(&first)), granted);
    // What the directory says later is of another login.
    *world.source.groups.lock().unwrap() = vec!["admins".into()];
    let repeat = world.login(world.right()).await;
    assert_eq!((said(&repeat), classes(&repeat)), granted);
    assert_eq!(world.source.asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn more_groups_of_the_account_than_a_reply_carries_spend_nothing() {
    let world = World::new();
    member_of(&world, "staff");
    let mut live = rule("staff", "staff", RuleFactors::PasswordAndCode);
    live.account = Some(AccountCheck::default());
    live.attributes[0].value = "{account.groups}".into();
    put_rules(&world, vec![live]).await;
    let many = (0..17).map(|number| format!("vpn-{number}"));
    *world.source.groups.lock().unwrap() = many.collect();
    let refused = world.login(world.right()).await;
    assert_eq!(said(&refused), reject(Reason::RuleUnfit));
    assert_eq!((classes(&refused), world.counted_wrong()), (Vec::new(), 0));
    *world.source.groups.lock().unwrap() = vec!["vpn-1".into()];
    let mut other = world.right();
    other.caller.calling_station_id = Some(b"198.51.100.99".to_vec());
    assert_eq!(
        said(&world.login(other).await),
        ACCEPTED,
        "with the same code"
    );
}

#[tokio::test(start_paused = true)]
async fn as_soon_as_there_is_a_rule_a_login_that_none_matches_is_refused() {
    let world = World::new();
    put_rules(&world, vec![rule("staff", "staff", RuleFactors::Code)]).await;
    let refused = world.login(world.right()).await;
    assert_eq!(said(&refused), reject(Reason::NoRule));
    member_of(&world, "STAFF");
    let code = world.login(code_alone(&world, 0, 1)).await;
    assert_eq!(said(&code), ACCEPTED);
}

#[tokio::test(start_paused = true)]
async fn a_login_that_a_rule_denies_costs_no_command_and_asks_nobody() {
    let world = World::new();
    member_of(&world, "guests");
    let deny = rule("guests", "guests", RuleFactors::Deny);
    put_rules(&world, vec![deny]).await;
    let before = world.ledger.commands();
    let refused = world.login(world.right()).await;
    assert_eq!(said(&refused), reject(Reason::RuleDenies));
    assert_eq!(world.ledger.commands(), before);
    assert_eq!((world.source.asked(), classes(&refused)), (0, Vec::new()));
}

#[tokio::test(start_paused = true)]
async fn a_repeat_of_what_a_rule_denies_by_now_is_refused() {
    let world = World::new();
    member_of(&world, "staff");
    assert_eq!(said(&world.login(world.right()).await), ACCEPTED);
    let deny = rule("staff", "staff", RuleFactors::Deny);
    put_rules(&world, vec![deny]).await;
    let repeat = world.login(world.right()).await;
    assert_eq!(said(&repeat), reject(Reason::RuleDenies));
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_granted_refuses_the_login_before_its_code_is_claimed() {
    let world = World::new();
    let long = "x".repeat(254);
    member_of(&world, &long);
    let mut wide = rule("wide", &long, RuleFactors::Code);
    wide.attributes[0].value = "{groups}".into();
    put_rules(&world, vec![wide]).await;
    let before = world.ledger.commands();
    let refused = world.login(code_alone(&world, 0, 1)).await;
    assert_eq!(said(&refused), reject(Reason::RuleUnfit));
    assert_eq!(world.ledger.commands(), before);
}

#[tokio::test(start_paused = true)]
async fn where_a_rule_asks_for_the_password_alone_all_that_was_typed_is_the_password() {
    let world = World::new();
    member_of(&world, "staff");
    put_rules(&world, vec![rule("staff", "staff", RuleFactors::Password)]).await;
    let right = world.login(world.request(VPN, "secret")).await;
    let single = (Decision::Accept, Reason::AcceptedSingleFactor);
    assert_eq!(
        (said(&right), classes(&right)),
        (single, vec![&b"OU=staff;"[..]])
    );
    let with_code = world.login(world.right()).await;
    assert_eq!(said(&with_code), reject(Reason::WrongPassword));
    let nothing = world.login(world.request(VPN, "")).await;
    assert_eq!(said(&nothing), reject(Reason::EmptyPassword));
    assert_eq!((world.source.asked(), world.counted_wrong()), (2, 1));
}
