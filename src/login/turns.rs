//! One login of a user is judged at a time on a node (DESIGN §2): so that N callers with
//! N guesses get no more of them judged than the budget allows.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use countersign_core::base::UserId;
use countersign_core::base::limits::USER_QUEUE_MAX;
use tokio::sync::oneshot;

/// Whose logins are being judged, and who waits behind them.
#[derive(Clone, Default)]
pub(super) struct Turns(Arc<[Shard; SHARDS]>);

type Shard = Mutex<HashMap<UserId, VecDeque<oneshot::Sender<Turn>>>>;

/// The user's turn; dropped, it goes to the next in the queue.
pub(super) struct Turn {
    turns: Turns,
    user: UserId,
    /// False once it was handed on.
    held: bool,
}

/// What came of asking for a turn.
pub(super) enum Asked {
    /// It is here.
    Now(Turn),
    /// It comes.
    Later(oneshot::Receiver<Turn>),
    /// LIMIT: `USER_QUEUE_MAX` wait already.
    Full,
}

impl Turns {
    pub(super) fn ask(&self, user: UserId) -> Asked {
        match self.shard(user).entry(user) {
            Entry::Vacant(free) => {
                free.insert(VecDeque::new());
                Asked::Now(self.turn(user))
            }
            Entry::Occupied(mut taken) => {
                let queue = taken.get_mut();
                queue.retain(|waiter| !waiter.is_closed());
                if queue.len() >= USER_QUEUE_MAX {
                    return Asked::Full;
                }
                let (next, turn) = oneshot::channel();
                queue.push_back(next);
                Asked::Later(turn)
            }
        }
    }

    fn turn(&self, user: UserId) -> Turn {
        Turn {
            turns: self.clone(),
            user,
            held: true,
        }
    }

    /// The next in the queue; the user is free again when there is none.
    fn next(&self, user: UserId) -> Option<oneshot::Sender<Turn>> {
        let mut shard = self.shard(user);
        let next = shard.get_mut(&user)?.pop_front();
        if next.is_none() {
            shard.remove(&user);
        }
        next
    }

    fn shard(
        &self,
        user: UserId,
    ) -> MutexGuard<'_, HashMap<UserId, VecDeque<oneshot::Sender<Turn>>>> {
        let [first, ..] = &*self.0;
        let number = usize::try_from(user.0 % SHARDS as u64).unwrap_or_default();
        let shard = self.0.get(number).unwrap_or(first);
        shard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if !self.held {
            return;
        }
        // The lock is not held while a turn is sent: one that nobody takes comes back.
        while let Some(next) = self.turns.next(self.user) {
            match next.send(self.turns.turn(self.user)) {
                Ok(()) => return,
                Err(mut refused) => refused.held = false,
            }
        }
    }
}

const SHARDS: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    const USER: UserId = UserId(7);

    fn later(turns: &Turns) -> oneshot::Receiver<Turn> {
        match turns.ask(USER) {
            Asked::Later(turn) => turn,
            Asked::Now(_) | Asked::Full => panic!("must wait"),
        }
    }

    #[tokio::test]
    async fn turns_come_in_order_and_the_user_is_free_after_the_last() {
        let turns = Turns::default();
        let Asked::Now(first) = turns.ask(USER) else {
            panic!("the user is free");
        };
        let (second, mut third) = (later(&turns), later(&turns));
        drop(first);
        let second = second.await.expect("its turn");
        assert!(third.try_recv().is_err());
        drop(second);
        drop(third.await.expect("its turn"));
        assert!(matches!(turns.ask(USER), Asked::Now(_)));
    }

    #[tokio::test]
    async fn who_gave_up_is_passed_over() {
        let turns = Turns::default();
        let first = turns.ask(USER);
        let (second, third) = (later(&turns), later(&turns));
        drop(second);
        drop(first);
        drop(third.await.expect("its turn"));
        assert!(matches!(turns.ask(USER), Asked::Now(_)));
    }

    #[tokio::test]
    async fn a_turn_that_arrives_at_nobody_is_not_lost() {
        let turns = Turns::default();
        let first = turns.ask(USER);
        let second = later(&turns);
        drop(first);
        drop(second);
        assert!(matches!(turns.ask(USER), Asked::Now(_)));
    }

    #[tokio::test]
    async fn the_queue_is_bounded() {
        let turns = Turns::default();
        let _first = turns.ask(USER);
        let _queue: Vec<_> = (0..USER_QUEUE_MAX).map(|_| later(&turns)).collect();
        assert!(matches!(turns.ask(USER), Asked::Full));
        assert!(matches!(turns.ask(UserId(8)), Asked::Now(_)));
    }
}
