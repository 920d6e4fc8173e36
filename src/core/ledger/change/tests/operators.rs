use std::time::Duration;

use super::*;
use crate::base::Name;

fn first(hash: u8, role: Role) -> PutOperator {
    PutOperator {
        operator: Some(operator("Ada", role)),
        expected_revision: 0,
        bootstrap_hash: vec![hash; 32],
        first_token: Some(api_token("ada-1", "ada", 1, role)),
    }
}

fn with_admin() -> World {
    let mut world = World::founded();
    world.done(Kind::PutOperator(first(8, Role::Admin)));
    world
}

fn put_token(token: ApiToken) -> Kind {
    Kind::PutApiToken(PutApiToken { token: Some(token) })
}

fn remove(name: &str) -> Kind {
    Kind::RemoveOperator(RemoveOperator { name: name.into() })
}

#[test]
fn the_bootstrap_token_makes_the_first_operator_once() {
    let mut world = with_admin();
    assert!(world.head.bootstrap_hash.is_empty());
    let token = query::api_token(&world.tables, &[1; 32]).expect("readable");
    assert_eq!(token.map(|token| token.role()), Some(Role::Admin));
    let mut again = first(8, Role::Admin);
    again.operator = Some(operator("eve", Role::Admin));
    again.first_token = Some(api_token("eve-1", "eve", 2, Role::Admin));
    assert_eq!(world.refused(Kind::PutOperator(again)), Refusal::Bootstrap);
}

#[test]
fn a_wrong_bootstrap_token_is_refused() {
    let mut world = World::founded();
    let wrong = Kind::PutOperator(first(7, Role::Admin));
    assert_eq!(world.refused(wrong), Refusal::Bootstrap);
}

#[test]
fn a_bootstrap_token_lives_for_a_day() {
    let mut world = World::founded();
    world.at = world.at.plus(BOOTSTRAP_LIFE);
    let late = Kind::PutOperator(first(8, Role::Admin));
    assert_eq!(world.refused(late), Refusal::Bootstrap);
}

#[test]
fn the_first_operator_is_an_administrator_with_a_token() {
    let mut world = World::founded();
    let helpdesk = Kind::PutOperator(first(8, Role::Helpdesk));
    assert_eq!(world.refused(helpdesk), Refusal::Invalid);
    let mut mute = first(8, Role::Admin);
    mute.first_token = None;
    assert_eq!(world.refused(Kind::PutOperator(mute)), Refusal::Invalid);
}

#[test]
fn the_last_administrator_is_neither_removed_nor_demoted() {
    let mut world = with_admin();
    assert_eq!(world.refused(remove("ADA")), Refusal::LastAdmin);
    let demote = || put_operator(operator("ada", Role::Helpdesk), 1);
    assert_eq!(world.refused(demote()), Refusal::LastAdmin);
    world.done(put_operator(operator("grace", Role::Helpdesk), 0));
    assert_eq!(world.refused(demote()), Refusal::LastAdmin, "grace is none");
    world.done(put_operator(operator("grace", Role::Admin), 1));
    world.done(put_token(api_token("g", "grace", 2, Role::Admin)));
    world.done(demote());
    world.done(remove("ada"));
    assert_eq!(query::operators(&world.tables).expect("readable").len(), 1);
}

fn revoke(token: &str) -> Kind {
    Kind::RevokeApiToken(RevokeApiToken { name: token.into() })
}

#[test]
fn an_administrator_without_a_valid_token_is_nobody_who_could_stay() {
    let mut world = with_admin();
    world.done(put_operator(operator("grace", Role::Admin), 0));
    let last = |world: &mut World, why: &str| {
        for change in [
            revoke("ada-1"),
            remove("ada"),
            put_operator(operator("ada", Role::Auditor), 1),
        ] {
            assert_eq!(world.refused(change), Refusal::LastAdmin, "{why}");
        }
    };
    last(&mut world, "grace has no token");
    world.done(put_token(api_token("g", "grace", 2, Role::Auditor)));
    last(&mut world, "grace's token only reads");
    let expires = world.at.plus(Duration::from_secs(60)).as_millis();
    let token = api_token("g-2", "grace", 3, Role::Admin);
    world.done(put_token(ApiToken { expires, ..token }));
    world.passes(Duration::from_secs(60));
    last(&mut world, "grace's token has expired");
    world.at = Timestamp::from_millis(expires - 1);
    world.done(revoke("ada-1"));
    assert_eq!(world.refused(revoke("g-2")), Refusal::LastAdmin);
    world.done(revoke("g"));
}

#[test]
fn a_demotion_lowers_tokens_made_before() {
    let mut world = with_admin();
    world.done(put_operator(operator("grace", Role::Admin), 0));
    world.done(put_token(api_token("g", "Grace", 2, Role::Admin)));
    world.done(put_operator(operator("grace", Role::Auditor), 1));
    let token = query::api_token(&world.tables, &[2; 32]).expect("readable");
    assert_eq!(token.map(|token| token.role()), Some(Role::Auditor));
}

#[test]
fn a_change_is_refused_once_the_token_it_was_allowed_by_no_longer_allows_it() {
    let mut world = with_admin();
    world.done(put_operator(operator("grace", Role::Admin), 0));
    let expires = world.at.plus(Duration::from_secs(60)).as_millis();
    let token = api_token("g", "grace", 2, Role::Admin);
    world.done(put_token(ApiToken { expires, ..token }));
    let outcome = |world: &mut World, name: &str| {
        let user = user(u64::from(name.as_bytes()[0]), name);
        let mut asked = change(u128::from(name.as_bytes()[0]) << 64, put_user(user, 0));
        asked.actor = Some(Actor {
            name: "grace".to_owned(),
            token: vec![2; 32],
            role: Role::Helpdesk.into(),
            ..Actor::default()
        });
        world.apply(&asked).refusal()
    };
    assert_eq!(outcome(&mut world, "a"), Refusal::Unspecified);
    world.at = world.at.plus(Duration::from_secs(60));
    assert_eq!(outcome(&mut world, "b"), Refusal::Forbidden, "expired");
    world.at = Timestamp::from_millis(expires - 1);
    world.done(put_operator(operator("grace", Role::Auditor), 1));
    assert_eq!(outcome(&mut world, "c"), Refusal::Forbidden, "lowered");
    world.done(remove("grace"));
    assert_eq!(outcome(&mut world, "d"), Refusal::Forbidden, "revoked");
}

/// As whoever stole a node's key would have it.
#[test]
fn a_change_that_names_no_token_is_refused_but_for_the_first_two() {
    let mut world = World::empty();
    let mut unnamed = |kind, actor| {
        world.requests += 1;
        let request = change(world.requests, kind);
        let outcome = world.apply(&Change { actor, ..request });
        outcome.refusal()
    };
    let bare = || Some(Actor::default());
    assert_eq!(unnamed(Kind::Found(found()), None), Refusal::Unspecified);
    let eve = || put_operator(operator("eve", Role::Admin), 0);
    for actor in [None, bare()] {
        assert_eq!(unnamed(eve(), actor), Refusal::Forbidden);
    }
    let first = Kind::PutOperator(first(8, Role::Admin));
    assert_eq!(unnamed(first, bare()), Refusal::Unspecified);
    let user = put_user(user(1, "alice@contoso.example"), 0);
    for kind in [
        eve(),
        user,
        put_token(api_token("eve-1", "ada", 2, Role::Admin)),
    ] {
        assert_eq!(unnamed(kind, bare()), Refusal::Forbidden);
    }
}

#[test]
fn a_removed_operators_tokens_are_revoked() {
    let mut world = with_admin();
    world.done(put_operator(operator("grace", Role::Helpdesk), 0));
    world.done(put_token(api_token("g", "grace", 2, Role::Helpdesk)));
    world.done(remove("grace"));
    assert_eq!(
        query::api_token(&world.tables, &[2; 32]).expect("readable"),
        None
    );
    let name = Name::fold("grace").expect("a name");
    assert_eq!(
        query::operator(&world.tables, &name).expect("readable"),
        None
    );
}

#[test]
fn an_operator_changes_only_from_the_expected_revision() {
    let mut world = with_admin();
    let again = put_operator(operator("ADA", Role::Admin), 0);
    assert_eq!(world.refused(again), Refusal::Revision);
    let unknown = put_operator(operator("bob", Role::Admin), 3);
    assert_eq!(world.refused(unknown), Refusal::NotFound);
    let none = put_operator(operator("bob", Role::Unspecified), 0);
    assert_eq!(world.refused(none), Refusal::Invalid);
}

#[test]
fn an_api_token_does_no_more_than_its_operator() {
    let mut world = with_admin();
    world.done(put_operator(operator("grace", Role::Helpdesk), 0));
    let more = put_token(api_token("g", "grace", 2, Role::Admin));
    assert_eq!(world.refused(more), Refusal::Invalid);
    let none = put_token(api_token("g", "grace", 2, Role::Unspecified));
    assert_eq!(world.refused(none), Refusal::Invalid);
    let nobody = put_token(api_token("g", "nobody", 2, Role::Auditor));
    assert_eq!(world.refused(nobody), Refusal::NotFound);
}

#[test]
fn names_and_hashes_of_api_tokens_are_unique() {
    let mut world = with_admin();
    let hash = put_token(api_token("other", "ada", 1, Role::Admin));
    assert_eq!(world.refused(hash), Refusal::Exists);
    let name = put_token(api_token("ADA-1", "ada", 2, Role::Admin));
    assert_eq!(world.refused(name), Refusal::Exists);
}

#[test]
fn an_api_token_has_a_whole_hash_a_future_and_readable_networks() {
    let mut world = with_admin();
    let good = || api_token("new", "ada", 2, Role::Admin);
    let odd = [
        ApiToken {
            hash: vec![2; 31],
            ..good()
        },
        ApiToken {
            expires: START,
            ..good()
        },
        ApiToken {
            networks: vec!["here".into()],
            ..good()
        },
    ];
    for token in odd {
        assert_eq!(
            world.refused(put_token(token.clone())),
            Refusal::Invalid,
            "{token:?}"
        );
    }
}

#[test]
fn a_revoked_api_token_is_gone() {
    let mut world = with_admin();
    world.done(put_token(api_token("ada-2", "ada", 2, Role::Admin)));
    let revoke = || revoke("Ada-1");
    world.done(revoke());
    assert_eq!(
        query::api_token(&world.tables, &[1; 32]).expect("readable"),
        None
    );
    assert_eq!(world.refused(revoke()), Refusal::NotFound);
}
