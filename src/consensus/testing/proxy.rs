//! A way to a node that can be cut, frozen, or cut after so many octets.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::consensus) enum Way {
    /// To the node.
    Open(SocketAddr),
    /// Nothing gets through, and what was open is closed.
    Cut,
    /// Connections stay and are taken, and nothing gets through.
    Frozen,
}

/// Stands where peers dial a node.
pub(in crate::consensus) struct Proxy {
    pub(in crate::consensus) address: SocketAddr,
    way: watch::Sender<Way>,
    passed: Arc<AtomicU64>,
    most: Arc<AtomicU64>,
}

impl Proxy {
    pub(in crate::consensus) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (way, seen) = watch::channel(Way::Cut);
        let (passed, most) = (Arc::default(), Arc::new(AtomicU64::new(u64::MAX)));
        let (count, bound) = (Arc::clone(&passed), Arc::clone(&most));
        tokio::spawn(async move {
            while let Ok((caller, _)) = listener.accept().await {
                let (count, bound) = (Arc::clone(&count), Arc::clone(&bound));
                tokio::spawn(pass(caller, seen.clone(), count, bound));
            }
        });
        Self {
            address,
            way,
            passed,
            most,
        }
    }

    pub(in crate::consensus) fn set(&self, way: Way) {
        self.way.send_replace(way);
    }

    pub(in crate::consensus) fn way(&self) -> Way {
        *self.way.borrow()
    }

    /// Octets towards the node so far.
    pub(in crate::consensus) fn passed(&self) -> u64 {
        self.passed.load(Ordering::SeqCst)
    }

    /// Breaks one connection, once `more` octets have passed towards the node.
    pub(in crate::consensus) fn break_after(&self, more: u64) {
        self.most.store(self.passed() + more, Ordering::SeqCst);
    }

    /// Whether that has happened.
    pub(in crate::consensus) fn has_broken(&self) -> bool {
        self.most.load(Ordering::SeqCst) == u64::MAX
    }
}

async fn pass(
    mut caller: TcpStream,
    mut way: watch::Receiver<Way>,
    count: Arc<AtomicU64>,
    bound: Arc<AtomicU64>,
) {
    let first = *way.borrow_and_update();
    let target = match first {
        Way::Open(target) => target,
        Way::Cut => return,
        Way::Frozen => return drop(way.changed().await),
    };
    let Ok(mut node) = TcpStream::connect(target).await else {
        return;
    };
    let (mut from_caller, mut to_caller) = caller.split();
    let (mut from_node, mut to_node) = node.split();
    let inward = async {
        let mut octets = vec![0; 16 << 10];
        loop {
            let read = from_caller.read(&mut octets).await.unwrap_or(0);
            let all = count.fetch_add(read as u64, Ordering::SeqCst) + read as u64;
            if all > bound.load(Ordering::SeqCst) {
                bound.store(u64::MAX, Ordering::SeqCst);
                return;
            }
            if read == 0 || to_node.write_all(&octets[..read]).await.is_err() {
                return;
            }
        }
    };
    let outward = tokio::io::copy(&mut from_node, &mut to_caller);
    tokio::select! {
        () = inward => {}
        _ = outward => {}
        changed = way.changed() => {
            if changed.is_ok() && *way.borrow_and_update() == Way::Frozen {
                drop(way.changed().await);
            }
        }
    }
}
