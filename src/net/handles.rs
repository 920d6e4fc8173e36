//! What the ports ask of the node.

use std::fmt;
use std::sync::Arc;

use countersign_core::base::Timestamp;

/// The node's wall clock.
#[derive(Clone)]
pub struct Wall(pub Arc<dyn Fn() -> Timestamp + Send + Sync>);

/// Whether the node can decide now. When not, Status-Server stays unanswered, which tells
/// the device to use another server (RFC 5997 §4.2).
#[derive(Clone)]
pub struct Alive(pub Arc<dyn Fn() -> bool + Send + Sync>);

impl fmt::Debug for Wall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Wall")
    }
}

impl fmt::Debug for Alive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Alive")
    }
}
