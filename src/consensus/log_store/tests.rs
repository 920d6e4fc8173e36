//! openraft's own suite for storages.

use std::sync::Arc;

use countersign_core::base::Unobserved;
use openraft::StorageError;
use openraft::testing::log::{StoreBuilder, Suite};
use tempfile::TempDir;

use super::LogStore;
use crate::consensus::flusher::Flusher;
use crate::consensus::raft::Types;
use crate::consensus::state_machine::StateMachine;
use crate::consensus::testing::{disk, must_not_halt};

struct OnDisk;

impl StoreBuilder<Types, LogStore, StateMachine, TempDir> for OnDisk {
    async fn build(&self) -> Result<(TempDir, LogStore, StateMachine), StorageError<Types>> {
        let place = tempfile::tempdir().unwrap();
        let disk = disk(place.path());
        let synced = Arc::clone(&disk);
        let sync = Box::new(move || synced.sync());
        let flusher = Flusher::start(sync, Arc::new(Unobserved), must_not_halt()).unwrap();
        let log = LogStore::new(Arc::clone(&disk), flusher);
        let machine = StateMachine::open(disk).unwrap();
        Ok((place, log, machine))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_store_passes_openrafts_suite() {
    Suite::test_all(OnDisk).await.unwrap();
}
