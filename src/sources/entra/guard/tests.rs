use std::sync::PoisonError;

use countersign_core::base::{Secret, Timestamp, Unobserved};

use super::*;
use crate::sources::breaker::{FAILURES_MAX, REST_MIN};
use crate::sources::entra::PinnedHosts;
use crate::sources::entra::decision::Decisions;
use crate::sources::entra::response::Said;
use crate::sources::pause::LOCKED_TOGETHER;

#[derive(Debug)]
struct Stopped;

impl Clock for Stopped {
    fn monotonic(&self) -> Instant {
        Instant::now()
    }

    fn wall(&self) -> Timestamp {
        Timestamp::from_millis(1_800_000_000_000)
    }
}

#[derive(Debug, Default)]
struct Heard(Mutex<Vec<(String, Duration)>>);

impl Rests for Heard {
    fn resting(&self, source: &str, span: Duration) {
        let mut heard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        heard.push((source.to_owned(), span));
    }
}

struct World {
    guard: Guard,
    heard: Arc<Heard>,
    decisions: Decisions,
    now: Instant,
}

impl World {
    fn new() -> Self {
        let heard = Arc::new(Heard::default());
        let surroundings = Surroundings {
            pinned: PinnedHosts::default(),
            ca_file: None,
            request_ids: [7; 8],
            boot_key: Arc::new(Secret::from(&[7; 32][..])),
            operations: Arc::new(Unobserved),
            alarms: Arc::new(Alarms::new(Arc::new(Unobserved))),
            rests: Arc::clone(&heard) as _,
            clock: Arc::new(Stopped),
        };
        Self {
            guard: Guard::new("entra", &surroundings),
            heard,
            decisions: Decisions::new(crate::sources::entra::decision::Switches::default()),
            now: Instant::now(),
        }
    }

    fn admit(&self, name: &str, password: &str) -> Result<Permit<'_>, Spared> {
        self.guard.admit(&question(name, password), self.now)
    }

    /// Asks and learns `judged`.
    fn told(&self, name: &str, judged: Judged) {
        let lesson = Lesson {
            judged,
            retry_after: None,
            hurried: false,
        };
        self.taught(name, &lesson);
    }

    fn taught(&self, name: &str, lesson: &Lesson) {
        let question = question(name, "pw");
        let permit = self.guard.admit(&question, self.now).expect("admitted");
        self.guard.learn(&question, lesson, permit, self.now);
    }

    fn coded(&self, name: &str, code: u32) {
        let body = format!(r#"{{"error":"e","error_codes":[{code}]}}"#);
        let judged = self.decisions.judge(400, &Said::read(body.as_bytes()));
        self.told(name, judged);
    }

    fn spared(&self, name: &str, password: &str) -> Option<(SourceOutcome, Reason)> {
        let spared = self.admit(name, password).err()?;
        Some((spared.answer.outcome, spared.answer.reason))
    }

    fn alarms(&self) -> Vec<&'static str> {
        let alarms = self.guard.alarms.list();
        alarms.iter().map(|alarm| alarm.trouble.label).collect()
    }
}

fn question(name: &str, password: &str) -> Question {
    Question {
        against: crate::login::Against::Directory,
        name: name.to_owned(),
        password: Secret::from(password.to_owned()),
        timeout: Duration::from_secs(3),
    }
}

const UNREACHABLE: Judged = plain(SourceOutcome::NotAsked, Reason::SourceUnreachable, 0);

#[test]
fn a_wrong_password_is_asked_about_once() {
    let world = World::new();
    world.coded("alice", 50126);
    let known = Some((SourceOutcome::Wrong, Reason::KnownWrong));
    assert_eq!(world.spared("alice", "pw"), known);
    assert_eq!(world.spared("alice", "other"), None);
    assert_eq!(world.spared("bob", "pw"), None);
}

#[test]
fn no_other_outcome_makes_a_password_known_as_wrong() {
    let world = World::new();
    for code in [50076, 53003, 4711, 80002] {
        world.coded("alice", code);
        assert_eq!(world.spared("alice", "pw"), None, "{code}");
    }
}

#[test]
fn a_locked_user_is_left_alone_and_the_others_are_not() {
    let mut world = World::new();
    world.coded("alice", 50053);
    let locked = Some((SourceOutcome::NotAsked, Reason::LockedAtSource));
    assert_eq!(world.spared("alice", "pw"), locked);
    assert_eq!(world.spared("alice", "other"), locked);
    assert_eq!(world.spared("bob", "pw"), None);
    world.now += Duration::from_secs(60);
    assert_eq!(world.spared("alice", "pw"), None);
    world.coded("carol", 50196);
    let looped = Some((SourceOutcome::NotAsked, Reason::SourceDown));
    assert_eq!(world.spared("carol", "pw"), looped);
    assert_eq!(world.alarms(), ["loop"]);
}

#[test]
fn many_locked_users_raise_an_alarm_that_the_next_judged_one_ends() {
    let world = World::new();
    for number in 0..LOCKED_TOGETHER {
        assert!(world.alarms().is_empty());
        world.coded(&format!("user{number}"), 50053);
    }
    assert_eq!(world.alarms(), ["egress_blocked"]);
    world.coded("alice", 50126);
    assert!(world.alarms().is_empty());
}

#[test]
fn users_faults_never_open_the_breaker() {
    let world = World::new();
    for number in 0..50 {
        let code = [50126, 53003, 50053, 4711, 50196, 65001][number % 6];
        world.coded(&format!("user{number}"), code);
    }
    assert_eq!(world.guard.resting(world.now), None);
}

#[test]
fn failures_in_a_row_open_it_and_the_reason_is_kept() {
    let unanswered = plain(SourceOutcome::Unanswered, Reason::SourceUnanswered, 0);
    let temporary = plain(SourceOutcome::NotAsked, Reason::SourceDown, 90033);
    let misconfigured = plain(SourceOutcome::NotAsked, Reason::SourceMisconfigured, 1);
    for (judged, reason, alarm) in [
        (UNREACHABLE, Reason::SourceUnreachable, Some("unreachable")),
        (unanswered, Reason::SourceUnreachable, Some("unanswered")),
        (temporary, Reason::SourceDown, Some("temporary")),
        (misconfigured, Reason::SourceMisconfigured, None),
    ] {
        let mut world = World::new();
        for _ in 0..FAILURES_MAX {
            world.told("alice", judged.clone());
        }
        let expected = Some((SourceOutcome::NotAsked, reason));
        assert_eq!(world.spared("alice", "pw"), expected);
        assert_eq!(world.alarms(), Vec::from_iter(alarm));
        let heard = world.heard.0.lock().expect("no test panics with it");
        assert!(heard.is_empty(), "no peer is told of this node's trouble");
        drop(heard);
        world.now += REST_MIN;
        world.coded("alice", 50076);
        assert!(world.alarms().is_empty());
    }
}

#[test]
fn a_client_that_is_refused_is_told_with_its_remedy() {
    let mut world = World::new();
    for _ in 0..FAILURES_MAX {
        world.coded("alice", 7_000_222);
    }
    let alarms = world.guard.alarms.list();
    assert_eq!(alarms[0].trouble, &troubles::SECRET_EXPIRED);
    assert_eq!(alarms[0].count, u64::from(FAILURES_MAX));
    let refused = Some((SourceOutcome::NotAsked, Reason::SourceMisconfigured));
    assert_eq!(world.spared("alice", "pw"), refused);
    world.now += REST_MIN;
    world.coded("alice", 50126);
    assert!(world.alarms().is_empty());
}

#[test]
fn missing_consent_is_over_only_when_a_user_gets_through() {
    let world = World::new();
    world.coded("alice", 65001);
    world.coded("bob", 50126);
    assert_eq!(world.alarms(), ["consent"]);
    world.coded("carol", 50076);
    assert!(world.alarms().is_empty());
}

#[test]
fn a_throttle_is_kept_and_told_once() {
    let mut world = World::new();
    let throttled = |seconds: Option<u64>| Lesson {
        judged: world.decisions.judge(429, &Said::default()),
        retry_after: seconds.map(Duration::from_secs),
        hurried: false,
    };
    let lessons = [throttled(Some(20)), throttled(Some(20)), throttled(None)];
    let asked: Vec<_> = lessons
        .iter()
        .map(|_| (question("alice", "pw"), world.admit("alice", "pw")))
        .collect();
    for (lesson, (question, permit)) in lessons.into_iter().zip(asked) {
        let permit = permit.expect("admitted");
        world.guard.learn(&question, &lesson, permit, world.now);
    }
    let heard = world
        .heard
        .0
        .lock()
        .expect("no test panics with it")
        .clone();
    let told = [20, 60].map(|secs| ("entra".to_owned(), Duration::from_secs(secs)));
    assert_eq!(heard, told);
    assert_eq!(world.alarms(), ["throttled"]);
    let down = Some((SourceOutcome::NotAsked, Reason::SourceDown));
    assert_eq!(world.spared("bob", "pw"), down);
    world.now += Duration::from_secs(59);
    assert_eq!(world.spared("bob", "pw"), down);
    world.now += Duration::from_secs(1);
    assert_eq!(world.spared("bob", "pw"), None);
}

#[test]
fn a_throttle_that_asks_for_nothing_is_still_one() {
    let world = World::new();
    let lesson = Lesson {
        judged: world.decisions.judge(429, &Said::default()),
        retry_after: Some(Duration::ZERO),
        hurried: false,
    };
    world.taught("alice", &lesson);
    assert_eq!(world.guard.resting(world.now), Some(REST_LEAST));
}

#[test]
fn no_word_from_outside_makes_a_source_rest_for_long() {
    let world = World::new();
    let lesson = Lesson {
        judged: world.decisions.judge(503, &Said::default()),
        retry_after: Some(Duration::from_secs(u64::MAX)),
        hurried: false,
    };
    world.taught("alice", &lesson);
    assert_eq!(world.guard.resting(world.now), Some(REST_MOST));
    let peer = World::new();
    peer.guard.rest(Duration::from_secs(u64::MAX), peer.now);
    assert_eq!(peer.guard.resting(peer.now), Some(REST_MOST));
    let heard = peer.heard.0.lock().expect("no test panics with it");
    assert!(heard.is_empty(), "what a peer told is not told again");
}

#[test]
fn of_a_source_that_cannot_be_reached_nobody_is_told() {
    let world = World::new();
    for _ in 0..FAILURES_MAX {
        world.told("alice", UNREACHABLE);
    }
    assert!(world.guard.resting(world.now).is_some());
    let heard = world.heard.0.lock().expect("no test panics with it");
    assert!(heard.is_empty(), "it may be this node that is cut off");
}

#[test]
fn a_failure_in_a_hurry_shows_nothing() {
    let world = World::new();
    for _ in 0..FAILURES_MAX * 3 {
        let lesson = Lesson {
            judged: UNREACHABLE,
            retry_after: None,
            hurried: true,
        };
        world.taught("alice", &lesson);
    }
    assert_eq!(world.guard.resting(world.now), None);
}

#[test]
fn who_is_left_alone_takes_no_place_of_a_probe() {
    let mut world = World::new();
    world.coded("alice", 50126);
    for _ in 0..FAILURES_MAX {
        world.told("bob", UNREACHABLE);
    }
    world.now += REST_MIN;
    for _ in 0..10 {
        assert!(world.spared("alice", "pw").is_some());
    }
    assert!(world.admit("bob", "pw").is_ok());
}
