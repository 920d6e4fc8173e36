//! From the replicated settings to directories that may be asked from this node.
//!
//! The settings choose servers; which of them may ever receive a password is pinned in the
//! node's own file, so that a stolen operator account cannot send passwords elsewhere.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use countersign_core::base::limits::{SOURCE_TIMEOUT_MAX, SOURCE_TIMEOUT_MIN};
use countersign_core::base::{Operations, Secret, Shown};
use countersign_core::ledger::storage::{LdapBind, LdapKind, LdapSettings};
use rustls_pki_types::{DnsName, ServerName};
use url::Host;

use super::addresses::Addresses;
use super::dn;
use super::domains::Domains;
use super::endpoint::{Endpoint, Security};
use super::filter::UserFilter;
use crate::login::Clock;
use crate::sources;
use crate::sources::pinned::{PinnedServers, host_port};

/// What the node itself brings to a source, whatever the settings say.
#[derive(Clone)]
pub struct LdapSurroundings {
    /// The servers that may receive passwords.
    pub pinned: PinnedServers,
    /// Random, drawn once at each start: under it, wrong passwords are known again.
    pub boot_key: Arc<Secret>,
    /// A PEM file of authorities to trust beside the system's own.
    pub ca_file: Option<PathBuf>,
    /// Whether settings may take TLS away. A stolen operator account alone cannot.
    pub dangerous_clear_text: bool,
    /// What time it is, for accounts and certificates that expire.
    pub clock: Arc<dyn Clock>,
    /// Where counts go.
    pub operations: Arc<dyn Operations>,
}

impl fmt::Debug for LdapSurroundings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LdapSurroundings")
            .field("pinned", &self.pinned)
            .field("ca_file", &self.ca_file)
            .field("dangerous_clear_text", &self.dangerous_clear_text)
            .finish_non_exhaustive()
    }
}

/// Why settings cannot be used on this node.
#[derive(Debug, thiserror::Error)]
pub enum LdapConfigError {
    /// Empty, or no distinguished name.
    #[error("the base {0} is no distinguished name")]
    BaseDn(String),
    /// OpenLDAP binds entries: somebody must find them first.
    #[error("this kind of directory needs the bind form `search`")]
    BindForm,
    /// The file of extra authorities cannot be used.
    #[error("the CA file cannot be used")]
    CaFile(#[source] crate::tls::FileError),
    /// The node's own file does not allow what the settings want.
    #[error("clear text is not allowed in this node's file")]
    ClearText,
    /// Empty, or with characters that no domain has.
    #[error("the NetBIOS domain {0} is empty or malformed")]
    Domain(String),
    /// Not a filter, or the user's name is not in it.
    #[error("the user filter or attribute {0} is no filter with {{user}} or {{account}}")]
    Filter(String),
    /// No distinguished name.
    #[error("the required group {0} is no distinguished name")]
    Group(String),
    /// How a user binds is not set.
    #[error("the bind form is not set")]
    MissingBind,
    /// What the directory is, is not set.
    #[error("the kind of the directory is not set")]
    MissingKind,
    /// No server.
    #[error("there is no server")]
    MissingServer,
    /// The bind form `search` without a service account.
    #[error("the bind form `search` needs a service account")]
    MissingService,
    /// Neither `ldaps://host[:port]` nor `ldap://host[:port]`.
    #[error("the server {0} is not ldaps://host[:port] or ldap://host[:port]")]
    Server(String),
    /// A service account has a name and a password, or neither.
    #[error("the service account needs a name and a password, neither with NUL")]
    Service,
    /// Out of bounds.
    #[error(
        "the time-out of {0} ms is not within {least} to {most} ms",
        least = SOURCE_TIMEOUT_MIN.as_millis(),
        most = SOURCE_TIMEOUT_MAX.as_millis()
    )]
    Timeout(u32),
    /// TLS cannot be set up.
    #[error("TLS cannot be set up")]
    Tls(#[source] rustls::Error),
    /// More servers than are asked.
    #[error("more than {SERVERS_MAX} servers")]
    TooManyServers,
    /// Not among the servers that this node may send passwords to.
    #[error("the server {0} is not pinned in this node's file")]
    Unpinned(String),
}

/// Settings that have passed every check.
#[derive(Debug)]
pub(super) struct Checked {
    pub(super) servers: Vec<Endpoint>,
    pub(super) kind: Kind,
    pub(super) names: BindNames,
    pub(super) base: String,
    pub(super) users: UserFilter,
    pub(super) domains: Domains,
    pub(super) service: Option<ServiceAccount>,
    pub(super) required_group: Option<String>,
    pub(super) timeout: Duration,
    pub(super) connect_timeout: Duration,
}

/// What the directory is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    ActiveDirectory,
    OpenLdap,
}

/// By which name a user binds.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum BindNames {
    /// The directory name as it is.
    Upn,
    /// `DOMAIN\account`.
    Domain(String),
    /// That of the entry which the service account finds.
    Search,
}

/// By whom the directory is read.
#[derive(Debug)]
pub(super) struct ServiceAccount {
    pub(super) name: String,
    pub(super) password: Secret,
}

/// Checks settings against what the node allows. `routed` are the domains that the source is
/// for.
pub(super) fn check(
    routed: &[String],
    settings: &LdapSettings,
    bind_password: Option<Secret>,
    surroundings: &LdapSurroundings,
) -> Result<Checked, LdapConfigError> {
    let (kind, service, names) = ways(settings, bind_password)?;
    let base = distinguished(&settings.base_dn).map_err(LdapConfigError::BaseDn)?;
    let users = users(settings, kind)?;
    let cuts = users.cuts() || matches!(names, BindNames::Domain(_));
    Ok(Checked {
        servers: servers(settings, surroundings)?,
        kind,
        names,
        domains: Domains::new(kind, &base, &settings.netbios_domain, routed, cuts),
        base,
        users,
        service,
        required_group: required_group(settings)?,
        timeout: within(settings.timeout, TIMEOUT_DEFAULT)?,
        connect_timeout: within(settings.connect_timeout, CONNECT_TIMEOUT_DEFAULT)?,
    })
}

/// What the directory is, and how it is asked: the three fit together.
fn ways(
    settings: &LdapSettings,
    bind_password: Option<Secret>,
) -> Result<(Kind, Option<ServiceAccount>, BindNames), LdapConfigError> {
    let kind = match settings.kind() {
        LdapKind::Unspecified => return Err(LdapConfigError::MissingKind),
        LdapKind::ActiveDirectory => Kind::ActiveDirectory,
        LdapKind::Openldap => Kind::OpenLdap,
    };
    let service = service(settings, bind_password)?;
    let names = bind_names(settings)?;
    if names == BindNames::Search && service.is_none() {
        return Err(LdapConfigError::MissingService);
    }
    if names != BindNames::Search && kind == Kind::OpenLdap {
        return Err(LdapConfigError::BindForm);
    }
    Ok((kind, service, names))
}

fn servers(
    settings: &LdapSettings,
    surroundings: &LdapSurroundings,
) -> Result<Vec<Endpoint>, LdapConfigError> {
    if settings.dangerous_clear_text && !surroundings.dangerous_clear_text {
        return Err(LdapConfigError::ClearText);
    }
    if settings.servers.is_empty() {
        return Err(LdapConfigError::MissingServer);
    }
    if settings.servers.len() > SERVERS_MAX {
        return Err(LdapConfigError::TooManyServers);
    }
    let server = |text: &String| {
        let shown = || Shown::from(&**text).to_string();
        let endpoint = endpoint(text, settings.dangerous_clear_text);
        let (host, endpoint) = endpoint.ok_or_else(|| LdapConfigError::Server(shown()))?;
        if !surroundings
            .pinned
            .allows(&host, endpoint.port, USUAL_PORTS)
        {
            return Err(LdapConfigError::Unpinned(shown()));
        }
        Ok(endpoint)
    };
    settings.servers.iter().map(server).collect()
}

fn endpoint(text: &str, clear_text: bool) -> Option<(Host<String>, Endpoint)> {
    let (scheme, rest) = text.split_once("://")?;
    let (security, usual) = match scheme {
        "ldaps" => (Security::Tls, PORT_TLS),
        "ldap" if clear_text => (Security::ClearText, PORT),
        "ldap" => (Security::StartTls, PORT),
        _ => return None,
    };
    let (host, port) = host_port(rest.strip_suffix('/').unwrap_or(rest))?;
    let (name, name_in_certificate) = match &host {
        Host::Domain(name) => {
            let name = name.strip_suffix('.').unwrap_or(name).to_owned();
            let shown = DnsName::try_from(name.clone()).ok()?;
            (name, ServerName::DnsName(shown))
        }
        Host::Ipv4(at) => (at.to_string(), ServerName::IpAddress((*at).into())),
        Host::Ipv6(at) => (at.to_string(), ServerName::IpAddress((*at).into())),
    };
    let endpoint = Endpoint {
        security,
        host: name,
        port: port.unwrap_or(usual),
        name_in_certificate,
        addresses: Addresses::default(),
    };
    Some((host, endpoint))
}

fn service(
    settings: &LdapSettings,
    password: Option<Secret>,
) -> Result<Option<ServiceAccount>, LdapConfigError> {
    let name = &settings.service_name;
    match password {
        None if name.is_empty() => Ok(None),
        // Without a password it would be an anonymous bind that calls itself a success.
        Some(password)
            if !name.is_empty()
                && !name.contains('\0')
                && !password.is_empty()
                && !password.expose().contains(&0) =>
        {
            Ok(Some(ServiceAccount {
                name: name.clone(),
                password,
            }))
        }
        None | Some(_) => Err(LdapConfigError::Service),
    }
}

fn bind_names(settings: &LdapSettings) -> Result<BindNames, LdapConfigError> {
    let domain = &settings.netbios_domain;
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let bind = settings.bind();
    // Only to be bound by it must it be set, but whatever is set is compared with.
    let is_needed = bind == LdapBind::Domain && domain.is_empty();
    // NetBIOS names have 15 characters; AD takes the DNS name of the domain as well.
    if is_needed || domain.len() > 255 || !domain.chars().all(is_part) {
        return Err(LdapConfigError::Domain(Shown::from(&**domain).to_string()));
    }
    match bind {
        LdapBind::Unspecified => Err(LdapConfigError::MissingBind),
        LdapBind::Upn => Ok(BindNames::Upn),
        LdapBind::Search => Ok(BindNames::Search),
        LdapBind::Domain => Ok(BindNames::Domain(domain.clone())),
    }
}

fn users(settings: &LdapSettings, kind: Kind) -> Result<UserFilter, LdapConfigError> {
    let (attribute, template) = (&settings.user_attribute, &settings.user_filter);
    let users = if !template.is_empty() {
        UserFilter::Template(template.clone())
    } else if !attribute.is_empty() {
        UserFilter::Attribute(attribute.clone())
    } else if kind == Kind::OpenLdap {
        UserFilter::Attribute("uid".to_owned())
    } else if settings.bind() == LdapBind::Domain {
        // Who is bound, and nobody else whose principal name looks like it.
        UserFilter::Accounts
    } else {
        UserFilter::Names
    };
    if users.is_sane() {
        return Ok(users);
    }
    let shown = if template.is_empty() {
        attribute
    } else {
        template
    };
    Err(LdapConfigError::Filter(Shown::from(&**shown).to_string()))
}

fn required_group(settings: &LdapSettings) -> Result<Option<String>, LdapConfigError> {
    let group = &settings.required_group;
    if group.is_empty() {
        return Ok(None);
    }
    distinguished(group)
        .map(Some)
        .map_err(LdapConfigError::Group)
}

fn distinguished(text: &str) -> Result<String, String> {
    if dn::is_dn(text) {
        return Ok(text.to_owned());
    }
    Err(Shown::from(text).to_string())
}

fn within(millis: u32, default: Duration) -> Result<Duration, LdapConfigError> {
    match millis {
        0 => Ok(default),
        millis => sources::within::within(millis).ok_or(LdapConfigError::Timeout(millis)),
    }
}

const PORT: u16 = 389;
const PORT_TLS: u16 = 636;
/// Of a server that is pinned without a port.
const USUAL_PORTS: &[u16] = &[PORT, PORT_TLS];
/// For one question, where the settings name no time.
const TIMEOUT_DEFAULT: Duration = Duration::from_secs(3);
/// For one server: another has to be reached within the time of the question.
const CONNECT_TIMEOUT_DEFAULT: Duration = Duration::from_secs(1);
/// LIMIT: servers of one directory.
const SERVERS_MAX: usize = 16;

mod anywhere;
#[cfg(test)]
mod tests;

pub use anywhere::check_anywhere;
