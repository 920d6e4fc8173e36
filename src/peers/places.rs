//! How much one node may have at a time, of whatever is counted.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use countersign_core::base::NodeId;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// So many places for each node: a member that misbehaves takes none from the others.
#[derive(Clone, Debug)]
pub struct Places {
    each: usize,
    /// LIMIT: one for each member there was.
    of: Arc<Mutex<HashMap<NodeId, Arc<Semaphore>>>>,
}

/// One of them; free again when it is dropped.
pub type Place = OwnedSemaphorePermit;

impl Places {
    /// `each` for every node.
    #[must_use]
    pub fn new(each: usize) -> Self {
        Self {
            each,
            of: Arc::default(),
        }
    }

    /// One for `node`, a member; `None`: it has all of its own.
    #[must_use]
    pub fn take(&self, node: NodeId) -> Option<Place> {
        let mut of = self.of.lock().unwrap_or_else(PoisonError::into_inner);
        let all = || Arc::new(Semaphore::new(self.each));
        let of_node = Arc::clone(of.entry(node).or_insert_with(all));
        of_node.try_acquire_owned().ok()
    }
}
