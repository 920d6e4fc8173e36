//! What a login is decided by, read in one go: the client's rule and the revisions of the
//! facts behind it.
//!
//! Must not know whose login it is.

use super::{Ending, Reason, Request};
use crate::ledger::{Read, Revisions, StoreError, query};
use crate::policy::ClientPolicy;

/// The rule of the client as it stands, with the revisions that a claim must name.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Rule {
    /// The client's rule.
    pub policy: ClientPolicy,
    /// What it was read from.
    pub revisions: Revisions,
    /// The domain of names that have none; empty: none.
    pub default_domain: String,
}

/// Why a login goes no further.
#[derive(Debug, thiserror::Error)]
pub enum Stop {
    /// It ends here, without a command.
    #[error("{}", .0.reason)]
    Ended(Ending),
    /// The store cannot be read; nothing may be said.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Stop {
    /// What the device hears: a store that cannot be read says nothing.
    #[must_use]
    pub const fn ending(&self) -> Ending {
        match self {
            Self::Ended(ending) => *ending,
            Self::Store(_) => Ending::silent(Reason::Store),
        }
    }
}

impl Rule {
    /// Reads the rule for a request.
    ///
    /// # Errors
    /// Silence when the client is gone or is another than the packet was held against: a
    /// new secret, mode or rule must be met by a new packet. A Reject when no rule says
    /// what to show.
    pub fn read(view: &impl Read, request: &Request) -> Result<Self, Stop> {
        let Some(client) = query::client(view, request.client)? else {
            return Err(Stop::Ended(Ending::silent(Reason::UnknownClient)));
        };
        if client.revision != request.client_revision {
            return Err(Stop::Ended(Ending::silent(Reason::Overtaken)));
        }
        let head = query::head(view)?;
        let settings = query::settings(view)?;
        let policy = ClientPolicy::of(&client, &settings)
            .map_err(|_| Stop::Ended(Ending::reject(Reason::NoRule)))?;
        Ok(Self {
            policy,
            revisions: Revisions {
                client: client.revision,
                rules: head.rules_revision,
                settings: head.settings_revision,
            },
            default_domain: client.default_domain,
        })
    }
}
