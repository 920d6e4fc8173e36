//! The last stage: what the source said is recorded.
//!
//! Must not know who was asked.

use super::{Flow, Grant, Turns};
use crate::base::limits::SETTLE_TRIES_MAX;
use crate::ledger::{Carried, Settle, SettleResult, SourceOutcome, Verdict};
use crate::login::ending::{Decision, Ending, Pace};
use crate::login::exchange::{Answer, ProposeError};
use crate::login::reason::Reason;
use crate::policy::SourceDown;

/// The grant is being settled.
#[derive(Debug)]
pub struct Settling {
    grant: Grant,
    /// None: nobody was asked.
    answer: Option<Answer>,
    /// The node slept while the source was asked.
    overslept: bool,
    turns: Turns,
    tries: u16,
    /// The result of one of the tries is not known.
    is_doubtful: bool,
}

impl Settling {
    pub(super) fn new(grant: Grant, answer: Option<Answer>, overslept: bool, turns: Turns) -> Self {
        Self {
            grant,
            answer,
            overslept,
            turns,
            tries: 1,
            is_doubtful: false,
        }
    }

    /// The command to propose.
    #[must_use]
    pub fn command(&self) -> Settle {
        Settle {
            key: self.grant.key,
            epoch: self.grant.epoch,
            outcome: self.outcome(),
            relayed: self.relayed(),
        }
    }

    fn outcome(&self) -> SourceOutcome {
        let answer = self.answer.as_ref();
        answer.map_or(SourceOutcome::NotAsked, |answer| answer.outcome)
    }

    /// What the Accept carries of what was told, where it is right and others have a say.
    fn relayed(&self) -> Option<Carried> {
        let right = |answer: &&Answer| answer.outcome == SourceOutcome::Right;
        let answer = self.answer.as_ref().filter(right)?;
        let server = self.grant.server.clone();
        let have_a_say = server.is_some() || self.grant.account_grants.is_some();
        have_a_say.then(|| Carried {
            server,
            attributes: answer.relayed.clone(),
        })
    }

    /// Whether it was proposed before and not seen to be recorded: to be tried after a pause.
    #[must_use]
    pub const fn is_repeated(&self) -> bool {
        self.tries > 1
    }

    /// The settle came back.
    #[must_use]
    pub fn settled(mut self, result: Result<SettleResult, ProposeError>, late: bool) -> Flow {
        match result {
            Ok(SettleResult::Settled(verdict)) => self.turns.finish(self.verdict(verdict)),
            Ok(SettleResult::Already(verdict)) if self.is_doubtful => {
                self.turns.finish(self.verdict(verdict))
            }
            Ok(SettleResult::Already(verdict)) => self.turns.finish(self.grant.settled(verdict)),
            Ok(SettleResult::LetIn(carried)) => self.turns.carrying(self.grant.let_in, carried),
            Ok(SettleResult::Released) => self.released(late),
            // An earlier copy of this settle released it.
            Ok(SettleResult::Gone) if self.is_doubtful && !self.has_verdict() => {
                self.released(late)
            }
            // The lease ran out: the answer counts for nothing, the record has the truth.
            Ok(SettleResult::Gone | SettleResult::Superseded) => {
                self.turns.again(late, Reason::Unknown)
            }
            // Tried until the lease must be over, whether or not anyone waits: a source's
            // answer that is lost here would keep the device's retry, wherever it comes,
            // waiting for the end of the lease. A second copy of a settle changes nothing.
            Err(error) => {
                self.is_doubtful |= error == ProposeError::Unknown;
                self.tries = self.tries.saturating_add(1);
                if self.tries <= SETTLE_TRIES_MAX {
                    Flow::Settle(self)
                } else if self.is_doubtful {
                    self.turns.finish(Ending::silent(Reason::Unknown))
                } else {
                    self.turns.finish(Ending::silent(Reason::NoQuorum))
                }
            }
        }
    }

    fn has_verdict(&self) -> bool {
        match self.outcome() {
            SourceOutcome::Right | SourceOutcome::Wrong | SourceOutcome::Denied => true,
            SourceOutcome::NotAsked | SourceOutcome::Unanswered => false,
        }
    }

    /// The verdict of this flow's own answer: the source's reason, unless the ledger found
    /// otherwise.
    fn verdict(&self, verdict: Verdict) -> Ending {
        let Some(answer) = &self.answer else {
            return self.grant.settled(verdict);
        };
        match (verdict, answer.outcome) {
            (Verdict::WrongPassword, SourceOutcome::Wrong)
            | (Verdict::Denied, SourceOutcome::Denied) => Ending {
                decision: Decision::Reject,
                reason: answer.reason,
                pace: Pace::Measured,
                source_code: answer.code,
            },
            // Other logins of the user were let in meanwhile, by the last ones allowed.
            (Verdict::Denied, SourceOutcome::Right) => Ending {
                pace: Pace::Measured,
                ..Ending::reject(Reason::InitialUsed)
            },
            _ => self.grant.settled(verdict),
        }
    }

    /// No verdict, nothing burned. Where nobody was asked the login may be claimed again.
    /// So it may, once, by a node that slept over the answer: to everyone else it was dead
    /// meanwhile, and another node would have asked in its place (DESIGN §1, I2).
    fn released(mut self, late: bool) -> Flow {
        let Some(answer) = &self.answer else {
            return self.turns.again(late, Reason::Deadline);
        };
        if self.overslept && !late && !self.turns.asked_again {
            self.turns.asked_again = true;
            return self.turns.again(late, answer.reason);
        }
        let (decision, pace) = match self.grant.on_source_down {
            SourceDown::Reject => (Decision::Reject, Pace::AtDeadline),
            SourceDown::Silent => (Decision::Silent, Pace::AtOnce),
        };
        let ending = Ending {
            decision,
            reason: answer.reason,
            pace,
            source_code: answer.code,
        };
        self.turns.finish(ending)
    }
}
