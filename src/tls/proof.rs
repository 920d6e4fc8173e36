//! For how long a session is believed.

use countersign_core::base::Timestamp;
use rustls::CommonState;

use super::files::{FileError, expiry};

/// What the other end of a connection was let in by.
#[derive(Clone, Copy, Debug)]
pub struct Proof {
    /// Which of the authorities that were trusted, one after the other.
    pub generation: u64,
    /// When its certificate ends.
    pub until: Timestamp,
}

/// Why a session proves nothing.
#[derive(Debug, thiserror::Error)]
pub enum Unproven {
    /// No certificate was shown.
    #[error("no certificate was shown")]
    Nothing,
    /// The one that was shown cannot be read.
    #[error(transparent)]
    Unreadable(#[from] FileError),
}

/// What was shown in `session`, to an end that trusts the authority `generation`.
///
/// # Errors
/// When nothing was.
pub fn proof(session: &CommonState, generation: u64) -> Result<Proof, Unproven> {
    let shown = session.peer_certificates().and_then(<[_]>::first);
    let until = expiry(shown.ok_or(Unproven::Nothing)?)?;
    Ok(Proof { generation, until })
}
