//! A passcode that is asked for: recorded, then sent, then answered like any other ask.
//!
//! Nothing that depends on a passcode leaves this node before the command that makes it is
//! applied, and only the node that proposed it sends it, once. Everybody hears the same at
//! the same time, whatever came of it. Must not know how a message is sent.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use countersign_core::base::limits::{COMMAND_LIFE, LOGIN_PARK, LOGIN_PARKS_MAX};
use countersign_core::base::{Owner, Secret, UserId};
use countersign_core::ledger::{Command, Outcome, RefusedBy, SendResult};
use countersign_core::login::{
    Case, Dialogue, Ending, Message, ProposeError, Reason, Request, Rule, Stop, Words, ask_passcode,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep};

use super::driver::House;
use super::flows::Told;
use super::lead::MayJudge;
use super::ports::{Clock, Ledger, Letter, PasswordSource};

/// The asks that this node carries out now.
pub(super) struct Asks(Arc<Semaphore>);

impl Default for Asks {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(ASKS_MAX)))
    }
}

/// Somebody asks for a passcode.
pub(super) struct PasscodeAsk {
    rule: Arc<Rule>,
    user: Option<UserId>,
    /// What the challenge says, whatever comes of it.
    words: Box<Words>,
    /// What is recorded and sent; none: nothing.
    message: Option<Box<Message>>,
    /// Why, for operators, where there is none.
    reason: Reason,
    _turn: OwnedSemaphorePermit,
}

impl<L: Ledger, S: PasswordSource, C: Clock> House<L, S, C> {
    /// What follows from an answer that asks for a passcode; `None`: nobody is sent any
    /// through this client.
    pub(super) fn passcode(
        &self,
        (dialogue, request, rule): (&Dialogue, &Request, &Arc<Rule>),
        case: Result<&Case, (Option<UserId>, Reason)>,
        (issued, macs): &MayJudge,
    ) -> Result<Option<PasscodeAsk>, Stop> {
        let secrets = self.secrets.load();
        let owner = Owner {
            node: self.node,
            boot: self.boot,
            flow: self.flow.fetch_add(1, Ordering::Relaxed),
        };
        let whose = case.map_err(|(user, _)| user);
        let (view, with) = (self.ledger.view(), (&**secrets, &**macs));
        let judged = (request, &**rule);
        let asking =
            self.with_chance(|chance| ask_passcode(&view, judged, whose, with, owner, chance));
        let Some(asking) = asking? else {
            return Ok(None);
        };
        // LIMIT: asks in hand. Whoever asks, whether or not anything is sent.
        let turn = Arc::clone(&self.asks.0).try_acquire_owned();
        let overload = |_| Stop::Ended(Ending::silent(Reason::Overload));
        let turn = turn.map_err(overload)?;
        let state = self.with_chance(|chance| dialogue.ask_sent(request, macs, *issued, chance))?;
        let words = Words {
            message: rule.texts.sent(&asking.to),
            state,
        };
        Ok(Some(PasscodeAsk {
            rule: Arc::clone(rule),
            user: whose.map_or_else(|user| user, |case| Some(case.identity.user)),
            words: Box::new(words),
            message: asking.message,
            reason: case.map_or_else(|(_, why)| why, |_| Reason::PasscodeNowhere),
            _turn: turn,
        }))
    }

    /// Records the passcode and has it sent. It goes on though its packet is given up.
    pub(super) async fn carry_out(
        self: &Arc<Self>,
        ask: PasscodeAsk,
        deadline: Instant,
    ) -> (Told, Option<Box<Words>>) {
        let user = ask.user;
        let house = Arc::clone(self);
        let carried = tokio::spawn(async move { house.carried_out(ask, deadline).await });
        let lost = |_| (Ending::silent(Reason::Store), None);
        let (ending, words) = carried.await.unwrap_or_else(lost);
        (self.told(user, ending), words)
    }

    async fn carried_out(
        &self,
        ask: PasscodeAsk,
        deadline: Instant,
    ) -> (Ending, Option<Box<Words>>) {
        let reason = match ask.message {
            None => ask.reason,
            Some(message) => match self.recorded(&message, deadline).await {
                Ok(SendResult::Sent) => {
                    self.messenger.send(letter(*message, &ask.rule));
                    Reason::PasscodeSent
                }
                // Another packet of this answer has had it sent.
                Ok(SendResult::Already) => Reason::PasscodeSent,
                Ok(SendResult::Refused(by)) => unsent(by),
                Ok(SendResult::Stale | SendResult::TooLate) => {
                    return (Ending::silent(Reason::Overtaken), None);
                }
                Err(reason) => return (Ending::silent(reason), None),
            },
        };
        let ending = Ending {
            reason,
            ..Ending::CHALLENGE
        };
        (ending, Some(ask.words))
    }

    /// Proposes until the result is known: the same owner is told again to send. A result
    /// that stays unknown sends nothing, for the device's retry may come to another node.
    async fn recorded(&self, message: &Message, deadline: Instant) -> Result<SendResult, Reason> {
        let mut reason = Reason::NoQuorum;
        // LIMIT: as often as a login waits for a leader.
        for _ in 0..LOGIN_PARKS_MAX {
            let left = deadline.saturating_duration_since(self.clock.monotonic());
            if left.is_zero() {
                break;
            }
            let command = Command::SendPasscode(Box::new(message.command.clone()));
            let proposed = self.ledger.propose(command, left.min(COMMAND_LIFE));
            match proposed.await {
                Ok(Outcome::SendPasscode(result)) => return Ok(result),
                Err(ProposeError::NotProposed) => {}
                Ok(
                    Outcome::Begin(_)
                    | Outcome::Settle(_)
                    | Outcome::Change(_)
                    | Outcome::Unreadable(_),
                )
                | Err(ProposeError::Unknown) => reason = Reason::Unknown,
            }
            sleep(LOGIN_PARK).await;
        }
        Err(reason)
    }
}

fn letter(message: Message, rule: &Rule) -> Letter {
    Letter {
        way: message.way,
        user: message.command.user,
        to: Secret::from(message.to),
        subject: rule.texts.passcode_subject.clone(),
        text: Secret::from(rule.texts.passcode_message(message.passcode.expose())),
    }
}

const fn unsent(by: RefusedBy) -> Reason {
    match by {
        RefusedBy::Locked => Reason::Locked,
        RefusedBy::Waiting => Reason::Waiting,
        RefusedBy::Revoked => Reason::Revoked,
        RefusedBy::Limit
        | RefusedBy::Overload
        | RefusedBy::Wrong
        | RefusedBy::Spent
        | RefusedBy::Answered
        | RefusedBy::Initial => Reason::PasscodeLimit,
    }
}

/// When who asked hears of it, after the packet came in: longer than a commit mostly takes,
/// so that who is sent nothing, at no cost, is not told from who is.
pub(super) const PASSCODE_HOLD: Duration = Duration::from_millis(500);
/// LIMIT: asks in hand on one node.
const ASKS_MAX: usize = 256;
