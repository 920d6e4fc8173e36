//! The driver of all logins of one node.
//!
//! A packet is led to its login's flow, or starts it; what the flow tells is told to each
//! packet's device, in its own time. The flow runs in a task of its own, so that a grant
//! is settled whether or not anybody still waits.

use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use countersign_core::base::limits::{LOGIN_PARK, LOGIN_PARKS_MAX};
use countersign_core::base::{Boot, ClientId, Entropy, NodeId, Reference, Timestamp, UserId};
use countersign_core::login::{
    Case, Ending, Identity, Outcome, Pace, Reason, Request, Rule, Secrets, Stages, Stop,
};
use tokio::time::{Instant, sleep_until, timeout, timeout_at};

use super::chance::Chance;
use super::even::EvenTimes;
use super::flows::{Entered, Flows, Told};
use super::keys::Keys;
use super::ports::{Clock, Ledger, PasswordSource};
use super::task::Login;
use super::turns::Turns;

/// The logins of one node. Clones share everything.
pub struct Logins<L, S, C>(Arc<House<L, S, C>>);

/// What the driver is made of.
pub struct Parts<L, S, C> {
    /// Where commands go.
    pub ledger: L,
    /// Who proves passwords.
    pub source: S,
    /// The node's clocks.
    pub clock: C,
    /// The node's chance; keys are drawn from it.
    pub entropy: Box<dyn Entropy + Send>,
    /// The opened keyring and what belongs to it.
    pub secrets: Secrets,
    /// This node.
    pub node: NodeId,
    /// This start of it; no grant of another start is ever taken for its own.
    pub boot: Boot,
}

/// What all flows share.
pub(super) struct House<L, S, C> {
    pub(super) ledger: L,
    pub(super) source: S,
    pub(super) clock: C,
    pub(super) secrets: ArcSwap<Secrets>,
    pub(super) node: NodeId,
    pub(super) boot: Boot,
    /// The number of the next flow of this start.
    pub(super) flow: AtomicU64,
    pub(super) turns: Turns,
    pub(super) even: EvenTimes,
    flows: Flows,
    keys: Keys,
    chance: Mutex<Chance>,
}

impl<L, S, C> Clone for Logins<L, S, C> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<L: Ledger, S: PasswordSource, C: Clock> Logins<L, S, C> {
    /// Starts with fresh attempt keys.
    #[must_use]
    pub fn new(parts: Parts<L, S, C>) -> Self {
        let mut chance = Chance::new(parts.entropy);
        let keys = Keys::draw(&mut chance, parts.clock.monotonic());
        Self(Arc::new(House {
            ledger: parts.ledger,
            source: parts.source,
            clock: parts.clock,
            secrets: ArcSwap::from_pointee(parts.secrets),
            node: parts.node,
            boot: parts.boot,
            flow: AtomicU64::new(1),
            turns: Turns::default(),
            even: EvenTimes::default(),
            flows: Flows::default(),
            keys,
            chance: Mutex::new(chance),
        }))
    }

    /// Takes over a keyring that was turned.
    pub fn set_secrets(&self, secrets: Secrets) {
        self.0.secrets.store(Arc::new(secrets));
    }

    /// The outcome of a request that makes no login: refused aloud by a node that may
    /// speak, silence from any other.
    #[must_use]
    pub fn refuse(&self, client: ClientId, reason: Reason) -> Outcome {
        let ending = match self.0.ledger.standing() {
            Some(_) => Ending::reject(reason),
            None => Ending::silent(Reason::NoQuorum),
        };
        self.0.told(None, ending).outcome(client)
    }

    /// Judges one request that arrived at `received`. Resolves when its device is to be
    /// told, at the latest at the device's deadline. Dropped before that, the login goes
    /// on: what was claimed is settled.
    pub async fn login(&self, request: Request, received: Instant) -> Outcome {
        let house = &self.0;
        let client = request.client;
        let rule = match Rule::read(&house.ledger.view(), &request) {
            Ok(rule) => rule,
            Err(stop) => return house.stopped(None, &stop).outcome(client),
        };
        let (factors, deadline) = (rule.policy.factors, received + rule.policy.deadline);
        let told = self.enter(request, rule, received, deadline).await;
        let until = match told.ending.pace {
            Pace::AtOnce | Pace::Measured => return told.outcome(client),
            Pace::Even => received + house.with_chance(|chance| house.even.draw(factors, chance)),
            Pace::AtDeadline => deadline,
        };
        sleep_until(until.min(deadline)).await;
        told.outcome(client)
    }

    /// Leads a request to its flow, and waits for what that tells.
    async fn enter(
        &self,
        request: Request,
        rule: Rule,
        received: Instant,
        deadline: Instant,
    ) -> Told {
        let house = &self.0;
        let Some(issued) = house.standing_by(deadline).await else {
            return house.told(None, Ending::silent(Reason::NoQuorum));
        };
        let identity = match house.identity(&request, &rule, issued) {
            Ok(identity) => identity,
            Err(stop) => return house.stopped(None, &stop),
        };
        let user = Some(identity.user);
        let case = match Case::open(&house.ledger.view(), identity, issued) {
            Ok(case) => case,
            Err(stop) => return house.stopped(user, &stop),
        };
        let told = match house.flows.enter(identity.key, deadline) {
            Entered::Full => return house.told(user, Ending::silent(Reason::Overload)),
            Entered::Joined(told) => told,
            Entered::First(ticket, told) => {
                let login = Login::new(house, request, received, ticket, (rule, case));
                tokio::spawn(login.run());
                told
            }
        };
        match timeout_at(deadline, told).await {
            Ok(Ok(told)) => told,
            // The flow stopped without an end: a fault of ours, which says nothing.
            Ok(Err(_)) => house.told(user, Ending::silent(Reason::Store)),
            Err(_) => house.told(user, Ending::silent(Reason::Deadline)),
        }
    }
}

impl<L: Ledger, S: PasswordSource, C: Clock> House<L, S, C> {
    /// Entry time as soon as the node may speak; an election is waited for, not long.
    async fn standing_by(&self, deadline: Instant) -> Option<Timestamp> {
        for _ in 0..LOGIN_PARKS_MAX {
            let standing = self.ledger.standing();
            if standing.is_some() || self.clock.monotonic() >= deadline {
                return standing;
            }
            // Over or not, the standing is looked at again.
            let _ = timeout(LOGIN_PARK, self.ledger.progress()).await;
        }
        self.ledger.standing()
    }

    fn identity(
        &self,
        request: &Request,
        rule: &Rule,
        issued: Timestamp,
    ) -> Result<Identity, Stop> {
        let macs = self.keys.at(self.clock.monotonic(), &self.chance);
        let places = &self.secrets.load().places;
        Identity::find(&self.ledger.view(), request, rule, &macs, places, issued)
    }

    /// What a packet hears that ends without a flow.
    fn stopped(&self, user: Option<UserId>, stop: &Stop) -> Told {
        if let Stop::Store(error) = stop {
            tracing::error!(%error, "a login found the store unreadable");
        }
        self.told(user, stop.ending())
    }

    fn told(&self, user: Option<UserId>, ending: Ending) -> Told {
        Told {
            ending,
            reference: self.reference(),
            user,
            stages: Stages::default(),
        }
    }

    pub(super) fn reference(&self) -> Reference {
        self.with_chance(Reference::draw)
    }

    fn with_chance<T>(&self, draw: impl FnOnce(&mut Chance) -> T) -> T {
        draw(&mut self.chance.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
