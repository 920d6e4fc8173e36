//! What directories have against the service account, and when it may be tried again.
//!
//! Each node tries for itself. A wrong password must not lock the account, however many
//! nodes there are: the pause after each doubles. Time is an argument. Must not know:
//! connections, the password.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use super::decision::Decisions;
use super::message::Outcome;

/// What stands against the account now.
#[derive(Debug, Default)]
pub(super) struct Refusals {
    /// It or its password is refused, by each server alike.
    account: Option<Refusal>,
    /// By servers that did not come to judge it.
    servers: BTreeMap<usize, Refusal>,
}

#[derive(Clone, Copy, Debug)]
struct Refusal {
    code: u32,
    at: Instant,
    until: Instant,
    /// After the last wrong password; zero: there was none.
    pause: Duration,
}

impl Refusals {
    /// By what the account is refused that must not be tried at `now`.
    pub(super) fn of_account(&self, now: Instant) -> Option<u32> {
        let standing = self.account.filter(|refusal| refusal.until > now);
        standing.map(|refusal| refusal.code)
    }

    /// By what this server refuses it, which is not to be tried there at `now`.
    pub(super) fn of_server(&self, server: usize, now: Instant) -> Option<u32> {
        let standing = self.servers.get(&server);
        let standing = standing.filter(|refusal| refusal.until > now);
        standing.map(|refusal| refusal.code)
    }

    /// By what the account is refused that not even an operator may try at `now`. An operator
    /// may have set right what was wrong, and need not wait as long as logins do.
    pub(super) fn of_operator(&self, now: Instant) -> Option<u32> {
        let recent = self
            .account
            .filter(|refusal| refusal.at + PAUSE_FIRST > now);
        recent.map(|refusal| refusal.code)
    }

    /// For how long logins do without the account.
    pub(super) fn pause(&self, now: Instant) -> Option<Duration> {
        let refusal = self.account.filter(|refusal| refusal.until > now)?;
        Some(refusal.until.saturating_duration_since(now))
    }

    /// The account is taken.
    pub(super) fn taken(&mut self, server: usize) {
        self.account = None;
        self.servers.remove(&server);
    }

    /// It is not, as the server said.
    pub(super) fn refused(&mut self, server: usize, said: &Outcome, now: Instant) {
        let mut refusal = Refusal {
            code: Decisions::number(said),
            at: now,
            until: now + PAUSE_FIRST,
            pause: Duration::ZERO,
        };
        if !Decisions::is_of_account(said) {
            self.servers.insert(server, refusal);
            return;
        }
        refusal.pause = self.account.map_or(Duration::ZERO, |last| last.pause);
        if Decisions::is_wrong(said) {
            refusal.pause = (refusal.pause * 2).clamp(PAUSE_FIRST, PAUSE_MAX);
            refusal.until = now + refusal.pause;
        }
        self.account = Some(refusal);
    }
}

/// How long a refused account is not tried again at first. Active Directory forgets failures
/// after half an hour at the latest and counts some ten before it locks: three nodes come to
/// nine in the first half hour, and to one each in any later one.
const PAUSE_FIRST: Duration = Duration::from_secs(5 * 60);
/// LIMIT: what was set right at the directory alone is noticed by then.
const PAUSE_MAX: Duration = Duration::from_secs(4 * 3600);

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn said(code: u32, data: Option<u32>) -> Outcome {
        Outcome {
            code,
            data,
            ..Outcome::default()
        }
    }

    #[tokio::test]
    async fn the_pause_after_a_wrong_password_doubles_up_to_some_hours() {
        let (mut refusals, mut now) = (Refusals::default(), Instant::now());
        for (data, code) in [(None, 49), (Some(0x52e), 0x52e)] {
            for minutes in [5, 10, 20, 40, 80, 160, 240, 240] {
                refusals.refused(0, &said(49, data), now);
                assert_eq!(
                    refusals.of_account(now + MINUTE * (minutes - 1)),
                    Some(code)
                );
                now += MINUTE * minutes;
                assert_eq!(refusals.of_account(now), None, "{minutes}");
            }
            refusals.taken(0);
        }
    }

    #[tokio::test]
    async fn three_nodes_do_not_lock_an_account_after_ten_wrong_passwords_in_half_an_hour() {
        let (mut refusals, began) = (Refusals::default(), Instant::now());
        let mut tries = Vec::new();
        for minute in 0..24 * 60 {
            let now = began + MINUTE * minute;
            if refusals.of_account(now).is_none() {
                refusals.refused(0, &said(49, None), now);
                tries.push(minute);
            }
        }
        let within = |from: u32| {
            let window = from..from + 30;
            tries.iter().filter(|at| window.contains(at)).count()
        };
        assert!((0..24 * 60).all(|from| within(from) * 3 < 10), "{tries:?}");
    }

    #[tokio::test]
    async fn a_refusal_that_counts_towards_no_lock_lasts_no_longer_each_time() {
        for data in [0x532, 0x533, 0x701, 0x773, 0x775] {
            let (mut refusals, mut now) = (Refusals::default(), Instant::now());
            for _ in 0..3 {
                refusals.refused(0, &said(49, Some(data)), now);
                assert_eq!(refusals.of_account(now + MINUTE * 4), Some(data));
                now += PAUSE_FIRST;
                assert_eq!(refusals.of_account(now), None, "{data:#x}");
            }
        }
    }

    #[tokio::test]
    async fn a_lock_in_between_does_not_forget_how_many_were_wrong() {
        let (mut refusals, now) = (Refusals::default(), Instant::now());
        for data in [0x52e, 0x52e, 0x775, 0x52e] {
            refusals.refused(0, &said(49, Some(data)), now);
        }
        assert_eq!(refusals.pause(now), Some(MINUTE * 20));
    }

    #[tokio::test]
    async fn a_server_that_judges_no_password_is_left_alone_and_no_other() {
        for code in [1, 8, 13, 50, 53] {
            let (mut refusals, now) = (Refusals::default(), Instant::now());
            refusals.refused(1, &said(code, None), now);
            assert_eq!(refusals.of_account(now), None);
            assert_eq!(refusals.of_server(0, now), None);
            assert_eq!(refusals.of_server(1, now), Some(code));
            assert_eq!(refusals.of_server(1, now + PAUSE_FIRST), None);
            refusals.taken(1);
            assert_eq!(refusals.of_server(1, now), None);
        }
    }

    #[tokio::test]
    async fn an_operator_waits_for_the_first_pause_alone() {
        let (mut refusals, now) = (Refusals::default(), Instant::now());
        assert_eq!(refusals.of_operator(now), None);
        for _ in 0..4 {
            refusals.refused(0, &said(49, None), now);
        }
        assert_eq!(refusals.of_operator(now + MINUTE * 4), Some(49));
        assert_eq!(refusals.of_operator(now + PAUSE_FIRST), None);
        assert_eq!(refusals.of_account(now + PAUSE_FIRST), Some(49));
    }
}
