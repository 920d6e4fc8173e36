//! openraft's values ↔ the messages of `proto/peer.proto`.
//!
//! What comes in is checked here: openraft asserts where a peer's word would lead it into
//! what cannot be.

use std::io;

use countersign_core::ledger::storage::{RaftLogId, RaftRecord, RaftVote};
use openraft::raft::{
    AppendEntriesRequest, StreamAppendError, StreamAppendResult, TransferLeaderRequest,
    VoteRequest, VoteResponse,
};
use tonic::Status;

use super::codec;
use super::log_store::READ_ENTRIES_MAX;
use super::raft::{LogEntry, LogId, RaftId, SnapshotMeta, StoredMembership, Types, Vote};
use crate::peers::wire;
use crate::peers::wire::append_reply::{Matched, Result as Appended};

/// Why a message cannot be meant.
#[derive(Debug, thiserror::Error)]
pub(super) enum MessageError {
    /// The records leave one out, or go back.
    #[error("the records do not follow each other")]
    Gap,
    /// Something that must be there is not.
    #[error("it has no {0}")]
    Missing(&'static str),
    /// Too many records at one time.
    #[error("it has {0} records")]
    Records(usize),
    /// It would put other entries where this node has committed ones.
    #[error("it contradicts what is committed")]
    Committed,
    /// A term that no election leads to. It would be on the disk for ever, and the terms
    /// after it would soon be used up.
    #[error("its term, {0}, is far ahead")]
    Term(u64),
    /// A record cannot be read.
    #[error("it cannot be read")]
    Unreadable(#[source] io::Error),
    /// The vote is another's, or of another kind.
    #[error("its vote is not the sender's")]
    Vote,
}

impl From<MessageError> for Status {
    fn from(error: MessageError) -> Self {
        Self::invalid_argument(format!("a message that cannot be meant: {error}"))
    }
}

/// Who speaks to whom.
#[derive(Clone, Copy, Debug)]
pub(super) struct Between {
    pub(super) from: RaftId,
    pub(super) to: RaftId,
}

impl Between {
    pub(super) fn header(self) -> Option<wire::Header> {
        Some(wire::Header {
            from: self.from.0,
            to: self.to.0,
        })
    }
}

/// Who speaks, and how far the node that hears it is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Speaker {
    pub(super) id: RaftId,
    /// The newest term that this node has seen.
    pub(super) own_term: u64,
}

/// What a header says.
pub(super) fn read_header(header: Option<wire::Header>) -> Result<Between, MessageError> {
    let header = header.ok_or(MessageError::Missing("header"))?;
    Ok(Between {
        from: RaftId(header.from),
        to: RaftId(header.to),
    })
}

pub(super) fn vote_request(
    between: Between,
    asked: &VoteRequest<Types>,
    pre: bool,
) -> wire::VoteRequest {
    wire::VoteRequest {
        header: between.header(),
        vote: Some(codec::stored_vote(&asked.vote)),
        last_log: stored(asked.last_log_id.as_ref()),
        pre,
        transfer: asked.leadership_transfer,
    }
}

pub(super) fn read_vote_request(
    from: Speaker,
    asked: &wire::VoteRequest,
) -> Result<VoteRequest<Types>, MessageError> {
    let mut read = VoteRequest::new(
        vote_of(from, asked.vote.as_ref(), false)?,
        read(asked.last_log.as_ref()),
    );
    read.leadership_transfer = asked.transfer;
    Ok(read)
}

pub(super) fn vote_reply(answer: &VoteResponse<Types>) -> wire::VoteReply {
    wire::VoteReply {
        vote: Some(codec::stored_vote(&answer.vote)),
        last_log: stored(answer.last_log_id.as_ref()),
        granted: answer.vote_granted,
    }
}

/// `own_term` is that in which it was asked.
pub(super) fn read_vote_reply(
    answer: &wire::VoteReply,
    own_term: u64,
) -> Result<VoteResponse<Types>, MessageError> {
    let last = read(answer.last_log.as_ref());
    Ok(VoteResponse::new(
        any_vote(answer.vote.as_ref(), own_term)?,
        last,
        answer.granted,
    ))
}

pub(super) fn append_request(
    between: Between,
    sent: &AppendEntriesRequest<Types>,
    word: wire::LeaderWord,
) -> wire::AppendRequest {
    wire::AppendRequest {
        header: between.header(),
        vote: Some(codec::stored_vote(&sent.vote)),
        prev: stored(sent.prev_log_id.as_ref()),
        records: sent.entries.iter().map(codec::stored_record).collect(),
        commit: stored(sent.leader_commit.as_ref()),
        word: Some(word),
    }
}

pub(super) fn read_append_request(
    from: Speaker,
    sent: wire::AppendRequest,
) -> Result<AppendEntriesRequest<Types>, MessageError> {
    let vote = vote_of(from, sent.vote.as_ref(), true)?;
    let prev_log_id = read(sent.prev.as_ref());
    if prev_log_id.is_some_and(|prev| *prev.leader_id > vote.leader_id.term) {
        return Err(MessageError::Gap);
    }
    Ok(AppendEntriesRequest {
        vote,
        prev_log_id,
        entries: read_records(prev_log_id, vote, sent.records)?,
        leader_commit: read(sent.commit.as_ref()),
    })
}

/// Each follows the one before it, and none is of a later term than its leader.
fn read_records(
    prev: Option<LogId>,
    vote: Vote,
    records: Vec<RaftRecord>,
) -> Result<Vec<LogEntry>, MessageError> {
    if u64::try_from(records.len()).is_ok_and(|count| count > READ_ENTRIES_MAX) {
        return Err(MessageError::Records(records.len()));
    }
    let mut entries = Vec::with_capacity(records.len());
    let (mut next, mut term) = prev.map_or((0, 0), |prev| {
        (prev.index.saturating_add(1), *prev.leader_id)
    });
    for record in records {
        if record.index != next || record.term < term || record.term > vote.leader_id.term {
            return Err(MessageError::Gap);
        }
        (next, term) = (next.saturating_add(1), record.term);
        entries.push(codec::read_record(record).map_err(MessageError::Unreadable)?);
    }
    Ok(entries)
}

pub(super) fn append_reply(result: &StreamAppendResult<Types>) -> wire::AppendReply {
    let result = match result {
        Ok(last) => Appended::Matched(Matched {
            last: stored(last.as_ref()),
        }),
        Err(StreamAppendError::Conflict(at)) => Appended::Conflict(codec::stored_log_id(at)),
        Err(StreamAppendError::HigherVote(vote)) => Appended::HigherVote(codec::stored_vote(vote)),
    };
    wire::AppendReply {
        result: Some(result),
    }
}

/// `own_term` is that of the leader that is answered.
pub(super) fn read_append_reply(
    reply: &wire::AppendReply,
    own_term: u64,
) -> Result<StreamAppendResult<Types>, MessageError> {
    match &reply.result {
        None => Err(MessageError::Missing("result")),
        Some(Appended::Matched(matched)) => Ok(Ok(read(matched.last.as_ref()))),
        Some(Appended::Conflict(at)) => {
            Ok(Err(StreamAppendError::Conflict(codec::read_log_id(at))))
        }
        Some(Appended::HigherVote(vote)) => {
            let higher = any_vote(Some(vote), own_term)?;
            Ok(Err(StreamAppendError::HigherVote(higher)))
        }
    }
}

pub(super) fn transfer_request(
    between: Between,
    asked: &TransferLeaderRequest<Types>,
) -> wire::TransferRequest {
    wire::TransferRequest {
        header: between.header(),
        from_leader: Some(codec::stored_vote(asked.from_leader())),
        last_log: stored(asked.last_log_id()),
        heir: *asked.to_node_id(),
    }
}

pub(super) fn read_transfer_request(
    from: Speaker,
    asked: &wire::TransferRequest,
) -> Result<TransferLeaderRequest<Types>, MessageError> {
    let vote = vote_of(from, asked.from_leader.as_ref(), true)?;
    let last = read(asked.last_log.as_ref());
    Ok(TransferLeaderRequest::new(vote, asked.heir, last))
}

/// The vote of an offer, which only a leader makes.
pub(super) fn read_offer_vote(
    from: Speaker,
    offer: &wire::SnapshotOffer,
) -> Result<Vote, MessageError> {
    vote_of(from, offer.vote.as_ref(), true)
}

/// What a snapshot covers, without its files.
pub(super) fn snapshot_mark(meta: &SnapshotMeta) -> wire::SnapshotMark {
    let membership = &meta.last_membership;
    wire::SnapshotMark {
        last: stored(meta.last_log_id.as_ref()),
        membership_at: stored(membership.log_id().as_ref()),
        membership: Some(codec::stored_membership(membership.membership())),
        ..wire::SnapshotMark::default()
    }
}

/// What the snapshot of a leader covers that is of `term`. openraft stops the node at
/// what is refused here.
pub(super) fn read_snapshot_mark(
    mark: &wire::SnapshotMark,
    term: u64,
) -> Result<SnapshotMeta, MessageError> {
    let last = mark
        .last
        .as_ref()
        .ok_or(MessageError::Missing("last log"))?;
    let last = codec::read_log_id(last);
    let membership_at = read(mark.membership_at.as_ref());
    if *last.leader_id > term || membership_at > Some(last) {
        return Err(MessageError::Gap);
    }
    let membership = mark.membership.clone().unwrap_or_default();
    let membership = codec::read_membership(membership).map_err(MessageError::Unreadable)?;
    Ok(SnapshotMeta {
        last_log_id: Some(last),
        last_membership: StoredMembership::new(membership_at, membership),
    })
}

/// Refuses a snapshot that is of a later term than what is committed here, and does not
/// reach beyond it: one of the two is not of this cluster.
pub(super) fn beyond(covers: &SnapshotMeta, committed: Option<LogId>) -> Result<(), MessageError> {
    match (covers.last_log_id, committed) {
        (Some(last), Some(committed)) if last > committed && last.index <= committed.index => {
            Err(MessageError::Committed)
        }
        _ => Ok(()),
    }
}

/// A vote of whomever, as a node of `own_term` may hear it.
pub(super) fn any_vote(vote: Option<&RaftVote>, own_term: u64) -> Result<Vote, MessageError> {
    let vote = vote
        .map(codec::read_vote)
        .ok_or(MessageError::Missing("vote"))?;
    let term = vote.leader_id.term;
    if term > own_term.saturating_add(TERMS_AHEAD_MAX) {
        return Err(MessageError::Term(term));
    }
    Ok(vote)
}

/// Nobody speaks for another: not as a candidate, not as a leader.
fn vote_of(from: Speaker, vote: Option<&RaftVote>, committed: bool) -> Result<Vote, MessageError> {
    let vote = any_vote(vote, from.own_term)?;
    if vote.leader_id.voted_for == from.id.0 && vote.committed == committed {
        Ok(vote)
    } else {
        Err(MessageError::Vote)
    }
}

fn stored(id: Option<&LogId>) -> Option<RaftLogId> {
    id.map(codec::stored_log_id)
}

fn read(id: Option<&RaftLogId>) -> Option<LogId> {
    id.map(codec::read_log_id)
}

/// More elections than a cluster sees while one of its nodes is away: with pre-votes each
/// of them had a winner.
const TERMS_AHEAD_MAX: u64 = 1 << 20;

#[cfg(test)]
mod tests;
