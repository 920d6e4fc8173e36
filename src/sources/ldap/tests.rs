//! The source against a directory that says what each test wants.

mod accounts;
mod fake;
mod groups;
mod hostile;
mod left_out;
mod reach;
mod roster;
mod service;
mod verdicts;

use std::sync::Arc;
use std::time::Duration;

use countersign_core::base::{Secret, Timestamp, Unobserved};
use countersign_core::ledger::SourceOutcome;
use countersign_core::ledger::storage::{LdapBind, LdapKind, LdapSettings};
use countersign_core::login::Reason;
use tokio::time::Instant;

use self::fake::{Asked, Fake, Reply, done, outcome};
use super::{Ldap, LdapSurroundings};
use crate::login::{Against, Answer, Clock, PasswordSource, Question};
use crate::sources::PinnedServers;
use crate::sources::account::LookupError;

/// 2026-11-21T00:00:00Z.
pub(super) struct StoppedClock;

impl Clock for StoppedClock {
    fn monotonic(&self) -> Instant {
        Instant::now()
    }

    fn wall(&self) -> Timestamp {
        Timestamp::from_millis(1_795_219_200_000)
    }
}

const NAME: &str = "alice@corp.contoso.example";
const PASSWORD: &str = "R1ght & p\u{e4}ss+w=rd%:";
const SERVICE: &str = "svc@corp.contoso.example";
const SERVICE_PASSWORD: &str = "s3rvice";
const BASE: &str = "DC=corp,DC=contoso,DC=example";
const DN: &str = "CN=Alice,CN=Users,DC=corp,DC=contoso,DC=example";

/// Active Directory without a service account.
fn settings(fakes: &[&Fake]) -> LdapSettings {
    LdapSettings {
        servers: fakes.iter().map(|fake| fake.url()).collect(),
        kind: LdapKind::ActiveDirectory.into(),
        bind: LdapBind::Upn.into(),
        base_dn: BASE.to_owned(),
        timeout: 2_000,
        connect_timeout: 500,
        ..LdapSettings::default()
    }
}

/// The same with one.
fn with_service(fakes: &[&Fake]) -> LdapSettings {
    LdapSettings {
        service_name: SERVICE.to_owned(),
        ..settings(fakes)
    }
}

/// OpenLDAP, which is bound by search.
fn open_ldap(fakes: &[&Fake]) -> LdapSettings {
    LdapSettings {
        kind: LdapKind::Openldap.into(),
        bind: LdapBind::Search.into(),
        ..with_service(fakes)
    }
}

/// Trusts the first one's authority.
fn surroundings(fakes: &[&Fake]) -> LdapSurroundings {
    let pinned: Vec<_> = fakes.iter().map(|fake| fake.host()).collect();
    LdapSurroundings {
        pinned: PinnedServers::parse(pinned.iter().map(String::as_str)).unwrap(),
        boot_key: Arc::new(Secret::from(&[7; 32][..])),
        ca_file: fakes.first().map(|fake| fake.ca_file()),
        dangerous_clear_text: true,
        clock: Arc::new(StoppedClock),
        operations: Arc::new(Unobserved),
    }
}

fn source(fakes: &[&Fake], settings: &LdapSettings) -> Ldap {
    source_for(&[], fakes, settings)
}

/// A source that is for these domains.
fn source_for(domains: &[&str], fakes: &[&Fake], settings: &LdapSettings) -> Ldap {
    let password =
        (!settings.service_name.is_empty()).then(|| Secret::from(SERVICE_PASSWORD.to_owned()));
    let domains: Vec<_> = domains.iter().map(ToString::to_string).collect();
    Ldap::configure("ad", &domains, settings, password, &surroundings(fakes)).unwrap()
}

async fn ask_as(source: &Ldap, name: &str, password: &str) -> Answer {
    let question = Question {
        against: Against::Directory,
        account: None,
        name: name.to_owned(),
        password: Secret::from(password.to_owned()),
        timeout: Duration::from_secs(2),
    };
    source.ask(question).await
}

async fn ask(source: &Ldap) -> Answer {
    ask_as(source, NAME, PASSWORD).await
}

const fn answer(outcome: SourceOutcome, reason: Reason, code: u32) -> Answer {
    Answer::new(outcome, reason, code)
}

const RIGHT: Answer = answer(SourceOutcome::Right, Reason::Accepted, 0);
const SILENT: Answer = answer(SourceOutcome::Unanswered, Reason::SourceUnanswered, 0);
/// The password was right, and then there was silence.
const STALLED: Answer = answer(SourceOutcome::NotAsked, Reason::SourceUnanswered, 0);
const UNREACHABLE: Answer = answer(SourceOutcome::NotAsked, Reason::SourceUnreachable, 0);

/// Takes the right passwords, and finds nothing, as a directory in which nobody may read.
fn in_order(id: u32, asked: &Asked) -> Vec<Reply> {
    match asked {
        Asked::Bind { name, password } => {
            let user = [NAME, DN].contains(&&**name) && password == PASSWORD.as_bytes();
            let service = name == SERVICE && password == SERVICE_PASSWORD.as_bytes();
            let code = if user || service { 0 } else { 49 };
            vec![Reply::Octets(outcome(id, 0x61, code, ""))]
        }
        Asked::Search { .. } => vec![Reply::Octets(done(id, 0))],
        Asked::Paged { .. } => vec![Reply::Octets(fake::part(id, 0, &[]))],
        Asked::StartTls => vec![Reply::Octets(outcome(id, 0x78, 0, "")), Reply::Secure],
        Asked::Other(_) => vec![Reply::Close],
    }
}
