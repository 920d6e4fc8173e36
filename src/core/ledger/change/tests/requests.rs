use super::*;
use crate::base::limits::{REQUEST_KEEP, REQUESTS_PURGED_MAX};

fn unlock(request: u128) -> Change {
    change(request, Kind::UnlockUser(UnlockUser { id: 1 }))
}

#[test]
fn a_retry_gets_the_outcome_again_and_does_nothing() {
    let mut world = World::founded();
    let request = change(77, put_user(user(1, "alice"), 0));
    let first = world.apply(&request);
    let (tables, head) = (world.tables.clone(), world.head.clone());
    world.at = Timestamp::from_millis(START + 1000);
    assert_eq!(world.apply(&request), first);
    assert_eq!((world.tables, world.head), (tables, head));
}

#[test]
fn a_refusal_is_remembered_too() {
    let mut world = World::founded();
    let request = change(77, Kind::UnlockUser(UnlockUser { id: 1 }));
    let refused = world.apply(&request);
    world.done(put_user(user(1, "alice"), 0));
    assert_eq!(world.apply(&request), refused);
}

#[test]
fn a_retry_of_the_founding_gets_its_outcome_again() {
    let mut world = World::empty();
    let request = change(77, Kind::Found(found()));
    let first = world.apply(&request);
    assert_eq!(first.refusal(), Refusal::Unspecified);
    assert_eq!(world.apply(&request), first);
}

#[test]
fn a_request_id_names_one_change() {
    let mut world = World::founded();
    world.apply(&change(77, put_user(user(1, "alice"), 0)));
    let other = world.apply(&change(77, put_user(user(2, "bob"), 0)));
    assert_eq!(other.refusal(), Refusal::RequestReused);
    assert_eq!(world.count(Table::Users), 1);
    let audit = world.last_audit();
    assert!(audit.refused.starts_with("REFUSAL_REQUEST_REUSED"));
}

#[test]
fn a_retry_may_come_from_another_address_but_not_from_another_operator() {
    let mut world = World::with_user();
    let first = world.apply(&unlock(77));
    let mut moved = unlock(77);
    moved.actor.as_mut().expect("ada").source = "198.51.100.8".into();
    assert_eq!(world.apply(&moved), first);
    let mut other = unlock(77);
    other.actor.as_mut().expect("ada").name = "eve".into();
    assert_eq!(world.apply(&other).refusal(), Refusal::RequestReused);
}

#[test]
fn a_retry_is_known_by_what_was_asked_when_the_drawn_id_differs() {
    let mut world = World::founded();
    let asked = |id| Change {
        digest: vec![3; 32],
        ..change(77, put_user(user(id, "alice"), 0))
    };
    let first = world.apply(&asked(1));
    assert_eq!(world.apply(&asked(2)), first);
    assert_eq!(first.id, 1);
}

#[test]
fn a_request_without_an_id_of_16_octets_is_invalid() {
    let mut world = World::with_user();
    for id in [vec![], vec![1; 15], vec![1; 17]] {
        let mut request = unlock(1);
        request.request_id = id;
        assert_eq!(world.apply(&request).refusal(), Refusal::Invalid);
    }
}

#[test]
fn after_a_day_a_request_id_is_free_again() {
    let mut world = World::with_user();
    world.apply(&unlock(77));
    world.at = world.at.plus(REQUEST_KEEP);
    let other = change(77, put_user(user(2, "bob"), 0));
    assert_eq!(world.apply(&other).refusal(), Refusal::Unspecified);
    assert_eq!(
        world.count(Table::Requests),
        world.count(Table::RequestTimes)
    );
    assert_eq!(
        world.apply(&other).refusal(),
        Refusal::Unspecified,
        "and kept"
    );
    assert_eq!(world.count(Table::Users), 2);
}

#[test]
fn expired_requests_are_forgotten_oldest_first_a_few_with_each_change() {
    let mut world = World::with_user();
    for request in 100..120 {
        world.apply(&unlock(request));
    }
    let full = world.count(Table::Requests);
    world.at = world.at.plus(REQUEST_KEEP);
    world.apply(&unlock(999));
    assert_eq!(world.count(Table::Requests), full - REQUESTS_PURGED_MAX + 1);
    for request in 1000..1003 {
        world.apply(&unlock(request));
    }
    assert_eq!(world.count(Table::Requests), 4);
    assert_eq!(world.count(Table::RequestTimes), 4);
}

#[test]
fn the_old_time_of_a_reused_request_id_does_not_forget_the_new_one() {
    let mut world = World::with_user();
    for request in 100..120 {
        world.apply(&unlock(request));
    }
    world.at = world.at.plus(REQUEST_KEEP);
    // Not purged yet: the backlog is longer than one change forgets.
    let reused = change(119, put_user(user(2, "bob"), 0));
    let first = world.apply(&reused);
    for request in 200..205 {
        world.apply(&unlock(request));
    }
    assert_eq!(world.apply(&reused), first);
    let times = world.count(Table::RequestTimes);
    assert_eq!(world.count(Table::Requests), times);
}

#[test]
fn every_change_done_or_refused_is_audited_in_order() {
    let mut world = World::founded();
    world.done(put_user(user(1, "alice"), 0));
    world.refused(put_user(user(1, "alice"), 7));
    let records = query::audit(&world.tables, 1, 9).expect("readable");
    assert_eq!(records.len(), 2);
    let [done, refused] = &*records else {
        unreachable!("two were counted");
    };
    assert_eq!((&*done.action, &*done.refused), ("user.put", ""));
    assert_eq!((done.at, done.request_id.len()), (START, 16));
    assert!(done.before.is_empty() && done.after.contains("name=\"alice\""));
    assert_eq!(done.actor.as_ref().map(|actor| &*actor.name), Some("ada"));
    assert_eq!(refused.refused, "REFUSAL_REVISION: is at revision 1, not 7");
    assert!(refused.after.is_empty());
    assert_eq!(
        query::audit(&world.tables, 0, 1).expect("readable").len(),
        1
    );
}

#[test]
fn text_from_outside_cannot_forge_an_audit_record() {
    let mut world = World::founded();
    let mut bob = user(1, "bob");
    bob.contact = "x\" status=\"y\nz\u{202e}".into();
    let mut request = change(77, put_user(bob, 0));
    request.actor = Some(Actor {
        name: "n".repeat(100_000),
        source: "\u{1b}[2J".into(),
        token: TOKEN.to_vec(),
        ..Actor::default()
    });
    world.apply(&request);
    let audit = world.last_audit();
    assert!(
        audit
            .after
            .contains(r#"contact="x' status='y\u{a}z\u{202e}""#),
        "{}",
        audit.after
    );
    let actor = audit.actor.expect("named");
    assert_eq!(
        (actor.name.chars().count(), &*actor.source),
        (257, r"\u{1b}[2J")
    );
}

#[test]
fn an_audit_record_is_bounded() {
    let mut world = World::founded();
    let mut bob = user(1, "bob");
    bob.aliases = (0..16).map(|n| format!("{n}{}", "é".repeat(120))).collect();
    bob.groups = vec!["\u{202e}".repeat(80); 200];
    world.done(put_user(bob, 0));
    assert!(world.last_audit().after.len() <= 1024);
}

#[test]
fn a_change_of_no_known_kind_is_invalid() {
    let mut world = World::founded();
    let mut request = unlock(77);
    request.kind = None;
    assert_eq!(world.apply(&request).refusal(), Refusal::Invalid);
    assert_eq!(world.last_audit().action, "unknown");
}
