//! Who logs in, and which login it is.
//!
//! Knows names and keys. Must not know whether the user may log in, or any code.

use super::{AttemptMacs, Ending, Place, Reason, Request, Rule, Stop};
use crate::base::{AttemptKey, Name, PlaceId, Timestamp, UserId};
use crate::ledger::storage::Head;
use crate::ledger::{Read, attempts, query};
use crate::seal::MacKey;

/// Whose login it is and which one: fixed for the whole of a flow.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Identity {
    /// The user that the typed name leads to.
    pub user: UserId,
    /// The login.
    pub key: AttemptKey,
    /// Where it comes from.
    pub place: PlaceId,
}

impl Identity {
    /// Finds the user and computes the key: the one under another HMAC key than that in
    /// force where a record of that is there, so that a turn splits no login in two.
    ///
    /// # Errors
    /// A password that no source can be asked with and a name that nobody has end the
    /// login. Noise in an unproven packet is what a wrong shared secret looks like: it is
    /// answered like one, with silence, and not counted.
    pub fn find(
        view: &impl Read,
        head: &Head,
        request: &Request,
        rule: &Rule,
        macs: &AttemptMacs,
        places: &MacKey,
        issued: Timestamp,
    ) -> Result<Self, Stop> {
        if !request.is_clean_text() {
            return Err(Stop::Ended(if request.proven {
                Ending::reject(Reason::UnreadablePassword)
            } else {
                Ending::silent(Reason::UnreadablePassword)
            }));
        }
        let unknown = || Stop::Ended(Ending::reject(Reason::UnknownUser));
        let names = Name::candidates(&request.user_name, &rule.default_domain);
        let user = user_by_names(view, &names.map_err(|_| unknown())?)?.ok_or_else(unknown)?;
        let keys = macs.keys(request, user, issued);
        let mut key = keys.in_force;
        for other in keys.others.into_iter().flatten() {
            if attempts::look(view, head, &other, issued)?.is_some() {
                key = other;
            }
        }
        Ok(Self {
            user,
            key,
            place: Place::of(request).hashed(places, user),
        })
    }
}

fn user_by_names(view: &impl Read, names: &[Name]) -> Result<Option<UserId>, Stop> {
    for name in names {
        if let Some(user) = query::user_id_by_name(view, name)? {
            return Ok(Some(user));
        }
    }
    Ok(None)
}
