//! The parts in which a round is written: how much is in one, what it is called, and what it
//! means for the round when one fails.

use std::iter::Peekable;

use countersign_core::base::RequestId;
use countersign_core::base::limits::SYNC_BATCH_USERS_MAX;
use countersign_core::ledger::storage::SyncedUser;
use prost::Message as _;
use sha2::{Digest as _, Sha256};

use crate::operate::OperateError;

/// As many as one part may have.
pub(super) fn part(users: &mut Peekable<impl Iterator<Item = SyncedUser>>) -> Vec<SyncedUser> {
    let (mut part, mut octets) = (Vec::new(), 0_usize);
    while part.len() < SYNC_BATCH_USERS_MAX {
        let next = users.next_if(|user| {
            octets = octets.saturating_add(user.encoded_len());
            part.is_empty() || octets <= PART_OCTETS_MAX
        });
        let Some(user) = next else {
            break;
        };
        part.push(user);
    }
    part
}

/// The id of a part follows from what it says and not from its number: a repetition makes
/// a plan of its own, whose first part is another one.
pub(super) fn part_id(request: RequestId, said: &[u8]) -> RequestId {
    let mut hash = Sha256::new();
    hash.update(b"countersign round of synchronisation");
    hash.update(request.0);
    hash.update(said);
    let digest: [u8; 32] = hash.finalize().into();
    let id = digest.first_chunk().copied();
    RequestId(id.expect("32 octets begin with 16"))
}

/// What a failure of part `number` means for the round: once a part is written, none leaves
/// everything as it was. Whoever repeats it names the round, not the part.
pub(super) fn broken_off(error: OperateError, number: usize, request: RequestId) -> OperateError {
    let is_unknown = matches!(error, OperateError::Unknown { .. });
    if number == 0 && !is_unknown {
        return error;
    }
    tracing::warn!(%error, "a round of synchronisation broke off");
    OperateError::Unknown { request }
}

/// LIMIT: octets of one part of a round, unless a single user has more.
const PART_OCTETS_MAX: usize = 128 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_has_bounds_and_holds_any_one_user() {
        let user = |octets: usize| SyncedUser {
            name: "x".repeat(octets),
            ..SyncedUser::default()
        };
        let lengths = |users: Vec<SyncedUser>| {
            let mut users = users.into_iter().peekable();
            let parts = std::iter::from_fn(|| Some(part(&mut users).len()));
            parts.take_while(|length| *length > 0).collect::<Vec<_>>()
        };
        assert_eq!(lengths(vec![user(1); 600]), [256, 256, 88]);
        let large = PART_OCTETS_MAX / 2 - 10;
        assert_eq!(lengths([1, 1, 1, 1].map(|_| user(large)).into()), [2, 2]);
        let huge = PART_OCTETS_MAX * 2;
        assert_eq!(lengths(vec![user(1), user(huge), user(1)]), [1, 1, 1]);
    }

    #[test]
    fn a_round_of_which_a_part_is_written_never_says_that_nothing_was_done() {
        let round = RequestId([1; 16]);
        let first = broken_off(OperateError::NotProposed, 0, round);
        assert!(matches!(first, OperateError::NotProposed), "{first:?}");
        let part = RequestId([2; 16]);
        for (error, number) in [
            (OperateError::NotProposed, 1),
            (OperateError::invalid("source", "gone"), 1),
            (OperateError::Unknown { request: part }, 0),
        ] {
            let ended = broken_off(error, number, round);
            assert!(
                matches!(ended, OperateError::Unknown { request } if request == round),
                "{ended:?}"
            );
        }
    }
}
