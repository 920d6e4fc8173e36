//! Any message ends in an outcome, and the same messages give the same state.

use proptest::prelude::*;

use super::*;
use crate::base::UserId;
use crate::base::limits::USER_TOKENS_MAX;

/// A user as an honest or a confused proposer would draw it, from few ids and names so
/// that they meet.
fn any_user() -> impl Strategy<Value = User> {
    let name = prop::sample::select(vec!["ann", "Ann", "bob", "eve.", ""]);
    let aliases = prop::collection::vec("[ab]{1,2}", 0..3);
    (0..4u64, name, aliases, 0..4i32).prop_map(|(id, name, aliases, status)| User {
        aliases,
        status,
        ..user(id, name)
    })
}

fn any_token() -> impl Strategy<Value = Token> {
    let seed = prop::collection::vec(0..2u8, 0..3);
    let shape = (0..5i32, 5..9u32, prop::sample::select(vec![0, 30, 60]));
    (0..12u64, 0..4u64, seed, 0..4i32, shape, "[xY]{0,1}").prop_map(
        |(id, owner, seed, state, (algorithm, digits, period), serial)| Token {
            id,
            owner,
            seed,
            state,
            algorithm,
            digits,
            period,
            serial,
            ..Token::default()
        },
    )
}

fn any_client() -> impl Strategy<Value = Client> {
    let range = prop::sample::select(vec!["198.51.100.0/24", "198.51.100.9/24", "x", "::/0"]);
    (0..3u64, "[cd]?", range, any::<u32>(), 0..4i32).prop_map(
        |(id, name, range, retry_grace, factors)| Client {
            retry_grace,
            factors,
            ..client(id, &name, range)
        },
    )
}

fn any_operator() -> impl Strategy<Value = PutOperator> {
    let token = (0..3u8, 0..5i32).prop_map(|(octet, role)| ApiToken {
        role,
        ..api_token("t", "ada", octet, Role::Admin)
    });
    let hash = prop::sample::select(vec![vec![], vec![8; 32], vec![9; 32]]);
    (0..5i32, 0..3u64, hash, prop::option::of(token)).prop_map(
        |(role, expected_revision, bootstrap_hash, first_token)| PutOperator {
            operator: Some(Operator {
                role,
                ..operator("ada", Role::Admin)
            }),
            expected_revision,
            bootstrap_hash,
            first_token,
        },
    )
}

fn any_user_change() -> impl Strategy<Value = Kind> {
    let id = 0..4u64;
    let revision = 0..4u64;
    prop_oneof![
        (any_user(), revision.clone()).prop_map(|(user, revision)| put_user(user, revision)),
        (id.clone(), revision).prop_map(|(id, expected_revision)| Kind::RemoveUser(RemoveUser {
            id,
            expected_revision
        })),
        (id.clone(), 0..4i32)
            .prop_map(|(id, status)| Kind::SetUserStatus(SetUserStatus { id, status })),
        id.clone()
            .prop_map(|id| Kind::UnlockUser(UnlockUser { id })),
        any_round(),
    ]
}

fn any_round() -> impl Strategy<Value = Kind> {
    let facts =
        (any::<[bool; 2]>(), 0..3usize).prop_map(|([disabled, gone], groups)| SyncedFacts {
            source: "entra".into(),
            disabled,
            gone,
            groups: vec!["staff".into(); groups],
            ..SyncedFacts::default()
        });
    let name = prop::sample::select(vec!["", "ANN", "bob"]).prop_map(str::to_owned);
    let user = (0..4u64, prop::option::of(facts), name).prop_map(|(id, facts, name)| SyncedUser {
        id,
        facts,
        name,
    });
    let users = prop::collection::vec(user, 0..4);
    (users, 0..4u64, any::<bool>(), any::<[u32; 2]>()).prop_map(
        |(users, round, confirmed, [disabling, matched])| {
            Kind::SyncUsers(SyncUsers {
                source: "entra".into(),
                users,
                disabling: disabling % 30,
                confirmed,
                round,
                matched,
            })
        },
    )
}

fn any_token_change() -> impl Strategy<Value = Kind> {
    let id = 0..12u64;
    let revision = 0..4u64;
    let step = prop_oneof![START / 30_000 - 30..START / 30_000 + 30, any::<u64>()];
    prop_oneof![
        (any_token(), revision.clone()).prop_map(|(token, revision)| put_token(token, revision)),
        (id.clone(), revision.clone()).prop_map(|(id, expected_revision)| Kind::RemoveToken(
            RemoveToken {
                id,
                expected_revision
            }
        )),
        (id.clone(), 0..5i32, step.clone()).prop_map(|(id, state, proven_step)| {
            Kind::SetTokenState(SetTokenState {
                id,
                state,
                proven_step,
            })
        }),
        (id.clone(), 0..4u64, revision.clone()).prop_map(|(id, owner, expected_revision)| {
            Kind::AssignToken(AssignToken {
                id,
                owner,
                expected_revision,
            })
        }),
        (id, revision, step, any::<i32>()).prop_map(|(id, generation, proven_step, drift)| {
            Kind::ResyncToken(ResyncToken {
                id,
                generation,
                proven_step,
                drift,
            })
        }),
    ]
}

fn any_house_change() -> impl Strategy<Value = Kind> {
    let revision = 0..4u64;
    let row =
        (prop::option::of(any_user()), prop::option::of(any_token())).prop_map(|(user, token)| {
            ImportRow {
                number: 1,
                user,
                token,
            }
        });
    prop_oneof![
        (any_client(), 0..4u64).prop_map(|(client, revision)| put_client(client, revision)),
        (0..3u64, revision.clone()).prop_map(|(id, expected_revision)| Kind::RemoveClient(
            RemoveClient {
                id,
                expected_revision
            }
        )),
        (any::<[u32; 3]>(), revision.clone()).prop_map(|(numbers, expected_revision)| {
            Kind::PutSettings(PutSettings {
                settings: Some(Settings {
                    limits: Some(Limits {
                        strict_failures: numbers[0] % 30,
                        strict_window: numbers[1],
                        window_steps: numbers[2] % 4,
                        ..Limits::default()
                    }),
                    ..Settings::default()
                }),
                expected_revision,
                confirm_within: 0,
            })
        }),
        any_operator().prop_map(Kind::PutOperator),
        "(ada|t)?".prop_map(|name| Kind::RemoveOperator(RemoveOperator { name })),
        "(ada|t)?".prop_map(|name| Kind::RevokeApiToken(RevokeApiToken { name })),
        (0..3u32).prop_map(|id| Kind::PutKey(PutKey { key: Some(key(id)) })),
        (0..4u32).prop_map(|to| Kind::RaiseVersion(RaiseVersion { to })),
        (prop::collection::vec(row, 0..4), any::<bool>())
            .prop_map(|(rows, atomic)| Kind::Import(Import { rows, atomic })),
        Just(Kind::Found(found())),
    ]
}

fn any_change() -> impl Strategy<Value = Change> {
    let kind = prop_oneof![any_user_change(), any_token_change(), any_house_change()];
    (0..200u128, kind).prop_map(|(request, kind)| change(request, kind))
}

/// Octets that are nearly a change: one with some octets overwritten.
fn nearly_a_change() -> impl Strategy<Value = Vec<u8>> {
    let spots = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4);
    (any_change(), spots).prop_map(|(change, spots)| {
        let mut octets = change.encode_to_vec();
        for (index, octet) in spots {
            *index.get_mut(&mut octets) = octet;
        }
        octets
    })
}

/// What an index says of its table, and the table of its index.
fn check_indexes(world: &World) {
    let names = world.tables.records().filter(|r| r.0 == Table::Names);
    for (_, _, id) in names {
        assert!(world.record::<User>(Table::Users, id).is_some());
    }
    let users = query::users(&world.tables, UserId(0), 99).expect("readable");
    let mut owned = 0;
    for user in &users {
        let tokens = query::tokens_of(&world.tables, UserId(user.id)).expect("readable");
        assert_eq!(
            tokens.len(),
            user.tokens.len(),
            "each is there, and the user's"
        );
        assert!(
            user.tokens.is_sorted_by(|a, b| a < b),
            "in order, each once"
        );
        assert!(tokens.len() <= USER_TOKENS_MAX);
        owned += tokens.len();
    }
    assert_eq!(world.count(Table::Counters), world.count(Table::Tokens));
    for (_, key, _) in world.tables.records().filter(|r| r.0 == Table::Tokens) {
        let token: Token = world.record(Table::Tokens, key).expect("there");
        let counter: Counter = world.record(Table::Counters, key).expect("there");
        assert_eq!(token.generation, counter.generation);
        owned -= usize::from(token.owner != 0);
    }
    assert_eq!(owned, 0, "every owner is a user, and names its tokens");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn the_same_changes_give_the_same_state(changes in prop::collection::vec(any_change(), 1..60)) {
        let (mut one, mut other) = (World::founded(), World::founded());
        for change in &changes {
            one.at = Timestamp::from_millis(one.at.as_millis() + 600_000);
            other.at = one.at;
            prop_assert_eq!(one.apply(change), other.apply(change));
        }
        prop_assert_eq!(&one.tables, &other.tables);
        prop_assert_eq!(&one.head, &other.head);
        check_indexes(&one);
    }

    #[test]
    fn an_immediate_retry_of_any_change_changes_nothing(
        changes in prop::collection::vec(any_change(), 1..30),
    ) {
        let mut world = World::founded();
        for change in &changes {
            let first = world.apply(change);
            if first.refusal() == Refusal::RequestReused {
                continue;
            }
            let before = (world.tables.clone(), world.head.clone());
            prop_assert_eq!(world.apply(change), first);
            prop_assert_eq!((world.tables.clone(), world.head.clone()), before);
        }
    }

    #[test]
    fn no_octets_stop_the_node(all in prop::collection::vec(nearly_a_change(), 1..20)) {
        let mut world = World::founded();
        for octets in all {
            if let Ok(change) = Change::decode(&*octets) {
                world.apply(&change);
            }
        }
        check_indexes(&world);
    }
}
