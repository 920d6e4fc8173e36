use super::*;
use crate::base::{Name, TokenId, UserId};

fn id_of(world: &World, name: &str) -> Option<UserId> {
    let name = Name::fold(name).expect("a name");
    query::user_id_by_name(&world.tables, &name).expect("readable")
}

fn remove_user(id: u64, expected_revision: u64) -> Kind {
    Kind::RemoveUser(RemoveUser {
        id,
        expected_revision,
    })
}

#[test]
fn a_user_is_found_by_name_and_alias_in_any_case() {
    let mut world = World::founded();
    let mut alice = user(1, "Alice@Contoso.example");
    alice.aliases = vec!["CONTOSO\\alice".into()];
    let outcome = world.done(put_user(alice, 0));
    assert_eq!((outcome.id, outcome.revision), (1, 1));
    assert_eq!(id_of(&world, "ALICE@contoso.example"), Some(UserId(1)));
    assert_eq!(id_of(&world, "contoso\\Alice"), Some(UserId(1)));
    let names = Name::candidates(b"alice", "contoso.example").expect("a name");
    let found = query::user_by_names(&world.tables, &names).expect("readable");
    let found = found.expect("by the default domain");
    assert_eq!(
        found.name, "Alice@Contoso.example",
        "stored as it was given"
    );
    assert_eq!(found.created, START);
}

#[test]
fn names_and_aliases_share_one_space() {
    let mut world = World::with_user();
    let mut bob = user(2, "bob");
    bob.aliases = vec!["ALICE@contoso.example".into()];
    assert_eq!(world.refused(put_user(bob, 0)), Refusal::Exists);
    assert_eq!(
        world.refused(put_user(user(2, "Alice@contoso.example"), 0)),
        Refusal::Exists
    );
}

#[test]
fn the_id_of_a_new_user_must_be_free() {
    let mut world = World::with_user();
    assert_eq!(world.refused(put_user(user(1, "bob"), 0)), Refusal::Exists);
}

#[test]
fn a_user_changes_only_from_the_expected_revision() {
    let mut world = World::with_user();
    assert_eq!(
        world.refused(put_user(user(1, "alice"), 2)),
        Refusal::Revision
    );
    assert_eq!(
        world.refused(put_user(user(9, "nobody"), 1)),
        Refusal::NotFound
    );
    assert_eq!(world.done(put_user(user(1, "alice"), 1)).revision, 2);
}

#[test]
fn a_change_keeps_the_time_of_making_and_frees_old_names() {
    let mut world = World::with_user();
    world.at = Timestamp::from_millis(START + 5000);
    let mut renamed = user(1, "alice.b@contoso.example");
    renamed.created = 1;
    world.done(put_user(renamed, 1));
    let stored: User = world
        .record(Table::Users, &1u64.to_be_bytes())
        .expect("there");
    assert_eq!(stored.created, START);
    assert_eq!(id_of(&world, "alice@contoso.example"), None);
    world.done(put_user(user(2, "alice@contoso.example"), 0));
}

#[test]
fn putting_a_user_neither_gives_nor_takes_tokens() {
    let mut world = World::with_user();
    world.done(put_token(token(10, 1, TokenState::Active), 0));
    for tokens in [vec![], vec![10, 11]] {
        let claims = User {
            tokens,
            ..user(1, "alice@contoso.example")
        };
        world.done(put_user(claims, world.user(1).revision));
        assert_eq!(world.tokens_of(1), [10]);
    }
    let thief = User {
        tokens: vec![10],
        ..user(2, "bob")
    };
    world.done(put_user(thief, 0));
    assert!(world.tokens_of(2).is_empty());
}

#[test]
fn a_token_that_left_since_its_id_was_read_is_left_out() {
    let mut world = World::with_user();
    world.done(put_user(user(2, "bob"), 0));
    world.done(put_token(token(10, 1, TokenState::Active), 0));
    world.done(put_token(token(11, 2, TokenState::Active), 0));
    let read = [TokenId(10), TokenId(11), TokenId(12)];
    let owned = query::owned_tokens(&world.tables, UserId(1), &read).expect("readable");
    let ids: Vec<_> = owned.iter().map(|owned| owned.token.id).collect();
    assert_eq!(ids, [10]);
}

#[test]
fn a_user_without_name_or_status_is_invalid() {
    let mut world = World::founded();
    assert_eq!(
        world.refused(put_user(user(1, " bob"), 0)),
        Refusal::Invalid
    );
    assert_eq!(world.refused(put_user(user(0, "bob"), 0)), Refusal::Invalid);
    let open = User {
        status: 77,
        ..user(1, "bob")
    };
    assert_eq!(world.refused(put_user(open, 0)), Refusal::Invalid);
}

#[test]
fn aliases_are_bounded() {
    let mut world = World::founded();
    let mut bob = user(1, "bob");
    bob.aliases = (0..17).map(|n| format!("bob{n}")).collect();
    assert_eq!(world.refused(put_user(bob, 0)), Refusal::Limit);
}

#[test]
fn a_removed_user_leaves_no_passcode_of_known_places_nor_of_others() {
    let mut world = World::with_user();
    let keys = [1_u64, 2].map(|user| {
        [
            user.to_be_bytes().to_vec(),
            [&user.to_be_bytes()[..], &[1]].concat(),
        ]
    });
    for key in keys.as_flattened() {
        world.plant(Table::Passcodes, key, &Passcode::default());
    }
    world.done(remove_user(1, 1));
    assert_eq!(world.count(Table::Passcodes), 2);
    for key in &keys[1] {
        let others = world.record::<Passcode>(Table::Passcodes, key);
        assert!(others.is_some(), "another user's stay");
    }
}

#[test]
fn a_removed_user_leaves_only_disabled_tokens_and_their_counters() {
    let mut world = World::with_user();
    world.done(put_token(token(10, 1, TokenState::Active), 0));
    world.done(put_token(token(11, 1, TokenState::Pending), 0));
    let spent = Counter {
        generation: 1,
        last_spent: world.step(),
        ..Counter::default()
    };
    world.plant(Table::Counters, &10u64.to_be_bytes(), &spent);
    let key = 1u64.to_be_bytes();
    let other = 2u64.to_be_bytes();
    for key in [key, other] {
        world.plant(Table::Budgets, &key, &Budgets::default());
    }

    assert_eq!(world.refused(remove_user(1, 2)), Refusal::Revision);
    world.done(remove_user(1, 1));

    for table in [Table::Users, Table::Names] {
        assert_eq!(world.count(table), 0, "{table:?}");
    }
    assert_eq!(world.record::<Budgets>(Table::Budgets, &key), None);
    let others = world.record::<Budgets>(Table::Budgets, &other);
    assert!(others.is_some(), "another user's stay");
    assert_eq!(
        (world.token(10).owner, world.token(10).state()),
        (0, TokenState::Disabled)
    );
    assert_eq!(world.token(11).state(), TokenState::Pending, "never proven");
    assert_eq!(world.counter(10).last_spent, spent.last_spent);
}

#[test]
fn a_status_is_set_and_raises_the_revision_once() {
    let mut world = World::with_user();
    let set = |status: UserStatus| {
        Kind::SetUserStatus(SetUserStatus {
            id: 1,
            status: status.into(),
        })
    };
    assert_eq!(world.done(set(UserStatus::Disabled)).revision, 2);
    assert_eq!(world.done(set(UserStatus::Disabled)).revision, 2);
    assert_eq!(
        world.refused(set(UserStatus::Unspecified)),
        Refusal::Invalid
    );
    let audit = world.last_audit();
    assert_eq!(audit.action, "user.status");
}

#[test]
fn unlocking_forgives_all_but_what_is_in_flight() {
    let mut world = World::with_user();
    let key = 1u64.to_be_bytes();
    let kind = |kind| strict::Key {
        key: vec![kind; 32],
        kind: kind.into(),
        until: if kind < 3 { 0 } else { START + 9000 },
    };
    let strict = Strict {
        keys: vec![kind(1), kind(2), kind(3), kind(4)],
        locked: true,
        reset_at: START + 9,
    };
    let failed = Codes {
        failures: 1,
        ..Codes::default()
    };
    let place = |octet, codes| Place {
        place: vec![octet; 16],
        seen: START,
        codes,
    };
    let budgets = Budgets {
        strict: Some(strict),
        elsewhere: Some(failed),
        places: vec![place(3, Some(failed)), place(4, None)],
        ..Budgets::default()
    };
    world.plant(Table::Budgets, &key, &budgets);
    world.done(Kind::UnlockUser(UnlockUser { id: 1 }));
    let before = world.last_audit().before;
    assert!(
        before.ends_with("locked=true passwords=4 places=2"),
        "{before}"
    );
    let left: Budgets = world.record(Table::Budgets, &key).expect("two in flight");
    assert_eq!(left.elsewhere, None);
    assert_eq!(left.places, [place(3, None), place(4, None)]);
    let left = left.strict.expect("two in flight");
    let kinds: Vec<_> = left.keys.iter().map(|key| key.kind).collect();
    assert_eq!(kinds, [3, 3], "the unsure mark is forgiven");
    assert_eq!((left.locked, left.reset_at), (false, 0));
    assert_eq!(
        world.refused(Kind::UnlockUser(UnlockUser { id: 2 })),
        Refusal::NotFound
    );
}

#[test]
fn who_is_allowed_anew_has_had_no_initial_login_and_keeps_the_rest() {
    let mut world = World::with_user();
    let key = 1_u64.to_be_bytes();
    let forwarded = Some(LastForward {
        server: "old".into(),
        at: START,
    });
    let budgets = Budgets {
        initial_logins: 3,
        forwarded: forwarded.clone(),
        ..Budgets::default()
    };
    world.plant(Table::Budgets, &key, &budgets);
    let before = world.user(1).revision;
    world.done(Kind::AllowUser(AllowUser { id: 1 }));
    assert_eq!(world.user(1).revision, before);
    let audit = world.last_audit();
    assert_eq!((&*audit.action, &*audit.subject), ("user.allow", "user=1"));
    assert!(
        audit.before.ends_with("initial_logins=3"),
        "{}",
        audit.before
    );
    let left: Budgets = world.record(Table::Budgets, &key).expect("the forward");
    assert_eq!((left.initial_logins, left.forwarded), (0, forwarded));
    let unknown = Kind::AllowUser(AllowUser { id: 2 });
    assert_eq!(world.refused(unknown), Refusal::NotFound);
}

#[test]
fn users_are_listed_by_pages() {
    let mut world = World::founded();
    for id in 1..=5 {
        world.done(put_user(user(id, &format!("user{id}")), 0));
    }
    let page = |after, limit| {
        let users = query::users(&world.tables, UserId(after), limit).expect("readable");
        users.iter().map(|user| user.id).collect::<Vec<_>>()
    };
    assert_eq!(page(0, 2), [1, 2]);
    assert_eq!(page(2, 9), [3, 4, 5]);
    assert!(page(5, 9).is_empty() && page(0, 0).is_empty() && page(u64::MAX, 9).is_empty());
}

#[test]
fn a_users_tokens_are_read_with_their_counters() {
    let mut world = World::with_user();
    world.done(put_user(user(2, "bob"), 0));
    world.done(put_token(token(10, 1, TokenState::Active), 0));
    world.done(put_token(token(11, 2, TokenState::Active), 0));
    let owned = query::tokens_of(&world.tables, UserId(1)).expect("readable");
    let ids: Vec<_> = owned
        .iter()
        .map(|owned| (owned.token.id, owned.counter.generation))
        .collect();
    assert_eq!(ids, [(10, 1)]);
    let other = query::token_ids_of(&world.tables, UserId(2)).expect("readable");
    assert_eq!(other, [TokenId(11)]);
}

#[test]
fn the_audit_tells_which_of_many_groups_came_and_that_a_password_was_replaced() {
    let mut world = World::with_user();
    let groups = |count: usize| (1..=count).map(|n| format!("group {n}")).collect();
    let with = |count| User {
        groups: groups(count),
        ..user(1, "alice")
    };
    let revision = world.done(put_user(with(60), 1)).revision;
    world.done(put_user(with(61), revision));
    let told = world.last_audit();
    assert_eq!(told.before, "name=\"alice\" groups(60)=\"\"");
    assert_eq!(told.after, "name=\"alice\" groups(61)=\"61:group 61\"");
    let mut password = |octet: u8| {
        let password = [vec![1], vec![octet; 4 + 24 + 30 + 16]].concat();
        world.done(Kind::SetUserPassword(SetUserPassword { id: 1, password }));
        world.last_audit().after
    };
    assert_ne!(password(1), password(2));
}
