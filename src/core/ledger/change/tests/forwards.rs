//! Rules that forward, and the old servers of the settings: neither without the other.

use super::*;

const MINUTE: u32 = 60_000;

fn servers(names: &[&str]) -> Settings {
    let forward = |name: &&str| {
        let mut forward = Forward::default();
        (*name).clone_into(&mut forward.name);
        forward.servers = vec!["198.51.100.7".into()];
        forward.secret = forward_settings::sealed(16);
        forward
    };
    Settings {
        forwards: names.iter().map(forward).collect(),
        ..Settings::default()
    }
}

fn put_settings(world: &World, names: &[&str], confirm_within: u32) -> Kind {
    Kind::PutSettings(PutSettings {
        settings: Some(servers(names)),
        expected_revision: world.head.settings_revision,
        confirm_within,
    })
}

fn put_rules(world: &World, to: &[&str], confirm_within: u32) -> Kind {
    let rule = |to: &&str| Rule {
        name: format!("to {to}"),
        factors: RuleFactors::Forward.into(),
        until: START,
        forward: (*to).into(),
        ..Rule::default()
    };
    Kind::PutRules(PutRules {
        rules: Some(Rules {
            revision: 0,
            rules: to.iter().map(rule).collect(),
        }),
        expected_revision: world.head.rules_revision,
        confirm_within,
    })
}

fn told(world: &mut World, kind: Kind) -> String {
    let outcome = world.change(kind);
    assert_eq!(outcome.refusal(), Refusal::Invalid);
    outcome.detail
}

#[test]
fn a_rule_forwards_to_no_server_that_the_settings_do_not_have() {
    let mut world = World::founded();
    let unknown = put_rules(&world, &["old"], 0);
    let said = "rule \"to old\" forwards to \"old\", which the settings do not have";
    assert!(told(&mut world, unknown).starts_with(said));
    let settings = put_settings(&world, &["old"], 0);
    world.done(settings);
    let known = put_rules(&world, &["old"], 0);
    world.done(known);
}

#[test]
fn settings_do_not_lose_a_server_that_a_rule_forwards_to() {
    let mut world = World::founded();
    let settings = put_settings(&world, &["old", "older"], 0);
    world.done(settings);
    let rules = put_rules(&world, &["old"], 0);
    world.done(rules);
    let without = put_settings(&world, &["older"], 0);
    assert!(told(&mut world, without).contains("rule \"to old\""));
    let with = put_settings(&world, &["old"], 0);
    world.done(with);
}

#[test]
fn neither_comes_back_from_a_trial_without_the_other() {
    let mut world = World::founded();
    let trial = put_settings(&world, &["old"], 10 * MINUTE);
    world.done(trial);
    let rules = put_rules(&world, &["old"], 0);
    told(&mut world, rules);
    let mut world = World::founded();
    let settings = put_settings(&world, &["old"], 0);
    world.done(settings);
    let rules = put_rules(&world, &["old"], 0);
    world.done(rules);
    let trial = put_rules(&world, &[], 10 * MINUTE);
    world.done(trial);
    let without = put_settings(&world, &[], 0);
    told(&mut world, without);
}
