//! Operators, API tokens and the first of both over gRPC.

use countersign_core::ledger::storage;
use tonic::{Request, Response, Status};

use super::api::{
    self, bootstrap_service_server::BootstrapService, operator_service_server::OperatorService,
};
use super::auth::caller;
use super::convert::{done, needed, request_id, role, role_shown, told};
use super::server::Desk;
use crate::login::Ledger;
use crate::operate::{ApiTokenAdded, NewApiToken, refused};

#[tonic::async_trait]
impl<L: Ledger> BootstrapService for Desk<L> {
    async fn bootstrap(
        &self,
        request: Request<api::BootstrapRequest>,
    ) -> Result<Response<api::AddApiTokenResponse>, Status> {
        let address = request.remote_addr();
        let source = address.ok_or_else(|| Status::internal("no address"))?.ip();
        let asked = request.into_inner();
        let id = request_id(&asked.request_id)?;
        let bootstrap_token = needed(asked.bootstrap_token, "bootstrap_token")?;
        let first = needed(asked.first_token, "first_token")?;
        let made = self
            .0
            .bootstrap(source, id, &bootstrap_token, &asked.operator, first);
        Ok(Response::new(added(made.await?)))
    }
}

#[tonic::async_trait]
impl<L: Ledger> OperatorService for Desk<L> {
    async fn put_operator(
        &self,
        request: Request<api::PutOperatorRequest>,
    ) -> Result<Response<api::Done>, Status> {
        let caller = caller(&request)?;
        let asked = request.into_inner();
        let id = request_id(&asked.request_id)?;
        let (role, expected) = (role(asked.role())?, asked.expected_revision);
        let put = self
            .0
            .put_operator(&caller, id, &asked.name, role, expected);
        Ok(Response::new(done(&put.await?)))
    }

    async fn list_operators(
        &self,
        request: Request<api::ListOperatorsRequest>,
    ) -> Result<Response<api::ListOperatorsResponse>, Status> {
        let operators = self.0.list_operators(&caller(&request)?)?;
        Ok(Response::new(api::ListOperatorsResponse {
            operators: operators.into_iter().map(operator).collect(),
        }))
    }

    async fn remove_operator(
        &self,
        request: Request<api::RemoveOperatorRequest>,
    ) -> Result<Response<api::Done>, Status> {
        let caller = caller(&request)?;
        let asked = request.into_inner();
        let id = request_id(&asked.request_id)?;
        let removed = self.0.remove_operator(&caller, id, &asked.name).await?;
        Ok(Response::new(done(&removed)))
    }

    async fn add_api_token(
        &self,
        request: Request<api::AddApiTokenRequest>,
    ) -> Result<Response<api::AddApiTokenResponse>, Status> {
        let caller = caller(&request)?;
        let asked = request.into_inner();
        let id = request_id(&asked.request_id)?;
        let new = NewApiToken {
            role: role(asked.role())?,
            name: asked.name,
            operator: asked.operator,
            expires: asked.expires,
            networks: asked.networks,
        };
        let made = self.0.add_api_token(&caller, id, new).await?;
        Ok(Response::new(added(made)))
    }

    async fn list_api_tokens(
        &self,
        request: Request<api::ListApiTokensRequest>,
    ) -> Result<Response<api::ListApiTokensResponse>, Status> {
        let tokens = self.0.list_api_tokens(&caller(&request)?)?;
        Ok(Response::new(api::ListApiTokensResponse {
            tokens: tokens.into_iter().map(api_token).collect(),
        }))
    }

    async fn revoke_api_token(
        &self,
        request: Request<api::RevokeApiTokenRequest>,
    ) -> Result<Response<api::Done>, Status> {
        let caller = caller(&request)?;
        let asked = request.into_inner();
        let id = request_id(&asked.request_id)?;
        let revoked = self.0.revoke_api_token(&caller, id, &asked.name).await?;
        Ok(Response::new(done(&revoked)))
    }

    async fn get_request(
        &self,
        request: Request<api::GetRequestRequest>,
    ) -> Result<Response<api::GetRequestResponse>, Status> {
        let caller = caller(&request)?;
        let id = request_id(&request.into_inner().request_id)?;
        let known = self.0.show_request(&caller, id)?;
        Ok(Response::new(known.map_or_else(Default::default, |it| {
            let (action, outcome) = it;
            api::GetRequestResponse {
                known: true,
                revision: outcome.revision,
                refused: refused(&outcome).map_or_else(String::new, |why| why.to_string()),
                note: outcome.detail,
                action,
            }
        })))
    }
}

fn added(made: ApiTokenAdded) -> api::AddApiTokenResponse {
    api::AddApiTokenResponse {
        token: Some(api_token(made.token)),
        secret: Some(told(&made.secret)),
    }
}

fn operator(operator: storage::Operator) -> api::Operator {
    api::Operator {
        role: role_shown(operator.role()).into(),
        name: operator.name,
        created: operator.created,
        revision: operator.revision,
    }
}

fn api_token(token: storage::ApiToken) -> api::ApiToken {
    api::ApiToken {
        role: role_shown(token.role()).into(),
        name: token.name,
        operator: token.operator,
        expires: token.expires,
        networks: token.networks,
        created: token.created,
    }
}
