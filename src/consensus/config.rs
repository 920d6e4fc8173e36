//! What a node must be told to take part, and what openraft is told of it.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use countersign_core::base::{ClusterId, NodeId, Operations};
use openraft::SnapshotPolicy;

use super::halt::OnHalt;
use crate::login::Clock;
use crate::peers::{Links, Refusals};

/// What a node must know to take part.
#[derive(Clone, Debug)]
pub struct Config {
    /// The store's directory; nothing else may be in it.
    pub directory: PathBuf,
    /// The cluster.
    pub cluster: ClusterId,
    /// This node.
    pub node: NodeId,
    /// Where peers reach this node: DNS name and port.
    pub address: String,
    /// How long to wait before acting on silence.
    pub timing: Timing,
    /// The others; none: this node is the only voter.
    pub peers: Option<Peers>,
}

/// The nodes that found the cluster, and how they are reached.
#[derive(Clone, Debug)]
pub struct Peers {
    /// The links. Driven by the threads of consensus, and ending with them: whoever else
    /// calls peers needs links of its own.
    pub links: Arc<Links>,
    /// What the listener for them refuses.
    pub refusals: Arc<Refusals>,
    /// All of them, this node too, with DNS name and port. The first one founds.
    pub initial_members: Vec<(NodeId, String)>,
}

/// Why nodes cannot found a cluster together.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum MembersError {
    /// This node is not among them.
    #[error("initial_members do not name this node, {0}")]
    Absent(NodeId),
    /// One is named twice.
    #[error("initial_members name node {0} twice")]
    Twice(NodeId),
}

/// The peers that `config` names; none where a node is alone among them.
pub(super) fn peers(config: &Config) -> Result<Option<Peers>, MembersError> {
    let Some(peers) = &config.peers else {
        return Ok(None);
    };
    let mut seen = BTreeSet::new();
    for (node, _) in &peers.initial_members {
        if !seen.insert(*node) {
            return Err(MembersError::Twice(*node));
        }
    }
    if !seen.contains(&config.node) {
        return Err(MembersError::Absent(config.node));
    }
    Ok((seen.len() > 1).then(|| peers.clone()))
}

/// Heartbeats and elections (DESIGN §4).
#[derive(Clone, Copy, Debug)]
pub struct Timing {
    /// Between two heartbeats.
    pub heartbeat: Duration,
    /// What a follower adds at the least, drawn anew each time, to `election_max`: so long
    /// a leader is believed to lead, and so long its silence must have lasted.
    pub election_min: Duration,
    /// And at the most.
    pub election_max: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            heartbeat: Duration::from_millis(75),
            election_min: Duration::from_millis(250),
            election_max: Duration::from_millis(350),
        }
    }
}

/// What the rest of the node lends.
#[derive(Clone)]
pub struct Ports {
    /// The time that a leader stamps.
    pub clock: Arc<dyn Clock>,
    /// Who counts.
    pub operations: Arc<dyn Operations>,
    /// What to do when going on would break a promise.
    pub on_halt: OnHalt,
}

/// openraft's own settings.
///
/// # Errors
/// When the times contradict each other.
pub(super) fn core_config(config: &Config) -> Result<openraft::Config, openraft::ConfigError> {
    let millis = |span: Duration| u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
    openraft::Config {
        cluster_name: config.cluster.to_string(),
        heartbeat_interval: millis(config.timing.heartbeat),
        election_timeout_min: millis(config.timing.election_min),
        election_timeout_max: millis(config.timing.election_max),
        enable_pre_vote: Some(true),
        // Its default takes up an old term again, also when the disk went back in time.
        enable_leader_restore: Some(false),
        allow_log_reversion: Some(false),
        snapshot_policy: SnapshotPolicy::LogsSinceLast(SNAPSHOT_ENTRIES),
        max_in_snapshot_log_to_keep: KEPT_ENTRIES,
        purge_batch_size: PURGED_ENTRIES_MIN,
        ..openraft::Config::default()
    }
    .validate()
}

/// Entries between two snapshots.
const SNAPSHOT_ENTRIES: u64 = 8192;
/// Entries kept behind a snapshot, for peers that are a little late.
const KEPT_ENTRIES: u64 = 1024;
/// Entries purged at a time.
const PURGED_ENTRIES_MIN: u64 = 512;
