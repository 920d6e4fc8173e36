//! The replicated record of one login.

use std::time::Duration;

use prost::Message;

use crate::base::limits::COMMAND_LIFE;
use crate::base::{AnswerId, AttemptKey, ClientId, Epoch, Owner, PlaceId, Timestamp, UserId};
use crate::ledger::command::{answer, answer_stored, millis, minds_tokens};
use crate::ledger::table::{StoreError, Table};
use crate::ledger::{Carried, Factors, Match, Verdict, storage};

/// One login, as DESIGN §2 has it under "State".
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Attempt {
    /// Whose login.
    pub user: UserId,
    /// Through which client.
    pub client: ClientId,
    /// From where.
    pub place: PlaceId,
    /// The steps that its code stands for. While it is in flight nobody else gets them.
    pub matches: Vec<Match>,
    /// Who was granted it last, or settled it at once.
    pub owner: Owner,
    /// When that was.
    pub epoch: Epoch,
    /// What it had to show.
    pub factors: Factors,
    /// How long after its settling another packet is still part of an accepted login, as
    /// a retry or by the client's re-validation. Fixed when the record is made.
    pub grace: Duration,
    /// How long after any other end it answers. Fixed when the record is made.
    pub keep: Duration,
    /// What the challenge was answered with, where the key is over its State.
    pub answer: Option<AnswerId>,
    /// Which of the user's passcodes was typed; 0: none, its code is of a token.
    pub passcode: u64,
    /// Whether its last grant is for a question about the account as well.
    pub account: bool,
    /// How many logins without a token its rule allows each user; 0: it does not look at
    /// tokens.
    pub initial_logins: u32,
    /// What its Accept carries of what others said, where it was let in.
    pub relayed: Option<Carried>,
    /// How far it has come.
    pub state: State,
}

/// How far an attempt has come.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum State {
    /// Its owner may ask the source.
    InFlight {
        /// End of the lease.
        until: Timestamp,
    },
    /// Nobody has it in hand, and there is no verdict.
    Open {
        /// Since when.
        at: Timestamp,
    },
    /// It is over.
    Settled {
        /// How it ended.
        verdict: Verdict,
        /// When.
        at: Timestamp,
    },
}

impl Attempt {
    /// When it ended, or will if nothing comes.
    #[must_use]
    pub const fn end(&self) -> Timestamp {
        match self.state {
            State::InFlight { until } => until,
            State::Open { at } | State::Settled { at, .. } => at,
        }
    }

    /// Whether it still waits for a verdict.
    #[must_use]
    pub const fn is_live(&self) -> bool {
        matches!(self.state, State::InFlight { .. } | State::Open { .. })
    }

    /// Whether the source was or will be asked about its account, too.
    pub(super) const fn knows_account(&self) -> bool {
        self.account || matches!(self.factors, Factors::CodeAndAccount)
    }

    /// Whether it is for a user without a token alone.
    pub(super) const fn minds_tokens(&self) -> bool {
        minds_tokens(self.factors, self.initial_logins)
    }

    /// What is told once more of a login that was accepted; with what its Accept carries.
    /// `None`: what an old server said is lost, and nobody is let in without it.
    #[expect(clippy::option_option, reason = "told, and what with")]
    pub(super) fn accepted_again(&self) -> Option<Option<Carried>> {
        match self.factors {
            Factors::Forward => self.relayed.clone().map(Some),
            Factors::PasswordAndCode
            | Factors::Code
            | Factors::CodeAndAccount
            | Factors::Password => Some(self.relayed.clone()),
        }
    }

    /// How long after its end it answers. Re-validation is of accepted logins alone: a
    /// record that is open must not hold a code any longer for it.
    pub(super) fn kept(&self) -> Duration {
        match self.state {
            State::Settled {
                verdict: Verdict::Accepted,
                ..
            } => self.keep.max(self.grace),
            State::InFlight { .. } | State::Open { .. } | State::Settled { .. } => self.keep,
        }
    }

    /// Whether a command issued then is past all retries, so that only its client's
    /// re-validation makes it part of the login.
    #[must_use]
    pub fn revalidates(&self, issued: Timestamp) -> bool {
        match self.state {
            State::Settled {
                verdict: Verdict::Accepted,
                at,
            } => issued > at.plus(self.keep),
            State::InFlight { .. } | State::Open { .. } | State::Settled { .. } => false,
        }
    }

    /// Whether it answers a command issued then.
    #[must_use]
    pub fn answers(&self, issued: Timestamp) -> bool {
        issued <= self.end().plus(self.kept())
    }

    /// Whether it is still stored: a command issued while it answers may arrive this late.
    pub(super) fn is_stored(&self, now: Timestamp) -> bool {
        now <= self.end().plus(self.kept()).plus(COMMAND_LIFE)
    }

    /// As it stands at `now`: a lease that has ended leaves it open. The key becomes
    /// unsure at the same time, which the user's strict budget sees to on its own.
    pub(super) fn seen_at(mut self, now: Timestamp) -> Self {
        if let State::InFlight { until } = self.state
            && until <= now
        {
            self.state = State::Open { at: until };
        }
        self
    }

    /// Whether it claims this step now.
    pub(super) fn claims(&self, step: &Match) -> bool {
        let same = |own: &Match| {
            (own.token, own.generation, own.step) == (step.token, step.generation, step.step)
        };
        matches!(self.state, State::InFlight { .. }) && self.matches.iter().any(same)
    }

    /// Whether it claims this passcode of its user now.
    pub(super) const fn claims_passcode(&self, number: u64) -> bool {
        number != 0 && self.passcode == number && matches!(self.state, State::InFlight { .. })
    }

    /// The octets of the record.
    pub(super) fn encode(&self) -> Vec<u8> {
        use storage::attempt::State as Stored;
        let state = match self.state {
            State::InFlight { until } => Stored::InFlightUntil(until.as_millis()),
            State::Open { at } => Stored::OpenAt(at.as_millis()),
            State::Settled { verdict, at } => Stored::Settled(storage::attempt::Settled {
                verdict: storage::Verdict::from(verdict).into(),
                at: at.as_millis(),
            }),
        };
        storage::Attempt {
            user: self.user.0,
            client: self.client.0,
            place: self.place.0.to_vec(),
            matches: self.matches.iter().copied().map(Into::into).collect(),
            owner: Some(self.owner.into()),
            epoch: Some(self.epoch.into()),
            factors: storage::Factors::from(self.factors).into(),
            grace: millis(self.grace),
            keep: millis(self.keep),
            answer: answer_stored(self.answer),
            passcode: self.passcode,
            account: self.account,
            initial_logins: self.initial_logins,
            relayed: self.relayed.as_ref().map(Into::into),
            state: Some(state),
        }
        .encode_to_vec()
    }

    /// Reads the record.
    ///
    /// # Errors
    /// When the octets are not what [`Self::encode`] writes.
    pub(super) fn decode(octets: &[u8]) -> Result<Self, StoreError> {
        let stored = storage::Attempt::decode(octets)
            .map_err(|e| StoreError::Corrupt(Table::Attempts, e))?;
        Self::try_from(stored).map_err(|what| StoreError::Contradiction(Table::Attempts, what))
    }
}

impl TryFrom<storage::Attempt> for Attempt {
    type Error = &'static str;

    fn try_from(stored: storage::Attempt) -> Result<Self, &'static str> {
        let factors = stored.factors().try_into().map_err(|_| "no factors")?;
        let relayed = stored.relayed.as_ref().map(Carried::try_from).transpose();
        Ok(Self {
            user: UserId(stored.user),
            client: ClientId(stored.client),
            place: PlaceId::try_from(&*stored.place).map_err(|_| "place of a wrong length")?,
            matches: stored.matches.into_iter().map(Into::into).collect(),
            owner: stored
                .owner
                .ok_or("no owner")?
                .try_into()
                .map_err(|_| "no such owner")?,
            epoch: stored.epoch.ok_or("no epoch")?.into(),
            factors,
            grace: Duration::from_millis(stored.grace.into()),
            keep: Duration::from_millis(stored.keep.into()),
            answer: answer(&stored.answer).map_err(|_| "answer of a wrong length")?,
            passcode: stored.passcode,
            account: stored.account,
            initial_logins: stored.initial_logins,
            relayed: relayed.map_err(|_| "nothing that an Accept carries")?,
            state: stored.state.ok_or("no state")?.try_into()?,
        })
    }
}

impl TryFrom<storage::attempt::State> for State {
    type Error = &'static str;

    fn try_from(stored: storage::attempt::State) -> Result<Self, &'static str> {
        use storage::attempt::State as Stored;
        Ok(match stored {
            Stored::InFlightUntil(until) => Self::InFlight {
                until: Timestamp::from_millis(until),
            },
            Stored::OpenAt(at) => Self::Open {
                at: Timestamp::from_millis(at),
            },
            Stored::Settled(settled) => Self::Settled {
                verdict: settled.verdict().try_into()?,
                at: Timestamp::from_millis(settled.at),
            },
        })
    }
}

impl From<Verdict> for storage::Verdict {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Accepted => Self::Accepted,
            Verdict::WrongPassword => Self::WrongPassword,
            Verdict::WrongCode => Self::WrongCode,
            Verdict::Denied => Self::Denied,
            Verdict::Revoked => Self::Revoked,
        }
    }
}

impl TryFrom<storage::Verdict> for Verdict {
    type Error = &'static str;

    fn try_from(stored: storage::Verdict) -> Result<Self, &'static str> {
        match stored {
            storage::Verdict::Accepted => Ok(Self::Accepted),
            storage::Verdict::WrongPassword => Ok(Self::WrongPassword),
            storage::Verdict::WrongCode => Ok(Self::WrongCode),
            storage::Verdict::Denied => Ok(Self::Denied),
            storage::Verdict::Revoked => Ok(Self::Revoked),
            storage::Verdict::Unspecified => Err("no verdict"),
        }
    }
}

/// Where an attempt's record is kept: the generation of its end, then its key, so that
/// what is over is dropped by one range.
pub(super) fn record_key(generation: u64, key: &AttemptKey) -> [u8; 40] {
    let mut octets = [0; 40];
    let parts = generation.to_be_bytes().into_iter().chain(key.0);
    for (to, from) in octets.iter_mut().zip(parts) {
        *to = from;
    }
    octets
}
