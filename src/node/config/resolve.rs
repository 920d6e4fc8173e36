//! From the file's keys to a configuration that can be run.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use countersign_core::base::{ClusterId, NodeId, Timestamp};
use countersign_core::seal::RecoveryPublicKey;

use super::peers::{self, Peers};
use super::radsec::{self, RadSec};
use super::reader::{Fault, Section, Sheet};
use crate::sources::PinnedServers;
use crate::telemetry::Format;

/// A node's own file, checked.
#[derive(Clone, Debug)]
pub struct Config {
    /// Which node this is.
    pub node: NodeId,
    /// Which cluster it belongs to.
    pub cluster: ClusterId,
    /// The offline half of the keyring's last resort; data keys are wrapped for it.
    pub recovery_key: RecoveryPublicKey,
    /// Where its store and its events are.
    pub data_dir: PathBuf,
    /// The key-encryption keys, made by `cluster new`.
    pub key_file: PathBuf,
    /// Makes the first operator, once.
    pub bootstrap_token_file: Option<PathBuf>,
    /// Where Access-Requests come in.
    pub authentication: Vec<SocketAddr>,
    /// Where Accounting-Requests come in.
    pub accounting: Vec<SocketAddr>,
    /// Sockets on each of these addresses.
    pub sockets: usize,
    /// Requests in hand at one time.
    pub in_hand: usize,
    /// RADIUS over TLS; none: not here.
    pub radsec: Option<RadSec>,
    /// Where the admin API listens.
    pub admin: SocketAddr,
    /// Its certificate chain, PEM.
    pub admin_certificate: PathBuf,
    /// The key to it, PEM.
    pub admin_key: PathBuf,
    /// Where metrics and health are told.
    pub metrics: SocketAddr,
    /// The node among its peers; none: it is a cluster of one.
    pub peers: Option<Peers>,
    /// The only hosts that may ever receive a password.
    pub source_hosts: Vec<String>,
    /// The LDAP servers that may, each as host or host:port.
    pub ldap_servers: Vec<String>,
    /// The old RADIUS servers that logins may be forwarded to, each as host or host:port.
    pub forward_servers: Vec<String>,
    /// The mail servers that passcodes may be handed in at, each as host or host:port.
    pub mail_servers: Vec<String>,
    /// The same of gateways for SMS.
    pub sms_hosts: Vec<String>,
    /// Whether passwords may go to LDAP servers in clear text.
    pub dangerous_ldap_clear_text: bool,
    /// Certificates to trust at sources, beside the system's.
    pub source_ca_file: Option<PathBuf>,
    /// How log lines are written.
    pub log: Format,
    /// A demo: its store is marked when it is made, and never served beyond loopback.
    pub demo: bool,
    /// What can be run, but had better be otherwise.
    pub advice: Vec<Fault>,
}

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("{0} cannot be read")]
    Unreadable(PathBuf, #[source] std::io::Error),
    /// It has faults, in order of lines.
    #[error("{0} has faults")]
    Faulty(PathBuf, Vec<Fault>),
}

/// Reads and checks the file, and the certificates it names as of `now`.
///
/// # Errors
/// All its faults.
pub fn load(file: &Path, now: Timestamp) -> Result<Config, ConfigError> {
    let text = std::fs::read_to_string(file)
        .map_err(|error| ConfigError::Unreadable(file.to_owned(), error))?;
    let (mut sheet, root) = Sheet::open(file, &text);
    let config = resolve(&mut sheet, root, now);
    sheet.faults.sort_by_key(|fault| fault.line);
    match config {
        Some(mut config) if sheet.faults.is_empty() => {
            config.advice = sheet.advice;
            Ok(config)
        }
        _ => Err(ConfigError::Faulty(file.to_owned(), sheet.faults)),
    }
}

fn resolve<'t>(sheet: &mut Sheet<'t>, mut root: Section<'t>, now: Timestamp) -> Option<Config> {
    let radius = radius(sheet, &mut root);
    let radsec = radsec::read(sheet, &mut root, now);
    let admin = admin(sheet, &mut root);
    let metrics = metrics(sheet, &mut root);
    let sources = sources(sheet, &mut root);
    let log = log(sheet, &mut root);
    let node = node(sheet, &mut root);
    let cluster = cluster(sheet, &mut root);
    let section = peers::read(sheet, &mut root);
    let peers = section.and_then(|found| found.resolve(sheet, node, cluster, now));
    let recovery_key = recovery_key(sheet, &mut root);
    let data_dir = sheet.path(&mut root, "data_dir");
    if data_dir.is_none() {
        sheet.missing(&root, "data_dir", "/var/lib/countersign");
    }
    let key_file = sheet.file(&mut root, "key_file");
    if key_file.is_none() {
        sheet.missing(&root, "key_file", "/etc/countersign/keys");
    }
    let demo = sheet.switch(&mut root, "demo");
    let bootstrap = sheet.path(&mut root, "bootstrap_token_file");
    sheet.close(&root);
    let (authentication, accounting, sockets, in_hand) = radius;
    let (admin, admin_certificate, admin_key) = admin;
    Some(Config {
        node: node?,
        cluster: cluster?,
        recovery_key: recovery_key?,
        data_dir: data_dir?.1,
        key_file: key_file?.1,
        bootstrap_token_file: bootstrap.map(|(_, path)| path),
        authentication,
        accounting,
        sockets,
        in_hand,
        radsec,
        admin,
        admin_certificate: admin_certificate?,
        admin_key: admin_key?,
        metrics,
        peers,
        source_hosts: sources.hosts,
        source_ca_file: sources.ca_file,
        ldap_servers: sources.ldap_servers,
        forward_servers: sources.forward_servers,
        mail_servers: sources.mail_servers,
        sms_hosts: sources.sms_hosts,
        dangerous_ldap_clear_text: sources.dangerous_ldap_clear_text,
        log,
        demo,
        advice: Vec::new(),
    })
}

fn node<'t>(sheet: &mut Sheet<'t>, root: &mut Section<'t>) -> Option<NodeId> {
    let Some((_, id)) = sheet.number(root, "id", 1..65_536) else {
        sheet.missing(root, "id", "1");
        return None;
    };
    u16::try_from(id).ok().map(NodeId)
}

fn cluster<'t>(sheet: &mut Sheet<'t>, root: &mut Section<'t>) -> Option<ClusterId> {
    const EXAMPLE: &str = "the 32 signs that `cluster new` printed";
    let Some((at, text)) = sheet.parsed::<String>(root, "cluster", EXAMPLE) else {
        sheet.missing(root, "cluster", EXAMPLE);
        return None;
    };
    let octets = data_encoding::HEXLOWER_PERMISSIVE
        .decode(text.as_bytes())
        .unwrap_or_default();
    let id = ClusterId::try_from(&*octets).ok();
    if id.is_none() {
        sheet.fault(&at, "is no cluster id", format!("write {EXAMPLE}"));
    }
    id
}

fn recovery_key<'t>(sheet: &mut Sheet<'t>, root: &mut Section<'t>) -> Option<RecoveryPublicKey> {
    const EXAMPLE: &str = "the public line that `cluster new` wrote";
    let Some((at, line)) = sheet.parsed::<String>(root, "recovery_key", EXAMPLE) else {
        sheet.missing(root, "recovery_key", EXAMPLE);
        return None;
    };
    RecoveryPublicKey::parse(&line)
        .inspect_err(|error| sheet.fault(&at, error, format!("write {EXAMPLE}")))
        .ok()
}

type Radius = (Vec<SocketAddr>, Vec<SocketAddr>, usize, usize);

fn radius<'t>(sheet: &mut Sheet<'t>, root: &mut Section<'t>) -> Radius {
    let mut section = sheet.section(root, "radius");
    let mut addresses = |key, port| {
        let listed = sheet.list(&mut section, key, "0.0.0.0:1812");
        match listed {
            Some((at, listed)) if listed.is_empty() => {
                sheet.fault(&at, "names no address", "write one, or remove the key");
                listed
            }
            Some((_, listed)) => listed,
            None => vec![SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), port)],
        }
    };
    let authentication = addresses("authentication", 1812);
    let accounting = addresses("accounting", 1813);
    let sockets = sheet
        .number(&mut section, "sockets", 1..65)
        .map_or(2, |(_, n)| n);
    let in_hand = sheet
        .number(&mut section, "in_hand", 16..1_000_001)
        .map_or(16_384, |(_, n)| n);
    sheet.close(&section);
    let size = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    (authentication, accounting, size(sockets), size(in_hand))
}

type Admin = (SocketAddr, Option<PathBuf>, Option<PathBuf>);

fn admin<'t>(sheet: &mut Sheet<'t>, root: &mut Section<'t>) -> Admin {
    let mut section = sheet.section(root, "admin");
    let listen = sheet.parsed(&mut section, "listen", "127.0.0.1:8443");
    let certificate = sheet.file(&mut section, "certificate");
    if certificate.is_none() {
        sheet.missing(&section, "certificate", "admin.pem");
    }
    let key = sheet.file(&mut section, "key");
    if key.is_none() {
        sheet.missing(&section, "key", "admin.key");
    }
    sheet.close(&section);
    let path = |found: Option<(_, PathBuf)>| found.map(|(_, path)| path);
    (
        listen.map_or_else(|| loopback(8443), |(_, at)| at),
        path(certificate),
        path(key),
    )
}

fn metrics<'t>(sheet: &mut Sheet<'t>, root: &mut Section<'t>) -> SocketAddr {
    let mut section = sheet.section(root, "metrics");
    let listen = sheet.parsed(&mut section, "listen", "127.0.0.1:9464");
    sheet.close(&section);
    listen.map_or_else(|| loopback(9464), |(_, at)| at)
}

/// What may be asked for passwords.
struct SourcePins {
    hosts: Vec<String>,
    ldap_servers: Vec<String>,
    forward_servers: Vec<String>,
    mail_servers: Vec<String>,
    sms_hosts: Vec<String>,
    dangerous_ldap_clear_text: bool,
    ca_file: Option<PathBuf>,
}

fn sources<'t>(sheet: &mut Sheet<'t>, root: &mut Section<'t>) -> SourcePins {
    let mut section = sheet.section(root, "sources");
    let hosts = sheet.list(&mut section, "hosts", "login.microsoftonline.com");
    let ldap_servers = sheet.list(&mut section, "ldap_servers", "dc1.corp.contoso.example");
    let forward_servers = sheet.list(&mut section, "forward_servers", "198.51.100.7");
    let mail_servers = sheet.list(&mut section, "mail_servers", "mail.contoso.example");
    let sms_hosts = sheet.list(&mut section, "sms_hosts", "sms.contoso.example");
    let dangerous_ldap_clear_text = sheet.switch(&mut section, "dangerous_ldap_clear_text");
    let ca_file = sheet.file(&mut section, "ca_file");
    sheet.close(&section);
    for (at, servers) in ldap_servers.iter().chain(&forward_servers) {
        if let Err(error) = PinnedServers::parse(servers.iter().map(String::as_str)) {
            sheet.fault(at, error, "write host or host:port");
        }
    }
    let hosts = hosts.map_or_else(
        || vec!["login.microsoftonline.com".into()],
        |(_, hosts)| hosts,
    );
    SourcePins {
        hosts,
        ldap_servers: ldap_servers.map_or_else(Vec::new, |(_, servers)| servers),
        forward_servers: forward_servers.map_or_else(Vec::new, |(_, servers)| servers),
        mail_servers: mail_servers.map_or_else(Vec::new, |(_, servers)| servers),
        sms_hosts: sms_hosts.map_or_else(Vec::new, |(_, hosts)| hosts),
        dangerous_ldap_clear_text,
        ca_file: ca_file.map(|(_, path)| path),
    }
}

fn log<'t>(sheet: &mut Sheet<'t>, root: &mut Section<'t>) -> Format {
    let mut section = sheet.section(root, "log");
    let format = sheet.parsed::<String>(&mut section, "format", "json");
    sheet.close(&section);
    match format.as_ref().map(|(_, text)| text.as_str()) {
        None | Some("text") => Format::Text,
        Some("json") => Format::Json,
        Some(_) => {
            if let Some((at, _)) = &format {
                sheet.fault(at, "is no format", "write \"text\" or \"json\"");
            }
            Format::Text
        }
    }
}

fn loopback(port: u16) -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port)
}
