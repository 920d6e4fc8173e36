use super::*;

#[test]
fn rules_have_a_revision_of_their_own() {
    let mut world = World::founded();
    let put = |expected_revision| {
        Kind::PutRules(PutRules {
            rules: Some(Rules::default()),
            expected_revision,
            confirm_within: 0,
        })
    };
    assert_eq!(world.done(put(1)).revision, 2);
    assert_eq!(world.head.rules_revision, 2);
    assert_eq!(query::rules(&world.tables).expect("readable").revision, 2);
    assert_eq!(world.refused(put(1)), Refusal::Revision);
}

fn put_rules(rules: Vec<Rule>, expected_revision: u64) -> Kind {
    Kind::PutRules(PutRules {
        rules: Some(Rules { revision: 0, rules }),
        expected_revision,
        confirm_within: 0,
    })
}

fn rule(name: &str, clients: &[u64]) -> Rule {
    Rule {
        name: name.into(),
        r#match: Some(RuleMatch {
            clients: clients.to_vec(),
            ..RuleMatch::default()
        }),
        factors: RuleFactors::Code.into(),
        ..Rule::default()
    }
}

#[test]
fn rules_that_contradict_themselves_are_refused_with_the_reason() {
    let mut world = World::founded();
    let twice = put_rules(vec![rule("staff", &[]), rule("late", &[])], 1);
    let outcome = world.change(twice);
    assert_eq!(outcome.refusal(), Refusal::Invalid);
    assert!(
        outcome.detail.contains("\"late\": it is never reached"),
        "{outcome:?}"
    );
    let strange = put_rules(vec![rule("staff", &[4711])], 1);
    let outcome = world.change(strange);
    assert!(
        outcome.detail.contains("there is no client 4711"),
        "{outcome:?}"
    );
    assert_eq!(world.head.rules_revision, 1);
}

#[test]
fn a_client_that_a_rule_names_is_not_removed() {
    let mut world = World::founded();
    world.done(put_client(client(1, "vpn", "198.51.100.1/32"), 0));
    world.done(put_rules(vec![rule("staff", &[1])], 1));
    let remove = || {
        Kind::RemoveClient(RemoveClient {
            id: 1,
            expected_revision: 1,
        })
    };
    assert_eq!(world.refused(remove()), Refusal::State);
    world.done(put_rules(Vec::new(), 2));
    world.done(remove());
}

#[test]
fn the_first_rule_and_the_last_say_what_decides_from_now_on() {
    let mut world = World::founded();
    let first = world.done(put_rules(vec![rule("staff", &[])], 1));
    assert!(first.detail.contains("rules alone decide"), "{first:?}");
    let same = world.done(put_rules(vec![rule("all", &[])], 2));
    assert_eq!(same.detail, "");
    let last = world.done(put_rules(Vec::new(), 3));
    assert!(last.detail.contains("each client's factors"), "{last:?}");
}

#[test]
fn the_audit_tells_of_a_secret_that_it_is_another() {
    let mut world = World::founded();
    let secret = |octet| Rule {
        attributes: vec![RuleAttribute {
            kind: 69,
            r#type: AttributeType::TaggedSalted.into(),
            tag: 1,
            sealed: [vec![1], vec![octet; 4 + 24 + 6 + 16]].concat(),
            ..RuleAttribute::default()
        }],
        ..rule("staff", &[])
    };
    world.done(put_rules(vec![secret(1)], 1));
    world.done(put_rules(vec![secret(2)], 2));
    let audit = world.last_audit();
    for text in [&audit.before, &audit.after] {
        assert!(text.contains("69:tagged_salted:1=sealed:"), "{text}");
    }
    assert_ne!(audit.before, audit.after);
}

#[test]
fn the_audit_tells_which_rules_were_changed() {
    let mut world = World::founded();
    let staff = || Rule {
        attributes: vec![RuleAttribute {
            kind: 26,
            vendor: 12356,
            vendor_kind: 1,
            r#type: AttributeType::Text.into(),
            value: "{groups}".into(),
            ..RuleAttribute::default()
        }],
        ..rule("staff", &[])
    };
    let mut guests = rule("guests", &[]);
    guests.r#match.as_mut().expect("there").groups = vec!["guests".into()];
    world.done(put_rules(vec![guests.clone(), staff()], 1));
    guests.factors = RuleFactors::Deny.into();
    world.done(put_rules(vec![guests, staff()], 2));
    let audit = world.last_audit();
    let told = (&*audit.before, &*audit.after);
    let code = "rule.\"guests\".factors=RULE_FACTORS_CODE";
    let deny = "rule.\"guests\".factors=RULE_FACTORS_DENY";
    assert_eq!(told, (code, deny));
}
