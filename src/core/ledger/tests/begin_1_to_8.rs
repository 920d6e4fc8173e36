//! The table "Begin" of DESIGN §2, lines 1 to 8, and what it leaves out.

use super::world::*;
use crate::base::{Epoch, TokenId};
use crate::ledger::BeginResult::{Changed, Granted, InFlight, Refused, Repeat, Stale, TooLate};
use crate::ledger::{
    Begin, Match, RefusedBy, Revisions, SettleResult, SourceOutcome, Table, Verdict, storage,
};

#[test]
fn line_1_a_command_past_its_life_is_too_late() {
    let mut world = World::new();
    let begin = world.login(1, 100);
    world.pass(5_000);
    assert!(matches!(world.begin(&begin), Granted { .. }));
    let begin = world.login(2, 101);
    world.pass(5_001);
    assert_eq!(world.begin(&begin), TooLate);
    assert_eq!(world.look(2), None);
}

#[test]
fn line_2_an_old_revision_of_the_client_is_stale() {
    let mut world = World::new();
    world.edit_client(|it| it.revision = 1);
    let begin = world.login(1, 100);
    assert_eq!(world.begin(&begin), Stale);
}

#[test]
fn line_2_a_deleted_client_is_stale() {
    let mut world = World::new();
    world.remove(Table::Clients, CLIENT.0);
    let begin = world.login(1, 100);
    assert_eq!(world.begin(&begin), Stale);
}

#[test]
fn line_2_an_old_revision_of_the_rules_is_stale() {
    let mut world = World::new();
    world.edit(Table::Head, &[], |it: &mut storage::Head| {
        it.rules_revision = 1
    });
    let begin = world.login(1, 100);
    assert_eq!(world.begin(&begin), Stale);
}

#[test]
fn line_2_an_old_revision_of_the_settings_is_stale() {
    let mut world = World::new();
    world.edit(Table::Head, &[], |it: &mut storage::Head| {
        it.settings_revision = 1
    });
    let begin = world.login(1, 100);
    assert_eq!(world.begin(&begin), Stale);
}

#[test]
fn line_2_another_users_token_is_stale() {
    let mut world = World::new();
    world.edit_token(|it| it.owner = OTHER_USER.0);
    let begin = world.login(1, 100);
    assert_eq!(world.begin(&begin), Stale);
}

#[test]
fn line_2_a_new_seed_is_stale() {
    let mut world = World::new();
    world.edit_token(|it| it.generation = 2);
    let begin = world.login(1, 100);
    assert_eq!(world.begin(&begin), Stale);
}

#[test]
fn line_2_comes_before_line_3() {
    let mut world = World::new();
    world.edit_client(|it| it.revision = 1);
    world.edit_user(|it| it.status = storage::UserStatus::Disabled.into());
    let begin = world.login(1, 100);
    assert_eq!(world.begin(&begin), Stale);
}

#[test]
fn line_2_what_rules_saw_of_the_user_must_be_what_stands_now() {
    let mut world = World::new();
    world.edit_user(|it| it.revision = 3);
    let seen = |world: &World, user| {
        let revisions = Revisions {
            user,
            ..Revisions::default()
        };
        Begin {
            revisions,
            ..world.login(1, 100)
        }
    };
    let before = seen(&world, 2);
    assert_eq!(world.begin(&before), Stale);
    let gone = seen(&world, 3);
    let gone = Begin {
        user: crate::base::UserId(99),
        matches: Vec::new(),
        ..gone
    };
    assert_eq!(world.begin(&gone), Stale);
    let now = seen(&world, 3);
    assert!(matches!(world.begin(&now), Granted { .. }));
}

#[test]
fn line_3_who_is_refused_by_the_directory_is_revoked() {
    let refuse: [fn(&mut storage::SyncedFacts); 2] = [|it| it.disabled = true, |it| it.gone = true];
    for refuse in refuse {
        let mut world = World::new();
        world.edit_user(|it| it.synced = Some(storage::SyncedFacts::default()));
        let begin = world.login(1, 100);
        assert!(matches!(world.begin(&begin), Granted { .. }));
        world.edit_user(|it| refuse(it.synced.as_mut().unwrap()));
        let begin = world.login(2, 101);
        assert_eq!(world.begin(&begin), Refused(RefusedBy::Revoked));
    }
}

#[test]
fn line_3_a_disabled_user_is_refused() {
    let mut world = World::new();
    world.edit_user(|it| it.status = storage::UserStatus::Disabled.into());
    let begin = world.login(1, 100);
    assert_eq!(world.begin(&begin), Refused(RefusedBy::Revoked));
}

#[test]
fn line_3_a_deleted_user_is_refused() {
    let mut world = World::new();
    world.remove(Table::Users, USER.0);
    let begin = world.wrong_code(1);
    assert_eq!(world.begin(&begin), Refused(RefusedBy::Revoked));
}

#[test]
fn line_3_a_disabled_or_pending_token_is_refused() {
    for state in [storage::TokenState::Disabled, storage::TokenState::Pending] {
        let mut world = World::new();
        world.edit_token(|it| it.state = state.into());
        let begin = world.login(1, 100);
        assert_eq!(world.begin(&begin), Refused(RefusedBy::Revoked));
    }
}

#[test]
fn line_3_a_deleted_token_is_refused() {
    let mut world = World::new();
    world.remove(Table::Tokens, TOKEN.0);
    let begin = world.login(1, 100);
    assert_eq!(world.begin(&begin), Refused(RefusedBy::Revoked));
}

#[test]
fn line_3_comes_before_line_4() {
    let mut world = World::new();
    let begin = world.login(1, 100);
    world.ask(&begin, SourceOutcome::Wrong);
    world.edit_user(|it| it.status = storage::UserStatus::Disabled.into());
    assert_eq!(world.begin(&begin), Refused(RefusedBy::Revoked));
}

#[test]
fn line_4_a_retry_within_the_grace_gets_the_verdict_even_with_the_code_out_of_its_window() {
    let mut world = World::new();
    world.let_in(1, 100);
    world.pass(GRACE);
    let retry = Begin {
        owner: owner(2, 1, 1),
        ..world.wrong_code(1)
    };
    assert_eq!(world.begin(&retry), Repeat(Verdict::Accepted));
    assert_eq!(world.codes(HOME), storage::Codes::default());
}

#[test]
fn line_4_after_the_grace_the_same_login_is_a_replay() {
    let mut world = World::new();
    world.let_in(1, 100);
    world.pass(GRACE + 1);
    let replay = Begin {
        owner: owner(2, 1, 1),
        ..world.login(1, 100)
    };
    assert_eq!(world.begin(&replay), Refused(RefusedBy::Spent));
}

#[test]
fn line_4_a_repeat_does_not_extend_the_grace() {
    let mut world = World::new();
    world.let_in(1, 100);
    for (pass, verdict) in [
        (GRACE, Repeat(Verdict::Accepted)),
        (1, Refused(RefusedBy::Spent)),
    ] {
        world.pass(pass);
        let retry = Begin {
            owner: owner(2, 1, 1),
            ..world.login(1, 100)
        };
        assert_eq!(world.begin(&retry), verdict);
    }
}

#[test]
fn line_4_the_owner_itself_gets_the_verdict_after_the_grace_too() {
    let mut world = World::new();
    world.edit_client(|it| it.strict_grace = true);
    let begin = world.code_login(1, 100);
    assert_eq!(world.begin(&begin), Repeat(Verdict::Accepted));
    world.pass(1);
    let late = world.code_login(1, 100);
    assert_eq!(world.begin(&late), Repeat(Verdict::Accepted));
    let other = Begin {
        owner: owner(2, 1, 1),
        ..late
    };
    assert_eq!(world.begin(&other), Refused(RefusedBy::Spent));
}

#[test]
fn line_4_a_refusal_is_repeated_for_as_long_as_the_record_answers() {
    for (outcome, verdict) in [
        (SourceOutcome::Wrong, Verdict::WrongPassword),
        (SourceOutcome::Denied, Verdict::Denied),
    ] {
        let mut world = World::new();
        world.edit_client(|it| it.strict_grace = true);
        let begin = world.login(1, 100);
        world.ask(&begin, outcome);
        world.pass(4_999);
        let retry = Begin {
            owner: owner(2, 1, 1),
            ..world.login(1, 100)
        };
        assert_eq!(world.begin(&retry), Repeat(verdict));
    }
}

#[test]
fn line_4_a_wrong_code_sent_again_is_counted_once() {
    let mut world = World::new();
    for flow in 1..4 {
        let begin = Begin {
            owner: owner(1, 1, flow),
            ..world.wrong_code(1)
        };
        assert_eq!(world.begin(&begin), Repeat(Verdict::WrongCode));
    }
    assert_eq!(world.codes(crate::base::PlaceId::ELSEWHERE).failures, 1);
}

#[test]
fn line_4_an_accepted_login_whose_token_is_no_longer_good_is_revoked() {
    let revocations: [fn(&mut storage::Token); 3] = [
        |it| it.state = storage::TokenState::Disabled.into(),
        |it| it.generation = 2,
        |it| it.owner = OTHER_USER.0,
    ];
    for revoke in revocations {
        let mut world = World::new();
        world.let_in(1, 100);
        world.edit_token(revoke);
        let retry = world.wrong_code(1);
        assert_eq!(world.begin(&retry), Refused(RefusedBy::Revoked));
    }
}

#[test]
fn line_4_a_login_let_in_by_the_code_alone_is_not_repeated_where_both_are_asked_for_now() {
    let mut world = World::new();
    let begin = world.code_login(1, 100);
    assert_eq!(world.begin(&begin), Repeat(Verdict::Accepted));
    let retry = world.login(1, 100);
    assert_eq!(world.begin(&retry), Refused(RefusedBy::Revoked));
}

#[test]
fn line_5_the_owner_is_granted_the_same_again() {
    let mut world = World::new();
    let begin = world.login(1, 100);
    let first = world.begin(&begin);
    world.pass(1_000);
    assert_eq!(world.begin(&begin), first);
}

#[test]
fn line_6_the_owners_node_after_its_death_takes_over_and_the_key_is_unsure() {
    let mut world = World::new();
    let begin = world.login(1, 100);
    let prev = world.grant(&begin);
    world.pass(1_000);
    let again = Begin {
        prev,
        owner: owner(1, 2, 1),
        ..world.wrong_code(1)
    };
    let epoch = world.grant(&again);
    assert_ne!(epoch, prev);
    assert_eq!(world.strict_keys(), [(1, 4)]);
    assert_eq!(world.strict().reset_at, world.now + 10 * MINUTE);
    let matches = world.look(1).unwrap().matches;
    assert_eq!(matches, [matched(100)]);
    let late = world.settle(1, prev, SourceOutcome::Right);
    assert_eq!(late, SettleResult::Superseded);
}

#[test]
fn line_6_takes_a_later_boot_of_the_same_node_that_saw_the_record() {
    let mut world = World::new();
    let begin = Begin {
        owner: owner(1, 5, 1),
        ..world.login(1, 100)
    };
    let prev = world.grant(&begin);
    let until = at(world.now + LEASE);
    for (owner, prev) in [
        (owner(2, 6, 1), prev),
        (owner(1, 4, 1), prev),
        (owner(1, 5, 2), prev),
        (owner(1, 6, 1), Epoch::default()),
    ] {
        let other = Begin {
            owner,
            prev,
            ..begin.clone()
        };
        assert_eq!(world.begin(&other), InFlight { until });
    }
    assert_eq!(world.strict_keys(), [(1, 3)]);
}

#[test]
fn line_7_another_flow_waits() {
    let mut world = World::new();
    let begin = world.login(1, 100);
    world.grant(&begin);
    let until = at(world.now + LEASE);
    world.pass(1_000);
    let other = Begin {
        owner: owner(2, 1, 1),
        ..world.login(1, 100)
    };
    assert_eq!(world.begin(&other), InFlight { until });
}

#[test]
fn line_8_an_open_attempt_is_taken_only_by_one_who_saw_it() {
    let mut world = World::new();
    let begin = world.login(1, 100);
    let epoch = world.grant(&begin);
    world.settle(1, epoch, SourceOutcome::NotAsked);
    assert_eq!(world.begin(&begin), Changed { epoch });
    let taking = Begin {
        prev: epoch,
        ..begin
    };
    assert!(matches!(world.begin(&taking), Granted { .. }));
}

#[test]
fn line_8_a_lease_that_ended_is_taken_over_by_naming_its_epoch() {
    let mut world = World::new();
    let begin = world.login(1, 100);
    let epoch = world.grant(&begin);
    world.pass(LEASE);
    let other = Begin {
        owner: owner(2, 1, 1),
        ..world.login(1, 100)
    };
    assert_eq!(world.begin(&other), Changed { epoch });
    let taking = Begin {
        prev: epoch,
        ..other
    };
    assert!(matches!(world.begin(&taking), Granted { .. }));
}

#[test]
fn a_key_of_another_user_or_client_is_refused() {
    let mut world = World::new();
    world.let_in(1, 100);
    let other = Begin {
        user: OTHER_USER,
        matches: vec![Match {
            token: TokenId(21),
            ..matched(100)
        }],
        ..world.login(1, 100)
    };
    assert_eq!(world.begin(&other), Refused(RefusedBy::Revoked));
}

#[test]
fn a_proposers_wrong_clock_does_not_make_an_attempt_in_flight_seem_past() {
    let mut world = World::new();
    let begin = world.login(1, 100);
    world.grant(&begin);
    let other = Begin {
        owner: owner(2, 1, 1),
        issued: at(world.now + 1_000 * MINUTE),
        ..world.login(1, 100)
    };
    assert!(matches!(world.begin(&other), InFlight { .. }));
}
