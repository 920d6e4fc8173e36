//! Where this node stands in the cluster, as the rest of this module needs it.

use std::future::Future;

use countersign_core::base::{NodeId, Timestamp};

/// Consensus, seen from here. The node implements it.
pub trait Reign: Send + Sync + 'static {
    /// How things stand now.
    fn standing(&self) -> Standing;

    /// The number of the attempt keys in force: of the leader's last word, or of its own
    /// where this node leads; 0: none yet. Read for each login: cheap.
    fn attempt_keys(&self) -> u64;

    /// The number that this node names in its words while it leads; 0: none yet. What it
    /// leads with is what was named last.
    fn name_attempt_keys(&self, number: u64);

    /// Resolves when role, term or the number in force has changed since the call, whether
    /// before or after it is first polled.
    fn changed(&self) -> impl Future<Output = ()> + Send;
}

/// Where a node stands.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Standing {
    /// Whether it leads.
    pub role: Role,
    /// The newest term that it has seen.
    pub term: u64,
    /// Entry time, as the leader would stamp it; out of contact with one, this machine's.
    pub now: Timestamp,
    /// Whether it is in contact with a leader that has a quorum. Keys come and go by no
    /// other time: a clock that is off would end them early.
    pub in_contact: bool,
    /// The other members and their addresses, DNS name and port.
    pub peers: Vec<(NodeId, String)>,
}

/// What a node is to the others.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Role {
    /// It leads and has caught up with those before it.
    Leading,
    /// That node leads.
    Following(NodeId),
    /// Nobody is known to lead.
    Vacant,
}

impl Standing {
    /// The peers, the leader first: it is the likeliest to be able to judge.
    #[must_use]
    pub fn leader_first(&self) -> Vec<(NodeId, String)> {
        let mut peers = self.peers.clone();
        peers.sort_by_key(|(node, _)| self.role != Role::Following(*node));
        peers
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_leader_is_asked_first() {
        let peer = |node| (NodeId(node), format!("node-{node}:8300"));
        let standing = Standing {
            role: Role::Following(NodeId(3)),
            term: 1,
            now: Timestamp::default(),
            in_contact: true,
            peers: vec![peer(2), peer(3), peer(4)],
        };
        assert_eq!(standing.leader_first(), [peer(3), peer(2), peer(4)]);
    }
}
