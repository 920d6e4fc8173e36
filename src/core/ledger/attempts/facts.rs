//! What a login needs to know of its client, user and tokens. Only these fields are
//! decoded: the records hold names and sealed secrets that every login would copy.

use std::time::Duration;

use super::attempt::Attempt;
use crate::base::limits::{
    ATTEMPT_KEEP_MAX, COMMAND_LIFE, GRACE_SLACK, REVALIDATION_MAX, STATE_KEEP,
};
use crate::base::{ClientId, TokenId, UserId};
use crate::ledger::command::burn_code;
use crate::ledger::query::{self, record};
use crate::ledger::table::{Read, StoreError, Table};
use crate::ledger::{BurnCode, Match, storage};

/// Fields of [`storage::Client`], by its numbers.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct ClientFacts {
    #[prost(uint32, tag = "7")]
    timeout: u32,
    #[prost(uint32, tag = "8")]
    tries: u32,
    #[prost(uint32, tag = "9")]
    servers: u32,
    #[prost(uint32, tag = "10")]
    retry_grace: u32,
    #[prost(bool, tag = "11")]
    strict_grace: bool,
    #[prost(int32, tag = "13")]
    burn_code: i32,
    #[prost(uint64, tag = "15")]
    pub(super) revision: u64,
    #[prost(uint32, tag = "16")]
    revalidation: u32,
}

/// Fields of [`storage::User`], by its numbers.
#[derive(Clone, PartialEq, prost::Message)]
struct UserFacts {
    #[prost(enumeration = "storage::UserStatus", tag = "6")]
    status: i32,
    #[prost(uint64, tag = "7")]
    revision: u64,
    #[prost(message, optional, tag = "11")]
    synced: Option<SyncedFacts>,
}

/// The same of what few logins look at.
#[derive(Clone, PartialEq, prost::Message)]
struct UserTokens {
    #[prost(fixed64, repeated, tag = "9")]
    tokens: Vec<u64>,
}

/// Fields of [`storage::SyncedFacts`], by its numbers.
#[derive(Clone, Copy, PartialEq, prost::Message)]
struct SyncedFacts {
    #[prost(bool, tag = "2")]
    disabled: bool,
    #[prost(bool, tag = "5")]
    gone: bool,
}

/// Fields of [`storage::Token`], by its numbers.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct TokenFacts {
    #[prost(uint64, tag = "2")]
    owner: u64,
    #[prost(enumeration = "storage::TokenState", tag = "9")]
    state: i32,
    #[prost(uint64, tag = "10")]
    generation: u64,
}

impl ClientFacts {
    pub(super) fn load(tables: &impl Read, client: ClientId) -> Result<Option<Self>, StoreError> {
        record(tables, Table::Clients, &client.0.to_be_bytes())
    }

    /// When a code is spent, where the rule does not say.
    pub(super) fn burn_code(&self) -> BurnCode {
        let stored = storage::BurnCode::try_from(self.burn_code).unwrap_or_default();
        burn_code(stored).unwrap_or(BurnCode::OnAccept)
    }

    /// How long after an accepted login another packet is still part of it. Where nothing
    /// names the caller there are retries alone: somebody else who has seen the code would
    /// look alike.
    pub(super) fn grace(&self, caller_named: bool) -> Duration {
        let retry = self.retry_grace(caller_named);
        if self.strict_grace || !caller_named {
            return retry;
        }
        let revalidation = Duration::from_millis(self.revalidation.into());
        retry.max(revalidation.min(REVALIDATION_MAX))
    }

    /// How long after an accepted login the device may still come with its retries.
    pub(super) fn retry_grace(&self, caller_named: bool) -> Duration {
        if self.strict_grace {
            return Duration::ZERO;
        }
        let device = or(self.timeout, TIMEOUT_MILLIS).saturating_mul(or(self.tries, TRIES));
        let one_device = Duration::from_millis(device.into());
        let computed = one_device
            .saturating_mul(or(self.servers, SERVERS))
            .saturating_add(GRACE_SLACK);
        let grace = match self.retry_grace {
            0 => computed,
            millis => Duration::from_millis(millis.into()),
        };
        let longest = if caller_named {
            ATTEMPT_KEEP_MAX
        } else {
            ATTEMPT_KEEP_MAX.min(one_device)
        };
        grace.min(longest)
    }
}

impl TokenFacts {
    pub(super) fn load(tables: &impl Read, token: TokenId) -> Result<Option<Self>, StoreError> {
        record(tables, Table::Tokens, &token.0.to_be_bytes())
    }

    /// Whether the match was made with this user's present seed.
    pub(super) const fn fits(&self, user: UserId, step: &Match) -> bool {
        self.owner == user.0 && self.generation == step.generation
    }

    pub(super) fn is_active(&self) -> bool {
        self.state() == storage::TokenState::Active
    }
}

/// The revision of the client's entry.
pub(in crate::ledger) fn client_revision(
    tables: &impl Read,
    client: ClientId,
) -> Result<Option<u64>, StoreError> {
    let client = ClientFacts::load(tables, client)?;
    Ok(client.map(|client| client.revision))
}

/// The revision of the user's record; 0: there is none.
pub(in crate::ledger) fn user_revision(
    tables: &impl Read,
    user: UserId,
) -> Result<u64, StoreError> {
    let user: Option<UserFacts> = record(tables, Table::Users, &user.0.to_be_bytes())?;
    Ok(user.map_or(0, |user| user.revision))
}

/// Whether the user may log in at all. A deleted one may not, nor one whose account is
/// disabled or gone in its directory, whatever operators say.
pub(in crate::ledger) fn is_active(tables: &impl Read, user: UserId) -> Result<bool, StoreError> {
    let user: Option<UserFacts> = record(tables, Table::Users, &user.0.to_be_bytes())?;
    Ok(user.is_some_and(|user| {
        let refused = user.synced.is_some_and(|it| it.disabled || it.gone);
        user.status() == storage::UserStatus::Active && !refused
    }))
}

/// Whether the user has a token in any state but pending: who has lost one, or had it disabled,
/// is let in by no rule for users without.
pub(super) fn has_token(tables: &impl Read, user: UserId) -> Result<bool, StoreError> {
    let user: Option<UserTokens> = record(tables, Table::Users, &user.0.to_be_bytes())?;
    query::has_token(tables, &user.unwrap_or_default().tokens)
}

/// Whether the attempt's user, tokens and seeds are all still good, and the user still without
/// a token where it is for such users alone.
pub(super) fn is_attempt_good(tables: &impl Read, it: &Attempt) -> Result<bool, StoreError> {
    if it.minds_tokens() && has_token(tables, it.user)? {
        return Ok(false);
    }
    is_good(tables, it.client, it.user, &it.matches)
}

/// Whether user, tokens and seeds are all still those that the matches were made with.
/// A client that is gone lets nobody in either (DESIGN §1, I5).
pub(super) fn is_good(
    tables: &impl Read,
    client: ClientId,
    user: UserId,
    matches: &[Match],
) -> Result<bool, StoreError> {
    if !is_active(tables, user)? || ClientFacts::load(tables, client)?.is_none() {
        return Ok(false);
    }
    for step in matches {
        let token = TokenFacts::load(tables, step.token)?;
        if !token.is_some_and(|token| token.fits(user, step) && token.is_active()) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// How long a record with this grace answers: never less than a command lives, and where
/// it is of a State, as long as that can be shown again.
pub(super) fn keep(grace: Duration, of_state: bool) -> Duration {
    let least = if of_state { STATE_KEEP } else { COMMAND_LIFE };
    grace.max(least).min(ATTEMPT_KEEP_MAX)
}

const fn or(value: u32, default: u32) -> u32 {
    if value == 0 { default } else { value }
}

/// What a device does where its client entry does not tell.
const TIMEOUT_MILLIS: u32 = 3_000;
const TRIES: u32 = 3;
const SERVERS: u32 = 2;
