//! What the audit tells of rules: their order, and every field of each.
//!
//! The records are taken apart with all their fields by name, so that a new one cannot be
//! forgotten here.

use crate::ledger::change::facts::{Facts, sealed, titled};
use crate::ledger::storage::{NasMatch, Rule, RuleAttribute, RuleHours, RuleMatch, Rules};

pub(super) fn facts(rules: &Rules) -> Facts {
    let names: Vec<_> = rules.rules.iter().map(|rule| rule.name.clone()).collect();
    let order = Facts::default().list("order", &names);
    rules.rules.iter().fold(order, rule_facts)
}

fn rule_facts(facts: Facts, rule: &Rule) -> Facts {
    let Rule {
        name,
        r#match,
        factors: _,
        burn_code: _,
        attributes,
        prompt: _,
        account,
        passcode: _,
        until,
        forward,
        initial_logins,
    } = rule;
    let groups = account.as_ref().map(|account| &*account.groups);
    let required = if account.is_some() {
        "required"
    } else {
        "none"
    };
    let attributes: Vec<_> = attributes.iter().map(attribute).collect();
    let facts = facts
        .under(titled("rule", name))
        .with("factors", rule.factors().as_str_name())
        .with("account", required)
        .with("initial_logins", initial_logins)
        .with("until", until)
        .with("burn_code", rule.burn_code().as_str_name())
        .with("prompt", rule.prompt().as_str_name())
        .with("passcode", rule.passcode().as_str_name())
        .text("to", forward)
        .list("account_groups", groups.unwrap_or_default());
    match_facts(facts, r#match.as_ref()).list("attributes", &attributes)
}

fn match_facts(facts: Facts, when: Option<&RuleMatch>) -> Facts {
    let nothing = RuleMatch::default();
    let RuleMatch {
        clients,
        users,
        groups,
        domains,
        addresses,
        nas,
        hours,
    } = when.unwrap_or(&nothing);
    let clients: Vec<_> = clients.iter().map(u64::to_string).collect();
    let nas: Vec<_> = nas.iter().map(nas_match).collect();
    let hours: Vec<_> = hours.iter().map(span).collect();
    facts
        .list("clients", &clients)
        .list("users", users)
        .list("groups", groups)
        .list("domains", domains)
        .list("addresses", addresses)
        .list("nas", &nas)
        .list("hours", &hours)
}

fn nas_match(it: &NasMatch) -> String {
    let NasMatch {
        kind,
        value,
        prefix,
    } = it;
    let sign = if *prefix { "^" } else { "" };
    format!("{kind}{sign}={value}")
}

fn span(it: &RuleHours) -> String {
    let RuleHours {
        days,
        from,
        to,
        utc_offset,
    } = it;
    format!("{days:07b}/{from}-{to}{utc_offset:+}")
}

/// Number, type, tag and value; of a secret its name, which tells nothing of it.
fn attribute(it: &RuleAttribute) -> String {
    let RuleAttribute {
        kind,
        vendor,
        vendor_kind,
        r#type: _,
        tag,
        value,
        sealed: secret,
    } = it;
    let number = match vendor {
        0 if *vendor_kind == 0 => kind.to_string(),
        vendor => format!("{kind}.{vendor}.{vendor_kind}"),
    };
    let name = it.r#type().as_str_name();
    let word = name.strip_prefix("ATTRIBUTE_TYPE_").unwrap_or(name);
    let word = word.to_ascii_lowercase();
    let tag = match tag {
        0 => String::new(),
        tag => format!(":{tag}"),
    };
    let secret = match &**secret {
        [] => String::new(),
        octets => sealed(octets),
    };
    format!("{number}:{word}{tag}={value}{secret}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::change::facts::told;
    use crate::ledger::storage::{
        AccountCheck, AttributeType, BurnCode, PasscodeWay, Prompt, RuleFactors,
    };

    type Change = fn(&mut Rule);

    /// One for each field of a rule.
    const RULE: &[Change] = &[
        |it| it.name.push('x'),
        |it| it.r#match = None,
        |it| it.factors = RuleFactors::Password.into(),
        |it| it.burn_code = BurnCode::OnMatch.into(),
        |it| it.attributes.clear(),
        |it| it.prompt = Prompt::Challenge.into(),
        |it| it.account = None,
        |it| it.passcode = PasscodeWay::Sms.into(),
        |it| it.until = 7,
        |it| it.forward = "old".into(),
        |it| it.initial_logins = 7,
        |it| it.account.as_mut().unwrap().groups.clear(),
        |it| it.account = Some(AccountCheck::default()),
    ];
    const MATCH: &[fn(&mut RuleMatch)] = &[
        |it| it.clients.push(7),
        |it| it.users.clear(),
        |it| it.groups.push("more".into()),
        |it| it.domains.clear(),
        |it| it.addresses.clear(),
        |it| it.nas.clear(),
        |it| it.nas[0].kind = 30,
        |it| it.nas[0].value.push('x'),
        |it| it.nas[0].prefix = true,
        |it| it.hours.clear(),
        |it| it.hours[0].days = 1,
        |it| it.hours[0].from = 1,
        |it| it.hours[0].to = 1,
        |it| it.hours[0].utc_offset = 60,
    ];
    const ATTRIBUTE: &[fn(&mut RuleAttribute)] = &[
        |it| it.kind = 25,
        |it| it.vendor = 9,
        |it| it.vendor_kind = 2,
        |it| it.r#type = AttributeType::Octets.into(),
        |it| it.tag = 1,
        |it| it.value.push('x'),
        |it| it.sealed = vec![2; 50],
    ];

    fn rule() -> Rule {
        let nas = NasMatch {
            kind: 32,
            value: "fw1".into(),
            prefix: false,
        };
        let attribute = RuleAttribute {
            kind: 26,
            r#type: AttributeType::Salted.into(),
            sealed: vec![1; 50],
            ..RuleAttribute::default()
        };
        Rule {
            name: "staff".into(),
            r#match: Some(RuleMatch {
                clients: vec![1],
                users: vec!["alice".into()],
                groups: (0..64).map(|n| format!("group {n}")).collect(),
                domains: vec!["contoso.example".into()],
                addresses: vec!["198.51.100.0/24".into()],
                nas: vec![nas],
                hours: vec![RuleHours::default()],
            }),
            factors: RuleFactors::Code.into(),
            account: Some(AccountCheck {
                groups: vec!["vpn".into()],
            }),
            attributes: vec![attribute],
            ..Rule::default()
        }
    }

    /// What is told of a rule that becomes another.
    fn changed(change: impl Fn(&mut Rule)) -> (String, String) {
        let list = |rule| Rules {
            revision: 0,
            rules: vec![rule],
        };
        let mut new = rule();
        change(&mut new);
        told(&facts(&list(rule())), &facts(&list(new)))
    }

    #[test]
    fn no_field_of_a_rule_changes_unseen() {
        for (at, change) in RULE.iter().enumerate() {
            let (before, after) = changed(change);
            assert_ne!(before, after, "{at}");
        }
    }

    #[test]
    fn no_field_of_a_condition_changes_unseen() {
        for (at, change) in MATCH.iter().enumerate() {
            let (before, after) = changed(|rule| change(rule.r#match.as_mut().unwrap()));
            assert_ne!(before, after, "{at}");
        }
    }

    #[test]
    fn no_field_of_an_attribute_changes_unseen() {
        for (at, change) in ATTRIBUTE.iter().enumerate() {
            let (before, after) = changed(|rule| change(&mut rule.attributes[0]));
            assert_ne!(before, after, "{at}");
        }
    }

    #[test]
    fn an_account_check_that_is_dropped_is_told() {
        let (before, after) = changed(|rule| rule.account = None);
        assert_eq!(
            before,
            "rule.\"staff\".account=required rule.\"staff\".account_groups=\"vpn\""
        );
        assert_eq!(
            after,
            "rule.\"staff\".account=none rule.\"staff\".account_groups=\"\""
        );
    }

    #[test]
    fn a_rule_that_moved_far_down_is_told_with_its_places() {
        let list = |places: &[u32]| {
            let named = |n: &u32| Rule {
                name: format!("r{n}"),
                ..rule()
            };
            let rules = places.iter().map(named).collect();
            Rules { revision: 0, rules }
        };
        let old: Vec<_> = (1..=12).collect();
        let new: Vec<_> = (1..=12).filter(|n| *n != 9).chain([9]).collect();
        let (before, after) = told(&facts(&list(&old)), &facts(&list(&new)));
        assert_eq!(
            (&*before, &*after),
            ("order(12)=\"9:r9\"", "order(12)=\"12:r9\"")
        );
    }
}
