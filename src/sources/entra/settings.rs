//! From the replicated settings to an endpoint that may be used on this node.
//!
//! The settings choose a host; which hosts may ever receive a password is pinned in the
//! node's own file, so that a stolen operator account cannot send passwords elsewhere.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use countersign_core::base::limits::{SOURCE_TIMEOUT_MAX, SOURCE_TIMEOUT_MIN};
use countersign_core::base::{Operations, Secret, Shown};
use countersign_core::ledger::storage::{EntraClientType, EntraSettings};
use url::Url;

use super::assertion::{Certificate, CertificateError};
use super::cloud::{Cloud, Hosts, PinnedHosts, Wanted};
use super::decision::Switches;
use super::request::{Grant, Proof};
use crate::login::Clock;
use crate::sources::alarm::Alarms;
use crate::sources::breaker::Rests;
use crate::sources::http::HttpError;
use crate::sources::within::within;

/// What the node itself brings to a source, whatever the settings say.
#[derive(Clone)]
pub struct Surroundings {
    /// The hosts that may receive passwords.
    pub pinned: PinnedHosts,
    /// A PEM file of authorities to trust beside the system's own.
    pub ca_file: Option<PathBuf>,
    /// Random octets, drawn once, that tell this node's requests from all others.
    pub request_ids: [u8; 8],
    /// A random key, drawn at each start, under which wrong passwords are remembered.
    pub boot_key: Arc<Secret>,
    /// Where counts go.
    pub operations: Arc<dyn Operations>,
    /// What is wrong with the sources now.
    pub alarms: Arc<Alarms>,
    /// Who is told that a source asked to be left alone.
    pub rests: Arc<dyn Rests>,
    /// The time of day, for statements that are signed and dates that are named.
    pub clock: Arc<dyn Clock>,
}

impl fmt::Debug for Surroundings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Surroundings")
            .field("pinned", &self.pinned)
            .field("ca_file", &self.ca_file)
            .finish_non_exhaustive()
    }
}

/// What of the settings is kept sealed, unsealed.
#[derive(Debug, Default)]
pub struct Credentials {
    /// Of a client with a secret.
    pub client_secret: Option<Secret>,
    /// The private key of a client with a certificate: PKCS#8, DER.
    pub client_key: Option<Secret>,
}

/// Why settings cannot be used on this node.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// Not `https://host[:port]` without path, user or query.
    #[error("the authority {0} is not https://host[:port]")]
    Authority(String),
    /// The certificate or its key.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// The application's id is no GUID.
    #[error("the client id {0} is no GUID")]
    ClientId(String),
    /// Credentials of another type of client than the settings name.
    #[error("{0} is there, which a client of this type does not have")]
    Credentials(&'static str),
    /// An authority that is none of Microsoft's.
    #[error("the authority {0} is of no cloud; dangerous_custom_authority would take it")]
    CustomAuthority(String),
    /// The HTTP client cannot be built.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// Neither public nor with a secret or certificate.
    #[error("the client type is not set")]
    MissingClientType,
    /// A client with a certificate, without its key.
    #[error("the client key is missing")]
    MissingKey,
    /// A client with a secret, without it.
    #[error("the client secret is missing")]
    MissingSecret,
    /// The authority is not of the cloud that is named beside it.
    #[error("the authority {0} is not of the cloud that is named")]
    OtherCloud(String),
    /// An entry of the pinned hosts.
    #[error("the pinned host {0} is neither host[:port] nor http://host:port")]
    Pinned(String),
    /// Not `http://host:port`.
    #[error("the proxy {0} is not http://host:port")]
    Proxy(String),
    /// The scope has characters that RFC 6749 §3.3 does not allow, or asks for a refresh
    /// token, which nobody would need and somebody could steal.
    #[error("the scope {0} is malformed or asks for offline_access")]
    Scope(String),
    /// Neither a GUID nor a domain. `common`, `consumers` and `organizations` would let
    /// other tenants judge our users.
    #[error("the tenant {0} is neither a GUID nor a domain")]
    Tenant(String),
    /// Out of bounds.
    #[error(
        "the time-out of {0} ms is not within {least} to {most} ms",
        least = SOURCE_TIMEOUT_MIN.as_millis(),
        most = SOURCE_TIMEOUT_MAX.as_millis()
    )]
    Timeout(u32),
    /// Not among the hosts that this node may send passwords to.
    #[error("the host {0} is not pinned in this node's file")]
    Unpinned(String),
    /// Not among the proxies that this node may use.
    #[error("the proxy {0} is not pinned in this node's file")]
    UnpinnedProxy(String),
}

/// Settings that have passed every check.
#[derive(Debug)]
pub(super) struct Checked {
    pub(super) places: Places,
    pub(super) grant: Grant,
    pub(super) switches: Switches,
    pub(super) timeout: Duration,
    pub(super) proxy: Option<Url>,
}

/// What is asked where.
#[derive(Clone, Debug)]
pub(super) struct Places {
    pub(super) hosts: Hosts,
    /// A GUID or a domain.
    pub(super) tenant: String,
    /// The token endpoint.
    pub(super) token: Url,
}

impl Places {
    /// The tenant's name, where it is the domain of users too.
    pub(super) fn domain(&self) -> Option<&str> {
        is_domain(&self.tenant).then_some(&*self.tenant)
    }

    /// What a token of the application's own is asked for: all that it may do at Graph.
    pub(super) fn graph_scope(&self) -> String {
        format!("{}.default", self.hosts.graph)
    }
}

/// Checks what every node takes or refuses alike, whatever its own file pins.
///
/// # Errors
/// The first setting that no node can use.
pub fn check_anywhere(
    settings: &EntraSettings,
    credentials: Credentials,
) -> Result<(), ConfigError> {
    check(settings, credentials, &PinnedHosts::named_by(settings)).map(drop)
}

/// Checks settings against the node's own pins.
pub(super) fn check(
    settings: &EntraSettings,
    credentials: Credentials,
    pinned: &PinnedHosts,
) -> Result<Checked, ConfigError> {
    let places = places(settings, pinned)?;
    Ok(Checked {
        grant: Grant {
            client_id: client_id(settings)?,
            proof: proof(settings, credentials)?,
            scope: scope(settings)?,
            audience: places.token.to_string(),
        },
        places,
        switches: Switches {
            require_registered_mfa: settings.require_registered_mfa,
            accept_external_challenge: settings.accept_external_challenge,
        },
        timeout: timeout(settings)?,
        proxy: pinned.proxy(&settings.proxy)?,
    })
}

fn places(settings: &EntraSettings, pinned: &PinnedHosts) -> Result<Places, ConfigError> {
    let wanted = Wanted {
        authority: &settings.authority,
        cloud: Cloud::named(settings.cloud()),
        dangerous_custom_authority: settings.dangerous_custom_authority,
    };
    let hosts = wanted.resolve(pinned)?;
    let tenant = &settings.tenant;
    if !is_guid(tenant) && !is_domain(tenant) {
        return Err(ConfigError::Tenant(Shown::from(&**tenant).to_string()));
    }
    let mut token = hosts.authority.clone();
    token.set_path(&format!("{tenant}/oauth2/v2.0/token"));
    Ok(Places {
        hosts,
        tenant: tenant.clone(),
        token,
    })
}

fn client_id(settings: &EntraSettings) -> Result<String, ConfigError> {
    let id = &settings.client_id;
    if is_guid(id) {
        return Ok(id.clone());
    }
    Err(ConfigError::ClientId(Shown::from(&**id).to_string()))
}

/// What is there beside what the type needs is a mistake that would show much later, when
/// somebody believes in it.
fn proof(settings: &EntraSettings, credentials: Credentials) -> Result<Proof, ConfigError> {
    let Credentials {
        client_secret,
        client_key,
    } = credentials;
    let certificate = &settings.client_certificate;
    let kind = settings.client_type();
    let of_certificate = kind == EntraClientType::Certificate;
    if client_secret.is_some() && kind != EntraClientType::Secret {
        return Err(ConfigError::Credentials("a client secret"));
    }
    if (client_key.is_some() || !certificate.is_empty()) && !of_certificate {
        return Err(ConfigError::Credentials("a client certificate or its key"));
    }
    match kind {
        EntraClientType::Unspecified => Err(ConfigError::MissingClientType),
        EntraClientType::Public => Ok(Proof::Public),
        EntraClientType::Secret => match client_secret {
            Some(secret) if !secret.is_empty() => Ok(Proof::Secret(secret)),
            Some(_) | None => Err(ConfigError::MissingSecret),
        },
        EntraClientType::Certificate => {
            let key = client_key.ok_or(ConfigError::MissingKey)?;
            let certificate = Certificate::new(certificate, &key)?;
            Ok(Proof::Certificate(Box::new(certificate)))
        }
    }
}

/// `openid` by default: with it, Conditional Access covers a confidential client itself.
fn scope(settings: &EntraSettings) -> Result<String, ConfigError> {
    let scope = &settings.scope;
    if scope.is_empty() {
        return Ok("openid".to_owned());
    }
    let allowed = |octet: u8| matches!(octet, b' ' | 0x21 | 0x23..=0x5b | 0x5d..=0x7e);
    if !scope.bytes().all(allowed) || scope.split(' ').any(|word| word == "offline_access") {
        return Err(ConfigError::Scope(Shown::from(&**scope).to_string()));
    }
    Ok(scope.clone())
}

fn timeout(settings: &EntraSettings) -> Result<Duration, ConfigError> {
    match settings.timeout {
        0 => Ok(TIMEOUT_DEFAULT),
        millis => within(millis).ok_or(ConfigError::Timeout(millis)),
    }
}

pub(super) fn is_guid(text: &str) -> bool {
    let groups: Vec<&str> = text.split('-').collect();
    groups.iter().map(|group| group.len()).eq([8, 4, 4, 4, 12])
        && groups
            .iter()
            .all(|g| g.bytes().all(|octet| octet.is_ascii_hexdigit()))
}

/// At least two labels of letters, digits and inner hyphens (RFC 1123 §2.1).
pub(super) fn is_domain(text: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .bytes()
                .all(|octet| octet.is_ascii_alphanumeric() || octet == b'-')
    };
    text.len() <= 253 && text.contains('.') && text.split('.').all(is_label)
}

/// For one question, where the settings name no time.
const TIMEOUT_DEFAULT: Duration = Duration::from_secs(3);

#[cfg(test)]
mod tests;
