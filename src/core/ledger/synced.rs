//! What directories say of users, as it was last read and replicated: whether they are
//! refused, which groups they are in, and how many a round may refuse unasked.
//!
//! Rules see these facts and no directory (DESIGN §2). Must not know: how directories are
//! read, or who reads them.

use super::storage::{SyncState, SyncUsers, SyncedFacts, User};
use crate::base::limits::{SYNC_REFUSED_MAX, SYNC_REFUSED_PERCENT_MAX};
use crate::base::{Name, Timestamp};

/// Whether the directory has the user's account disabled, or has it no more. What operators
/// say of the user does not override it.
#[must_use]
pub fn is_refused(user: &User) -> bool {
    let synced = user.synced.as_ref();
    synced.is_some_and(|synced| synced.disabled || synced.gone)
}

/// The names of the user's groups: those of operators, then those of the directory that have
/// other names. What is known by its id alone has none.
pub fn groups(user: &User) -> impl Iterator<Item = &str> {
    let own = user.groups.iter();
    let synced = user.synced.iter().flat_map(|synced| &synced.groups);
    let others = synced.filter(|name| {
        let mut own = user.groups.iter();
        !name.is_empty() && !own.any(|own| own.eq_ignore_ascii_case(name))
    });
    own.chain(others).map(String::as_str)
}

/// Whether the user is in the group, by its name or by what identifies it in the directory.
/// ASCII case does not tell two apart.
#[must_use]
pub fn is_in(user: &User, group: &str) -> bool {
    let synced = user.synced.iter();
    let synced = synced.flat_map(|synced| synced.groups.iter().chain(&synced.group_ids));
    let mut all = user.groups.iter().chain(synced);
    all.any(|own| own.eq_ignore_ascii_case(group))
}

/// Whether a source that is asked for `name` is asked for this user's account.
pub(super) fn is_name(user: &User, name: &str) -> bool {
    let own = Name::fold(&user.name);
    own.is_ok_and(|own| Name::fold(name).is_ok_and(|name| name == own))
}

/// What is known of the user when it is called `name` from now on. Another name is another
/// account: no group of the old one gives it any right, and whether there is one is not known
/// before a round has looked. But whom a directory refuses stays refused until then: most
/// often it is the same person, and no change of a name is a word of the directory.
pub(super) fn under(user: &User, name: &str, at: Timestamp) -> Option<SyncedFacts> {
    let known = user.synced.as_ref()?;
    if is_name(user, name) {
        return Some(known.clone());
    }
    is_refused(user).then(|| SyncedFacts {
        groups: Vec::new(),
        group_ids: Vec::new(),
        at: at.as_millis(),
        ..known.clone()
    })
}

/// How many users a round about `matched` of them may newly refuse unasked. One always: who
/// has few users would else be asked for each of them, and answer by rote.
#[must_use]
pub fn refused_max(matched: u32) -> u32 {
    let share = u64::from(matched) * u64::from(SYNC_REFUSED_PERCENT_MAX) / 100;
    let share = u32::try_from(share).unwrap_or(u32::MAX);
    share.clamp(1, SYNC_REFUSED_MAX)
}

/// How many users the round may newly refuse, after the rounds before it. An operator's word
/// is good for as many as the operator was told of.
#[must_use]
pub fn allowed(before: &SyncState, round: &SyncUsers) -> u32 {
    if before.round == round.round {
        return before.allowed;
    }
    let told = before.held.as_ref().map_or(0, |held| held.disabling);
    let usual = refused_max(round.matched);
    if round.confirmed {
        usual.max(told)
    } else {
        usual
    }
}

/// Where the state of a source's rounds is kept in the table of the settings. The settings
/// themselves are under the empty key.
pub(super) fn state_key(source: &str) -> Vec<u8> {
    [b"sync:", source.as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::storage::{SyncHeld, SyncedFacts};

    fn user() -> User {
        User {
            groups: vec!["Staff".into()],
            synced: Some(SyncedFacts {
                groups: vec!["staff".into(), "VPN".into(), String::new()],
                group_ids: ["CN=staff,DC=corp", "CN=VPN,DC=corp", "0f-9A"]
                    .map(Into::into)
                    .into(),
                ..SyncedFacts::default()
            }),
            ..User::default()
        }
    }

    #[test]
    fn groups_of_operators_and_of_the_directory_are_told_once() {
        let user = user();
        assert_eq!(groups(&user).collect::<Vec<_>>(), ["Staff", "VPN"]);
        for group in ["STAFF", "vpn", "cn=vpn,dc=CORP", "0F-9a"] {
            assert!(is_in(&user, group), "{group}");
        }
        assert!(!is_in(&user, "CN=other,DC=corp"));
    }

    #[test]
    fn a_round_refuses_unasked_no_more_than_its_share_and_twenty() {
        let cases = [
            (0, 1),
            (19, 1),
            (40, 2),
            (399, 19),
            (400, 20),
            (u32::MAX, 20),
        ];
        for (matched, max) in cases {
            assert_eq!(refused_max(matched), max, "{matched}");
        }
    }

    #[test]
    fn an_operators_word_is_good_for_what_the_operator_was_told_of() {
        let before = SyncState {
            round: 1,
            held: Some(SyncHeld {
                disabling: 30,
                ..SyncHeld::default()
            }),
            ..SyncState::default()
        };
        let round = |round, confirmed| SyncUsers {
            round,
            confirmed,
            matched: 100,
            ..SyncUsers::default()
        };
        assert_eq!(allowed(&before, &round(2, true)), 30);
        assert_eq!(allowed(&before, &round(2, false)), 5);
        assert_eq!(allowed(&SyncState::default(), &round(2, true)), 5);
        // What the round itself was allowed stays so to its end.
        assert_eq!(allowed(&before, &round(1, true)), before.allowed);
    }
}
