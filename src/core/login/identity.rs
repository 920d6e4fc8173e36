//! Who logs in, and which login it is.
//!
//! Knows names and keys. Must not know whether the user may log in, or any code.

use super::{AttemptMacs, Ending, LoginName, Place, Reason, Request, Rule, Stop};
use crate::base::{Name, PlaceId, Timestamp, UserId};
use crate::ledger::storage::Head;
use crate::ledger::{Read, attempts, query};
use crate::seal::MacKey;

/// Whose login it is and which one: fixed for the whole of a flow.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Identity {
    /// The user that the typed name leads to.
    pub user: UserId,
    /// The login.
    pub name: LoginName,
    /// Where it comes from.
    pub place: PlaceId,
}

impl Identity {
    /// Finds the user and computes the key: the one under another HMAC key than that in
    /// force where a record of that is there, so that a turn splits no login in two.
    ///
    /// # Errors
    /// A name that nobody has, or of a form that the client does not take, ends the login.
    pub fn find(
        view: &impl Read,
        head: &Head,
        request: &Request,
        rule: &Rule,
        macs: &AttemptMacs,
        places: &MacKey,
        issued: Timestamp,
    ) -> Result<Self, Stop> {
        let user = user_of(view, request, rule)?;
        let keys = macs.keys(request, user, issued);
        let mut name = keys.in_force;
        for other in keys.others.into_iter().flatten() {
            if attempts::look(view, head, &other.key, issued)?.is_some() {
                name = other;
            }
        }
        Ok(Self {
            user,
            name,
            place: Place::of(request).hashed(places, user),
        })
    }
}

/// The user that the typed name leads to.
pub(super) fn user_of(view: &impl Read, request: &Request, rule: &Rule) -> Result<UserId, Stop> {
    if !rule.policy.name_forms.take(&request.user_name) {
        return Err(Stop::Ended(Ending::reject(Reason::NameForm)));
    }
    let unknown = || Stop::Ended(Ending::reject(Reason::UnknownUser));
    let names = Name::candidates(&request.user_name, &rule.default_domain);
    user_by_names(view, &names.map_err(|_| unknown())?)?.ok_or_else(unknown)
}

fn user_by_names(view: &impl Read, names: &[Name]) -> Result<Option<UserId>, Stop> {
    for name in names {
        if let Some(user) = query::user_id_by_name(view, name)? {
            return Ok(Some(user));
        }
    }
    Ok(None)
}
