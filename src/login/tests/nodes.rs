//! One login over several nodes.

use std::time::Duration;

use countersign_core::base::{Boot, NodeId, SeededEntropy};
use countersign_core::ledger::{BeginResult, SettleResult, Table, Verdict, storage};
use countersign_core::login::{ATTEMPT_KEYS_NOTICE, Decision, Reason};
use tokio::time::{Instant, sleep};

use super::cluster::Cluster;
use super::world::{self, Fault, VPN, code_of_alice};
use super::{ACCEPTED, reject, said, silent};
use crate::login::Clock;

/// In entries; the last: what is not seen at once comes after a while.
const LAGS: [usize; 3] = [0, 1, 1000];

fn granted(cluster: &Cluster) -> usize {
    let begins = cluster.log.begins.lock().unwrap();
    let granted = |result: &&BeginResult| matches!(result, BeginResult::Granted { .. });
    begins.iter().filter(granted).count()
}

fn begins(cluster: &Cluster) -> Vec<BeginResult> {
    cluster.log.begins.lock().unwrap().clone()
}

#[tokio::test(start_paused = true)]
async fn the_same_login_at_three_nodes_at_once_is_one_question_and_one_verdict() {
    for lag in LAGS {
        let cluster = Cluster::new(lag);
        cluster.source.takes(Duration::from_secs(1));
        for outcome in cluster.everywhere(|| cluster.right()).await {
            assert_eq!(said(&outcome), ACCEPTED, "lag {lag}");
        }
        assert_eq!(cluster.source.asked(), 1, "lag {lag}");
        // Who waits does not claim as fast as claims are committed.
        assert!(
            begins(&cluster).len() < 30,
            "lag {lag}: {}",
            begins(&cluster).len()
        );
    }
}

#[tokio::test(start_paused = true)]
async fn once_applied_everywhere_every_node_repeats_the_verdict() {
    let cluster = Cluster::new(1);
    assert_eq!(said(&cluster.login(0, cluster.right()).await), ACCEPTED);
    cluster.applied_everywhere().await;
    for node in [1, 2] {
        assert_eq!(said(&cluster.login(node, cluster.right()).await), ACCEPTED);
    }
    assert_eq!(cluster.source.asked(), 1);
    assert_eq!(
        begins(&cluster)[1..],
        [const { BeginResult::Repeat(Verdict::Accepted) }; 2]
    );
}

#[tokio::test(start_paused = true)]
async fn a_wrong_password_at_three_nodes_is_one_question_and_one_failure() {
    for lag in LAGS {
        let cluster = Cluster::new(lag);
        cluster.source.takes(Duration::from_millis(300));
        let typed = format!("guess{}", code_of_alice(cluster.clock, 0));
        for outcome in cluster.everywhere(|| cluster.vpn(&typed)).await {
            assert_eq!(said(&outcome), reject(Reason::WrongPassword), "lag {lag}");
        }
        assert_eq!(cluster.source.asked(), 1, "lag {lag}");
        assert_eq!(cluster.counted(), (1, 0), "lag {lag}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_wrong_code_at_three_nodes_is_one_failure() {
    for lag in LAGS {
        let cluster = Cluster::new(lag);
        for outcome in cluster.everywhere(|| cluster.vpn("secret000000")).await {
            assert_eq!(said(&outcome), reject(Reason::WrongCode), "lag {lag}");
        }
        assert_eq!(cluster.counted(), (0, 1), "lag {lag}");
        assert_eq!(cluster.source.asked(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn when_the_asking_node_dies_another_takes_over_after_the_lease() {
    let cluster = Cluster::new(1);
    cluster.source.takes(Duration::from_millis(1500));
    let typed = format!("secret{}", code_of_alice(cluster.clock, 0));
    let began = Instant::now();
    let lost = cluster.start(0, cluster.vpn(&typed));
    sleep(Duration::from_millis(500)).await;
    cluster.nodes[0].die();
    let mut heard = Vec::new();
    for retry in 0..3 {
        let outcome = cluster.login(1 + retry % 2, cluster.vpn(&typed)).await;
        heard.push(said(&outcome));
        if outcome.decision == Decision::Accept {
            break;
        }
        sleep(Duration::from_millis(500)).await;
    }
    assert_eq!(heard.last(), Some(&ACCEPTED), "{heard:?}");
    assert!(began.elapsed() >= Duration::from_secs(7));
    assert_eq!(cluster.source.asked(), 2);
    assert_eq!(granted(&cluster), 2);
    assert_ne!(lost.await.unwrap().decision, Decision::Accept);
}

#[tokio::test(start_paused = true)]
async fn a_node_that_starts_again_takes_its_own_grant_at_once() {
    let mut cluster = Cluster::new(0);
    cluster.source.takes(Duration::from_millis(500));
    let typed = format!("secret{}", code_of_alice(cluster.clock, 0));
    let _lost = cluster.start(0, cluster.vpn(&typed));
    sleep(Duration::from_millis(200)).await;
    cluster.nodes[0].die();
    cluster.reboot(0, Boot(2));
    let began = Instant::now();
    assert_eq!(said(&cluster.login(0, cluster.vpn(&typed)).await), ACCEPTED);
    assert!(began.elapsed() < Duration::from_secs(1));
    assert_eq!(cluster.source.asked(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_claim_whose_answer_is_lost_at_a_follower_finds_its_grant() {
    for lag in LAGS {
        let cluster = Cluster::new(lag);
        cluster.nodes[1].will([Fault::AnswerLost]);
        for outcome in cluster.everywhere(|| cluster.right()).await {
            assert_eq!(said(&outcome), ACCEPTED, "lag {lag}");
        }
        assert_eq!(cluster.source.asked(), 1, "lag {lag}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_lease_runs_from_the_first_claim_that_may_have_been_granted() {
    let cluster = Cluster::new(0);
    // All the slack of the lease: were the source asked now, its answer could come after
    // another node has taken over.
    cluster.nodes[0].will([Fault::AnswerLate(Duration::from_millis(2100))]);
    assert_eq!(said(&cluster.login(0, cluster.right()).await), ACCEPTED);
    let settles = cluster.log.settles.lock().unwrap().clone();
    let accepted = SettleResult::Settled(Verdict::Accepted);
    assert_eq!(settles, [SettleResult::Released, accepted]);
    assert_eq!(cluster.source.asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_settle_that_meets_an_election_is_recorded_after_it_and_wakes_the_retry() {
    let cluster = Cluster::new(1);
    cluster.nodes[0].will([Fault::Nothing]);
    cluster.nodes[0].will([Fault::NotProposed; 8]);
    let began = Instant::now();
    let first = cluster.start(0, cluster.right());
    sleep(Duration::from_millis(20)).await;
    cluster.nodes[0].is_cut_off(true);
    let retry = cluster.start(1, cluster.right());
    sleep(Duration::from_millis(900)).await;
    cluster.nodes[0].is_cut_off(false);
    assert_eq!(said(&retry.await.unwrap()), ACCEPTED);
    assert_eq!(said(&first.await.unwrap()), ACCEPTED);
    assert!(began.elapsed() < Duration::from_millis(2500));
    assert_eq!(cluster.source.asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_guess_whose_record_is_not_heard_of_is_never_given_back_as_not_asked() {
    let cluster = Cluster::new(0);
    cluster.nodes[0].will([Fault::AnswerLost, Fault::Nothing]);
    cluster.nodes[0].will([Fault::NotProposed; 700]);
    let typed = format!("guess{}", code_of_alice(cluster.clock, 0));
    let outcome = cluster.login(0, cluster.vpn(&typed)).await;
    assert_eq!(outcome.decision, Decision::Silent);
    sleep(Duration::from_secs(90)).await;
    assert_eq!(cluster.log.settles.lock().unwrap().clone(), []);
}

#[tokio::test(start_paused = true)]
async fn a_node_that_lags_waits_for_the_facts_and_decides_again() {
    let cluster = Cluster::new(0);
    cluster.nodes[2].ledger.lags(5);
    cluster.edit_head(|head| head.rules_revision += 1);
    assert_eq!(said(&cluster.login(2, cluster.right()).await), ACCEPTED);
    let begins = begins(&cluster);
    assert_eq!(begins[0], BeginResult::Stale);
    assert!(
        matches!(begins[1..], [BeginResult::Granted { .. }]),
        "{begins:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_retry_is_known_again_across_a_turn_of_the_keys() {
    let cluster = Cluster::new(0);
    let now = cluster.clock.wall();
    let turned = world::attempt_keys(now).turned(2, now, &mut SeededEntropy::new(9));
    cluster.adopt_everywhere(&turned, now);
    sleep(ATTEMPT_KEYS_NOTICE - Duration::from_secs(1)).await;
    let typed = format!("secret{}", code_of_alice(cluster.clock, 0));
    assert_eq!(said(&cluster.login(0, cluster.vpn(&typed)).await), ACCEPTED);
    sleep(Duration::from_secs(2)).await;
    for node in 0..3 {
        assert_eq!(
            said(&cluster.login(node, cluster.vpn(&typed)).await),
            ACCEPTED
        );
    }
    assert_eq!(cluster.source.asked(), 1);
    assert_eq!(granted(&cluster), 1);
}

#[tokio::test(start_paused = true)]
async fn nodes_whose_times_differ_at_a_turn_count_one_failure() {
    let cluster = Cluster::new(0);
    let now = cluster.clock.wall();
    let turned = world::attempt_keys(now).turned(2, now, &mut SeededEntropy::new(9));
    cluster.adopt_everywhere(&turned, now);
    cluster.nodes[1].is_behind(Duration::from_millis(100));
    sleep(ATTEMPT_KEYS_NOTICE + Duration::from_millis(50)).await;
    for outcome in cluster.everywhere(|| cluster.vpn("secret000000")).await {
        assert_eq!(said(&outcome), reject(Reason::WrongCode));
    }
    assert_eq!(cluster.counted(), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn a_login_that_waited_across_a_turn_is_not_begun_under_the_old_key() {
    let cluster = Cluster::new(0);
    let now = cluster.clock.wall();
    let turned = world::attempt_keys(now).turned(2, now, &mut SeededEntropy::new(9));
    cluster.adopt_everywhere(&turned, now);
    cluster.nodes[0].will([Fault::NotProposed; 2]);
    sleep(ATTEMPT_KEYS_NOTICE - Duration::from_millis(300)).await;
    let outcome = cluster.login(0, cluster.vpn("secret000000")).await;
    assert_eq!(said(&outcome), silent(Reason::Overtaken));
    assert_eq!(begins(&cluster), []);
}

#[tokio::test(start_paused = true)]
async fn with_other_keys_than_those_in_force_nothing_is_judged() {
    let cluster = Cluster::new(0);
    let named = &cluster.log.named;
    named.store(2, std::sync::atomic::Ordering::Relaxed);
    let mut unknown = cluster.right();
    unknown.user_name = b"nobody".to_vec();
    for request in [cluster.right(), cluster.vpn("secret000000"), unknown] {
        let outcome = cluster.login(0, request).await;
        assert_eq!(said(&outcome), silent(Reason::NoQuorum));
    }
    let refused = cluster.nodes[0].logins.refuse(VPN, Reason::UnservedMethod);
    assert_eq!(said(&refused), silent(Reason::NoQuorum));
    assert_eq!(begins(&cluster), []);
}

#[tokio::test(start_paused = true)]
async fn a_node_without_contact_hands_the_login_to_a_peer_that_has() {
    let cluster = Cluster::new(0);
    cluster.nodes[0].is_cut_off(true);
    cluster.nodes[1].is_cut_off(true);
    // One that may not judge takes nothing, so it cannot hand anything on.
    let deadline = Instant::now() + Duration::from_secs(2);
    let refused = cluster.nodes[1]
        .logins
        .take(cluster.right(), Instant::now(), deadline);
    assert!(refused.is_none());
    let right = cluster.login(0, cluster.right()).await;
    assert_eq!(said(&right), ACCEPTED);
    assert_eq!(right.judged_by, Some(NodeId(3)));
    let wrong = cluster.login(1, cluster.vpn("secret000000")).await;
    assert_eq!(said(&wrong), reject(Reason::WrongCode));
    assert_eq!(cluster.source.asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_peer_does_not_choose_the_time_that_codes_are_of() {
    let cluster = Cluster::new(0);
    let now = cluster.clock.wall();
    for (steps, arrived) in [
        (10, now.plus(Duration::from_secs(300))),
        (0, now.plus(Duration::from_secs(300))),
    ] {
        let code = code_of_alice(cluster.clock, steps);
        let mut request = cluster.vpn(&format!("secret{code}"));
        request.arrived = arrived;
        let deadline = Instant::now() + Duration::from_secs(2);
        let taken = cluster.nodes[1]
            .logins
            .take(request, Instant::now(), deadline);
        let expected = if steps == 0 {
            ACCEPTED
        } else {
            reject(Reason::WrongCode)
        };
        assert_eq!(said(&taken.unwrap().await), expected, "{steps}");
    }
}

#[tokio::test(start_paused = true)]
async fn without_any_contact_there_is_silence_whatever_was_typed() {
    let cluster = Cluster::new(0);
    for node in &cluster.nodes {
        node.is_cut_off(true);
    }
    let mut unknown = cluster.right();
    unknown.user_name = b"nobody".to_vec();
    for request in [cluster.right(), cluster.vpn("secret000000"), unknown] {
        let outcome = cluster.login(0, request).await;
        assert_eq!(said(&outcome), silent(Reason::NoQuorum));
    }
    // A client without a rule is refused aloud, but not here.
    cluster.edit(Table::Clients, VPN.0, |client: &mut storage::Client| {
        client.factors = storage::Factors::Unspecified.into();
    });
    let outcome = cluster.login(0, cluster.right()).await;
    assert_eq!(said(&outcome), silent(Reason::NoQuorum));
    assert_eq!(begins(&cluster), []);
}

#[tokio::test(start_paused = true)]
async fn a_login_that_was_handed_over_is_not_handed_on() {
    let cluster = Cluster::new(0);
    cluster.nodes[0].is_cut_off(true);
    cluster.nodes[1].will([Fault::NotProposed; 40]);
    let login = cluster.start(0, cluster.right());
    sleep(Duration::from_millis(50)).await;
    // It has been taken; now that node cannot go on, and the third one could.
    cluster.nodes[1].is_cut_off(true);
    let outcome = login.await.unwrap();
    assert_eq!(said(&outcome), silent(Reason::NoQuorum));
    assert_eq!(outcome.judged_by, Some(NodeId(2)));
    assert_eq!(begins(&cluster), []);
}

#[tokio::test(start_paused = true)]
async fn when_the_peer_that_took_a_login_is_lost_the_node_judges_as_soon_as_it_may() {
    let cluster = Cluster::new(0);
    cluster.nodes[0].is_cut_off(true);
    cluster.nodes[1].will([Fault::NotProposed; 3]);
    let login = cluster.start(0, cluster.right());
    sleep(Duration::from_millis(100)).await;
    cluster.nodes[1].die();
    cluster.nodes[0].is_cut_off(false);
    let outcome = login.await.unwrap();
    // The peer's device-side wait is over only with its deadline here; a broken link would
    // say so at once. What counts: not two verdicts, and the retry is let in.
    assert_ne!(outcome.decision, Decision::Reject);
    assert_eq!(said(&cluster.login(2, cluster.right()).await), ACCEPTED);
    assert_eq!(cluster.source.asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_login_that_meets_an_election_waits_however_much_is_applied_meanwhile() {
    let cluster = Cluster::new(0);
    for node in &cluster.nodes {
        node.is_cut_off(true);
    }
    let began = Instant::now();
    let login = cluster.start(0, cluster.right());
    for _ in 0..100 {
        sleep(Duration::from_millis(10)).await;
        cluster.edit_head(|_| ());
    }
    for node in &cluster.nodes {
        node.is_cut_off(false);
    }
    assert_eq!(said(&login.await.unwrap()), ACCEPTED);
    assert!(began.elapsed() < Duration::from_millis(1200));
}

#[tokio::test(start_paused = true)]
async fn fifty_parallel_guesses_over_three_nodes_ask_no_more_than_the_budget() {
    for lag in LAGS {
        let cluster = Cluster::new(lag);
        cluster.source.takes(Duration::from_millis(20));
        let code = code_of_alice(cluster.clock, 0);
        let guesses: Vec<_> = (0..50)
            .map(|number| {
                let typed = format!("guess{number}x{code}");
                cluster.start(number % 3, cluster.vpn(&typed))
            })
            .collect();
        for guess in guesses {
            assert_ne!(guess.await.unwrap().decision, Decision::Accept);
        }
        assert_eq!(cluster.source.asked(), 3, "lag {lag}");
        assert_eq!(cluster.counted().0, 3, "lag {lag}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_node_that_cannot_connect_to_the_source_has_a_peer_ask_it() {
    for lag in LAGS {
        let cluster = Cluster::new(lag);
        cluster.source.takes(Duration::from_millis(300));
        cluster.nodes[0].is_without_source(true);
        let began = Instant::now();
        let right = cluster.login(0, cluster.right()).await;
        assert_eq!(said(&right), ACCEPTED, "lag {lag}");
        assert_eq!(right.judged_by, Some(NodeId(2)), "lag {lag}");
        assert!(began.elapsed() < Duration::from_millis(600), "lag {lag}");
        assert_eq!(cluster.source.asked(), 1, "lag {lag}");
        let typed = format!("guess{}", code_of_alice(cluster.clock, 1));
        let wrong = cluster.login(0, cluster.vpn(&typed)).await;
        assert_eq!(said(&wrong), reject(Reason::WrongPassword), "lag {lag}");
        assert_eq!(cluster.source.asked(), 2, "lag {lag}");
        assert_eq!(cluster.counted(), (1, 0), "lag {lag}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_second_peer_is_asked_where_the_first_cannot_connect_either() {
    let cluster = Cluster::new(0);
    cluster.nodes[0].is_without_source(true);
    cluster.nodes[1].is_without_source(true);
    let right = cluster.login(0, cluster.right()).await;
    assert_eq!(said(&right), ACCEPTED);
    assert_eq!(right.judged_by, Some(NodeId(3)));
    assert_eq!(cluster.source.asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn two_nodes_without_the_source_do_not_wait_for_each_other() {
    let cluster = Cluster::new(0);
    cluster.nodes[0].is_without_source(true);
    cluster.nodes[1].is_without_source(true);
    let began = Instant::now();
    let typed = format!("secret{}", code_of_alice(cluster.clock, 0));
    for outcome in cluster.everywhere(|| cluster.vpn(&typed)).await {
        assert_eq!(said(&outcome), ACCEPTED);
    }
    assert!(began.elapsed() < Duration::from_secs(1));
    assert_eq!(cluster.source.asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn where_no_node_can_connect_it_is_as_with_one_node() {
    let cluster = Cluster::new(0);
    for node in &cluster.nodes {
        node.is_without_source(true);
    }
    let began = Instant::now();
    let typed = format!("secret{}", code_of_alice(cluster.clock, 0));
    let outcome = cluster.login(0, cluster.vpn(&typed)).await;
    assert_eq!(said(&outcome), reject(Reason::SourceUnreachable));
    assert_eq!(began.elapsed().as_millis(), 2500);
    // The same from a node that may not judge.
    cluster.nodes[0].is_cut_off(true);
    let began = Instant::now();
    let outcome = cluster.login(0, cluster.vpn(&typed)).await;
    assert_eq!(said(&outcome), reject(Reason::SourceUnreachable));
    assert_eq!(began.elapsed().as_millis(), 2500);
    cluster.nodes[0].is_cut_off(false);
    assert_eq!((cluster.source.asked(), cluster.counted()), (0, (0, 0)));
    cluster.nodes[2].is_without_source(false);
    assert_eq!(said(&cluster.login(0, cluster.vpn(&typed)).await), ACCEPTED);
    // A client that wants silence instead gets it.
    cluster.nodes[2].is_without_source(true);
    cluster.edit(Table::Clients, VPN.0, |client: &mut storage::Client| {
        client.on_source_down = storage::OnSourceDown::Silent.into();
    });
    cluster.edit_head(|head| head.clients_revision += 1);
    let typed = format!("secret{}", code_of_alice(cluster.clock, 1));
    let outcome = cluster.login(0, cluster.vpn(&typed)).await;
    assert_eq!(said(&outcome), silent(Reason::SourceUnreachable));
}

#[tokio::test(start_paused = true)]
async fn a_login_handed_over_for_want_of_the_source_is_not_handed_on() {
    let cluster = Cluster::new(0);
    cluster.nodes[1].is_without_source(true);
    let deadline = Instant::now() + Duration::from_secs(2);
    let taken = cluster.nodes[1]
        .logins
        .take(cluster.right(), Instant::now(), deadline);
    let outcome = taken.unwrap().await;
    assert_eq!(said(&outcome), reject(Reason::SourceUnreachable));
    assert!(
        Instant::now() + Duration::from_secs(1) < deadline,
        "it says so at once"
    );
    assert_eq!(cluster.source.asked(), 0);
}
