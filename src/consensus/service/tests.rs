//! Peers that are far behind, and peers that are not what they say.

use std::time::Duration;

use std::sync::Arc;

use countersign_core::base::NodeId;
use countersign_core::ledger::Command;
use futures_util::future::join_all;
use openraft::async_runtime::watch::WatchReceiver as _;
use sha2::{Digest, Sha256};
use tonic::Code;

use super::*;
use crate::consensus::disk::{family_names, tables_name};
use crate::consensus::raft::RaftId;
use crate::consensus::testing::cluster::{ALL, Authority, Cluster, Node, soon};
use crate::consensus::testing::{FixedWall, Halts, config, found, has_user, is_done, put_user};
use crate::consensus::{Consensus, Ports};
use crate::peers::wire::founding_client::FoundingClient;
use crate::peers::wire::raft_client::RaftClient;
use crate::peers::{Link, Links};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_was_away_for_long_gets_a_snapshot() {
    let cluster = Cluster::founded().await;
    let (leader, _) = cluster.leader().await;
    let away = ALL.into_iter().find(|node| *node != leader).unwrap();
    cluster.stop(away).await;
    fill_and_purge(&cluster, 1..=200, away).await;
    let back = cluster.start(away).await;
    cluster.propose(put_user(201)).await;
    cluster.converge().await;
    assert!(back.consensus.figures().snapshot > 0);
    assert!((1..=201).all(|number| has_user(&back.consensus.tables(), number)));
    // Whatever it was made of is gone on both sides.
    for node in ALL {
        for files in ["incoming", "outgoing"] {
            let directory = cluster.store(node).join(files);
            let left = std::fs::read_dir(directory).map_or(0, Iterator::count);
            assert_eq!(left, 0, "node {node} keeps {files}");
        }
    }
    // What was installed is there after a restart, and serves as any other.
    drop(back);
    cluster.stop(away).await;
    cluster.start(away).await;
    cluster.propose(put_user(202)).await;
    cluster.converge().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_snapshot_whose_stream_breaks_goes_on() {
    let cluster = Cluster::founded().await;
    let (leader, _) = cluster.leader().await;
    let away = ALL.into_iter().find(|node| *node != leader).unwrap();
    cluster.stop(away).await;
    fill_and_purge(&cluster, 1..=6000, away).await;
    let proxy = cluster.proxy(away);
    let before = proxy.passed();
    proxy.break_after(BREAK_AT);
    let back = cluster.start(away).await;
    cluster.propose(put_large(6001)).await;
    cluster.converge().await;
    assert!(proxy.has_broken());
    assert!((1..=6001).all(|number| has_user(&back.consensus.tables(), number)));
    let passed = proxy.passed() - before;
    let size = snapshot_octets(&back);
    assert!(size > BREAK_AT, "the snapshot has {size} octets only");
    assert!(
        passed < size + BREAK_AT / 2,
        "{passed} octets for {size}: it began anew"
    );
}

/// Of the link, before it breaks: well into the snapshot.
const BREAK_AT: u64 = 900_000;

/// A thread of a node that is stopping may yet make them the node's.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn staged_tables_stay_when_the_core_is_gone() {
    let place = tempfile::tempdir().unwrap();
    let ports = Ports {
        clock: Arc::new(FixedWall::default()),
        operations: Arc::new(countersign_core::base::Unobserved),
        on_halt: Halts::default().port(),
    };
    let node = Consensus::start(config(place.path()), ports).await.unwrap();
    assert!(is_done(&soon(node.found(found())).await.unwrap()));
    let member = Arc::clone(&node.member);
    let term = node.figures().term;
    let last = codec::new_log_id(term, 1_000_000);
    // Of tables with nothing in them.
    let mark = wire::SnapshotMark {
        last: Some(codec::stored_log_id(&last)),
        ..wire::SnapshotMark::default()
    };
    member.incoming.offered(mark.clone()).await.unwrap();
    let mut turn = member.incoming.turn().await.unwrap();
    let whole = turn.take(&mark, &wire::SnapshotPiece::default()).await;
    assert!(whole.unwrap());
    let vote = Vote::new_committed(term + 1, id(2));
    let installing = async {
        let meta = member.covers(&mark, vote).await.unwrap();
        member.raft.shutdown().await.unwrap();
        install(&member, vote, meta, turn).await
    };
    assert!(soon(installing).await.is_err());
    let names = family_names(&member.disk.layout().store()).unwrap();
    assert!(names.contains(&tables_name(1)), "{names:?}");
    // Who staged another would drop it.
    assert!(member.incoming.offered(mark).await.is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn strangers_are_refused_and_the_cluster_goes_on() {
    let cluster = Cluster::founded().await;
    let place = cluster.place.path().join("stranger");
    let stranger = Authority::new();
    let members = cluster.members();
    // Of another authority; it trusts ours, so that it gets as far as it can.
    let foreign = stranger.credentials(1, &cluster.authority, &place);
    // Of ours, but no member.
    let unknown = cluster.authority.credentials(9, &cluster.authority, &place);
    for credentials in [foreign, unknown] {
        let links = Links::new(credentials);
        let link = links.to(members[1].0, &members[1].1);
        let mut founding = FoundingClient::new(link.clone());
        let greeted = founding.greet(wire::GreetRequest::default());
        assert!(soon(greeted).await.is_err());
        let vote = wire::VoteRequest::default();
        assert!(
            soon(RaftClient::new(link).request_vote(vote))
                .await
                .is_err()
        );
    }
    // Each of them dialled twice. Whoever is sent away may know it before it is noted.
    let node = cluster.node(2);
    node.counted.reach("certificate", 2).await;
    node.counted.reach("not_a_member", 2).await;
    let strangers = node.consensus.status().strangers.unwrap();
    assert!(strangers.refused >= 4, "{strangers:?}");
    let why = strangers.refusal;
    assert!(why.ends_with("/node/9 is not a member"), "{why}");
    // Who dials node 2 and finds node 3 there says nothing to it.
    let links = Links::new(cluster.credentials(1));
    let mut wrong = FoundingClient::new(links.to(members[1].0, &members[2].1));
    let greeted = wrong.greet(wire::GreetRequest::default());
    assert_eq!(soon(greeted).await.unwrap_err().code(), Code::Unavailable);
    cluster.propose(put_user(1)).await;
    cluster.converge().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_that_talks_nonsense_is_refused_and_the_cluster_goes_on() {
    let cluster = Cluster::founded().await;
    let node = cluster.node(2);
    let term = node.consensus.figures().term;
    let links = Links::new(cluster.credentials(1));
    let members = cluster.members();
    let link = links.to(members[1].0, &members[1].1);
    let right = header(1, 2);
    for (header, code) in [
        (None, Code::InvalidArgument),
        (header(3, 2), Code::PermissionDenied),
        (header(2, 2), Code::PermissionDenied),
        (header(1, 3), Code::FailedPrecondition),
        (Some(older()), Code::FailedPrecondition),
    ] {
        let voter = header.map_or(0, |header| header.from);
        assert_eq!(soon(ask(&link, header, 99, voter)).await, Some(code));
    }
    // A vote for another, in a header that is right.
    assert_eq!(
        soon(ask(&link, right, 99, id(3))).await,
        Some(Code::InvalidArgument)
    );
    let nonsense = wire::AppendRequest {
        header: right,
        vote: Some(codec::stored_vote(&Vote::new_committed(99, id(1)))),
        records: vec![countersign_core::ledger::storage::RaftRecord {
            term: 99,
            index: u64::MAX,
            payload: None,
        }],
        ..wire::AppendRequest::default()
    };
    let before = refused_to(&node, 1);
    assert_eq!(
        soon(append(&link, nonsense)).await,
        Some(Code::InvalidArgument)
    );
    // Within a stream, which had begun well.
    assert_eq!(refused_to(&node, 1), before + 1);
    let unnamed = wire::SnapshotPiece {
        octets: vec![1; 1000],
        ..wire::SnapshotPiece::default()
    };
    let sent = RaftClient::new(link.clone())
        .send_snapshot(stream::iter([unnamed]))
        .await;
    assert_eq!(sent.unwrap_err().code(), Code::InvalidArgument);
    let admit = wire::AdmitRequest {
        incarnation: 1,
        members: vec![1],
    };
    let admitted = FoundingClient::new(link).admit(admit).await;
    assert_eq!(admitted.unwrap_err().code(), Code::FailedPrecondition);
    assert_eq!(node.consensus.figures().term, term);
    assert_eq!((refused_to(&node, 1), refused_to(&node, 3)), (9, 0));
    let links = node.consensus.status().links;
    let refusal = links.into_iter().find(|link| link.node == 1);
    let refusal = refusal.map(|link| link.refusal).unwrap_or_default();
    assert_eq!(refusal, "this node's initial_members are others");
    cluster.propose(put_user(1)).await;
    cluster.converge().await;
}

/// Calls of a peer, as the node's status tells them.
fn refused_to(node: &Node, peer: u32) -> u64 {
    let links = node.consensus.status().links;
    let link = links.into_iter().find(|link| link.node == peer);
    link.unwrap().refused
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_has_few_calls_under_way_and_no_more() {
    let cluster = Cluster::founded().await;
    let links = Links::new(cluster.credentials(1));
    let members = cluster.members();
    let link = links.to(members[1].0, &members[1].1);
    let client = || RaftClient::new(link.clone());
    let mut streams = Vec::new();
    let refused = loop {
        let waits = stream::pending::<wire::AppendRequest>();
        match soon(client().append_entries(waits)).await {
            Ok(replies) => streams.push(replies),
            Err(refused) => break refused,
        }
        // Node 1 may have one of its own, where it leads.
        assert!(streams.len() <= 4);
    };
    assert_eq!(refused.code(), Code::ResourceExhausted);
    // Each waits for its first piece.
    let waiting = (0..40).map(|_| {
        let mut client = client();
        async move { client.send_snapshot(stream::pending()).await }
    });
    let answers = soon(join_all(waiting)).await;
    let code = |answer: &Result<_, Status>| answer.as_ref().err().map(Status::code);
    let full = answers
        .iter()
        .filter(|it| code(it) == Some(Code::ResourceExhausted));
    assert!(full.count() >= 40 - 16, "{answers:?}");
    drop((streams, answers));
    cluster.propose(put_user(1)).await;
    cluster.converge().await;
}

/// Once on the disk, a term is there for ever.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_cannot_use_up_the_terms() {
    let cluster = Cluster::founded().await;
    let links = Links::new(cluster.credentials(1));
    let members = cluster.members();
    let link = links.to(members[1].0, &members[1].1);
    for term in [u64::MAX, 2 << 20] {
        let code = soon(ask(&link, header(1, 2), term, id(1))).await;
        assert_eq!(code, Some(Code::InvalidArgument), "{term}");
    }
    assert!(cluster.node(2).consensus.figures().term < 1 << 20);
    cluster.propose(put_user(1)).await;
    cluster.converge().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_that_does_not_vote_says_nothing_to_the_core() {
    let cluster = Cluster::founded().await;
    let (_, leader) = cluster.leader().await;
    let peer = crate::consensus::raft::Peer {
        address: "127.0.0.1:1".to_owned(),
    };
    let learner = id(9);
    let added = leader.consensus.raft.add_learner(learner, peer, false);
    soon(added).await.unwrap();
    cluster.propose(put_user(1)).await;
    cluster.converge().await;
    let links = Links::new(cluster.credentials(9));
    let members = cluster.members();
    let link = links.to(members[1].0, &members[1].1);
    let refused = Some(Code::PermissionDenied);
    assert_eq!(soon(ask(&link, header(9, 2), 5, learner)).await, refused);
    let sent = wire::AppendRequest {
        header: header(9, 2),
        vote: Some(codec::stored_vote(&Vote::new_committed(99, learner))),
        ..wire::AppendRequest::default()
    };
    assert_eq!(soon(append(&link, sent)).await, refused);
    let offer = wire::SnapshotOffer {
        header: header(9, 2),
        ..wire::SnapshotOffer::default()
    };
    let mut client = RaftClient::new(link);
    let offered = soon(client.offer_snapshot(offer)).await;
    assert_eq!(offered.err().map(|status| status.code()), refused);
    let asked = wire::TransferRequest {
        header: header(9, 2),
        ..wire::TransferRequest::default()
    };
    let handed = soon(client.transfer_leader(asked)).await;
    assert_eq!(handed.err().map(|status| status.code()), refused);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_follower_that_has_heard_the_leaders_word_may_speak() {
    let cluster = Cluster::founded().await;
    cluster.propose(put_user(1)).await;
    cluster.converge().await;
    let (leader, _) = cluster.leader().await;
    for node in ALL.into_iter().filter(|node| *node != leader) {
        let node = cluster.node(node);
        let ready = async {
            while !node.consensus.is_ready() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        // Words come with each heartbeat.
        soon(ready).await;
    }
}

fn id(node: u16) -> u64 {
    RaftId::new(NodeId(node), 1).0
}

fn header(from: u16, to: u16) -> Option<wire::Header> {
    Some(wire::Header {
        from: id(from),
        to: id(to),
    })
}

/// From node 1 as it was never.
fn older() -> wire::Header {
    wire::Header {
        from: RaftId::new(NodeId(1), 7).0,
        to: id(2),
    }
}

async fn ask(link: &Link, header: Option<wire::Header>, term: u64, voter: u64) -> Option<Code> {
    let asked = wire::VoteRequest {
        header,
        vote: Some(codec::stored_vote(&Vote::new(term, voter))),
        ..wire::VoteRequest::default()
    };
    let answer = RaftClient::new(link.clone()).request_vote(asked).await;
    answer.err().map(|status| status.code())
}

async fn append(link: &Link, append: wire::AppendRequest) -> Option<Code> {
    let mut client = RaftClient::new(link.clone());
    match client.append_entries(stream::iter([append])).await {
        Ok(replies) => replies.into_inner().message().await.err(),
        Err(status) => Some(status),
    }
    .map(|status| status.code())
}

/// Users that nobody can compress away.
fn put_large(number: u64) -> Command {
    let mut command = put_user(number);
    if let Command::Change(change) = &mut command
        && let Some(countersign_core::ledger::storage::change::Kind::PutUser(put)) =
            &mut change.kind
        && let Some(user) = &mut put.user
    {
        let digests = (0..4_u64).map(|part| {
            let digest = Sha256::digest([number.to_be_bytes(), part.to_be_bytes()].concat());
            data_encoding::BASE64.encode(&digest)
        });
        user.contact = digests.collect();
    }
    command
}

/// Makes users, then takes from all who run the log that would bring them to others.
async fn fill_and_purge(cluster: &Cluster, numbers: std::ops::RangeInclusive<u64>, away: u16) {
    let all: Vec<_> = numbers.collect();
    for some in all.chunks(1000) {
        join_all(
            some.iter()
                .map(|number| cluster.propose(put_large(*number))),
        )
        .await;
    }
    cluster.converge().await;
    for number in ALL.into_iter().filter(|number| *number != away) {
        let node = cluster.node(number);
        let index = node.consensus.applied().index;
        node.consensus.raft.trigger().snapshot().await.unwrap();
        let mut data = node.consensus.raft.data_metrics();
        while data
            .borrow_watched()
            .snapshot
            .is_none_or(|last| last.index < index)
        {
            soon(data.changed()).await.unwrap();
        }
        node.consensus
            .raft
            .trigger()
            .purge_log(index)
            .await
            .unwrap();
        while data
            .borrow_watched()
            .purged
            .is_none_or(|last| last.index < index)
        {
            soon(data.changed()).await.unwrap();
        }
    }
}

/// What a snapshot of the node's tables has, as files.
fn snapshot_octets(node: &Arc<Node>) -> u64 {
    let member = &node.consensus.member;
    let place = tempfile::tempdir().unwrap();
    let to = place.path().join("files");
    let current = member.images.current().unwrap();
    let Image::Local(local) = current.snapshot else {
        panic!("made here");
    };
    local.export_octets(&to)
}
