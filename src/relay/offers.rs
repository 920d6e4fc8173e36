//! How often logins are offered to peers.
//!
//! In an election nobody may judge. If each of a thousand logins that wait then asked each
//! peer again and again, nodes would be busy with refusing each other, and the links with
//! calls that were given up: the election would find no room.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use countersign_core::base::NodeId;
use countersign_core::base::limits::LOGIN_PARK;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::Instant;

/// What all logins of a node know of its peers.
#[derive(Debug)]
pub(super) struct Offers {
    room: Semaphore,
    refused: Mutex<HashMap<NodeId, Instant>>,
}

impl Offers {
    pub(super) fn new() -> Self {
        Self {
            room: Semaphore::new(OFFERS_MAX),
            refused: Mutex::default(),
        }
    }

    /// Waits for room to offer one login; to be held until it is taken or refused.
    // LIMIT: each login that waits here is one of `LOGINS_MAX`, until its own deadline.
    pub(super) async fn turn(&self) -> Option<SemaphorePermit<'_>> {
        self.room.acquire().await.ok()
    }

    /// Whether `node` has not refused anything lately.
    pub(super) fn may_ask(&self, node: NodeId, now: Instant) -> bool {
        let refused = self.refused.lock();
        let refused = refused.unwrap_or_else(PoisonError::into_inner);
        let last = refused.get(&node);
        last.is_none_or(|last| now.saturating_duration_since(*last) >= LOGIN_PARK)
    }

    /// `node` did not take a login.
    pub(super) fn refused(&self, node: NodeId, now: Instant) {
        let refused = self.refused.lock();
        let mut refused = refused.unwrap_or_else(PoisonError::into_inner);
        refused.insert(node, now);
    }
}

/// Logins that are offered and not yet taken. Fewer than the calls that a peer may give up
/// before the library (h2) takes it for an attacker and closes the link: 20.
const OFFERS_MAX: usize = 16;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures_util::FutureExt;

    use super::*;

    #[test]
    fn a_peer_that_refused_one_login_is_not_asked_for_the_others() {
        let (offers, now) = (Offers::new(), Instant::now());
        offers.refused(NodeId(2), now);
        let soon = now + LOGIN_PARK - Duration::from_millis(1);
        assert!(!offers.may_ask(NodeId(2), soon));
        assert!(offers.may_ask(NodeId(3), soon), "another peer");
        assert!(offers.may_ask(NodeId(2), now + LOGIN_PARK), "again later");
    }

    #[test]
    fn only_so_many_are_offered_at_one_time() {
        let offers = Offers::new();
        let mut held: Vec<_> = (0..OFFERS_MAX)
            .map(|_| offers.turn().now_or_never())
            .collect();
        assert!(held.iter().all(Option::is_some));
        assert!(offers.turn().now_or_never().is_none(), "one more waits");
        held.pop();
        assert!(
            offers.turn().now_or_never().is_some(),
            "until there is room"
        );
    }
}
