//! What the node's own tables say of a login before anything is claimed.
//!
//! A user who may not log in at all, or has to wait, costs no command; but only where no
//! record of this very login exists, since a retry of it must hear its verdict, and that
//! only the ledger tells. Must not know codes.

use super::passcode;
use super::{Apart, AttemptMacs, Ending, Identity, Passcode, Reason, Request, Rule, Stop};
use crate::base::{PasscodeId, Timestamp, TokenId};
use crate::ledger::attempts::{self, Attempt};
use crate::ledger::budgets::{self, Limits, Standing};
use crate::ledger::storage::Head;
use crate::ledger::{Read, query, storage, synced};
use crate::policy::Terms;

/// A login that may be judged.
#[derive(Clone, Debug)]
pub struct Case {
    /// Whose and which.
    pub identity: Identity,
    /// The name as the directory knows it.
    pub directory_name: String,
    /// The user's tokens in every state, as they were when the case was opened.
    pub tokens: Vec<TokenId>,
    /// What the login must show, and what is granted for it.
    pub terms: Terms,
    /// The hash of the user's own password, sealed. Empty: a directory is asked.
    pub own_password: Vec<u8>,
    /// The revision of the user's record, where rules or the password are of it; else 0.
    pub user_revision: u64,
    /// What was typed as a passcode, hashed with each key; none where it can be none.
    pub passcodes: Vec<PasscodeId>,
    /// The record of this login, if the node has seen one.
    pub record: Option<Attempt>,
    /// Entry time as the node last saw it, in fresh contact with a leader.
    pub issued: Timestamp,
}

impl Case {
    /// Reads the user, the record and the budgets as they stood at `issued`, and holds the
    /// rules against them.
    ///
    /// # Errors
    /// A Reject for a user who is gone or disabled, has to wait, or whom no rule lets in.
    pub fn open(
        view: &impl Read,
        (head, rule): (&Head, &Rule),
        request: &Request,
        identity: Identity,
        issued: Timestamp,
    ) -> Result<Self, Stop> {
        let record = attempts::look(view, head, &identity.name.key, issued)?;
        let user = query::user(view, identity.user)?.unwrap_or_default();
        if record.is_none() {
            refuse_user(&user)?;
            refuse_waiting(view, &rule.limits, &identity, issued)?;
        }
        let terms = rule.terms(view, request, &user)?;
        Ok(Self {
            identity,
            terms,
            user_revision: if rule.rules.is_empty() && user.password.is_empty() {
                0
            } else {
                user.revision
            },
            directory_name: user.name,
            own_password: user.password,
            tokens: user.tokens.into_iter().map(TokenId).collect(),
            passcodes: Vec::new(),
            record,
            issued,
        })
    }

    /// What was typed is held against a passcode as well, where the rule allows one and the
    /// code came by itself. Where it would leave no password it is not, as with a token's
    /// code: the answer would tell whether it alone was right.
    pub fn hold_against_passcode(
        &mut self,
        request: &Request,
        apart: Option<&Apart>,
        macs: &AttemptMacs,
    ) {
        let is_whole =
            |apart: &&Apart| apart.password.is_empty() == self.terms.factors.is_code_alone();
        let apart = apart.filter(|_| self.terms.passcode.is_some());
        if let Some(apart) = apart.filter(is_whole)
            && Passcode::is_one(apart.code.expose())
        {
            let of = (self.identity.user, request.client);
            self.passcodes = macs
                .all()
                .map(|root| passcode::hash(root, of, apart.code.expose()))
                .collect();
        }
    }
}

fn refuse_user(user: &storage::User) -> Result<(), Stop> {
    let reason = match user.status() {
        storage::UserStatus::Active if synced::is_refused(user) => Reason::DisabledInDirectory,
        storage::UserStatus::Active => return Ok(()),
        storage::UserStatus::Disabled => Reason::DisabledUser,
        storage::UserStatus::Unspecified => Reason::UnknownUser,
    };
    Err(Stop::Ended(Ending::reject(reason)))
}

fn refuse_waiting(
    view: &impl Read,
    limits: &Limits,
    identity: &Identity,
    now: Timestamp,
) -> Result<(), Stop> {
    let Identity { user, place, .. } = *identity;
    let reason = match budgets::standing(view, limits, user, place, now)? {
        Standing::Free => return Ok(()),
        Standing::Locked => Reason::Locked,
        Standing::Waiting { .. } => Reason::Waiting,
    };
    Err(Stop::Ended(Ending::reject(reason)))
}
