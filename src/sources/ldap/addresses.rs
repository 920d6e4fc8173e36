//! The addresses behind a server's name. They are looked up once for all who ask at one
//! time, and kept for some seconds.
//!
//! The system's resolver blocks a thread for as long as it likes, of a pool that the whole
//! node shares, and cannot be stopped: while it hangs, each login would take another one.
//!
//! Must not know: what is at an address.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

/// What was found, or why nothing was.
pub(super) type Found = Result<Vec<SocketAddr>, Arc<io::Error>>;

/// Of one name.
#[derive(Clone, Debug, Default)]
pub(super) struct Addresses {
    last: Arc<Mutex<Option<LookUp>>>,
}

/// One that runs, or has ended.
#[derive(Clone, Debug)]
struct LookUp {
    ended: watch::Receiver<Option<(Instant, Found)>>,
}

impl Addresses {
    /// What the last look-up has found, if it is of use; else what the one finds that runs, or
    /// that `look_up` begins. It runs to its end whether or not anybody still waits.
    pub(super) async fn find<F>(&self, look_up: impl FnOnce() -> F) -> Found
    where
        F: Future<Output = io::Result<Vec<SocketAddr>>> + Send + 'static,
    {
        let mut ended = self.usable(look_up).ended;
        let found = ended.wait_for(Option::is_some).await;
        match found.as_deref() {
            Ok(Some((_, found))) => found.clone(),
            // The node stops, and its look-ups with it.
            Ok(None) | Err(_) => Err(Arc::new(io::ErrorKind::Interrupted.into())),
        }
    }

    fn usable<F>(&self, look_up: impl FnOnce() -> F) -> LookUp
    where
        F: Future<Output = io::Result<Vec<SocketAddr>>> + Send + 'static,
    {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(last) = last.as_ref().filter(|last| last.is_usable()) {
            return last.clone();
        }
        let (ending, ended) = watch::channel(None);
        let looking = look_up();
        tokio::spawn(async move {
            let found = looking.await.map_err(Arc::new);
            ending.send_replace(Some((Instant::now(), found)));
        });
        last.insert(LookUp { ended }).clone()
    }
}

impl LookUp {
    /// Whether it runs, or has found something of late. A failure is told to those who wait
    /// for it, and tried anew by the next.
    fn is_usable(&self) -> bool {
        match &*self.ended.borrow() {
            // Unless whoever looked was stopped.
            None => self.ended.has_changed().is_ok(),
            Some((at, Ok(_))) => at.elapsed() < KEPT,
            Some((_, Err(_))) => false,
        }
    }
}

/// How long addresses are kept. A name that moves is followed by then.
const KEPT: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::sync::oneshot;
    use tokio::time::{advance, timeout};

    use super::*;

    fn address(port: u16) -> SocketAddr {
        SocketAddr::from(([198, 51, 100, 1], port))
    }

    /// Finds the address whose port is the number of the look-up.
    async fn numbered(addresses: &Addresses, asked: &AtomicUsize) -> Vec<SocketAddr> {
        let found = addresses.find(|| {
            let number = asked.fetch_add(1, Ordering::SeqCst) + 1;
            async move { Ok(vec![address(u16::try_from(number).unwrap_or_default())]) }
        });
        found.await.unwrap_or_default()
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_found_is_kept_for_some_seconds() {
        let (addresses, asked) = (Addresses::default(), AtomicUsize::new(0));
        assert_eq!(numbered(&addresses, &asked).await, [address(1)]);
        advance(KEPT - Duration::from_millis(1)).await;
        assert_eq!(numbered(&addresses.clone(), &asked).await, [address(1)]);
        advance(Duration::from_millis(1)).await;
        assert_eq!(numbered(&addresses, &asked).await, [address(2)]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_look_up_that_hangs_is_the_only_one_and_serves_whoever_asks_next() {
        let (addresses, asked) = (Addresses::default(), AtomicUsize::new(0));
        let (answer, answered) = oneshot::channel();
        let hanging = addresses.find(|| async move { answered.await.map_err(io::Error::other) });
        let patience = Duration::from_secs(1);
        assert!(timeout(patience, hanging).await.is_err());
        for _ in 0..3 {
            let asking = numbered(&addresses, &asked);
            assert!(timeout(KEPT * 2, asking).await.is_err());
        }
        answer.send(vec![address(9)]).unwrap();
        assert_eq!(numbered(&addresses, &asked).await, [address(9)]);
        assert_eq!(asked.load(Ordering::SeqCst), 0);
    }

    #[tokio::test]
    async fn a_failure_is_told_and_not_kept() {
        let (addresses, asked) = (Addresses::default(), AtomicUsize::new(0));
        let failing = addresses.find(|| async { Err(io::ErrorKind::NotFound.into()) });
        assert_eq!(failing.await.unwrap_err().kind(), io::ErrorKind::NotFound);
        assert_eq!(numbered(&addresses, &asked).await, [address(1)]);
    }
}
