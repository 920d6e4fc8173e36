//! The whole table once more, written from the other side: status, error and numbers as
//! Entra sends them, and what must come of it.

use SourceOutcome::{Denied, NotAsked, Right, Unanswered, Wrong};

use super::*;

/// `status error code…`: every code is a case of its own.
const CASES: &[(&str, SourceOutcome, Reason)] = &[
    (
        "400 invalid_grant 50076 50074 50078 50079 50072",
        Right,
        Reason::Accepted,
    ),
    (
        "400 interaction_required 50076 50074 50078 50079 50072",
        Right,
        Reason::Accepted,
    ),
    (
        "400 invalid_grant 50158 50161 50170 50177 50178",
        Denied,
        Reason::ExternalChallenge,
    ),
    (
        "400 invalid_grant 50166",
        Unanswered,
        Reason::SourceUnanswered,
    ),
    ("400 interaction_required 53003", Denied, Reason::Policy),
    (
        "400 invalid_grant 53003 53000 53001 53002 53009",
        Denied,
        Reason::Policy,
    ),
    (
        "400 invalid_grant 53004 53010 53011 530021 530003",
        Denied,
        Reason::Policy,
    ),
    (
        "400 invalid_grant 530031 530032 530034 530035 50088",
        Denied,
        Reason::Policy,
    ),
    (
        "400 invalid_grant 50005 50097 50127 50129 50131 50155 50187",
        Denied,
        Reason::Policy,
    ),
    (
        "400 invalid_grant 50126 50034 50064 70002 120000 80004",
        Wrong,
        Reason::WrongPassword,
    ),
    ("400 invalid_request 90013", Wrong, Reason::WrongPassword),
    ("400 invalid_grant 50056", Denied, Reason::NoCloudPassword),
    (
        "400 invalid_grant 51004 50014 16003 90072 50020 500208",
        Denied,
        Reason::ForeignAccount,
    ),
    (
        "400 invalid_request 50128 50059 90019",
        Denied,
        Reason::ForeignAccount,
    ),
    (
        "400 invalid_grant 50053 500532",
        NotAsked,
        Reason::LockedAtSource,
    ),
    (
        "400 unauthorized_client 50053",
        NotAsked,
        Reason::LockedAtSource,
    ),
    (
        "400 user_password_expired 50055",
        Denied,
        Reason::MustChangePassword,
    ),
    (
        "400 invalid_grant 50144 50125 50135 50137 50142",
        Denied,
        Reason::MustChangePassword,
    ),
    (
        "400 invalid_grant 50057 50105 80012",
        Denied,
        Reason::AccountState,
    ),
    (
        "400 invalid_grant 50132 50133 50173 70008 700082",
        Denied,
        Reason::UnknownAnswer,
    ),
    (
        "400 invalid_grant 65001 65004 90094 90095",
        Denied,
        Reason::SourceMisconfigured,
    ),
    (
        "400 invalid_grant 90008 650056 650057",
        Denied,
        Reason::SourceMisconfigured,
    ),
    (
        "400 invalid_resource 65005 650052 650054 500011",
        NotAsked,
        Reason::SourceMisconfigured,
    ),
    (
        "400 invalid_resource 50001",
        NotAsked,
        Reason::SourceMisconfigured,
    ),
    (
        "400 invalid_scope 70011 28002 28003 700022 700023",
        NotAsked,
        Reason::SourceMisconfigured,
    ),
    (
        "400 unauthorized_client 700016 700011 70001",
        NotAsked,
        Reason::SourceMisconfigured,
    ),
    (
        "400 unauthorized_client 7000112 7000114",
        NotAsked,
        Reason::SourceMisconfigured,
    ),
    (
        "401 invalid_client 7000218 700025 90023 7000215",
        NotAsked,
        Reason::SourceMisconfigured,
    ),
    (
        "401 invalid_client 7000222 700027 700030 50012",
        NotAsked,
        Reason::SourceMisconfigured,
    ),
    (
        "401 invalid_client 50013 500133 700024",
        NotAsked,
        Reason::SourceMisconfigured,
    ),
    (
        "400 invalid_tenant 90002 90038 90051 50049 90010",
        NotAsked,
        Reason::SourceMisconfigured,
    ),
    (
        "400 invalid_request 9001023 70003 900144 90014",
        NotAsked,
        Reason::SourceMisconfigured,
    ),
    (
        "400 invalid_request 9002313 90004 90015 90100",
        NotAsked,
        Reason::SourceMisconfigured,
    ),
    (
        "400 invalid_request 901002 50194 90130 90124",
        NotAsked,
        Reason::SourceMisconfigured,
    ),
    (
        "400 invalid_request 500021 500022 50002",
        NotAsked,
        Reason::SourceMisconfigured,
    ),
    (
        "400 invalid_request 500212 500213",
        NotAsked,
        Reason::SourceMisconfigured,
    ),
    (
        "400 invalid_grant 50196 50087 90055",
        NotAsked,
        Reason::SourceDown,
    ),
    (
        "400 temporarily_unavailable 90033 90024 90006 90012",
        NotAsked,
        Reason::SourceDown,
    ),
    (
        "503 temporarily_unavailable 90033 90090 90091 50033",
        NotAsked,
        Reason::SourceDown,
    ),
    (
        "400 server_error 50000 40010 230109 90036 90092",
        NotAsked,
        Reason::SourceDown,
    ),
    (
        "400 invalid_grant 80001 80010 80011 80013",
        NotAsked,
        Reason::SourceDown,
    ),
    (
        "400 invalid_grant 80002 80003 80005 80007 80014",
        Unanswered,
        Reason::SourceUnanswered,
    ),
    (
        "400 invalid_grant 70000 4711 0 99999999",
        Denied,
        Reason::UnknownAnswer,
    ),
];

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
    let answer = built_in().judge(status, &said("invalid_grant", codes));
    (answer.outcome, answer.reason)
}

#[test]
fn every_row_of_the_table_decides_as_written() {
    let decisions = built_in();
    let mut seen = std::collections::BTreeSet::new();
    for (case, outcome, reason) in CASES {
        let mut words = case.split(' ');
        let status = words.next().and_then(|word| word.parse().ok());
        let (Some(status), Some(error)) = (status, words.next()) else {
            panic!("no status and error: {case}");
        };
        for code in words {
            let code: u32 = code.parse().expect("a number");
            let answer = decisions.judge(status, &said(error, &[code]));
            let expected = Answer {
                outcome: *outcome,
                reason: *reason,
                code,
            };
            assert_eq!(answer, expected, "{case}: {code}");
            seen.insert(code);
        }
    }
    let untested: Vec<_> = decisions
        .rows
        .keys()
        .filter(|code| !seen.contains(code))
        .collect();
    assert!(untested.is_empty(), "rows without a case: {untested:?}");
}

#[test]
fn a_token_means_that_no_second_factor_was_demanded() {
    let granted = Said {
        token: true,
        ..Said::default()
    };
    let answer = built_in().judge(200, &granted);
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
    let answer = built_in().judge(429, &Said::default());
    assert_eq!(
        (answer.outcome, answer.reason),
        (NotAsked, Reason::SourceDown)
    );
}

#[test]
fn a_bare_fault_leaves_the_password_unsure() {
    let answer = built_in().judge(503, &Said::default());
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
        let answer = built_in().judge(
            400,
            &Said {
                error,
                ..Said::default()
            },
        );
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
        let answer = decisions.judge(400, &said("invalid_grant", &[code]));
        (answer.outcome, answer.reason)
    };
    assert_eq!(verdict(50079), (Denied, Reason::NoMfa));
    assert_eq!(verdict(50072), (Denied, Reason::NoMfa));
    assert_eq!(verdict(50076), (Right, Reason::Accepted));
    assert_eq!(verdict(50158), (Right, Reason::Accepted));
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
        row("codes=[1]\nextra=1"),
        Err(TableError::Syntax(_))
    ));
}
