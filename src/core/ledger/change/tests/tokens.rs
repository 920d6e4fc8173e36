use super::*;

fn set_state(id: u64, state: TokenState, proven_step: u64) -> Kind {
    Kind::SetTokenState(SetTokenState {
        id,
        state: state.into(),
        proven_step,
    })
}

fn assign(id: u64, owner: u64, expected_revision: u64) -> Kind {
    Kind::AssignToken(AssignToken {
        id,
        owner,
        expected_revision,
    })
}

fn resync(generation: u64, proven_step: u64, drift: i32) -> Kind {
    Kind::ResyncToken(ResyncToken {
        id: 10,
        generation,
        proven_step,
        drift,
    })
}

fn with_token(state: TokenState) -> World {
    let mut world = World::with_user();
    world.done(put_token(token(10, 1, state), 0));
    world
}

#[test]
fn a_user_has_at_most_eight_tokens() {
    let mut world = World::with_user();
    for id in 10..18 {
        world.done(put_token(token(id, 1, TokenState::Active), 0));
    }
    let ninth = put_token(token(18, 1, TokenState::Active), 0);
    assert_eq!(world.refused(ninth), Refusal::Limit);
    world.done(put_token(token(19, 0, TokenState::Active), 0));
    assert_eq!(world.refused(assign(19, 1, 1)), Refusal::Limit);
}

#[test]
fn a_users_tokens_are_in_order_and_leave_its_revision_alone() {
    let mut world = World::with_user();
    world.done(put_user(user(2, "bob"), 0));
    for id in [30, 10, 40, 20] {
        world.done(put_token(token(id, 1, TokenState::Active), 0));
    }
    assert_eq!(world.tokens_of(1), [10, 20, 30, 40]);
    world.done(assign(20, 2, 1));
    world.done(assign(30, 0, 1));
    assert_eq!(
        (world.tokens_of(1), world.tokens_of(2)),
        (vec![10, 40], vec![20])
    );
    world.done(Kind::RemoveToken(RemoveToken {
        id: 10,
        expected_revision: 1,
    }));
    assert_eq!(world.tokens_of(1), [40]);
    assert_eq!((world.user(1).revision, world.user(2).revision), (1, 1));
}

#[test]
fn an_owner_must_exist() {
    let mut world = World::founded();
    let orphan = put_token(token(10, 1, TokenState::Active), 0);
    assert_eq!(world.refused(orphan), Refusal::NotFound);
}

#[test]
fn serials_are_unique_whatever_their_case() {
    let mut world = World::with_user();
    let numbered = |id, serial: &str| Token {
        serial: serial.into(),
        ..token(id, 0, TokenState::Active)
    };
    world.done(put_token(numbered(10, "T2-0001"), 0));
    let twin = put_token(numbered(11, "t2-0001"), 0);
    assert_eq!(world.refused(twin), Refusal::Exists);
    let found = query::token_by_serial(&world.tables, "t2-0001").expect("readable");
    assert_eq!(found.map(|token| token.id), Some(10));
    let mut renamed = numbered(10, "T2-0002");
    renamed.seed.clear();
    world.done(put_token(renamed, 1));
    world.done(put_token(numbered(11, "T2-0001"), 0));
}

#[test]
fn a_new_seed_is_a_new_generation_that_keeps_what_was_spent() {
    let mut world = with_token(TokenState::Active);
    let spent = Counter {
        generation: 1,
        last_spent: 9,
        drift: 2,
        ..Counter::default()
    };
    world.plant(Table::Counters, &10u64.to_be_bytes(), &spent);
    let mut other = token(10, 1, TokenState::Active);
    other.seed = b"sealed seed two".to_vec();
    world.done(put_token(other, 1));
    let kept = Counter {
        generation: 2,
        last_spent: 9,
        ..Counter::default()
    };
    assert_eq!(world.token(10).generation, 2);
    assert_eq!(world.counter(10), kept);
    let mut slower = token(10, 1, TokenState::Active);
    slower.seed = b"sealed seed three".to_vec();
    slower.period = 60;
    world.done(put_token(slower, 2));
    assert_eq!(world.counter(10).last_spent, 0, "steps of another length");
}

#[test]
fn the_same_or_no_seed_keeps_generation_and_counter() {
    let mut world = with_token(TokenState::Active);
    let spent = Counter {
        generation: 1,
        last_spent: 9,
        ..Counter::default()
    };
    world.plant(Table::Counters, &10u64.to_be_bytes(), &spent);
    world.done(put_token(token(10, 1, TokenState::Active), 1));
    let mut labelled = token(10, 1, TokenState::Active);
    labelled.seed.clear();
    labelled.label = "grey key fob".into();
    world.done(put_token(labelled, 2));
    assert_eq!(world.token(10).generation, 1);
    assert_eq!(world.token(10).seed, b"sealed seed one");
    assert_eq!(world.counter(10), spent);
}

#[test]
fn the_period_changes_only_with_the_seed() {
    let mut world = with_token(TokenState::Active);
    let mut slower = token(10, 1, TokenState::Active);
    slower.period = 60;
    assert_eq!(
        world.refused(put_token(slower.clone(), 1)),
        Refusal::Invalid
    );
    slower.seed = b"sealed seed two".to_vec();
    world.done(put_token(slower, 1));
}

#[test]
fn replacing_a_token_is_no_way_round_the_proof() {
    let mut world = with_token(TokenState::Pending);
    let active = put_token(token(10, 1, TokenState::Active), 1);
    assert_eq!(world.refused(active), Refusal::State);
}

#[test]
fn activation_spends_the_proving_step() {
    let mut world = with_token(TokenState::Pending);
    let step = world.step();
    world.done(set_state(10, TokenState::Active, step));
    assert_eq!(world.token(10).state(), TokenState::Active);
    assert_eq!(world.counter(10).last_spent, step);
}

#[test]
fn activation_needs_a_proof_that_is_near_and_unspent() {
    let mut world = with_token(TokenState::Pending);
    let step = world.step();
    for proof in [0, step - 21, step + 21, u64::MAX] {
        let kind = set_state(10, TokenState::Active, proof);
        assert_eq!(world.refused(kind), Refusal::State, "{proof}");
    }
    let spent = Counter {
        generation: 1,
        last_spent: step,
        ..Counter::default()
    };
    world.plant(Table::Counters, &10u64.to_be_bytes(), &spent);
    let again = set_state(10, TokenState::Active, step);
    assert_eq!(world.refused(again), Refusal::State);
}

#[test]
fn a_pending_token_cannot_be_disabled_and_then_enabled_unproven() {
    let mut world = with_token(TokenState::Pending);
    let disable = set_state(10, TokenState::Disabled, 0);
    assert_eq!(world.refused(disable), Refusal::State);
}

#[test]
fn an_active_token_is_disabled_and_enabled_without_a_proof() {
    let mut world = with_token(TokenState::Active);
    world.done(set_state(10, TokenState::Disabled, 0));
    world.done(set_state(10, TokenState::Active, 0));
    assert_eq!(world.token(10).revision, 3);
    let back = set_state(10, TokenState::Pending, 0);
    assert_eq!(world.refused(back), Refusal::State);
}

#[test]
fn an_assigned_token_keeps_what_it_has_spent() {
    let mut world = with_token(TokenState::Active);
    world.done(put_user(user(2, "bob"), 0));
    let spent = Counter {
        generation: 1,
        last_spent: 9,
        ..Counter::default()
    };
    world.plant(Table::Counters, &10u64.to_be_bytes(), &spent);
    world.done(assign(10, 0, 1));
    assert!(world.tokens_of(1).is_empty() && world.tokens_of(2).is_empty());
    assert_eq!(world.refused(assign(10, 2, 1)), Refusal::Revision);
    world.done(assign(10, 2, 2));
    assert!(world.tokens_of(1).is_empty());
    assert_eq!(world.tokens_of(2), [10]);
    let (token, counter) = (world.token(10), world.counter(10));
    assert_eq!((token.owner, counter.last_spent), (2, spent.last_spent));
    assert_eq!(world.refused(assign(10, 7, 3)), Refusal::NotFound);
}

#[test]
fn a_token_that_comes_back_to_its_owner_honours_no_claim_from_before() {
    let mut world = with_token(TokenState::Active);
    world.done(put_user(user(2, "bob"), 0));
    let before = world.token(10).generation;
    world.done(assign(10, 2, 1));
    world.done(assign(10, 1, 2));
    let (token, counter) = (world.token(10), world.counter(10));
    assert!(token.generation > before, "claims name the generation");
    assert_eq!(counter.generation, token.generation);
}

#[test]
fn putting_a_token_does_not_change_its_owner() {
    let mut world = with_token(TokenState::Active);
    let taken = put_token(token(10, 0, TokenState::Active), 1);
    assert_eq!(world.refused(taken), Refusal::Invalid);
}

#[test]
fn a_resync_sets_the_drift_and_spends_both_steps() {
    let mut world = with_token(TokenState::Active);
    let step = world.step();
    world.done(resync(1, step + 3, 3));
    let counter = world.counter(10);
    assert_eq!((counter.drift, counter.last_spent), (3, step + 3));
    assert_eq!(counter.generation, 1);
}

#[test]
fn a_resync_refuses_a_spent_step_a_far_drift_and_an_old_seed() {
    let mut world = with_token(TokenState::Active);
    let step = world.step();
    assert_eq!(world.refused(resync(1, step, 6)), Refusal::Limit);
    assert_eq!(world.refused(resync(1, step, i32::MIN)), Refusal::Limit);
    assert_eq!(world.refused(resync(2, step, 1)), Refusal::Revision);
    world.done(resync(1, step, 1));
    let half = resync(1, step + 1, 1);
    assert_eq!(
        world.refused(half),
        Refusal::State,
        "the earlier step is spent"
    );
    world.done(resync(1, step + 2, 1));
}

#[test]
fn a_removed_token_leaves_nothing() {
    let mut world = World::with_user();
    let mut numbered = token(10, 1, TokenState::Active);
    numbered.serial = "T2-0001".into();
    world.done(put_token(numbered, 0));
    world.done(Kind::RemoveToken(RemoveToken {
        id: 10,
        expected_revision: 1,
    }));
    for table in [Table::Tokens, Table::Counters, Table::Serials] {
        assert_eq!(world.count(table), 0, "{table:?}");
    }
    assert!(world.tokens_of(1).is_empty());
}

#[test]
fn odd_tokens_are_invalid() {
    let mut world = World::founded();
    let good = || token(10, 0, TokenState::Active);
    let odd = [
        Token { id: 0, ..good() },
        Token {
            digits: 9,
            ..good()
        },
        Token {
            period: 0,
            ..good()
        },
        Token {
            algorithm: 0,
            ..good()
        },
        Token {
            seed: vec![],
            ..good()
        },
        Token {
            serial: "a b".into(),
            ..good()
        },
        Token {
            state: TokenState::Disabled.into(),
            ..good()
        },
    ];
    for token in odd {
        assert_eq!(
            world.refused(put_token(token.clone(), 0)),
            Refusal::Invalid,
            "{token:?}"
        );
    }
}

#[test]
fn no_seed_is_in_an_outcome_or_an_audit_record() {
    let mut world = with_token(TokenState::Active);
    let mut other = token(10, 1, TokenState::Active);
    other.seed = b"sealed seed two".to_vec();
    world.done(put_token(other, 1));
    for (table, _, value) in world.tables.records() {
        let shows = value.windows(11).any(|window| window == b"sealed seed");
        assert!(!shows || table == Table::Tokens, "{table:?}");
    }
}
