//! The LDAP source against real directories. `tests/directory/run` sets them up, runs these
//! cases, and counts them: by itself none of them would find anything to ask.

mod active_directory;
mod openldap;
mod without_san;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use countersign::login::{Against, Answer, PasswordSource, Question};
use countersign::node::SystemClock;
use countersign::sources::account::Account;
use countersign::sources::ldap::{Ldap, LdapSurroundings};
use countersign::sources::{Finding, GroupName, Light, Listed, Listing, PinnedServers, Roster};
use countersign_core::base::{Secret, Unobserved};
use countersign_core::ledger::SourceOutcome;
use countersign_core::ledger::storage::LdapSettings;
use countersign_core::login::Reason;

/// What the script that set the directories up says of them.
fn told(variable: &str) -> String {
    std::env::var(variable).expect("tests/directory/run says where the directories are")
}

fn password() -> String {
    told("DIRECTORY_PASSWORD")
}

/// A file of the folder of certificates.
fn file(name: &str) -> PathBuf {
    PathBuf::from(told("COUNTERSIGN_DIRECTORY")).join(name)
}

fn surroundings() -> LdapSurroundings {
    let pinned = PinnedServers::parse([
        "dc1.corp.contoso.example",
        "dc1.corp.contoso.example:3269",
        "127.0.0.1",
        "ldap.contoso.example:3890",
        "ldap.contoso.example:6360",
    ]);
    LdapSurroundings {
        pinned: pinned.expect("hosts and ports"),
        boot_key: Arc::new(Secret::from(&[7; 32][..])),
        ca_file: Some(file("ca.pem")),
        dangerous_clear_text: true,
        clock: Arc::new(SystemClock),
        operations: Arc::new(Unobserved),
    }
}

fn source(settings: &LdapSettings) -> Ldap {
    source_in(settings, &surroundings())
}

fn source_in(settings: &LdapSettings, surroundings: &LdapSurroundings) -> Ldap {
    let service = (!settings.service_name.is_empty()).then(|| Secret::from(password()));
    let configured = Ldap::configure("directory", &[], settings, service, surroundings);
    configured.expect("settings of these tests")
}

async fn ask(source: &Ldap, name: &str, password: &str) -> Answer {
    let question = Question {
        against: Against::Directory,
        account: None,
        name: name.to_owned(),
        password: Secret::from(password.to_owned()),
        timeout: Duration::from_secs(20),
    };
    source.ask(question).await
}

const fn answer(outcome: SourceOutcome, reason: Reason, code: u32) -> Answer {
    Answer::new(outcome, reason, code)
}

const RIGHT: Answer = answer(SourceOutcome::Right, Reason::Accepted, 0);
const UNREACHABLE: Answer = answer(SourceOutcome::NotAsked, Reason::SourceUnreachable, 0);

/// What a list of users has to say of one that was looked at.
fn as_listed(account: Option<Account>) -> Listed {
    account.map_or(Listed::Gone, |account| {
        let groups = account.groups.into_iter();
        let groups = groups.map(|group| GroupName {
            name: group.name,
            id: group.id,
        });
        let groups = groups.map(Arc::new);
        Listed::There(Listing {
            disabled: account.disabled || account.expired,
            groups: Some(groups.collect()),
        })
    })
}

/// All that an examination has to say but that all is well.
async fn complaints(source: &Ldap) -> Vec<Finding> {
    let findings = source.examine().await.into_iter();
    findings.filter(|it| it.light != Light::Green).collect()
}
