//! Nobody is told before the sync; a failed sync ends everything.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::sync_channel;

use countersign_core::base::Unobserved;
use openraft::type_config::TypeConfigExt;

use super::*;
use crate::consensus::testing::{Halts, must_not_halt};

#[tokio::test]
async fn appends_that_wait_share_one_sync_and_hear_after_it() {
    let syncs = Arc::new(AtomicUsize::new(0));
    let (pass, gate) = sync_channel::<()>(2);
    let counted = Arc::clone(&syncs);
    let sync = Box::new(move || {
        gate.recv().unwrap();
        counted.fetch_add(1, Ordering::SeqCst);
        Ok(())
    });
    let flusher = Flusher::start(sync, Arc::new(Unobserved), must_not_halt()).unwrap();
    let mut waiting = Vec::new();
    for _ in 0..10 {
        let (done, synced) = Types::oneshot();
        flusher.after_sync(IOFlushed::signal(done));
        waiting.push(synced);
    }
    assert!(waiting.iter_mut().all(|synced| synced.try_recv().is_err()));
    // One sync for who came first, one for all that came while it ran.
    pass.send(()).unwrap();
    pass.send(()).unwrap();
    drop(pass);
    for synced in waiting {
        synced.await.unwrap().unwrap();
    }
    assert!(syncs.load(Ordering::SeqCst) <= 2);
}

#[tokio::test]
async fn a_failed_sync_halts_the_node_and_is_not_tried_again() {
    let syncs = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&syncs);
    let sync = Box::new(move || {
        counted.fetch_add(1, Ordering::SeqCst);
        Err(io::Error::other("no such luck"))
    });
    let halts = Halts::default();
    let flusher = Flusher::start(sync, Arc::new(Unobserved), halts.port()).unwrap();
    for _ in 0..2 {
        let (done, synced) = Types::oneshot();
        flusher.after_sync(IOFlushed::signal(done));
        // An error, or the flusher is gone with the callback: never a success.
        assert!(!matches!(synced.await, Ok(Ok(()))));
    }
    assert_eq!(halts.said(), ["syncing the log failed"]);
    assert_eq!(syncs.load(Ordering::SeqCst), 1);
}
