//! Changes of accounts and groups, as Graph tells them, and how they are read on from where
//! the last reading came to.
//!
//! First all comes, in pages, then what has changed since. Each page is taken over as it
//! comes, so that a reading that is broken off goes on where it stood; only the last page
//! says that nothing is missing. Must not know: what is made of the changes.

use std::time::Duration;

use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Deserializer};
use tokio::time::{Instant, sleep};

use super::client::Graph;
use super::lookup::Page;
use crate::sources::account::LookupError;

/// Of an account. What is absent is as it was; what is null, Graph hides.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct UserChange {
    pub(super) id: String,
    #[serde(default, deserialize_with = "told")]
    pub(super) user_principal_name: Option<Option<String>>,
    #[serde(default, deserialize_with = "told")]
    pub(super) account_enabled: Option<Option<bool>>,
    #[serde(rename = "@removed")]
    pub(super) removed: Option<IgnoredAny>,
}

/// Of a group, with those of its members that have changed; the same.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct GroupChange {
    pub(super) id: String,
    #[serde(default, deserialize_with = "told")]
    pub(super) display_name: Option<Option<String>>,
    #[serde(default, deserialize_with = "told")]
    pub(super) security_enabled: Option<Option<bool>>,
    #[serde(rename = "members@delta")]
    pub(super) members: Option<Vec<MemberChange>>,
    #[serde(rename = "@removed")]
    pub(super) removed: Option<IgnoredAny>,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct MemberChange {
    pub(super) id: String,
    #[serde(rename = "@odata.type")]
    kind: Option<String>,
    #[serde(rename = "@removed")]
    pub(super) removed: Option<IgnoredAny>,
}

impl MemberChange {
    /// Whether it may be a user, or bring users: not a device, say.
    pub(super) fn counts(&self) -> bool {
        let kind = self.kind.as_deref();
        kind.is_none_or(|kind| matches!(kind, "#microsoft.graph.group" | "#microsoft.graph.user"))
    }
}

/// A list of changes, and how far it was read.
#[derive(Debug)]
pub(super) struct Feed {
    first: &'static str,
    link: Option<String>,
}

impl Feed {
    pub(super) const USERS: Self = Self::of(
        "/v1.0/users/delta?$select=id,userPrincipalName,\
                                             accountEnabled",
    );
    pub(super) const GROUPS: Self = Self::of(
        "/v1.0/groups/delta?$select=id,displayName,\
                                              securityEnabled,members",
    );

    const fn of(first: &'static str) -> Self {
        let link = None;
        Self { first, link }
    }

    /// Whether Graph no longer knows from where to go on.
    pub(super) const fn is_lost(&self, error: LookupError) -> bool {
        // syncStateNotFound and its like come with either.
        self.link.is_some() && matches!(error, LookupError::Refused(400 | 410))
    }

    /// Reads on until nothing is missing.
    ///
    /// # Errors
    /// Why something is; what was read before that stays, and so does the place.
    pub(super) async fn read<T: DeserializeOwned + Send>(
        &mut self,
        graph: &Graph<'_>,
        patience: &mut Patience,
        mut take: impl FnMut(T) -> Result<(), LookupError> + Send,
    ) -> Result<(), LookupError> {
        for _ in 0..PAGES_MAX {
            let link = self.link.as_deref().unwrap_or(self.first);
            let page: Page<T> = patience.page(graph, link).await?;
            for change in page.value {
                take(change)?;
            }
            match (page.next, page.delta) {
                (Some(next), None) if next != link => self.link = Some(next),
                (None, Some(delta)) => {
                    self.link = Some(delta);
                    return Ok(());
                }
                (Some(_) | None, Some(_) | None) => return Err(LookupError::Unreadable),
            }
        }
        Err(LookupError::TooMany)
    }
}

/// How long a reading may take, and how much of that it may wait because Graph wants to be
/// left alone.
#[derive(Debug)]
pub(super) struct Patience {
    until: Instant,
    rests: Duration,
}

impl Patience {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            until: now + READING_TIME_MAX,
            rests: RESTS_TIME_MAX,
        }
    }

    /// When the next question must be over.
    pub(super) fn deadline(&self) -> Instant {
        self.until.min(Instant::now() + PAGE_TIME_MAX)
    }

    async fn page<T>(&mut self, graph: &Graph<'_>, link: &str) -> Result<Page<T>, LookupError>
    where
        T: DeserializeOwned + Send,
    {
        loop {
            match graph.list(link, self.deadline()).await {
                Err(LookupError::Resting) => self.rest(graph.resting()).await?,
                page => return page,
            }
        }
    }

    /// Leaves Graph alone for as long as it asks. A longer rest than there is patience for
    /// ends the reading, which goes on from its place the next time.
    async fn rest(&mut self, asked: Option<Duration>) -> Result<(), LookupError> {
        let rest = asked.unwrap_or_default().max(REST_LEAST);
        let left = self.until.saturating_duration_since(Instant::now());
        self.rests = self.rests.checked_sub(rest).ok_or(LookupError::Resting)?;
        if rest >= left {
            return Err(LookupError::Resting);
        }
        sleep(rest).await;
        Ok(())
    }
}

/// Tells null from absent.
fn told<'de, T, D>(from: D) -> Result<Option<Option<T>>, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    Option::deserialize(from).map(Some)
}

/// LIMIT: pages of one list, of some hundred changes each.
const PAGES_MAX: usize = 20_000;
/// LIMIT: how long one page may take.
const PAGE_TIME_MAX: Duration = Duration::from_secs(30);
/// LIMIT: how long all of one reading may take.
const READING_TIME_MAX: Duration = Duration::from_secs(300);
/// LIMIT: how much of that it may wait for Graph.
const RESTS_TIME_MAX: Duration = Duration::from_secs(100);
/// Where others try whether Graph is back.
const REST_LEAST: Duration = Duration::from_millis(250);
