//! One login, carried through as the driver does, with every result that the ledger and the
//! source may give.

use std::time::Duration;

use countersign_core::base::{AttemptKey, Owner};
use countersign_core::ledger::{
    BeginResult, Command, Outcome, SettleResult, SourceOutcome, Verdict, query,
};
use countersign_core::login::{
    Answer, Apart, Asking, Beginning, Case, Claim, Decision, Flow, Identity, ProposeError, Reason,
    Request, Rule, Settling, Stop,
};

use crate::claims::Claims;
use crate::ledger::Ledger;
use crate::octets::Octets;
use crate::state::STATE;

/// What the input says of one stretch of a login.
#[derive(Clone, Copy)]
pub(crate) struct Fate {
    begin: Arrival,
    settle: Arrival,
    outcome: SourceOutcome,
    /// The source takes its time: other things happen before it answers.
    is_held: bool,
    /// The device has given up.
    is_late: bool,
    took: Duration,
}

/// What becomes of a proposed command.
#[derive(Clone, Copy)]
enum Arrival {
    /// Applied, and the result comes back.
    Known,
    /// Applied, and the result is lost.
    ResultLost,
    /// Lost, or on its way for long.
    Lost,
    /// Refused by the leader.
    NotProposed,
}

impl Fate {
    pub(crate) fn read(input: &mut Octets<'_>) -> Self {
        use SourceOutcome::{Denied, NotAsked, Right, Unanswered, Wrong};
        let (commands, source) = (input.octet(), input.octet());
        let outcomes = [
            Right, Wrong, Denied, NotAsked, Unanswered, Right, Right, Right,
        ];
        let arrivals = [Arrival::ResultLost, Arrival::Lost, Arrival::NotProposed];
        let arrival = |way: u8| *arrivals.get(usize::from(way)).unwrap_or(&Arrival::Known);
        Self {
            begin: arrival((commands & 7).wrapping_sub(1)),
            settle: arrival((commands >> 3 & 7).wrapping_sub(1)),
            outcome: outcomes[usize::from(source & 7)],
            is_held: source & 8 != 0,
            is_late: source & 16 != 0,
            took: Duration::from_millis(if source & 32 != 0 { 9_000 } else { 1 }),
        }
    }
}

/// A login in hand.
pub(crate) struct Login {
    pub(crate) request: Request,
    apart: Option<Apart>,
    pub(crate) identity: Identity,
    pub(crate) owner: Owner,
    /// The last verdict that an applied command of this flow returned.
    verdict: Option<Verdict>,
}

/// Where a login came to.
pub(crate) enum Came {
    /// To its end.
    Ended(Decision),
    /// To a question that is not answered yet.
    Held(Asking),
}

/// What a login works with.
pub(crate) struct Desk<'d> {
    pub(crate) ledger: &'d mut Ledger,
    pub(crate) claims: &'d mut Claims,
    /// Commands that were sent, for copies of them to come late.
    pub(crate) sent: &'d mut Vec<Command>,
}

impl Login {
    pub(crate) fn new(
        (request, apart): (Request, Option<Apart>),
        identity: Identity,
        owner: Owner,
    ) -> Self {
        Self {
            request,
            apart,
            identity,
            owner,
            verdict: None,
        }
    }

    /// Runs it to its end, or to the source.
    pub(crate) fn start(&mut self, desk: &mut Desk<'_>, fate: Fate) -> Came {
        self.run(desk, fate, Flow::start())
    }

    /// Goes on with the source's answer.
    pub(crate) fn go_on(&mut self, desk: &mut Desk<'_>, fate: Fate, asking: Asking) -> Came {
        let flow = self.answered(desk, fate, asking);
        self.run(desk, fate, flow)
    }

    fn run(&mut self, desk: &mut Desk<'_>, fate: Fate, mut flow: Flow) -> Came {
        for turn in 0..TURNS_MAX {
            let is_late = fate.is_late || turn > PATIENCE_TURNS;
            flow = match flow {
                Flow::Judge(stage) => match self.claim(desk) {
                    Ok(claim) => stage.judged(claim),
                    Err(stop) => stage.ended(stop.ending()),
                },
                Flow::Begin(stage) => self.begin(desk, fate, stage, is_late),
                Flow::Wait(stage) => stage.woken(is_late),
                Flow::Ask(question, stage) => {
                    assert!(!question.password.is_empty(), "an empty password is asked");
                    if fate.is_held {
                        return Came::Held(stage);
                    }
                    self.answered(desk, fate, stage)
                }
                Flow::Settle(stage) => self.settle(desk, fate, stage, is_late),
                Flow::Finish(finished) => {
                    let decision = finished.ending.decision;
                    self.check(desk, decision);
                    return Came::Ended(decision);
                }
            };
        }
        panic!("a login does not end");
    }

    fn claim(&self, desk: &Desk<'_>) -> Result<Claim, Stop> {
        let view = desk.ledger.view();
        let read = || {
            let head = query::head(view)?;
            let rules = Rule::list(view, &head)?;
            let rule = Rule::read(view, &head, rules, self.request.client)?;
            rule.admit(&self.request)?;
            let (in_force, now) = ((&head, &rule), desk.ledger.now);
            let case = Case::open(view, in_force, &self.request, self.identity, now)?;
            let typed = (&self.request, self.apart.as_ref());
            case.judge(view, typed, &rule, &STATE.secrets, self.owner)
        };
        let claim = read();
        let is_store = matches!(claim, Err(Stop::Store(_)));
        assert!(!is_store, "a login found the store unreadable: {claim:?}");
        claim
    }

    fn begin(&mut self, desk: &mut Desk<'_>, fate: Fate, stage: Beginning, is_late: bool) -> Flow {
        let command = Command::Begin(stage.command());
        let result = propose(desk, fate.begin, command).map(|outcome| match outcome {
            Outcome::Begin(result) => result,
            other => panic!("not of a Begin: {other:?}"),
        });
        self.verdict = match result {
            Ok(BeginResult::Repeat(verdict)) => Some(verdict),
            Ok(BeginResult::LetIn(_)) => Some(Verdict::Accepted),
            Ok(_) | Err(_) => None,
        };
        stage.begun(result, fate.took, is_late)
    }

    fn answered(&self, desk: &mut Desk<'_>, fate: Fate, stage: Asking) -> Flow {
        if fate.outcome == SourceOutcome::Right {
            desk.claims.proven(self.key());
        }
        let reason = match fate.outcome {
            SourceOutcome::Right => Reason::Accepted,
            SourceOutcome::Wrong => Reason::WrongPassword,
            SourceOutcome::Denied => Reason::NoMfa,
            SourceOutcome::NotAsked => Reason::SourceDown,
            SourceOutcome::Unanswered => Reason::SourceUnanswered,
        };
        let answer = Answer::new(fate.outcome, reason, 0);
        stage.answered(answer, false)
    }

    fn settle(&mut self, desk: &mut Desk<'_>, fate: Fate, stage: Settling, is_late: bool) -> Flow {
        let command = Command::Settle(stage.command());
        // Tried until it is recorded; that it may never be is a restart of the node.
        let arrival = if stage.is_repeated() {
            Arrival::Known
        } else {
            fate.settle
        };
        let result = propose(desk, arrival, command).map(|outcome| match outcome {
            Outcome::Settle(result) => result,
            other => panic!("not of a Settle: {other:?}"),
        });
        self.verdict = match result {
            Ok(SettleResult::Settled(verdict) | SettleResult::Already(verdict)) => Some(verdict),
            Ok(SettleResult::LetIn(_)) => Some(Verdict::Accepted),
            Ok(_) | Err(_) => None,
        };
        stage.settled(result, is_late)
    }

    /// Only an applied Accepted lets anyone in.
    fn check(&self, desk: &mut Desk<'_>, decision: Decision) {
        if decision == Decision::Accept {
            assert_eq!(
                self.verdict,
                Some(Verdict::Accepted),
                "let in without a verdict"
            );
            let view = desk.ledger.view();
            desk.claims.accepted(view, self.key(), &self.request);
        }
    }

    const fn key(&self) -> AttemptKey {
        self.identity.name.key
    }
}

fn propose(
    desk: &mut Desk<'_>,
    arrival: Arrival,
    command: Command,
) -> Result<Outcome, ProposeError> {
    let result = match arrival {
        Arrival::Known => Ok(desk.ledger.propose(&command)),
        Arrival::ResultLost => {
            desk.ledger.propose(&command);
            Err(ProposeError::Unknown)
        }
        Arrival::Lost => Err(ProposeError::Unknown),
        Arrival::NotProposed => return Err(ProposeError::NotProposed),
    };
    desk.sent.push(command);
    result
}

/// Turns after which the device has given up.
const PATIENCE_TURNS: usize = 12;
/// Turns that no login takes: its waits end with its device's patience.
const TURNS_MAX: usize = 64;
