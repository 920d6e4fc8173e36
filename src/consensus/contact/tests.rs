//! Each reason to be silent, and what must not be one.

mod quorum;

use countersign_core::base::NodeId;

use super::hearing::{Hearing, Word};
use super::*;
use crate::consensus::codec::new_log_id;

const TERM: u64 = 7;
const LEADER: NodeId = NodeId(2);

/// A follower, its leader's clock and its own.
struct World {
    hearing: Hearing,
    start: Instant,
    now: Instant,
    applied: Applied,
}

impl World {
    fn new() -> Self {
        let start = Instant::now();
        let mut world = Self {
            hearing: Hearing::default(),
            start,
            now: start,
            applied: Applied {
                index: 10,
                at: Timestamp::from_millis(500),
            },
        };
        world.hears(true, TERM, 10);
        world
    }

    fn pass(&mut self, millis: u64) {
        self.now += Duration::from_millis(millis);
    }

    /// Hears at once what the leader says now.
    fn hears(&mut self, quorum: bool, term: u64, commit: u64) -> bool {
        let sent = self.now - self.start;
        self.hears_of(sent, quorum, term, commit)
    }

    /// Hears what the leader said when it had run for `sent`.
    fn hears_of(&mut self, sent: Duration, quorum: bool, term: u64, commit: u64) -> bool {
        let word = Word {
            time: Timestamp::from_millis(1000).plus(sent),
            sent,
            quorum,
        };
        self.hearing.hear(word, term, commit, self.now)
    }

    fn standing(&self) -> Result<Timestamp, Unready> {
        self.hearing.standing(TERM, self.now, self.applied)
    }
}

#[test]
fn a_follower_in_contact_tells_the_leaders_time_advanced_by_its_own() {
    let mut world = World::new();
    assert_eq!(world.standing(), Ok(Timestamp::from_millis(1000)));
    world.pass(200);
    assert_eq!(world.standing(), Ok(Timestamp::from_millis(1200)));
    world.applied.at = Timestamp::from_millis(9000);
    assert_eq!(world.standing(), Ok(Timestamp::from_millis(9000)));
}

#[test]
fn silence_of_the_leader_ends_it() {
    let mut world = World::new();
    world.pass(250);
    assert!(world.standing().is_ok());
    world.pass(1);
    assert_eq!(world.standing(), Err(Unready::NoLeader));
    world.hears(true, TERM, 10);
    assert!(world.standing().is_ok());
}

#[test]
fn nothing_heard_is_no_leader() {
    let world = World::new();
    let standing = Hearing::default().standing(0, world.now, world.applied);
    assert_eq!(standing, Err(Unready::NoLeader));
}

#[test]
fn a_leader_without_a_quorum_ends_it_at_once() {
    let mut world = World::new();
    world.pass(75);
    world.hears(false, TERM, 10);
    assert_eq!(world.standing(), Err(Unready::NoQuorum));
}

#[test]
fn an_older_leader_is_not_listened_to() {
    let mut world = World::new();
    world.pass(200);
    assert!(!world.hears(true, TERM - 1, 99));
    world.pass(51);
    assert_eq!(world.standing(), Err(Unready::NoLeader));
}

#[test]
fn a_newer_term_counts_from_its_first_word() {
    let mut world = World::new();
    assert_eq!(
        world.hearing.standing(TERM + 1, world.now, world.applied),
        Err(Unready::NoLeader),
        "it voted in a newer term, whose leader said nothing yet"
    );
    assert!(world.hears(true, TERM + 1, 11));
    assert_eq!(world.standing(), Err(Unready::Behind));
    world.applied.index = 11;
    assert!(world.standing().is_ok());
    assert!(!world.hears(true, TERM, 10));
}

#[test]
fn what_is_committed_and_not_applied_is_behind_after_a_while() {
    let mut world = World::new();
    for _ in 0..4 {
        world.pass(75);
        world.hears(true, TERM, 20);
    }
    assert_eq!(world.standing(), Err(Unready::Behind));
    world.applied.index = 20;
    assert!(world.standing().is_ok());
}

#[test]
fn under_load_it_is_never_level_and_yet_in_sync() {
    let mut world = World::new();
    for commit in 11..5000 {
        world.pass(1);
        world.hears(true, TERM, commit);
        // Fifteen entries behind, at one a millisecond.
        world.applied.index = commit.saturating_sub(15).max(10);
        assert!(world.standing().is_ok(), "at {commit}");
    }
}

#[test]
fn a_process_that_was_stopped_is_silent_until_it_is_told_anew() {
    let mut world = World::new();
    world.pass(75);
    world.hears(true, TERM, 10);
    let stopped = world.now - world.start;
    world.pass(60_000);
    assert_eq!(world.standing(), Err(Unready::NoLeader));
    // Its socket is full of what was said just after it stopped.
    for word in 1..50 {
        world.hears_of(stopped + Duration::from_millis(word * 75), true, TERM, 10);
        assert_eq!(world.standing(), Err(Unready::NoLeader), "word {word}");
    }
    world.hears(true, TERM, 5000);
    assert_eq!(world.standing(), Err(Unready::Behind));
    world.applied.index = 5000;
    assert!(world.standing().is_ok());
}

#[test]
fn clocks_that_drift_apart_are_not_taken_for_delay() {
    let mut world = World::new();
    // For an hour the leader's clock runs slower by 500 ppm.
    for word in 1..=(3600 * 13) {
        world.pass(75);
        let sent = Duration::from_micros(word * (75_000 - 38));
        world.hears_of(sent, true, TERM, 10);
        assert!(world.standing().is_ok(), "at word {word}");
    }
}

#[test]
fn a_leader_of_five_speaks_while_it_hears_three_and_no_longer() {
    let (contact, clock) = contact();
    let leading = Reign::Leading {
        reign: new_log_id(TERM, 1).leader_id,
        alone: false,
    };
    assert_eq!(contact.standing(leading), Err(Unready::NoQuorum));
    // Raft's word for when three of the five were last in contact with each other.
    let heard = clock.monotonic();
    contact.ask_quorum_of(Box::new(move |_| Some(heard)));
    clock.pass(CONTACT_MAX);
    assert!(contact.standing(leading).is_ok());
    assert!(contact.word().quorum);
    clock.pass(Duration::from_millis(1));
    assert_eq!(contact.standing(leading), Err(Unready::NoQuorum));
    assert!(!contact.word().quorum);
}

#[test]
fn who_knows_no_leader_is_silent() {
    let (contact, _) = contact();
    assert_eq!(contact.standing(Reign::Vacant), Err(Unready::NoLeader));
}

#[test]
fn a_word_of_other_tables_silences_until_a_majority_is_known_to_share_its_own() {
    let (contact, _) = contact();
    let following = Reign::Following {
        leader: LEADER,
        term: TERM,
    };
    contact.hashes.set_voters([1, 2, 3].map(NodeId));
    contact.hashes.record(3, [1; 32]);
    let mut word = contact.word();
    assert_eq!((word.hash_index, &*word.hash), (3, &[1; 32][..]));
    word.quorum = true;
    contact.heard(LEADER, &word, TERM, 0);
    assert!(contact.standing(following).is_ok());
    contact.hashes.record(4, [1; 32]);
    (word.hash_index, word.hash) = (4, vec![2; 32]);
    contact.heard(LEADER, &word, TERM - 1, 0);
    assert!(
        contact.standing(following).is_ok(),
        "an older leader's word"
    );
    contact.heard(LEADER, &word, TERM, 0);
    assert_eq!(contact.standing(following), Err(Unready::Fenced));
    contact.hashes.told(NodeId(3), 4, &[1; 32]);
    assert!(contact.standing(following).is_ok());
}

#[test]
fn the_number_of_the_attempt_keys_travels() {
    let ((leader, _), (follower, _)) = (contact(), contact());
    let mut told = follower.watch_attempt_keys();
    leader.set_attempt_keys(4);
    follower.heard(LEADER, &leader.word(), TERM, 0);
    assert!(told.has_changed().unwrap());
    assert_eq!(*told.borrow_and_update(), 4);
    follower.heard(LEADER, &leader.word(), TERM, 0);
    assert!(!told.has_changed().unwrap());
}

/// A clock that stands until a test moves it.
struct ManualClock {
    start: Instant,
    passed: Mutex<Duration>,
}

impl ManualClock {
    fn pass(&self, span: Duration) {
        *self.passed.lock().unwrap() += span;
    }
}

impl Clock for ManualClock {
    fn monotonic(&self) -> Instant {
        self.start + *self.passed.lock().unwrap()
    }

    fn wall(&self) -> Timestamp {
        Timestamp::default()
    }
}

fn contact() -> (Arc<Contact>, Arc<ManualClock>) {
    let (_, applied) = watch::channel(Applied::default());
    let clock = Arc::new(ManualClock {
        start: Instant::now(),
        passed: Mutex::default(),
    });
    let port: Arc<dyn Clock> = Arc::clone(&clock) as _;
    (
        Contact::start(&port, Hashes::new(NodeId(1)), &applied),
        clock,
    )
}
