//! Outcomes ↔ `CommandOutcome` of `proto/peer.proto`. Numbers are given once, for ever.

use countersign_core::base::{NodeId, Timestamp};
use countersign_core::ledger::{
    BeginResult, Carried, CommandError, Outcome, RefusedBy, SendResult, SettleResult, Verdict,
    storage,
};

use super::super::proposer::{Because, ProposeError};
use crate::peers::wire::command_outcome::Kind;
use crate::peers::wire::propose_reply::{Lost, Refused, refused::Cause};
use crate::peers::wire::{BeginOutcome, CommandOutcome, SendOutcome, SettleOutcome};

/// What a command came to, for the wire.
pub(super) fn encoded(result: Result<Outcome, ProposeError>) -> CommandOutcome {
    let kind = match result {
        Ok(Outcome::Begin(begin)) => Kind::Begin(begin_outcome(begin)),
        Ok(Outcome::Settle(settle)) => Kind::Settle(settle_outcome(settle)),
        Ok(Outcome::SendPasscode(send)) => Kind::Send(send_outcome(send)),
        Ok(Outcome::Change(change)) => Kind::Change(change),
        Ok(Outcome::Unreadable(why)) => Kind::Unreadable(why.to_string()),
        Err(ProposeError::NotProposed(because)) => Kind::Refused(refusal(because)),
        Err(ProposeError::Unknown) => Kind::Lost(Lost {}),
    };
    CommandOutcome { kind: Some(kind) }
}

/// What a command came to, as `leader` tells. A number of a newer binary is an unknown
/// outcome: it is applied, and nobody here can say as what.
pub(super) fn decoded(outcome: CommandOutcome, leader: NodeId) -> Result<Outcome, ProposeError> {
    let read = match outcome.kind {
        Some(Kind::Begin(begin)) => begin_result(&begin).map(Outcome::Begin),
        Some(Kind::Settle(settle)) => settle_result(&settle).map(Outcome::Settle),
        Some(Kind::Send(send)) => send_result(&send).map(Outcome::SendPasscode),
        Some(Kind::Change(change)) => Some(Outcome::Change(change)),
        Some(Kind::Unreadable(why)) => Some(Outcome::Unreadable(CommandError::Told(why))),
        Some(Kind::Refused(refused)) => return Err(because(refused, leader)),
        Some(Kind::Lost(Lost {})) | None => None,
    };
    read.ok_or(ProposeError::Unknown)
}

/// Why a leader proposed nothing.
pub(super) fn refusal(because: Because) -> Refused {
    let cause = match because {
        Because::NotLeader(_) | Because::Unreachable(_) | Because::Fenced => Cause::NotLeader,
        Because::Busy | Because::TooLarge => Cause::Busy,
        Because::Stopping => Cause::Stopping,
    };
    Refused {
        cause: cause.into(),
    }
}

/// The same, as it is said here. A cause of a newer binary is a refusal nevertheless.
pub(super) fn because(refused: Refused, leader: NodeId) -> ProposeError {
    ProposeError::NotProposed(match refused.cause() {
        Cause::NotLeader => Because::NotLeader(None),
        Cause::Busy => Because::Busy,
        Cause::Stopping => Because::Stopping,
        Cause::Unspecified => Because::Unreachable(leader),
    })
}

fn begin_outcome(result: BeginResult) -> BeginOutcome {
    let mut outcome = BeginOutcome::default();
    outcome.kind = match result {
        BeginResult::TooLate => TOO_LATE,
        BeginResult::Stale => STALE,
        BeginResult::Refused(by) => {
            outcome.refused_by = number_of(&REFUSED_BY, by);
            REFUSED
        }
        BeginResult::LetIn(with) => {
            outcome.let_in = Some((&with).into());
            REPEAT_LET_IN
        }
        BeginResult::Repeat(verdict) => {
            outcome.verdict = number_of(&VERDICTS, verdict);
            REPEAT
        }
        BeginResult::Granted { epoch, until } => {
            outcome.epoch = Some(epoch.into());
            outcome.until = until.as_millis();
            GRANTED
        }
        BeginResult::InFlight { until } => {
            outcome.until = until.as_millis();
            IN_FLIGHT
        }
        BeginResult::Changed { epoch } => {
            outcome.epoch = Some(epoch.into());
            CHANGED
        }
        BeginResult::Busy { until } => {
            outcome.until = until.as_millis();
            BUSY
        }
    };
    outcome
}

fn begin_result(outcome: &BeginOutcome) -> Option<BeginResult> {
    let until = Timestamp::from_millis(outcome.until);
    let epoch = outcome.epoch.map(Into::into);
    Some(match outcome.kind {
        TOO_LATE => BeginResult::TooLate,
        STALE => BeginResult::Stale,
        REFUSED => BeginResult::Refused(of_number(&REFUSED_BY, outcome.refused_by)?),
        REPEAT => BeginResult::Repeat(of_number(&VERDICTS, outcome.verdict)?),
        REPEAT_LET_IN => BeginResult::LetIn(carried(outcome.let_in.as_ref())?),
        GRANTED => BeginResult::Granted {
            epoch: epoch?,
            until,
        },
        IN_FLIGHT => BeginResult::InFlight { until },
        CHANGED => BeginResult::Changed { epoch: epoch? },
        BUSY => BeginResult::Busy { until },
        _ => return None,
    })
}

fn settle_outcome(result: SettleResult) -> SettleOutcome {
    let mut let_in = None;
    let (kind, verdict) = match result {
        SettleResult::LetIn(with) => {
            let_in = Some((&with).into());
            (LET_IN, 0)
        }
        SettleResult::Settled(verdict) => (SETTLED, number_of(&VERDICTS, verdict)),
        SettleResult::Already(verdict) => (ALREADY, number_of(&VERDICTS, verdict)),
        SettleResult::Gone => (GONE, 0),
        SettleResult::Superseded => (SUPERSEDED, 0),
        SettleResult::Released => (RELEASED, 0),
    };
    SettleOutcome {
        kind,
        verdict,
        let_in,
    }
}

fn settle_result(outcome: &SettleOutcome) -> Option<SettleResult> {
    Some(match outcome.kind {
        SETTLED => SettleResult::Settled(of_number(&VERDICTS, outcome.verdict)?),
        ALREADY => SettleResult::Already(of_number(&VERDICTS, outcome.verdict)?),
        LET_IN => SettleResult::LetIn(carried(outcome.let_in.as_ref())?),
        GONE => SettleResult::Gone,
        SUPERSEDED => SettleResult::Superseded,
        RELEASED => SettleResult::Released,
        _ => return None,
    })
}

/// All of what the Accept carries, or an unknown outcome: nobody is let in with less.
fn carried(stored: Option<&storage::Carried>) -> Option<Carried> {
    Carried::try_from(stored?).ok()
}

fn send_outcome(result: SendResult) -> SendOutcome {
    let (kind, refused_by) = match result {
        SendResult::TooLate => (SEND_TOO_LATE, 0),
        SendResult::Stale => (SEND_STALE, 0),
        SendResult::Refused(by) => (SEND_REFUSED, number_of(&REFUSED_BY, by)),
        SendResult::Already => (SEND_ALREADY, 0),
        SendResult::Sent => (SEND_SENT, 0),
    };
    SendOutcome { kind, refused_by }
}

fn send_result(outcome: &SendOutcome) -> Option<SendResult> {
    Some(match outcome.kind {
        SEND_TOO_LATE => SendResult::TooLate,
        SEND_STALE => SendResult::Stale,
        SEND_REFUSED => SendResult::Refused(of_number(&REFUSED_BY, outcome.refused_by)?),
        SEND_ALREADY => SendResult::Already,
        SEND_SENT => SendResult::Sent,
        _ => return None,
    })
}

fn number_of<T: Copy + PartialEq>(table: &[(u32, T)], value: T) -> u32 {
    let found = table.iter().find(|(_, other)| *other == value);
    found.map_or(0, |(number, _)| *number)
}

fn of_number<T: Copy>(table: &[(u32, T)], number: u32) -> Option<T> {
    let found = table.iter().find(|(other, _)| *other == number);
    found.map(|(_, value)| *value)
}

const TOO_LATE: u32 = 1;
const STALE: u32 = 2;
const REFUSED: u32 = 3;
const REPEAT: u32 = 4;
const GRANTED: u32 = 5;
const IN_FLIGHT: u32 = 6;
const CHANGED: u32 = 7;
const BUSY: u32 = 8;
const REPEAT_LET_IN: u32 = 9;

const SETTLED: u32 = 1;
const ALREADY: u32 = 2;
const GONE: u32 = 3;
const SUPERSEDED: u32 = 4;
const RELEASED: u32 = 5;
const LET_IN: u32 = 6;

const SEND_TOO_LATE: u32 = 1;
const SEND_STALE: u32 = 2;
const SEND_REFUSED: u32 = 3;
const SEND_ALREADY: u32 = 4;
const SEND_SENT: u32 = 5;

const VERDICTS: [(u32, Verdict); 5] = [
    (1, Verdict::Accepted),
    (2, Verdict::WrongPassword),
    (3, Verdict::WrongCode),
    (4, Verdict::Denied),
    (5, Verdict::Revoked),
];

const REFUSED_BY: [(u32, RefusedBy); 9] = [
    (1, RefusedBy::Revoked),
    (2, RefusedBy::Locked),
    (3, RefusedBy::Waiting),
    (4, RefusedBy::Wrong),
    (5, RefusedBy::Spent),
    (6, RefusedBy::Limit),
    (7, RefusedBy::Overload),
    (8, RefusedBy::Answered),
    (9, RefusedBy::Initial),
];

#[cfg(test)]
mod tests;
