//! Every transition of the flow, and every row of "Silent or Reject" that one node meets.
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "a test stops at every other stage"
)]

use super::super::Decision;
use super::*;
use crate::base::limits::SETTLE_TRIES_MAX;
use crate::base::{Boot, ClientId, NodeId, Owner, PlaceId, Secret, Timestamp, UserId};
use crate::ledger::{Revisions, SettleResult, SourceOutcome};

mod carried;

const TIMEOUT: Duration = Duration::from_secs(10);
const LEASE: Duration = Duration::from_secs(12);
const UNTIL: Timestamp = Timestamp::from_millis(99_000);
const EPOCH: Epoch = Epoch { index: 5, place: 1 };
const QUICK: Duration = Duration::from_millis(1);
const GRANTED: BeginResult = BeginResult::Granted {
    epoch: EPOCH,
    until: UNTIL,
};

fn claim(factors: Factors) -> Claim {
    let question = Question {
        name: "alice@contoso.example".into(),
        password: Secret::from(b"secret".as_slice()),
        against: Against::Directory,
        account: None,
        timeout: TIMEOUT,
    };
    Claim {
        begin: Begin {
            key: AttemptKey([1; 32]),
            prev: Epoch::default(),
            owner: Owner {
                node: NodeId(1),
                boot: Boot(1),
                flow: 1,
            },
            user: UserId(7),
            client: ClientId(1),
            place: PlaceId([2; 16]),
            matches: Vec::new(),
            revisions: Revisions::default(),
            factors,
            issued: Timestamp::from_millis(90_000),
            lease: LEASE,
            caller_named: true,
            burn_code: None,
            answer: None,
            passcodes: Vec::new(),
            account: false,
            initial_logins: 0,
        },
        question: (factors == Factors::PasswordAndCode).then_some(question),
        account_grants: None,
        let_in: Reason::Accepted,
        hit: Reason::Accepted,
        miss: Reason::WrongCode,
        on_source_down: SourceDown::Reject,
    }
}

fn judging(flow: Flow) -> Judging {
    match flow {
        Flow::Judge(judging) => judging,
        other => panic!("not judging: {other:?}"),
    }
}

fn begun(claim: Claim, result: Result<BeginResult, ProposeError>, late: bool) -> Flow {
    match judging(Flow::start()).judged(claim) {
        Flow::Begin(beginning) => beginning.begun(result, QUICK, late),
        other => panic!("not beginning: {other:?}"),
    }
}

fn both(result: BeginResult) -> Flow {
    begun(claim(Factors::PasswordAndCode), Ok(result), false)
}

fn settling(flow: Flow) -> Settling {
    match flow {
        Flow::Settle(settling) => settling,
        other => panic!("not settling: {other:?}"),
    }
}

fn answered(claim: Claim, outcome: SourceOutcome, reason: Reason) -> Settling {
    let code = 50126;
    match begun(claim, Ok(GRANTED), false) {
        Flow::Ask(_, asking) => {
            let answer = Answer::new(outcome, reason, code);
            settling(asking.answered(answer, false))
        }
        other => panic!("not asking: {other:?}"),
    }
}

fn right() -> Settling {
    let both = claim(Factors::PasswordAndCode);
    answered(both, SourceOutcome::Right, Reason::Accepted)
}

fn ending(flow: &Flow) -> Ending {
    match flow {
        Flow::Finish(finished) => finished.ending,
        other => panic!("not finished: {other:?}"),
    }
}

fn said(flow: &Flow) -> (Decision, Reason) {
    let ending = ending(flow);
    (ending.decision, ending.reason)
}

const fn silent(reason: Reason) -> (Decision, Reason) {
    (Decision::Silent, reason)
}

const fn reject(reason: Reason) -> (Decision, Reason) {
    (Decision::Reject, reason)
}

#[test]
fn a_granted_login_asks_settles_and_is_let_in() {
    let flow = begun(claim(Factors::PasswordAndCode), Ok(GRANTED), false);
    let Flow::Ask(question, asking) = flow else {
        panic!("not asking: {flow:?}");
    };
    assert_eq!(question.password, Secret::from(b"secret".as_slice()));
    let right = Answer::new(SourceOutcome::Right, Reason::Accepted, 0);
    let settling = settling(asking.answered(right, false));
    assert_eq!(settling.command().epoch, EPOCH);
    assert_eq!(settling.command().outcome, SourceOutcome::Right);
    let flow = settling.settled(Ok(SettleResult::Settled(Verdict::Accepted)), false);
    assert_eq!(ending(&flow), Ending::ACCEPT);
}

#[test]
fn only_an_applied_accepted_lets_anyone_in() {
    // The source says yes, the ledger says anything but Accepted.
    let table = [
        (
            Ok(SettleResult::Settled(Verdict::Revoked)),
            reject(Reason::Revoked),
        ),
        (
            Ok(SettleResult::Already(Verdict::WrongPassword)),
            reject(Reason::WrongPassword),
        ),
        (
            Ok(SettleResult::Already(Verdict::Revoked)),
            reject(Reason::Revoked),
        ),
    ];
    for (result, expected) in table {
        assert_eq!(
            said(&right().settled(result.clone(), false)),
            expected,
            "{result:?}"
        );
    }
}

#[test]
fn a_verdict_that_was_recorded_is_repeated() {
    for (verdict, expected) in [
        (Verdict::Accepted, (Decision::Accept, Reason::Accepted)),
        (Verdict::WrongPassword, reject(Reason::WrongPassword)),
        (Verdict::WrongCode, reject(Reason::WrongCode)),
        (Verdict::Denied, reject(Reason::DeniedBefore)),
        (Verdict::Revoked, reject(Reason::Revoked)),
    ] {
        assert_eq!(said(&both(BeginResult::Repeat(verdict))), expected);
    }
}

#[test]
fn a_verdict_counts_even_when_the_device_has_given_up() {
    let repeat = Ok(BeginResult::Repeat(Verdict::Accepted));
    assert_eq!(
        ending(&begun(claim(Factors::Code), repeat, true)),
        Ending::ACCEPT
    );
    let settled = right().settled(Ok(SettleResult::Settled(Verdict::Accepted)), true);
    assert_eq!(ending(&settled), Ending::ACCEPT);
}

#[test]
fn every_refusal_is_a_reject_but_overload_is_silence() {
    for (by, expected) in [
        (RefusedBy::Revoked, reject(Reason::Revoked)),
        (RefusedBy::Locked, reject(Reason::Locked)),
        (RefusedBy::Waiting, reject(Reason::Waiting)),
        (RefusedBy::Wrong, reject(Reason::KnownWrong)),
        (RefusedBy::Spent, reject(Reason::Replay)),
        (RefusedBy::Limit, reject(Reason::Limit)),
        (RefusedBy::Initial, reject(Reason::InitialUsed)),
        (RefusedBy::Overload, silent(Reason::Overload)),
    ] {
        assert_eq!(said(&both(BeginResult::Refused(by))), expected);
    }
}

#[test]
fn a_refusal_that_asked_no_source_takes_the_time_of_one_that_did() {
    let wrong_code = both(BeginResult::Repeat(Verdict::WrongCode));
    assert_eq!(ending(&wrong_code).pace, Pace::Even);
    let wrong = Verdict::WrongPassword;
    let both = claim(Factors::PasswordAndCode);
    let asked = answered(both, SourceOutcome::Wrong, Reason::WrongPassword);
    let asked = asked.settled(Ok(SettleResult::Settled(wrong)), false);
    assert_eq!(ending(&asked).pace, Pace::Measured);
    let code = Ok(BeginResult::Repeat(Verdict::WrongCode));
    let code = begun(claim(Factors::Code), code, false);
    assert_eq!(ending(&code).pace, Pace::Measured);
}

#[test]
fn a_node_that_slept_over_the_answer_asks_once_more_and_not_again() {
    const NONE: Answer = Answer::new(SourceOutcome::Unanswered, Reason::SourceUnanswered, 0);
    let slept = |flow| match flow {
        Flow::Ask(_, asking) => settling(asking.answered(NONE, true)),
        other => panic!("not asking: {other:?}"),
    };
    let first = slept(both(GRANTED));
    let again = first.settled(Ok(SettleResult::Released), false);
    let Flow::Judge(judging) = again else {
        panic!("must begin again: {again:?}");
    };
    let Flow::Begin(beginning) = judging.judged(claim(Factors::PasswordAndCode)) else {
        panic!("must claim again");
    };
    let second = slept(beginning.begun(Ok(GRANTED), Duration::ZERO, false));
    let over = second.settled(Ok(SettleResult::Released), false);
    assert_eq!(said(&over), reject(Reason::SourceUnanswered));
    let late = slept(both(GRANTED)).settled(Ok(SettleResult::Released), true);
    assert_eq!(said(&late), reject(Reason::SourceUnanswered));
}

#[test]
fn the_sources_reason_and_code_are_told_to_operators() {
    let both = claim(Factors::PasswordAndCode);
    let settling = answered(both, SourceOutcome::Denied, Reason::NoMfa);
    let flow = settling.settled(Ok(SettleResult::Settled(Verdict::Denied)), false);
    assert_eq!(said(&flow), reject(Reason::NoMfa));
    assert_eq!(ending(&flow).source_code, 50126);
}

#[test]
fn another_flows_login_is_waited_for_and_begun_again() {
    let Flow::Wait(waiting) = both(BeginResult::InFlight { until: UNTIL }) else {
        panic!("must wait");
    };
    assert_eq!(
        waiting.waited(),
        Waited::Attempt(AttemptKey([1; 32]), UNTIL)
    );
    judging(waiting.woken(false));
}

#[test]
fn a_claimed_code_is_waited_for_and_at_the_deadline_there_is_silence() {
    let busy = || match both(BeginResult::Busy { until: UNTIL }) {
        Flow::Wait(waiting) => waiting,
        other => panic!("must wait: {other:?}"),
    };
    assert_eq!(busy().waited(), Waited::Claim);
    judging(busy().woken(false));
    assert_eq!(said(&busy().woken(true)), silent(Reason::Deadline));
}

#[test]
fn a_changed_record_is_begun_again_by_its_epoch() {
    let Flow::Begin(beginning) = both(BeginResult::Changed { epoch: EPOCH }) else {
        panic!("must begin again");
    };
    assert_eq!(beginning.command().prev, EPOCH);
    let asked = beginning.begun(Ok(GRANTED), QUICK, false);
    assert!(matches!(asked, Flow::Ask(..)), "{asked:?}");
}

#[test]
fn a_changed_record_is_read_where_the_split_is_not_known() {
    let mut unknown = claim(Factors::PasswordAndCode);
    unknown.question = None;
    judging(begun(
        unknown,
        Ok(BeginResult::Changed { epoch: EPOCH }),
        false,
    ));
}

#[test]
fn stale_facts_are_judged_again_but_not_for_ever() {
    for result in [BeginResult::Stale, BeginResult::TooLate] {
        let mut flow = Flow::start();
        for _ in 0..=LOGIN_HASTY_TURNS_MAX {
            flow = match judging(flow).judged(claim(Factors::Code)) {
                Flow::Begin(beginning) => beginning.begun(Ok(result.clone()), QUICK, false),
                other => panic!("not beginning: {other:?}"),
            };
        }
        assert_eq!(said(&flow), silent(Reason::Overtaken));
    }
}

#[test]
fn no_quorum_is_waited_for_and_then_there_is_silence() {
    let mut flow = Flow::start();
    for _ in 0..LOGIN_PARKS_MAX {
        let Flow::Wait(waiting) = judging(flow).no_standing() else {
            panic!("must wait");
        };
        flow = waiting.woken(false);
    }
    assert_eq!(said(&judging(flow).no_standing()), silent(Reason::NoQuorum));
    let refused = begun(claim(Factors::Code), Err(ProposeError::NotProposed), true);
    assert_eq!(said(&refused), silent(Reason::NoQuorum));
}

#[test]
fn an_unknown_claim_is_claimed_again_and_stays_in_doubt() {
    let flow = begun(
        claim(Factors::PasswordAndCode),
        Err(ProposeError::Unknown),
        false,
    );
    let Flow::Begin(beginning) = judging(flow).judged(claim(Factors::PasswordAndCode)) else {
        panic!("must begin again");
    };
    let Flow::Finish(finished) = beginning.begun(Err(ProposeError::Unknown), QUICK, true) else {
        panic!("must finish");
    };
    assert_eq!(finished.ending.decision, Decision::Silent);
    let doubt = finished.doubt.expect("it may have been granted");
    assert_eq!(doubt.key, AttemptKey([1; 32]));
}

#[test]
fn a_grant_too_late_for_the_lease_asks_nobody() {
    let take = |took| match judging(Flow::start()).judged(claim(Factors::PasswordAndCode)) {
        Flow::Begin(beginning) => beginning.begun(Ok(GRANTED), took, false),
        other => panic!("not beginning: {other:?}"),
    };
    let slack = LEASE.saturating_sub(TIMEOUT);
    let in_time = take(slack.saturating_sub(QUICK));
    assert!(matches!(in_time, Flow::Ask(..)), "{in_time:?}");
    let settling = settling(take(slack));
    assert_eq!(settling.command().outcome, SourceOutcome::NotAsked);
}

#[test]
fn a_grant_after_the_deadline_is_given_back() {
    let flow = begun(claim(Factors::PasswordAndCode), Ok(GRANTED), true);
    let settling = settling(flow);
    assert_eq!(settling.command().outcome, SourceOutcome::NotAsked);
    let flow = settling.settled(Ok(SettleResult::Released), true);
    assert_eq!(said(&flow), silent(Reason::Deadline));
}

#[test]
fn a_grant_whose_split_is_not_known_is_given_back_and_judged_again() {
    let mut unknown = claim(Factors::PasswordAndCode);
    unknown.question = None;
    let settling = settling(begun(unknown, Ok(GRANTED), false));
    assert_eq!(settling.command().outcome, SourceOutcome::NotAsked);
    judging(settling.settled(Ok(SettleResult::Released), false));
}

#[test]
fn a_source_that_is_down_rejects_at_the_deadline() {
    for (outcome, reason) in [
        (SourceOutcome::NotAsked, Reason::SourceDown),
        (SourceOutcome::Unanswered, Reason::SourceUnanswered),
    ] {
        let settling = answered(claim(Factors::PasswordAndCode), outcome, reason);
        assert_eq!(settling.command().outcome, outcome);
        let flow = settling.settled(Ok(SettleResult::Released), false);
        assert_eq!(said(&flow), reject(reason));
        assert_eq!(ending(&flow).pace, Pace::AtDeadline);
    }
}

#[test]
fn a_source_that_is_down_is_silence_where_the_client_says_so() {
    let silent_client = Claim {
        on_source_down: SourceDown::Silent,
        ..claim(Factors::PasswordAndCode)
    };
    let settling = answered(silent_client, SourceOutcome::NotAsked, Reason::SourceDown);
    let flow = settling.settled(Ok(SettleResult::Released), false);
    assert_eq!(said(&flow), silent(Reason::SourceDown));
}

#[test]
fn a_lost_grant_is_judged_again_and_never_believed() {
    for result in [SettleResult::Gone, SettleResult::Superseded] {
        judging(right().settled(Ok(result.clone()), false));
        assert_eq!(
            said(&right().settled(Ok(result), true)),
            silent(Reason::Deadline)
        );
    }
}

#[test]
fn a_settle_that_was_not_seen_to_be_recorded_is_proposed_again() {
    let table = [
        (ProposeError::NotProposed, silent(Reason::NoQuorum)),
        (ProposeError::Unknown, silent(Reason::Unknown)),
    ];
    for (error, expected) in table {
        let mut flow = right().settled(Err(error), true);
        for _ in 2..=SETTLE_TRIES_MAX {
            let again = settling(flow);
            assert!(again.is_repeated());
            flow = again.settled(Err(error), true);
        }
        assert_eq!(said(&flow), expected);
    }
}

#[test]
fn a_settle_that_was_recorded_unheard_says_what_is_recorded() {
    let both = || claim(Factors::PasswordAndCode);
    let wrong = || answered(both(), SourceOutcome::Wrong, Reason::WrongPassword);
    let denied = || answered(both(), SourceOutcome::Denied, Reason::NoMfa);
    let down = || answered(both(), SourceOutcome::NotAsked, Reason::SourceDown);
    let already = SettleResult::Already;
    let table = [
        (right(), already(Verdict::Accepted), Reason::Accepted),
        (right(), already(Verdict::Revoked), Reason::Revoked),
        (
            right(),
            already(Verdict::WrongPassword),
            Reason::WrongPassword,
        ),
        (
            wrong(),
            already(Verdict::WrongPassword),
            Reason::WrongPassword,
        ),
        (denied(), already(Verdict::Denied), Reason::NoMfa),
        (down(), SettleResult::Gone, Reason::SourceDown),
    ];
    for (settle, result, reason) in table {
        let again = settling(settle.settled(Err(ProposeError::Unknown), false));
        assert_eq!(
            said(&again.settled(Ok(result.clone()), false)).1,
            reason,
            "{result:?}"
        );
    }
    // The source said yes, and the grant was taken over: the record is looked at.
    let again = settling(right().settled(Err(ProposeError::Unknown), false));
    judging(again.settled(Ok(SettleResult::Gone), false));
}

#[test]
fn a_grant_in_hand_is_not_in_doubt_any_more() {
    let unknown = begun(
        claim(Factors::PasswordAndCode),
        Err(ProposeError::Unknown),
        false,
    );
    let Flow::Begin(beginning) = judging(unknown).judged(claim(Factors::PasswordAndCode)) else {
        panic!("must begin again");
    };
    let Flow::Ask(_, asking) = beginning.begun(Ok(GRANTED), QUICK, false) else {
        panic!("must ask");
    };
    let wrong = Answer::new(SourceOutcome::Wrong, Reason::WrongPassword, 0);
    let mut flow = asking.answered(wrong, false);
    for _ in 0..SETTLE_TRIES_MAX {
        flow = settling(flow).settled(Err(ProposeError::Unknown), true);
    }
    let Flow::Finish(finished) = flow else {
        panic!("must finish");
    };
    // Given back as not asked, the guess would cost nothing.
    assert_eq!(finished.doubt, None);
}

#[test]
fn who_is_let_in_by_an_exception_is_told_from_the_rest() {
    let single = || Claim {
        let_in: Reason::AcceptedSingleFactor,
        ..claim(Factors::PasswordAndCode)
    };
    let accepted = Verdict::Accepted;
    for result in [
        SettleResult::Settled(accepted),
        SettleResult::Already(accepted),
    ] {
        let settling = answered(single(), SourceOutcome::Right, Reason::Accepted);
        let flow = settling.settled(Ok(result), false);
        assert_eq!(
            said(&flow),
            (Decision::Accept, Reason::AcceptedSingleFactor)
        );
    }
}

#[test]
fn a_right_password_that_came_too_late_for_an_initial_login_is_refused_as_that() {
    let settling = answered(
        claim(Factors::PasswordAndCode),
        SourceOutcome::Right,
        Reason::Accepted,
    );
    let flow = settling.settled(Ok(SettleResult::Settled(Verdict::Denied)), false);
    assert_eq!(said(&flow), reject(Reason::InitialUsed));
}
