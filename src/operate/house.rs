//! What every action shares: the ports, the way to the ledger, chance and secrets.
//!
//! Must not know any single action.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use countersign_core::base::limits::{COMMAND_LIFE, LOGIN_PARK, WATCH_STEP};
use countersign_core::base::{ClusterId, Entropy, RequestId, Secret, Timestamp};
use countersign_core::ledger::storage::{self, ChangeOutcome, Refusal, change};
use countersign_core::ledger::{Command, Outcome, StoreError, Table, query};
use countersign_core::seal::{Context, Keyring, Sealed};
use sha2::{Digest as _, Sha256};
use tokio::sync::Semaphore;

use super::{Action, Caller, ClusterView, EventLog, OperateError, SightingLog};
use crate::login::{Clock, Ledger, ProposeError};
use crate::sources::Sources;

/// The administrative actions of one node. Each checks the caller's role first.
pub struct Operate<L> {
    pub(super) ledger: Arc<L>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) cluster: Arc<dyn ClusterView>,
    pub(super) events: Arc<dyn EventLog>,
    pub(super) sightings: Arc<dyn SightingLog>,
    pub(super) sources: Arc<Sources>,
    /// Held by the round of synchronisation that runs.
    pub(super) rounds: tokio::sync::Mutex<()>,
    /// Held by the replay of rules that runs.
    pub(super) replays: Arc<Semaphore>,
    keyring: Arc<ArcSwap<Keyring>>,
    chance: Chance,
}

/// The shells that the actions stand on.
pub struct Shells<L> {
    /// Where changes go and facts come from.
    pub ledger: Arc<L>,
    /// The data keys; exchanged when they are turned.
    pub keyring: Arc<ArcSwap<Keyring>>,
    /// The wall clock.
    pub clock: Arc<dyn Clock>,
    /// For ids, seeds, secrets and nonces.
    pub entropy: Box<dyn Entropy + Send>,
    /// How consensus stands.
    pub cluster: Arc<dyn ClusterView>,
    /// This node's events.
    pub events: Arc<dyn EventLog>,
    /// What nodes have seen of clients.
    pub sightings: Arc<dyn SightingLog>,
    /// The password sources in force.
    pub sources: Arc<Sources>,
}

impl<L> fmt::Debug for Operate<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Operate(…)")
    }
}

impl<L> Operate<L> {
    /// The actions on top of these shells.
    #[must_use]
    pub fn new(shells: Shells<L>) -> Self {
        Self {
            ledger: shells.ledger,
            clock: shells.clock,
            cluster: shells.cluster,
            events: shells.events,
            sightings: shells.sightings,
            sources: shells.sources,
            rounds: tokio::sync::Mutex::default(),
            replays: Arc::new(Semaphore::new(1)),
            keyring: shells.keyring,
            chance: Chance(Arc::new(Mutex::new(shells.entropy))),
        }
    }

    /// Chance, one handle a call.
    pub(super) fn chance(&self) -> Chance {
        Chance(Arc::clone(&self.chance.0))
    }

    pub(super) fn seal(
        &self,
        context: &Context<'_>,
        plain: &Secret,
    ) -> Result<Vec<u8>, OperateError> {
        self.keyring
            .load()
            .seal(context, plain, &mut self.chance())
            .map(|sealed| sealed.encode())
            .map_err(|e| OperateError::invalid("secret", e))
    }

    pub(super) fn open(
        &self,
        context: &Context<'_>,
        sealed: &[u8],
    ) -> Result<Secret, OperateError> {
        let sealed = Sealed::decode(sealed).map_err(OperateError::Sealed)?;
        let ring = self.keyring.load();
        ring.open(context, &sealed).map_err(OperateError::Sealed)
    }
}

impl<L: Ledger> Operate<L> {
    /// The later of entry time and the own clock: what is judged to have expired has
    /// expired by either, also while nothing is written.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        let entry = self.ledger.standing().unwrap_or_default();
        self.clock.wall().max(entry)
    }

    /// Whether this node may act and show what it holds: it is in sync.
    ///
    /// # Errors
    /// [`OperateError::NotProposed`].
    pub(super) fn in_sync(&self) -> Result<(), OperateError> {
        let standing = self.ledger.standing();
        standing.map(drop).ok_or(OperateError::NotProposed)
    }

    /// Checks the role for an action that reads, and that what is read is not old.
    pub(super) fn reading(&self, caller: &Caller, action: Action) -> Result<(), OperateError> {
        caller.may(action)?;
        self.in_sync()
    }

    /// Reads on a thread of its own what takes long: the event loop serves logins.
    pub(super) async fn aside<T: Send + 'static>(
        &self,
        work: impl FnOnce(&L::View) -> Result<T, OperateError> + Send + 'static,
    ) -> Result<T, OperateError> {
        let ledger = Arc::clone(&self.ledger);
        let done = tokio::task::spawn_blocking(move || work(&ledger.view())).await;
        // Lost only with the node, which ends.
        done.unwrap_or(Err(OperateError::NotProposed))
    }

    /// The cluster, to which every sealed field is bound.
    pub(super) fn cluster_id(&self) -> Result<ClusterId, OperateError> {
        let head = query::head(&self.ledger.view())?;
        ClusterId::try_from(&*head.cluster).map_err(|_| OperateError::Refused {
            refusal: Refusal::NotFounded,
            detail: String::new(),
        })
    }

    /// Checks the role, proposes the change and waits for its outcome.
    pub(super) async fn change(
        &self,
        caller: &Caller,
        asked: Asked,
        kind: change::Kind,
    ) -> Result<ChangeOutcome, OperateError> {
        caller.may(asked.action)?;
        self.propose(caller.actor(), asked, kind).await
    }

    /// Proposes without a check: for the caller that has shown its right otherwise.
    pub(super) async fn propose(
        &self,
        actor: storage::Actor,
        asked: Asked,
        kind: change::Kind,
    ) -> Result<ChangeOutcome, OperateError> {
        self.propose_any(actor, asked, kind)
            .await
            .and_then(accepted)
    }

    /// As [`Self::propose`], where a refusal is an outcome like any other.
    pub(super) async fn propose_any(
        &self,
        actor: storage::Actor,
        asked: Asked,
        kind: change::Kind,
    ) -> Result<ChangeOutcome, OperateError> {
        let request = asked.request;
        let change = storage::Change {
            request_id: request.0.to_vec(),
            actor: Some(actor),
            digest: asked.digest.finalize().to_vec(),
            kind: Some(kind),
        };
        match self.proposed(Command::Change(Box::new(change))).await {
            Ok(Outcome::Change(outcome)) => Ok(outcome),
            // The log holds something else than was proposed, or an older binary leads.
            Ok(
                Outcome::Begin(_)
                | Outcome::Settle(_)
                | Outcome::SendPasscode(_)
                | Outcome::Unreadable(_),
            ) => Err(OperateError::Refused {
                refusal: Refusal::Invalid,
                detail: "the ledger could not read the command".to_owned(),
            }),
            Err(ProposeError::NotProposed) => Err(OperateError::NotProposed),
            Err(ProposeError::Unknown) => Err(OperateError::Unknown { request }),
        }
    }

    /// Proposes again what was certainly not proposed: an election is over in less time
    /// than an operator would notice. What is unknown is left so: the operator is told how
    /// to learn it.
    async fn proposed(&self, command: Command) -> Result<Outcome, ProposeError> {
        let deadline = tokio::time::Instant::now() + PROPOSE_AGAIN;
        loop {
            let progress = self.ledger.progress();
            let result = self.ledger.propose(command.clone(), COMMAND_LIFE).await;
            let refused = result == Err(ProposeError::NotProposed);
            if !refused || tokio::time::Instant::now() >= deadline {
                return result;
            }
            let _ = tokio::time::timeout(LOGIN_PARK, progress).await;
            tokio::time::sleep(WATCH_STEP).await;
        }
    }

    /// Reads what a change wrote. The change may have been applied elsewhere first.
    pub(super) async fn read_back<T>(
        &self,
        request: RequestId,
        read: impl Fn(&L::View) -> Result<Option<T>, StoreError>,
    ) -> Result<T, OperateError> {
        let deadline = tokio::time::Instant::now() + READ_BACK;
        loop {
            let progress = self.ledger.progress();
            if let Some(found) = read(&self.ledger.view())? {
                return Ok(found);
            }
            let waited = tokio::time::timeout_at(deadline, progress).await;
            waited.map_err(|_| OperateError::Unknown { request })?;
        }
    }
}

impl<L: Ledger> Operate<L> {
    /// Whether the own tables remember a request of this id: what comes under it again is for
    /// the ledger to answer.
    pub(super) fn is_known(&self, request: RequestId) -> Result<bool, OperateError> {
        let view = self.ledger.view();
        let known: Option<storage::Request> = query::record(&view, Table::Requests, &request.0)?;
        Ok(known.is_some())
    }

    /// Reads the record that a change is merged with, once the own tables are as far as the
    /// revision that the caller saw. Merged with an older one, as on a node that lags behind,
    /// the change would bring back what was ended since, a secret for one (DESIGN §1, I5). A
    /// newer one is the ledger's to refuse: it knows whether this is a retry.
    pub(super) async fn merged_with<T>(
        &self,
        expected: u64,
        read: impl Fn(&L::View) -> Result<(u64, T), OperateError>,
    ) -> Result<T, OperateError> {
        let deadline = tokio::time::Instant::now() + READ_BACK;
        loop {
            let progress = self.ledger.progress();
            let (revision, found) = read(&self.ledger.view())?;
            if revision >= expected {
                return Ok(found);
            }
            let waited = tokio::time::timeout_at(deadline, progress).await;
            waited.map_err(|_| OperateError::Refused {
                refusal: Refusal::Revision,
                detail: format!(
                    "this node has it at revision {revision} and not yet at {expected}: try \
                     again, or ask another node"
                ),
            })?;
        }
    }
}

/// What was asked for, as a retry of it is recognised.
pub(super) struct Asked {
    action: Action,
    request: RequestId,
    digest: Sha256,
}

impl Asked {
    pub(super) fn new(action: Action, request: RequestId) -> Self {
        let asked = Self {
            action,
            request,
            digest: Sha256::new(),
        };
        asked.with(action.name())
    }

    /// Adds a part of the request. Never a secret that somebody might guess: the digest
    /// is stored.
    pub(super) fn with(mut self, part: impl AsRef<[u8]>) -> Self {
        let part = part.as_ref();
        self.digest.update((part.len() as u64).to_be_bytes());
        self.digest.update(part);
        self
    }

    /// Adds a message of the storage that holds no secret.
    pub(super) fn with_message(self, message: &impl prost::Message) -> Self {
        self.with(message.encode_to_vec())
    }
}

/// Chance behind a lock, so that actions can run side by side.
pub(super) struct Chance(Arc<Mutex<Box<dyn Entropy + Send>>>);

impl Entropy for Chance {
    fn fill(&mut self, octets: &mut [u8]) {
        let mut source = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        source.fill(octets);
    }
}

/// A number for a new thing. Zero stands for "none" in the store.
pub(super) fn draw_id(chance: &mut Chance) -> u64 {
    chance.number().max(1)
}

fn accepted(outcome: ChangeOutcome) -> Result<ChangeOutcome, OperateError> {
    let refusal = outcome.refusal();
    if refusal == Refusal::Unspecified {
        return Ok(outcome);
    }
    Err(OperateError::Refused {
        refusal,
        detail: outcome.detail,
    })
}

/// The revision that a record must have to be replaced: the one that the caller saw, or,
/// where none is said, the one that stands now.
pub(super) const fn seen_revision(expected: u64, current: u64) -> u64 {
    if expected == 0 { current } else { expected }
}

/// The record under a numbered key.
pub(super) fn numbered<M: prost::Message + Default>(
    tables: &impl countersign_core::ledger::Read,
    table: Table,
    id: u64,
) -> Result<Option<M>, StoreError> {
    query::record(tables, table, &id.to_be_bytes())
}

/// For so long a change is proposed again.
const PROPOSE_AGAIN: Duration = Duration::from_secs(2);
/// How long the own tables may lag behind an acknowledged change.
const READ_BACK: Duration = Duration::from_secs(2);
