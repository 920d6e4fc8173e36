//! Keeps the attempt keys of this node those in force: drawn and turned where it leads,
//! asked for elsewhere (DESIGN §2, "The attempt").
//!
//! Must not know how sets travel. No set is ever written down.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use countersign_core::base::{Entropy, NodeId};
use countersign_core::login::AttemptMacs;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::time::{Instant, sleep, timeout};

use super::reign::{Reign, Role, Standing};
use crate::login::{Clock, Ledger, Logins, PasswordSource};

/// Where the set of this node is held.
pub trait Holder: Send + Sync + 'static {
    /// Takes over a set.
    fn adopt(&self, set: AttemptMacs);

    /// The set in hand.
    fn held(&self) -> Option<Arc<AttemptMacs>>;
}

impl<L: Ledger, S: PasswordSource, C: Clock> Holder for Logins<L, S, C> {
    fn adopt(&self, set: AttemptMacs) {
        self.adopt_attempt_keys(set);
    }

    fn held(&self) -> Option<Arc<AttemptMacs>> {
        self.attempt_keys()
    }
}

/// The sets of peers.
pub trait Sets: Send + Sync + 'static {
    /// What the peer holds, if anything.
    fn of(
        &self,
        node: NodeId,
        address: &str,
    ) -> impl Future<Output = Result<Option<AttemptMacs>, Unanswered>> + Send;
}

/// A peer said nothing that can be used; what it holds is not known.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the peer did not say which attempt keys it holds")]
pub struct Unanswered;

/// Keeps one node's set.
pub struct Keeper<R, H, S, E> {
    reign: Arc<R>,
    holder: H,
    sets: S,
    entropy: E,
    /// When the set in hand was last seen to be the one in force.
    confirmed: Option<Instant>,
    /// The term of its own reign in which peers have been asked.
    surveyed: Option<u64>,
    /// Surveys of this reign that nobody answered.
    unanswered: u32,
    /// A number below that of the set in hand, and since when the leader names it.
    lower: Option<(u64, Instant)>,
}

impl<R: Reign, H: Holder, S: Sets, E: Entropy> Keeper<R, H, S, E> {
    /// A keeper that has done nothing yet.
    pub fn new(reign: Arc<R>, holder: H, sets: S, entropy: E) -> Self {
        Self {
            reign,
            holder,
            sets,
            entropy,
            confirmed: None,
            surveyed: None,
            unanswered: 0,
            lower: None,
        }
    }

    /// Keeps the set until dropped.
    pub async fn run(mut self) {
        let reign = Arc::clone(&self.reign);
        loop {
            let changed = reign.changed();
            let rest = self.step().await;
            let _ = timeout(rest, changed).await;
            sleep(STEP_MIN).await;
        }
    }

    /// Does what is to be done now; returns when to look again.
    pub async fn step(&mut self) -> Duration {
        let standing = self.reign.standing();
        let rest = match standing.role {
            Role::Leading => self.lead(&standing).await,
            Role::Following(_) => self.follow(&standing).await,
            Role::Vacant => TICK,
        };
        if standing.role != Role::Leading {
            // What this node would name were it to lead from now on.
            self.reign.name_attempt_keys(self.known());
        }
        self.fold();
        rest
    }

    /// The number of the set in hand, as long as no key can be in force that is not in it:
    /// a next one is handed out that much earlier.
    fn known(&self) -> u64 {
        let confirmed = self.confirmed;
        let fresh = confirmed.is_some_and(|at| at.elapsed() < CONFIRMED_AGE_MAX);
        let held = self.holder.held().filter(|_| fresh);
        held.map_or(0, |held| held.number)
    }

    async fn lead(&mut self, standing: &Standing) -> Duration {
        if self.surveyed != Some(standing.term) {
            // A peer may hold a newer set: a leader of before turned it without us.
            self.reign.name_attempt_keys(self.known());
            let answers = self.survey(standing).await;
            let now = self.reign.standing();
            if (now.role, now.term) != (Role::Leading, standing.term) {
                return SOON;
            }
            let unheard = answers.is_empty() && !standing.peers.is_empty();
            if unheard && self.unanswered < SURVEYS_MAX {
                self.unanswered = self.unanswered.saturating_add(1);
                return SOON;
            }
            self.settle_on(answers, standing);
            self.surveyed = Some(standing.term);
            self.unanswered = 0;
        }
        self.confirmed = Some(Instant::now());
        let Some(held) = self.holder.held() else {
            self.surveyed = None;
            return SOON;
        };
        if standing.in_contact && held.is_due(standing.now) {
            // Unlike any that another leader makes of the same set.
            let number = held.number.saturating_add(1).max(first_of(standing.term));
            let turned = held.turned(number, standing.now, &mut self.entropy);
            self.reign.name_attempt_keys(number);
            self.holder.adopt(turned);
        } else {
            self.reign.name_attempt_keys(held.number);
        }
        TICK
    }

    /// The newest of all sets; a new one where nobody has any.
    fn settle_on(&mut self, answers: Vec<Option<AttemptMacs>>, standing: &Standing) {
        let held = self.holder.held().map_or(0, |held| held.number);
        let newest = answers.into_iter().flatten().max_by_key(|set| set.number);
        match newest.filter(|set| set.number > held) {
            Some(newer) => self.holder.adopt(newer),
            None if held == 0 => {
                let number = first_of(standing.term);
                tracing::info!(number, "new attempt keys: no node had any");
                let drawn = AttemptMacs::draw(number, standing.now, &mut self.entropy);
                self.holder.adopt(drawn);
            }
            None => {}
        }
    }

    async fn follow(&mut self, standing: &Standing) -> Duration {
        let named = self.reign.attempt_keys();
        let held = self.holder.held().map_or(0, |held| held.number);
        if named == 0 {
            return SOON;
        }
        if named == held {
            self.confirmed = Some(Instant::now());
            self.lower = None;
            return TICK;
        }
        if named < held && !self.is_lower_for_good(named) {
            return SOON;
        }
        let Some(set) = self.find(named, standing).await else {
            return SOON;
        };
        self.holder.adopt(set);
        self.confirmed = Some(Instant::now());
        self.lower = None;
        TICK
    }

    /// A leader that has just begun may not have asked for our newer set yet; if it were
    /// given up at once, nobody would have it.
    fn is_lower_for_good(&mut self, named: u64) -> bool {
        match self.lower {
            Some((number, since)) if number == named => since.elapsed() >= LOWER_TIME_MIN,
            Some(_) | None => {
                self.lower = Some((named, Instant::now()));
                false
            }
        }
    }

    /// What peers hold, of those that answer in time.
    async fn survey(&self, standing: &Standing) -> Vec<Option<AttemptMacs>> {
        let asked = standing.peers.iter().map(|(node, address)| {
            let set = self.sets.of(*node, address);
            async move { timeout(ANSWER_TIME_MAX, set).await.ok()?.ok() }
        });
        let answers: FuturesUnordered<_> = asked.collect();
        answers.filter_map(std::future::ready).collect().await
    }

    /// The set of that number: whoever has it first.
    async fn find(&self, number: u64, standing: &Standing) -> Option<AttemptMacs> {
        let asked = standing.peers.iter().map(|(node, address)| {
            let set = self.sets.of(*node, address);
            async move { timeout(ANSWER_TIME_MAX, set).await.ok()?.ok()? }
        });
        let mut answers: FuturesUnordered<_> = asked.collect();
        while let Some(answer) = answers.next().await {
            if let Some(set) = answer.filter(|set| set.number == number) {
                return Some(set);
            }
        }
        None
    }

    /// Forgets keys that are over.
    fn fold(&self) {
        let standing = self.reign.standing();
        if !standing.in_contact {
            return;
        }
        if let Some(held) = self.holder.held() {
            let folded = held.folded(standing.now);
            if folded != *held {
                self.holder.adopt(folded);
            }
        }
    }
}

/// Numbers from here on are given by the leader of `term` alone.
const fn first_of(term: u64) -> u64 {
    let first = term.saturating_mul(1 << 16);
    if first == 0 { 1 } else { first }
}

/// Time between two looks where nothing is wanting.
const TICK: Duration = Duration::from_secs(1);
/// And where something is.
const SOON: Duration = Duration::from_millis(50);
const STEP_MIN: Duration = Duration::from_millis(5);
/// How long a peer may take to answer.
const ANSWER_TIME_MAX: Duration = Duration::from_millis(300);
/// Surveys that nobody has to answer before a leader draws on its own.
const SURVEYS_MAX: u32 = 5;
/// How old a confirmation may be: half the notice of a turn.
const CONFIRMED_AGE_MAX: Duration = Duration::from_secs(30);
/// How long a new leader may take to find a newer set: its surveys.
const LOWER_TIME_MIN: Duration = Duration::from_secs(3);

const _: () = {
    let notice = countersign_core::login::ATTEMPT_KEYS_NOTICE;
    assert!(CONFIRMED_AGE_MAX.as_millis() * 2 <= notice.as_millis());
};

#[cfg(test)]
mod tests;
