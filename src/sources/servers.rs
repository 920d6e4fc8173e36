//! The servers of one source, and which of them are in order.
//!
//! A server that could not be reached is asked last for a while, which doubles
//! up to a bound. When the while is over, one login tries it, and no more until that one
//! has found out: a dead server costs one login its patience, not all of them.
//!
//! Must not know: what is said to a server.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// All of them, the preferred first.
#[derive(Debug)]
pub(super) struct Servers<E> {
    all: Vec<E>,
    /// Of each.
    health: Mutex<Vec<Health>>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Health {
    /// Zero: it is in order.
    penalty: Duration,
    until: Option<Instant>,
}

impl<E> Servers<E> {
    pub(super) fn new(all: Vec<E>) -> Self {
        let health = Mutex::new(vec![Health::default(); all.len()]);
        Self { all, health }
    }

    /// All of them as configured.
    pub(super) fn all(&self) -> &[E] {
        &self.all
    }

    /// Whom to ask, one after the other: who is in order as configured, then those that
    /// failed, whose while is over first. Whoever asks takes a trial that is due.
    pub(super) fn order(&self, now: Instant) -> Vec<(usize, &E)> {
        let mut health = self.health.lock().unwrap_or_else(PoisonError::into_inner);
        let both = self.all.iter().enumerate().zip(health.iter_mut());
        let mut ranked: Vec<_> = both
            .map(|(server, health)| (health.rank(now), server))
            .collect();
        ranked.sort_by_key(|(rank, _)| *rank);
        ranked.into_iter().map(|(_, server)| server).collect()
    }

    /// It could not be reached, or did not answer.
    pub(super) fn failed(&self, server: usize, now: Instant) {
        self.note(server, |health| {
            let doubled = health.penalty.saturating_mul(2);
            health.penalty = doubled.clamp(PENALTY_FIRST, PENALTY_MAX);
            health.until = Some(now + health.penalty);
        });
    }

    /// It was reached.
    pub(super) fn worked(&self, server: usize) {
        self.note(server, |health| *health = Health::default());
    }

    fn note(&self, server: usize, change: impl FnOnce(&mut Health)) {
        let mut health = self.health.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(health) = health.get_mut(server) {
            change(health);
        }
    }
}

impl Health {
    /// `None` comes first.
    fn rank(&mut self, now: Instant) -> Option<Instant> {
        let until = self.until?;
        if until > now {
            return Some(until);
        }
        self.until = Some(now + self.penalty);
        None
    }
}

/// For how long a server that failed once is asked last.
const PENALTY_FIRST: Duration = Duration::from_secs(1);
/// LIMIT: one that is back waits no longer than this for its next question.
const PENALTY_MAX: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;

    fn servers(count: usize) -> Servers<usize> {
        Servers::new((0..count).collect())
    }

    fn order(servers: &Servers<usize>, now: Instant) -> Vec<usize> {
        servers.order(now).into_iter().map(|(at, _)| at).collect()
    }

    #[tokio::test]
    async fn a_server_that_failed_is_asked_last_and_tried_by_one_alone() {
        let (servers, now) = (servers(3), Instant::now());
        assert_eq!(order(&servers, now), [0, 1, 2]);
        servers.failed(0, now);
        assert_eq!(order(&servers, now), [1, 2, 0]);
        let later = now + PENALTY_FIRST;
        assert_eq!(order(&servers, later), [0, 1, 2]);
        assert_eq!(order(&servers, later), [1, 2, 0]);
        servers.worked(0);
        assert_eq!(order(&servers, later), [0, 1, 2]);
    }

    #[tokio::test]
    async fn the_penalty_doubles_up_to_its_bound() {
        let (servers, now) = (servers(2), Instant::now());
        let mut penalty = PENALTY_FIRST;
        for _ in 0..10 {
            servers.failed(0, now);
            let nearly = (now + penalty)
                .checked_sub(Duration::from_millis(1))
                .unwrap();
            assert_eq!(order(&servers, nearly), [1, 0]);
            assert_eq!(order(&servers, now + penalty), [0, 1]);
            penalty = (penalty * 2).min(PENALTY_MAX);
        }
        assert_eq!(penalty, PENALTY_MAX);
    }

    #[tokio::test]
    async fn of_servers_that_all_failed_each_is_still_asked() {
        let (servers, now) = (servers(2), Instant::now());
        servers.failed(0, now);
        servers.failed(0, now);
        servers.failed(1, now);
        assert_eq!(order(&servers, now), [1, 0]);
    }
}
