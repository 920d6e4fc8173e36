//! Synchronisation: users' states and groups are read in a source and written where they
//! differ from what is replicated.
//!
//! Users are made and removed by operators alone. A user is of the source that its password
//! is asked of. What a source cannot tell to its end changes nothing; a round that would
//! refuse too many is held until an operator confirms it.
//!
//! Must not know: how a source is read, when a round is due.

mod parts;
mod plan;

use std::collections::BTreeMap;
use std::sync::Arc;

use countersign_core::base::limits::PAGE_RECORDS_MAX;
use countersign_core::base::{Entropy, NodeId, RequestId, UserId};
use countersign_core::ledger::storage::{self, SyncUsers, SyncedUser, change::Kind};
use countersign_core::ledger::{query, synced};
use prost::Message as _;
use tokio::sync::mpsc;

use self::parts::{broken_off, part, part_id};
use self::plan::Plan;
use super::house::Asked;
use super::{Action, Caller, Operate, OperateError};
use crate::login::Ledger;
use crate::sources::{Roster, RosterError, Source, roster};

/// How a round is run.
#[derive(Clone, Copy, Debug, Default)]
pub struct SyncOptions {
    /// As many users may be refused as a held round has told of.
    pub confirm: bool,
    /// Only say what would be done.
    pub dry_run: bool,
}

/// What a round did, or would do.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct SyncReport {
    /// Which source.
    pub source: String,
    /// Users whose state was read.
    pub matched: u32,
    /// Users of whom not all could be read; what is missing stays as it was.
    pub unread: u32,
    /// Users that were written, or would be.
    pub changed: u32,
    /// Users that are newly refused, or would be.
    pub refused: u32,
    /// Some of these.
    pub names: Vec<String>,
    /// They are too many: nothing is written of them.
    pub held: bool,
}

/// How far a round is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum SyncProgress {
    /// Another one runs.
    Waiting,
    /// The states of so many users are being read.
    Reading(usize),
    /// So many of so many users are written.
    Writing {
        /// Written.
        done: usize,
        /// In all.
        of: usize,
    },
}

/// For whom a round is run.
struct Order {
    actor: storage::Actor,
    request: RequestId,
    options: SyncOptions,
    /// Whoever watches. No round waits for one that does not.
    watcher: Option<mpsc::Sender<SyncProgress>>,
}

impl Order {
    fn tell(&self, progress: SyncProgress) {
        if let Some(watcher) = &self.watcher {
            let _ = watcher.try_send(progress);
        }
    }
}

impl<L: Ledger> Operate<L> {
    /// Runs a round of a source now, from this node, which may take minutes. An empty name is
    /// the only source that can be read.
    ///
    /// A repetition is a round of its own: what the first try has written is no news to it,
    /// and what it has not, it writes.
    ///
    /// # Errors
    /// When the source does not tell all, or a later round was first; nothing is changed then.
    /// [`OperateError::Unknown`] where some of it may be written.
    pub async fn sync_source(
        &self,
        caller: &Caller,
        request: RequestId,
        name: &str,
        options: SyncOptions,
        watcher: Option<mpsc::Sender<SyncProgress>>,
    ) -> Result<SyncReport, OperateError> {
        self.reading(caller, Action::SettingsSync)?;
        let sources = self.synced_sources()?.into_iter();
        let mut found = sources.filter(|it| name.is_empty() || it == name);
        let source = found.next().ok_or_else(|| none_to_read(name))?;
        if found.next().is_some() {
            let why = "there are several sources: name one";
            return Err(OperateError::invalid("source", why));
        }
        let order = Order {
            actor: caller.actor(),
            request,
            options,
            watcher,
        };
        self.sync(&source, &order).await
    }

    /// Runs a round that is due, on the word of no operator.
    ///
    /// # Errors
    /// As [`Self::sync_source`].
    pub async fn sync_due(&self, node: NodeId, source: &str) -> Result<SyncReport, OperateError> {
        self.in_sync()?;
        self.sync(source, &self.own_order(node)).await
    }

    /// The sources that users are read from, by name.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn synced_sources(&self) -> Result<Vec<String>, OperateError> {
        let settings = query::settings(&self.ledger.view())?;
        let read = settings.sources.into_iter().filter(roster::has_roster);
        Ok(read.map(|source| source.name).collect())
    }

    /// Whether the last round of the source is held.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn is_sync_held(&self, source: &str) -> Result<bool, OperateError> {
        let state = query::sync_state(&self.ledger.view(), source)?;
        Ok(state.held.is_some())
    }

    /// Forgets what was read of users whom no source is for any more: nothing would ever
    /// bring it up to date.
    ///
    /// # Errors
    /// When the store cannot be read, or nothing can be written now.
    pub async fn forget_unsynced(&self, node: NodeId) -> Result<(), OperateError> {
        self.in_sync()?;
        let sources = query::settings(&self.ledger.view())?.sources;
        let is_left = |user: storage::User| {
            let synced = user.synced?;
            let is_left = roster::roster_of(&sources, &user.name).is_none();
            is_left.then_some((synced.source, user.id, user.name))
        };
        let mut by_source: BTreeMap<String, Vec<SyncedUser>> = BTreeMap::new();
        for (source, id, name) in self.chosen(is_left).await? {
            by_source.entry(source).or_default().push(SyncedUser {
                id,
                facts: None,
                name,
            });
        }
        for (source, users) in by_source {
            let order = self.own_order(node);
            let round = SyncUsers {
                round: self.next_round(&source)?,
                source,
                ..SyncUsers::default()
            };
            let count = users.len();
            self.write(&order, &round, (users, count)).await?;
        }
        Ok(())
    }

    fn own_order(&self, node: NodeId) -> Order {
        Order {
            actor: storage::Actor {
                name: format!("node {node}"),
                ..Default::default()
            },
            request: RequestId(self.chance().array()),
            options: SyncOptions::default(),
            watcher: None,
        }
    }

    async fn sync(&self, name: &str, order: &Order) -> Result<SyncReport, OperateError> {
        // Two at one time would read the same for nothing.
        let _turn = match self.rounds.try_lock() {
            Ok(turn) => turn,
            Err(_) => {
                order.tell(SyncProgress::Waiting);
                self.rounds.lock().await
            }
        };
        let sources = query::settings(&self.ledger.view())?.sources;
        let source = self.live_source(&sources, name)?;
        let is_of = |user: storage::User| {
            let of = roster::roster_of(&sources, &user.name);
            let is_of = user.password.is_empty() && of.is_some_and(|of| of.name == name);
            is_of.then_some((user.id, user.name))
        };
        // Before the directory is read: what is read later is newer.
        let round = self.next_round(name)?;
        let (ids, names): (Vec<_>, Vec<_>) = self.chosen(is_of).await?.into_iter().unzip();
        order.tell(SyncProgress::Reading(names.len()));
        let listed = source.roster(&names).await?;
        let mut plan = Plan::new(name);
        let found = ids.into_iter().zip(names).zip(listed);
        for (at, ((id, name), listed)) in found.enumerate() {
            // Only now: the facts of a million users are not held while a directory is read.
            let user = query::user(&self.ledger.view(), UserId(id))?;
            if let Some(user) = user.filter(|user| user.name == name) {
                plan.add(user, listed);
            }
            if at % PAGE_RECORDS_MAX == 0 {
                tokio::task::yield_now().await;
            }
        }
        self.carry_out(order, plan, round).await
    }

    /// The source as this node has it; only as it is set.
    fn live_source(
        &self,
        sources: &[storage::Source],
        name: &str,
    ) -> Result<Arc<Source>, OperateError> {
        let mut found = sources.iter().filter(|source| source.name == name);
        let set = found.next().ok_or_else(|| OperateError::NotFound {
            kind: "source",
            name: name.to_owned(),
        })?;
        let live = self.sources.current();
        let mut live = live.iter().filter(|live| live.is_made_of(set));
        let live = live.next().ok_or(RosterError::Misconfigured)?;
        Ok(Arc::clone(live))
    }

    async fn carry_out(
        &self,
        order: &Order,
        mut plan: Plan,
        round: u64,
    ) -> Result<SyncReport, OperateError> {
        let before = query::sync_state(&self.ledger.view(), &plan.report.source)?;
        let change = SyncUsers {
            source: plan.report.source.clone(),
            users: Vec::new(),
            disabling: plan.report.refused,
            confirmed: order.options.confirm,
            round,
            matched: plan.report.matched,
        };
        if plan.report.refused > synced::allowed(&before, &change) {
            plan.hold();
        }
        let report = plan.report.clone();
        if !order.options.dry_run && plan.is_news(before.held.as_ref()) {
            self.write(order, &change, plan.changes()).await?;
        }
        Ok(report)
    }

    /// Writes a round in parts: small ones, so that logins are not kept waiting behind them.
    async fn write(
        &self,
        order: &Order,
        round: &SyncUsers,
        (users, of): (impl IntoIterator<Item = SyncedUser, IntoIter: Send>, usize),
    ) -> Result<(), OperateError> {
        let (mut users, mut done) = (users.into_iter().peekable(), 0_usize);
        for number in 0.. {
            let users = part(&mut users);
            // At least one: a round that only ends a hold has no users.
            if users.is_empty() && number > 0 {
                break;
            }
            order.tell(SyncProgress::Writing { done, of });
            done = done.saturating_add(users.len());
            let written = self.write_part(order, round, users).await;
            written.map_err(|error| broken_off(error, number, order.request))?;
        }
        Ok(())
    }

    async fn write_part(
        &self,
        order: &Order,
        round: &SyncUsers,
        users: Vec<SyncedUser>,
    ) -> Result<(), OperateError> {
        let part = SyncUsers {
            users,
            ..SyncUsers::default()
        };
        let said = part.encode_to_vec();
        let asked = Asked::new(Action::SettingsSync, part_id(order.request, &said))
            .with(&round.source)
            .with([u8::from(round.confirmed)])
            .with(&said);
        let part = SyncUsers {
            users: part.users,
            ..round.clone()
        };
        let kind = Kind::SyncUsers(part);
        let written = self.propose(order.actor.clone(), asked, kind).await;
        written.map(drop)
    }

    /// Later than every round that was written.
    fn next_round(&self, source: &str) -> Result<u64, OperateError> {
        let last = query::sync_state(&self.ledger.view(), source)?.round;
        Ok(self.clock.wall().as_millis().max(last.saturating_add(1)))
    }

    /// What `choose` takes of users, as they are replicated.
    async fn chosen<T>(
        &self,
        choose: impl Fn(storage::User) -> Option<T>,
    ) -> Result<Vec<T>, OperateError> {
        let (mut found, mut after) = (Vec::new(), UserId(0));
        loop {
            let page = query::users(&self.ledger.view(), after, PAGE_RECORDS_MAX)?;
            let Some(last) = page.last() else {
                return Ok(found);
            };
            after = UserId(last.id);
            found.extend(page.into_iter().filter_map(&choose));
            if found.len() > USERS_MAX {
                let why = format!("more than {USERS_MAX} users are of this source");
                return Err(OperateError::invalid("source", why));
            }
            // A million of them take a while.
            tokio::task::yield_now().await;
        }
    }
}

fn none_to_read(name: &str) -> OperateError {
    if name.is_empty() {
        let why = "users are read from none: one needs a service account, or a client secret or \
                   certificate, and no sync = false";
        return OperateError::invalid("source", why);
    }
    OperateError::NotFound {
        kind: "source that users are read from",
        name: name.to_owned(),
    }
}

/// LIMIT: users of one source.
const USERS_MAX: usize = 1_000_000;
