//! When going on would break a promise, the process stops.

use std::io;
use std::sync::Arc;

/// Why the node may not go on.
#[derive(Debug, thiserror::Error)]
pub enum Halt {
    /// The log may not be on the disk. What the kernel dropped cannot be written again:
    /// a second fsync would succeed and lie.
    #[error("syncing the log failed")]
    Sync(#[source] io::Error),
    /// The store took no write.
    #[error("writing the store failed")]
    Write(#[source] io::Error),
    /// An entry cannot be applied; skipping it would make this node differ.
    #[error("entry {index} cannot be applied")]
    Apply {
        /// Its place in the log.
        index: u64,
        /// What the ledger says.
        #[source]
        cause: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The Raft core stopped by itself.
    #[error("the Raft core stopped: {0}")]
    Core(String),
    /// A task that the node cannot do without is gone.
    #[error("the task {0} is gone: {1}")]
    Task(&'static str, &'static str),
}

/// What is done then. May return in tests alone.
pub type OnHalt = Arc<dyn Fn(&Halt) + Send + Sync>;

/// Says why and ends the process at once: what is not on disk by now must not look as
/// if it were.
#[must_use]
pub fn abort() -> OnHalt {
    Arc::new(|halt| {
        tracing::error!(cause = halt as &dyn std::error::Error, "stopping: {halt}");
        std::process::abort();
    })
}
