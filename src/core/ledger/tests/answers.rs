//! One State has one verdict (DESIGN §2, "The attempt").

use super::world::*;
use crate::base::AnswerId;
use crate::ledger::BeginResult::{Refused, Repeat};
use crate::ledger::{Begin, RefusedBy, SourceOutcome, Verdict};

#[test]
fn before_line_4_another_answer_to_the_same_state_is_refused_whatever_came_of_the_first() {
    let answered = |begin: Begin, answer: u8, flow| Begin {
        answer: Some(AnswerId([answer; 16])),
        owner: owner(1, 1, flow),
        ..begin
    };
    let mut world = World::new();
    let first = answered(world.login(1, 100), 1, 1);
    let epoch = world.grant(&first);
    let other = |world: &World| answered(world.login(1, 101), 2, 2);
    let refused = Refused(RefusedBy::Answered);
    assert_eq!(world.begin(&other(&world)), refused, "in flight");
    world.settle(1, epoch, SourceOutcome::NotAsked);
    assert_eq!(world.begin(&other(&world)), refused, "open");
    let again = Begin {
        prev: epoch,
        ..answered(world.login(1, 100), 1, 3)
    };
    let epoch = world.grant(&again);
    world.settle(1, epoch, SourceOutcome::Right);
    assert_eq!(world.begin(&other(&world)), refused, "let in");
    let retry = answered(world.login(1, 100), 1, 4);
    assert_eq!(world.begin(&retry), Repeat(Verdict::Accepted));
    // Neither is it taken for a login whose key has what was typed.
    let typed = Begin {
        answer: None,
        ..retry
    };
    assert_eq!(world.begin(&typed), refused);
}

#[test]
fn a_wrong_answer_is_remembered_for_longer_than_its_state_can_be_shown() {
    let mut world = World::new();
    world.edit_client(|it| it.strict_grace = true);
    let answer = Some(AnswerId([1; 16]));
    let wrong = Begin {
        answer,
        ..world.wrong_code(1)
    };
    assert_eq!(world.begin(&wrong), Repeat(Verdict::WrongCode));
    world.pass(79_999);
    let other = Begin {
        answer: Some(AnswerId([2; 16])),
        ..world.login(1, 100)
    };
    assert_eq!(world.begin(&other), Refused(RefusedBy::Answered));
}
