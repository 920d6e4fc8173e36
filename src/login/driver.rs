//! The driver of all logins of one node.
//!
//! A packet is led to its login's flow, or starts it; what the flow tells is told to each
//! packet's device, in its own time. The flow runs in a task of its own, so that a grant
//! is settled whether or not anybody still waits.

use std::future::Future;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use countersign_core::base::limits::CLIENT_WAIT_MAX;
use countersign_core::base::{Boot, ClientId, ClusterId, Entropy, NodeId, Reference, UserId};
use countersign_core::login::{
    AttemptMacs, Decision, Ending, Outcome, Pace, Reason, Request, Secrets, Stages, Words,
};
use countersign_core::policy::{Grants, Texts};
use countersign_core::radius::Relayed;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep_until, timeout_at};

use super::chance::Chance;
use super::elsewhere::{Parked, is_unreachable};
use super::even::EvenTimes;
use super::flows::{Flows, Told};
use super::keys::Keys;
use super::lead::{Basis, Led};
use super::passcodes::{Asks, PASSCODE_HOLD};
use super::ports::{Clock, Ledger, Messenger, Neighbours, PasswordSource};
use super::rules::Rules;
use super::turns::Turns;

/// The logins of one node. Clones share everything.
pub struct Logins<L, S, C>(pub(super) Arc<House<L, S, C>>);

/// What the driver is made of.
pub struct Parts<L, S, C> {
    /// Where commands go.
    pub ledger: L,
    /// Who proves passwords.
    pub source: S,
    /// The other nodes.
    pub neighbours: Arc<dyn Neighbours>,
    /// Brings passcodes to users.
    pub messenger: Arc<dyn Messenger>,
    /// The node's clocks.
    pub clock: C,
    /// The node's chance.
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
    pub(super) neighbours: Arc<dyn Neighbours>,
    pub(super) messenger: Arc<dyn Messenger>,
    pub(super) clock: C,
    pub(super) keys: Keys,
    pub(super) secrets: ArcSwap<Secrets>,
    pub(super) node: NodeId,
    pub(super) boot: Boot,
    /// The number of the next flow of this start.
    pub(super) flow: AtomicU64,
    pub(super) turns: Turns,
    pub(super) even: EvenTimes,
    pub(super) rules: Rules,
    pub(super) flows: Flows,
    pub(super) asks: Asks,
    chance: Mutex<Chance>,
}

impl<L, S, C> Clone for Logins<L, S, C> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<L: Ledger, S: PasswordSource, C: Clock> Logins<L, S, C> {
    /// Starts without attempt keys.
    #[must_use]
    pub fn new(parts: Parts<L, S, C>) -> Self {
        Self(Arc::new(House {
            ledger: parts.ledger,
            source: parts.source,
            neighbours: parts.neighbours,
            messenger: parts.messenger,
            clock: parts.clock,
            keys: Keys::default(),
            secrets: ArcSwap::from_pointee(parts.secrets),
            node: parts.node,
            boot: parts.boot,
            flow: AtomicU64::new(1),
            turns: Turns::default(),
            even: EvenTimes::default(),
            rules: Rules::default(),
            flows: Flows::default(),
            asks: Asks::default(),
            chance: Mutex::new(Chance::new(parts.entropy)),
        }))
    }

    /// Whose logins they are.
    #[must_use]
    pub fn cluster(&self) -> ClusterId {
        self.0.secrets.load().cluster
    }

    /// Takes over a keyring that was turned.
    pub fn set_secrets(&self, secrets: Secrets) {
        self.0.secrets.store(Arc::new(secrets));
    }

    /// The outcome of a request that makes no login: refused aloud by a node that may
    /// speak, silence from any other.
    #[must_use]
    pub fn refuse(&self, client: ClientId, reason: Reason) -> Outcome {
        let ending = if self.is_ready() {
            Ending::reject(reason)
        } else {
            Ending::silent(Reason::NoQuorum)
        };
        self.0.outcome(self.0.told(None, ending), None, client)
    }

    /// Takes over a set of attempt keys. Without one the node judges nothing.
    pub fn adopt_attempt_keys(&self, set: AttemptMacs) {
        self.0.keys.adopt(Arc::new(set));
    }

    /// The set in hand, for handing it to peers.
    #[must_use]
    pub fn attempt_keys(&self) -> Option<Arc<AttemptMacs>> {
        self.0.keys.held()
    }

    /// Whether this node may judge now: it is in contact and in sync, and has the attempt
    /// keys in force.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        let house = &self.0;
        let keys = || house.keys.in_force(house.neighbours.attempt_keys());
        house.ledger.standing().is_some() && keys().is_some()
    }

    /// Judges one request that arrived at `received`, or has a peer judge it where this
    /// node may not, or cannot connect to the password source. Resolves when its device is
    /// to be told, at the latest at the device's deadline. Dropped before that, the login
    /// goes on: what was claimed is settled.
    pub async fn login(&self, request: Request, received: Instant) -> Outcome {
        let house = &self.0;
        let client = request.client;
        let basis = house.basis(&request);
        let deadline = received + basis.patience();
        let request = Arc::new(request);
        let judging = if basis.standing.is_some() {
            self.judge(&request, received, deadline, basis)
        } else {
            drop(basis);
            // Boxed, as the other way that few logins go: else all would keep room for it.
            match Box::pin(house.park(&request, deadline)).await {
                Parked::Ready => self.judge(&request, received, deadline, house.basis(&request)),
                Parked::Judged(outcome) => return outcome,
                Parked::Over => {
                    let ending = Ending::silent(Reason::NoQuorum);
                    return house.outcome(house.told(None, ending), None, client);
                }
            }
        };
        let judged = judging.await;
        // The grant has been given back by now: a peer that asks is the only one.
        if is_unreachable(judged.told.ending.reason)
            && let Some(outcome) = Box::pin(house.elsewhere(&request, deadline)).await
        {
            return outcome;
        }
        sleep_until(judged.until).await;
        house.outcome(judged.told, judged.words, client)
    }

    /// Judges a request that a peer has handed over at `received`; `None`: this node may
    /// not judge now. It is never handed on. The future resolves when the device is to be
    /// told, so that the peer need not hold a refusal back again; at once where this node
    /// has no connection to the password source, so that the peer may go on to another.
    #[must_use]
    pub fn take(
        &self,
        mut request: Request,
        received: Instant,
        deadline: Instant,
    ) -> Option<impl Future<Output = Outcome> + Send + use<L, S, C>> {
        self.0.may_judge()?;
        // Codes are looked for around this time: a peer may not choose it.
        let now = self.0.clock.wall();
        request.arrived = request.arrived.clamp(now.minus(CLIENT_WAIT_MAX), now);
        let logins = self.clone();
        Some(async move {
            let request = Arc::new(request);
            let basis = logins.0.basis(&request);
            let judged = logins.judge(&request, received, deadline, basis).await;
            if !is_unreachable(judged.told.ending.reason) {
                sleep_until(judged.until).await;
            }
            logins.0.outcome(judged.told, judged.words, request.client)
        })
    }

    /// Judges a request, and says when its device is to be told. The request is led to its
    /// flow before that is awaited: what waits does not hold what was read for it.
    fn judge(
        &self,
        request: &Arc<Request>,
        received: Instant,
        deadline: Instant,
        basis: Basis,
    ) -> impl Future<Output = Judged> + Send + use<L, S, C> {
        let led = self.lead(request, received, deadline, basis);
        let house = Arc::clone(&self.0);
        async move {
            let (factors, mut told, answer) = match led {
                Led::AtOnce(told) => return Judged::at_once(told, received),
                Led::Asked(told, words) => {
                    let words = Some(words);
                    return Judged {
                        words,
                        ..Judged::at_once(told, received)
                    };
                }
                Led::Passcode(ask) => {
                    let (told, words) = Box::pin(house.carry_out(*ask, deadline)).await;
                    return Judged {
                        words,
                        until: deadline.min(received + PASSCODE_HOLD),
                        ..Judged::at_once(told, received)
                    };
                }
                Led::Stopped(factors, told) => (factors, told, Vec::new()),
                Led::Flow(factors, user, told, answer) => {
                    (factors, house.hear(user, told, deadline).await, answer)
                }
            };
            told.answer = answer;
            let until = match told.ending.pace {
                Pace::AtOnce | Pace::Measured => received,
                Pace::Even => {
                    received + house.with_chance(|chance| house.even.draw(factors, chance))
                }
                Pace::AtDeadline => deadline,
            };
            Judged {
                until: until.min(deadline),
                ..Judged::at_once(told, received)
            }
        }
    }
}

impl<L: Ledger, S: PasswordSource, C: Clock> House<L, S, C> {
    /// What a flow tells, if it does so in time.
    async fn hear(&self, user: UserId, told: oneshot::Receiver<Told>, deadline: Instant) -> Told {
        match timeout_at(deadline, told).await {
            Ok(Ok(told)) => told,
            // The flow stopped without an end: a fault of ours, which says nothing.
            Ok(Err(_)) => self.told(Some(user), Ending::silent(Reason::Store)),
            Err(_) => self.told(Some(user), Ending::silent(Reason::Deadline)),
        }
    }

    /// The outcome of one packet, with what its user reads.
    fn outcome(&self, told: Told, words: Option<Box<Words>>, client: ClientId) -> Outcome {
        let is_refused = told.ending.decision == Decision::Reject;
        let words = words.or_else(|| {
            let denied = || self.denied(client, told.reference);
            is_refused.then(|| Box::new(denied()))
        });
        Outcome {
            words,
            ..self.carried(told, client)
        }
    }

    /// One text for every refusal, so that the user's screen tells an attacker nothing.
    fn denied(&self, client: ClientId, reference: Reference) -> Words {
        let message = match self.rules.last(client) {
            Some(rule) => rule.texts.denied(reference),
            None => Texts::default().denied(reference),
        };
        Words {
            message,
            ..Words::default()
        }
    }

    pub(super) fn told(&self, user: Option<UserId>, ending: Ending) -> Told {
        Told {
            ending,
            grants: Grants::default(),
            relayed: Relayed::NONE,
            answer: Vec::new(),
            reference: self.reference(),
            user,
            stages: Stages::default(),
        }
    }

    pub(super) fn reference(&self) -> Reference {
        self.with_chance(Reference::draw)
    }

    pub(super) fn with_chance<T>(&self, draw: impl FnOnce(&mut Chance) -> T) -> T {
        draw(&mut self.chance.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// How a login ended here, and when its device is to hear it.
struct Judged {
    told: Told,
    /// Where the code is asked for.
    words: Option<Box<Words>>,
    until: Instant,
}

impl Judged {
    const fn at_once(told: Told, received: Instant) -> Self {
        Self {
            told,
            words: None,
            until: received,
        }
    }
}
