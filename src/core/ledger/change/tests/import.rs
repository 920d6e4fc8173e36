use super::*;
use crate::base::limits::ATOMIC_ROWS_MAX;

fn row(number: u32, user: Option<User>, token: Option<Token>) -> ImportRow {
    ImportRow {
        number,
        user,
        token,
    }
}

fn rows() -> Vec<ImportRow> {
    let active = |id| Some(token(id, 0, TokenState::Active));
    vec![
        row(2, Some(user(21, "bob")), active(11)),
        row(3, Some(user(22, "ALICE@contoso.example")), active(12)),
        row(4, None, active(13)),
        row(5, Some(user(23, "carol.")), active(14)),
        row(6, Some(user(24, "dave")), active(11)),
    ]
}

fn import(rows: Vec<ImportRow>, atomic: bool) -> Kind {
    Kind::Import(Import { rows, atomic })
}

fn refusals(outcome: &ChangeOutcome) -> Vec<(u32, Refusal)> {
    let rows = outcome.rows.iter();
    rows.map(|row| (row.number, row.refusal())).collect()
}

#[test]
fn good_rows_are_done_and_bad_ones_told_with_their_reason() {
    let mut world = World::with_user();
    let outcome = world.done(import(rows(), false));
    let expected = [
        (2, Refusal::Unspecified),
        (3, Refusal::Unspecified),
        (4, Refusal::Unspecified),
        (5, Refusal::Invalid),
        (6, Refusal::Exists),
    ];
    assert_eq!(refusals(&outcome), expected);
    assert_eq!(world.token(11).owner, 21, "a made user");
    assert_eq!(world.token(12).owner, 1, "a known user, by the folded name");
    assert_eq!(world.token(13).owner, 0, "the inventory");
    assert_eq!(world.count(Table::Users), 2, "a refused row makes no user");
}

#[test]
fn an_atomic_import_with_a_bad_row_does_nothing_and_tells_all_faults() {
    let mut world = World::with_user();
    let before = world.contents();
    let outcome = world.change(import(rows(), true));
    assert_eq!(outcome.refusal(), Refusal::Invalid);
    assert!(
        outcome.detail.starts_with("2 rows, first row 5"),
        "{}",
        outcome.detail
    );
    assert_eq!(refusals(&outcome).len(), 5);
    assert_eq!(world.contents(), before);
}

#[test]
fn an_atomic_import_of_good_rows_is_done() {
    let mut world = World::with_user();
    let good = rows().into_iter().take(3).collect();
    world.done(import(good, true));
    assert_eq!(world.count(Table::Tokens), 3);
}

#[test]
fn a_row_sees_the_rows_before_it() {
    let mut world = World::founded();
    let twice = vec![
        row(
            1,
            Some(user(1, "bob")),
            Some(token(11, 0, TokenState::Active)),
        ),
        row(
            2,
            Some(user(2, "BOB")),
            Some(token(12, 0, TokenState::Pending)),
        ),
    ];
    world.done(import(twice, true));
    assert_eq!((world.token(11).owner, world.token(12).owner), (1, 1));
    assert_eq!(world.count(Table::Users), 1);
}

#[test]
fn a_row_that_says_nothing_new_is_refused() {
    let mut world = World::with_user();
    let empty = vec![
        row(1, None, None),
        row(2, Some(user(2, "alice@contoso.example")), None),
        row(3, None, Some(token(11, 1, TokenState::Active))),
    ];
    let outcome = world.done(import(empty, false));
    let expected = [
        (1, Refusal::Invalid),
        (2, Refusal::Exists),
        (3, Refusal::Invalid),
    ];
    assert_eq!(refusals(&outcome), expected);
}

#[test]
fn rows_of_one_change_are_bounded() {
    let mut world = World::founded();
    let many = vec![ImportRow::default(); ATOMIC_ROWS_MAX + 1];
    assert_eq!(world.refused(import(many, false)), Refusal::Limit);
}

#[test]
fn the_audit_tells_of_tokens_for_known_users_before_all_others() {
    let mut world = World::with_user();
    let many = (0..200).map(|n| row(n, Some(user(100 + u64::from(n), &format!("u{n}"))), None));
    let mut rows: Vec<_> = many.collect();
    let mut active = token(11, 0, TokenState::Active);
    active.serial = "HT123".into();
    let alice = user(22, "alice@contoso.example");
    rows.push(row(200, Some(alice), Some(active)));
    rows.push(row(201, None, Some(token(12, 0, TokenState::Pending))));
    world.done(import(rows, false));
    let after = world.last_audit().after;
    let known = "tokens_of_known_users=\"HT123 active of alice@contoso.example\"";
    for told in [
        "done=202 refused=0",
        known,
        " more #",
        "tokens=\"token 12 pending\"",
    ] {
        assert!(after.contains(told), "{told} not in {after}");
    }
}
