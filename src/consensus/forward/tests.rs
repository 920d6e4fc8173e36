//! Commands over real links, and every way in which that fails.

mod authority;
mod scripted;
mod world;

use std::sync::Arc;
use std::time::Duration;

use countersign_core::base::{NodeId, Timestamp};
use countersign_core::ledger::{BeginResult, Command, Outcome, Settle, SourceOutcome, storage};
use futures_util::FutureExt;
use futures_util::future::join_all;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Code;
use tonic::service::Routes;

use scripted::{Fault, Scripted};
use world::{ASKER, TERM, World, begin, make_user, nobody};

use super::{MESSAGE_OCTETS_MAX, Proposals};
use crate::consensus::proposer::{Because, ProposeError};
use crate::consensus::reign::Reign;
use crate::consensus::state_machine::Applied;
use crate::consensus::testing::{founded, has_user, is_done, put_user, start};
use crate::peers::wire::ProposeRequest;
use crate::peers::wire::ledger_client::LedgerClient;
use crate::peers::wire::ledger_server::LedgerServer;

#[tokio::test]
async fn forwarded_commands_share_entries_and_each_gets_its_own_outcome() {
    let world = World::new().await;
    let before = world.leader.applied().index;
    let outcomes = join_all((1..=2000).map(|n| world.propose(put_user(n)))).await;
    for (number, outcome) in (1..).zip(&outcomes) {
        let Ok(Outcome::Change(change)) = outcome else {
            panic!("{outcome:?}");
        };
        assert_eq!((change.id, change.refusal), (number, 0));
    }
    let entries = world.leader.applied().index - before;
    assert!((8..200).contains(&entries), "{entries} entries");
    assert!((1..=2000).all(|number| has_user(&world.leader.tables(), number)));
}

#[tokio::test]
async fn own_and_forwarded_commands_share_entries() {
    let world = World::new().await;
    let before = world.leader.applied().index;
    let own = join_all((1..=500).map(|n| world.leader.propose(put_user(n))));
    let forwarded = join_all((501..=1000).map(|n| world.propose(put_user(n))));
    let (own, forwarded) = tokio::join!(own, forwarded);
    let done = |it: &Result<_, _>| it.as_ref().is_ok_and(is_done);
    assert!(own.iter().chain(&forwarded).all(done));
    assert!(world.leader.applied().index - before < 100);
}

#[tokio::test]
async fn a_broken_stream_is_unknown_and_the_same_claim_finds_its_own_grant() {
    let (world, mut seen) = scripted(Fault::DiesAfterProposing).await;
    make_user(&world.leader).await;
    let lost = world.propose(Command::Begin(begin(&world.leader))).await;
    assert_eq!(lost, Err(ProposeError::Unknown));
    assert_eq!(seen.recv().await, Some(1));
    let index = world.leader.applied().index;
    // Line 5: the same owner is granted the same again.
    let again = world.propose(Command::Begin(begin(&world.leader))).await;
    let Ok(Outcome::Begin(BeginResult::Granted { epoch, .. })) = again else {
        panic!("{again:?}");
    };
    assert_eq!(epoch.index, index, "the grant of the lost answer");
    // Line 4: and finds its verdict once there is one.
    let settle = Command::Settle(Settle {
        key: begin(&world.leader).key,
        epoch,
        outcome: SourceOutcome::Wrong,
        relayed: None,
    });
    world.propose(settle).await.unwrap();
    let after = world.propose(Command::Begin(begin(&world.leader))).await;
    assert!(matches!(after, Ok(Outcome::Begin(BeginResult::Repeat(_)))));
}

#[tokio::test]
async fn an_answer_to_nothing_breaks_the_stream() {
    let (world, _seen) = scripted(Fault::AnswersAnother).await;
    let lost = world.propose(put_user(1)).await;
    assert_eq!(lost, Err(ProposeError::Unknown));
    let next = world.propose(put_user(2)).await;
    assert!(is_done(&next.unwrap()));
}

#[tokio::test]
async fn a_leader_that_says_nothing_leaves_it_unknown_once_another_leads() {
    let (world, mut seen) = scripted(Fault::Silent).await;
    let mut sent = Box::pin(world.propose(put_user(1)));
    assert_eq!(seen.recv().await, Some(1));
    assert!((&mut sent).now_or_never().is_none());
    world.reign.send_replace(Reign::Following {
        leader: NodeId(1),
        term: TERM + 1,
    });
    assert_eq!(sent.await, Err(ProposeError::Unknown));
}

#[tokio::test]
async fn what_waits_for_a_full_window_is_sent_to_the_next_leader() {
    let (world, mut seen) = scripted(Fault::Silent).await;
    let mut sent = Vec::new();
    for number in 1..=8 {
        sent.push(world.propose(put_user(number)));
        assert_eq!(seen.recv().await, Some(1));
    }
    let waiting = world.propose(put_user(9));
    tokio::task::yield_now().await;
    // The real service answers from the second stream on.
    world.reign.send_replace(Reign::Following {
        leader: NodeId(1),
        term: 0,
    });
    assert!(is_done(&waiting.await.unwrap()));
    let unknown = Err(ProposeError::Unknown);
    assert!(join_all(sent).await.iter().all(|it| *it == unknown));
    assert!(!has_user(&world.leader.tables(), 1));
}

#[tokio::test]
async fn a_node_that_does_not_lead_sends_nothing_further() {
    let place = tempfile::tempdir().unwrap();
    let blank = Arc::new(start(&place.path().join("store"), world::clock()).await);
    let proposals = blank.proposals(Arc::new(|_| true));
    let routes = Routes::default().add_service(proposals.server());
    let world = World::on(place, blank, routes).await;
    let refused = world.propose(put_user(1)).await;
    assert_eq!(refused, not_proposed(Because::NotLeader(None)));
}

#[tokio::test]
async fn a_leader_of_an_older_term_refuses() {
    let world = World::new().await;
    world.reign.send_replace(Reign::Following {
        leader: NodeId(1),
        term: 99,
    });
    let refused = world.propose(put_user(1)).await;
    assert_eq!(refused, not_proposed(Because::NotLeader(None)));
    assert!(!has_user(&world.leader.tables(), 1));
}

#[tokio::test]
async fn only_voters_are_heard() {
    let place = tempfile::tempdir().unwrap();
    let store = place.path().join("store");
    let leader = Arc::new(founded(&store, world::clock()).await);
    let routes = Routes::default().add_service(leader.proposals(nobody()).server());
    let world = World::on(place, leader, routes).await;
    let refused = world.propose(put_user(1)).await;
    assert_eq!(refused, not_proposed(Because::Unreachable(NodeId(1))));
    assert!(!has_user(&world.leader.tables(), 1));
}

#[tokio::test]
async fn a_voter_that_is_one_no_more_is_refused_within_its_stream() {
    let world = World::new().await;
    let proposals = world.leader.proposals(nobody());
    let refused = proposals.take(ASKER, request(&[put_user(1)])).err();
    assert_eq!(refused.unwrap().code(), Code::PermissionDenied);
}

#[tokio::test]
async fn nonsense_ends_the_stream_and_nothing_else() {
    let world = World::new().await;
    let mut foreign = begin(&world.leader);
    foreign.owner.node = NodeId(3);
    let mut nobodys = put_user(1);
    if let Command::Change(change) = &mut nobodys {
        change.actor = None;
    }
    for commands in [
        (0..257).map(put_user).collect(),
        vec![Command::Begin(foreign)],
        vec![nobodys],
    ] {
        let (requests, outgoing) = mpsc::channel(1);
        let link = world.links.to(NodeId(1), &world.address);
        let mut client = LedgerClient::new(link).max_encoding_message_size(MESSAGE_OCTETS_MAX);
        let opened = client.propose(ReceiverStream::new(outgoing)).await;
        requests.send(request(&commands)).await.unwrap();
        let ended = opened.unwrap().into_inner().message().await;
        assert_eq!(ended.unwrap_err().code(), Code::InvalidArgument);
    }
    assert!(is_done(&world.propose(put_user(300)).await.unwrap()));
    assert!(!has_user(&world.leader.tables(), 1));
}

#[tokio::test]
async fn a_voter_has_so_many_streams_and_no_more() {
    let world = World::new().await;
    // The asker has one of its own.
    assert!(is_done(&world.propose(put_user(1)).await.unwrap()));
    let mut open = Vec::new();
    let refused = loop {
        let (requests, outgoing) = mpsc::channel(1);
        let link = world.links.to(NodeId(1), &world.address);
        let mut client = LedgerClient::new(link);
        match client.propose(ReceiverStream::new(outgoing)).await {
            Ok(replies) => open.push((requests, replies)),
            Err(refused) => break refused,
        }
    };
    assert_eq!(refused.code(), Code::ResourceExhausted);
    assert_eq!(open.len(), 3);
}

#[tokio::test]
async fn a_command_without_sense_is_answered_and_the_others_count() {
    let world = World::new().await;
    let proposals = world.leader.proposals(Arc::new(|_| true));
    let mut asked = request(&[put_user(1), put_user(2)]);
    asked.commands.insert(1, storage::Command { kind: None });
    let reply = proposals.take(ASKER, asked).unwrap().await;
    let Some(crate::peers::wire::propose_reply::Result::Outcomes(outcomes)) = reply.result else {
        panic!("{reply:?}");
    };
    let read = outcomes
        .outcomes
        .into_iter()
        .map(|it| super::codec::decoded(it, NodeId(1)).unwrap());
    let read: Vec<_> = read.collect();
    assert!(is_done(&read[0]) && is_done(&read[2]));
    assert!(matches!(read[1], Outcome::Unreadable(_)));
}

#[tokio::test]
async fn who_asked_reads_what_it_wrote() {
    let (world, mut seen) = scripted(Fault::AnswersLate).await;
    world.applied.send_replace(Applied::default());
    let mut asked = Box::pin(world.propose(put_user(1)));
    assert_eq!(seen.recv().await, Some(1));
    // The stream breaks just after the first answer: what it leaves unknown shows that
    // that answer has come.
    let lost = world.propose(put_user(2)).await;
    assert_eq!(lost, Err(ProposeError::Unknown));
    assert!((&mut asked).now_or_never().is_none());
    assert!(has_user(&world.leader.tables(), 1));
    world.applied.send_replace(Applied {
        index: world.leader.applied().index,
        at: Timestamp::default(),
    });
    assert!(is_done(&asked.await.unwrap()));
}

#[tokio::test]
async fn tables_that_stay_behind_keep_no_known_outcome_back_for_ever() {
    let real = |proposals: Proposals| Routes::default().add_service(proposals.server());
    let world = World::waiting(Duration::from_millis(1), real).await;
    world.applied.send_replace(Applied::default());
    assert!(is_done(&world.propose(put_user(1)).await.unwrap()));
}

#[tokio::test]
async fn without_a_leader_nothing_waits() {
    let mut world = World::new().await;
    world.reign.send_replace(Reign::Vacant);
    let refused = world.propose(put_user(1)).await;
    assert_eq!(refused, not_proposed(Because::NotLeader(None)));
    // What was asked just before this node came to lead goes its own way.
    let reign = Reign::Leading {
        reign: crate::consensus::codec::new_log_id(9, 1).leader_id,
        alone: false,
    };
    world.reign.send_replace(reign);
    let _asked = world.propose(put_user(2));
    assert_eq!(world.local.recv().await.unwrap().command, put_user(2));
}

#[tokio::test]
async fn a_leader_that_cannot_be_reached_is_said_so() {
    let world = World::new().await;
    world.reign.send_replace(Reign::Following {
        // Its certificate is another's.
        leader: NodeId(3),
        term: TERM,
    });
    let refused = world.propose(put_user(1)).await;
    assert_eq!(refused, not_proposed(Because::Unreachable(NodeId(3))));
}

fn not_proposed(because: Because) -> Result<Outcome, ProposeError> {
    Err(ProposeError::NotProposed(because))
}

fn request(commands: &[Command]) -> ProposeRequest {
    ProposeRequest {
        number: 1,
        term: TERM,
        remaining: 5000,
        commands: commands.iter().map(Into::into).collect(),
    }
}

async fn scripted(fault: Fault) -> (World, mpsc::UnboundedReceiver<usize>) {
    let (told, seen) = mpsc::unbounded_channel();
    let world = World::waiting(FOR_EVER, |proposals| {
        Routes::default().add_service(LedgerServer::new(Scripted {
            proposals,
            fault,
            streams: Arc::default(),
            seen: told,
        }))
    });
    (world.await, seen)
}

const FOR_EVER: Duration = Duration::from_secs(3600);
