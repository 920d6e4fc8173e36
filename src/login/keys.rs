//! The attempt keys of this node's logins: handed in from outside, in memory only.
//!
//! Must not know who draws them, or how they travel.

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use countersign_core::base::Timestamp;
use countersign_core::login::AttemptMacs;
use tokio::sync::Notify;
use tokio::sync::futures::Notified;

/// The set in hand, none at first.
#[derive(Default)]
pub(super) struct Keys {
    macs: ArcSwapOption<AttemptMacs>,
    adopted: Notify,
}

impl Keys {
    pub(super) fn adopt(&self, macs: Arc<AttemptMacs>) {
        self.macs.store(Some(macs));
        self.adopted.notify_waiters();
    }

    pub(super) fn held(&self) -> Option<Arc<AttemptMacs>> {
        self.macs.load_full()
    }

    /// The set for a login that comes in now. None where `named` is another: this node
    /// would not know the logins of others again. And none on the edge of a turn.
    pub(super) fn at(&self, named: Option<u64>, now: Timestamp) -> Option<Arc<AttemptMacs>> {
        self.in_force(named).filter(|held| !held.is_turning(now))
    }

    /// The set in hand, if it is the one that is named.
    pub(super) fn in_force(&self, named: Option<u64>) -> Option<Arc<AttemptMacs>> {
        let in_force = |held: &Arc<AttemptMacs>| named.is_none_or(|named| named == held.number);
        self.held().filter(in_force)
    }

    /// Resolves when a set is handed in after the call.
    pub(super) fn adopted(&self) -> Notified<'_> {
        self.adopted.notified()
    }
}

#[cfg(test)]
mod tests {
    use countersign_core::base::SeededEntropy;
    use countersign_core::login::{ATTEMPT_KEYS_HOLD, ATTEMPT_KEYS_NOTICE};

    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_000_000);

    #[test]
    fn only_the_set_that_is_named_is_judged_by() {
        let keys = Keys::default();
        assert!(keys.at(None, NOW).is_none());
        let macs = AttemptMacs::draw(7, NOW, &mut SeededEntropy::new(1));
        keys.adopt(Arc::new(macs));
        assert!(keys.at(Some(7), NOW).is_some());
        assert!(keys.at(None, NOW).is_some());
        assert!(keys.at(Some(8), NOW).is_none());
        assert!(keys.at(Some(0), NOW).is_none());
    }

    #[test]
    fn on_the_edge_of_a_turn_nothing_is_judged() {
        let keys = Keys::default();
        let mut entropy = SeededEntropy::new(1);
        let macs = AttemptMacs::draw(7, NOW, &mut entropy).turned(8, NOW, &mut entropy);
        keys.adopt(Arc::new(macs));
        let turn = NOW.plus(ATTEMPT_KEYS_NOTICE);
        assert!(keys.at(Some(8), turn.minus(ATTEMPT_KEYS_HOLD)).is_none());
        assert!(keys.at(Some(8), turn).is_some());
    }
}
