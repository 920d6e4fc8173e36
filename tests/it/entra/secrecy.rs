//! What must never be written anywhere.

use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};

use countersign::sources::account::LookupError;
use countersign::sources::entra::{Credentials, Entra};
use countersign_core::base::Secret;
use countersign_core::ledger::storage::{EntraClientType, EntraSettings};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::dynamic_filter_fn;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;

use super::graph::{TIME, confidential};
use super::{PASSWORD, ask_with, settings, source, surroundings};
use crate::stand_in::StandIn;

/// The part of the password that no encoding changes.
const RECOGNISABLE: &str = "R1ght";

/// Keeps what is logged.
#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<u8>>>);

impl Kept {
    fn text(&self) -> String {
        let octets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&octets).into_owned()
    }
}

impl Write for Kept {
    fn write(&mut self, octets: &[u8]) -> std::io::Result<usize> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.write(octets)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Kept {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// A subscriber for this thread alone would miss lines: where it is the only one, whichever
/// thread comes first to a line of log decides for all whether the line is wanted. So it is
/// everybody's, and leaves out what other tests log.
fn keep_log_of_this_thread(kept: &Kept) -> anyhow::Result<()> {
    let this = std::thread::current().id();
    let ours = dynamic_filter_fn(move |_, _| std::thread::current().id() == this);
    let layer = tracing_subscriber::fmt::layer().with_writer(kept.clone());
    let subscriber = tracing_subscriber::registry().with(layer.with_filter(ours));
    tracing::subscriber::set_global_default(subscriber)?;
    tracing::callsite::rebuild_interest_cache();
    Ok(())
}

#[tokio::test]
async fn no_log_line_of_ours_has_password_name_or_token() -> anyhow::Result<()> {
    let kept = Kept::default();
    keep_log_of_this_thread(&kept)?;
    let mut stand_in = StandIn::start(&[])?;
    let source = source(&stand_in)?;
    for state in ["mfa", "no_mfa", "locked", "unknown"] {
        ask_with(&source, &format!("{state}@contoso.example"), PASSWORD).await;
    }
    let (reader, _) = confidential(&stand_in)?;
    let account = reader.account("mfa@contoso.example", TIME).await?;
    assert!(account.is_some());
    stand_in.kill()?;
    ask_with(&source, "mfa@contoso.example", PASSWORD).await;
    let away = reader.account("no_mfa@contoso.example", TIME).await;
    assert_eq!(away, Err(LookupError::Unreachable));
    let text = kept.text();
    assert!(text.contains("50076"), "the log was not kept: {text}");
    for secret in [RECOGNISABLE, "mfa@", "mfa%40", "eyJ"] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
    Ok(())
}

#[tokio::test]
async fn nothing_that_the_stand_in_keeps_has_a_password() -> anyhow::Result<()> {
    let stand_in = StandIn::start(&[])?;
    let source = source(&stand_in)?;
    assert!(PASSWORD.contains(RECOGNISABLE));
    for state in ["mfa", "no_mfa", "locked", "unknown"] {
        ask_with(&source, &format!("{state}@contoso.example"), PASSWORD).await;
    }
    assert_eq!(stand_in.asked()?.len(), 4);
    for entry in std::fs::read_dir(stand_in.dir())? {
        let octets = std::fs::read(entry?.path())?;
        assert!(!String::from_utf8_lossy(&octets).contains(RECOGNISABLE));
    }
    Ok(())
}

#[tokio::test]
async fn a_source_prints_without_its_secret() -> anyhow::Result<()> {
    let stand_in = StandIn::start(&[])?;
    let settings = EntraSettings {
        client_type: EntraClientType::Secret.into(),
        ..settings(&stand_in)
    };
    let credentials = Credentials {
        client_secret: Some(Secret::from("s3cret".to_owned())),
        client_key: None,
    };
    let source = Entra::configure("entra", &settings, credentials, &surroundings(&stand_in)?)?;
    let printed = format!("{source:?}");
    assert!(printed.contains("oauth2"), "{printed}");
    assert!(!printed.contains("s3cret"));
    assert!(!printed.contains(&format!("{:?}", b"s3cret")));
    Ok(())
}
