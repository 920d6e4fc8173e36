//! Why an action was not done, or may have been.

use countersign_core::base::RequestId;
use countersign_core::ledger::StoreError;
use countersign_core::ledger::storage::Refusal;
use countersign_core::seal::OpenError;

use super::{Action, Role, TransferError};
use crate::sources::RosterError;

/// Why an action has no result.
#[derive(Debug, thiserror::Error)]
pub enum OperateError {
    /// The role does not allow it.
    #[error("{} needs the role {}, this token has {role}", action.name(), action.least_role())]
    Forbidden {
        /// What was asked for.
        action: Action,
        /// What the caller has.
        role: Role,
    },
    /// What was asked for contradicts itself or has a value that does not exist.
    #[error("{field}: {why}")]
    Invalid {
        /// The part of the request.
        field: &'static str,
        /// What is wrong with it, without secrets.
        why: String,
    },
    /// Nothing has this name.
    #[error("no {kind} is called {name:?}")]
    NotFound {
        /// User, token, client…
        kind: &'static str,
        /// As it was asked for.
        name: String,
    },
    /// The ledger refused the change; nothing was done.
    #[error("{}{}{detail}", said(*refusal), between(detail))]
    Refused {
        /// Why.
        refusal: Refusal,
        /// What and where, without secrets.
        detail: String,
    },
    /// So many of these run already; nothing was done.
    #[error("nothing was done: {0} is running; try again when it has ended")]
    Busy(&'static str),
    /// The change is certainly not done and never will be.
    #[error("nothing was done: this node has no contact with a quorum; try again or ask another")]
    NotProposed,
    /// The change may or may not be done, once.
    #[error("the result is unknown; repeat with --request-id {request} to learn it")]
    Unknown {
        /// What a repetition must carry.
        request: RequestId,
    },
    /// A stored secret does not open.
    #[error("a stored secret cannot be opened")]
    Sealed(#[source] OpenError),
    /// A directory does not tell of its users.
    #[error("nothing was changed: {0}")]
    Roster(#[from] RosterError),
    /// The leadership was not handed over.
    #[error(transparent)]
    Transfer(#[from] TransferError),
    /// The node's own event files cannot be read.
    #[error("the events of this node cannot be read")]
    Events(#[source] std::io::Error),
    /// The store cannot be read.
    #[error("the store of this node cannot be read")]
    Store(#[from] StoreError),
}

impl OperateError {
    #[expect(
        clippy::needless_pass_by_value,
        reason = "callers hand over texts and errors that they are done with"
    )]
    pub(super) fn invalid(field: &'static str, why: impl ToString) -> Self {
        Self::Invalid {
            field,
            why: why.to_string(),
        }
    }
}

const fn between(detail: &str) -> &'static str {
    if detail.is_empty() { "" } else { ": " }
}

/// A refusal of the ledger in words.
#[must_use]
pub const fn said(refusal: Refusal) -> &'static str {
    match refusal {
        Refusal::Unspecified => "done",
        Refusal::NotFound => "there is no such thing",
        Refusal::Exists => "it exists already",
        Refusal::Revision => "somebody changed it meanwhile; look at it again",
        Refusal::Invalid => "it contradicts itself",
        Refusal::RequestReused => "the request id named another request",
        Refusal::Limit => "there are as many as there may be",
        Refusal::NotFounded => "the cluster is not founded",
        Refusal::Bootstrap => "the bootstrap token is wrong, spent or late",
        Refusal::State => "its state does not allow this",
        Refusal::Forbidden => "the API token no longer allows it",
        Refusal::LastAdmin => "nobody would be left who may do everything",
    }
}
