//! openraft's values ↔ the messages of `proto/storage.proto`.
//!
//! Nothing of openraft's own layout reaches the disk: its types may change with every
//! release, the messages never do.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use countersign_core::ledger::storage::raft_membership::{Peer as StoredPeer, Voters};
use countersign_core::ledger::storage::raft_record::Payload as StoredPayload;
use countersign_core::ledger::storage::{
    AppliedState, RaftLogId, RaftMembership, RaftRecord, RaftVote,
};
use openraft::EntryPayload;
use openraft::vote::RaftLeaderId;
use prost::Message;

use super::raft::{Batch, LogEntry, LogId, Membership, Peer, StoredMembership, Types, Vote};

/// A vote, as it lies on disk.
pub(super) fn vote_octets(vote: &Vote) -> Vec<u8> {
    stored_vote(vote).encode_to_vec()
}

/// The vote in `octets`.
pub(super) fn vote(octets: &[u8]) -> io::Result<Vote> {
    message(octets).map(|stored| read_vote(&stored))
}

/// A log id, as it lies on disk.
pub(super) fn log_id_octets(id: &LogId) -> Vec<u8> {
    stored_log_id(id).encode_to_vec()
}

/// The log id in `octets`.
pub(super) fn log_id(octets: &[u8]) -> io::Result<LogId> {
    message(octets).map(|stored| read_log_id(&stored))
}

/// An entry of the log, as it lies on disk.
pub(super) fn record_octets(entry: &LogEntry) -> Vec<u8> {
    stored_record(entry).encode_to_vec()
}

/// The entry of the log in `octets`.
pub(super) fn record(octets: &[u8]) -> io::Result<LogEntry> {
    message(octets).and_then(read_record)
}

pub(super) fn stored_record(entry: &LogEntry) -> RaftRecord {
    let payload = match &entry.payload {
        EntryPayload::Blank => None,
        EntryPayload::Normal(batch) => Some(StoredPayload::Batch(batch.octets().to_vec())),
        EntryPayload::Membership(membership) => {
            Some(StoredPayload::Membership(stored_membership(membership)))
        }
    };
    RaftRecord {
        term: *entry.log_id.leader_id,
        index: entry.log_id.index,
        payload,
    }
}

pub(super) fn read_record(stored: RaftRecord) -> io::Result<LogEntry> {
    let payload = match stored.payload {
        None => EntryPayload::Blank,
        Some(StoredPayload::Batch(octets)) => EntryPayload::Normal(Batch::new(octets)),
        Some(StoredPayload::Membership(membership)) => {
            EntryPayload::Membership(read_membership(membership)?)
        }
    };
    Ok(LogEntry {
        log_id: new_log_id(stored.term, stored.index),
        payload,
    })
}

/// How far the tables in family number `family` are, as it lies on disk.
pub(super) fn applied_octets(
    family: u64,
    last: Option<&LogId>,
    membership: &StoredMembership,
) -> Vec<u8> {
    AppliedState {
        family,
        last: last.map(stored_log_id),
        membership_at: membership.log_id().as_ref().map(stored_log_id),
        membership: Some(stored_membership(membership.membership())),
    }
    .encode_to_vec()
}

/// How far the tables are, and the number of their family.
pub(super) fn applied(octets: &[u8]) -> io::Result<(u64, Option<LogId>, StoredMembership)> {
    let stored = message::<AppliedState>(octets)?;
    let membership = read_membership(stored.membership.unwrap_or_default())?;
    Ok((
        stored.family,
        stored.last.as_ref().map(read_log_id),
        StoredMembership::new(stored.membership_at.as_ref().map(read_log_id), membership),
    ))
}

/// A log id of a leader of `term`.
pub(super) fn new_log_id(term: u64, index: u64) -> LogId {
    // The voter is no part of a committed leader's id: there is one leader per term.
    let leader = <Types as openraft::RaftTypeConfig>::LeaderId::new(term, 0);
    LogId::new(leader.to_committed(), index)
}

pub(super) fn stored_vote(vote: &Vote) -> RaftVote {
    RaftVote {
        term: vote.leader_id.term,
        candidate: vote.leader_id.voted_for,
        committed: vote.committed,
    }
}

pub(super) fn read_vote(stored: &RaftVote) -> Vote {
    if stored.committed {
        Vote::new_committed(stored.term, stored.candidate)
    } else {
        Vote::new(stored.term, stored.candidate)
    }
}

pub(super) fn stored_log_id(id: &LogId) -> RaftLogId {
    RaftLogId {
        term: *id.leader_id,
        index: id.index,
    }
}

pub(super) fn read_log_id(stored: &RaftLogId) -> LogId {
    new_log_id(stored.term, stored.index)
}

pub(super) fn stored_membership(membership: &Membership) -> RaftMembership {
    RaftMembership {
        configs: membership
            .get_joint_config()
            .iter()
            .map(|voters| Voters {
                ids: voters.iter().copied().collect(),
            })
            .collect(),
        peers: membership
            .nodes()
            .map(|(&id, peer)| StoredPeer {
                id,
                address: peer.address.clone(),
            })
            .collect(),
    }
}

pub(super) fn read_membership(stored: RaftMembership) -> io::Result<Membership> {
    if stored.configs.is_empty() {
        return Ok(Membership::default());
    }
    let configs = stored
        .configs
        .into_iter()
        .map(|voters| voters.ids.into_iter().collect::<BTreeSet<_>>())
        .collect();
    let peers = stored
        .peers
        .into_iter()
        .map(|peer| {
            let address = peer.address;
            (peer.id, Peer { address })
        })
        .collect::<BTreeMap<_, _>>();
    Membership::new(configs, peers).map_err(corrupt)
}

fn message<M: Message + Default>(octets: &[u8]) -> io::Result<M> {
    M::decode(octets).map_err(corrupt)
}

fn corrupt(cause: impl std::error::Error + Send + Sync + 'static) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, cause)
}

#[cfg(test)]
mod tests;
