//! What an Accept carries of what others said when they were asked: an old server's attributes,
//! or groups that a directory has. Kept with the login, so that whoever hears of it again hears
//! the same.
//!
//! Must not know how anyone was asked.

use std::sync::Arc;

use super::storage;
use crate::base::limits::FORWARD_NAME_OCTETS_MAX;
use crate::radius::Relayed;

/// What the Accept of a login carries beside what its rule alone grants. Cheap to copy.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Carried {
    /// The old server that let the login in, by its name in the settings; `None`: a directory
    /// has told the groups of the account.
    pub server: Option<Arc<str>>,
    /// The attributes.
    pub attributes: Relayed,
}

/// Octets that are no such thing, or more of it than is kept.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("nothing that an Accept carries")]
pub struct NoCarried;

/// Whether it may be the name of an old server: a word that nothing has to escape.
#[must_use]
pub fn is_server_name(name: &str) -> bool {
    let known = |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'.' | b'_');
    (1..=FORWARD_NAME_OCTETS_MAX).contains(&name.len()) && name.bytes().all(known)
}

impl From<&Carried> for storage::Carried {
    fn from(carried: &Carried) -> Self {
        Self {
            server: carried.server.as_deref().unwrap_or_default().to_owned(),
            attributes: carried.attributes.octets().to_vec(),
        }
    }
}

impl TryFrom<&storage::Carried> for Carried {
    type Error = NoCarried;

    fn try_from(stored: &storage::Carried) -> Result<Self, NoCarried> {
        let server = Some(&*stored.server).filter(|server| !server.is_empty());
        if server.is_some_and(|server| !is_server_name(server)) {
            return Err(NoCarried);
        }
        Ok(Self {
            server: server.map(Arc::from),
            attributes: Relayed::decode(&stored.attributes).map_err(|_| NoCarried)?,
        })
    }
}
