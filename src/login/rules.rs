//! The rules, and what stands for each client, kept in memory: thousands of logins are
//! decided by the same few.
//!
//! What stands for a client is kept under what the head said when it was read, and serves
//! a login whose own look at the head says the same. So a tightened rule is in force for the
//! first login that reads the tables after it; and one that reads them just before is told
//! `Stale` by the ledger, as ever.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use countersign_core::base::ClientId;
use countersign_core::base::limits::CLIENTS_MAX;
use countersign_core::ledger::Read;
use countersign_core::ledger::storage::Head;
use countersign_core::login::{Rule, RuleList, Stop};

/// The rules in use.
#[derive(Default)]
pub(super) struct Rules(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    clients: HashMap<ClientId, (Versions, Arc<Rule>)>,
    /// The list that all clients share, under its revision.
    list: Option<(u64, RuleList)>,
}

/// Of everything that a rule is made of: the head's counts of changes.
#[derive(Clone, Copy, Eq, PartialEq)]
struct Versions {
    clients: u64,
    rules: u64,
    settings: u64,
}

impl From<&Head> for Versions {
    fn from(head: &Head) -> Self {
        Self {
            clients: head.clients_revision,
            rules: head.rules_revision,
            settings: head.settings_revision,
        }
    }
}

impl Rules {
    /// The rule of a client. `head` must have been read from `view` before.
    ///
    /// # Errors
    /// As [`Rule::read`].
    pub(super) fn of(
        &self,
        view: &impl Read,
        head: &Head,
        client: ClientId,
    ) -> Result<Arc<Rule>, Stop> {
        let now = Versions::from(head);
        if let Some((of, rule)) = self.kept().clients.get(&client)
            && *of == now
        {
            return Ok(Arc::clone(rule));
        }
        let list = self.list(view, head)?;
        let rule = Arc::new(Rule::read(view, head, list, client)?);
        let clients = &mut self.kept().clients;
        // LIMIT: as many as there may be clients; those that are gone go with the rest.
        if clients.len() >= CLIENTS_MAX {
            clients.clear();
        }
        clients.insert(client, (now, Arc::clone(&rule)));
        Ok(rule)
    }

    /// The rule that a login through the client was last decided by.
    pub(super) fn last(&self, client: ClientId) -> Option<Arc<Rule>> {
        let kept = self.kept();
        kept.clients.get(&client).map(|(_, rule)| Arc::clone(rule))
    }

    fn list(&self, view: &impl Read, head: &Head) -> Result<RuleList, Stop> {
        if let Some((revision, list)) = &self.kept().list
            && *revision == head.rules_revision
        {
            return Ok(Arc::clone(list));
        }
        let list = Rule::list(view, head)?;
        self.kept().list = Some((head.rules_revision, Arc::clone(&list)));
        Ok(list)
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
