//! From the settings of a source to the source, with what this node's own file says of it.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use countersign_core::base::{ClusterId, Entropy, Operations, Secret};
use countersign_core::ledger::fields::{self, SourceSecret};
use countersign_core::ledger::storage::{self, source};
use countersign_core::seal::{Context, OpenError};

use super::config::Config;
use super::follow::chain;
use super::system::SystemClock;
use crate::login::Clock;
use crate::sources::alarm::Alarms;
use crate::sources::breaker::Rests;
use crate::sources::entra::{ConfigError, Credentials, Entra, PinnedHosts, Surroundings};
use crate::sources::forward::{Forward, ForwardConfigError, ForwardSurroundings, OldServer};
use crate::sources::ldap::{Ldap, LdapConfigError, LdapSurroundings};
use crate::sources::{Kind, PinnedServers, Unpinnable};

/// What this node brings to sources of each kind.
pub(super) struct SourceSurroundings {
    entra: Surroundings,
    ldap: LdapSurroundings,
    forward: ForwardSurroundings,
}

/// Why a source cannot be used on this node.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// A setting of Entra.
    #[error(transparent)]
    Entra(#[from] ConfigError),
    /// A setting of an LDAP directory.
    #[error(transparent)]
    Ldap(#[from] LdapConfigError),
    /// A setting of an old server.
    #[error(transparent)]
    Forward(#[from] ForwardConfigError),
    /// A server that the node's file pins.
    #[error(transparent)]
    Pinned(#[from] Unpinnable),
    /// One of its secrets.
    #[error("a secret of the source cannot be opened")]
    Secret(#[from] OpenError),
}

impl SourceSurroundings {
    /// What the node's own file says. `rests` is told which source wants to be left alone.
    pub(super) fn new(
        config: &Config,
        mut chance: impl Entropy + Send + 'static,
        operations: Arc<dyn Operations>,
        rests: Arc<dyn Rests>,
    ) -> Result<Self, SourceError> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let ca_file: Option<PathBuf> = config.source_ca_file.clone();
        let hosts = config.source_hosts.iter().map(String::as_str);
        let servers = config.ldap_servers.iter().map(String::as_str);
        let old = config.forward_servers.iter().map(String::as_str);
        let alarms = Arc::new(Alarms::new(Arc::clone(&operations)));
        let request_ids = chance.array();
        let boot_key = Arc::new(Secret::new(chance.array::<32>().to_vec()));
        Ok(Self {
            entra: Surroundings {
                pinned: PinnedHosts::parse(hosts)?,
                ca_file: ca_file.clone(),
                request_ids,
                boot_key: Arc::clone(&boot_key),
                alarms: Arc::clone(&alarms),
                operations: Arc::clone(&operations),
                rests,
                clock: Arc::clone(&clock),
            },
            ldap: LdapSurroundings {
                pinned: PinnedServers::parse(servers)?,
                boot_key,
                ca_file,
                dangerous_clear_text: config.dangerous_ldap_clear_text,
                clock: Arc::clone(&clock),
                operations: Arc::clone(&operations),
            },
            forward: ForwardSurroundings {
                pinned: PinnedServers::parse(old)?,
                cluster: config.cluster,
                chance: Arc::new(Mutex::new(chance)),
                alarms,
                clock,
                operations,
            },
        })
    }

    /// The troubles of this node's sources.
    pub(super) fn alarms(&self) -> Arc<Alarms> {
        Arc::clone(&self.entra.alarms)
    }

    /// Makes what asks an old server, or tells why this node cannot.
    pub(super) fn old_server(
        &self,
        cluster: ClusterId,
        settings: storage::Forward,
        open: impl Fn(&Context<'_>, &[u8]) -> Result<Secret, OpenError>,
    ) -> OldServer {
        let context = fields::forward_secret(cluster, &settings.name);
        let opened = open(&context, &settings.secret).map_err(SourceError::from);
        let made = opened.and_then(|secret| {
            let made = Forward::configure(&settings, secret, &self.forward);
            made.map_err(SourceError::from)
        });
        let forward = made.inspect_err(|error| {
            let forward = &*settings.name;
            tracing::error!(forward, error = %chain(error), "an old server cannot be asked");
        });
        let forward = forward.ok();
        self.forward.tell_usable(&settings.name, forward.is_some());
        OldServer { settings, forward }
    }

    /// An old server is gone from the settings, or was set anew.
    pub(super) fn forget_old_server(&self, name: &str) {
        self.forward.forget(name);
    }

    /// Makes the source. `open` opens its sealed secrets.
    pub(super) fn source(
        &self,
        cluster: ClusterId,
        source: &storage::Source,
        open: impl Fn(&Context<'_>, &[u8]) -> Result<Secret, OpenError>,
    ) -> Result<Kind, SourceError> {
        let opened = |secret, sealed: &[u8]| {
            let context = fields::source_secret(cluster, &source.name, secret);
            let there = (!sealed.is_empty()).then(|| open(&context, sealed));
            there.transpose()
        };
        Ok(match &source.kind {
            Some(source::Kind::Entra(it)) => {
                let credentials = Credentials {
                    client_secret: opened(SourceSecret::ClientSecret, &it.client_secret)?,
                    client_key: opened(SourceSecret::ClientKey, &it.client_key)?,
                };
                let entra = Entra::configure(&source.name, it, credentials, &self.entra)?;
                Kind::Entra(Box::new(entra))
            }
            Some(source::Kind::Ldap(it)) => {
                let password = opened(SourceSecret::ServicePassword, &it.service_password)?;
                let (name, domains) = (&source.name, &source.domains);
                let ldap = Ldap::configure(name, domains, it, password, &self.ldap)?;
                Kind::Ldap(Box::new(ldap))
            }
            None => Kind::Misconfigured,
        })
    }
}
