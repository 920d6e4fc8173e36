//! From the replicated settings to an endpoint that may be used on this node.
//!
//! The settings choose a host; which hosts may ever receive a password is pinned in the
//! node's own file, so that a stolen operator account cannot send passwords elsewhere.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use countersign_core::base::{Operations, Secret, Shown};
use countersign_core::ledger::storage::{EntraClientType, EntraSettings};
use url::{Host, Url};

use super::decision::Switches;
use super::request::Grant;

/// What the node itself brings to a source, whatever the settings say.
#[derive(Clone, Debug)]
pub struct Surroundings {
    /// The hosts that may receive passwords.
    pub pinned: PinnedHosts,
    /// A PEM file of authorities to trust beside the system's own.
    pub ca_file: Option<PathBuf>,
    /// Random octets, drawn once, that tell this node's requests from all others.
    pub request_ids: [u8; 8],
    /// Where counts go.
    pub operations: Arc<dyn Operations>,
}

/// Hosts, each with a port, that may receive passwords.
#[derive(Clone, Debug)]
pub struct PinnedHosts(Vec<(Host<String>, u16)>);

impl PinnedHosts {
    /// Reads `host` (port 443) or `host:port` entries; replaces the public clouds.
    ///
    /// # Errors
    /// [`ConfigError::Pinned`] names the first entry that is neither.
    pub fn parse<'a>(entries: impl IntoIterator<Item = &'a str>) -> Result<Self, ConfigError> {
        let hosts = entries.into_iter().map(|entry| {
            let refused = || ConfigError::Pinned(Shown::from(entry).to_string());
            origin(&format!("https://{entry}")).map_or_else(|| Err(refused()), Ok)
        });
        Ok(Self(
            hosts
                .map(|at| at.map(|(_, key)| key))
                .collect::<Result<_, _>>()?,
        ))
    }

    fn allows(&self, key: &(Host<String>, u16)) -> bool {
        self.0.contains(key)
    }
}

/// The token endpoints of the public clouds and their aliases.
impl Default for PinnedHosts {
    fn default() -> Self {
        Self::parse(PUBLIC_CLOUDS).expect("the names of the public clouds are host names")
    }
}

/// Why settings cannot be used on this node.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// Not `https://host[:port]` without path, user or query.
    #[error("the authority {0} is not https://host[:port]")]
    Authority(String),
    /// The file of extra authorities cannot be read.
    #[error("cannot read the CA file {path}")]
    CaFile {
        /// Which file.
        path: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The file of extra authorities holds no usable certificate.
    #[error("the CA file {path} holds no PEM certificate that can be used")]
    CaFileContent {
        /// Which file.
        path: String,
    },
    /// The application's id is no GUID.
    #[error("the client id {0} is no GUID")]
    ClientId(String),
    /// The HTTP client cannot be built.
    #[error("cannot build the HTTP client")]
    HttpClient(#[source] reqwest::Error),
    /// Neither public nor with a secret.
    #[error("the client type is not set")]
    MissingClientType,
    /// A confidential client without its secret.
    #[error("the client secret is missing")]
    MissingSecret,
    /// An entry of the pinned hosts.
    #[error("the pinned host {0} is not host[:port]")]
    Pinned(String),
    /// The scope has characters that RFC 6749 §3.3 does not allow, or asks for a refresh
    /// token, which nobody would need and somebody could steal.
    #[error("the scope {0} is malformed or asks for offline_access")]
    Scope(String),
    /// A public client with a secret: Entra refuses that.
    #[error("a public client must have no client secret")]
    SecretOfPublicClient,
    /// Neither a GUID nor a domain. `common`, `consumers` and `organizations` would let
    /// other tenants judge our users.
    #[error("the tenant {0} is neither a GUID nor a domain")]
    Tenant(String),
    /// Out of bounds.
    #[error("the time-out of {0} ms is not within 100 to 30000 ms")]
    Timeout(u32),
    /// Not among the hosts that this node may send passwords to.
    #[error("the host {0} is not pinned in this node's file")]
    Unpinned(String),
}

/// Settings that have passed every check.
#[derive(Debug)]
pub(super) struct Checked {
    pub(super) endpoint: Url,
    pub(super) grant: Grant,
    pub(super) switches: Switches,
    pub(super) timeout: Duration,
}

/// Checks settings against the node's own pins.
pub(super) fn check(
    settings: &EntraSettings,
    client_secret: Option<Secret>,
    pinned: &PinnedHosts,
) -> Result<Checked, ConfigError> {
    Ok(Checked {
        endpoint: endpoint(settings, pinned)?,
        grant: Grant {
            client_id: client_id(settings)?,
            client_secret: credential(settings, client_secret)?,
            scope: scope(settings)?,
        },
        switches: Switches {
            require_registered_mfa: settings.require_registered_mfa,
            accept_external_challenge: settings.accept_external_challenge,
        },
        timeout: timeout(settings)?,
    })
}

fn endpoint(settings: &EntraSettings, pinned: &PinnedHosts) -> Result<Url, ConfigError> {
    let shown = || Shown::from(&*settings.authority).to_string();
    let (mut url, key) =
        origin(&settings.authority).ok_or_else(|| ConfigError::Authority(shown()))?;
    if !pinned.allows(&key) {
        return Err(ConfigError::Unpinned(shown()));
    }
    let tenant = &settings.tenant;
    if !is_guid(tenant) && !is_domain(tenant) {
        return Err(ConfigError::Tenant(Shown::from(&**tenant).to_string()));
    }
    url.set_path(&format!("{tenant}/oauth2/v2.0/token"));
    Ok(url)
}

/// A bare https origin, and what pins compare: host and port.
fn origin(text: &str) -> Option<(Url, (Host<String>, u16))> {
    let url = Url::parse(text).ok()?;
    let bare = url.scheme() == "https"
        && url.username().is_empty()
        && url.password().is_none()
        && url.path() == "/"
        && url.query().is_none()
        && url.fragment().is_none();
    let key = (url.host()?.to_owned(), url.port_or_known_default()?);
    bare.then_some((url, key))
}

fn client_id(settings: &EntraSettings) -> Result<String, ConfigError> {
    let id = &settings.client_id;
    if is_guid(id) {
        return Ok(id.clone());
    }
    Err(ConfigError::ClientId(Shown::from(&**id).to_string()))
}

fn credential(
    settings: &EntraSettings,
    secret: Option<Secret>,
) -> Result<Option<Secret>, ConfigError> {
    match (settings.client_type(), secret) {
        (EntraClientType::Unspecified, _) => Err(ConfigError::MissingClientType),
        (EntraClientType::Public, None) => Ok(None),
        (EntraClientType::Public, Some(_)) => Err(ConfigError::SecretOfPublicClient),
        (EntraClientType::Secret, Some(secret)) if !secret.is_empty() => Ok(Some(secret)),
        (EntraClientType::Secret, _) => Err(ConfigError::MissingSecret),
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
        millis @ 100..=30_000 => Ok(Duration::from_millis(millis.into())),
        millis => Err(ConfigError::Timeout(millis)),
    }
}

fn is_guid(text: &str) -> bool {
    let groups: Vec<&str> = text.split('-').collect();
    groups.iter().map(|group| group.len()).eq([8, 4, 4, 4, 12])
        && groups
            .iter()
            .all(|g| g.bytes().all(|octet| octet.is_ascii_hexdigit()))
}

/// At least two labels of letters, digits and inner hyphens (RFC 1123 §2.1).
fn is_domain(text: &str) -> bool {
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

/// Public, US Government, China; then their aliases.
const PUBLIC_CLOUDS: [&str; 7] = [
    "login.microsoftonline.com",
    "login.microsoftonline.us",
    "login.partner.microsoftonline.cn",
    "login.chinacloudapi.cn",
    "login.microsoft.com",
    "login.windows.net",
    "sts.windows.net",
];

#[cfg(test)]
mod tests;
