//! Clients that contradict themselves or the rules, what is said of those that are weak,
//! and what a client learns.

use super::*;

fn detail(change: impl FnOnce(&mut Client)) -> (Refusal, String) {
    let mut world = World::founded();
    let mut client = client(1, "vpn", "198.51.100.1/32");
    change(&mut client);
    let outcome = world.change(put_client(client, 0));
    (outcome.refusal(), outcome.detail)
}

#[track_caller]
fn refused(change: impl FnOnce(&mut Client), said: &str) {
    let (refusal, detail) = detail(change);
    assert_eq!(refusal, Refusal::Invalid, "{detail}");
    assert!(detail.contains(said), "{detail}");
}

#[track_caller]
fn advice(change: impl FnOnce(&mut Client)) -> String {
    let (refusal, detail) = detail(change);
    assert_eq!(refusal, Refusal::Unspecified, "{detail}");
    detail
}

const AUTO: i32 = MessageAuthenticatorMode::Auto as i32;
const BOTH: i32 = Factors::PasswordAndCode as i32;

fn learning(world: &mut World) -> u64 {
    let mut learner = client(1, "vpn", "198.51.100.1/32");
    learner.message_authenticator = AUTO;
    world.done(put_client(learner, 0)).revision
}

const fn learn(revision: u64) -> Kind {
    Kind::LearnMessageAuthenticator(LearnMessageAuthenticator {
        client: 1,
        revision,
    })
}

fn stored(world: &World) -> Client {
    let key = 1_u64.to_be_bytes();
    world.record(Table::Clients, &key).expect("the client")
}

fn rule(name: &str, factors: RuleFactors, clients: &[u64]) -> Rule {
    Rule {
        name: name.into(),
        factors: factors.into(),
        r#match: Some(RuleMatch {
            clients: clients.to_vec(),
            ..RuleMatch::default()
        }),
        ..Rule::default()
    }
}

fn put_rules(world: &World, rules: Vec<Rule>) -> Kind {
    Kind::PutRules(PutRules {
        rules: Some(Rules { revision: 0, rules }),
        expected_revision: world.head.rules_revision,
        confirm_within: 0,
    })
}

#[test]
fn a_device_that_gives_up_before_anyone_can_answer_is_refused_with_what_to_do() {
    refused(|it| (it.timeout, it.tries) = (300, 3), "raise its time-out");
    advice(|it| (it.timeout, it.tries) = (500, 3));
}

#[test]
fn strict_grace_contradicts_every_other() {
    let strict = |it: &mut Client| it.strict_grace = true;
    refused(
        |it| {
            strict(it);
            it.retry_grace = 1000;
        },
        "strict grace and a retry grace contradict",
    );
    refused(
        |it| {
            strict(it);
            it.revalidation = 60_000;
        },
        "strict grace and re-validation contradict",
    );
}

#[test]
fn revalidation_is_bounded_and_longer_than_the_retry_grace() {
    refused(|it| it.revalidation = 600_001, "at most 600 s");
    refused(|it| it.revalidation = 23_000, "changes nothing");
    let said = advice(|it| it.revalidation = 23_001);
    assert!(said.contains("name its callers"), "{said}");
}

#[test]
fn a_burst_without_a_rate_is_refused() {
    refused(|it| it.burst = 10, "a burst without a rate");
    refused(|it| it.rate = 1_000_001, "at most 1000000");
    advice(|it| (it.rate, it.burst) = (10, 20));
}

#[test]
fn name_forms_and_factors_are_known_and_there_once() {
    refused(|it| it.name_forms = vec![0], "name forms");
    refused(|it| it.name_forms = vec![99], "name forms");
    refused(|it| it.name_forms = vec![1, 1], "name forms");
    refused(|it| it.allowed_factors = vec![99], "allowed factors");
    refused(|it| it.message_authenticator = 99, "a mode is unknown");
}

#[test]
fn a_client_allows_its_own_factors() {
    refused(
        |it| {
            it.factors = Factors::Code.into();
            it.allowed_factors = vec![BOTH];
        },
        "show less than it allows (both)",
    );
    advice(|it| it.allowed_factors = vec![BOTH]);
}

#[test]
fn a_rule_that_lets_in_with_less_than_a_client_allows_is_refused() {
    let mut world = World::founded();
    let mut strict = client(1, "vpn", "198.51.100.1/32");
    strict.allowed_factors = vec![BOTH];
    world.done(put_client(strict, 0));
    let weak = |clients: &[u64]| vec![rule("weak", RuleFactors::Code, clients)];
    let rules = put_rules(&world, weak(&[]));
    let outcome = world.change(rules);
    assert_eq!(outcome.refusal(), Refusal::Invalid);
    let said = "rule \"weak\" would let in with less than client \"vpn\" allows (both)";
    assert!(outcome.detail.starts_with(said), "{}", outcome.detail);
    world.done(put_client(client(2, "gw", "198.51.100.2/32"), 0));
    let rules = put_rules(&world, weak(&[2]));
    world.done(rules);
}

#[test]
fn a_client_that_allows_less_than_a_rule_lets_in_with_is_refused() {
    let mut world = World::founded();
    let revision = world.done(put_client(client(1, "vpn", "198.51.100.1/32"), 0));
    let password = rule("weak", RuleFactors::Password, &[1]);
    let rules = put_rules(&world, vec![password]);
    world.done(rules);
    let mut strict = client(1, "vpn", "198.51.100.1/32");
    strict.allowed_factors = vec![BOTH];
    let outcome = world.change(put_client(strict, revision.revision));
    assert_eq!(outcome.refusal(), Refusal::Invalid);
    assert!(
        outcome.detail.contains("rule \"weak\""),
        "{}",
        outcome.detail
    );
}

#[test]
fn asking_for_no_proof_at_all_is_warned_of() {
    let no = MessageAuthenticatorMode::No.into();
    assert!(advice(|it| it.message_authenticator = no).contains("CVE-2024-3596"));
    assert_eq!(advice(|it| it.message_authenticator = AUTO), "");
    assert_eq!(advice(|_| {}), "");
}

#[test]
fn a_weaker_mode_is_warned_of_and_a_stricter_one_is_not() {
    use MessageAuthenticatorMode::{Auto, LimitProxyState, Require, Unspecified};
    let mut world = World::founded();
    let mut revision = 0;
    let mut set = |mode: MessageAuthenticatorMode| {
        let mut it = client(1, "vpn", "198.51.100.1/32");
        it.message_authenticator = mode.into();
        let outcome = world.done(put_client(it, revision));
        revision = outcome.revision;
        outcome.detail
    };
    assert_eq!(set(Unspecified), "");
    assert!(set(Auto).contains("require became auto"));
    assert!(set(LimitProxyState).contains("auto became limit-proxy-state"));
    assert_eq!(set(Auto), "");
    assert_eq!(set(Require), "");
}

#[test]
fn a_client_learns_once_and_stays_at_its_revision() {
    let mut world = World::founded();
    let revision = learning(&mut world);
    let before = world.head.clients_revision;
    world.done(learn(revision));
    let learnt = stored(&world);
    assert_eq!(learnt.message_authenticator_learnt, START);
    assert_eq!(learnt.revision, revision);
    assert_eq!(
        world.head.clients_revision,
        before + 1,
        "copies are read anew"
    );
    world.at = Timestamp::from_millis(START + 1000);
    let contents = world.contents();
    world.done(learn(revision));
    assert_eq!(
        world.contents(),
        contents,
        "the second time changes nothing"
    );
    assert_eq!(world.last_audit().action, "client.learn");
}

#[test]
fn only_a_client_that_learns_is_taught_and_only_as_the_node_knew_it() {
    let mut world = World::founded();
    let plain = world.done(put_client(client(1, "vpn", "198.51.100.1/32"), 0));
    assert_eq!(world.refused(learn(plain.revision)), Refusal::State);
    assert_eq!(world.refused(learn(9)), Refusal::Revision);
    world.done(Kind::RemoveClient(RemoveClient {
        id: 1,
        expected_revision: plain.revision,
    }));
    assert_eq!(world.refused(learn(plain.revision)), Refusal::NotFound);
}

#[test]
fn what_was_learnt_stays_until_the_mode_is_set_anew() {
    let mut world = World::founded();
    let revision = learning(&mut world);
    world.done(learn(revision));
    let mut same = client(1, "gateway", "198.51.100.1/32");
    same.message_authenticator = AUTO;
    let renamed = world.done(put_client(same.clone(), revision));
    assert_eq!(stored(&world).message_authenticator_learnt, START);
    let anew = Kind::PutClient(PutClient {
        client: Some(same.clone()),
        expected_revision: renamed.revision,
        learn_anew: true,
    });
    let anew = world.done(anew);
    assert!(anew.detail.contains("is forgotten"), "{}", anew.detail);
    assert_eq!(stored(&world).message_authenticator_learnt, 0);
    world.done(learn(anew.revision));
    let strict = world.done(put_client(
        client(1, "vpn", "198.51.100.1/32"),
        anew.revision,
    ));
    assert_eq!(stored(&world).message_authenticator_learnt, 0);
    assert_eq!(world.refused(learn(strict.revision)), Refusal::State);
}

#[test]
fn an_operator_cannot_say_that_a_client_has_learnt() {
    let mut world = World::founded();
    let mut said = client(1, "vpn", "198.51.100.1/32");
    said.message_authenticator = AUTO;
    said.message_authenticator_learnt = 7;
    world.done(put_client(said, 0));
    assert_eq!(stored(&world).message_authenticator_learnt, 0);
}
