//! The driver over the ledger's real rules.

use std::time::Duration;

use countersign_core::base::limits::USER_QUEUE_MAX;
use countersign_core::ledger::{Table, storage};
use countersign_core::login::{Decision, Reason};
use tokio::time::{Instant, advance, sleep};

use self::world::{ALICE, Fault, PROXY, VPN, World, without_stages};

mod challenge;
mod client;
mod cluster;
mod nodes;
mod passcodes;
mod responses;
mod rules;
mod without_token;
mod world;

fn said(outcome: &world::Outcomes) -> (Decision, Reason) {
    (outcome.decision, outcome.reason)
}

const ACCEPTED: (Decision, Reason) = (Decision::Accept, Reason::Accepted);

const fn reject(reason: Reason) -> (Decision, Reason) {
    (Decision::Reject, reason)
}

const fn silent(reason: Reason) -> (Decision, Reason) {
    (Decision::Silent, reason)
}

#[tokio::test(start_paused = true)]
async fn a_right_login_is_let_in_with_one_question() {
    let world = World::new();
    let outcome = world.login(world.right()).await;
    assert_eq!(said(&outcome), ACCEPTED);
    assert_eq!(outcome.user, Some(ALICE));
    assert_eq!(world.source.asked(), 1);
    assert_eq!(world.ledger.commands(), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn what_waits_for_a_verdict_is_small() {
    let world = World::new();
    let waiting = world.logins.login(world.right(), Instant::now());
    // 2,000 logins and more wait for their source at one time.
    assert!(size_of_val(&waiting) <= 1448, "{}", size_of_val(&waiting));
}

#[tokio::test(start_paused = true)]
async fn a_code_alone_is_let_in_with_one_command() {
    let world = World::new();
    let request = world.request(PROXY, &world.code(0));
    assert_eq!(said(&world.login(request).await), ACCEPTED);
    assert_eq!(world.ledger.commands(), (1, 0));
    assert_eq!(world.source.asked(), 0);
}

#[tokio::test(start_paused = true)]
async fn three_packets_of_one_login_at_once_ask_once_and_hear_the_same() {
    let world = World::new();
    world.source.takes(Duration::from_millis(300));
    let packets: Vec<_> = (0..3).map(|_| world.start(world.right())).collect();
    let mut outcomes = Vec::new();
    for packet in packets {
        outcomes.push(without_stages(packet.await.unwrap()));
    }
    assert_eq!(said(&outcomes[0]), ACCEPTED);
    assert!(outcomes.iter().all(|outcome| *outcome == outcomes[0]));
    assert_eq!(world.source.asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_wrong_password_sent_three_times_is_asked_and_counted_once() {
    let world = World::new();
    let request = || world.request(VPN, &format!("guess{}", world.code(0)));
    for _ in 0..3 {
        assert_eq!(
            said(&world.login(request()).await),
            reject(Reason::WrongPassword)
        );
    }
    assert_eq!(world.source.asked(), 1);
    assert_eq!(world.counted_wrong(), 1);
}

#[tokio::test(start_paused = true)]
async fn fifty_parallel_guesses_ask_no_more_than_the_budget() {
    let world = World::new();
    world.source.takes(Duration::from_millis(20));
    let code = world.code(0);
    let guess = |number| world.start(world.request(VPN, &format!("guess{number}x{code}")));
    let guesses: Vec<_> = (0..50).map(guess).collect();
    for guess in guesses {
        assert_ne!(guess.await.unwrap().decision, Decision::Accept);
    }
    assert_eq!(world.source.asked(), 3);
    let right = world.login(world.right()).await;
    assert_eq!(said(&right), reject(Reason::Locked));
}

#[tokio::test(start_paused = true)]
async fn an_answer_after_the_devices_deadline_is_settled_and_its_retry_let_in() {
    let world = World::new();
    world.source.takes(Duration::from_secs(4));
    let request = || world.request(VPN, &format!("secret{}", world.code(0)));
    assert_eq!(
        said(&world.login(request()).await),
        silent(Reason::Deadline)
    );
    sleep(Duration::from_secs(2)).await;
    assert_eq!(world.ledger.in_flight(), 0);
    assert_eq!(said(&world.login(request()).await), ACCEPTED);
    assert_eq!(world.source.asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_goes_away_leaves_no_grant_behind() {
    let world = World::new();
    world.source.takes(Duration::from_secs(1));
    let caller = world.start(world.right());
    sleep(Duration::from_millis(500)).await;
    assert_eq!(world.ledger.in_flight(), 1);
    caller.abort();
    sleep(Duration::from_secs(1)).await;
    assert_eq!(world.ledger.in_flight(), 0);
    assert_eq!(world.ledger.commands(), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_retry_after_the_code_left_its_window_hears_the_same_verdict() {
    let world = World::new();
    world
        .ledger
        .edit(Table::Clients, VPN.0, |client: &mut storage::Client| {
            client.retry_grace = 110_000;
        });
    let typed = format!("secret{}", world.code(0));
    assert_eq!(
        said(&world.login(world.request(VPN, &typed)).await),
        ACCEPTED
    );
    advance(Duration::from_secs(100)).await;
    assert_eq!(
        said(&world.login(world.request(VPN, &typed)).await),
        ACCEPTED
    );
    assert_eq!(world.source.asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_login_left_open_is_asked_again_though_its_code_left_the_window() {
    let world = World::new();
    world
        .ledger
        .edit(Table::Clients, VPN.0, |client: &mut storage::Client| {
            client.retry_grace = 110_000;
        });
    *world.source.down.lock().unwrap() = true;
    let typed = format!("secret{}", world.code(0));
    let first = world.login(world.request(VPN, &typed)).await;
    assert_eq!(said(&first), reject(Reason::SourceUnreachable));
    *world.source.down.lock().unwrap() = false;
    advance(Duration::from_secs(100)).await;
    assert_eq!(
        said(&world.login(world.request(VPN, &typed)).await),
        ACCEPTED
    );
    assert_eq!(world.source.asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_user_who_has_to_wait_costs_no_command_but_a_retry_hears_its_verdict() {
    let world = World::new();
    let guess = |number: u32| world.request(VPN, &format!("secret{number:06}"));
    for number in 0..8 {
        assert_eq!(world.login(guess(number)).await.decision, Decision::Reject);
    }
    let (judged, _) = world.ledger.commands();
    assert_eq!(judged, 5);
    assert_eq!(said(&world.login(guess(9)).await), reject(Reason::Waiting));
    assert_eq!(
        said(&world.login(guess(0)).await),
        reject(Reason::WrongCode)
    );
    assert_eq!(world.ledger.commands(), (6, 0));
}

#[tokio::test(start_paused = true)]
async fn a_code_without_a_password_is_counted_whether_or_not_it_is_right() {
    let world = World::new();
    let right = world.request(VPN, &world.code(0));
    let wrong = world.request(VPN, "000000");
    for request in [right, wrong] {
        assert_eq!(
            said(&world.login(request).await),
            reject(Reason::EmptyPassword)
        );
    }
    assert_eq!(world.ledger.commands(), (2, 0));
    assert_eq!(world.source.asked(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_disabled_user_costs_no_command() {
    let world = World::new();
    world
        .ledger
        .edit(Table::Users, ALICE.0, |user: &mut storage::User| {
            user.status = storage::UserStatus::Disabled.into();
        });
    assert_eq!(
        said(&world.login(world.right()).await),
        reject(Reason::DisabledUser)
    );
    assert_eq!(world.ledger.commands(), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn the_same_code_from_another_caller_is_a_replay() {
    let world = World::new();
    assert_eq!(said(&world.login(world.right()).await), ACCEPTED);
    let mut other = world.right();
    other.caller.calling_station_id = Some(b"203.0.113.9".to_vec());
    assert_eq!(said(&world.login(other).await), reject(Reason::Replay));
    assert_eq!(world.source.asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_source_that_is_down_rejects_at_the_deadline_and_counts_nothing() {
    let world = World::new();
    *world.source.down.lock().unwrap() = true;
    let began = Instant::now();
    let outcome = world.login(world.right()).await;
    assert_eq!(said(&outcome), reject(Reason::SourceUnreachable));
    assert_eq!(began.elapsed().as_millis(), 2500);
    *world.source.down.lock().unwrap() = false;
    assert_eq!(said(&world.login(world.right()).await), ACCEPTED);
}

#[tokio::test(start_paused = true)]
async fn refusals_take_the_time_that_the_source_takes() {
    let world = World::new();
    world.source.takes(Duration::from_millis(800));
    for number in 0..2 {
        let typed = format!("guess{number}x{}", world.code(0));
        world.login(world.request(VPN, &typed)).await;
    }
    let mut unknown = world.right();
    unknown.user_name = b"nobody".to_vec();
    let began = Instant::now();
    assert_eq!(
        said(&world.login(unknown).await),
        reject(Reason::UnknownUser)
    );
    assert!(
        began.elapsed() >= Duration::from_millis(200),
        "{:?}",
        began.elapsed()
    );
    assert_eq!(world.ledger.commands(), (2, 2));
}

#[tokio::test(start_paused = true)]
async fn a_claim_whose_answer_is_lost_is_claimed_again_and_finds_its_grant() {
    let world = World::new();
    world.ledger.will([Fault::AnswerLost]);
    assert_eq!(said(&world.login(world.right()).await), ACCEPTED);
    assert_eq!(world.ledger.commands(), (2, 1));
    assert_eq!(world.source.asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_grant_that_nobody_heard_of_is_given_back() {
    let world = World::new();
    world.ledger.will([Fault::AnswerLost; 5]);
    assert_eq!(
        said(&world.login(world.right()).await),
        silent(Reason::Unknown)
    );
    sleep(Duration::from_millis(500)).await;
    assert_eq!(world.ledger.in_flight(), 0);
    assert_eq!(said(&world.login(world.right()).await), ACCEPTED);
}

#[tokio::test(start_paused = true)]
async fn a_settle_whose_answer_is_lost_is_settled_again_and_says_what_is_recorded() {
    let world = World::new();
    world.ledger.will([Fault::Nothing, Fault::AnswerLost]);
    assert_eq!(said(&world.login(world.right()).await), ACCEPTED);
    assert_eq!(world.ledger.commands(), (1, 2));
    assert_eq!(world.source.asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_settle_that_stays_unknown_is_silence_and_the_retry_finds_the_verdict() {
    let world = World::new();
    world.ledger.will([Fault::Nothing]);
    world.ledger.will([Fault::AnswerLost; 30]);
    assert_eq!(
        said(&world.login(world.right()).await),
        silent(Reason::Deadline)
    );
    sleep(Duration::from_secs(2)).await;
    assert_eq!(said(&world.login(world.right()).await), ACCEPTED);
    assert_eq!(world.source.asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_election_is_waited_for() {
    let world = World::new();
    world.ledger.will([Fault::NotProposed; 3]);
    assert_eq!(said(&world.login(world.right()).await), ACCEPTED);
    world.ledger.will([Fault::NotProposed; 20]);
    let later = world.request(VPN, &format!("secret{}", world.code(1)));
    assert_eq!(said(&world.login(later).await), silent(Reason::NoQuorum));
}

#[tokio::test(start_paused = true)]
async fn a_users_queue_is_bounded_and_others_pass_by() {
    let world = World::new();
    world.source.takes(Duration::from_millis(100));
    let code = world.code(0);
    let guess = |number| world.start(world.request(VPN, &format!("guess{number}x{code}")));
    let guesses: Vec<_> = (0..USER_QUEUE_MAX + 5).map(guess).collect();
    let mut dropped = 0;
    for guess in guesses {
        dropped += usize::from(said(&guess.await.unwrap()) == silent(Reason::Overload));
    }
    assert_eq!(dropped, 4);
}

#[tokio::test(start_paused = true)]
async fn a_packet_held_against_an_older_rule_is_not_judged() {
    let world = World::new();
    let request = world.right();
    world
        .ledger
        .edit(Table::Clients, VPN.0, |client: &mut storage::Client| {
            client.revision = 2
        });
    assert_eq!(said(&world.login(request).await), silent(Reason::Overtaken));
    assert_eq!(world.ledger.commands(), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn noise_in_an_unproven_packet_is_silence_and_not_counted() {
    let world = World::new();
    let mut noise = world.right();
    noise.password = countersign_core::base::Secret::from([0x9f, 1, 0xc3].as_slice());
    noise.proven = false;
    assert_eq!(
        said(&world.login(noise).await),
        silent(Reason::UnreadablePassword)
    );
    assert_eq!(world.ledger.commands(), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_claim_is_waited_for_as_long_as_the_device_waits_and_a_settling_longer() {
    let world = World::new();
    world.ledger.will([Fault::NotProposed; 3]);
    assert_eq!(said(&world.login(world.right()).await), ACCEPTED);
    let within = world.ledger.within();
    let [claims @ .., settling] = &within[..] else {
        panic!("nothing was proposed")
    };
    assert_eq!(claims.len(), 4, "{claims:?}");
    assert_eq!(claims[0], Duration::from_millis(2500));
    assert!(claims.is_sorted_by(|one, next| one > next), "{claims:?}");
    assert_eq!(*settling, Duration::from_secs(5));
}
