//! Administrative changes, mostly such as fit the state.

use countersign_core::base::{ClientId, Entropy, SeededEntropy, Timestamp, TokenId, UserId};
use countersign_core::ledger::storage::change::Kind;
use countersign_core::ledger::storage::{self, Change, Factors, TokenState, UserStatus};
use countersign_core::ledger::{Read, query};

use crate::octets::Octets;
use crate::state::{CLIENTS, STATE, TOKEN};

/// One change, as the input says.
pub(crate) fn read(input: &mut Octets<'_>, view: &impl Read, now: Timestamp) -> Change {
    let kind = match input.octet() % 10 {
        0 | 1 => set_user(input),
        2 => Kind::UnlockUser(storage::UnlockUser { id: user(input) }),
        3 => set_token(input, now),
        4 => assign_token(input, view),
        5 => resync_token(input, now),
        6 | 7 => put_client(input, view),
        8 => put_settings(input, view),
        _ => remove(input, view),
    };
    // One octet more draws the request's id: an input may use one twice.
    let mut entropy = SeededEntropy::new(input.octet().into());
    Change {
        request_id: entropy.array::<16>().to_vec(),
        actor: Some(storage::Actor {
            name: "ada".into(),
            source: "198.51.100.250".into(),
            token: TOKEN.to_vec(),
            ..Default::default()
        }),
        digest: Vec::new(),
        kind: Some(kind),
    }
}

fn user(input: &mut Octets<'_>) -> u64 {
    u64::from(input.octet() % 6) + 1
}

fn token(input: &mut Octets<'_>) -> u64 {
    input.of(&STATE.testers).token
}

fn step(input: &mut Octets<'_>, now: Timestamp) -> u64 {
    let offset = i64::from(input.octet()) - 128;
    (now.as_secs() / 30).saturating_add_signed(offset)
}

fn set_user(input: &mut Octets<'_>) -> Kind {
    const ALL: [UserStatus; 3] = [UserStatus::Disabled, UserStatus::Active, UserStatus::Active];
    Kind::SetUserStatus(storage::SetUserStatus {
        id: user(input),
        status: (*input.of(&ALL)).into(),
    })
}

fn set_token(input: &mut Octets<'_>, now: Timestamp) -> Kind {
    const ALL: [TokenState; 3] = [TokenState::Disabled, TokenState::Active, TokenState::Active];
    Kind::SetTokenState(storage::SetTokenState {
        id: token(input),
        state: (*input.of(&ALL)).into(),
        proven_step: step(input, now),
    })
}

fn assign_token(input: &mut Octets<'_>, view: &impl Read) -> Kind {
    let id = token(input);
    let stored = query::token(view, TokenId(id)).expect("tokens can be read");
    Kind::AssignToken(storage::AssignToken {
        id,
        owner: u64::from(input.octet() % 6),
        expected_revision: stored.map_or(0, |token| token.revision),
    })
}

fn resync_token(input: &mut Octets<'_>, now: Timestamp) -> Kind {
    Kind::ResyncToken(storage::ResyncToken {
        id: token(input),
        generation: 1,
        proven_step: step(input, now),
        drift: i32::from(input.octet()) - 128,
    })
}

/// A client whose rule changes under its logins.
fn put_client(input: &mut Octets<'_>, view: &impl Read) -> Kind {
    const ALL: [Factors; 2] = [Factors::PasswordAndCode, Factors::Code];
    let id = input.of(&*CLIENTS).id;
    let stored = query::client(view, ClientId(id)).expect("clients can be read");
    let mut client = stored.unwrap_or_default();
    client.set_factors(*input.of(&ALL));
    let flags = input.octet();
    client.strict_grace = flags & 1 != 0;
    client.burn_code = i32::from(flags >> 1 & 3);
    client.on_source_down = i32::from(flags >> 3 & 3);
    client.retry_grace = u32::from(input.octet()) * 1_000;
    client.revalidation = u32::from(input.octet()) * 3_000;
    client.message_authenticator = i32::from(flags >> 5 & 7);
    Kind::PutClient(storage::PutClient {
        expected_revision: client.revision,
        client: Some(client),
        learn_anew: flags & 2 != 0,
    })
}

fn put_settings(input: &mut Octets<'_>, view: &impl Read) -> Kind {
    let mut settings = query::settings(view).expect("settings can be read");
    let number = |input: &mut Octets<'_>| u32::from(input.octet() & 31);
    settings.limits = Some(storage::Limits {
        strict_failures: number(input),
        strict_window: number(input) * 5_000,
        strict_lock: number(input) * 5_000,
        known_place_failures: number(input),
        known_place_window: number(input) * 5_000,
        elsewhere_failures: number(input),
        window_steps: number(input) & 3,
        ..storage::Limits::default()
    });
    Kind::PutSettings(storage::PutSettings {
        expected_revision: settings.revision,
        confirm_within: 0,
        settings: Some(settings),
    })
}

fn remove(input: &mut Octets<'_>, view: &impl Read) -> Kind {
    match input.octet() & 3 {
        0 => {
            let id = user(input);
            let stored = query::user(view, UserId(id)).expect("users can be read");
            Kind::RemoveUser(storage::RemoveUser {
                id,
                expected_revision: stored.map_or(0, |user| user.revision),
            })
        }
        1 => {
            let id = token(input);
            let stored = query::token(view, TokenId(id)).expect("tokens can be read");
            Kind::RemoveToken(storage::RemoveToken {
                id,
                expected_revision: stored.map_or(0, |token| token.revision),
            })
        }
        _ => {
            let id = input.of(&*CLIENTS).id;
            let stored = query::client(view, ClientId(id)).expect("clients can be read");
            Kind::RemoveClient(storage::RemoveClient {
                id,
                expected_revision: stored.map_or(0, |client| client.revision),
            })
        }
    }
}
