//! How Entra has many users, by Graph: read from where the last round came to, and matched by
//! their principal names.
//!
//! What was read is kept in memory alone, so that a node that begins to lead reads all once.
//! Whom the changes do not name is asked for by name before it is called gone: they come a
//! little later than the truth. Must not know: what the answer is good for.

use std::collections::BTreeSet;

use tokio::sync::Mutex;
use tokio::time::Instant;

use super::address;
use super::changes::{Feed, Patience};
use super::client::Graph;
use super::mirror::Mirror;
use crate::sources::account::LookupError;
use crate::sources::entra::Entra;
use crate::sources::roster::{GroupTable, Listed, Listing, Roster, RosterError};

/// What one round hands to the next.
#[derive(Default)]
pub(super) struct Memory(Mutex<Following>);

struct Following {
    mirror: Mirror,
    users: Feed,
    groups: Feed,
    /// Folded names that were asked for and are nobody's.
    absent: BTreeSet<String>,
}

impl Default for Following {
    fn default() -> Self {
        Self {
            mirror: Mirror::default(),
            users: Feed::USERS,
            groups: Feed::GROUPS,
            absent: BTreeSet::new(),
        }
    }
}

impl Roster for Entra {
    async fn roster(&self, names: &[String]) -> Result<Vec<Listed>, RosterError> {
        if names.is_empty() {
            return Ok(Vec::new());
        }
        let graph = self.graph().ok_or(LookupError::NoService)?;
        let mut following = self.graph.rounds.0.lock().await;
        let mut patience = Patience::new(Instant::now());
        following.catch_up(&graph, &mut patience).await?;
        Ok(following.listed(&graph, &patience, names).await?)
    }
}

impl Following {
    /// Reads on until nothing is missing; from the beginning where Graph has forgotten how far
    /// it was read. What was known until then may lack removals, so it is dropped.
    async fn catch_up(
        &mut self,
        graph: &Graph<'_>,
        patience: &mut Patience,
    ) -> Result<(), LookupError> {
        match self.read_on(graph, patience).await {
            Err(error) if self.users.is_lost(error) || self.groups.is_lost(error) => {
                tracing::info!(%error, "changes of users are read from the beginning");
                *self = Self::default();
                self.read_on(graph, patience).await
            }
            read => read,
        }
    }

    async fn read_on(
        &mut self,
        graph: &Graph<'_>,
        patience: &mut Patience,
    ) -> Result<(), LookupError> {
        let Self {
            mirror,
            users,
            groups,
            ..
        } = self;
        let take = |change| mirror.take_user(change);
        users.read(graph, patience, take).await?;
        let take = |change| mirror.take_group(change);
        groups.read(graph, patience, take).await
    }

    async fn listed(
        &mut self,
        graph: &Graph<'_>,
        patience: &Patience,
        names: &[String],
    ) -> Result<Vec<Listed>, LookupError> {
        let (mut all, mut absent) = (Vec::with_capacity(names.len()), BTreeSet::new());
        let (mut asked, mut groups) = (0, GroupTable::default());
        let mirrored = self.mirror.listed(names, &mut groups);
        for (name, listed) in names.iter().zip(mirrored) {
            let folded = name.to_lowercase();
            all.push(match listed {
                Some(listed) => listed,
                None if self.absent.contains(&folded) => {
                    absent.insert(folded);
                    Listed::Gone
                }
                // Nobody's principal name: Entra may have the user all the same.
                None if address::user(name).is_none() => Listed::Unread,
                // The others are asked for in later rounds.
                None if asked >= ONE_BY_ONE_MAX => Listed::Unread,
                None => {
                    asked += 1;
                    let one = one(graph, patience, name, &mut groups).await?;
                    if one == Listed::Gone {
                        absent.insert(folded);
                    }
                    one
                }
            });
        }
        self.absent = absent;
        groups.bounded()?;
        Ok(all)
    }
}

/// One user, as a login would find it.
async fn one(
    graph: &Graph<'_>,
    patience: &Patience,
    name: &str,
    groups: &mut GroupTable,
) -> Result<Listed, LookupError> {
    match graph.account(name, patience.deadline()).await {
        Ok(None) => Ok(Listed::Gone),
        Ok(Some(account)) => Ok(Listed::There(Listing {
            disabled: account.disabled,
            groups: groups.named(account.groups),
        })),
        Err(LookupError::TooManyGroups) => Ok(Listed::Unread),
        Err(error) => Err(error),
    }
}

/// LIMIT: users that are asked for by name in one round.
const ONE_BY_ONE_MAX: usize = 500;
