//! Settings over gRPC.

use countersign_core::base::Timestamp;
use countersign_core::ledger::storage::end_trial::Subject;
use tonic::{Request, Response, Status};

use super::api::{self, settings_service_server::SettingsService};
use super::auth::caller;
use super::convert::{done, needed, request_id};
use super::server::Desk;
use crate::login::Ledger;
use crate::operate::SyncOptions;
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

    async fn sync_source(
        &self,
        request: Request<api::SyncSourceRequest>,
    ) -> Result<Response<api::SyncSourceResponse>, Status> {
        let caller = caller(&request)?;
        let asked = request.into_inner();
        let id = request_id(&asked.request_id)?;
        let options = SyncOptions {
            confirm: asked.confirm,
            dry_run: asked.dry_run,
        };
        let report = self
            .0
            .sync_source(&caller, id, &asked.source, options)
            .await?;
        Ok(Response::new(api::SyncSourceResponse {
            source: report.source,
            matched: report.matched,
            unread: report.unread,
            changed: report.changed,
            refused: report.refused,
            names: report.names,
            held: report.held,
            dry_run: options.dry_run,
        }))
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
