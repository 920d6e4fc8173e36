//! `countersign settings …`

use std::path::PathBuf;

use countersign_core::base::Secret;
use serde_json::json;

use super::connection::Session;
use super::failure::Failure;
use super::output::{Format, print};
use super::secrets;
use crate::admin::api;
use crate::admin::api::settings_service_client::SettingsServiceClient;

/// What can be done with the settings.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Prints the settings as TOML, secrets masked
    Show,
    /// Replaces the settings by a TOML file; masked secrets stay as they are
    Apply {
        /// The file; - is standard input
        file: PathBuf,
    },
}

impl Command {
    pub(super) async fn run(self, session: &Session) -> Result<(), Failure> {
        let mut settings = SettingsServiceClient::new(session.named());
        match self {
            Self::Show => {
                let answer = settings.get_settings(api::GetSettingsRequest {}).await;
                let shown = session.done(answer)?;
                if session.output.0 == Format::Json {
                    let value = json!({
                        "document": shown.document,
                        "revision": shown.revision,
                    });
                    session.output.one(&[], &value);
                } else {
                    print(&shown.document);
                }
                Ok(())
            }
            Self::Apply { file } => {
                let document = secrets::message(&Secret::new(secrets::whole(&file)?))?;
                let apply = api::ApplySettingsRequest {
                    request_id: session.request_id(),
                    document: Some(document),
                };
                let done = session.done(settings.apply_settings(apply).await)?;
                let shown = json!({ "revision": done.revision });
                session.output.one(&["revision"], &shown);
                Ok(())
            }
        }
    }
}
