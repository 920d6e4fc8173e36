//! The commands of a login, as types that cannot lie.
//!
//! What travels in the log is `proto/storage.proto`; a command is parsed into these types
//! once, before it is applied. Administrative changes keep their message form: their
//! checks need the tables.

mod codec;

use std::time::Duration;

pub use codec::CommandError;
pub(super) use codec::{answer, answer_stored, burn_code, millis};

use super::{Carried, storage};
use crate::base::{
    AnswerId, AttemptKey, ClientId, Epoch, NodeId, Owner, PasscodeId, PlaceId, Timestamp, TokenId,
    UserId,
};

/// One entry of the log: commands that the leader stamped together.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The cluster version that chooses the rules of `apply`.
    pub version: u32,
    /// The leader's clock, never less than in the entry before.
    pub at: Timestamp,
    /// The node that stamped it: the leader of its term. Whose commands they are, each
    /// tells itself: a Begin by its owner, a Settle by its grant, a change by its actor.
    pub proposer: NodeId,
    /// At most [`crate::base::limits::BATCH_COMMANDS_MAX`].
    pub commands: Vec<Command>,
}

/// One command.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Claim a code for a login, or settle it at once where no password is asked.
    Begin(Begin),
    /// Record what the password source said.
    Settle(Settle),
    /// Make a passcode, which is then sent.
    SendPasscode(Box<SendPasscode>),
    /// An administrative change.
    Change(Box<storage::Change>),
    /// What was proposed cannot be read. It is answered with a refusal on every node
    /// alike: one poisoned command must not stop them all.
    Unreadable(CommandError),
}

/// What a login must show.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Factors {
    /// A password that the source proves, and a code.
    PasswordAndCode,
    /// The code alone.
    Code,
    /// The code alone, of an account that the source knows to be alive.
    CodeAndAccount,
    /// A password that the source proves. Nothing is claimed, and no code can be wrong.
    Password,
    /// Whatever an old server asks for, of a user who has no token. Nothing is claimed.
    Forward,
}

impl Factors {
    /// Whether who shows this has shown all of `least`.
    #[must_use]
    pub const fn covers(self, least: Self) -> bool {
        matches!(
            (self, least),
            (
                Self::PasswordAndCode,
                Self::PasswordAndCode | Self::Code | Self::CodeAndAccount | Self::Password
            ) | (Self::Code, Self::Code)
                | (Self::CodeAndAccount, Self::Code | Self::CodeAndAccount)
                | (Self::Password, Self::Password)
                // What the old server has asked for, nobody here knows.
                | (Self::Forward, Self::Forward)
        )
    }

    /// Whether no code is claimed: all that is typed goes to who proves it.
    #[must_use]
    pub const fn is_whole(self) -> bool {
        matches!(self, Self::Password | Self::Forward)
    }

    /// Whether a code is all that the user types.
    #[must_use]
    pub const fn is_code_alone(self) -> bool {
        matches!(self, Self::Code | Self::CodeAndAccount)
    }

    /// What satisfies both: neither one that is stricter now nor the one before is got round
    /// by the other.
    #[must_use]
    pub const fn strictest(self, other: Self) -> Self {
        if self.covers(other) {
            self
        } else if other.covers(self) {
            other
        } else {
            Self::PasswordAndCode
        }
    }
}

/// When a code is spent.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum BurnCode {
    /// When the login is let in: a typo in the password does not cost the code.
    OnAccept,
    /// By its first match, whatever the password.
    OnMatch,
}

/// A step of a token's window whose code was typed.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Match {
    /// The token.
    pub token: TokenId,
    /// The generation of its seed; a new seed makes old matches worthless.
    pub generation: u64,
    /// The step (RFC 6238 §4.2, "T").
    pub step: u64,
    /// The step less that of the judging node's clock, in steps: what drift is learnt from.
    pub offset: i32,
}

/// The versions of the facts that a login was decided by.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub struct Revisions {
    /// Of the client entry.
    pub client: u64,
    /// Of the rules.
    pub rules: u64,
    /// Of the settings.
    pub settings: u64,
    /// Of the user's record, where rules looked at it; 0: they did not.
    pub user: u64,
}

/// Claims a login's code (DESIGN §2, table "Begin").
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Begin {
    /// The login.
    pub key: AttemptKey,
    /// The epoch of the record that the node saw; zero: none.
    pub prev: Epoch,
    /// The command's own identity.
    pub owner: Owner,
    /// Whose login.
    pub user: UserId,
    /// Through which client.
    pub client: ClientId,
    /// From where.
    pub place: PlaceId,
    /// Every step of every token's window whose code was typed, spent or not. None: a
    /// wrong code, or no code is asked for.
    pub matches: Vec<Match>,
    /// What it was decided by.
    pub revisions: Revisions,
    /// What the rule asks for.
    pub factors: Factors,
    /// Entry time as the proposing node last saw it.
    pub issued: Timestamp,
    /// The source's time-out and the slack for the commit.
    pub lease: Duration,
    /// Whether an attribute names the caller. If none does, two callers with the same
    /// password and code look alike, so the grace is one device's retry time only.
    pub caller_named: bool,
    /// When the rule spends the code; `None`: as the client's entry says.
    pub burn_code: Option<BurnCode>,
    /// What a challenge was answered with, where the key is over its State.
    pub answer: Option<AnswerId>,
    /// What was typed as a passcode, hashed with each key that it may have been made with.
    /// None: it can be none, or the rule allows none. Whether it is one the ledger alone
    /// tells.
    pub passcodes: Vec<PasscodeId>,
    /// The rule asks for the account too: the source is asked whether it knows it, alive and
    /// in one of the rule's groups, whatever else is shown.
    pub account: bool,
    /// The rule lets in by the password alone whoever has no token, so often each; 0: it does
    /// not look at tokens.
    pub initial_logins: u32,
}

impl Begin {
    /// Whether it was decided by the user's having no token.
    #[must_use]
    pub const fn minds_tokens(&self) -> bool {
        minds_tokens(self.factors, self.initial_logins)
    }
}

/// Whether a login that shows this is for users without a token alone.
pub(super) const fn minds_tokens(factors: Factors, initial_logins: u32) -> bool {
    matches!(factors, Factors::Forward) || initial_logins > 0
}

/// Makes a passcode. It is sent when this is applied, by its owner.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SendPasscode {
    /// The answer that asks: a repeat of it sends nothing.
    pub key: AttemptKey,
    /// The command's own identity.
    pub owner: Owner,
    /// To whom.
    pub user: UserId,
    /// Through which client.
    pub client: ClientId,
    /// From where it is asked for.
    pub place: PlaceId,
    /// What it was decided by, always the user's record among it: it has the address.
    pub revisions: Revisions,
    /// The passcode, hashed.
    pub hash: PasscodeId,
    /// Entry time as the proposing node last saw it.
    pub issued: Timestamp,
}

/// Records what the password source said (DESIGN §2, table "Settle").
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Settle {
    /// The login.
    pub key: AttemptKey,
    /// The grant that asked.
    pub epoch: Epoch,
    /// What it said.
    pub outcome: SourceOutcome,
    /// What goes on to the device, of a login that was forwarded and is right.
    pub relayed: Option<Carried>,
}

/// What a password source said of one question.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum SourceOutcome {
    /// The password is right, and the account may log in.
    Right,
    /// The password is wrong.
    Wrong,
    /// Refused for another cause; nothing is counted.
    Denied,
    /// It judged nothing: never connected, or it says so itself.
    NotAsked,
    /// Sent, and no answer that tells.
    Unanswered,
}
