//! Rounds of synchronisation: only differences, the guard, and who may be marked.

use super::*;
use crate::ledger::synced;

const SOURCE: &str = "corp";

/// A cluster with the source and `count` users, 1 and on.
fn world(count: u64) -> World {
    let mut world = World::founded();
    let sources = [SOURCE, "other"].map(|name| Source {
        name: name.into(),
        domains: Vec::new(),
        kind: Some(source::Kind::Entra(EntraSettings {
            authority: "https://login.contoso.example:8443".into(),
            tenant: "8f0c6a1e-0000-4000-8000-000000000001".into(),
            client_id: "8f0c6a1e-0000-4000-8000-000000000002".into(),
            client_type: EntraClientType::Public.into(),
            ..EntraSettings::default()
        })),
        ..Source::default()
    });
    world.done(Kind::PutSettings(PutSettings {
        settings: Some(Settings {
            sources: sources.into(),
            ..Settings::default()
        }),
        expected_revision: 1,
        confirm_within: 0,
    }));
    for id in 1..=count {
        world.done(put_user(user(id, &format!("user{id}@contoso.example")), 0));
    }
    world
}

fn facts(change: impl FnOnce(&mut SyncedFacts)) -> Option<SyncedFacts> {
    let mut facts = SyncedFacts {
        source: SOURCE.into(),
        ..SyncedFacts::default()
    };
    change(&mut facts);
    Some(facts)
}

fn disabled() -> Option<SyncedFacts> {
    facts(|it| it.disabled = true)
}

/// A round about 100 users that newly refuses as many as it names disabled or gone.
fn round(number: u64, users: &[(u64, Option<SyncedFacts>)]) -> SyncUsers {
    let refused = |facts: &Option<SyncedFacts>| {
        let mut facts = facts.iter();
        facts.any(|it| it.disabled || it.gone)
    };
    let disabling = users.iter().filter(|(_, facts)| refused(facts)).count();
    let users = users.iter().map(|(id, facts)| SyncedUser {
        id: *id,
        facts: facts.clone(),
        name: String::new(),
    });
    SyncUsers {
        source: SOURCE.into(),
        users: users.collect(),
        disabling: disabling.try_into().unwrap(),
        round: number,
        matched: 100,
        confirmed: false,
    }
}

fn state(world: &World) -> SyncState {
    query::sync_state(&world.tables, SOURCE).unwrap()
}

fn refused(world: &World) -> Vec<u64> {
    let users = query::users(&world.tables, crate::base::UserId(0), 1000).unwrap();
    let refused = users.iter().filter(|user| synced::is_refused(user));
    refused.map(|user| user.id).collect()
}

#[test]
fn only_what_differs_is_written() {
    let mut world = world(2);
    let staff = facts(|it| it.groups = vec!["staff".into()]);
    let users = [(1, staff), (2, facts(|_| ()))];
    world.done(Kind::SyncUsers(round(1, &users)));
    assert_eq!((world.user(1).revision, world.user(2).revision), (2, 2));
    let first = world.user(1).synced.unwrap();
    assert_eq!(
        (first.at, &*first.groups),
        (START, &["staff".to_owned()][..])
    );
    world.at = Timestamp::from_millis(START + 600_000);
    world.done(Kind::SyncUsers(round(2, &users)));
    assert_eq!(world.user(1).revision, 2);
    assert_eq!(world.user(1).synced.unwrap().at, START);
    assert!(world.last_audit().after.starts_with("changed=0 "));
    world.done(Kind::SyncUsers(round(
        3,
        &[(1, disabled()), users[1].clone()],
    )));
    assert_eq!((world.user(1).revision, world.user(2).revision), (3, 2));
    assert_eq!(world.user(1).synced.unwrap().at, START + 600_000);
}

#[test]
fn a_user_that_is_not_known_is_passed_over() {
    let mut world = world(1);
    world.done(Kind::SyncUsers(round(
        1,
        &[(9, disabled()), (1, disabled())],
    )));
    assert_eq!(refused(&world), [1]);
    assert_eq!(world.count(Table::Users), 1);
}

#[test]
fn an_operator_who_enables_does_not_override_the_directory() {
    let mut world = world(1);
    world.done(Kind::SyncUsers(round(1, &[(1, disabled())])));
    world.done(Kind::SetUserStatus(SetUserStatus {
        id: 1,
        status: UserStatus::Active.into(),
    }));
    let revision = world.user(1).revision;
    let put = User {
        synced: None,
        ..user(1, "user1@contoso.example")
    };
    world.done(put_user(put, revision));
    assert_eq!(refused(&world), [1]);
}

fn rename(world: &mut World, name: &str) {
    let revision = world.user(1).revision;
    world.done(put_user(user(1, name), revision));
}

#[test]
fn a_renamed_user_is_in_no_group_of_the_old_names_account() {
    let mut world = world(1);
    let staff = facts(|it| {
        it.groups = vec!["staff".into()];
        it.group_ids = vec!["CN=staff".into()];
    });
    world.done(Kind::SyncUsers(round(1, &[(1, staff)])));
    // The same name, as logins look it up.
    rename(&mut world, "USER1@contoso.example");
    assert!(synced::is_in(&world.user(1), "staff"));
    rename(&mut world, "carol@contoso.example");
    assert_eq!(world.user(1).synced, None);
}

#[test]
fn who_is_refused_stays_so_under_a_new_name_until_a_round_has_looked() {
    for refuse in [
        |it: &mut SyncedFacts| it.disabled = true,
        |it: &mut SyncedFacts| it.gone = true,
    ] {
        let mut world = world(1);
        let refused_staff = facts(|it| {
            refuse(it);
            it.groups = vec!["staff".into()];
            it.group_ids = vec!["CN=staff".into()];
        });
        world.done(Kind::SyncUsers(round(1, &[(1, refused_staff)])));
        world.at = Timestamp::from_millis(START + 1);
        rename(&mut world, "carol@contoso.example");
        let mut left = facts(refuse).unwrap();
        left.at = START + 1;
        assert_eq!(world.user(1).synced, Some(left));
        world.done(Kind::SyncUsers(round(2, &[(1, facts(|_| ()))])));
        assert!(refused(&world).is_empty());
    }
}

#[test]
fn what_was_read_under_another_name_is_not_written() {
    let mut world = world(1);
    let under = |number, name: &str, facts| {
        let mut round = round(number, &[(1, facts)]);
        name.clone_into(&mut round.users[0].name);
        Kind::SyncUsers(round)
    };
    rename(&mut world, "Carol@contoso.example");
    let staff = || facts(|it| it.groups = vec!["staff".into()]);
    world.done(under(1, "user1@contoso.example", staff()));
    assert_eq!(world.user(1).synced, None);
    assert!(world.last_audit().after.starts_with("changed=0 "));
    world.done(under(2, "carol@contoso.example", staff()));
    assert_eq!(world.user(1).synced.unwrap().groups, ["staff"]);
    world.done(under(3, "user1@contoso.example", None));
    assert!(world.user(1).synced.is_some(), "nor forgotten");
}

#[test]
fn a_round_that_refuses_too_many_refuses_nobody_and_says_so() {
    let mut world = world(6);
    let mut users: Vec<_> = (1..=6).map(|id| (id, disabled())).collect();
    users[5].1 = facts(|it| it.gone = true);
    users[0].1.as_mut().unwrap().groups = vec!["staff".into()];
    world.done(Kind::SyncUsers(round(1, &users)));
    assert!(refused(&world).is_empty());
    // Groups are written all the same, but nothing of who is gone.
    let first = world.user(1).synced.unwrap();
    assert_eq!(first.groups, ["staff"]);
    assert_eq!(world.user(6).synced, None);
    let held = state(&world).held.unwrap();
    assert_eq!((held.disabling, held.matched, held.at), (6, 100, START));
    assert_eq!(held.names.len(), 6);
    let told = world.last_audit();
    assert_eq!(told.action, "users.sync");
    assert!(
        told.after.contains("held=6 users=\"user1@"),
        "{}",
        told.after
    );
    // Five of a hundred may be.
    world.at = Timestamp::from_millis(START + 1);
    world.done(Kind::SyncUsers(round(2, &users[1..])));
    assert_eq!(refused(&world), [2, 3, 4, 5, 6]);
    assert_eq!(state(&world).held, None);
}

#[test]
fn the_same_hold_stands_since_it_was_first_seen() {
    let mut world = world(6);
    let users: Vec<_> = (1..=6).map(|id| (id, disabled())).collect();
    world.done(Kind::SyncUsers(round(1, &users)));
    world.at = Timestamp::from_millis(START + 600_000);
    world.done(Kind::SyncUsers(round(2, &users)));
    assert_eq!(state(&world).held.unwrap().at, START);
}

#[test]
fn what_is_confirmed_is_what_was_told() {
    let mut world = world(8);
    let users: Vec<_> = (1..=8).map(|id| (id, disabled())).collect();
    let confirmed = |number, count: usize| SyncUsers {
        confirmed: true,
        ..round(number, &users[..count])
    };
    // Nobody was told of anything yet.
    world.done(Kind::SyncUsers(confirmed(1, 7)));
    assert!(refused(&world).is_empty());
    // More than was told.
    world.done(Kind::SyncUsers(confirmed(2, 8)));
    assert!(refused(&world).is_empty());
    // In two parts, as much as was told.
    let part = |users: &[(u64, Option<SyncedFacts>)]| SyncUsers {
        disabling: 8,
        confirmed: true,
        ..round(3, users)
    };
    world.done(Kind::SyncUsers(part(&users[..4])));
    world.done(Kind::SyncUsers(part(&users[4..])));
    assert_eq!(refused(&world).len(), 8);
    assert_eq!(state(&world).held, None);
}

#[test]
fn parts_of_one_round_are_counted_together_whatever_it_says() {
    let mut world = world(8);
    let users: Vec<_> = (1..=8).map(|id| (id, disabled())).collect();
    for part in users.chunks(4) {
        let one = SyncUsers {
            disabling: 1,
            ..round(1, part)
        };
        world.done(Kind::SyncUsers(one));
    }
    assert_eq!(refused(&world), [1, 2, 3, 4]);
    let now = state(&world);
    assert_eq!((now.refused, now.held.unwrap().disabling), (4, 8));
}

#[test]
fn what_is_held_stays_so_in_all_later_parts_of_the_round() {
    let mut world = world(9);
    let users: Vec<_> = (1..=9).map(|id| (id, disabled())).collect();
    // The last part alone, behind the first, would still be within bounds.
    for part in users.chunks(4) {
        world.done(Kind::SyncUsers(round(1, part)));
    }
    assert_eq!(refused(&world), [1, 2, 3, 4]);
    assert!(state(&world).held.is_some());
}

#[test]
fn a_round_that_says_that_it_refuses_too_many_is_held_from_its_first_part() {
    let mut world = world(8);
    let users: Vec<_> = (1..=4).map(|id| (id, disabled())).collect();
    world.done(Kind::SyncUsers(SyncUsers {
        disabling: 8,
        ..round(1, &users)
    }));
    assert!(refused(&world).is_empty());
    assert_eq!(state(&world).held.unwrap().disabling, 8);
}

#[test]
fn of_those_that_are_held_the_first_ten_are_named() {
    let mut world = world(12);
    let users: Vec<_> = (1..=12).map(|id| (id, disabled())).collect();
    world.done(Kind::SyncUsers(round(1, &users)));
    let held = state(&world).held.unwrap();
    assert_eq!((held.disabling, held.names.len()), (12, 10));
}

#[test]
fn another_hold_has_a_time_of_its_own() {
    let users: Vec<_> = (1..=7).map(|id| (id, disabled())).collect();
    let first = round(1, &users[..6]);
    let others = [
        SyncUsers {
            matched: 90,
            ..round(2, &users[..6])
        },
        SyncUsers {
            disabling: 7,
            ..round(2, &users[..6])
        },
        round(2, &users[1..]),
    ];
    for other in others {
        let mut world = world(7);
        world.done(Kind::SyncUsers(first.clone()));
        world.at = Timestamp::from_millis(START + 1);
        world.done(Kind::SyncUsers(other));
        assert_eq!(state(&world).held.unwrap().at, START + 1);
    }
}

#[test]
fn who_is_refused_already_is_not_counted_again() {
    let mut world = world(8);
    let users: Vec<_> = (1..=8).map(|id| (id, disabled())).collect();
    world.done(Kind::SyncUsers(round(1, &users[..4])));
    let second = SyncUsers {
        disabling: 4,
        ..round(2, &users)
    };
    world.done(Kind::SyncUsers(second));
    assert_eq!(refused(&world).len(), 8);
}

#[test]
fn an_older_round_comes_too_late() {
    let mut world = world(1);
    world.done(Kind::SyncUsers(round(5, &[(1, disabled())])));
    let late = round(4, &[(1, facts(|_| ()))]);
    assert_eq!(world.refused(Kind::SyncUsers(late)), Refusal::Revision);
}

#[test]
fn facts_of_another_source_or_of_none_in_the_settings_are_refused() {
    let mut world = world(1);
    let others = round(1, &[(1, facts(|it| it.source = "other".into()))]);
    assert_eq!(world.refused(Kind::SyncUsers(others)), Refusal::Invalid);
    let gone = SyncUsers {
        source: "gone".into(),
        ..round(1, &[(1, facts(|it| it.source = "gone".into()))])
    };
    assert_eq!(world.refused(Kind::SyncUsers(gone)), Refusal::NotFound);
}

#[test]
fn facts_are_forgotten_only_for_the_source_that_said_them() {
    let mut world = world(1);
    world.done(Kind::SyncUsers(round(1, &[(1, disabled())])));
    let forget = |source: &str| {
        Kind::SyncUsers(SyncUsers {
            source: source.into(),
            ..round(2, &[(1, None)])
        })
    };
    world.done(forget("gone"));
    assert_eq!(refused(&world), [1]);
    world.done(forget(SOURCE));
    assert_eq!(world.user(1).synced, None);
}

#[test]
fn who_has_a_password_of_the_own_is_of_no_directory() {
    let mut world = world(1);
    world.done(Kind::SyncUsers(round(1, &[(1, disabled())])));
    world.done(Kind::SetUserPassword(SetUserPassword {
        id: 1,
        password: b"sealed hash".to_vec(),
    }));
    assert!(refused(&world).is_empty());
    world.done(Kind::SyncUsers(round(2, &[(1, disabled())])));
    assert!(refused(&world).is_empty());
}

#[test]
fn a_round_has_bounds() {
    let mut world = world(1);
    let many: Vec<_> = (0..257).map(|id| (id, None)).collect();
    assert_eq!(
        world.refused(Kind::SyncUsers(round(1, &many))),
        Refusal::Limit
    );
    let groups = facts(|it| it.groups = vec!["g".into(); 1016]);
    assert_eq!(
        world.refused(Kind::SyncUsers(round(1, &[(1, groups)]))),
        Refusal::Limit
    );
    let odd = facts(|it| {
        it.groups = vec!["g".into(); 2];
        it.group_ids = vec!["CN=g".into()];
    });
    assert_eq!(
        world.refused(Kind::SyncUsers(round(1, &[(1, odd)]))),
        Refusal::Invalid
    );
    let long = || "g".repeat(257);
    let odd = [
        facts(|it| it.groups = vec![long()]),
        facts(|it| {
            it.groups = vec!["g".into()];
            it.group_ids = vec!["g".repeat(2049)];
        }),
    ];
    for facts in odd {
        let refused = world.refused(Kind::SyncUsers(round(1, &[(1, facts)])));
        assert_eq!(refused, Refusal::Invalid);
    }
    for source in [String::new(), long()] {
        let of_nobody = SyncUsers {
            source,
            ..round(1, &[])
        };
        let refused = world.refused(Kind::SyncUsers(of_nobody));
        assert_eq!(refused, Refusal::Invalid);
    }
    assert_eq!(
        world.refused(Kind::SyncUsers(round(0, &[(1, None)]))),
        Refusal::Invalid
    );
}

#[test]
fn a_round_is_confirmed_only_by_an_operator() {
    let mut world = world(1);
    let by_node = |confirmed| {
        let kind = Kind::SyncUsers(SyncUsers {
            confirmed,
            ..round(1, &[(1, disabled())])
        });
        let mut change = change(77 + u128::from(confirmed), kind);
        change.actor = Some(Actor {
            name: "node 1".into(),
            ..Actor::default()
        });
        change
    };
    let outcome = world.apply(&by_node(true));
    assert_eq!(outcome.refusal(), Refusal::Forbidden);
    let outcome = world.apply(&by_node(false));
    assert_eq!(outcome.refusal(), Refusal::Unspecified);
    assert_eq!(refused(&world), [1]);
}
