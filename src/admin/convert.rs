//! Values that many messages share.

use countersign_core::base::{RequestId, Secret};
use countersign_core::ledger::storage;
use tonic::Status;

use super::api;
use crate::operate::{Role, TokenShown, UserShown, shown_id};

/// The request id of a call that changes something.
pub(super) fn request_id(octets: &[u8]) -> Result<RequestId, Status> {
    RequestId::try_from(octets)
        .map_err(|_| Status::invalid_argument("request_id: 16 random octets are needed"))
}

/// A secret that may be absent; an empty one is absent.
pub(super) fn secret(text: Option<api::SecretText>) -> Option<Secret> {
    text.filter(|text| !text.value.is_empty())
        .map(|text| Secret::from(text.value))
}

/// A secret that must be there.
pub(super) fn needed(text: Option<api::SecretText>, field: &str) -> Result<Secret, Status> {
    secret(text).ok_or_else(|| Status::invalid_argument(format!("{field}: missing")))
}

/// A secret, told.
pub(super) fn told(secret: &Secret) -> api::SecretText {
    let value = String::from_utf8_lossy(secret.expose()).into_owned();
    api::SecretText { value }
}

/// A page's size: 0 means the default.
pub(super) fn page_size(asked: u32) -> usize {
    match asked {
        0 => PAGE_DEFAULT,
        asked => usize::try_from(asked).unwrap_or(usize::MAX),
    }
}

pub(super) fn done(outcome: &storage::ChangeOutcome) -> api::Done {
    api::Done {
        revision: outcome.revision,
    }
}

pub(super) fn user(shown: UserShown) -> api::User {
    let status = match shown.user.status() {
        storage::UserStatus::Unspecified => api::UserStatus::Unspecified,
        storage::UserStatus::Active => api::UserStatus::Active,
        storage::UserStatus::Disabled => api::UserStatus::Disabled,
    };
    let user = shown.user;
    let forwarded = shown.forwarded.unwrap_or_default();
    let directory_status = directory_status(user.synced.as_ref());
    let synced = user.synced.unwrap_or_default();
    let has_password = !user.password.is_empty();
    api::User {
        id: shown_id(user.id),
        name: user.name,
        aliases: user.aliases,
        contact: user.contact,
        email: user.email,
        phone: user.phone,
        groups: user.groups,
        status: status.into(),
        revision: user.revision,
        created: user.created,
        locked: shown.locked,
        own_password: has_password,
        directory_status: directory_status.into(),
        directory_groups: synced.groups,
        synced_at: synced.at,
        directory_source: synced.source,
        initial_logins: shown.initial_logins,
        forwarded_to: forwarded.server,
        forwarded_at: forwarded.at,
    }
}

const fn directory_status(synced: Option<&storage::SyncedFacts>) -> api::DirectoryStatus {
    match synced {
        None => api::DirectoryStatus::Unspecified,
        Some(facts) if facts.gone => api::DirectoryStatus::Gone,
        Some(facts) if facts.disabled => api::DirectoryStatus::Disabled,
        Some(_) => api::DirectoryStatus::Active,
    }
}

pub(super) fn token(shown: TokenShown) -> api::Token {
    let algorithm = match shown.token.algorithm() {
        storage::TokenAlgorithm::Unspecified => api::TokenAlgorithm::Unspecified,
        storage::TokenAlgorithm::Sha1 => api::TokenAlgorithm::Sha1,
        storage::TokenAlgorithm::Sha256 => api::TokenAlgorithm::Sha256,
        storage::TokenAlgorithm::Sha512 => api::TokenAlgorithm::Sha512,
    };
    let state = match shown.token.state() {
        storage::TokenState::Unspecified => api::TokenState::Unspecified,
        storage::TokenState::Pending => api::TokenState::Pending,
        storage::TokenState::Active => api::TokenState::Active,
        storage::TokenState::Disabled => api::TokenState::Disabled,
    };
    let token = shown.token;
    api::Token {
        id: shown_id(token.id),
        owner: shown.owner,
        algorithm: algorithm.into(),
        digits: token.digits,
        period: token.period,
        serial: token.serial,
        label: token.label,
        state: state.into(),
        revision: token.revision,
        created: token.created,
        drift: shown.drift,
    }
}

/// The role of a message.
pub(super) fn role(role: api::Role) -> Result<Role, Status> {
    match role {
        api::Role::Unspecified => Err(Status::invalid_argument("role: unknown or missing")),
        api::Role::Auditor => Ok(Role::Auditor),
        api::Role::Helpdesk => Ok(Role::Helpdesk),
        api::Role::Admin => Ok(Role::Admin),
    }
}

/// A stored role.
pub(super) const fn role_shown(role: storage::Role) -> api::Role {
    match role {
        storage::Role::Unspecified => api::Role::Unspecified,
        storage::Role::Auditor => api::Role::Auditor,
        storage::Role::Helpdesk => api::Role::Helpdesk,
        storage::Role::Admin => api::Role::Admin,
    }
}

const PAGE_DEFAULT: usize = 100;
