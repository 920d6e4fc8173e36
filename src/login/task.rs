//! One login's task: carries out what the flow says until it ends.
//!
//! Must not know what a verdict means; it moves effects out and results in.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use countersign_core::base::limits::{BUSY_STEP, COMMAND_LIFE, LEASE_MAX, LOGIN_PARK, WATCH_STEP};
use countersign_core::base::{AttemptKey, Owner, Timestamp};
use countersign_core::ledger::attempts::{self, State};
use countersign_core::ledger::{
    BeginResult, Command, Outcome, Settle, SettleResult, SourceOutcome, StoreError, query,
};
use countersign_core::login::{
    Answer, Asking, Beginning, Case, Claim, Doubt, Ending, Finished, Flow, Identity, Judging, Pace,
    ProposeError, Question, Reason, Request, Rule, Settling, Stages, Stop, Waited, Waiting,
};
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::driver::House;
use super::flows::{Ticket, Told};
use super::ports::{Clock, Ledger, PasswordSource};
use super::turns::{Asked, Turn};

/// A login that has a flow.
pub(super) struct Login<L, S, C> {
    house: Arc<House<L, S, C>>,
    request: Request,
    received: Instant,
    ticket: Ticket,
    identity: Identity,
    owner: Owner,
    /// What was read when the packet came in; worth nothing once the flow had to wait.
    read: Option<(Rule, Case)>,
    stages: Stages,
}

impl<L: Ledger, S: PasswordSource, C: Clock> Login<L, S, C> {
    pub(super) fn new(
        house: &Arc<House<L, S, C>>,
        request: Request,
        received: Instant,
        ticket: Ticket,
        read: (Rule, Case),
    ) -> Self {
        Self {
            house: Arc::clone(house),
            request,
            received,
            ticket,
            identity: read.1.identity,
            owner: Owner {
                node: house.node,
                boot: house.boot,
                flow: house.flow.fetch_add(1, Ordering::Relaxed),
            },
            read: Some(read),
            stages: Stages::default(),
        }
    }

    /// Runs the flow to its end and tells it.
    pub(super) async fn run(mut self) {
        let factors = self.read.as_ref().map(|(rule, _)| rule.policy.factors);
        let turn = self.turn().await;
        let finished = match &turn {
            Ok(_) => self.flow().await,
            Err(ending) => Finished {
                ending: *ending,
                doubt: None,
            },
        };
        let now = self.house.clock.monotonic();
        if let (Pace::Measured, Some(factors)) = (finished.ending.pace, factors) {
            let took = now.saturating_duration_since(self.received);
            self.house.even.measured(factors, took);
        }
        drop(turn);
        let house = self.house;
        self.ticket.tell(Told {
            ending: finished.ending,
            reference: house.reference(),
            user: Some(self.identity.user),
            stages: self.stages,
        });
        if let Some(doubt) = finished.doubt {
            release(&house, doubt).await;
        }
    }

    /// Waits for the user's turn, no longer than the device does.
    async fn turn(&mut self) -> Result<Turn, Ending> {
        let later = match self.house.turns.ask(self.identity.user) {
            Asked::Now(turn) => return Ok(turn),
            Asked::Later(later) => later,
            Asked::Full => return Err(Ending::silent(Reason::Overload)),
        };
        self.read = None;
        let began = self.house.clock.monotonic();
        let deadline = self.ticket.deadline().unwrap_or(began);
        let turn = timeout_at(deadline, later).await;
        self.stages.queued = self.since(began);
        match turn {
            Ok(Ok(turn)) => Ok(turn),
            Ok(Err(_)) | Err(_) => Err(Ending::silent(Reason::Deadline)),
        }
    }

    async fn flow(&mut self) -> Finished {
        let mut flow = Flow::start();
        loop {
            flow = match flow {
                Flow::Judge(stage) => self.judge(stage),
                Flow::Begin(stage) => self.begin(stage).await,
                Flow::Wait(stage) => self.wait(stage).await,
                Flow::Ask(question, stage) => self.ask(question, stage).await,
                Flow::Settle(stage) => self.settle(stage).await,
                Flow::Finish(finished) => return finished,
            };
        }
    }

    fn judge(&mut self, stage: Judging) -> Flow {
        let Some(issued) = self.house.ledger.standing() else {
            return stage.no_standing();
        };
        let began = self.house.clock.monotonic();
        let claim = self.claim(issued);
        self.stages.judged += self.since(began);
        match claim {
            Ok(claim) => stage.judged(claim),
            Err(stop) => {
                if let Stop::Store(error) = &stop {
                    tracing::error!(%error, "a login found the store unreadable");
                }
                stage.ended(stop.ending())
            }
        }
    }

    fn claim(&mut self, issued: Timestamp) -> Result<Claim, Stop> {
        let view = self.house.ledger.view();
        let (rule, case) = match self.read.take() {
            Some(read) => read,
            None => (
                Rule::read(&view, &self.request)?,
                Case::open(&view, self.identity, issued)?,
            ),
        };
        let secrets = self.house.secrets.load();
        case.judge(&view, &self.request, &rule, &secrets, self.owner)
    }

    async fn begin(&mut self, stage: Beginning) -> Flow {
        let began = self.house.clock.monotonic();
        let result = self
            .house
            .ledger
            .propose(Command::Begin(stage.command()))
            .await;
        let took = self.since(began);
        self.stages.begun += took;
        stage.begun(begun(result), took, self.is_late())
    }

    async fn ask(&mut self, question: Question, stage: Asking) -> Flow {
        let began = self.house.clock.monotonic();
        // The source keeps its own time-out; this holds even if it forgets, since an
        // answer after the lease would come beside another node's question.
        let longest = question.timeout.saturating_add(SOURCE_GRACE);
        let answer = timeout(longest, self.house.source.ask(question)).await;
        self.stages.asked += self.since(began);
        stage.answered(answer.unwrap_or(Answer {
            outcome: SourceOutcome::Unanswered,
            reason: Reason::SourceUnanswered,
            code: 0,
        }))
    }

    async fn settle(&mut self, stage: Settling) -> Flow {
        if stage.is_repeated() {
            sleep(LOGIN_PARK).await;
        }
        let began = self.house.clock.monotonic();
        let result = self
            .house
            .ledger
            .propose(Command::Settle(stage.command()))
            .await;
        self.stages.settled += self.since(began);
        stage.settled(settled(result), self.is_late())
    }

    async fn wait(&mut self, stage: Waiting) -> Flow {
        let began = self.house.clock.monotonic();
        let deadline = self.ticket.deadline().unwrap_or(began);
        let change = changed(&self.house, stage.waited());
        let _ = timeout_at(deadline, change).await;
        self.stages.waited += self.since(began);
        stage.woken(self.is_late())
    }

    fn is_late(&self) -> bool {
        let now = self.house.clock.monotonic();
        self.ticket
            .deadline()
            .is_none_or(|deadline| deadline <= now)
    }

    fn since(&self, began: Instant) -> Duration {
        self.house
            .clock
            .monotonic()
            .saturating_duration_since(began)
    }
}

/// Resolves when another try is worth its commit.
async fn changed<L: Ledger, S, C>(house: &House<L, S, C>, waited: Waited) {
    match waited {
        Waited::Leader => drop(timeout(LOGIN_PARK, house.ledger.progress()).await),
        // Whose claim it is, only the ledger knows; so it is asked, but not all the time.
        Waited::Claim => sleep(BUSY_STEP).await,
        Waited::Attempt(key, until) => {
            let in_flight = |until| State::InFlight { until };
            watch(house, || {
                let over = house.ledger.standing().is_none_or(|now| now >= until);
                let same = matches!(state(house, &key), Ok(Some(now)) if now == in_flight(until));
                (over || !same).then_some(())
            })
            .await;
        }
    }
}

/// Looks each time the tables have moved on, until there is something to see. Entry time
/// also moves while nothing is applied.
async fn watch<L: Ledger, S, C, T>(house: &House<L, S, C>, look: impl Fn() -> Option<T>) -> T {
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        let _ = timeout(LOGIN_PARK, house.ledger.progress()).await;
        sleep(WATCH_STEP).await;
    }
}

fn state<L: Ledger, S, C>(
    house: &House<L, S, C>,
    key: &AttemptKey,
) -> Result<Option<State>, StoreError> {
    let issued = house.ledger.standing().unwrap_or_default();
    let view = house.ledger.view();
    let head = query::head(&view)?;
    Ok(attempts::look(&view, &head, key, issued)?.map(|attempt| attempt.state))
}

/// Gives back a grant that came after its flow had ended: settled as not asked as soon as
/// the tables show it, or forgotten once the claim cannot be applied any more.
async fn release<L: Ledger, S, C>(house: &House<L, S, C>, doubt: Doubt) {
    let dead = doubt.issued.plus(COMMAND_LIFE);
    let look = || match grant(house, doubt) {
        Some(settle) => Some(Some(settle)),
        None => house
            .ledger
            .standing()
            .filter(|now| *now > dead)
            .map(|_| None),
    };
    // LIMIT: without a leader the lease ends at last by itself.
    if let Ok(Some(settle)) = timeout(LEASE_MAX, watch(house, look)).await {
        let settled = house.ledger.propose(Command::Settle(settle)).await;
        tracing::debug!(?settled, "a grant without a flow was given back");
    }
}

fn grant<L: Ledger, S, C>(house: &House<L, S, C>, doubt: Doubt) -> Option<Settle> {
    let view = house.ledger.view();
    let head = query::head(&view).ok()?;
    let attempt = attempts::look(&view, &head, &doubt.key, doubt.issued).ok()??;
    let own = attempt.owner == doubt.owner && matches!(attempt.state, State::InFlight { .. });
    own.then_some(Settle {
        key: doubt.key,
        epoch: attempt.epoch,
        outcome: SourceOutcome::NotAsked,
    })
}

/// The ledger answers a Begin with a Begin's result; anything else tells nothing.
fn begun(result: Result<Outcome, ProposeError>) -> Result<BeginResult, ProposeError> {
    match result? {
        Outcome::Begin(result) => Ok(result),
        Outcome::Settle(_) | Outcome::Change(_) | Outcome::Unreadable(_) => {
            Err(ProposeError::Unknown)
        }
    }
}

fn settled(result: Result<Outcome, ProposeError>) -> Result<SettleResult, ProposeError> {
    match result? {
        Outcome::Settle(result) => Ok(result),
        Outcome::Begin(_) | Outcome::Change(_) | Outcome::Unreadable(_) => {
            Err(ProposeError::Unknown)
        }
    }
}

/// How long a source may overrun its own time-out; within the lease's slack.
const SOURCE_GRACE: Duration = Duration::from_millis(250);
