//! One login's task: carries out what the flow says until it ends.
//!
//! Must not know what a verdict means; it moves effects out and results in.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use countersign_core::base::limits::{COMMAND_LIFE, LOGIN_PARK, WATCH_STEP};
use countersign_core::base::{Epoch, Owner, Timestamp};
use countersign_core::ledger::{
    Begin, BeginResult, Command, Match, Outcome, Revisions, SettleResult, SourceOutcome,
};
use countersign_core::login::{
    Answer, Apart, Asking, AttemptMacs, Beginning, Case, Claim, Ending, Finished, Flow, Identity,
    Judging, Pace, ProposeError, Question, Reason, Request, Rule, Settling, Stages, Stop, Waiting,
};
use countersign_core::policy::Grants;
use countersign_core::radius::Relayed;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::asleep::noticing;
use super::driver::House;
use super::flows::{Ticket, Told};
use super::ports::{Clock, Ledger, PasswordSource};
use super::turns::{Asked, Turn};
use super::waits::{changed, leader, release};
use crate::fail_point::{Point, fail_point};

/// A login that has a flow.
pub(super) struct Login<L, S, C> {
    house: Arc<House<L, S, C>>,
    request: Arc<Request>,
    /// Password and code, where they came each by itself.
    apart: Option<Apart>,
    received: Instant,
    ticket: Ticket,
    identity: Identity,
    owner: Owner,
    /// What was read when the packet came in; worth nothing once the flow had to wait.
    read: Option<(Arc<Rule>, Case)>,
    /// Of the rule that the last claim was made under.
    grants: Grants,
    /// When the first claim was sent whose result is not known.
    claimed: Option<Instant>,
    /// What the last claim was made from, if that was not in force any more.
    overtaken: Option<Grounds>,
    stages: Stages,
}

impl<L: Ledger, S: PasswordSource, C: Clock> Login<L, S, C> {
    pub(super) fn new(
        house: &Arc<House<L, S, C>>,
        (request, apart): (Arc<Request>, Option<Apart>),
        received: Instant,
        ticket: Ticket,
        read: (Arc<Rule>, Case),
    ) -> Box<Self> {
        Box::new(Self {
            house: Arc::clone(house),
            request,
            apart,
            received,
            ticket,
            identity: read.1.identity,
            owner: Owner {
                node: house.node,
                boot: house.boot,
                flow: house.flow.fetch_add(1, Ordering::Relaxed),
            },
            read: Some(read),
            grants: Grants::default(),
            claimed: None,
            overtaken: None,
            stages: Stages::default(),
        })
    }

    /// Runs the flow to its end and tells it. By reference: a task holds its arguments twice.
    pub(super) async fn run(mut self: Box<Self>) {
        let factors = self.read.as_ref().map(|(_, case)| case.terms.factors);
        let turn = self.turn().await;
        let finished = match &turn {
            Ok(_) => self.flow().await,
            Err(ending) => Finished {
                ending: *ending,
                relayed: Relayed::NONE,
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
        self.ticket.tell(&Told {
            ending: finished.ending,
            grants: self.grants,
            relayed: finished.relayed,
            answer: Vec::new(),
            reference: house.reference(),
            user: Some(self.identity.user),
            stages: self.stages,
        });
        if let Some(doubt) = finished.doubt {
            Box::pin(release(&house, doubt)).await;
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
                Flow::Judge(stage) => self.judge(stage).await,
                Flow::Begin(stage) => self.begin(stage).await,
                // Apart: else a login with the code alone has to carry the room for them.
                Flow::Wait(stage) => Box::pin(self.wait(stage)).await,
                Flow::Ask(question, stage) => Box::pin(self.ask(question, stage)).await,
                Flow::Settle(stage) => Box::pin(self.settle(stage)).await,
                Flow::Finish(finished) => return finished,
            };
        }
    }

    async fn judge(&mut self, stage: Judging) -> Flow {
        let began = self.house.clock.monotonic();
        loop {
            let house = Arc::clone(&self.house);
            let progress = house.ledger.progress();
            let Some((issued, macs)) = house.may_judge() else {
                return stage.no_standing();
            };
            let judging = house.clock.monotonic();
            let claim = self.claim(issued, &macs);
            self.stages.judged += self.since(judging);
            match claim {
                // The ledger has seen more than this node's tables show. The same claim
                // again would be refused again; they are on their way.
                Ok(claim)
                    if self
                        .overtaken
                        .as_ref()
                        .is_some_and(|was| was.are_of(&claim)) =>
                {
                    let left = LOGIN_PARK.saturating_sub(self.since(began));
                    if left.is_zero() || self.is_late() {
                        return stage.judged(claim);
                    }
                    let _ = timeout(left, progress).await;
                    sleep(WATCH_STEP).await;
                    self.stages.waited += self.since(judging);
                }
                Ok(claim) => return stage.judged(claim),
                Err(stop) => {
                    if let Stop::Store(error) = &stop {
                        tracing::error!(%error, "a login found the store unreadable");
                    }
                    return stage.ended(stop.ending());
                }
            }
        }
    }

    fn claim(&mut self, issued: Timestamp, macs: &AttemptMacs) -> Result<Claim, Stop> {
        let house = &self.house;
        let view = house.ledger.view();
        let (rule, mut case) = match self.read.take() {
            Some(read) => read,
            None => {
                let (head, rule) = house.ruling(&view, &self.request)?;
                let now = (issued, macs);
                let found = house.identity(&view, &self.request, (&head, &rule), now)?;
                if found != self.identity {
                    // The keys were turned or the name became another's while the login
                    // waited. Under the old key it would be two logins; the device's retry
                    // is judged under the new one.
                    return Err(Stop::Ended(Ending::silent(Reason::Overtaken)));
                }
                let in_force = (&head, &*rule);
                let case = Case::open(&view, in_force, &self.request, self.identity, issued)?;
                (rule, case)
            }
        };
        let secrets = house.secrets.load();
        let typed = (&*self.request, self.apart.as_ref());
        case.hold_against_passcode(typed.0, typed.1, macs);
        let claim = case.judge(&view, typed, &rule, &secrets, self.owner);
        self.grants = case.terms.grants;
        claim
    }

    async fn begin(&mut self, stage: Beginning) -> Flow {
        let began = self.house.clock.monotonic();
        let command = Command::Begin(stage.command());
        let within = self.patience(began);
        let proposed = self.house.ledger.propose(command, within);
        let result = begun(proposed.await);
        self.stages.begun += self.since(began);
        if result.is_ok() {
            fail_point(Point::BeginAnswered);
        }
        self.overtaken = match result {
            Ok(BeginResult::Stale | BeginResult::Changed { .. }) => {
                Some(Grounds::of(stage.command()))
            }
            Ok(_) | Err(_) => None,
        };
        // What is granted now may be a claim of before, and the lease runs from that.
        let first = *self.claimed.get_or_insert(began);
        if !matches!(result, Err(ProposeError::Unknown)) && first == began {
            self.claimed = None;
        }
        stage.begun(result, self.since(first), self.is_late())
    }

    async fn ask(&mut self, question: Question, stage: Asking) -> Flow {
        let began = self.house.clock.monotonic();
        // The source keeps its own time-out; this holds even if it forgets, since an
        // answer after the lease would come beside another node's question.
        let longest = question.timeout.saturating_add(SOURCE_GRACE);
        let asked = timeout(longest, self.house.source.ask(question));
        let (answer, overslept) = noticing(asked).await;
        self.stages.asked += self.since(began);
        fail_point(Point::SourceAsked);
        let (outcome, reason) = (SourceOutcome::Unanswered, Reason::SourceUnanswered);
        let answer = answer.unwrap_or_else(|_| Answer::new(outcome, reason, 0));
        stage.answered(answer, overslept)
    }

    async fn settle(&mut self, stage: Settling) -> Flow {
        if stage.is_repeated() {
            leader(&self.house).await;
        }
        let began = self.house.clock.monotonic();
        let result = self
            .house
            .ledger
            .propose(Command::Settle(stage.command()), COMMAND_LIFE)
            .await;
        self.stages.settled += self.since(began);
        let result = settled(result);
        if result.is_ok() {
            fail_point(Point::SettleAnswered);
            // No claim of before can be granted after this: the record has moved on.
            self.claimed = None;
        }
        stage.settled(result, self.is_late())
    }

    async fn wait(&mut self, stage: Waiting) -> Flow {
        let began = self.house.clock.monotonic();
        let deadline = self.ticket.deadline().unwrap_or(began);
        let change = changed(&self.house, stage.waited());
        let _ = timeout_at(deadline, change).await;
        self.stages.waited += self.since(began);
        stage.woken(self.is_late())
    }

    /// How long a claim's result is worth waiting for: as long as the device waits. What is
    /// granted after that is given back.
    fn patience(&self, now: Instant) -> Duration {
        let deadline = self.ticket.deadline().unwrap_or(now);
        let left = deadline.saturating_duration_since(now);
        left.clamp(CLAIM_TIME_MIN, COMMAND_LIFE)
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

/// What of the tables a claim was made from.
#[derive(Debug)]
struct Grounds {
    revisions: Revisions,
    matches: Vec<Match>,
    prev: Epoch,
}

impl Grounds {
    fn of(begin: Begin) -> Self {
        Self {
            revisions: begin.revisions,
            matches: begin.matches,
            prev: begin.prev,
        }
    }

    fn are_of(&self, Claim { begin, .. }: &Claim) -> bool {
        self.revisions == begin.revisions
            && self.matches == begin.matches
            && self.prev == begin.prev
    }
}

/// The ledger answers a Begin with a Begin's result; anything else tells nothing.
fn begun(result: Result<Outcome, ProposeError>) -> Result<BeginResult, ProposeError> {
    match result? {
        Outcome::Begin(result) => Ok(result),
        Outcome::Settle(_)
        | Outcome::SendPasscode(_)
        | Outcome::Change(_)
        | Outcome::Unreadable(_) => Err(ProposeError::Unknown),
    }
}

fn settled(result: Result<Outcome, ProposeError>) -> Result<SettleResult, ProposeError> {
    match result? {
        Outcome::Settle(result) => Ok(result),
        Outcome::Begin(_)
        | Outcome::SendPasscode(_)
        | Outcome::Change(_)
        | Outcome::Unreadable(_) => Err(ProposeError::Unknown),
    }
}

/// A claim is not made for no time at all: its result would be unknown each time.
const CLAIM_TIME_MIN: Duration = Duration::from_millis(100);
/// How long a source may overrun its own time-out; within the lease's slack.
const SOURCE_GRACE: Duration = Duration::from_millis(250);
