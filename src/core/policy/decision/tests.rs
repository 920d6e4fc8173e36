//! Which rule decides, condition by condition, and what an Accept is granted.

use super::*;
use crate::ledger::rules;
use crate::ledger::storage::{
    AttributeType, NasMatch, RuleAttribute, RuleFactors, RuleHours, RuleMatch, Rules,
};
use crate::policy::Mismatch;

const ROOM: usize = 4000;

fn user() -> storage::User {
    storage::User {
        name: "Alice@Contoso.example".into(),
        aliases: vec!["al".into(), "CONTOSO\\alice".into()],
        groups: vec!["Staff".into(), "vpn-a".into(), "vpn-b".into()],
        ..storage::User::default()
    }
}

/// The same in groups of a directory.
fn synced() -> storage::User {
    storage::User {
        groups: vec!["Staff".into()],
        synced: Some(storage::SyncedFacts {
            groups: vec!["staff".into(), "vpn-c".into()],
            group_ids: vec!["CN=staff,DC=corp".into(), "CN=vpn-c,DC=corp".into()],
            ..storage::SyncedFacts::default()
        }),
        ..user()
    }
}

#[test]
fn groups_of_the_directory_are_matched_by_name_and_by_distinguished_name() {
    for group in ["Staff", "VPN-C", "cn=vpn-c,dc=corp"] {
        let rules = read(vec![rule("one", |it| it.groups = vec![group.into()])]);
        let user = synced();
        assert_eq!(mismatch(&rules[0].when, &facts(&user)), None, "{group}");
    }
    let rules = read(vec![rule("one", |it| it.groups = vec!["vpn-a".into()])]);
    let user = synced();
    let missed = mismatch(&rules[0].when, &facts(&user));
    assert_eq!(missed, Some(Mismatch::Group));
}

#[test]
fn groups_of_the_directory_fill_the_places_of_groups() {
    let mut granting = rule("one", |_| ());
    granting.attributes = vec![RuleAttribute {
        kind: 25,
        r#type: AttributeType::Text.into(),
        value: "{groups}".into(),
        ..RuleAttribute::default()
    }];
    let rules = read(vec![granting]);
    let terms = decide(&rules, &facts(&synced())).unwrap();
    assert_eq!(terms.grants.granted().len(), 2);
}

/// A rule that asks about the account and grants a Class so filled.
fn of_account(value: &str) -> Vec<Rule> {
    let class = RuleAttribute {
        kind: 25,
        r#type: AttributeType::Text.into(),
        value: value.into(),
        ..RuleAttribute::default()
    };
    read(vec![storage::Rule {
        account: Some(storage::AccountCheck::default()),
        attributes: vec![class],
        ..rule("one", |_| ())
    }])
}

#[test]
fn groups_that_the_directory_has_yet_to_tell_wait_and_take_room() {
    let rules = of_account("{user} {client} {user.name} {groups:,} {account.groups:,}");
    let user = synced();
    let terms = decide(&rules, &facts(&user)).unwrap();
    assert_eq!(terms.grants, Grants::default());
    let made = terms
        .account_grants
        .unwrap()
        .made(&["b".into(), "c".into()]);
    let made = made.unwrap().attributes();
    let expected = b"CONTOSO\\alice fw1 Alice@Contoso.example Staff,vpn-c b,c";
    assert_eq!(made[0].value(), Some(&expected[..]));
    let within = |room| {
        let facts = Facts {
            room,
            ..facts(&user)
        };
        decide(&rules, &facts).map(drop)
    };
    assert_eq!(within(RELAYED_OCTETS_MAX), Ok(()));
    let unfit = Unfit::Room(RELAYED_OCTETS_MAX, RELAYED_OCTETS_MAX - 1);
    let refused = Err(Refusal::Unfit("one".into(), unfit));
    assert_eq!(within(RELAYED_OCTETS_MAX - 1), refused);
}

#[test]
fn a_rule_that_names_no_groups_of_the_account_waits_for_nobody() {
    let rules = of_account("{groups}");
    let terms = decide(&rules, &facts(&synced())).unwrap();
    assert_eq!(terms.account_grants, None);
}

fn facts(user: &storage::User) -> Facts<'_> {
    Facts {
        client: ClientId(7),
        client_name: "fw1",
        user,
        has_token: false,
        typed: "CONTOSO\\alice",
        caller: Some([198, 51, 100, 7].into()),
        calling_station_id: Some(b"198.51.100.7"),
        called_station_id: Some(b"vpn-ssl"),
        nas_identifier: Some(b"fw1"),
        nas_ip_address: Some([192, 0, 2, 1].into()),
        nas_port_type: Some(5),
        nas_port_id: None,
        // A Saturday at noon.
        arrived: Timestamp::from_millis(1_795_867_200_000),
        room: ROOM,
    }
}

fn rule(name: &str, change: impl FnOnce(&mut RuleMatch)) -> storage::Rule {
    let mut when = RuleMatch::default();
    change(&mut when);
    storage::Rule {
        name: name.into(),
        r#match: Some(when),
        factors: RuleFactors::Code.into(),
        ..storage::Rule::default()
    }
}

fn read(rules: Vec<storage::Rule>) -> Vec<Rule> {
    rules::parse(&Rules { revision: 1, rules }).unwrap()
}

/// What an operator reads of a rule that was changed so; empty: it decides.
fn missed(change: impl FnOnce(&mut RuleMatch)) -> String {
    let rules = read(vec![rule("one", change)]);
    let user = user();
    let missed = mismatch(&rules[0].when, &facts(&user));
    missed.map(|why| why.to_string()).unwrap_or_default()
}

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|&text| text.into()).collect()
}

#[test]
fn each_condition_holds_by_one_of_its_values() {
    let holding: [fn(&mut RuleMatch); 10] = [
        |it| it.clients = vec![1, 7],
        |it| it.users = texts(&["bob", "alice@contoso.example"]),
        |it| it.users = texts(&["AL"]),
        |it| it.groups = texts(&["admins", "staff"]),
        |it| it.domains = texts(&["contoso.example"]),
        |it| it.domains = texts(&["contoso"]),
        |it| it.addresses = texts(&["2001:db8::/32", "198.51.100.0/24"]),
        |it| it.nas = vec![nas(32, "fw1", false), nas(30, "vpn-", true)],
        |it| it.nas = vec![nas(4, "192.0.2.1", false), nas(61, "5", false)],
        |it| it.hours = vec![hours(0b000_0001), hours(0b010_0000)],
    ];
    for (number, change) in holding.into_iter().enumerate() {
        assert_eq!(missed(change), "", "{number}");
    }
}

#[test]
fn the_first_condition_that_does_not_hold_is_named() {
    type Row<'a> = (fn(&mut RuleMatch), Mismatch<'a>);
    let failing: [Row<'_>; 7] = [
        (|it| it.clients = vec![1], Mismatch::Client),
        (|it| it.users = texts(&["alice"]), Mismatch::User),
        (|it| it.groups = texts(&["vpn"]), Mismatch::Group),
        (|it| it.domains = texts(&["example"]), Mismatch::Domain),
        (
            |it| it.addresses = texts(&["203.0.113.0/24"]),
            Mismatch::Address,
        ),
        (|it| it.hours = vec![hours(0b000_0001)], Mismatch::Hours),
        (
            |it| (it.clients, it.groups) = (vec![1], texts(&["vpn"])),
            Mismatch::Client,
        ),
    ];
    for (number, (change, why)) in failing.into_iter().enumerate() {
        assert_eq!(missed(change), why.to_string(), "{number}");
    }
}

#[test]
fn an_attribute_that_does_not_match_is_told_with_what_was_asked_and_seen() {
    let told = |wanted: &[NasMatch]| missed(|it| it.nas = wanted.to_vec());
    for (wanted, expected) in [
        (
            nas(32, "fw", false),
            "NAS-Identifier is not \"fw\", but \"fw1\"",
        ),
        (
            nas(30, "web", true),
            "Called-Station-Id does not begin with \"web\", but \"vpn-ssl\"",
        ),
        (
            nas(87, "a", true),
            "NAS-Port-Id does not begin with \"a\": the request has none",
        ),
        (
            nas(4, "192.0.2.7", false),
            "NAS-IP-Address is not 192.0.2.7, but 192.0.2.1",
        ),
        (
            nas(61, "15", false),
            "NAS-Port-Type is not Ethernet, but Virtual",
        ),
    ] {
        assert_eq!(told(&[nas(32, "fw1", false), wanted]), expected);
    }
}

fn nas(kind: u32, value: &str, prefix: bool) -> NasMatch {
    NasMatch {
        kind,
        value: value.into(),
        prefix,
    }
}

fn hours(days: u32) -> RuleHours {
    RuleHours {
        days,
        from: 8 * 60,
        to: 18 * 60,
        utc_offset: 0,
    }
}

#[test]
fn a_domain_that_the_user_only_typed_chooses_no_rule() {
    let rules = read(vec![rule("lax", |it| it.domains = texts(&["lax"]))]);
    let user = user();
    let typed = Facts {
        typed: "LAX\\alice",
        ..facts(&user)
    };
    assert_eq!(mismatch(&rules[0].when, &typed), Some(Mismatch::Domain));
}

#[test]
fn a_caller_without_an_address_is_in_no_network() {
    let rules = read(vec![rule("all", |it| it.addresses = texts(&["0.0.0.0/0"]))]);
    let user = user();
    let hidden = Facts {
        caller: None,
        ..facts(&user)
    };
    assert_eq!(mismatch(&rules[0].when, &hidden), Some(Mismatch::Address));
}

#[test]
fn the_first_rule_that_matches_decides() {
    let (user, deny) = (user(), RuleFactors::Deny.into());
    let mut rules = vec![
        rule("others", |it| it.clients = vec![1]),
        rule("staff", |it| it.groups = texts(&["staff"])),
        rule("rest", |_| {}),
    ];
    rules[2].factors = deny;
    let decided = decide(&read(rules.clone()), &facts(&user));
    assert_eq!(decided.unwrap().factors, Factors::Code);
    rules[1].factors = deny;
    let denied = Err(Refusal::Denied("staff".into()));
    assert_eq!(decide(&read(rules), &facts(&user)), denied);
}

#[test]
fn a_login_that_no_rule_matches_is_refused() {
    let rules = read(vec![rule("others", |it| it.clients = vec![1])]);
    assert_eq!(decide(&rules, &facts(&user())), Err(Refusal::NoMatch));
}

fn granting(attributes: &[(u32, AttributeType, &str)]) -> Vec<Rule> {
    let attributes = attributes.iter().map(|&(kind, of, value)| RuleAttribute {
        kind,
        r#type: of.into(),
        value: value.into(),
        ..RuleAttribute::default()
    });
    read(vec![storage::Rule {
        attributes: attributes.collect(),
        ..rule("staff", |_| {})
    }])
}

#[test]
fn an_accept_is_granted_what_the_rule_says_in_its_order() {
    let rules = granting(&[
        (25, AttributeType::Octets, "OU={group:vpn-};"),
        (11, AttributeType::Text, "{groups:,} of {user.name}"),
        (27, AttributeType::Integer, "3600"),
    ]);
    let terms = decide(&rules, &facts(&user())).unwrap();
    let attributes = terms.grants.opened(|_| None).unwrap();
    let values = attributes.iter().filter_map(Attribute::value);
    let values: Vec<_> = values.collect();
    let expected: [&[u8]; 4] = [
        b"OU=vpn-a;",
        b"OU=vpn-b;",
        b"Staff,vpn-a,vpn-b of Alice@Contoso.example",
        &[0, 0, 0x0e, 0x10],
    ];
    assert_eq!(values, expected);
}

#[test]
fn a_user_without_groups_is_granted_no_group() {
    let rules = granting(&[
        (25, AttributeType::Octets, "{groups}"),
        (11, AttributeType::Text, "{groups:,}"),
    ]);
    let lonely = storage::User {
        groups: Vec::new(),
        ..user()
    };
    let terms = decide(&rules, &facts(&lonely)).unwrap();
    assert_eq!(terms.grants, Grants::default());
}

#[test]
fn a_rule_that_cannot_be_carried_out_refuses_the_login() {
    let group = |group: String| storage::User {
        groups: vec![group],
        ..user()
    };
    let unfit = |rules: &[Rule], user: &storage::User, room| {
        let facts = Facts {
            room,
            ..facts(user)
        };
        match decide(rules, &facts) {
            Err(Refusal::Unfit(_, why)) => Some(why),
            _ => None,
        }
    };
    let text = granting(&[(11, AttributeType::Text, "{groups}")]);
    let long = group("x".repeat(254));
    assert!(matches!(
        unfit(&text, &long, ROOM),
        Some(Unfit::Attribute(_))
    ));
    let odd = group("a\nb".into());
    assert!(matches!(unfit(&text, &odd, ROOM), Some(Unfit::Value(..))));
    let fits = group("x".repeat(253));
    assert_eq!(unfit(&text, &fits, 254), Some(Unfit::Room(255, 254)));
    assert_eq!(unfit(&text, &fits, 255), None);
    let many = storage::User {
        groups: vec!["x".into(); 129],
        ..user()
    };
    assert_eq!(unfit(&text, &many, ROOM), Some(Unfit::Many(129)));
}

#[test]
fn a_group_that_looks_like_hex_digits_is_granted_as_it_is_called() {
    let rules = granting(&[(25, AttributeType::Octets, "{groups}")]);
    let user = storage::User {
        groups: vec!["0x41".into()],
        ..user()
    };
    let terms = decide(&rules, &facts(&user)).unwrap();
    let attributes = terms.grants.opened(|_| None).unwrap();
    assert_eq!(attributes[0].value(), Some(&b"0x41"[..]));
}

/// A rule that grants a Tunnel-Password, sealed with a text of so many octets.
fn secretive(octets: usize) -> Vec<Rule> {
    let sealed = RuleAttribute {
        kind: 69,
        r#type: AttributeType::TaggedSalted.into(),
        tag: 1,
        sealed: [vec![1], vec![0; 4 + 24 + octets + 16]].concat(),
        ..RuleAttribute::default()
    };
    read(vec![storage::Rule {
        attributes: vec![sealed],
        ..rule("staff", |_| {})
    }])
}

#[test]
fn a_sealed_value_is_opened_for_the_reply_and_without_it_nothing_is_granted() {
    let terms = decide(&secretive(6), &facts(&user())).unwrap();
    assert_eq!(format!("{:?}", terms.grants), "[Standard(69)]");
    let opened = terms
        .grants
        .opened(|_| Some(Secret::from(&b"s3cret"[..])))
        .unwrap();
    let (tag, clear) = opened[0].salted_value().unwrap();
    assert_eq!((tag, clear.expose()), (Some(1), &b"s3cret"[..]));
    assert_eq!(terms.grants.opened(|_| None), None);
    let empty = terms.grants.opened(|_| Some(Secret::default()));
    assert_eq!(empty, None);
}

#[test]
fn a_secret_takes_the_room_of_its_hidden_length() {
    let fits = |room| {
        let user = user();
        let facts = Facts {
            room,
            ..facts(&user)
        };
        decide(&secretive(16), &facts).map(drop)
    };
    // Type, length, tag, salt and two blocks.
    assert_eq!(fits(37), Ok(()));
    let unfit = Err(Refusal::Unfit("staff".into(), Unfit::Room(37, 36)));
    assert_eq!(fits(36), unfit);
}

fn ending(factors: RuleFactors, change: impl FnOnce(&mut storage::Rule)) -> Vec<Rule> {
    let mut rule = rule("one", |_| ());
    rule.factors = factors.into();
    rule.until = UNTIL;
    change(&mut rule);
    read(vec![rule])
}

const UNTIL: u64 = 1_795_867_200_001;

#[test]
fn a_rule_that_has_ended_matches_no_login_any_more() {
    let rules = ending(RuleFactors::Code, |_| ());
    let user = user();
    let facts = facts(&user);
    assert_eq!(
        mismatch(&rules[0].when, &facts),
        None,
        "the millisecond before"
    );
    let arrived = Timestamp::from_millis(UNTIL);
    let late = Facts { arrived, ..facts };
    let missed = mismatch(&rules[0].when, &late);
    assert_eq!(missed, Some(Mismatch::Ended(arrived)));
    assert_eq!(decide(&rules, &late), Err(Refusal::NoMatch));
}

#[test]
fn a_rule_for_users_without_a_token_matches_no_one_who_has_one() {
    let forward = ending(RuleFactors::Forward, |it| it.forward = "old".into());
    let initial = ending(RuleFactors::Password, |it| it.initial_logins = 3);
    for rules in [forward, initial] {
        let user = user();
        let facts = facts(&user);
        assert!(decide(&rules, &facts).is_ok());
        let has_token = Facts {
            has_token: true,
            ..facts
        };
        let missed = mismatch(&rules[0].when, &has_token);
        assert_eq!(missed, Some(Mismatch::Token));
    }
}

#[test]
fn what_an_old_server_may_say_has_its_room_beside_what_the_rule_grants() {
    let rules = ending(RuleFactors::Forward, |it| {
        it.forward = "old".into();
        it.attributes = vec![RuleAttribute {
            kind: 25,
            r#type: AttributeType::Text.into(),
            value: "vpn".into(),
            ..RuleAttribute::default()
        }];
    });
    let user = user();
    let within = |room| {
        let facts = Facts {
            room,
            ..facts(&user)
        };
        decide(&rules, &facts).map(|terms| terms.to)
    };
    assert_eq!(within(RELAYED_OCTETS_MAX + 5), Ok(Some("old".into())));
    assert!(matches!(
        within(RELAYED_OCTETS_MAX + 4),
        Err(Refusal::Unfit(_, Unfit::Room(517, 516)))
    ));
}
