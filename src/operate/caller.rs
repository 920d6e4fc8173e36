//! Who calls: an operator proven by an API token.
//!
//! Knows hashes of tokens, never stores one. Must not know how a token travels.

use std::net::IpAddr;

use countersign_core::base::{Name, Secret, Timestamp};
use countersign_core::ledger::{Read, StoreError, query, storage};
use data_encoding::BASE32_NOPAD;
use ipnet::IpNet;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::{Action, Operate, OperateError, Role};
use crate::login::Ledger;

/// An operator with the rights of one API token.
#[derive(Clone, Debug)]
pub struct Caller {
    /// Name of the operator.
    pub operator: String,
    /// The lesser of the operator's role and the token's.
    pub role: Role,
    /// The address that the call came from.
    pub source: IpAddr,
    /// SHA-256 of the token. The ledger looks at it again: this node may lag behind.
    pub token: [u8; 32],
}

impl Caller {
    /// Refuses what the caller's role does not allow.
    ///
    /// # Errors
    /// [`OperateError::Forbidden`].
    pub fn may(&self, action: Action) -> Result<(), OperateError> {
        if self.role >= action.least_role() {
            Ok(())
        } else {
            Err(OperateError::Forbidden {
                action,
                role: self.role,
            })
        }
    }

    pub(super) fn actor(&self) -> storage::Actor {
        storage::Actor {
            name: self.operator.clone(),
            source: self.source.to_string(),
            token: self.token.to_vec(),
            role: self.role.stored().into(),
        }
    }
}

/// Why a token proves nobody. The caller is told only that it does not.
#[derive(Debug, thiserror::Error)]
pub enum AuthenticateError {
    /// No token has this hash.
    #[error("unknown API token")]
    Unknown,
    /// Its time is over.
    #[error("API token {name} has expired")]
    Expired {
        /// The token.
        name: String,
    },
    /// It may not be used from there.
    #[error("API token {name} may not be used from {from}")]
    Network {
        /// The token.
        name: String,
        /// Where it was used.
        from: IpAddr,
    },
    /// Its operator is gone, or one of the roles is not known here.
    #[error("API token {name} has no operator or no role")]
    NoRole {
        /// The token.
        name: String,
    },
    /// Reading failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Finds the operator whose API token has this hash. The look-up goes by the hash of 256
/// random bits, so the time it takes tells nothing that helps to find a token.
///
/// # Errors
/// Why it proves nobody.
fn authenticate(
    tables: &impl Read,
    hash: [u8; 32],
    source: IpAddr,
    now: Timestamp,
) -> Result<Caller, AuthenticateError> {
    let stored = query::api_token(tables, &hash)?;
    let stored = stored
        .filter(|stored| stored.hash.ct_eq(&hash).into())
        .ok_or(AuthenticateError::Unknown)?;
    let name = stored.name.clone();
    if stored.expires != 0 && now.as_millis() >= stored.expires {
        return Err(AuthenticateError::Expired { name });
    }
    if !from_allowed_network(&stored.networks, source) {
        let from = source;
        return Err(AuthenticateError::Network { name, from });
    }
    let operator = Name::fold(&stored.operator).ok();
    let operator = operator.map(|name| query::operator(tables, &name));
    let of_operator = operator.transpose()?.flatten();
    let of_operator = of_operator.and_then(|operator| Role::of(operator.role()));
    let roles = of_operator.zip(Role::of(stored.role()));
    let (of_operator, of_token) = roles.ok_or(AuthenticateError::NoRole { name })?;
    Ok(Caller {
        operator: stored.operator,
        role: of_operator.min(of_token),
        source,
        token: hash,
    })
}

impl<L: Ledger> Operate<L> {
    /// Finds the operator whose API token this is.
    ///
    /// # Errors
    /// Why it proves nobody.
    pub fn caller(&self, token: &Secret, source: IpAddr) -> Result<Caller, AuthenticateError> {
        authenticate(&self.ledger.view(), hash(token), source, self.now())
    }

    /// The same caller as of now: a token is revoked, ends or loses rights while what it was
    /// shown for still goes on.
    ///
    /// # Errors
    /// Why it proves nobody any more.
    pub fn renewed(&self, caller: &Caller) -> Result<Caller, AuthenticateError> {
        authenticate(&self.ledger.view(), caller.token, caller.source, self.now())
    }
}

/// No networks: from anywhere. One that cannot be read allows nothing.
fn from_allowed_network(networks: &[String], source: IpAddr) -> bool {
    let source = source.to_canonical();
    networks.is_empty()
        || networks
            .iter()
            .filter_map(|network| network.parse::<IpNet>().ok())
            .any(|network| network.contains(&source))
}

/// What is stored of a token. It has 256 random bits, so a plain hash cannot be guessed.
pub(super) fn hash(token: &Secret) -> [u8; 32] {
    Sha256::digest(token.expose()).into()
}

/// How a token is written: a prefix by which scanners for leaked secrets know it.
pub(super) fn written(octets: &[u8; 32]) -> Secret {
    let text = format!("{TOKEN_PREFIX}{}", BASE32_NOPAD.encode(octets));
    Secret::from(text)
}

/// Whether a text has the form that [`written`] gives, and so may have 256 random bits.
pub(super) fn is_written(token: &Secret) -> bool {
    token
        .expose()
        .strip_prefix(TOKEN_PREFIX.as_bytes())
        .and_then(|text| BASE32_NOPAD.decode(text).ok())
        .is_some_and(|octets| octets.len() == 32)
}

const TOKEN_PREFIX: &str = "cst_";
