//! Three nodes, with links as in the product.

use futures_util::future::join_all;

use super::*;
use crate::consensus::log_store;
use crate::consensus::testing::cluster::{ALL, Cluster, FOUNDER, Node, soon};
use crate::consensus::testing::proxy::Way;
use crate::consensus::testing::{falsify, found, has_user, is_done, put_user};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_blank_nodes_found_one_cluster_in_any_order() {
    let orders = ALL.into_iter().flat_map(|first| {
        let others = ALL.into_iter().filter(move |node| *node != first);
        let [second, third] = others.collect::<Vec<_>>()[..] else {
            panic!("three nodes");
        };
        [[first, second, third], [first, third, second]]
    });
    for order in orders {
        let cluster = Cluster::new().await;
        for node in order {
            cluster.start(node).await;
        }
        cluster.found().await;
        is_one(&cluster).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_any_link_cut_for_a_while_three_blank_nodes_found_one_cluster() {
    for from in ALL {
        for to in ALL.into_iter().filter(|to| *to != from) {
            let cluster = Cluster::new().await;
            cluster.cut(from, to);
            // The founder comes last, so that the others are seen to wait.
            for node in [2, 3] {
                cluster.start(node).await;
            }
            let unheard = format!("node {to} does not answer");
            if from != FOUNDER {
                waits_for(&cluster.node(from), &[&unheard]).await;
            }
            let founder = cluster.start(FOUNDER).await;
            if from == FOUNDER {
                let third = ALL.into_iter().find(|node| ![from, to].contains(node));
                let ready = format!("node {} is ready", third.unwrap());
                waits_for(&founder, &[&unheard, &ready]).await;
                for node in cluster.running() {
                    assert!(log_store::is_blank(&node.consensus.disk).unwrap());
                }
                cluster.heal();
            }
            drop(founder);
            cluster.found().await;
            cluster.heal();
            is_one(&cluster).await;
        }
    }
}

/// All have the same three voters, the same leader and the same tables. Ends them.
async fn is_one(cluster: &Cluster) {
    cluster.propose(put_user(1)).await;
    cluster.converge().await;
    let voters = ALL.map(|node| RaftId::new(NodeId(node), 1).0);
    for node in ALL {
        let running = cluster.node(node);
        let members: Vec<_> = running.consensus.raft.voter_ids().collect();
        assert_eq!(members, voters, "as node {node} has it");
        assert!(has_user(&running.consensus.tables(), 1));
    }
    for node in ALL {
        cluster.stop(node).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_founds_while_one_is_away() {
    let cluster = Cluster::new().await;
    let founder = cluster.start(1).await;
    cluster.start(2).await;
    waits_for(&founder, &["node 2 is ready", "node 3 does not answer"]).await;
    for node in [1, 2] {
        assert!(log_store::is_blank(&cluster.node(node).consensus.disk).unwrap());
    }
    drop(founder);
    cluster.start(3).await;
    cluster.found().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_founder_that_stopped_half_way_goes_on() {
    let cluster = Cluster::new().await;
    for node in [1, 2] {
        cluster.start(node).await;
    }
    // As after a crash between two admissions.
    cluster.node(1).consensus.member.admit().unwrap();
    cluster.node(2).consensus.member.admit().unwrap();
    cluster.stop(1).await;
    cluster.stop(2).await;
    for node in ALL {
        cluster.start(node).await;
    }
    cluster.found().await;
    // As after a crash between the first entry and the founding change's answer.
    for node in ALL {
        cluster.stop(node).await;
    }
    for node in ALL {
        cluster.start(node).await;
    }
    let (led, leader) = cluster.leader().await;
    if led != 1 {
        let handed = leader.consensus.hand_over_leadership(Some(NodeId(1)));
        assert_eq!(soon(handed).await, Ok(NodeId(1)));
    }
    let founder = cluster.node(1);
    // The same change, and the answer of the first time.
    let again = soon(founder.consensus.found(found())).await.unwrap();
    assert!(is_done(&again));
    cluster.propose(put_user(1)).await;
    cluster.converge().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn entries_replicate_and_all_tables_are_equal() {
    let cluster = Cluster::founded().await;
    join_all((1..=300).map(|number| cluster.propose(put_user(number)))).await;
    cluster.converge().await;
    for node in cluster.running() {
        let tables = node.consensus.tables();
        assert!((1..=300).all(|number| has_user(&tables, number)));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_the_leader_dies_another_takes_writes() {
    let cluster = Cluster::founded().await;
    cluster.propose(put_user(1)).await;
    let (dead, leader) = cluster.leader().await;
    drop(leader);
    cluster.kill(dead);
    cluster.propose(put_user(2)).await;
    let (heir, _) = cluster.leader().await;
    assert_ne!(heir, dead);
    cluster.converge().await;
    for node in cluster.running() {
        assert!(has_user(&node.consensus.tables(), 1));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frozen_peer_stops_nobody_and_catches_up() {
    let cluster = Cluster::founded().await;
    let (leader, asked) = cluster.leader().await;
    let frozen = ALL.into_iter().find(|node| *node != leader).unwrap();
    let proxy = cluster.proxy(frozen);
    let before = cluster.node(frozen).consensus.applied().index;
    let open = proxy.way();
    proxy.set(Way::Frozen);
    for number in 1..=20 {
        cluster.propose(put_user(number)).await;
    }
    assert!(cluster.node(frozen).consensus.applied().index <= before + 1);
    let within = Duration::from_millis(200);
    for (node, said) in soon(asked.consensus.cluster_status(within)).await {
        assert_eq!(said.is_err(), node == NodeId(frozen), "{node}: {said:?}");
    }
    proxy.set(open);
    cluster.propose(put_user(21)).await;
    cluster.converge().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_lost_its_disk_is_refused_and_does_not_vote() {
    let cluster = Cluster::founded().await;
    for node in ALL {
        cluster.stop(node).await;
    }
    std::fs::remove_dir_all(cluster.store(2)).unwrap();
    let blank = cluster.start(2).await;
    cluster.start(1).await;
    // Its vote would be the second of three.
    blank.counted.one_more("incarnation").await;
    blank.counted.one_more("incarnation").await;
    assert!(log_store::is_blank(&blank.consensus.disk).unwrap());
    assert_eq!(cluster.node(1).consensus.figures().leader, None);
    waits_for(&blank, &["this disk is blank"]).await;
    drop(blank);
    // The others go on without it.
    cluster.start(3).await;
    cluster.propose(put_user(1)).await;
    assert!(log_store::is_blank(&cluster.node(2).consensus.disk).unwrap());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_lead_is_handed_to_whom_is_named_and_to_somebody_else() {
    let cluster = Cluster::founded().await;
    cluster.propose(put_user(1)).await;
    let (first, leader) = cluster.leader().await;
    let heir = ALL.into_iter().find(|node| *node != first).unwrap();
    let handed = leader.consensus.hand_over_leadership(Some(NodeId(heir)));
    assert_eq!(soon(handed).await, Ok(NodeId(heir)));
    assert!(soon(cluster.node(heir).consensus.leading()).await);
    let refused = leader.consensus.hand_over_leadership(None).await;
    assert_eq!(refused, Err(HandOverError::NotLeader));
    let heir = cluster.node(heir).consensus.clone();
    let nobody = heir.hand_over_leadership(Some(NodeId(9))).await;
    assert_eq!(nobody, Err(HandOverError::Nobody));
    cluster.propose(put_user(2)).await;
    assert!(soon(heir.hand_over_leadership(None)).await.is_ok());
    cluster.propose(put_user(3)).await;
    cluster.converge().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_lead_is_handed_to_nobody_who_is_fenced_or_out_of_sync() {
    let cluster = Cluster::founded().await;
    cluster.propose(put_user(1)).await;
    cluster.converge().await;
    let (first, leader) = cluster.leader().await;
    let others = ALL.into_iter().filter(|node| *node != first);
    let [fenced, fit] = others.collect::<Vec<_>>()[..] else {
        panic!("three nodes")
    };
    falsify(&cluster.node(fenced).consensus);
    cluster.propose(put_user(2)).await;
    is_fenced(&cluster.node(fenced)).await;
    let refused = leader.consensus.hand_over_leadership(Some(NodeId(fenced)));
    assert_eq!(soon(refused).await, Err(HandOverError::Unfit));
    // It refuses by itself, too, though its log is as long as any.
    let heir = RaftId::new(NodeId(fenced), 1);
    let trigger = leader.consensus.raft.trigger();
    trigger.transfer_leader(heir.0).await.unwrap();
    soon(cluster.propose(put_user(3))).await;
    let (second, leader) = cluster.leader().await;
    assert_ne!(second, fenced);
    if second != first {
        let back = leader.consensus.hand_over_leadership(Some(NodeId(first)));
        assert_eq!(soon(back).await, Ok(NodeId(first)));
    }
    let handed = cluster.node(first).consensus.clone();
    assert_eq!(
        soon(handed.hand_over_leadership(None)).await,
        Ok(NodeId(fit))
    );
    // One that hears nothing is out of sync.
    let open = cluster.proxy(first).way();
    cluster.proxy(first).set(Way::Frozen);
    let heir = cluster.node(fit);
    let refused = heir.consensus.hand_over_leadership(None);
    assert_eq!(soon(refused).await, Err(HandOverError::Unfit));
    cluster.proxy(first).set(open);
}

async fn is_fenced(node: &Node) {
    let mut differs = node.consensus.hashes().watch();
    drop(soon(differs.wait_for(Option::is_some)).await.unwrap());
}

async fn waits_for(node: &Node, texts: &[&str]) {
    let mut waits_for = node.consensus.member.waits_for.subscribe();
    let said = waits_for.wait_for(|said| texts.iter().all(|text| said.contains(text)));
    drop(soon(said).await.unwrap());
}
