//! A cluster in which one clock is off, or one node's tables.

use super::*;
use crate::consensus::testing::cluster::{ALL, Cluster, soon};
use crate::consensus::testing::{NOW, falsify, has_user, put_user};
use crate::consensus::{Consensus, Unready};

/// Waits until `node` may speak, or may not for its clock.
async fn until(node: &Consensus, wanted: Result<(), Unready>) {
    let said = async {
        while node.standing().map(drop) != wanted {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    soon(said).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_whose_clock_is_off_is_silent_until_it_is_set() {
    let cluster = Cluster::founded().await;
    let (leader, _) = cluster.leader().await;
    let others = || cluster.running().into_iter();
    let off = cluster.node(leader % 3 + 1);
    off.clock.set(NOW + 3_600_000);
    until(&off.consensus, Err(Unready::Clock)).await;
    for node in others().filter(|node| !Arc::ptr_eq(node, &off)) {
        until(&node.consensus, Ok(())).await;
    }
    off.clock.set(NOW);
    until(&off.consensus, Ok(())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_whose_clock_is_off_lets_another_lead_and_stamps_nothing() {
    let cluster = Cluster::founded().await;
    let (_, off) = cluster.leader().await;
    off.clock.set(NOW + 86_400_000);
    until(&off.consensus, Err(Unready::Clock)).await;
    cluster.propose(put_user(1)).await;
    let (_, leader) = cluster.leader().await;
    assert!(!Arc::ptr_eq(&leader, &off));
    cluster.converge().await;
    assert_eq!(off.consensus.applied().at.as_millis(), NOW);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_follower_whose_tables_are_the_odd_ones_is_silent_and_the_others_go_on() {
    let cluster = Cluster::founded().await;
    cluster.converge().await;
    let (leader, _) = cluster.leader().await;
    let odd = leader % 3 + 1;
    falsify(&cluster.node(odd).consensus);
    cluster.propose(put_user(1)).await;
    until(&cluster.node(odd).consensus, Err(Unready::Fenced)).await;
    for node in ALL.into_iter().filter(|node| *node != odd) {
        until(&cluster.node(node).consensus, Ok(())).await;
    }
    cluster.propose(put_user(2)).await;
    let still = cluster.node(odd).consensus.standing();
    assert_eq!(still, Err(Unready::Fenced));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_whose_tables_are_the_odd_ones_is_silent_and_another_leads() {
    let cluster = Cluster::founded().await;
    cluster.converge().await;
    let (odd, falsified) = cluster.leader().await;
    falsify(&falsified.consensus);
    cluster.propose(put_user(1)).await;
    until(&falsified.consensus, Err(Unready::Fenced)).await;
    for node in ALL.into_iter().filter(|node| *node != odd) {
        until(&cluster.node(node).consensus, Ok(())).await;
    }
    cluster.propose(put_user(2)).await;
    let (led, leader) = cluster.leader().await;
    assert_ne!(led, odd);
    assert!(has_user(&leader.consensus.tables(), 2));
    let told = falsified.consensus.status().fenced;
    assert!(told.contains("no majority"), "{told}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_the_third_is_away_two_that_differ_are_both_silent() {
    let cluster = Cluster::founded().await;
    cluster.converge().await;
    let (leader, _) = cluster.leader().await;
    let (odd, third) = (leader % 3 + 1, (leader + 1) % 3 + 1);
    cluster.stop(third).await;
    falsify(&cluster.node(odd).consensus);
    cluster.propose(put_user(1)).await;
    for node in cluster.running() {
        until(&node.consensus, Err(Unready::Fenced)).await;
    }
    cluster.start(third).await;
    for node in ALL.into_iter().filter(|node| *node != odd) {
        until(&cluster.node(node).consensus, Ok(())).await;
    }
    let still = cluster.node(odd).consensus.standing();
    assert_eq!(still, Err(Unready::Fenced));
}
