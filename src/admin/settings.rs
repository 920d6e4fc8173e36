//! Settings over gRPC.

use tonic::{Request, Response, Status};

use super::api::{self, settings_service_server::SettingsService};
use super::auth::caller;
use super::convert::{done, needed, request_id};
use super::server::Desk;
use crate::login::Ledger;

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
        let applied = self.0.apply_settings(&caller, id, &document).await?;
        Ok(Response::new(done(&applied)))
    }
}
