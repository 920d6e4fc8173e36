//! What is put back unless it is confirmed.

use super::*;

const MINUTES: u64 = 60_000;

fn put(settings: Settings, revision: u64, minutes: u64) -> Kind {
    Kind::PutSettings(PutSettings {
        settings: Some(settings),
        expected_revision: revision,
        confirm_within: u32::try_from(minutes * MINUTES).expect("a short span"),
    })
}

fn failures(count: u32) -> Settings {
    Settings {
        limits: Some(Limits {
            strict_failures: count,
            ..Limits::default()
        }),
        ..Settings::default()
    }
}

fn in_force(world: &World) -> u32 {
    let limits = query::limits(&world.tables);
    limits.expect("readable").strict_failures
}

fn end(subject: end_trial::Subject, confirmed: bool) -> Kind {
    end_of(subject, confirmed, 0)
}

fn end_of(subject: end_trial::Subject, confirmed: bool, revision: u64) -> Kind {
    Kind::EndTrial(EndTrial {
        subject: subject.into(),
        confirmed,
        revision,
    })
}

fn rules(names: &[&str]) -> Rules {
    let rule = |name: &&str| Rule {
        name: (*name).into(),
        factors: RuleFactors::Deny.into(),
        r#match: Some(RuleMatch {
            users: vec!["mallory".into()],
            ..RuleMatch::default()
        }),
        ..Rule::default()
    };
    Rules {
        revision: 0,
        rules: names.iter().map(rule).collect(),
    }
}

#[test]
fn what_nobody_confirms_is_put_back_by_the_first_entry_after_its_time() {
    let mut world = World::founded();
    world.done(put(failures(5), 1, 0));
    assert_eq!(world.done(put(failures(9), 2, 10)).revision, 3);
    world.passes(Duration::from_millis(10 * MINUTES - 1));
    world.entry();
    assert_eq!(in_force(&world), 9);
    world.passes(Duration::from_millis(1));
    world.entry();
    assert_eq!((in_force(&world), world.head.settings_revision), (5, 4));
    assert_eq!(world.head.trial_ends, 0);
    let audit = world.last_audit();
    assert_eq!(
        (&*audit.action, &*audit.subject),
        ("trial.revert", "settings")
    );
    assert!(
        audit.before.contains("strict_failures=9"),
        "{}",
        audit.before
    );
}

#[test]
fn what_is_confirmed_stays() {
    let mut world = World::founded();
    world.done(put(failures(9), 1, 10));
    world.done(end(end_trial::Subject::Settings, true));
    world.passes(Duration::from_millis(60 * MINUTES));
    world.entry();
    assert_eq!(in_force(&world), 9);
    let again = world.refused(end(end_trial::Subject::Settings, true));
    assert_eq!(again, Refusal::NotFound);
}

#[test]
fn an_operator_may_put_it_back_at_once_and_nothing_replaces_it_meanwhile() {
    let mut world = World::founded();
    world.done(put(failures(9), 1, 10));
    assert_eq!(world.refused(put(failures(7), 2, 0)), Refusal::State);
    world.done(end(end_trial::Subject::Settings, false));
    assert_eq!(in_force(&world), 3);
    world.done(put(failures(7), 3, 0));
}

#[test]
fn rules_and_settings_are_on_trial_each_by_itself() {
    let mut world = World::founded();
    let put_rules = |names: &[&str], revision, minutes: u64| {
        Kind::PutRules(PutRules {
            rules: Some(rules(names)),
            expected_revision: revision,
            confirm_within: u32::try_from(minutes * MINUTES).expect("a short span"),
        })
    };
    world.done(put_rules(&["old"], 1, 0));
    world.done(put_rules(&["new", "newer"], 2, 5));
    world.done(put(failures(9), 1, 10));
    world.passes(Duration::from_millis(6 * MINUTES));
    world.entry();
    let names = |world: &World| {
        let rules = query::rules(&world.tables).expect("readable").rules;
        rules.into_iter().map(|rule| rule.name).collect::<Vec<_>>()
    };
    assert_eq!(
        (names(&world), in_force(&world)),
        (vec!["old".to_owned()], 9)
    );
    world.passes(Duration::from_millis(6 * MINUTES));
    world.entry();
    assert_eq!(in_force(&world), 3);
}

#[test]
fn a_client_that_rules_name_which_may_come_back_is_not_removed() {
    let mut world = World::founded();
    world.done(put_client(client(7, "vpn", "198.51.100.7/32"), 0));
    let id = 7;
    let mut named = rules(&["old"]);
    named.rules[0].r#match = Some(RuleMatch {
        clients: vec![id],
        ..RuleMatch::default()
    });
    let put = |rules, revision, confirm_within| {
        Kind::PutRules(PutRules {
            rules: Some(rules),
            expected_revision: revision,
            confirm_within,
        })
    };
    world.done(put(named, 1, 0));
    world.done(put(rules(&["new"]), 2, 60_000));
    let removed = world.refused(Kind::RemoveClient(RemoveClient {
        id,
        expected_revision: 1,
    }));
    assert_eq!(removed, Refusal::State);
}

#[test]
fn the_time_to_confirm_is_a_minute_to_a_day() {
    for within in [59_999, 86_400_001] {
        let odd = Kind::PutSettings(PutSettings {
            settings: Some(failures(9)),
            expected_revision: 1,
            confirm_within: within,
        });
        assert_eq!(World::founded().refused(odd), Refusal::Invalid, "{within}");
    }
}

#[test]
fn a_late_confirmation_does_not_keep_somebody_elses_next_trial() {
    let mut world = World::founded();
    let settings = end_trial::Subject::Settings;
    assert_eq!(world.done(put(failures(9), 1, 10)).revision, 2);
    world.done(end(settings, false));
    assert_eq!(world.done(put(failures(8), 3, 10)).revision, 4);
    for confirmed in [true, false] {
        let late = end_of(settings, confirmed, 2);
        assert_eq!(world.refused(late), Refusal::Revision);
    }
    world.done(end_of(settings, true, 4));
    assert_eq!(world.last_audit().after, "revision=4");
    assert_eq!(in_force(&world), 8);
}

#[test]
fn what_is_learnt_during_a_trial_does_not_hide_it_from_who_began_it() {
    let mut world = World::founded();
    let settings = end_trial::Subject::Settings;
    assert_eq!(world.done(put(failures(9), 1, 10)).revision, 2);
    world.head.settings_revision = 3;
    world.done(end_of(settings, true, 2));
    assert_eq!(world.done(put(failures(8), 3, 10)).revision, 4);
    world.head.settings_revision = 5;
    world.done(end_of(settings, true, 5));
}
