//! Typed reads of the tables: by `apply`, by the login's local look, by listings.
//!
//! Every listing is bounded: a page of at most [`PAGE_RECORDS_MAX`], or a table whose
//! size `apply` bounds. Ids are written with the greatest octet first, so that tables are
//! in order of ids. Must not know: who may read what.

use std::ops::ControlFlow;

use prost::Message;

use super::limits::Limits;
use super::storage;
use super::synced;
use super::table::{Read, StoreError, Table};
use crate::base::limits::{
    API_TOKENS_MAX, CLIENTS_MAX, KEYS_MAX, MEMBERS_MAX, OPERATORS_MAX, PAGE_RECORDS_MAX,
};
use crate::base::{ClientId, KeyId, Name, Timestamp, TokenId, UserId};

/// A token of a user, with what was spent of it.
#[derive(Clone, Debug, PartialEq)]
pub struct OwnedToken {
    /// The token.
    pub token: storage::Token,
    /// Its counter.
    pub counter: storage::Counter,
}

/// Reads and decodes the record under `key`.
///
/// # Errors
/// When the store cannot be read or the record is not what was written.
pub fn record<M: Message + Default>(
    tables: &impl Read,
    table: Table,
    key: &[u8],
) -> Result<Option<M>, StoreError> {
    let Some(octets) = tables.get(table, key)? else {
        return Ok(None);
    };
    decode(table, &octets).map(Some)
}

/// The head record; the default before the founding.
///
/// # Errors
/// As [`record`].
pub fn head(tables: &impl Read) -> Result<storage::Head, StoreError> {
    record(tables, Table::Head, &[]).map(Option::unwrap_or_default)
}

/// The user with this id.
///
/// # Errors
/// As [`record`].
pub fn user(tables: &impl Read, id: UserId) -> Result<Option<storage::User>, StoreError> {
    record(tables, Table::Users, &id.0.to_be_bytes())
}

/// Whose name or alias this is.
///
/// # Errors
/// As [`record`].
pub fn user_id_by_name(tables: &impl Read, name: &Name) -> Result<Option<UserId>, StoreError> {
    let id = number(tables, Table::Names, name.as_str().as_bytes())?;
    Ok(id.map(UserId))
}

/// The user who has the first of these names that anybody has; see [`Name::candidates`].
///
/// # Errors
/// As [`record`].
pub fn user_by_names(
    tables: &impl Read,
    names: &[Name],
) -> Result<Option<storage::User>, StoreError> {
    for name in names {
        if let Some(id) = user_id_by_name(tables, name)? {
            return user(tables, id);
        }
    }
    Ok(None)
}

/// At most `limit` users with ids above `after`, in order of ids.
///
/// # Errors
/// As [`record`].
pub fn users(
    tables: &impl Read,
    after: UserId,
    limit: usize,
) -> Result<Vec<storage::User>, StoreError> {
    page_above(tables, Table::Users, after.0, limit)
}

/// The token with this id.
///
/// # Errors
/// As [`record`].
pub fn token(tables: &impl Read, id: TokenId) -> Result<Option<storage::Token>, StoreError> {
    record(tables, Table::Tokens, &id.0.to_be_bytes())
}

/// What was spent of a token; nothing where it is not known.
///
/// # Errors
/// As [`record`].
pub fn counter(tables: &impl Read, id: TokenId) -> Result<storage::Counter, StoreError> {
    record(tables, Table::Counters, &id.0.to_be_bytes()).map(Option::unwrap_or_default)
}

/// The token with this serial number, whatever the case of its letters.
///
/// # Errors
/// As [`record`].
pub fn token_by_serial(
    tables: &impl Read,
    serial: &str,
) -> Result<Option<storage::Token>, StoreError> {
    match number(tables, Table::Serials, &serial_key(serial))? {
        Some(id) => token(tables, TokenId(id)),
        None => Ok(None),
    }
}

/// At most `limit` tokens with ids above `after`, in order of ids, owned or not.
///
/// # Errors
/// As [`record`].
pub fn tokens(
    tables: &impl Read,
    after: TokenId,
    limit: usize,
) -> Result<Vec<storage::Token>, StoreError> {
    page_above(tables, Table::Tokens, after.0, limit)
}

/// The ids of a user's tokens, ascending.
///
/// # Errors
/// As [`record`].
pub fn token_ids_of(tables: &impl Read, owner: UserId) -> Result<Vec<TokenId>, StoreError> {
    let user = user(tables, owner)?.unwrap_or_default();
    Ok(user.tokens.into_iter().map(TokenId).collect())
}

/// A user's tokens in every state, with their counters.
///
/// # Errors
/// As [`record`].
pub fn tokens_of(tables: &impl Read, owner: UserId) -> Result<Vec<OwnedToken>, StoreError> {
    owned_tokens(tables, owner, &token_ids_of(tables, owner)?)
}

/// The tokens with these ids that are the user's, with their counters. Where each read sees
/// the latest, a token may have left the user since its id was read.
///
/// # Errors
/// As [`record`].
pub fn owned_tokens(
    tables: &impl Read,
    owner: UserId,
    ids: &[TokenId],
) -> Result<Vec<OwnedToken>, StoreError> {
    let mut owned = Vec::with_capacity(ids.len());
    for &id in ids {
        let token = token(tables, id)?;
        if let Some(token) = token.filter(|token| token.owner == owner.0) {
            let counter = counter(tables, id)?;
            owned.push(OwnedToken { token, counter });
        }
    }
    Ok(owned)
}

/// Whether one of these tokens of a user was ever proven: it is not pending. One that is gone
/// meanwhile counts, since nobody can tell.
///
/// # Errors
/// As [`record`].
pub fn has_token(tables: &impl Read, tokens: &[u64]) -> Result<bool, StoreError> {
    for &id in tokens {
        let token = token(tables, TokenId(id))?;
        let is_pending = |token: storage::Token| token.state() == storage::TokenState::Pending;
        if !token.is_some_and(is_pending) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The client with this id.
///
/// # Errors
/// As [`record`].
pub fn client(tables: &impl Read, id: ClientId) -> Result<Option<storage::Client>, StoreError> {
    record(tables, Table::Clients, &id.0.to_be_bytes())
}

/// Every client, at most [`CLIENTS_MAX`].
///
/// # Errors
/// As [`record`].
pub fn clients(tables: &impl Read) -> Result<Vec<storage::Client>, StoreError> {
    listing(tables, Table::Clients, &[], CLIENTS_MAX)
}

/// The settings; the default before the founding.
///
/// # Errors
/// As [`record`].
pub fn settings(tables: &impl Read) -> Result<storage::Settings, StoreError> {
    record(tables, Table::Settings, &[]).map(Option::unwrap_or_default)
}

/// Until when the settings or rules in force must be confirmed; `None`: they are for good.
///
/// # Errors
/// As [`record`].
pub fn trial_until(
    tables: &impl Read,
    subject: storage::end_trial::Subject,
) -> Result<Option<Timestamp>, StoreError> {
    let trial = super::change::trial(tables, subject)?;
    Ok(trial.map(|trial| Timestamp::from_millis(trial.until)))
}

/// How the rounds of a source stand; the default before the first.
///
/// # Errors
/// As [`record`].
pub fn sync_state(tables: &impl Read, source: &str) -> Result<storage::SyncState, StoreError> {
    let key = synced::state_key(source);
    record(tables, Table::Settings, &key).map(Option::unwrap_or_default)
}

/// The limits in force.
///
/// # Errors
/// As [`record`]; [`StoreError::Contradiction`] when one is out of its range.
pub fn limits(tables: &impl Read) -> Result<Limits, StoreError> {
    let settings = settings(tables)?;
    Limits::resolve(settings.limits.as_ref())
        .map_err(|_| StoreError::Contradiction(Table::Settings, "a limit is out of its range"))
}

/// The rules; the default before the founding.
///
/// # Errors
/// As [`record`].
pub fn rules(tables: &impl Read) -> Result<storage::Rules, StoreError> {
    record(tables, Table::Rules, &[]).map(Option::unwrap_or_default)
}

/// The operator with this name.
///
/// # Errors
/// As [`record`].
pub fn operator(tables: &impl Read, name: &Name) -> Result<Option<storage::Operator>, StoreError> {
    record(tables, Table::Operators, name.as_str().as_bytes())
}

/// Every operator, at most [`OPERATORS_MAX`].
///
/// # Errors
/// As [`record`].
pub fn operators(tables: &impl Read) -> Result<Vec<storage::Operator>, StoreError> {
    listing(tables, Table::Operators, &[], OPERATORS_MAX)
}

/// The API token whose SHA-256 this is. The caller still checks expiry and networks.
///
/// # Errors
/// As [`record`].
pub fn api_token(tables: &impl Read, hash: &[u8]) -> Result<Option<storage::ApiToken>, StoreError> {
    record(tables, Table::ApiTokens, hash)
}

/// Every API token, at most [`API_TOKENS_MAX`], in order of hashes.
///
/// # Errors
/// As [`record`].
pub fn api_tokens(tables: &impl Read) -> Result<Vec<storage::ApiToken>, StoreError> {
    listing(tables, Table::ApiTokens, &[], API_TOKENS_MAX)
}

/// The key with this id.
///
/// # Errors
/// As [`record`].
pub fn key(tables: &impl Read, id: KeyId) -> Result<Option<storage::Key>, StoreError> {
    record(tables, Table::Keyring, &id.0.to_be_bytes())
}

/// The keyring, at most [`KEYS_MAX`] keys.
///
/// # Errors
/// As [`record`].
pub fn keys(tables: &impl Read) -> Result<Vec<storage::Key>, StoreError> {
    listing(tables, Table::Keyring, &[], KEYS_MAX)
}

/// Every member, removed ones too, at most [`MEMBERS_MAX`].
///
/// # Errors
/// As [`record`].
pub fn members(tables: &impl Read) -> Result<Vec<storage::Member>, StoreError> {
    listing(tables, Table::Members, &[], MEMBERS_MAX)
}

/// At most `limit` audit records from the sequence number `from` on, in order. The one
/// after the last is `Head.audit_next`.
///
/// # Errors
/// As [`record`].
pub fn audit(
    tables: &impl Read,
    from: u64,
    limit: usize,
) -> Result<Vec<storage::Audit>, StoreError> {
    let limit = limit.min(PAGE_RECORDS_MAX);
    listing(tables, Table::Audit, &from.to_be_bytes(), limit)
}

/// The key of a serial number: case does not tell two tokens apart.
pub(super) fn serial_key(serial: &str) -> Vec<u8> {
    serial.to_ascii_lowercase().into_bytes()
}

/// A page of a table whose keys are ids.
fn page_above<M: Message + Default>(
    tables: &impl Read,
    table: Table,
    after: u64,
    limit: usize,
) -> Result<Vec<M>, StoreError> {
    let Some(from) = after.checked_add(1) else {
        return Ok(Vec::new());
    };
    let limit = limit.min(PAGE_RECORDS_MAX);
    listing(tables, table, &from.to_be_bytes(), limit)
}

/// The first `limit` records from `from` on.
fn listing<M: Message + Default>(
    tables: &impl Read,
    table: Table,
    from: &[u8],
    limit: usize,
) -> Result<Vec<M>, StoreError> {
    let mut found = Vec::new();
    if limit == 0 {
        return Ok(Vec::new());
    }
    tables.scan(table, from, &mut |_, octets| {
        found.push(decode(table, octets));
        if found.len() < limit {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(())
        }
    })?;
    found.into_iter().collect()
}

/// An id kept as eight octets in an index.
fn number(tables: &impl Read, table: Table, key: &[u8]) -> Result<Option<u64>, StoreError> {
    let Some(octets) = tables.get(table, key)? else {
        return Ok(None);
    };
    let octets = octets.try_into();
    let octets = octets.map_err(|_| StoreError::Contradiction(table, "an id has eight octets"))?;
    Ok(Some(u64::from_be_bytes(octets)))
}

fn decode<M: Message + Default>(table: Table, octets: &[u8]) -> Result<M, StoreError> {
    M::decode(octets).map_err(|e| StoreError::Corrupt(table, e))
}

/// The octets of a record.
pub(super) fn encoded(message: &impl Message) -> Vec<u8> {
    message.encode_to_vec()
}
