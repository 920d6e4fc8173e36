//! Which lists of rules are taken, and what is wrong with the others.

use super::*;
use crate::ledger::storage::{AttributeType, NasMatch, RuleAttribute, RuleMatch, Rules};
use crate::radius::{Number, Ungrantable};

fn rule(name: &str) -> storage::Rule {
    storage::Rule {
        name: name.to_owned(),
        factors: RuleFactors::PasswordAndCode.into(),
        r#match: Some(RuleMatch {
            groups: vec!["vpn".to_owned()],
            ..RuleMatch::default()
        }),
        ..storage::Rule::default()
    }
}

fn text(kind: u32, value: &str) -> RuleAttribute {
    RuleAttribute {
        kind,
        r#type: AttributeType::Text.into(),
        value: value.to_owned(),
        ..RuleAttribute::default()
    }
}

fn fault_of(rules: Vec<storage::Rule>) -> Fault {
    let rules = Rules { revision: 1, rules };
    parse(&rules).expect_err("a fault").fault
}

/// The fault of one rule that was changed so.
fn fault(change: impl FnOnce(&mut storage::Rule)) -> Fault {
    let mut changed = rule("staff");
    change(&mut changed);
    fault_of(vec![changed])
}

fn condition(change: impl FnOnce(&mut RuleMatch)) -> Fault {
    fault(|rule| change(rule.r#match.as_mut().unwrap()))
}

#[test]
fn a_list_of_rules_is_read() {
    let mut last = rule("all others");
    last.r#match = None;
    last.factors = RuleFactors::Deny.into();
    let mut staff = rule("staff");
    staff.attributes = vec![text(11, "staff"), text(25, "OU={groups};")];
    let rules = parse(&Rules {
        revision: 1,
        rules: vec![staff, last],
    });
    let rules = rules.unwrap();
    assert_eq!(rules[0].when.groups, ["vpn"]);
    assert!(matches!(&rules[0].then, Then::Ask(ask) if ask.grants.len() == 2));
    assert!(rules[1].when.is_empty() && rules[1].then == Then::Deny);
}

#[test]
fn two_rules_of_one_name_are_refused() {
    assert_eq!(fault_of(vec![rule("a"), rule("A")]), Fault::Duplicate);
}

#[test]
fn a_rule_behind_one_that_matches_everything_is_refused() {
    let mut all = rule("all");
    all.r#match = Some(RuleMatch::default());
    let unreachable = Fault::Unreachable("all".to_owned());
    assert_eq!(fault_of(vec![all, rule("b")]), unreachable);
}

#[test]
fn a_rule_without_a_name_or_factors_is_refused() {
    assert!(matches!(fault(|it| it.name.clear()), Fault::Name(_)));
    assert_eq!(fault(|it| it.factors = 0), Fault::Factors);
    assert_eq!(fault(|it| it.factors = 9), Fault::Factors);
    assert_eq!(fault(|it| it.burn_code = 9), Fault::BurnCode);
}

#[test]
fn a_rule_that_denies_grants_nothing() {
    let deny = RuleFactors::Deny.into();
    let grants = fault(|it| {
        it.factors = deny;
        it.attributes = vec![text(11, "staff")];
    });
    assert_eq!(grants, Fault::DenyGrants);
    let burns = fault(|it| (it.factors, it.burn_code) = (deny, 1));
    assert_eq!(burns, Fault::DenyGrants);
}

#[test]
fn a_rule_for_users_without_a_token_ends_on_a_date() {
    let forward = |it: &mut storage::Rule| {
        it.factors = RuleFactors::Forward.into();
        it.forward = "old".into();
    };
    let initial = |it: &mut storage::Rule| {
        it.factors = RuleFactors::Password.into();
        it.initial_logins = 20;
    };
    assert_eq!(fault(forward), Fault::NoUntil);
    assert_eq!(fault(initial), Fault::NoUntil);
    let read = |change: &dyn Fn(&mut storage::Rule)| {
        let mut rule = rule("a");
        change(&mut rule);
        rule.until = 5;
        let rules = vec![rule];
        let read = parse(&Rules { revision: 1, rules }).expect("a rule");
        assert!(read[0].when.without_token && !read[0].when.is_empty());
        read[0].then.clone()
    };
    let Then::Ask(ask) = read(&forward) else {
        panic!("it asks");
    };
    assert_eq!(ask.to.as_deref(), Some("old"));
    let Then::Ask(ask) = read(&initial) else {
        panic!("it asks");
    };
    assert_eq!((ask.factors, ask.initial_logins), (Factors::Password, 20));
}

#[test]
fn a_rule_that_forwards_names_a_server_and_asks_for_nothing_itself() {
    let fault_of = |change: fn(&mut storage::Rule)| {
        fault(|it| {
            it.factors = RuleFactors::Forward.into();
            it.forward = "old".into();
            it.until = 5;
            change(it);
        })
    };
    assert_eq!(fault_of(|it| it.forward.clear()), Fault::To);
    assert_eq!(fault_of(|it| it.forward = "o d".into()), Fault::To);
    let code = |it: &mut storage::Rule| it.factors = RuleFactors::Code.into();
    assert_eq!(fault_of(code), Fault::To);
    let asks: [fn(&mut storage::Rule); 4] = [
        |it| it.burn_code = 2,
        |it| it.prompt = 2,
        |it| it.passcode = 1,
        |it| it.account = Some(storage::AccountCheck::default()),
    ];
    for change in asks {
        assert_eq!(fault_of(change), Fault::ForwardAsks);
    }
    let initial = fault_of(|it| it.initial_logins = 1);
    assert_eq!(initial, Fault::InitialFactors);
}

#[test]
fn initial_logins_are_few_and_by_the_password_alone() {
    let with = |factors: RuleFactors, logins| {
        fault(|it| {
            it.factors = factors.into();
            it.initial_logins = logins;
            it.until = 5;
        })
    };
    assert_eq!(with(RuleFactors::Password, 21), Fault::InitialLogins);
    for factors in [RuleFactors::PasswordAndCode, RuleFactors::Code] {
        assert_eq!(with(factors, 1), Fault::InitialFactors);
    }
}

#[test]
fn a_rule_that_ends_hides_none_behind_it() {
    let mut first = rule("a");
    first.r#match = None;
    first.until = 5;
    let rules = vec![first, rule("b")];
    assert!(parse(&Rules { revision: 1, rules }).is_ok());
}

#[test]
fn a_rule_that_asks_for_no_code_burns_none() {
    let password = RuleFactors::Password.into();
    let burns = fault(|it| (it.factors, it.burn_code) = (password, 2));
    assert_eq!(burns, Fault::NoCode);
}

#[test]
fn the_account_may_be_asked_for_beside_whatever_is_shown_but_not_beside_nothing() {
    let read = |factors: RuleFactors, groups: &[&str]| {
        let groups = groups.iter().map(ToString::to_string).collect();
        let one = storage::Rule {
            factors: factors.into(),
            account: Some(storage::AccountCheck { groups }),
            ..rule("it")
        };
        Rule::read(&one).map(|rule| match rule.then {
            Then::Ask(ask) => (ask.factors, ask.account.map(|groups| groups.len())),
            Then::Deny => panic!("it denies"),
        })
    };
    for (factors, shown) in [
        (RuleFactors::PasswordAndCode, Factors::PasswordAndCode),
        (RuleFactors::Password, Factors::Password),
        (RuleFactors::Code, Factors::CodeAndAccount),
    ] {
        assert_eq!(read(factors, &[]), Ok((shown, Some(0))));
        assert_eq!(read(factors, &["VPN", "Staff"]), Ok((shown, Some(2))));
    }
    assert_eq!(read(RuleFactors::Deny, &[]), Err(Fault::DenyGrants));
    let empty = read(RuleFactors::Password, &["VPN", ""]);
    assert!(matches!(empty, Err(Fault::Condition(..))), "{empty:?}");
}

#[test]
fn a_condition_that_can_never_hold_is_refused() {
    let one = |text: &str| vec![text.to_owned()];
    for fault in [
        condition(|it| it.users = one(" alice")),
        condition(|it| it.groups = one("")),
        condition(|it| it.domains = one("@contoso.example")),
        condition(|it| it.addresses = one("198.51.100.7")),
        condition(|it| it.addresses = one("198.51.100.7/24")),
        condition(|it| it.addresses = one("contoso.example")),
    ] {
        assert!(matches!(fault, Fault::Condition(..)), "{fault}");
    }
    let many = condition(|it| it.groups = vec!["vpn".to_owned(); 65]);
    assert_eq!(many, Fault::Many("groups", 64));
}

#[test]
fn a_test_of_an_attribute_that_no_request_brings_is_refused() {
    let nas = |kind, value: &str, prefix| {
        let value = value.to_owned();
        condition(|it| {
            it.nas = vec![NasMatch {
                kind,
                value,
                prefix,
            }];
        })
    };
    assert_eq!(nas(6, "2", false), Fault::Nas(6));
    assert_eq!(nas(300, "2", false), Fault::Nas(300));
    for fault in [
        nas(32, "", true),
        nas(4, "fw1", false),
        nas(4, "192.0.2.1", true),
        nas(61, "Virtual", false),
    ] {
        assert!(matches!(fault, Fault::Condition(..)), "{fault}");
    }
}

#[test]
fn an_attribute_that_no_accept_may_carry_is_refused() {
    let attribute = |attribute| fault(|it| it.attributes = vec![attribute]);
    for number in [2, 24, 33, 79, 80] {
        let elsewhere = Fault::Ungrantable(Ungrantable::Elsewhere(number));
        assert_eq!(attribute(text(number.into(), "x")), elsewhere);
    }
    let hidden = Fault::Ungrantable(Ungrantable::Hidden(Number::Standard(69)));
    assert_eq!(attribute(text(69, "x")), hidden);
    for number in [0, 26] {
        let fault = attribute(text(number, "x"));
        let unassigned = matches!(fault, Fault::Ungrantable(Ungrantable::Unassigned(_)));
        assert!(unassigned, "{fault}");
    }
    let vendor = RuleAttribute {
        vendor: 9,
        ..text(11, "x")
    };
    for none in [text(256, "x"), vendor] {
        assert!(matches!(attribute(none), Fault::NoNumber(_)));
    }
}

#[test]
fn a_value_that_does_not_fit_its_type_is_refused() {
    let filter = Number::Standard(11);
    let attribute = |attribute| fault(|it| it.attributes = vec![attribute]);
    assert_eq!(attribute(text(11, "")), Fault::Length(filter, 253));
    let long = "x".repeat(254);
    assert_eq!(attribute(text(11, &long)), Fault::Length(filter, 253));
    let brace = Fault::Template(filter, TemplateError::Brace);
    assert_eq!(attribute(text(11, "{")), brace);
    let typed = |kind: AttributeType, tag, value: &str| {
        attribute(RuleAttribute {
            r#type: kind.into(),
            tag,
            ..text(11, value)
        })
    };
    for fault in [
        typed(AttributeType::Integer, 0, "{user}"),
        typed(AttributeType::Ipv4, 0, "198.51.100"),
        typed(AttributeType::Text, 1, "x"),
        typed(AttributeType::TaggedText, 32, "{user}"),
        typed(AttributeType::TaggedText, 256, "x"),
    ] {
        assert!(matches!(fault, Fault::Value(..)), "{fault}");
    }
    let none = typed(AttributeType::Unspecified, 0, "x");
    assert_eq!(none, Fault::Type(filter));
    let many = fault(|it| it.attributes = vec![text(11, "x"); 33]);
    assert_eq!(many, Fault::Many("attributes", 32));
}

#[test]
fn groups_of_the_account_are_granted_only_where_the_directory_is_asked() {
    let mut granting = rule("staff");
    granting.attributes = vec![text(11, "x"), text(25, "{account.group:vpn-}")];
    let rules = |rule: &storage::Rule| Rules {
        revision: 1,
        rules: vec![rule.clone()],
    };
    let error = parse(&rules(&granting)).unwrap_err();
    assert_eq!(error.fault, Fault::NoAccount(Number::Standard(25)));
    granting.account = Some(storage::AccountCheck::default());
    assert!(parse(&rules(&granting)).is_ok());
}

/// A Tunnel-Password, sealed with a text of so many octets.
fn tunnel_password(octets: usize) -> RuleAttribute {
    RuleAttribute {
        kind: 69,
        r#type: AttributeType::TaggedSalted.into(),
        tag: 1,
        // Version, key id, nonce, text and tag.
        sealed: [vec![1], vec![0; 4 + 24 + octets + 16]].concat(),
        ..RuleAttribute::default()
    }
}

#[test]
fn a_secret_is_stored_sealed_or_not_at_all() {
    let attribute = |change: fn(&mut RuleAttribute)| {
        let mut changed = tunnel_password(6);
        change(&mut changed);
        fault(|it| it.attributes = vec![changed])
    };
    let number = Number::Standard(69);
    assert_eq!(
        attribute(|it| it.value = "s3cret".into()),
        Fault::Unsealed(number)
    );
    assert_eq!(attribute(|it| it.sealed.clear()), Fault::Unsealed(number));
    let clear = AttributeType::TaggedText.into();
    let fault = |it: &mut RuleAttribute| it.r#type = AttributeType::TaggedText.into();
    let hidden = Fault::Ungrantable(Ungrantable::Hidden(number));
    assert_eq!(attribute(fault), hidden);
    let untagged = |it: &mut RuleAttribute| it.r#type = AttributeType::Salted.into();
    assert_eq!(attribute(untagged), hidden);
    let filter = RuleAttribute {
        kind: 11,
        r#type: clear,
        ..tunnel_password(6)
    };
    let sealed = self::fault(|it| it.attributes = vec![filter]);
    assert_eq!(sealed, Fault::Sealed(Number::Standard(11)));
}

#[test]
fn a_secret_that_is_too_long_once_it_is_hidden_is_refused() {
    let long = |octets| fault(|it| it.attributes = vec![tunnel_password(octets)]);
    for octets in [0, 240] {
        assert_eq!(long(octets), Fault::Length(Number::Standard(69), 239));
    }
    let mut staff = rule("staff");
    staff.attributes = vec![tunnel_password(1), tunnel_password(239)];
    let rules = vec![staff];
    assert!(parse(&Rules { revision: 1, rules }).is_ok());
}

#[test]
fn more_rules_than_there_may_be_are_refused() {
    let many = (0..257).map(|number| rule(&number.to_string()));
    assert_eq!(fault_of(many.collect()), Fault::List);
}

#[test]
fn a_fault_names_its_rule_so_that_it_cannot_steer_the_screen() {
    let rules = Rules {
        revision: 1,
        rules: vec![rule("staff\u{202e}")],
    };
    let error = parse(&rules).unwrap_err().to_string();
    assert!(error.starts_with("rule \"staff\\u{202e}\": "), "{error}");
}

#[test]
fn a_passcode_is_sent_only_where_a_challenge_can_be_answered_by_asking_for_one() {
    use storage::{PasscodeWay as Stored, Prompt as Asked, RuleFactors as Show};
    let fault = |factors: Show, prompt: Asked, passcode: i32| {
        let one = storage::Rule {
            factors: factors.into(),
            prompt: prompt.into(),
            passcode,
            ..rule("it")
        };
        let rules = Rules {
            revision: 1,
            rules: vec![one],
        };
        parse(&rules).err().map(|error| error.fault)
    };
    let email: i32 = Stored::Email.into();
    for factors in [Show::PasswordAndCode, Show::Code] {
        for prompt in [Asked::Challenge, Asked::Either] {
            assert_eq!(fault(factors, prompt, email), None);
        }
        let appended = fault(factors, Asked::Append, email);
        assert_eq!(appended, Some(Fault::PasscodePrompt));
    }
    let none = fault(Show::Password, Asked::Unspecified, email);
    assert_eq!(none, Some(Fault::NoPasscode));
    let denied = fault(Show::Deny, Asked::Unspecified, email);
    assert_eq!(denied, Some(Fault::DenyGrants));
    let unknown = fault(Show::Code, Asked::Challenge, 99);
    assert_eq!(unknown, Some(Fault::Passcode));
}
