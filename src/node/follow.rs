//! Follows the replicated facts that shells hold opened copies of: clients, the password
//! source, keys. A copy may lag; a login decided by an old one is told `Stale` by the
//! ledger, so that lag costs time and never lets anyone in.

use std::sync::Arc;

use arc_swap::ArcSwap;
use countersign_core::base::{ClusterId, Secret};
use countersign_core::ledger::{StoreError, fields, query, storage};
use countersign_core::seal::{Context, KeyFile, Keyring, OpenError, Sealed};

use super::keys;
use super::parts::NodeLogins;
use super::senders::SenderSurroundings;
use super::sources::SourceSurroundings;
use crate::consensus::{Consensus, Facts, LiveTables};
use crate::login::Ledger;
use crate::net::{Client, Clients};
use crate::operate::secret_digest;
use crate::senders::Post;
use crate::sources::{Kind, Source, Sources};

/// The copies, and what they are made from.
pub(super) struct Copies {
    pub(super) consensus: Arc<Consensus>,
    pub(super) cluster: ClusterId,
    pub(super) key_file: KeyFile,
    pub(super) keyring: Arc<ArcSwap<Keyring>>,
    pub(super) clients: Arc<ArcSwap<Clients>>,
    pub(super) sources: Arc<Sources>,
    pub(super) surroundings: SourceSurroundings,
    pub(super) post: Arc<Post>,
    pub(super) senders: SenderSurroundings,
}

/// Why a field cannot be opened.
#[derive(Debug, thiserror::Error)]
enum FieldError {
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Copies {
    /// Keeps the copies up to date for as long as the task lives.
    pub(super) async fn follow(self, logins: NodeLogins) {
        let mut facts = self.consensus.watch_facts();
        let mut seen = Facts::default();
        loop {
            let now = *facts.borrow_and_update();
            self.refresh(&self.consensus.view(), &logins, seen, now);
            seen = now;
            if facts.changed().await.is_err() {
                return;
            }
        }
    }

    fn refresh(&self, tables: &LiveTables, logins: &NodeLogins, seen: Facts, now: Facts) {
        if now.keys != seen.keys {
            match keys::open(tables, self.cluster, &self.key_file) {
                Ok(opened) => {
                    self.keyring.store(opened.keyring);
                    logins.set_secrets(opened.secrets);
                }
                Err(error) => tracing::error!(error = %chain(&error), "keys cannot be opened"),
            }
        }
        if now.clients != seen.clients || now.keys != seen.keys {
            self.take_clients(tables);
        }
        if now.settings != seen.settings || now.keys != seen.keys {
            self.take_sources(tables);
            self.take_old_servers(tables);
            self.take_senders(tables);
        }
    }

    /// Opens the clients. One whose secrets do not open is left out: its packets are then
    /// those of an unknown client.
    pub(super) fn take_clients(&self, tables: &LiveTables) {
        let entries = match query::clients(tables) {
            Ok(entries) => entries,
            Err(error) => return tracing::error!(%error, "clients cannot be read"),
        };
        let opened = entries.into_iter().filter_map(|entry| {
            let name = entry.name.clone();
            self.client(entry)
                .inspect_err(|error| tracing::error!(client = name, %error, "left out"))
                .ok()
        });
        self.clients.store(Arc::new(Clients::new(opened)));
    }

    fn client(&self, entry: storage::Client) -> Result<Client, FieldError> {
        let row = entry.id.to_be_bytes();
        let context = fields::client_secret(self.cluster, &row);
        let secrets: Result<_, _> = entry
            .secrets
            .iter()
            .map(|sealed| self.open(&context, sealed))
            .collect();
        let digests = entry.secrets.iter().map(|sealed| secret_digest(sealed));
        let digests = digests.collect();
        let mut client = Client::new(entry, secrets?);
        client.digests = digests;
        Ok(client)
    }

    /// Puts the settings' sources in force. One that cannot be used here is asked nothing.
    pub(super) fn take_sources(&self, tables: &LiveTables) {
        let settings = match query::settings(tables) {
            Ok(settings) => settings,
            Err(error) => return tracing::error!(%error, "the settings cannot be read"),
        };
        let old = self.sources.current();
        let sources = settings.sources.into_iter().map(|settings| {
            let mut old = old.iter();
            let kept = old.find(|old| old.is_made_of(&settings) && old.is_usable());
            kept.cloned()
                .unwrap_or_else(|| Arc::new(self.source(settings)))
        });
        self.sources.adopt(settings.revision, sources.collect());
    }

    /// Puts the settings' old servers in force. One that cannot be used here is asked nothing.
    pub(super) fn take_old_servers(&self, tables: &LiveTables) {
        let settings = match query::settings(tables) {
            Ok(settings) => settings,
            Err(error) => return tracing::error!(%error, "the settings cannot be read"),
        };
        let all = self.sources.old_servers();
        let old = all.current();
        for gone in old
            .iter()
            .filter(|old| !settings.forwards.contains(&old.settings))
        {
            self.surroundings.forget_old_server(&gone.settings.name);
        }
        let open = |context: &Context<'_>, sealed: &[u8]| self.open(context, sealed);
        let servers = settings.forwards.into_iter().map(|settings| {
            let mut old = old.iter();
            let kept = old.find(|old| old.settings == settings && old.forward.is_some());
            kept.cloned().unwrap_or_else(|| {
                let made = self.surroundings.old_server(self.cluster, settings, open);
                Arc::new(made)
            })
        });
        all.adopt(servers.collect());
    }

    /// Puts the settings' senders in force. One that cannot be used here sends nothing.
    pub(super) fn take_senders(&self, tables: &LiveTables) {
        let settings = match query::settings(tables) {
            Ok(settings) => settings,
            Err(error) => return tracing::error!(%error, "the settings cannot be read"),
        };
        let open = |secret, sealed: &[u8]| {
            let there = (!sealed.is_empty()).then(|| {
                let context = fields::sender_secret(self.cluster, secret);
                self.open(&context, sealed)
            });
            there.transpose()
        };
        let routes = self.senders.routes(&settings, &self.post.routes(), open);
        self.post.adopt(routes);
    }

    fn source(&self, settings: storage::Source) -> Source {
        let open = |context: &Context<'_>, sealed: &[u8]| self.open(context, sealed);
        let made = self.surroundings.source(self.cluster, &settings, open);
        let kind = made.unwrap_or_else(|error| {
            let source = &*settings.name;
            tracing::error!(source, error = %chain(&error), "a password source cannot be used");
            Kind::Misconfigured
        });
        Source { settings, kind }
    }

    fn open(&self, context: &Context<'_>, sealed: &[u8]) -> Result<Secret, OpenError> {
        self.keyring.load().open(context, &Sealed::decode(sealed)?)
    }
}

/// An error with its causes, in one line.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(": ")
}
