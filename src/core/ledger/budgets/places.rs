//! Where a user was let in lately. An attacker elsewhere cannot use up the budget of such
//! a place, so the user still gets in from it (DESIGN §1, L4).

use crate::base::limits::{PLACE_MEMORY, PLACES_MAX};
use crate::base::{PlaceId, Timestamp, UserId};
use crate::ledger::query::{encoded, record};
use crate::ledger::storage::Places;
use crate::ledger::storage::places::Place;
use crate::ledger::table::{Draft, Read, StoreError, Table};

/// Whether the user was let in there within the memory.
pub(super) fn knows(
    tables: &impl Read,
    user: UserId,
    place: PlaceId,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let places = load(tables, user)?.places;
    Ok(places
        .iter()
        .any(|known| known.place == place.0 && is_remembered(known, now)))
}

/// The user was let in there now. Returns the places that are forgotten over it: too old,
/// or the one not seen for longest where there are too many.
pub(super) fn learn<R: Read>(
    draft: &mut Draft<'_, R>,
    user: UserId,
    place: PlaceId,
    now: Timestamp,
) -> Result<Vec<Place>, StoreError> {
    if place == PlaceId::ELSEWHERE {
        return Ok(Vec::new());
    }
    // Kept in the order in which they were last seen.
    let (mut places, mut forgotten): (Vec<_>, Vec<_>) = load(draft, user)?
        .places
        .into_iter()
        .filter(|known| known.place != place.0)
        .partition(|known| is_remembered(known, now));
    places.push(Place {
        place: place.0.to_vec(),
        seen: now.as_millis(),
    });
    let surplus = places.len().saturating_sub(PLACES_MAX);
    forgotten.extend(places.drain(..surplus));
    let key = user.0.to_be_bytes();
    draft.put(Table::Places, &key, encoded(&Places { places }));
    Ok(forgotten)
}

fn load(tables: &impl Read, user: UserId) -> Result<Places, StoreError> {
    record(tables, Table::Places, &user.0.to_be_bytes()).map(Option::unwrap_or_default)
}

fn is_remembered(place: &Place, now: Timestamp) -> bool {
    now.since(Timestamp::from_millis(place.seen)) <= PLACE_MEMORY
}
