//! What an old RADIUS server said of a login that it let in: kept with the login, so that
//! whoever hears of it again hears the same.
//!
//! Must not know how the server was asked.

use std::sync::Arc;

use super::storage;
use crate::base::limits::FORWARD_NAME_OCTETS_MAX;
use crate::radius::Relayed;

/// What an old server said of a login that it let in. Cheap to copy.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct OldAnswer {
    /// Which server, by its name in the settings.
    pub server: Arc<str>,
    /// What of its Accept goes on to the device.
    pub attributes: Relayed,
}

/// Octets that are no such answer, or more of it than is kept.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("no answer of an old server")]
pub struct NoOldAnswer;

/// Whether it may be the name of an old server: a word that nothing has to escape.
#[must_use]
pub fn is_server_name(name: &str) -> bool {
    let known = |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'.' | b'_');
    (1..=FORWARD_NAME_OCTETS_MAX).contains(&name.len()) && name.bytes().all(known)
}

impl From<&OldAnswer> for storage::OldAnswer {
    fn from(answer: &OldAnswer) -> Self {
        Self {
            server: (*answer.server).to_owned(),
            attributes: answer.attributes.octets().to_vec(),
        }
    }
}

impl TryFrom<&storage::OldAnswer> for OldAnswer {
    type Error = NoOldAnswer;

    fn try_from(stored: &storage::OldAnswer) -> Result<Self, NoOldAnswer> {
        if !is_server_name(&stored.server) {
            return Err(NoOldAnswer);
        }
        Ok(Self {
            server: Arc::from(&*stored.server),
            attributes: Relayed::decode(&stored.attributes).map_err(|_| NoOldAnswer)?,
        })
    }
}
