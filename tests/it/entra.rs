//! The Entra source against the stand-in, over TLS.

mod confidential;
mod connection;
mod counts;
mod examination;
mod graph;
mod guard;
mod hostile;
mod load;
mod proxy;
mod secrecy;
mod verdict;

use std::sync::Arc;
use std::time::Duration;

use countersign::login::{Against, Answer, PasswordSource, Question};
use countersign::node::SystemClock;
use countersign::sources::alarm::Alarms;
use countersign::sources::breaker::Untold;
use countersign::sources::entra::{ConfigError, Credentials, Entra, PinnedHosts, Surroundings};
use countersign_core::base::{Secret, Unobserved};
use countersign_core::ledger::SourceOutcome;
use countersign_core::ledger::storage::{EntraClientType, EntraSettings};
use countersign_core::login::Reason;

use crate::stand_in::{PASSWORD, StandIn};

/// What the tests compare.
type Verdict = (SourceOutcome, Reason, u32);

/// The settings of a public client of the stand-in.
fn settings(stand_in: &StandIn) -> EntraSettings {
    EntraSettings {
        authority: stand_in.told("authority").to_owned(),
        tenant: stand_in.told("tenant").to_owned(),
        client_id: stand_in.told("client_id").to_owned(),
        client_type: EntraClientType::Public.into(),
        dangerous_custom_authority: true,
        timeout: 5_000,
        ..EntraSettings::default()
    }
}

fn surroundings(stand_in: &StandIn) -> Result<Surroundings, ConfigError> {
    Ok(Surroundings {
        pinned: PinnedHosts::parse([stand_in.host()])?,
        ca_file: Some(stand_in.ca_file()),
        request_ids: [7; 8],
        boot_key: Arc::new(Secret::from(&[7; 32][..])),
        operations: Arc::new(Unobserved),
        alarms: Arc::new(Alarms::new(Arc::new(Unobserved))),
        rests: Arc::new(Untold),
        clock: Arc::new(SystemClock),
    })
}

/// A source of these settings that needs no credentials.
fn public(settings: &EntraSettings, surroundings: &Surroundings) -> Result<Entra, ConfigError> {
    Entra::configure("entra", settings, Credentials::default(), surroundings)
}

fn source(stand_in: &StandIn) -> Result<Entra, ConfigError> {
    public(&settings(stand_in), &surroundings(stand_in)?)
}

async fn ask_with(source: &Entra, name: &str, password: &str) -> Verdict {
    ask_within(source, name, password, Duration::from_secs(5)).await
}

async fn ask_within(source: &Entra, name: &str, password: &str, timeout: Duration) -> Verdict {
    let question = Question {
        name: name.to_owned(),
        password: Secret::from(password.to_owned()),
        against: Against::Directory,
        timeout,
    };
    let Answer {
        outcome,
        reason,
        code,
        ..
    } = source.ask(question).await;
    (outcome, reason, code)
}

/// The account that demands MFA, with its right password.
async fn ask(source: &Entra) -> Verdict {
    ask_with(source, "mfa@contoso.example", PASSWORD).await
}

const SILENT: Verdict = (SourceOutcome::Unanswered, Reason::SourceUnanswered, 0);
const DOWN: Verdict = (SourceOutcome::NotAsked, Reason::SourceUnreachable, 0);
const ACCEPTED: Verdict = (SourceOutcome::Right, Reason::Accepted, 50076);
