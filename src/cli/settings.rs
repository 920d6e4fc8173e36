//! `countersign settings …`

use std::io::IsTerminal as _;
use std::path::PathBuf;

use countersign_core::base::Secret;
use serde_json::json;
use tonic::Status;

use super::confirm::{Confirm, end};
use super::connection::{Named, Session};
use super::failure::Failure;
use super::output::{Format, print, word};
use super::secrets;
use super::show::moment;
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
        #[command(flatten)]
        confirm: Confirm,
    },
    /// Keeps settings that were applied with --confirm
    Confirm,
    /// Puts back what was before settings that were applied with --confirm
    Revert,
    /// Looks at an Entra source step by step, without any user's password; leaves one failed
    /// sign-in of nobody in the tenant's log
    TestEntra(Test),
    /// Looks at an LDAP source step by step, without any user's password
    TestLdap(Test),
    /// Asks each server of a forward for its status, without any user's password
    TestForward {
        /// Name of the forward, where there are several
        #[arg(default_value = "")]
        name: String,
    },
    /// Reads users' states and groups in a directory now, and writes what has changed
    Sync(Sync),
}

/// How users are read.
#[derive(Debug, clap::Args)]
pub(super) struct Sync {
    /// Name of the source, where there are several that users are read from
    #[arg(long, default_value = "")]
    source: String,
    /// Have as many users refused as a held round has told of
    #[arg(long)]
    confirm: bool,
    /// Only say what would be done
    #[arg(long, conflicts_with = "confirm")]
    dry_run: bool,
}

/// Which source is looked at.
#[derive(Debug, clap::Args)]
pub(super) struct Test {
    /// Name of the source, where there are several of the kind
    #[arg(default_value = "")]
    source: String,
    /// Domain of users to ask for; by default the first one of the source
    #[arg(long, default_value = "")]
    domain: String,
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
                        "trial_until": moment(shown.trial_until),
                    });
                    session.output.one(&[], &value);
                } else {
                    print(&shown.document);
                    if shown.trial_until != 0 {
                        let until = moment(shown.trial_until);
                        eprintln!("countersign: on trial until {until}, then reverted");
                    }
                }
                Ok(())
            }
            end_it @ (Self::Confirm | Self::Revert) => {
                let confirmed = matches!(end_it, Self::Confirm);
                let answer = settings.get_settings(api::GetSettingsRequest {}).await;
                let seen = session.done(answer)?.revision;
                end(session, api::TrialSubject::Settings, confirmed, seen).await
            }
            Self::Apply { file, confirm } => {
                let document = secrets::message(&Secret::new(secrets::whole(&file)?))?;
                let apply = api::ApplySettingsRequest {
                    request_id: session.request_id(),
                    document: Some(document),
                    confirm_within: confirm.within(),
                };
                let done = session.done(settings.apply_settings(apply).await)?;
                confirm.remind("settings");
                let shown = json!({ "revision": done.revision });
                session.output.one(&["revision"], &shown);
                Ok(())
            }
            Self::TestEntra(test) => test.run(session, settings, api::SourceKind::Entra).await,
            Self::TestForward { name } => {
                let test = Test {
                    source: name,
                    domain: String::new(),
                };
                let kind = api::SourceKind::OldServer;
                test.run(session, settings, kind).await
            }
            Self::Sync(sync) => sync.run(session, settings).await,
            Self::TestLdap(test) => test.run(session, settings, api::SourceKind::Ldap).await,
        }
    }
}

impl Sync {
    async fn run(
        self,
        session: &Session,
        mut settings: SettingsServiceClient<Named>,
    ) -> Result<(), Failure> {
        let sync = api::SyncSourceRequest {
            request_id: session.request_id(),
            source: self.source,
            confirm: self.confirm,
            dry_run: self.dry_run,
        };
        let mut told = session.done(settings.sync_source(sync).await)?;
        let done = loop {
            let next = told.message().await.map(tonic::Response::new);
            match session.done(next)? {
                Some(progress) => match progress.report {
                    Some(report) => break report,
                    None => tell(&progress),
                },
                // The node ended meanwhile.
                None => return session.done(Err(Status::aborted("the round was cut off"))),
            }
        };
        let shown = json!({
            "source": done.source,
            "matched": done.matched,
            "unread": done.unread,
            "changed": done.changed,
            "refused": done.refused,
            "names": done.names,
            "held": done.held,
            "dry_run": done.dry_run,
        });
        session.output.one(SYNCED, &shown);
        if done.held {
            let (refused, matched) = (done.refused, done.matched);
            let why = format!(
                "{refused} of {matched} users would be refused: nobody is, until you have looked \
                 at them and repeat it with --confirm"
            );
            return Err(Failure::Refused(why));
        }
        Ok(())
    }
}

/// Progress, for those who watch: never into a file or a pipe.
fn tell(it: &api::SyncSourceProgress) {
    if std::io::stderr().is_terminal() {
        match (it.reading, it.writing) {
            (0, 0) => eprintln!("waiting for another round to end"),
            (0, writing) => eprintln!("{} of {writing} users are written", it.written),
            (reading, _) => eprintln!("reading {reading} users in the directory"),
        }
    }
}

impl Test {
    async fn run(
        self,
        session: &Session,
        mut settings: SettingsServiceClient<Named>,
        kind: api::SourceKind,
    ) -> Result<(), Failure> {
        let test = api::TestSourceRequest {
            source: self.source,
            kind: kind.into(),
            domain: self.domain,
        };
        let tested = session.done(settings.test_source(test).await)?;
        let rows = tested.findings.iter().map(|finding| {
            json!({
                "light": word(finding.light().as_str_name(), "LIGHT_"),
                "step": finding.step,
                "found": finding.found,
                "remedy": finding.remedy,
            })
        });
        session.output.list(FINDINGS, rows.collect());
        let is_red = |it: &api::test_source_response::Finding| it.light() == api::Light::Red;
        let red = tested.findings.iter().filter(|it| is_red(it)).count();
        if red > 0 {
            let source = tested.source;
            return Err(Failure::Refused(format!("{source}: {red} red")));
        }
        Ok(())
    }
}

const SYNCED: &[&str] = &[
    "source", "matched", "unread", "changed", "refused", "names", "held", "dry_run",
];
const FINDINGS: &[&str] = &["light", "step", "found", "remedy"];
