//! A login that comes in while this node may not judge: it waits for the node, and is
//! offered to peers meanwhile (DESIGN §2, "Silent or Reject": no quorum).
//!
//! Must not know how a login is judged.

use countersign_core::base::limits::{BUSY_STEP, LOGIN_PARK, LOGIN_PARKS_MAX, WATCH_STEP};
use countersign_core::login::{Outcome, Request};
use tokio::time::{Instant, sleep, timeout_at};

use super::driver::House;
use super::ports::{Clock, Ledger, PasswordSource};

/// What came of it.
pub(super) enum Parked {
    /// This node may judge again.
    Ready,
    /// A peer has judged.
    Judged(Outcome),
    /// Nobody could in time.
    Over,
}

impl<L: Ledger, S: PasswordSource, C: Clock> House<L, S, C> {
    /// Whichever comes first: this node may judge, or a peer takes the login.
    ///
    /// A peer that has taken it is waited for, even when this node is ready again, so that
    /// the two do not race. Nothing rests on that: the login has one key at both, so the
    /// ledger gives it one question and one verdict, whether an offer that was dropped half
    /// way is judged there or not.
    pub(super) async fn park(&self, request: &Request, deadline: Instant) -> Parked {
        let taken = tokio::select! {
            biased;
            ready = self.ready_by(deadline) => return ready,
            taken = self.offer(request, deadline) => taken,
        };
        match timeout_at(deadline, taken).await {
            Ok(Some(outcome)) => Parked::Judged(outcome),
            // The peer was lost. What it recorded is found by the attempt's key.
            Ok(None) => self.ready_by(deadline).await,
            Err(_) => Parked::Over,
        }
    }

    async fn offer(&self, request: &Request, deadline: Instant) -> super::ports::Taken {
        loop {
            if let Some(taken) = self.neighbours.hand_over(request, deadline).await {
                return taken;
            }
            // Nobody may judge: an election, mostly. Who wins it can soon.
            sleep(LOGIN_PARK).await;
        }
    }

    async fn ready_by(&self, deadline: Instant) -> Parked {
        let longest = LOGIN_PARK.saturating_mul(LOGIN_PARKS_MAX.into());
        let until = deadline.min(self.clock.monotonic() + longest);
        match timeout_at(until, self.ready()).await {
            Ok(()) => Parked::Ready,
            Err(_) => Parked::Over,
        }
    }

    /// Resolves when this node may judge. Contact comes back without anything being
    /// applied, so it is also looked at from time to time.
    pub(super) async fn ready(&self) {
        loop {
            let (progress, adopted) = (self.ledger.progress(), self.keys.adopted());
            if self.may_judge().is_some() {
                return;
            }
            tokio::select! {
                () = progress => {}
                () = adopted => {}
                () = sleep(BUSY_STEP) => {}
            }
            // A node that catches up applies much at once.
            sleep(WATCH_STEP).await;
        }
    }
}
