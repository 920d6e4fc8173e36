//! Commands and entries to octets and back. Parsing is the only check of form: what it
//! lets through fits every bound.

mod passcode;
mod settle;

use std::array::TryFromSliceError;
use std::time::Duration;

use prost::Message;

use super::{Begin, BurnCode, Command, Entry, Factors, Match, Revisions, storage};
use crate::base::limits::{INITIAL_LOGINS_MAX, LEASE_MAX, MATCHES_MAX, PASSCODE_HASHES_MAX};
use crate::base::{
    AnswerId, AttemptKey, Boot, ClientId, Epoch, NodeId, Owner, PasscodeId, PlaceId, Timestamp,
    TokenId, UserId,
};

/// Why a command cannot be read.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum CommandError {
    /// It names no kind that this binary knows.
    #[error("of no known kind")]
    Kind,
    /// The octets are no command.
    #[error("cannot be decoded")]
    Octets(#[source] prost::DecodeError),
    /// A field is missing, of the wrong length or out of its bounds.
    #[error("{0} is missing or out of bounds")]
    Field(&'static str),
    /// The entry is of a cluster version that was never spoken.
    #[error("entry of cluster version {0}, which does not exist")]
    Version(u32),
    /// As the leader says, to whom it was sent.
    #[error("{0}")]
    Told(String),
}

impl Entry {
    /// The octets for the log.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        storage::Entry {
            version: self.version,
            at: self.at.as_millis(),
            proposer: self.proposer.0.into(),
            commands: self.commands.iter().map(Into::into).collect(),
        }
        .encode_to_vec()
    }

    /// Reads an entry of the log. A command that cannot be read becomes
    /// [`Command::Unreadable`]; the others still count.
    ///
    /// # Errors
    /// When the entry as a whole is not what [`Self::encode`] writes.
    pub fn decode(octets: &[u8]) -> Result<Self, CommandError> {
        let entry = storage::Entry::decode(octets).map_err(CommandError::Octets)?;
        let commands = entry.commands.into_iter();
        Ok(Self {
            version: entry.version,
            at: Timestamp::from_millis(entry.at),
            proposer: node(entry.proposer)?,
            commands: commands
                .map(|command| Command::try_from(command).unwrap_or_else(Command::Unreadable))
                .collect(),
        })
    }
}

impl Command {
    /// The octets, for the way to the leader.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        storage::Command::from(self).encode_to_vec()
    }

    /// Reads one command.
    ///
    /// # Errors
    /// When it is not well formed.
    pub fn decode(octets: &[u8]) -> Result<Self, CommandError> {
        storage::Command::decode(octets)
            .map_err(CommandError::Octets)?
            .try_into()
    }
}

impl From<&Command> for storage::Command {
    fn from(command: &Command) -> Self {
        use storage::command::Kind;
        let kind = match command {
            Command::Begin(begin) => Some(Kind::Begin(begin.into())),
            Command::Settle(settle) => Some(Kind::Settle(settle.into())),
            Command::SendPasscode(send) => Some(Kind::SendPasscode((&**send).into())),
            Command::Change(change) => Some(Kind::Change((**change).clone())),
            Command::Unreadable(_) => None,
        };
        Self { kind }
    }
}

impl TryFrom<storage::Command> for Command {
    type Error = CommandError;

    fn try_from(command: storage::Command) -> Result<Self, CommandError> {
        use storage::command::Kind;
        match command.kind.ok_or(CommandError::Kind)? {
            Kind::Begin(begin) => begin.try_into().map(Self::Begin),
            Kind::Settle(settle) => settle.try_into().map(Self::Settle),
            Kind::SendPasscode(send) => Ok(Self::SendPasscode(Box::new(send.try_into()?))),
            Kind::Change(change) => Ok(Self::Change(Box::new(change))),
        }
    }
}

impl From<&Begin> for storage::Begin {
    fn from(begin: &Begin) -> Self {
        Self {
            key: begin.key.0.to_vec(),
            prev: Some(begin.prev.into()),
            owner: Some(begin.owner.into()),
            user: begin.user.0,
            client: begin.client.0,
            place: begin.place.0.to_vec(),
            matches: begin.matches.iter().copied().map(Into::into).collect(),
            revisions: Some(begin.revisions.into()),
            factors: storage::Factors::from(begin.factors).into(),
            issued: begin.issued.as_millis(),
            lease: millis(begin.lease),
            caller_named: begin.caller_named,
            burn_code: burn_code_stored(begin.burn_code).into(),
            answer: answer_stored(begin.answer),
            passcodes: begin.passcodes.iter().map(|hash| hash.0.to_vec()).collect(),
            account: begin.account,
            initial_logins: begin.initial_logins,
        }
    }
}

impl TryFrom<storage::Begin> for Begin {
    type Error = CommandError;

    fn try_from(begin: storage::Begin) -> Result<Self, CommandError> {
        let lease = Duration::from_millis(begin.lease.into());
        if lease > LEASE_MAX {
            return Err(CommandError::Field("lease"));
        }
        if begin.matches.len() > MATCHES_MAX {
            return Err(CommandError::Field("matches"));
        }
        let factors = Factors::try_from(begin.factors())?;
        if factors.is_whole() && !begin.matches.is_empty() {
            return Err(CommandError::Field("matches"));
        }
        // It would be let in before anyone has looked.
        if factors == Factors::Code && begin.account {
            return Err(CommandError::Field("account"));
        }
        let most = if factors == Factors::Password {
            INITIAL_LOGINS_MAX
        } else {
            0
        };
        if begin.initial_logins > most {
            return Err(CommandError::Field("initial_logins"));
        }
        let burn_code = storage::BurnCode::try_from(begin.burn_code);
        let burn_code = burn_code.map_err(|_| CommandError::Field("burn_code"))?;
        let most = if factors.is_whole() {
            0
        } else {
            PASSCODE_HASHES_MAX
        };
        if begin.passcodes.len() > most {
            return Err(CommandError::Field("passcodes"));
        }
        let passcodes = begin.passcodes.iter().map(|hash| passcode(hash));
        let revisions = begin.revisions.ok_or(CommandError::Field("revisions"))?;
        Ok(Self {
            key: key(&begin.key)?,
            prev: begin.prev.map(Into::into).unwrap_or_default(),
            owner: begin
                .owner
                .ok_or(CommandError::Field("owner"))?
                .try_into()?,
            user: UserId(begin.user),
            client: ClientId(begin.client),
            place: PlaceId::try_from(&*begin.place).map_err(|_| CommandError::Field("place"))?,
            factors,
            matches: begin.matches.into_iter().map(Into::into).collect(),
            revisions: revisions.into(),
            issued: Timestamp::from_millis(begin.issued),
            lease,
            caller_named: begin.caller_named,
            burn_code: self::burn_code(burn_code),
            answer: answer(&begin.answer).map_err(|_| CommandError::Field("answer"))?,
            passcodes: passcodes.collect::<Result<_, _>>()?,
            account: begin.account,
            initial_logins: begin.initial_logins,
        })
    }
}

impl From<Revisions> for storage::Revisions {
    fn from(revisions: Revisions) -> Self {
        Self {
            client: revisions.client,
            rules: revisions.rules,
            settings: revisions.settings,
            user: revisions.user,
        }
    }
}

impl From<storage::Revisions> for Revisions {
    fn from(revisions: storage::Revisions) -> Self {
        Self {
            client: revisions.client,
            rules: revisions.rules,
            settings: revisions.settings,
            user: revisions.user,
        }
    }
}

/// As a rule or a Begin has it; `None`: unspecified.
pub(in crate::ledger) const fn burn_code(stored: storage::BurnCode) -> Option<BurnCode> {
    match stored {
        storage::BurnCode::Unspecified => None,
        storage::BurnCode::OnAccept => Some(BurnCode::OnAccept),
        storage::BurnCode::OnMatch => Some(BurnCode::OnMatch),
    }
}

const fn burn_code_stored(burn_code: Option<BurnCode>) -> storage::BurnCode {
    match burn_code {
        None => storage::BurnCode::Unspecified,
        Some(BurnCode::OnAccept) => storage::BurnCode::OnAccept,
        Some(BurnCode::OnMatch) => storage::BurnCode::OnMatch,
    }
}

impl From<Match> for storage::Match {
    fn from(matched: Match) -> Self {
        Self {
            token: matched.token.0,
            generation: matched.generation,
            step: matched.step,
            offset: matched.offset,
        }
    }
}

impl From<storage::Match> for Match {
    fn from(matched: storage::Match) -> Self {
        Self {
            token: TokenId(matched.token),
            generation: matched.generation,
            step: matched.step,
            offset: matched.offset,
        }
    }
}

impl From<Factors> for storage::Factors {
    fn from(factors: Factors) -> Self {
        match factors {
            Factors::PasswordAndCode => Self::PasswordAndCode,
            Factors::Code => Self::Code,
            Factors::CodeAndAccount => Self::CodeAndAccount,
            Factors::Password => Self::Password,
            Factors::Forward => Self::Forward,
        }
    }
}

impl TryFrom<storage::Factors> for Factors {
    type Error = CommandError;

    fn try_from(factors: storage::Factors) -> Result<Self, CommandError> {
        match factors {
            storage::Factors::PasswordAndCode => Ok(Self::PasswordAndCode),
            storage::Factors::Code => Ok(Self::Code),
            storage::Factors::CodeAndAccount => Ok(Self::CodeAndAccount),
            storage::Factors::Password => Ok(Self::Password),
            storage::Factors::Forward => Ok(Self::Forward),
            storage::Factors::Unspecified => Err(CommandError::Field("factors")),
        }
    }
}

impl From<Owner> for storage::Owner {
    fn from(owner: Owner) -> Self {
        Self {
            node: owner.node.0.into(),
            boot: owner.boot.0,
            flow: owner.flow,
        }
    }
}

impl TryFrom<storage::Owner> for Owner {
    type Error = CommandError;

    fn try_from(owner: storage::Owner) -> Result<Self, CommandError> {
        Ok(Self {
            node: node(owner.node)?,
            boot: Boot(owner.boot),
            flow: owner.flow,
        })
    }
}

impl From<Epoch> for storage::Epoch {
    fn from(epoch: Epoch) -> Self {
        Self {
            index: epoch.index,
            place: epoch.place,
        }
    }
}

impl From<storage::Epoch> for Epoch {
    fn from(epoch: storage::Epoch) -> Self {
        Self {
            index: epoch.index,
            place: epoch.place,
        }
    }
}

/// As a Begin and an attempt have it; empty: none.
pub(in crate::ledger) fn answer(octets: &[u8]) -> Result<Option<AnswerId>, TryFromSliceError> {
    match octets {
        [] => Ok(None),
        octets => octets.try_into().map(Some),
    }
}

pub(in crate::ledger) fn answer_stored(answer: Option<AnswerId>) -> Vec<u8> {
    answer.map(|answer| answer.0.to_vec()).unwrap_or_default()
}

fn key(octets: &[u8]) -> Result<AttemptKey, CommandError> {
    AttemptKey::try_from(octets).map_err(|_| CommandError::Field("key"))
}

fn passcode(octets: &[u8]) -> Result<PasscodeId, CommandError> {
    PasscodeId::try_from(octets).map_err(|_| CommandError::Field("passcode"))
}

fn node(number: u32) -> Result<NodeId, CommandError> {
    let number = number.try_into();
    number.map(NodeId).map_err(|_| CommandError::Field("node"))
}

/// A span as the messages hold it; a longer one than they can hold is their longest.
pub(in crate::ledger) fn millis(span: Duration) -> u32 {
    span.as_millis().try_into().unwrap_or(u32::MAX)
}
