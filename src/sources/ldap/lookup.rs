//! What is read in the directory: entries.
//!
//! Must not know: who is bound, passwords.

use std::time::Duration;

use tokio::time::Instant;

use super::connection::{Broken, Connection};
use super::filter;
use super::message::{Entry, Page, Scope, Search};
use crate::sources::account::LookupError;

impl From<Broken> for LookupError {
    fn from(broken: Broken) -> Self {
        tracing::debug!(error = %broken, "a search of the directory broke off");
        Self::Broken
    }
}

/// A connection with somebody bound to it, and until when it may be used.
pub(super) struct Reader<'a> {
    pub(super) connection: &'a mut Connection,
    pub(super) deadline: Instant,
}

impl Reader<'_> {
    /// The one entry of a user, by one filter after the other; `None`: there is none.
    pub(super) async fn user(
        &mut self,
        filters: Vec<Vec<u8>>,
        base: &str,
        attributes: &[&str],
    ) -> Result<Option<Entry>, LookupError> {
        for filter in filters {
            let found = self.search(base, Scope::Subtree, Some(filter), attributes, 2);
            let mut found = match found.await {
                Ok(found) => found,
                // There were more than two.
                Err(LookupError::Refused(SIZE_LIMIT)) => return Err(LookupError::Ambiguous),
                Err(error) => return Err(error),
            };
            match (found.pop(), found.is_empty()) {
                (Some(entry), true) if !entry.dn.is_empty() => return Ok(Some(entry)),
                (Some(_), _) => return Err(LookupError::Ambiguous),
                (None, _) => (),
            }
        }
        Ok(None)
    }

    /// The entry of this name; `None`: there is none, or it must not be seen.
    pub(super) async fn entry(
        &mut self,
        dn: &str,
        attributes: &[&str],
    ) -> Result<Option<Entry>, LookupError> {
        let found = self.search(dn, Scope::Base, filter::anything(), attributes, 1);
        match found.await {
            Ok(mut found) => Ok(found.pop()),
            Err(LookupError::Refused(NO_SUCH_OBJECT)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// All that a filter finds; no filter finds nothing.
    pub(super) async fn search(
        &mut self,
        base: &str,
        scope: Scope,
        filter: Option<Vec<u8>>,
        attributes: &[&str],
        entries_max: u32,
    ) -> Result<Vec<Entry>, LookupError> {
        let Some(filter) = filter else {
            return Ok(Vec::new());
        };
        let search = Search {
            base,
            scope,
            filter,
            attributes,
            entries_max,
            page: None,
        };
        let (outcome, entries) = self.connection.search(&search, self.deadline).await?;
        match outcome.code {
            0 => Ok(entries),
            refused => Err(LookupError::Refused(refused)),
        }
    }

    /// All that a filter finds at the base and below, in parts of `entries` (RFC 2696). Only
    /// once the directory has said that there is no further part was it the whole.
    pub(super) async fn each(
        &mut self,
        base: &str,
        filter: Option<Vec<u8>>,
        attributes: &[&str],
        entries: u32,
        mut take: impl FnMut(Entry) + Send,
    ) -> Result<(), LookupError> {
        let filter = filter.ok_or(LookupError::Incomplete)?;
        let mut cookie = Vec::new();
        for _ in 0..PAGES_MAX {
            let search = Search {
                base,
                scope: Scope::Subtree,
                filter: filter.clone(),
                attributes,
                entries_max: 0,
                page: Some(Page {
                    size: entries,
                    cookie: &cookie,
                }),
            };
            let deadline = self.deadline.min(Instant::now() + PAGE_TIME_MAX);
            let part = self.connection.search(&search, deadline).await;
            let (outcome, found) = part.map_err(too_large)?;
            if outcome.code != 0 {
                return Err(LookupError::Refused(outcome.code));
            }
            found.into_iter().for_each(&mut take);
            cookie = outcome.cookie.ok_or(LookupError::Incomplete)?;
            if cookie.is_empty() {
                return Ok(());
            }
        }
        Err(LookupError::TooMany)
    }
}

/// The server has answered, and would answer the same again: it is no worse than others.
fn too_large(broken: Broken) -> LookupError {
    match broken {
        Broken::TooMuch => LookupError::TooMany,
        Broken::Io(_) | Broken::Late | Broken::Malformed => broken.into(),
    }
}

/// LIMIT: parts of one list, with empty ones: a million people, or 128,000 groups.
const PAGES_MAX: usize = 4000;
/// LIMIT: how long one part may take.
const PAGE_TIME_MAX: Duration = Duration::from_secs(35);

/// There are more entries than were asked for.
pub(super) const SIZE_LIMIT: u32 = 4;
/// The entry does not have the attribute, or it must not be read.
pub(super) const NO_SUCH_ATTRIBUTE: u32 = 16;
/// There is no entry of the name.
const NO_SUCH_OBJECT: u32 = 32;
