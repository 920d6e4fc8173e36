//! Users whom a source will not judge for a while: asking for them again would only keep
//! their lock alive, or make the source turn against us.
//!
//! Time is an argument. Must not know passwords, nor what a source's numbers are.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use tokio::time::Instant;

/// Why a user is not asked for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Cause {
    /// The source has locked the account, or our address.
    Locked,
    /// The source has seen the same question too often.
    Looped,
}

/// The users of one source who are left alone now.
#[derive(Debug, Default)]
pub struct Pauses {
    users: HashMap<String, Pause>,
    /// Who was last seen locked, oldest first. LIMIT: [`LOCKED_TOGETHER`].
    locked: VecDeque<(Instant, String)>,
    /// So many are locked at the same time that it has been told.
    told: bool,
}

#[derive(Debug)]
struct Pause {
    cause: Cause,
    span: Duration,
    until: Instant,
}

impl Pauses {
    /// Why this user is not to be asked for at `now`. `None`: go on.
    #[must_use]
    pub fn of(&self, name: &str, now: Instant) -> Option<Cause> {
        let pause = self.users.get(name).filter(|pause| pause.until > now);
        pause.map(|pause| pause.cause)
    }

    /// The source says that the user is locked. True once each time when so many different
    /// users are that it must be this node's address that is blocked.
    #[must_use]
    pub fn locked(&mut self, name: &str, now: Instant) -> bool {
        let last = self
            .users
            .get(name)
            .filter(|pause| pause.is_remembered(now));
        let span = last.map_or(LOCKED_FIRST, |pause| {
            pause
                .span
                .saturating_mul(2)
                .clamp(LOCKED_FIRST, LOCKED_LAST)
        });
        self.pause(name, Cause::Locked, span, now);
        self.locked.retain(|(at, other)| {
            other != name && now.saturating_duration_since(*at) < LOCKED_WINDOW
        });
        self.locked.push_back((now, name.to_owned()));
        let many = self.locked.len() >= LOCKED_TOGETHER;
        if self.locked.len() > LOCKED_TOGETHER {
            self.locked.pop_front();
        }
        let told = std::mem::replace(&mut self.told, many);
        many && !told
    }

    /// The source says that it was asked the same too often.
    pub fn looped(&mut self, name: &str, now: Instant) {
        self.pause(name, Cause::Looped, LOOPED, now);
    }

    /// The source has judged the user.
    pub fn forget(&mut self, name: &str) {
        self.users.remove(name);
    }

    fn pause(&mut self, name: &str, cause: Cause, span: Duration, now: Instant) {
        if self.users.len() >= USERS_MAX && !self.users.contains_key(name) {
            self.make_room(now);
        }
        let until = now + span;
        self.users
            .insert(name.to_owned(), Pause { cause, span, until });
    }

    /// LIMIT: who would be free first is asked for again before the time is over.
    fn make_room(&mut self, now: Instant) {
        self.users.retain(|_, pause| pause.is_remembered(now));
        if self.users.len() < USERS_MAX {
            return;
        }
        let first = self.users.iter().min_by_key(|(_, pause)| pause.until);
        if let Some(name) = first.map(|(name, _)| name.clone()) {
            self.users.remove(&name);
        }
    }
}

impl Pause {
    /// Once more as long as it lasted: a lock that is seen again by then is the same one.
    fn is_remembered(&self, now: Instant) -> bool {
        self.until + self.span > now
    }
}

/// Entra's first lock lasts a minute; whoever asks sooner lengthens it.
pub const LOCKED_FIRST: Duration = Duration::from_secs(60);
/// LIMIT: a lock that others cause must not keep the user out for long after its end.
pub const LOCKED_LAST: Duration = Duration::from_secs(300);
/// As long as Entra looks back for loops.
pub const LOOPED: Duration = Duration::from_secs(300);
/// So many users locked within [`LOCKED_WINDOW`] are no accident.
pub const LOCKED_TOGETHER: usize = 8;
/// See [`LOCKED_TOGETHER`].
pub const LOCKED_WINDOW: Duration = Duration::from_secs(300);
/// LIMIT: users left alone at one time.
const USERS_MAX: usize = 8192;

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn lock(pauses: &mut Pauses, name: &str, now: Instant) -> bool {
        pauses.locked(name, now)
    }

    #[test]
    fn a_locked_user_is_left_alone_for_longer_each_time() {
        let (mut pauses, mut now) = (Pauses::default(), Instant::now());
        for secs in [60, 120, 240, 300, 300] {
            lock(&mut pauses, "alice", now);
            let last = now + SECOND * (secs - 1);
            assert_eq!(pauses.of("alice", last), Some(Cause::Locked), "{secs}");
            now += SECOND * secs;
            assert_eq!(pauses.of("alice", now), None, "{secs}");
        }
        assert_eq!(pauses.of("bob", now), None);
    }

    #[test]
    fn a_lock_long_after_the_last_is_a_new_one() {
        let (mut pauses, now) = (Pauses::default(), Instant::now());
        lock(&mut pauses, "alice", now);
        let later = now + LOCKED_FIRST * 2;
        lock(&mut pauses, "alice", later);
        assert_eq!(pauses.of("alice", later + LOCKED_FIRST), None);
    }

    #[test]
    fn a_loop_pauses_for_five_minutes() {
        let (mut pauses, now) = (Pauses::default(), Instant::now());
        pauses.looped("alice", now);
        assert_eq!(pauses.of("alice", now + SECOND * 299), Some(Cause::Looped));
        assert_eq!(pauses.of("alice", now + SECOND * 300), None);
    }

    #[test]
    fn a_judged_user_is_free() {
        let (mut pauses, now) = (Pauses::default(), Instant::now());
        lock(&mut pauses, "alice", now);
        pauses.forget("alice");
        assert_eq!(pauses.of("alice", now), None);
    }

    #[test]
    fn many_locked_users_within_the_window_are_told_once() {
        let (mut pauses, now) = (Pauses::default(), Instant::now());
        let told: Vec<_> = (0..20)
            .map(|number| lock(&mut pauses, &format!("user{number}"), now + SECOND * number))
            .collect();
        let first = LOCKED_TOGETHER - 1;
        for (number, told) in told.into_iter().enumerate() {
            assert_eq!(told, number == first, "{number}");
        }
        let quiet = now + LOCKED_WINDOW * 2;
        let again = (0..20).map(|number| lock(&mut pauses, &format!("other{number}"), quiet));
        assert_eq!(again.filter(|told| *told).count(), 1);
    }

    #[test]
    fn one_user_or_users_far_apart_are_no_blocked_address() {
        let (mut pauses, now) = (Pauses::default(), Instant::now());
        for number in 0..50 {
            let apart = LOCKED_WINDOW / 6 * number;
            assert!(!lock(&mut pauses, "alice", now + apart));
            assert!(!lock(&mut pauses, &format!("user{number}"), now + apart));
        }
    }

    #[test]
    fn no_more_users_than_the_bound_are_kept() {
        let (mut pauses, now) = (Pauses::default(), Instant::now());
        for number in 0..USERS_MAX + 10 {
            pauses.looped(&format!("user{number}"), now);
        }
        assert_eq!(pauses.users.len(), USERS_MAX);
    }
}
