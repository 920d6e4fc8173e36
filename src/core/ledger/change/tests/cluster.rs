use super::*;
use crate::ledger::table::StoreError;

fn put_key(key: Key) -> Kind {
    Kind::PutKey(PutKey { key: Some(key) })
}

#[test]
fn nothing_is_done_or_recorded_before_the_founding() {
    let mut world = World::empty();
    let outcome = world.change(put_user(user(1, "alice"), 0));
    assert_eq!(outcome.refusal(), Refusal::NotFounded);
    assert_eq!(world.tables.records().count(), 0);
    assert_eq!(world.head, Head::default());
}

#[test]
fn a_cluster_is_founded_once() {
    let mut world = World::founded();
    assert_eq!(world.head.cluster, [5; 16]);
    assert_eq!(world.head.version, CLUSTER_VERSION);
    assert_eq!(world.head.bootstrap_until, START + 86_400_000);
    assert_eq!(query::keys(&world.tables).expect("readable").len(), 1);
    assert_eq!(query::members(&world.tables).expect("readable").len(), 1);
    assert_eq!(
        (world.head.settings_revision, world.head.rules_revision),
        (1, 1)
    );
    let other = Found {
        cluster: vec![6; 16],
        ..found()
    };
    assert_eq!(world.refused(Kind::Found(other)), Refusal::Exists);
}

#[test]
fn a_founding_that_says_too_little_leaves_the_store_empty() {
    let odd = [
        Found {
            cluster: vec![5; 15],
            ..found()
        },
        Found {
            cluster: vec![0; 16],
            ..found()
        },
        Found {
            keys: vec![],
            ..found()
        },
        Found {
            keys: vec![key(1), key(1)],
            ..found()
        },
        Found {
            member: None,
            ..found()
        },
        Found {
            bootstrap_hash: vec![1],
            ..found()
        },
    ];
    for found in odd {
        let mut world = World::empty();
        let outcome = world.change(Kind::Found(found.clone()));
        assert_eq!(outcome.refusal(), Refusal::Invalid, "{found:?}");
        assert_eq!(world.tables.records().count(), 0);
    }
}

#[test]
fn new_wraps_replace_those_of_a_key_and_keep_its_purpose() {
    let mut world = World::founded();
    let mut wider = key(1);
    wider.wraps.push(key::Wrap {
        kek: vec![6; 8],
        wrapped: vec![1; 48],
    });
    wider.created = 1;
    assert_eq!(world.done(put_key(wider)).revision, 2);
    let stored = query::keys(&world.tables).expect("readable").remove(0);
    assert_eq!((stored.wraps.len(), stored.created), (2, START));
    let mut other = key(1);
    other.set_purpose(KeyPurpose::Place);
    assert_eq!(world.refused(put_key(other)), Refusal::Invalid);
    world.done(put_key(key(2)));
    assert_eq!(world.head.keys_revision, 3);
}

#[test]
fn a_key_is_wrapped_once_for_each_holder_and_for_recovery() {
    let mut world = World::founded();
    let mut twice = key(2);
    twice.wraps.extend(key(2).wraps);
    let odd = [
        Key { id: 0, ..key(2) },
        Key {
            wraps: vec![],
            ..key(2)
        },
        Key {
            recovery: vec![],
            ..key(2)
        },
        Key {
            purpose: 0,
            ..key(2)
        },
        twice,
    ];
    for key in odd {
        assert_eq!(
            world.refused(put_key(key.clone())),
            Refusal::Invalid,
            "{key:?}"
        );
    }
}

fn raise(to: u32) -> Kind {
    Kind::RaiseVersion(RaiseVersion { to })
}

#[test]
fn the_version_only_rises() {
    let mut world = World::founded();
    assert_eq!(world.refused(raise(CLUSTER_VERSION)), Refusal::State);
    assert_eq!(world.refused(raise(0)), Refusal::State);
}

#[test]
fn the_version_waits_for_every_member() {
    let mut world = World::founded();
    assert_eq!(world.refused(raise(CLUSTER_VERSION + 1)), Refusal::State);
}

#[test]
fn a_binary_older_than_the_raised_version_stops() {
    let mut world = World::founded();
    let newer = Member {
        version_max: CLUSTER_VERSION + 1,
        ..member(1)
    };
    world.plant(Table::Members, &1u32.to_be_bytes(), &newer);
    let mut draft = Draft::new(&world.tables);
    let change = change(99, raise(CLUSTER_VERSION + 1));
    let stop = super::super::apply(&mut draft, &mut world.head, world.at, &change);
    assert!(matches!(stop, Err(StoreError::Newer(..))));
}

#[test]
fn the_version_rises_when_all_speak_it() {
    let mut world = World::founded();
    world.head.version = 0;
    assert_eq!(
        world.done(raise(CLUSTER_VERSION)).revision,
        u64::from(CLUSTER_VERSION)
    );
    assert_eq!(world.head.version, CLUSTER_VERSION);
}
