//! The table once more, written from the other side: what directories send, and what must
//! come of it.

use Kind::{ActiveDirectory, OpenLdap};
use SourceOutcome::{Denied, NotAsked, Right, Unanswered, Wrong};

use super::*;

/// Active Directory, result 49: the numbers in its text, as it writes them.
const DATA: &[(&str, SourceOutcome, Reason)] = &[
    ("525", Wrong, Reason::WrongPassword),
    ("52e", Wrong, Reason::WrongPassword),
    ("52f", Denied, Reason::AccountState),
    ("530", Denied, Reason::AccountState),
    ("531", Denied, Reason::AccountState),
    ("532", Denied, Reason::MustChangePassword),
    ("533", Denied, Reason::AccountState),
    ("568", Denied, Reason::AccountState),
    ("701", Denied, Reason::AccountState),
    ("773", Denied, Reason::MustChangePassword),
    ("775", NotAsked, Reason::LockedAtSource),
    // In no list.
    ("57", Denied, Reason::UnknownAnswer),
    ("52d", Denied, Reason::UnknownAnswer),
    ("80090308", Denied, Reason::UnknownAnswer),
];

/// Results of any directory.
const RESULTS: &[(u32, SourceOutcome, Reason)] = &[
    (0, Right, Reason::Accepted),
    (1, Denied, Reason::UnknownAnswer),
    (2, NotAsked, Reason::SourceMisconfigured),
    (3, Unanswered, Reason::SourceUnanswered),
    (7, NotAsked, Reason::SourceMisconfigured),
    (8, NotAsked, Reason::SourceMisconfigured),
    (10, NotAsked, Reason::SourceMisconfigured),
    (11, Unanswered, Reason::SourceUnanswered),
    (13, NotAsked, Reason::SourceMisconfigured),
    (14, Denied, Reason::UnknownAnswer),
    (19, Denied, Reason::UnknownAnswer),
    (32, Denied, Reason::UnknownAnswer),
    (34, NotAsked, Reason::SourceMisconfigured),
    (48, Denied, Reason::NoCloudPassword),
    (49, Wrong, Reason::WrongPassword),
    (50, Denied, Reason::SourceMisconfigured),
    (51, NotAsked, Reason::SourceDown),
    (52, NotAsked, Reason::SourceDown),
    (53, Denied, Reason::SourceMisconfigured),
    (80, Unanswered, Reason::SourceUnanswered),
    (118, Denied, Reason::UnknownAnswer),
    (u32::MAX, Denied, Reason::UnknownAnswer),
];

/// OpenLDAP: result, error of the policy.
const POLICY: &[(u32, u32, SourceOutcome, Reason)] = &[
    (0, 0, Denied, Reason::MustChangePassword),
    (0, 2, Denied, Reason::MustChangePassword),
    (49, 0, Denied, Reason::MustChangePassword),
    (49, 1, NotAsked, Reason::LockedAtSource),
    (49, 2, Denied, Reason::MustChangePassword),
    (49, 99, Denied, Reason::UnknownAnswer),
    (0, 99, Denied, Reason::UnknownAnswer),
    // Explains nothing of another result.
    (51, 0, NotAsked, Reason::SourceDown),
];

fn judged(kind: Kind, code: u32, data: Option<u32>, policy: Option<u32>) -> Answer {
    let said = Outcome {
        code,
        data,
        policy,
        cookie: None,
    };
    Decisions::new(kind).judge(&said)
}

fn assert_is(answer: &Answer, outcome: SourceOutcome, reason: Reason, what: &str) {
    assert_eq!((answer.outcome, answer.reason), (outcome, reason), "{what}");
}

#[test]
fn each_number_of_active_directory_has_its_verdict() {
    for &(number, outcome, reason) in DATA {
        let data = u32::from_str_radix(number, 16).unwrap();
        let answer = judged(ActiveDirectory, 49, Some(data), None);
        assert_is(&answer, outcome, reason, number);
        assert_eq!(answer.code, data);
    }
}

#[test]
fn each_result_has_its_verdict_at_either_kind() {
    for &(code, outcome, reason) in RESULTS {
        for kind in [ActiveDirectory, OpenLdap] {
            let answer = judged(kind, code, None, None);
            assert_is(&answer, outcome, reason, &code.to_string());
            assert_eq!(answer.code, code);
        }
    }
}

#[test]
fn the_policy_of_openldap_has_its_verdicts() {
    for &(code, error, outcome, reason) in POLICY {
        let answer = judged(OpenLdap, code, None, Some(error));
        assert_is(&answer, outcome, reason, &format!("{code} {error}"));
    }
}

#[test]
fn no_number_but_result_nought_is_right() {
    for number in 0..0x1000 {
        for (code, data, policy) in [
            (49, Some(number), None),
            (49, None, Some(number)),
            (0, None, Some(number)),
            (number.max(1), Some(number), Some(number)),
        ] {
            for kind in [ActiveDirectory, OpenLdap] {
                let answer = judged(kind, code, data, policy);
                // Active Directory has no such policy, and says nothing of it.
                let may = code == 0 && kind == ActiveDirectory;
                assert!(answer.outcome != Right || may, "{code} {data:?} {policy:?}");
            }
        }
    }
}

/// A number beside a success or another result is somebody's text.
#[test]
fn a_number_counts_only_beside_a_refusal() {
    let answer = judged(ActiveDirectory, 51, Some(0x52e), None);
    assert_is(&answer, NotAsked, Reason::SourceDown, "51");
}

#[test]
fn a_number_that_stands_twice_is_refused() {
    let twice = include_str!("../decisions.toml").replace("[0x775]", "[0x775, 0x52e]");
    let error = Decisions::parse(&twice, ActiveDirectory).unwrap_err();
    assert!(matches!(error, TableError::Twice(0x52e)), "{error}");
}
