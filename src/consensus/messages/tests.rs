//! What goes over a link must be understood by the release before and after: the octets
//! are fixed here. What cannot be meant is refused.

use std::fmt::Write;

use openraft::EntryPayload;
use prost::Message;

use super::*;
use crate::consensus::codec::new_log_id;
use crate::consensus::raft::Batch;

const FROM: RaftId = RaftId(65_537);
const SPEAKER: Speaker = Speaker {
    id: FROM,
    own_term: 2,
};
const BETWEEN: Between = Between {
    from: FROM,
    to: RaftId(131_073),
};

#[test]
fn a_vote_request_goes_over_a_link_as_ever() {
    let mut asked = VoteRequest::new(Vote::new(3, FROM.0), Some(new_log_id(2, 300)));
    asked.leadership_transfer = true;
    let sent = vote_request(BETWEEN, &asked, true);
    assert_eq!(hex(&sent), VOTE_REQUEST);
    let read = read_vote_request(SPEAKER, &sent).unwrap();
    assert_eq!(read, asked);
    let answer = VoteResponse::new(Vote::new(3, FROM.0), Some(new_log_id(2, 300)), true);
    let sent = vote_reply(&answer);
    assert_eq!(hex(&sent), VOTE_REPLY);
    assert_eq!(read_vote_reply(&sent, 2).unwrap(), answer);
}

#[test]
fn an_append_goes_over_a_link_as_ever() {
    let sent = append_request(BETWEEN, &append(2..=3), word());
    assert_eq!(hex(&sent), APPEND);
    let read = read_append_request(SPEAKER, sent).unwrap();
    let given = append(2..=3);
    assert_eq!(format!("{read:?}"), format!("{given:?}"));
    for (result, octets) in [
        (Ok(Some(new_log_id(2, 3))), "0a060a0408021003"),
        (Ok(None), "0a00"),
        (
            Err(StreamAppendError::Conflict(new_log_id(2, 3))),
            "120408021003",
        ),
        (
            Err(StreamAppendError::HigherVote(Vote::new(9, 1))),
            "1a0408091001",
        ),
    ] {
        let sent = append_reply(&result);
        assert_eq!(hex(&sent), octets);
        assert_eq!(read_append_reply(&sent, 2).unwrap(), result);
    }
}

#[test]
fn a_transfer_goes_over_a_link_as_ever() {
    let vote = Vote::new_committed(3, FROM.0);
    let asked = TransferLeaderRequest::new(vote, 131_073, Some(new_log_id(2, 3)));
    let sent = transfer_request(BETWEEN, &asked);
    assert_eq!(hex(&sent), TRANSFER);
    assert_eq!(read_transfer_request(SPEAKER, &sent).unwrap(), asked);
}

#[test]
fn a_snapshot_is_offered_as_ever() {
    let peer = crate::consensus::raft::Peer {
        address: "a:1".to_owned(),
    };
    let voters = std::collections::BTreeSet::from([FROM.0]);
    let peers = std::collections::BTreeMap::from([(FROM.0, peer)]);
    let membership = crate::consensus::raft::Membership::new(vec![voters], peers).unwrap();
    let meta = SnapshotMeta {
        last_log_id: Some(new_log_id(2, 9)),
        last_membership: StoredMembership::new(Some(new_log_id(1, 4)), membership),
    };
    let mark = wire::SnapshotMark {
        version: 1,
        hash: vec![7; 2],
        files: vec![wire::snapshot_mark::File {
            octets: 300,
            sha256: vec![8; 2],
        }],
        ..snapshot_mark(&meta)
    };
    let offer = wire::SnapshotOffer {
        header: BETWEEN.header(),
        vote: Some(codec::stored_vote(&Vote::new_committed(3, FROM.0))),
        mark: Some(mark.clone()),
    };
    assert_eq!(hex(&offer), OFFER);
    assert_eq!(read_snapshot_mark(&mark, 2).unwrap(), meta);
    let another = Speaker {
        id: RaftId(131_073),
        own_term: 2,
    };
    assert!(read_offer_vote(another, &offer).is_err());
    // Each would stop a node whose core heard it.
    assert!(read_snapshot_mark(&mark, 1).is_err());
    let later = wire::SnapshotMark {
        membership_at: stored(Some(&new_log_id(2, 10))),
        ..mark
    };
    assert!(read_snapshot_mark(&later, 2).is_err());
    for (committed, fits) in [
        (None, true),
        (Some(new_log_id(1, 8)), true),
        (Some(new_log_id(1, 9)), false),
        (Some(new_log_id(1, 10)), false),
        (Some(new_log_id(2, 9)), true),
        (Some(new_log_id(2, 10)), true),
    ] {
        assert_eq!(beyond(&meta, committed).is_ok(), fits, "{committed:?}");
    }
}

#[test]
fn appends_that_no_leader_sends_are_refused() {
    let sent = |change: &dyn Fn(&mut wire::AppendRequest)| {
        let mut sent = append_request(BETWEEN, &append(2..=4), word());
        change(&mut sent);
        read_append_request(SPEAKER, sent)
    };
    assert!(sent(&|_| {}).is_ok());
    assert!(sent(&|it| it.vote = None).is_err());
    assert!(sent(&|it| it.vote.as_mut().unwrap().committed = false).is_err());
    assert!(sent(&|it| it.vote.as_mut().unwrap().candidate = 131_073).is_err());
    assert!(sent(&|it| it.prev = None).is_err());
    let of_later_term = |it: &mut wire::AppendRequest| {
        it.prev = Some(codec::stored_log_id(&new_log_id(4, 1)));
        it.records.clear();
    };
    assert!(sent(&of_later_term).is_err());
    assert!(sent(&|it| drop(it.records.remove(1))).is_err());
    assert!(sent(&|it| it.records.swap(0, 2)).is_err());
    assert!(sent(&|it| it.records[2].term = 4).is_err());
    assert!(sent(&|it| it.records[1].term = 1).is_err());
    assert!(sent(&|it| it.prev = Some(codec::stored_log_id(&new_log_id(1, u64::MAX)))).is_err());
    let most = READ_ENTRIES_MAX + 1;
    let many = append_request(BETWEEN, &append(2..=most + 1), word());
    assert!(matches!(
        read_append_request(SPEAKER, many),
        Err(MessageError::Records(_))
    ));
    assert!(read_append_reply(&wire::AppendReply::default(), 2).is_err());
    assert!(read_vote_reply(&wire::VoteReply::default(), 2).is_err());
    assert!(read_header(None).is_err());
    assert!(read_snapshot_mark(&wire::SnapshotMark::default(), 3).is_err());
}

#[test]
fn terms_that_no_election_leads_to_are_refused() {
    let most = SPEAKER.own_term + TERMS_AHEAD_MAX;
    for (term, fits) in [(most, true), (most + 1, false), (u64::MAX, false)] {
        let asked = VoteRequest::new(Vote::new(term, FROM.0), None);
        let asked = vote_request(BETWEEN, &asked, false);
        assert_eq!(read_vote_request(SPEAKER, &asked).is_ok(), fits, "{term}");
        let vote = Vote::new_committed(term, FROM.0);
        let mut sent = append(2..=2);
        sent.vote = vote;
        let sent = append_request(BETWEEN, &sent, word());
        assert_eq!(read_append_request(SPEAKER, sent).is_ok(), fits, "{term}");
        let offer = wire::SnapshotOffer {
            vote: Some(codec::stored_vote(&vote)),
            ..wire::SnapshotOffer::default()
        };
        assert_eq!(read_offer_vote(SPEAKER, &offer).is_ok(), fits, "{term}");
        let answer = vote_reply(&VoteResponse::new(vote, None, false));
        assert_eq!(read_vote_reply(&answer, 2).is_ok(), fits, "{term}");
        let higher = append_reply(&Err(StreamAppendError::HigherVote(vote)));
        assert_eq!(read_append_reply(&higher, 2).is_ok(), fits, "{term}");
    }
}

fn append(indices: std::ops::RangeInclusive<u64>) -> AppendEntriesRequest<Types> {
    let entry = |index| LogEntry {
        log_id: new_log_id(2, index),
        payload: EntryPayload::Normal(Batch::new(b"abc".to_vec())),
    };
    AppendEntriesRequest {
        vote: Vote::new_committed(3, FROM.0),
        prev_log_id: Some(new_log_id(2, 1)),
        entries: indices.map(entry).collect(),
        leader_commit: Some(new_log_id(2, 2)),
    }
}

fn word() -> wire::LeaderWord {
    wire::LeaderWord {
        at: 1_000_000,
        quorum: true,
        hash_index: 2,
        hash: vec![7; 2],
        attempt_keys: 1,
        sent: 5,
    }
}

fn hex(message: &impl Message) -> String {
    let octets = message.encode_to_vec();
    octets.iter().fold(String::new(), |mut text, octet| {
        write!(text, "{octet:02x}").unwrap();
        text
    })
}

const VOTE_REQUEST: &str = "0a08088180041081800812060803108180041a05080210ac0220012801";
const VOTE_REPLY: &str = "0a060803108180041205080210ac021801";
const APPEND: &str = "\
    0a080881800410818008120808031081800418011a04080210012209080210021a03616263\
    2209080210031a036162632a0408021002321008c0843d100118022202070728013005";
const TRANSFER: &str = "0a080881800410818008120808031081800418011a040802100320818008";
const OFFER: &str = "\
    0a080881800410818008120808031081800418011a2f0a04080210091204080110041a120a050a0381800412\
    09088180041203613a3120012a020707320708ac0212020808";
