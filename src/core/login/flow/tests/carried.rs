//! What others say goes on with the Accept: all of it as recorded, or nobody is let in.

use std::sync::Arc;

use super::super::super::{Against, Forwarded};
use super::*;
use crate::ledger::rules::{Names, Then, parse};
use crate::ledger::{Carried, storage};
use crate::policy::AccountGrants;
use crate::radius::{Attribute, Number, Relayed};

/// What an old server is asked, and what it says.
fn forward() -> (Claim, Carried) {
    let class = Attribute::new(Number::Standard(25), b"vpn").unwrap();
    let old = Carried {
        server: Some("old".into()),
        attributes: Relayed::new(&[class]).unwrap(),
    };
    let forwarded = Forwarded {
        server: "old".into(),
        attributes: Vec::new(),
    };
    let both = claim(Factors::PasswordAndCode);
    let question = both.question.map(|question| Question {
        against: Against::Forward(Box::new(forwarded)),
        ..question
    });
    let reason = Reason::AcceptedForwarded;
    let claim = Claim {
        question,
        let_in: reason,
        hit: reason,
        ..claim(Factors::Forward)
    };
    (claim, old)
}

/// What an accepted login carries of an old server's answer.
fn carried(flow: Flow) -> (Ending, Relayed) {
    match flow {
        Flow::Finish(finished) => (finished.ending, finished.relayed),
        other => panic!("not finished: {other:?}"),
    }
}

#[test]
fn what_an_old_server_says_is_recorded_and_carried_by_the_accept() {
    let (claim, old) = forward();
    let Flow::Ask(_, asking) = begun(claim, Ok(GRANTED), false) else {
        panic!("must ask");
    };
    let answer = Answer {
        relayed: old.attributes.clone(),
        ..Answer::new(SourceOutcome::Right, Reason::Accepted, 0)
    };
    let settling = settling(asking.answered(answer, false));
    assert_eq!(settling.command().relayed, Some(old.clone()));
    // The record counts, not the answer: it may be of before.
    let recorded = Carried {
        attributes: Relayed::NONE,
        ..old
    };
    let flow = settling.settled(Ok(SettleResult::LetIn(recorded)), false);
    let (ending, relayed) = carried(flow);
    assert_eq!(
        (ending.decision, relayed),
        (Decision::Accept, Relayed::NONE)
    );
    assert_eq!(ending.reason, Reason::AcceptedForwarded);
}

#[test]
fn a_repeat_of_a_forwarded_login_carries_what_was_recorded() {
    let (claim, old) = forward();
    let flow = begun(claim, Ok(BeginResult::LetIn(old.clone())), false);
    let (ending, relayed) = carried(flow);
    assert_eq!(relayed, old.attributes);
    let said = (ending.decision, ending.reason);
    assert_eq!(said, (Decision::Accept, Reason::AcceptedForwarded));
}

#[test]
fn nothing_is_relayed_of_an_old_server_that_refuses_or_of_a_directory() {
    for outcome in [SourceOutcome::Wrong, SourceOutcome::Denied] {
        let (claim, _) = forward();
        let settling = answered(claim, outcome, Reason::WrongPassword);
        assert_eq!(settling.command().relayed, None);
    }
    assert_eq!(right().command().relayed, None);
}

/// A Class for each group of the account that is for the VPN.
fn account_grants() -> Arc<AccountGrants> {
    let class = storage::RuleAttribute {
        kind: 25,
        r#type: storage::AttributeType::Text.into(),
        value: "OU={account.group:vpn-};".into(),
        ..storage::RuleAttribute::default()
    };
    let rule = storage::Rule {
        name: "staff".into(),
        factors: storage::RuleFactors::PasswordAndCode.into(),
        account: Some(storage::AccountCheck::default()),
        attributes: vec![class],
        ..storage::Rule::default()
    };
    let rules = storage::Rules {
        revision: 1,
        rules: vec![rule],
    };
    match &parse(&rules).unwrap()[0].then {
        Then::Ask(ask) => Arc::new(AccountGrants::of(&ask.grants, &NAMES).unwrap()),
        Then::Deny => panic!("it asks"),
    }
}

const NAMES: Names<'_> = Names {
    typed: "alice",
    directory: "alice@contoso.example",
    client: "fw1",
    groups: &[],
    account_groups: &[],
};

fn of_account() -> Claim {
    Claim {
        account_grants: Some(account_grants()),
        ..claim(Factors::PasswordAndCode)
    }
}

/// The directory lets a login in whose account is in these groups.
fn told(groups: &[String]) -> Settling {
    let Flow::Ask(_, asking) = begun(of_account(), Ok(GRANTED), false) else {
        panic!("must ask");
    };
    let answer = Answer {
        groups: groups.to_vec(),
        ..Answer::new(SourceOutcome::Right, Reason::Accepted, 0)
    };
    settling(asking.answered(answer, false))
}

#[test]
fn groups_that_a_directory_tells_are_recorded_and_carried_by_the_accept() {
    let settling = told(&["staff".into(), "vpn-a".into(), "vpn-b".into()]);
    let recorded = settling.command().relayed.unwrap();
    assert_eq!(recorded.server, None);
    let class = |text: &[u8]| Attribute::new(Number::Standard(25), text).unwrap();
    let classes = [class(b"OU=vpn-a;"), class(b"OU=vpn-b;")];
    assert_eq!(recorded.attributes.attributes(), classes);
    let let_in = SettleResult::LetIn(recorded.clone());
    let (ending, attributes) = carried(settling.settled(Ok(let_in), false));
    assert_eq!(
        (ending, &attributes),
        (Ending::ACCEPT, &recorded.attributes)
    );
    let repeat = BeginResult::LetIn(recorded.clone());
    let (ending, attributes) = carried(begun(of_account(), Ok(repeat), false));
    assert_eq!((ending, attributes), (Ending::ACCEPT, recorded.attributes));
}

#[test]
fn an_account_in_no_such_group_is_let_in_with_nothing_and_that_is_recorded() {
    let recorded = told(&["staff".into()]).command().relayed.unwrap();
    assert!(recorded.attributes.is_empty());
}

#[test]
fn groups_of_which_not_all_fit_let_nobody_in() {
    let many: Vec<_> = (0..17).map(|number| format!("vpn-{number}")).collect();
    let long = vec![format!("vpn-{}", "x".repeat(250))];
    for groups in [many, long] {
        let settling = told(&groups);
        let command = settling.command();
        assert_eq!(
            (command.outcome, command.relayed),
            (SourceOutcome::Denied, None)
        );
        let denied = settling.settled(Ok(SettleResult::Settled(Verdict::Denied)), false);
        assert_eq!(said(&denied), reject(Reason::RuleUnfit));
    }
}

#[test]
fn nobody_is_let_in_without_the_groups_that_the_rule_now_asks_for() {
    let accepted = Verdict::Accepted;
    let repeat = begun(of_account(), Ok(BeginResult::Repeat(accepted)), false);
    assert_eq!(said(&repeat), reject(Reason::RuleUnfit));
    for result in [
        SettleResult::Already(accepted),
        SettleResult::Settled(accepted),
    ] {
        let flow = told(&["vpn-a".into()]).settled(Ok(result), false);
        assert_eq!(said(&flow), reject(Reason::RuleUnfit));
    }
}

#[test]
fn nothing_is_recorded_of_groups_where_the_directory_refuses() {
    let settling = answered(of_account(), SourceOutcome::Wrong, Reason::WrongPassword);
    assert_eq!(settling.command().relayed, None);
}
