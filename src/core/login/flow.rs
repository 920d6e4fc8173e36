//! One login as a machine: each stage is a type that holds only what it may know, and is
//! consumed by what it is told. The driver carries out what a [`Flow`] says and tells the
//! stage in it the result; an order of steps that is not drawn here does not compile.
//!
//! ```text
//! Judge ─▸ Begin ─▸ Ask ─▸ Settle ─▸ Finish          any stage may finish at once;
//!   ▴        ├────────────▸ Settle (not asked)        Settle goes back to Judge when
//!   └─ Wait ◂┘                                        the grant was lost
//! ```
//!
//! Must not know clocks, tasks, packets, or how the ledger is replicated. Whether the
//! device still waits (`late`) is told with each result: a flow that holds a grant goes on
//! until it is settled, whether or not anyone waits for the verdict.

use std::sync::Arc;
use std::time::Duration;

pub use self::settling::Settling;
use super::ending::{Ending, Pace};
use super::exchange::{Against, Answer, Claim, Doubt, Finished, ProposeError, Question, Waited};
use super::reason::Reason;
use crate::base::limits::{LOGIN_HASTY_TURNS_MAX, LOGIN_PARKS_MAX};
use crate::base::{AttemptKey, Epoch};
use crate::ledger::{Begin, BeginResult, Carried, Factors, RefusedBy, Verdict};
use crate::policy::{AccountGrants, SourceDown};
use crate::radius::Relayed;

/// What is to be done now, and the stage that takes the result.
#[derive(Debug)]
pub enum Flow {
    /// Judge the request against the node's tables as they stand now.
    Judge(Judging),
    /// Propose the claim.
    Begin(Beginning),
    /// Wait for a change, not beyond the deadline.
    Wait(Waiting),
    /// Ask the source, to the source's own time-out whether or not anyone waits.
    Ask(Question, Asking),
    /// Propose the settling, whether or not anyone waits.
    Settle(Settling),
    /// Tell everyone who waits.
    Finish(Finished),
}

/// What the flow remembers from turn to turn. LIMIT: the deadline bounds the waits, these
/// counts the rest.
#[derive(Clone, Copy, Debug, Default)]
struct Turns {
    hasty: u8,
    parked: u8,
    doubt: Option<Doubt>,
    /// The source was asked once more because the node had slept over its answer.
    asked_again: bool,
}

impl Turns {
    /// Judges again at once, unless that was done too often.
    fn again(mut self, late: bool, reason: Reason) -> Flow {
        self.hasty = self.hasty.saturating_add(1);
        if late {
            self.finish(Ending::silent(Reason::Deadline))
        } else if self.hasty > LOGIN_HASTY_TURNS_MAX {
            self.finish(Ending::silent(reason))
        } else {
            Flow::Judge(Judging(self))
        }
    }

    fn park(mut self) -> Flow {
        self.parked = self.parked.saturating_add(1);
        if self.parked > LOGIN_PARKS_MAX {
            self.finish(Ending::silent(Reason::NoQuorum))
        } else {
            self.wait(Waited::Leader)
        }
    }

    const fn wait(self, waited: Waited) -> Flow {
        let turns = self;
        Flow::Wait(Waiting { waited, turns })
    }

    const fn finish(self, ending: Ending) -> Flow {
        Flow::Finish(Finished {
            ending,
            relayed: Relayed::NONE,
            doubt: self.doubt,
        })
    }

    /// Let in with what others said: with all of that, or not at all.
    fn carrying(self, reason: Reason, carried: Carried) -> Flow {
        Flow::Finish(Finished {
            ending: Ending {
                reason,
                ..Ending::ACCEPT
            },
            relayed: carried.attributes,
            doubt: self.doubt,
        })
    }
}

impl Flow {
    /// A login that has just come in.
    #[must_use]
    pub fn start() -> Self {
        Self::Judge(Judging(Turns::default()))
    }
}

/// The request is being judged.
#[derive(Debug)]
pub struct Judging(Turns);

impl Judging {
    /// The node may not speak now: no leader, no quorum, or not in sync.
    #[must_use]
    pub fn no_standing(self) -> Flow {
        self.0.park()
    }

    /// Judging came to an end without a command.
    #[must_use]
    pub const fn ended(self, ending: Ending) -> Flow {
        self.0.finish(ending)
    }

    /// The request was judged; its code is to be claimed.
    #[must_use]
    pub fn judged(self, claim: Claim) -> Flow {
        Flow::Begin(Beginning {
            claim: Box::new(claim),
            turns: self.0,
        })
    }
}

/// The flow waits for others.
#[derive(Debug)]
pub struct Waiting {
    waited: Waited,
    turns: Turns,
}

impl Waiting {
    /// What for.
    #[must_use]
    pub const fn waited(&self) -> Waited {
        self.waited
    }

    /// The wait is over.
    #[must_use]
    pub fn woken(self, late: bool) -> Flow {
        let reason = match self.waited {
            Waited::Leader => Reason::NoQuorum,
            Waited::Attempt(..) | Waited::Claim => Reason::Deadline,
        };
        if late {
            self.turns.finish(Ending::silent(reason))
        } else {
            Flow::Judge(Judging(self.turns))
        }
    }
}

/// The claim is on its way.
#[derive(Debug)]
pub struct Beginning {
    claim: Box<Claim>,
    turns: Turns,
}

impl Beginning {
    /// The command to propose.
    #[must_use]
    pub fn command(&self) -> Begin {
        self.claim.begin.clone()
    }

    /// The claim came back, `took` after it was sent by the node's own monotonic clock;
    /// after the first of them was sent, where the results of others are not known: it may
    /// be the one that was granted, and the lease runs from that.
    #[must_use]
    pub fn begun(
        mut self,
        result: Result<BeginResult, ProposeError>,
        took: Duration,
        late: bool,
    ) -> Flow {
        let result = match result {
            Ok(result) => result,
            Err(ProposeError::NotProposed) if late => {
                return self.turns.finish(Ending::silent(Reason::NoQuorum));
            }
            Err(ProposeError::NotProposed) => return self.turns.park(),
            // The same owner may claim again: it is granted the same, or finds the verdict.
            Err(ProposeError::Unknown) => {
                self.turns.doubt = Some(self.doubt());
                return self.turns.again(late, Reason::Unknown);
            }
        };
        match result {
            BeginResult::Repeat(verdict) => {
                self.turns.doubt = None;
                self.turns.finish(self.verdict(verdict))
            }
            BeginResult::LetIn(carried) => {
                self.turns.doubt = None;
                self.turns.carrying(self.claim.hit, carried)
            }
            BeginResult::Refused(by) => self.turns.finish(refused(by)),
            BeginResult::Granted { epoch, .. } => self.granted(epoch, took, late),
            BeginResult::InFlight { until } => {
                let key = self.claim.begin.key;
                self.turns.wait(Waited::Attempt(key, until))
            }
            BeginResult::Busy { .. } => self.turns.wait(Waited::Claim),
            BeginResult::Changed { epoch } => self.changed(epoch, late),
            BeginResult::Stale | BeginResult::TooLate => self.turns.again(late, Reason::Overtaken),
        }
    }

    /// Asks only if the answer will be there before the lease ends: after that another
    /// node may take over and ask too.
    fn granted(self, epoch: Epoch, took: Duration, late: bool) -> Flow {
        let begin = &self.claim.begin;
        let grant = Grant {
            key: begin.key,
            epoch,
            on_source_down: self.claim.on_source_down,
            let_in: self.claim.let_in,
            account_grants: self.claim.account_grants.clone(),
            server: self.claim.question.as_ref().and_then(server),
        };
        // The grant is in hand, whichever copy of the claim got it. From here on nothing but
        // this flow's own settle may say that nobody was asked.
        let doubt = None;
        let turns = Turns {
            doubt,
            ..self.turns
        };
        match self.claim.question {
            Some(question) if !late && took.saturating_add(question.timeout) < begin.lease => {
                Flow::Ask(question, Asking { grant, turns })
            }
            Some(_) | None => Flow::Settle(Settling::new(grant, None, false, turns)),
        }
    }

    /// The record of this login is another than the node saw. What the source would be
    /// asked stays true, as the key binds all octets; without it the record must be read.
    fn changed(mut self, epoch: Epoch, late: bool) -> Flow {
        let asks = self.claim.begin.factors != Factors::Code;
        if asks && self.claim.question.is_none() {
            return self.turns.again(late, Reason::Overtaken);
        }
        let again = self.turns.again(late, Reason::Overtaken);
        let Flow::Judge(Judging(turns)) = again else {
            return again;
        };
        self.claim.begin.prev = epoch;
        self.turns = turns;
        Flow::Begin(self)
    }

    fn doubt(&self) -> Doubt {
        let Begin {
            key, owner, issued, ..
        } = self.claim.begin;
        Doubt { key, owner, issued }
    }

    /// A verdict that the claim met or made. A wrong code is the measure of a refusal
    /// where no source is ever asked.
    fn verdict(&self, verdict: Verdict) -> Ending {
        let code_alone = self.claim.begin.factors == Factors::Code;
        match verdict {
            Verdict::WrongCode if code_alone => Ending {
                pace: Pace::Measured,
                ..Ending::reject(self.claim.miss)
            },
            Verdict::WrongCode => Ending::reject(self.claim.miss),
            Verdict::Accepted | Verdict::WrongPassword | Verdict::Denied | Verdict::Revoked => {
                let whole = self.claim.account_grants.is_none();
                settled(verdict, whole.then_some(self.claim.hit))
            }
        }
    }
}

/// What the ledger granted.
#[derive(Clone, Debug)]
struct Grant {
    key: AttemptKey,
    epoch: Epoch,
    on_source_down: SourceDown,
    /// Why, where the login is let in.
    let_in: Reason,
    /// What the Accept carries of groups that the directory tells.
    account_grants: Option<Arc<AccountGrants>>,
    /// The old server that is asked, where one is.
    server: Option<Arc<str>>,
}

impl Grant {
    /// A verdict that was recorded, and nothing that the Accept carries.
    fn settled(&self, verdict: Verdict) -> Ending {
        let whole = self.account_grants.is_none();
        settled(verdict, whole.then_some(self.let_in))
    }
}

fn server(question: &Question) -> Option<Arc<str>> {
    match &question.against {
        Against::Forward(forwarded) => Some(Arc::clone(&forwarded.server)),
        Against::Directory | Against::Own(_) | Against::Account => None,
    }
}

/// The source is being asked.
#[derive(Debug)]
pub struct Asking {
    grant: Grant,
    turns: Turns,
}

impl Asking {
    /// The source answered, or did not. `overslept`: the node itself stood still meanwhile,
    /// so that a missing answer says nothing about the source.
    #[must_use]
    pub fn answered(self, answer: Answer, overslept: bool) -> Flow {
        let answer = answer.granting(self.grant.account_grants.as_deref());
        Flow::Settle(Settling::new(
            self.grant,
            Some(answer),
            overslept,
            self.turns,
        ))
    }
}

/// A verdict that was recorded; `let_in`: why, where it is to let in. `None`: not without what
/// the directory told of groups, which is lost, or was asked for by no rule then.
const fn settled(verdict: Verdict, let_in: Option<Reason>) -> Ending {
    match (verdict, let_in) {
        (Verdict::Accepted, None) => Ending::reject(Reason::RuleUnfit),
        (Verdict::Accepted, Some(reason)) => Ending {
            reason,
            ..Ending::ACCEPT
        },
        (Verdict::WrongPassword, _) => Ending::reject(Reason::WrongPassword),
        (Verdict::WrongCode, _) => Ending::reject(Reason::WrongCode),
        (Verdict::Denied, _) => Ending::reject(Reason::DeniedBefore),
        (Verdict::Revoked, _) => Ending::reject(Reason::Revoked),
    }
}

const fn refused(by: RefusedBy) -> Ending {
    match by {
        RefusedBy::Revoked => Ending::reject(Reason::Revoked),
        RefusedBy::Locked => Ending::reject(Reason::Locked),
        RefusedBy::Waiting => Ending::reject(Reason::Waiting),
        RefusedBy::Wrong => Ending::reject(Reason::KnownWrong),
        RefusedBy::Spent => Ending::reject(Reason::Replay),
        RefusedBy::Limit => Ending::reject(Reason::Limit),
        RefusedBy::Answered => Ending::reject(Reason::StateUsed),
        RefusedBy::Overload => Ending::silent(Reason::Overload),
        RefusedBy::Initial => Ending::reject(Reason::InitialUsed),
    }
}

mod settling;
#[cfg(test)]
mod tests;
