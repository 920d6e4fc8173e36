//! Settings over gRPC.

use std::pin::Pin;

use countersign_core::base::Timestamp;
use countersign_core::ledger::storage::end_trial::Subject;
use futures_util::{Stream, stream};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio_stream::StreamExt as _;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};

use super::api::{self, settings_service_server::SettingsService};
use super::auth::caller;
use super::convert::{done, needed, request_id};
use super::server::Desk;
use crate::login::Ledger;
use crate::operate::{Action, SyncOptions, SyncProgress, SyncReport};
use crate::sources::{Finding, Light, SourceKind};

#[tonic::async_trait]
impl<L: Ledger> SettingsService for Desk<L> {
    async fn get_settings(
        &self,
        request: Request<api::GetSettingsRequest>,
    ) -> Result<Response<api::Settings>, Status> {
        let shown = self.0.show_settings(&caller(&request)?)?;
        Ok(Response::new(api::Settings {
            document: shown.document,
            revision: shown.revision,
            trial_until: shown.trial_until.map_or(0, Timestamp::as_millis),
        }))
    }

    async fn end_trial(
        &self,
        request: Request<api::EndTrialRequest>,
    ) -> Result<Response<api::Done>, Status> {
        let caller = caller(&request)?;
        let asked = request.into_inner();
        let id = request_id(&asked.request_id)?;
        let subject = match asked.subject() {
            api::TrialSubject::Settings => Subject::Settings,
            api::TrialSubject::Rules => Subject::Rules,
            api::TrialSubject::Unspecified => {
                return Err(Status::invalid_argument("subject: unknown or missing"));
            }
        };
        let (confirmed, seen) = (asked.confirmed, asked.expected_revision);
        let ended = self.0.end_trial(&caller, id, subject, confirmed, seen);
        Ok(Response::new(done(&ended.await?)))
    }

    async fn test_source(
        &self,
        request: Request<api::TestSourceRequest>,
    ) -> Result<Response<api::TestSourceResponse>, Status> {
        let caller = caller(&request)?;
        let asked = request.into_inner();
        let kind = match asked.kind() {
            api::SourceKind::Entra => SourceKind::Entra,
            api::SourceKind::Ldap => SourceKind::Ldap,
            api::SourceKind::OldServer => SourceKind::OldServer,
            api::SourceKind::Unspecified => {
                return Err(Status::invalid_argument("kind: unknown or missing"));
            }
        };
        let examined = self
            .0
            .examine_source(&caller, kind, &asked.source, &asked.domain)
            .await?;
        Ok(Response::new(api::TestSourceResponse {
            source: examined.source,
            findings: examined.findings.into_iter().map(finding).collect(),
        }))
    }

    type SyncSourceStream =
        Pin<Box<dyn Stream<Item = Result<api::SyncSourceProgress, Status>> + Send>>;

    async fn sync_source(
        &self,
        request: Request<api::SyncSourceRequest>,
    ) -> Result<Response<Self::SyncSourceStream>, Status> {
        let caller = caller(&request)?;
        // Before a slot is taken: who may not must not keep others from it.
        caller.may(Action::SettingsSync)?;
        let asked = request.into_inner();
        let id = request_id(&asked.request_id)?;
        let room = ROUNDS.try_acquire();
        let room = room.map_err(|_| Status::unavailable("other rounds are waiting"))?;
        let options = SyncOptions {
            confirm: asked.confirm,
            dry_run: asked.dry_run,
        };
        let (tell, told) = mpsc::channel(PROGRESS_QUEUED_MAX);
        let (end, ended) = oneshot::channel();
        let desk = self.clone();
        // A task of its own: a caller that hangs up must not leave half a round written, and a
        // directory may be read for longer than a caller is answered in.
        tokio::spawn(async move {
            let round = desk
                .0
                .sync_source(&caller, id, &asked.source, options, Some(tell));
            let ended = round.await.map_err(Status::from);
            drop(end.send(ended.map(|it| report(it, options.dry_run))));
            drop(room);
        });
        let progress = ReceiverStream::new(told).map(|it| Ok(progress(it)));
        let ended = stream::once(ended).filter_map(Result::ok);
        Ok(Response::new(Box::pin(progress.chain(ended))))
    }

    async fn apply_settings(
        &self,
        request: Request<api::ApplySettingsRequest>,
    ) -> Result<Response<api::Done>, Status> {
        let caller = caller(&request)?;
        let asked = request.into_inner();
        let id = request_id(&asked.request_id)?;
        let document = needed(asked.document, "document")?;
        let within = asked.confirm_within;
        let applied = self.0.apply_settings(&caller, id, &document, within);
        let applied = applied.await?;
        Ok(Response::new(done(&applied)))
    }
}

fn progress(it: SyncProgress) -> api::SyncSourceProgress {
    let count = |count: usize| count.try_into().unwrap_or(u32::MAX);
    let mut shown = api::SyncSourceProgress::default();
    match it {
        SyncProgress::Waiting => {}
        SyncProgress::Reading(users) => shown.reading = count(users),
        SyncProgress::Writing { done, of } => {
            (shown.written, shown.writing) = (count(done), count(of))
        }
    }
    shown
}

fn report(it: SyncReport, dry_run: bool) -> api::SyncSourceProgress {
    let report = api::SyncSourceReport {
        source: it.source,
        matched: it.matched,
        unread: it.unread,
        changed: it.changed,
        refused: it.refused,
        names: it.names,
        held: it.held,
        dry_run,
    };
    api::SyncSourceProgress {
        report: Some(report),
        ..Default::default()
    }
}

fn finding(it: Finding) -> api::test_source_response::Finding {
    let light = match it.light {
        Light::Green => api::Light::Green,
        Light::Amber => api::Light::Amber,
        Light::Red => api::Light::Red,
    };
    api::test_source_response::Finding {
        step: it.step.to_owned(),
        light: light.into(),
        found: it.found,
        remedy: it.remedy,
    }
}

/// Rounds that operators have asked for and that have not ended: one runs, others wait.
static ROUNDS: Semaphore = Semaphore::const_new(4);
const PROGRESS_QUEUED_MAX: usize = 16;
