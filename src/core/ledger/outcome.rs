//! What applying a command says to the node that proposed it.

use super::command::CommandError;
use super::{Carried, storage};
use crate::base::{Epoch, Timestamp};

/// The result of one command.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// Of a Begin.
    Begin(BeginResult),
    /// Of a Settle.
    Settle(SettleResult),
    /// Of a passcode that was asked for.
    SendPasscode(SendResult),
    /// Of an administrative change.
    Change(storage::ChangeOutcome),
    /// The command could not be read; nothing happened.
    Unreadable(CommandError),
}

/// How a login ended, for ever.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Verdict {
    /// Let in.
    Accepted,
    /// The source says that the password is wrong.
    WrongPassword,
    /// No token has this code.
    WrongCode,
    /// The source refused for another cause.
    Denied,
    /// Proven, but disabled, deleted or changed meanwhile.
    Revoked,
}

/// Why a Begin was refused without a record of its own.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum RefusedBy {
    /// User, token or seed is no longer good.
    Revoked,
    /// Too many wrong passwords; the user waits.
    Locked,
    /// Too many wrong codes from this place.
    Waiting,
    /// This very login was already found wrong.
    Wrong,
    /// The code was spent by another login: a replay.
    Spent,
    /// The budget of passwords is used up.
    Limit,
    /// The challenge was answered otherwise before.
    Answered,
    /// The store holds as many attempts as it may.
    Overload,
    /// The user has had all the logins without a token that the rule allows.
    Initial,
}

/// The result of a Begin (DESIGN §2).
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub enum BeginResult {
    /// It travelled longer than a command lives; nothing happened.
    TooLate,
    /// It was decided by facts that have changed; catch up and decide again.
    Stale,
    /// Refused.
    Refused(RefusedBy),
    /// This login has, or now has, this verdict.
    Repeat(Verdict),
    /// This login was let in, and its Accept carries this: a repeat, which is worth nothing
    /// without.
    LetIn(Carried),
    /// The code is claimed: ask the source, settle before `until`.
    Granted {
        /// Names the grant in the Settle.
        epoch: Epoch,
        /// End of the lease, in entry time.
        until: Timestamp,
    },
    /// Another flow has this login in hand.
    InFlight {
        /// End of its lease.
        until: Timestamp,
    },
    /// The record is not the one that the node saw.
    Changed {
        /// The one to name instead.
        epoch: Epoch,
    },
    /// Another login holds the code or the budget; wait, then begin again.
    Busy {
        /// When the holder's lease ends.
        until: Timestamp,
    },
}

/// The result of a Settle (DESIGN §2).
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub enum SettleResult {
    /// Recorded, with this verdict.
    Settled(Verdict),
    /// This login is let in, and its Accept carries this; recorded now or before.
    LetIn(Carried),
    /// It was settled before, with this verdict.
    Already(Verdict),
    /// No grant to settle.
    Gone,
    /// Another grant took the attempt over.
    Superseded,
    /// No verdict; the attempt is open for another try.
    Released,
}

/// The result of a [`SendPasscode`](super::SendPasscode).
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum SendResult {
    /// It travelled longer than a command lives; nothing happened.
    TooLate,
    /// It was decided by facts that have changed; catch up and decide again.
    Stale,
    /// Nothing is to be sent.
    Refused(RefusedBy),
    /// It was asked for before by this very answer, and somebody else sends it.
    Already,
    /// The passcode counts from now on; its owner sends it, once.
    Sent,
}
