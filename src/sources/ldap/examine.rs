//! Looks at a directory step by step, for an operator: each server, then what the settings
//! name. A step that fails ends those that build on it.
//!
//! Must not know: users' passwords.

use std::net::SocketAddr;
use std::time::Duration;

use countersign_core::base::{Shown, Timestamp};
use rustls::CertificateError;
use tokio::time::{Instant, timeout_at};

use super::client::Ldap;
use super::connection::Connection;
use super::endpoint::{Endpoint, Security};
use super::lockout;
use super::lookup::Reader;
use super::message::NAME_ALONE;
use super::settings::Kind;
use super::transport::{self, ConnectError};
use crate::sources::account::LookupError;
use crate::sources::{Finding, Light};

/// Every step that can be taken.
pub(super) async fn examine(ldap: &Ldap) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut bound = None;
    // A wrong password of the service account is wrong at each server, and would lock it.
    let mut refused = false;
    for (server, endpoint) in ldap.dialler.servers.all().iter().enumerate() {
        let Some(mut connection) = reach(ldap, endpoint, &mut findings).await else {
            continue;
        };
        connection.server = server;
        if refused {
            continue;
        }
        match service(ldap, endpoint, &mut connection, &mut findings).await {
            Some(true) => bound = bound.or(Some(connection)),
            Some(false) => refused = true,
            None => (),
        }
    }
    if let Some(mut connection) = bound {
        let mut reader = Reader {
            connection: &mut connection,
            deadline: soon(),
        };
        read(ldap, &mut reader, &mut findings).await;
    }
    findings
}

/// Name, TCP and TLS of one server.
async fn reach(
    ldap: &Ldap,
    endpoint: &Endpoint,
    findings: &mut Vec<Finding>,
) -> Option<Connection> {
    let addresses = match in_time(transport::resolve(endpoint)).await {
        Ok(addresses) => addresses,
        Err(error) => {
            findings.push(unreached(endpoint, &error));
            return None;
        }
    };
    let shown: Vec<_> = addresses.iter().map(SocketAddr::to_string).collect();
    findings.push(green("name", format!("{endpoint} is {}", shown.join(", "))));
    let stream = match in_time(transport::connect(&addresses)).await {
        Ok(stream) => stream,
        Err(error) => {
            findings.push(unreached(endpoint, &error));
            return None;
        }
    };
    findings.push(green("connection", format!("{endpoint} takes connections")));
    let secured = Connection::secure(stream, endpoint, &ldap.dialler.tls);
    match in_time(secured).await {
        Ok(connection) => {
            findings.push(secured_by(endpoint, &connection, ldap.clock.wall()));
            Some(connection)
        }
        Err(error) => {
            findings.push(unreached(endpoint, &error));
            None
        }
    }
}

/// Binds the service account: whether the directory takes it; `None`: this server does not
/// tell, or there is no such account.
async fn service(
    ldap: &Ldap,
    endpoint: &Endpoint,
    connection: &mut Connection,
    findings: &mut Vec<Finding>,
) -> Option<bool> {
    let step = "service account";
    let Some(service) = &ldap.service else {
        let found = "there is none: states and groups are read as each user may".to_owned();
        let remedy = "set service_name and service_password to read them for certain";
        findings.push(finding(step, Light::Amber, found, remedy));
        return None;
    };
    match service.examine(&ldap.dialler, connection, soon()).await {
        Ok(()) => {
            findings.push(green(step, format!("{endpoint} takes it")));
            Some(true)
        }
        Err(LookupError::Service(code)) => {
            let (found, remedy) = refusal(code);
            let pause = service.pause();
            let until = pause.map_or_else(String::new, |pause| {
                let minutes = pause.as_secs().div_ceil(60);
                format!("; logins do without it for {minutes} minutes, so that it is not locked")
            });
            findings.push(finding(
                step,
                Light::Red,
                format!("{endpoint}: {found}{until}"),
                remedy,
            ));
            pause.map(|_| false)
        }
        Err(error) => {
            let remedy = "look at the directory's own log and its load";
            findings.push(finding(
                step,
                Light::Red,
                format!("{endpoint}: {error}"),
                remedy,
            ));
            None
        }
    }
}

/// Base, group, lockout and filter, as the service account reads them.
async fn read(ldap: &Ldap, reader: &mut Reader<'_>, findings: &mut Vec<Finding>) {
    let directory = &ldap.directory;
    let named = [
        ("base", Some(&directory.base)),
        ("group", directory.required_group.as_ref()),
    ];
    for (step, dn) in named {
        let Some(dn) = dn else {
            continue;
        };
        reader.deadline = soon();
        findings.push(match reader.entry(dn, NAME_ALONE).await {
            Ok(Some(_)) => green(step, format!("{dn} is there")),
            Ok(None) => {
                let found = format!("{dn} is not there, or the service account may not see it");
                let remedy = "check the name, and the rights of the service account";
                finding(step, Light::Red, found, remedy)
            }
            Err(error) => unread(step, Light::Red, error),
        });
    }
    findings.push(lockout_of(ldap, reader).await);
    let (filters, base) = (directory.filters(NOBODY), &directory.base);
    reader.deadline = soon();
    findings.push(match reader.user(filters, base, NAME_ALONE).await {
        Ok(None) => green(
            "user filter",
            "it can be searched by, and finds nobody else".into(),
        ),
        Ok(Some(_)) | Err(LookupError::Ambiguous) => finding(
            "user filter",
            Light::Red,
            "it finds an entry for a name that nobody has".to_owned(),
            "the filter must hold for the entry of one user alone: see {user} and {account}",
        ),
        Err(error) => unread("user filter", Light::Red, error),
    });
}

async fn lockout_of(ldap: &Ldap, reader: &mut Reader<'_>) -> Finding {
    let step = "lockout";
    let directory = &ldap.directory;
    reader.deadline = soon();
    match lockout::threshold(reader, directory.kind, &directory.base).await {
        Ok(Some(wrong @ 0..=3)) => finding(
            step,
            Light::Amber,
            format!("{wrong} wrong passwords lock an account: users do that without our help"),
            "raise the directory's lockout threshold to 10 or more",
        ),
        Ok(Some(wrong)) => green(step, format!("{wrong} wrong passwords lock an account")),
        Ok(None) | Err(LookupError::Absent) if directory.kind == Kind::OpenLdap => finding(
            step,
            Light::Amber,
            "no password policy that locks can be read below the base".to_owned(),
            "let the service account read the entries of class pwdPolicy, if there are any",
        ),
        Ok(None) => green(
            step,
            "no number of wrong passwords locks an account".to_owned(),
        ),
        Err(error) => unread(step, Light::Amber, error),
    }
}

/// What the certificate says; there is one unless the connection is in clear text.
fn secured_by(endpoint: &Endpoint, connection: &Connection, now: Timestamp) -> Finding {
    let step = "certificate";
    let Some(shown) = &connection.certificate else {
        return finding(
            step,
            Light::Amber,
            format!("{endpoint}: none, passwords go in clear text"),
            "give the directory a certificate and take dangerous_clear_text away",
        );
    };
    let Ok(until) = crate::tls::expiry(shown) else {
        let found = format!("{endpoint}: trusted, but its time cannot be read");
        return finding(step, Light::Amber, found, "have it issued anew");
    };
    let days = until.since(now).as_secs() / SECS_A_DAY;
    let found = format!("{endpoint}: trusted, of this name, for {days} days more");
    if days < DAYS_SOON {
        let remedy = "renew the certificate of the directory before no login succeeds any more";
        return finding(step, Light::Amber, found, remedy);
    }
    green(step, found)
}

/// Why a server is not reached, and what to do about it.
fn unreached(endpoint: &Endpoint, error: &ConnectError) -> Finding {
    let (step, found, remedy) = match error {
        ConnectError::Resolve(_) => (
            "name",
            "the name has no address".to_owned(),
            "check the name in `servers`, and this node's resolver".to_owned(),
        ),
        ConnectError::Connect(_) | ConnectError::Late => (
            "connection",
            error.chain(),
            "check that the directory runs, and every firewall on the way".to_owned(),
        ),
        ConnectError::StartTls(_) | ConnectError::Disturbed => (
            "certificate",
            error.to_string(),
            "give the directory a certificate, or use ldaps:// if it has that alone".to_owned(),
        ),
        ConnectError::Tls(_) => ("certificate", error.chain(), remedy_of_tls(endpoint, error)),
    };
    // A certificate may say anything.
    let found = Shown::from(&*found);
    finding(step, Light::Red, format!("{endpoint}: {found}"), &remedy)
}

fn remedy_of_tls(endpoint: &Endpoint, error: &ConnectError) -> String {
    let Some(rustls::Error::InvalidCertificate(error)) = error.rustls() else {
        let port = match endpoint.security {
            Security::Tls => "check that this port speaks TLS from the start (636, 3269)",
            Security::StartTls | Security::ClearText => "look at the directory's own log",
        };
        return format!("{port}; TLS 1.2 or later is needed");
    };
    let host = &endpoint.host;
    if is_of_name(error) {
        format!("have the certificate issued with {host} in its SAN, or ask it by a name it has")
    } else if is_of_time(error) {
        "renew the certificate of the directory, or set this node's clock".to_owned()
    } else {
        "add the authority that issued the certificate to the CA file of this node's own file"
            .to_owned()
    }
}

const fn is_of_name(error: &CertificateError) -> bool {
    matches!(
        error,
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. }
    )
}

const fn is_of_time(error: &CertificateError) -> bool {
    matches!(
        error,
        CertificateError::Expired
            | CertificateError::ExpiredContext { .. }
            | CertificateError::NotValidYet
            | CertificateError::NotValidYetContext { .. }
    )
}

/// What the directory has against the service account: a Win32 number, or a result.
fn refusal(code: u32) -> (String, &'static str) {
    match code {
        8 | 13 => (
            format!("the directory wants TLS (result {code})"),
            "take dangerous_clear_text away, or use ldaps://",
        ),
        49 | 0x525 | 0x52e => (
            format!("the directory does not know the name and password ({code:#x})"),
            "set service_name and service_password anew; a bare name is no name to AD",
        ),
        0x532 | 0x773 => (
            format!("the password has expired or must be changed ({code:#x})"),
            "set a new password that does not expire",
        ),
        0x533 | 0x701 => (
            format!("the account is disabled or has expired ({code:#x})"),
            "enable the account",
        ),
        0x775 => (
            format!("the account is locked ({code:#x})"),
            "unlock it, then find out who uses a wrong password for it",
        ),
        _ => (
            format!("the directory refuses it ({code:#x})"),
            "look up the number in the directory's manual",
        ),
    }
}

fn unread(step: &'static str, light: Light, error: LookupError) -> Finding {
    let remedy = match error {
        LookupError::Refused(10) => "ask a server that holds this base itself; none is followed",
        LookupError::Refused(_) => "let the service account read it",
        LookupError::Absent
        | LookupError::Ambiguous
        | LookupError::Broken
        | LookupError::Busy
        | LookupError::Foreign
        | LookupError::Hidden
        | LookupError::Incomplete
        | LookupError::NoService
        | LookupError::Resting
        | LookupError::Service(_)
        | LookupError::TooMany
        | LookupError::TooManyGroups
        | LookupError::Unreachable
        | LookupError::Unreadable => "look at the directory's own log and its load",
    };
    finding(step, light, error.to_string(), remedy)
}

fn green(step: &'static str, found: String) -> Finding {
    finding(step, Light::Green, found, "")
}

fn finding(step: &'static str, light: Light, found: String, remedy: &str) -> Finding {
    Finding {
        step,
        light,
        found,
        remedy: remedy.to_owned(),
    }
}

async fn in_time<T>(
    step: impl Future<Output = Result<T, ConnectError>>,
) -> Result<T, ConnectError> {
    timeout_at(soon(), step)
        .await
        .unwrap_or(Err(ConnectError::Late))
}

fn soon() -> Instant {
    Instant::now() + STEP_TIME_MAX
}

/// LIMIT: for one step; an operator waits.
const STEP_TIME_MAX: Duration = Duration::from_secs(5);
/// No user has such a name.
const NOBODY: &str = "countersign examination: nobody";
const DAYS_SOON: u64 = 30;
const SECS_A_DAY: u64 = 86_400;
