use super::*;

const SECOND: Duration = Duration::from_secs(1);
const DOWN: Verdict = Verdict::Failure(Fault::Unreachable);

fn admitted(breaker: &mut Breaker, now: Instant) -> Ticket {
    breaker.admit(now).expect("a question is admitted")
}

fn fail(breaker: &mut Breaker, times: u32, now: Instant) -> Option<Resting> {
    let mut began = None;
    for _ in 0..times {
        let ticket = admitted(breaker, now);
        began = breaker.done(ticket, DOWN, now);
    }
    began
}

fn opened(now: Instant) -> Breaker {
    let mut breaker = Breaker::default();
    let began = fail(&mut breaker, FAILURES_MAX, now);
    let expected = Resting {
        left: REST_MIN,
        fault: Fault::Unreachable,
    };
    assert_eq!(began, Some(expected));
    breaker
}

/// After its rest and as many successes as it takes.
fn ramping(now: Instant) -> (Breaker, Instant) {
    let mut breaker = opened(now);
    let now = now + REST_MIN;
    for _ in 0..PROBES_MAX {
        let probe = admitted(&mut breaker, now);
        assert_eq!(breaker.done(probe, Verdict::Success, now), None);
    }
    (breaker, now)
}

#[test]
fn failures_in_a_row_begin_a_rest() {
    let now = Instant::now();
    let mut breaker = opened(now);
    let resting = breaker.admit(now + SECOND).expect_err("it rests");
    assert_eq!(resting.left, REST_MIN - SECOND);
    assert_eq!(breaker.resting_for(now + SECOND), Some(REST_MIN - SECOND));
    assert_eq!(breaker.resting_for(now + REST_MIN), None);
}

#[test]
fn a_success_in_between_starts_the_count_again() {
    let now = Instant::now();
    let mut breaker = Breaker::default();
    for _ in 0..10 {
        assert_eq!(fail(&mut breaker, FAILURES_MAX - 1, now), None);
        let ticket = admitted(&mut breaker, now);
        breaker.done(ticket, Verdict::Success, now);
    }
    assert_eq!(breaker.resting_for(now), None);
}

#[test]
fn rests_double_up_to_their_bound_and_begin_again_after_a_recovery() {
    let mut now = Instant::now();
    let mut breaker = opened(now);
    let mut expected = REST_MIN;
    for _ in 0..10 {
        now += expected;
        let probe = admitted(&mut breaker, now);
        expected = (expected * 2).min(REST_MAX);
        let began = breaker.done(probe, DOWN, now).expect("a rest begins");
        assert_eq!(began.left, expected);
    }
    assert_eq!(expected, REST_MAX);
    now += REST_MAX;
    for _ in 0..PROBES_MAX {
        let probe = admitted(&mut breaker, now);
        breaker.done(probe, Verdict::Success, now);
    }
    now += SECOND * RAMP_SECS;
    let began = fail(&mut breaker, FAILURES_MAX, now);
    assert_eq!(began.map(|resting| resting.left), Some(REST_MIN));
}

#[test]
fn four_at_a_time_try_whether_it_is_back() {
    let now = Instant::now();
    let mut breaker = opened(now);
    let now = now + REST_MIN;
    let probes: Vec<_> = (0..PROBES_MAX)
        .map(|_| admitted(&mut breaker, now))
        .collect();
    assert!(breaker.admit(now).is_err());
    for probe in probes {
        breaker.done(probe, Verdict::Success, now);
    }
    assert!(breaker.admit(now).is_ok());
}

#[test]
fn a_ticket_that_is_dropped_wedges_nothing() {
    let now = Instant::now();
    let mut breaker = opened(now);
    let now = now + REST_MIN;
    for _ in 0..PROBES_MAX {
        drop(admitted(&mut breaker, now));
    }
    assert!(breaker.admit(now + PROBE_MAX - SECOND).is_err());
    for _ in 0..PROBES_MAX {
        let probe = admitted(&mut breaker, now + PROBE_MAX);
        breaker.dropped(probe);
    }
    for _ in 0..PROBES_MAX {
        let probe = admitted(&mut breaker, now + PROBE_MAX);
        breaker.done(probe, Verdict::Success, now + PROBE_MAX);
    }
    assert!(matches!(breaker.state, State::Ramp { .. }));
}

#[test]
fn a_permit_that_is_dropped_gives_its_place_back_at_once() {
    let now = Instant::now();
    let gate = Gate(Mutex::new(opened(now)));
    let now = now + REST_MIN;
    for _ in 0..1000 {
        drop(gate.admit(now).expect("the place is free again"));
    }
    let held: Vec<_> = (0..PROBES_MAX).map(|_| gate.admit(now)).collect();
    assert!(held.iter().all(Result::is_ok));
    assert!(gate.admit(now).is_err());
}

#[test]
fn recovery_lets_no_stampede_through() {
    let start = Instant::now();
    let mut breaker = opened(start);
    let mut per_second = Vec::new();
    // 5,000 a second come, all the time, and each is answered after 10 ms.
    for second in 0..12 {
        let mut admitted = 0;
        let mut waiting = std::collections::VecDeque::new();
        for question in 0..5000 {
            let now = start + SECOND * second + Duration::from_micros(200 * question);
            if let Ok(ticket) = breaker.admit(now) {
                admitted += 1;
                waiting.push_back((now + Duration::from_millis(10), ticket));
            }
            while waiting.front().is_some_and(|(due, _)| *due <= now) {
                let (_, ticket) = waiting.pop_front().expect("there is one");
                breaker.done(ticket, Verdict::Success, now);
            }
        }
        per_second.push(admitted);
    }
    // Two of rest; four successes, with three more under way, and the first of the ramp; then
    // twice as many each second.
    assert_eq!(&per_second[..2], [0, 0]);
    assert!(per_second[2] <= 4 + 3 + 16, "{per_second:?}");
    for (second, pair) in per_second[2..10].windows(2).enumerate() {
        let most = RAMP_FIRST << (second + 1);
        assert!(pair[1] <= most, "{per_second:?}");
        assert!(pair[1] > pair[0], "{per_second:?}");
    }
    assert_eq!(per_second[11], 5000, "{per_second:?}");
}

#[test]
fn failures_end_the_ramp() {
    let (mut breaker, now) = ramping(Instant::now());
    let began = fail(&mut breaker, FAILURES_MAX, now).expect("a rest begins");
    assert_eq!(began.left, REST_MIN * 2);
    assert!(breaker.admit(now).is_err());
}

#[test]
fn what_began_before_a_rest_says_nothing_after_it() {
    let now = Instant::now();
    let mut breaker = Breaker::default();
    let old: Vec<_> = (0..100).map(|_| admitted(&mut breaker, now)).collect();
    fail(&mut breaker, FAILURES_MAX, now);
    let later = now + REST_MIN;
    let probe = admitted(&mut breaker, later);
    for ticket in old {
        assert_eq!(breaker.done(ticket, DOWN, later), None);
    }
    breaker.done(probe, Verdict::Success, later);
    assert!(breaker.admit(later).is_ok());
}

#[test]
fn a_rest_that_is_asked_for_is_kept() {
    let now = Instant::now();
    let mut breaker = Breaker::default();
    breaker.rest_until(now + SECOND * 60, now);
    let resting = breaker.admit(now + SECOND * 59).expect_err("it rests");
    assert_eq!((resting.left, resting.fault), (SECOND, Fault::Throttled));
    let then = now + SECOND * 60;
    let probes: Vec<_> = (0..=PROBES_MAX).map(|_| breaker.admit(then)).collect();
    let admitted = probes.iter().filter(|probe| probe.is_ok()).count();
    assert_eq!(admitted, PROBES_MAX, "taken back as after a failure");
}

#[test]
fn a_shorter_rest_does_not_end_a_longer_one() {
    let now = Instant::now();
    let mut breaker = Breaker::default();
    breaker.rest_until(now + SECOND * 60, now);
    breaker.rest_until(now + SECOND, now);
    assert_eq!(breaker.resting_for(now), Some(SECOND * 60));
    breaker.rest_until(now + SECOND * 90, now);
    assert_eq!(breaker.resting_for(now), Some(SECOND * 90));
    let mut breaker = Breaker::default();
    breaker.rest_until(now, now + SECOND);
    assert_eq!(breaker.resting_for(now + SECOND), None);
    assert!(breaker.admit(now + SECOND).is_ok());
}
