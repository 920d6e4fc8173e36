//! A rule as programs and tables have it.

use countersign_core::base::Timestamp;
use serde_json::{Value, json};

use crate::operate::{RuleWritten, has_ended};

/// The rule at this place of the list, as it stands at `now`.
pub(super) fn shown(at: usize, rules: &[RuleWritten], now: Timestamp) -> Value {
    let rule = rules.get(at).cloned().unwrap_or_default();
    let has_ended = has_ended(&rule.until, now);
    let conditions = [
        ("client", &rule.clients),
        ("user", &rule.users),
        ("group", &rule.groups),
        ("domain", &rule.domains),
        ("address", &rule.addresses),
        ("nas", &rule.nas),
        ("hours", &rule.hours),
    ];
    let given = conditions.iter().filter(|(_, values)| !values.is_empty());
    let mut when: Vec<_> = given
        .map(|(what, values)| format!("{what} {}", values.join(" | ")))
        .collect();
    if !rule.to.is_empty() || rule.initial_logins > 0 {
        when.push("without a token".to_owned());
    }
    if !rule.until.is_empty() {
        let word = if has_ended { "ended" } else { "until" };
        when.push(format!("{word} {}", rule.until));
    }
    json!({
        "number": at.saturating_add(1),
        "name": rule.name,
        "when": if when.is_empty() { "always".to_owned() } else { when.join("; ") },
        "clients": rule.clients,
        "users": rule.users,
        "groups": rule.groups,
        "domains": rule.domains,
        "addresses": rule.addresses,
        "nas": rule.nas,
        "hours": rule.hours,
        "until": rule.until,
        "ended": has_ended,
        "factors": rule.factors,
        "to": rule.to,
        "initial_logins": rule.initial_logins,
        "burn_code": rule.burn_code,
        "prompt": rule.prompt,
        "passcode": rule.passcode,
        "account": rule.account,
        "account_groups": rule.account_groups,
        "attributes": rule.attributes,
    })
}

pub(super) const RULES: &[&str] = &["number", "name", "when", "factors", "attributes"];
pub(super) const RULE: &[&str] = &[
    "number",
    "name",
    "clients",
    "users",
    "groups",
    "domains",
    "addresses",
    "nas",
    "hours",
    "until",
    "ended",
    "factors",
    "to",
    "initial_logins",
    "burn_code",
    "prompt",
    "passcode",
    "account",
    "account_groups",
    "attributes",
    "revision",
    "trial_until",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_says_for_whom_it_is_and_that_it_has_ended() {
        let rule = RuleWritten {
            name: "moving".to_owned(),
            groups: vec!["vpn".to_owned()],
            until: "2027-03-01".to_owned(),
            factors: "forward".to_owned(),
            to: "old".to_owned(),
            ..RuleWritten::default()
        };
        let said = |now| {
            let shown = shown(0, std::slice::from_ref(&rule), Timestamp::from_millis(now));
            (shown["when"].clone(), shown["ended"].clone())
        };
        let before = "group vpn; without a token; until 2027-03-01";
        assert_eq!(said(1_803_859_199_999), (json!(before), json!(false)));
        let after = "group vpn; without a token; ended 2027-03-01";
        assert_eq!(said(1_803_859_200_000), (json!(after), json!(true)));
    }
}
