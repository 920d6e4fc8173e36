//! What a login is decided by, whoever logs in: the client's rule, the limits of guessing,
//! and the revisions of the facts behind them.
//!
//! Must not know whose login it is.

use super::{Ending, Reason, Request};
use crate::base::ClientId;
use crate::ledger::budgets::Limits;
use crate::ledger::storage::Head;
use crate::ledger::{Read, Revisions, StoreError, query};
use crate::policy::ClientPolicy;

/// The rule of the client as it stands, with the revisions that a claim must name.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Rule {
    /// The client's rule.
    pub policy: ClientPolicy,
    /// How often somebody may be wrong.
    pub limits: Limits,
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
    /// Reads the rule of a client. It is as `head` says, or newer where the view moves on
    /// after the head was read; never older, and the ledger finds out which (Begin, line 2).
    ///
    /// # Errors
    /// Silence when the client is gone. A Reject when no rule says what to show.
    pub fn read(view: &impl Read, head: &Head, client: ClientId) -> Result<Self, Stop> {
        let Some(client) = query::client(view, client)? else {
            return Err(Stop::Ended(Ending::silent(Reason::UnknownClient)));
        };
        let settings = query::settings(view)?;
        let policy = ClientPolicy::of(&client, &settings)
            .map_err(|_| Stop::Ended(Ending::reject(Reason::NoRule)))?;
        Ok(Self {
            policy,
            limits: Limits::of(&settings),
            revisions: Revisions {
                client: client.revision,
                rules: head.rules_revision,
                settings: head.settings_revision,
            },
            default_domain: client.default_domain,
        })
    }

    /// Whether `request` was held against this very entry of its client.
    ///
    /// # Errors
    /// Silence when it was another: a new secret, mode or rule must be met by a new packet.
    pub const fn admit(&self, request: &Request) -> Result<(), Stop> {
        if self.revisions.client == request.client_revision {
            Ok(())
        } else {
            Err(Stop::Ended(Ending::silent(Reason::Overtaken)))
        }
    }
}
