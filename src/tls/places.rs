//! How much one caller may have at a time, of whatever is counted.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// So many places for each caller: one that misbehaves takes none from the others.
#[derive(Clone, Debug)]
pub struct Places<K> {
    each: usize,
    /// LIMIT: one for each member, or client, that there was.
    of: Arc<Mutex<HashMap<K, Arc<Semaphore>>>>,
}

/// One of them; free again when it is dropped.
pub type Place = OwnedSemaphorePermit;

impl<K: Eq + Hash> Places<K> {
    /// `each` for every caller.
    #[must_use]
    pub fn new(each: usize) -> Self {
        Self {
            each,
            of: Arc::default(),
        }
    }

    /// One for `caller`, who is known; `None`: it has all of its own.
    #[must_use]
    pub fn take(&self, caller: K) -> Option<Place> {
        let mut of = self.of.lock().unwrap_or_else(PoisonError::into_inner);
        let all = || Arc::new(Semaphore::new(self.each));
        let of_caller = Arc::clone(of.entry(caller).or_insert_with(all));
        of_caller.try_acquire_owned().ok()
    }
}
