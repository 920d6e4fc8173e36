//! How the table is read and applied; what its rows say is held by the facts beside it.

use SourceOutcome::{Denied, NotAsked, Right, Unanswered, Wrong};

use super::*;

fn built_in() -> Decisions {
    Decisions::new(Switches::default())
}

fn said(error: &str, codes: &[u32]) -> Said {
    Said {
        codes: codes.to_vec(),
        error: Some(error.to_owned()),
        token: false,
    }
}

fn verdict(status: u16, codes: &[u32]) -> (SourceOutcome, Reason) {
    let answer = built_in()
        .judge(status, &said("invalid_grant", codes))
        .answer;
    (answer.outcome, answer.reason)
}

#[test]
fn a_token_means_that_no_second_factor_was_demanded() {
    let granted = Said {
        token: true,
        ..Said::default()
    };
    let answer = built_in().judge(200, &granted).answer;
    assert_eq!((answer.outcome, answer.reason), (Denied, Reason::NoMfa));
}

#[test]
fn only_a_refusal_lets_in() {
    for status in [100, 200, 204, 301, 302, 307, 500, 503, 999] {
        assert_eq!(verdict(status, &[50076]).0, Unanswered, "{status}");
    }
    assert_eq!(verdict(429, &[50076]).0, NotAsked);
}

#[test]
fn throttling_is_known_by_its_status() {
    let answer = built_in().judge(429, &Said::default()).answer;
    assert_eq!(
        (answer.outcome, answer.reason),
        (NotAsked, Reason::SourceDown)
    );
}

#[test]
fn a_bare_fault_leaves_the_password_unsure() {
    let answer = built_in().judge(503, &Said::default()).answer;
    assert_eq!(
        (answer.outcome, answer.reason),
        (Unanswered, Reason::SourceUnanswered)
    );
    assert_eq!(verdict(500, &[50126]).0, Unanswered);
    assert_eq!(verdict(503, &[90033, 50126]).0, Unanswered);
}

#[test]
fn one_number_that_refuses_outweighs_all_that_let_in() {
    assert_eq!(verdict(400, &[50076, 53003]), (Denied, Reason::Policy));
    assert_eq!(
        verdict(400, &[50076, 4711]),
        (Denied, Reason::UnknownAnswer)
    );
    assert_eq!(
        verdict(400, &[50076, 50126]),
        (Wrong, Reason::WrongPassword)
    );
    assert_eq!(
        verdict(400, &[50053, 50126]),
        (Wrong, Reason::WrongPassword)
    );
    assert_eq!(
        verdict(400, &[50076, 50053]),
        (Denied, Reason::UnknownAnswer)
    );
    assert_eq!(verdict(400, &[50076, 50079]), (Right, Reason::Accepted));
}

#[test]
fn a_wrapper_decides_only_alone() {
    assert_eq!(
        verdict(400, &[70002, 50126]),
        (Wrong, Reason::WrongPassword)
    );
    assert_eq!(verdict(400, &[70002, 50076]), (Right, Reason::Accepted));
    assert_eq!(
        verdict(400, &[70000, 50053]),
        (NotAsked, Reason::LockedAtSource)
    );
    assert_eq!(
        verdict(400, &[70002, 4711]),
        (Denied, Reason::UnknownAnswer)
    );
    assert_eq!(verdict(400, &[70002]), (Wrong, Reason::WrongPassword));
}

#[test]
fn a_refusal_without_a_number_never_lets_in() {
    let judge = |error: Option<&str>| {
        let error = error.map(str::to_owned);
        let said = Said {
            error,
            ..Said::default()
        };
        let answer = built_in().judge(400, &said).answer;
        (answer.outcome, answer.reason)
    };
    assert_eq!(
        judge(Some("interaction_required")),
        (Denied, Reason::UnknownAnswer)
    );
    assert_eq!(
        judge(Some("temporarily_unavailable")),
        (NotAsked, Reason::SourceDown)
    );
    assert_eq!(judge(None), (Unanswered, Reason::UnknownAnswer));
}

#[test]
fn settings_switch_two_rows() {
    let switches = Switches {
        require_registered_mfa: true,
        accept_external_challenge: true,
    };
    let decisions = Decisions::new(switches);
    let verdict = |code| {
        let answer = decisions.judge(400, &said("invalid_grant", &[code])).answer;
        (answer.outcome, answer.reason)
    };
    assert_eq!(verdict(50079), (Denied, Reason::NoMfa));
    assert_eq!(verdict(50072), (Denied, Reason::NoMfa));
    assert_eq!(verdict(50076), (Right, Reason::Accepted));
    assert_eq!(verdict(50158), (Right, Reason::Accepted));
}

#[test]
fn an_answer_tells_whom_to_leave_alone_and_what_is_wrong() {
    let judge = |codes: &[u32]| built_in().judge(400, &said("invalid_grant", codes));
    let label = |codes: &[u32]| judge(codes).trouble.map(|trouble| trouble.label);
    assert_eq!(judge(&[50076]).then, Then::GoOn);
    assert_eq!(judge(&[50053]).then, Then::LeaveLocked);
    assert_eq!(judge(&[70000, 50053]).then, Then::LeaveLocked);
    assert_eq!(judge(&[50126, 50053]).then, Then::LeaveLocked);
    assert_eq!(judge(&[50196]).then, Then::LeaveLooped);
    assert_eq!(judge(&[90055]).then, Then::Rest);
    assert_eq!(built_in().judge(429, &Said::default()).then, Then::Rest);
    assert_eq!(label(&[50126]), None);
    assert_eq!(label(&[7_000_222]), Some("secret_expired"));
    assert_eq!(label(&[65001]), Some("consent"));
}

#[test]
fn every_misconfiguration_has_a_remedy() {
    for decision in built_in().rows.values() {
        let misconfigured = decision.reason == Reason::SourceMisconfigured;
        let told = decision.trouble.is_some();
        assert!(told || !misconfigured, "{}", decision.code);
    }
}

#[test]
fn a_broken_table_is_refused() {
    let row = |rest: &str| {
        let text = format!("[[decision]]\noutcome='denied'\nreason='Policy'\nabout=''\n{rest}");
        Decisions::parse(&text, Switches::default())
    };
    assert!(row("codes=[1]").is_ok());
    assert!(matches!(row("codes=[1,1]"), Err(TableError::Twice(1))));
    assert!(matches!(
        row("codes=[1]\ninstead='Policy'"),
        Err(TableError::Switch)
    ));
    assert!(matches!(
        row("codes=[1]\nonly_if='accept_external_challenge'"),
        Err(TableError::Switch)
    ));
    assert!(matches!(
        row("codes=[1]\nalarm='nothing'"),
        Err(TableError::Unknown(_))
    ));
    assert!(matches!(
        row("codes=[1]\nextra=1"),
        Err(TableError::Syntax(_))
    ));
}
