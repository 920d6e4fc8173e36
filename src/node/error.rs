//! Why a node does not run.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use countersign_core::ledger::StoreError;

use super::keys::KeysError;
use super::sources::SourceError;
use crate::consensus::{OpenError, StartError};
use crate::peers::CredentialsError;
use crate::senders::SenderError;
use crate::tls::FileError;

/// Why a node does not run.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The bootstrap token cannot be used.
    #[error("the bootstrap token file {0} cannot be used")]
    BootstrapToken(PathBuf, #[source] io::Error),
    /// A demo's store would be reachable from elsewhere.
    #[error("this is a demo's store: {0} must be a loopback address")]
    Demo(SocketAddr),
    /// This program was built to break its promises, for a test.
    #[error("built with a dangerous feature, this program serves a demo's store alone")]
    Dangerous,
    /// The event files cannot be written.
    #[error("events cannot be kept")]
    Events(#[source] io::Error),
    /// The cluster could not be founded.
    #[error("the cluster cannot be founded: {0}")]
    Founding(String),
    /// The keys.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// A listener cannot be opened.
    #[error("{0} cannot listen on {1}")]
    Listen(&'static str, SocketAddr, #[source] io::Error),
    /// The store cannot be used.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// A part has failed.
    #[error("{0} has failed")]
    Part(
        &'static str,
        #[source] Box<dyn std::error::Error + Send + Sync>,
    ),
    /// A RADIUS port cannot be opened.
    #[error("the RADIUS ports cannot be opened")]
    Radius(#[source] io::Error),
    /// The certificates of RadSec.
    #[error("RadSec cannot be served")]
    RadSec(#[source] FileError),
    /// The certificates of the peers' links.
    #[error(transparent)]
    Peers(#[from] CredentialsError),
    /// The pinned hosts cannot be used.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// What the node's file says of senders.
    #[error(transparent)]
    Sender(#[from] SenderError),
    /// Consensus cannot start.
    #[error(transparent)]
    Start(#[from] StartError),
    /// Consensus stopped before the node could speak.
    #[error("consensus has stopped")]
    Stopped,
    /// The store cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}
