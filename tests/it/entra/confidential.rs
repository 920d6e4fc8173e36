//! Clients that prove themselves by a certificate.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use countersign::login::Clock;
use countersign::sources::entra::{ConfigError, Credentials, Entra};
use countersign_core::base::{Secret, Timestamp};
use countersign_core::ledger::SourceOutcome;
use countersign_core::ledger::storage::{EntraClientType, EntraSettings};
use countersign_core::login::Reason;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::time::Instant;

use super::graph::TIME;
use super::{ACCEPTED, Surroundings, ask, settings, surroundings};
use crate::stand_in::StandIn;

/// A clock that is wrong by as much.
struct Off(Duration);

impl Clock for Off {
    fn monotonic(&self) -> Instant {
        Instant::now()
    }

    fn wall(&self) -> Timestamp {
        countersign::node::SystemClock.wall().plus(self.0)
    }
}

fn certified(
    stand_in: &StandIn,
    of: &StandIn,
    surroundings: &Surroundings,
) -> anyhow::Result<Result<Entra, ConfigError>> {
    let certificate = Path::new(of.told("client_certificate_file"));
    let certificate = CertificateDer::from_pem_file(certificate)?;
    let key = PrivateKeyDer::from_pem_file(of.told("client_key_file"))?;
    let settings = EntraSettings {
        client_id: stand_in.told("confidential_client_id").to_owned(),
        client_type: EntraClientType::Certificate.into(),
        client_certificate: certificate.to_vec(),
        ..settings(stand_in)
    };
    let credentials = Credentials {
        client_secret: None,
        client_key: Some(Secret::from(key.secret_der())),
    };
    Ok(Entra::configure(
        "entra",
        &settings,
        credentials,
        surroundings,
    ))
}

#[tokio::test]
async fn a_certificate_is_enough() -> anyhow::Result<()> {
    let stand_in = StandIn::start(&[])?;
    let source = certified(&stand_in, &stand_in, &surroundings(&stand_in)?)??;
    for _ in 0..2 {
        assert_eq!(ask(&source).await, ACCEPTED);
    }
    let account = source.account("disabled@contoso.example", TIME).await?;
    assert!(
        account.is_some_and(|account| account.disabled),
        "at Graph too"
    );
    Ok(())
}

#[tokio::test]
async fn a_certificate_that_is_not_registered_is_no_fault_of_the_user() -> anyhow::Result<()> {
    let (stand_in, other) = (StandIn::start(&[])?, StandIn::start(&[])?);
    let surroundings = surroundings(&stand_in)?;
    let source = certified(&stand_in, &other, &surroundings)??;
    let refused = (
        SourceOutcome::NotAsked,
        Reason::SourceMisconfigured,
        700_027,
    );
    assert_eq!(ask(&source).await, refused);
    let alarms = surroundings.alarms.list();
    assert_eq!(alarms[0].trouble.label, "assertion");
    Ok(())
}

#[tokio::test]
async fn a_clock_that_is_off_is_called_so() -> anyhow::Result<()> {
    let stand_in = StandIn::start(&[])?;
    let surroundings = Surroundings {
        clock: Arc::new(Off(Duration::from_secs(3600))),
        ..surroundings(&stand_in)?
    };
    let source = certified(&stand_in, &stand_in, &surroundings)??;
    assert_eq!(ask(&source).await.2, 700_024);
    assert_eq!(surroundings.alarms.list()[0].trouble.label, "clock");
    Ok(())
}
