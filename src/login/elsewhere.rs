//! A login that this node cannot judge, and a peer may (DESIGN §2, "Silent or Reject"):
//! the node has no quorum, and waits for one meanwhile; or it has no connection to the
//! password source.
//!
//! A login that was handed over is judged or refused where it is; it never comes here.
//! Must not know how a login is judged.

use countersign_core::base::NodeId;
use countersign_core::base::limits::{BUSY_STEP, LOGIN_PARK, LOGIN_PARKS_MAX, WATCH_STEP};
use countersign_core::login::{Outcome, Reason, Request};
use tokio::time::{Instant, sleep, sleep_until, timeout_at};

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

/// Peers that have taken a login and had no connection to the password source.
/// LIMIT: each is asked once.
#[derive(Default)]
struct CutOff {
    nodes: Vec<NodeId>,
    last: Option<Outcome>,
}

/// Whether another node might still judge: this one never got as far as asking. A source
/// that answers that it judges nothing now would say so to any of them.
pub(super) const fn is_unreachable(reason: Reason) -> bool {
    matches!(reason, Reason::SourceUnreachable)
}

impl CutOff {
    /// Keeps what is no verdict, and passes on what is one.
    fn sift(&mut self, outcome: Outcome) -> Option<Outcome> {
        match outcome.judged_by {
            Some(node) if is_unreachable(outcome.reason) => {
                self.nodes.push(node);
                self.last = Some(outcome);
                None
            }
            Some(_) | None => Some(outcome),
        }
    }

    /// Where nobody came to judge in time, the device hears what a peer said of it, no
    /// earlier than from a node that found the source down itself.
    async fn instead_of(self, parked: Parked, deadline: Instant) -> Parked {
        match (parked, self.last) {
            (Parked::Over, Some(outcome)) => {
                sleep_until(deadline).await;
                Parked::Judged(outcome)
            }
            (parked, _) => parked,
        }
    }
}

impl<L: Ledger, S: PasswordSource, C: Clock> House<L, S, C> {
    /// Whichever comes first: this node may judge, or a peer takes the login.
    ///
    /// A peer that has taken it is waited for, even when this node is ready again, so that
    /// the two do not race. Nothing rests on that: the login has one key at both, so the
    /// ledger gives it one question and one verdict, whether an offer that was dropped half
    /// way is judged there or not.
    pub(super) async fn park(&self, request: &Request, deadline: Instant) -> Parked {
        let mut cut_off = CutOff::default();
        loop {
            let taken = tokio::select! {
                biased;
                ready = self.ready_by(deadline) => return cut_off.instead_of(ready, deadline).await,
                taken = self.offer(request, &cut_off.nodes, deadline) => taken,
            };
            match timeout_at(deadline, taken).await {
                Ok(Some(outcome)) => {
                    if let Some(outcome) = cut_off.sift(outcome) {
                        return Parked::Judged(outcome);
                    }
                }
                // The peer was lost. What it recorded is found by the attempt's key.
                Ok(None) => return self.ready_by(deadline).await,
                Err(_) => return Parked::Over,
            }
        }
    }

    /// What a peer says of a login for which this node could not connect to the password
    /// source. `None`: no peer could either, or none in time.
    pub(super) async fn elsewhere(&self, request: &Request, deadline: Instant) -> Option<Outcome> {
        let mut cut_off = CutOff::default();
        let mut missed = 0;
        let judged = async {
            while missed < MISSED_MAX {
                let nodes = &cut_off.nodes;
                let said = match self.neighbours.hand_over(request, nodes, deadline).await {
                    Some(taken) => taken.await,
                    None => None,
                };
                match said.map(|outcome| cut_off.sift(outcome)) {
                    Some(Some(outcome)) => return Some(outcome),
                    Some(None) => {}
                    // Nobody takes it, or who took it was lost. What that one recorded the
                    // next one finds by the attempt's key: nobody is asked twice.
                    None => {
                        missed += 1;
                        sleep(LOGIN_PARK).await;
                    }
                }
            }
            None
        };
        timeout_at(deadline, judged).await.ok().flatten()
    }

    async fn offer(
        &self,
        request: &Request,
        except: &[NodeId],
        deadline: Instant,
    ) -> super::ports::Taken {
        loop {
            let taken = self.neighbours.hand_over(request, except, deadline).await;
            if let Some(taken) = taken {
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

/// How often no peer takes a login, or is lost over it, before the node gives up.
const MISSED_MAX: u32 = 3;
