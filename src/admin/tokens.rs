//! Tokens over gRPC.

use countersign_core::ledger::storage::TokenState;
use countersign_core::otp::{Algorithm, Digits, Parameters, Period};
use tonic::{Request, Response, Status};

use super::api::{self, token_service_server::TokenService};
use super::auth::caller;
use super::convert::{done, needed, page_size, request_id, secret, token, told};
use super::server::Desk;
use crate::login::Ledger;
use crate::operate::{NewToken, TokensOf, shown_id};

#[tonic::async_trait]
impl<L: Ledger> TokenService for Desk<L> {
    async fn add_token(
        &self,
        request: Request<api::AddTokenRequest>,
    ) -> Result<Response<api::AddTokenResponse>, Status> {
        let caller = caller(&request)?;
        let asked = request.into_inner();
        let id = request_id(&asked.request_id)?;
        let new = NewToken {
            parameters: parameters(&asked)?,
            owner: asked.owner,
            serial: asked.serial,
            label: asked.label,
            seed: secret(asked.seed),
            active: asked.active,
            issuer: asked.issuer,
        };
        let added = self.0.add_token(&caller, id, new).await?;
        Ok(Response::new(api::AddTokenResponse {
            token: Some(token(added.token)),
            uri: added.uri.as_ref().map(told),
        }))
    }

    async fn list_tokens(
        &self,
        request: Request<api::ListTokensRequest>,
    ) -> Result<Response<api::ListTokensResponse>, Status> {
        let caller = caller(&request)?;
        let asked = request.into_inner();
        let of = match (asked.owner.is_empty(), asked.inventory) {
            (true, false) => TokensOf::Everybody,
            (true, true) => TokensOf::Nobody,
            (false, false) => TokensOf::User(asked.owner),
            (false, true) => {
                return Err(Status::invalid_argument(
                    "owner and inventory exclude each other",
                ));
            }
        };
        let after = match &*asked.page_token {
            "" => 0,
            text => u64::from_str_radix(text, 16)
                .map_err(|_| Status::invalid_argument("page_token: not one of ours"))?,
        };
        let limit = page_size(asked.page_size);
        let (tokens, next) = self.0.list_tokens(&caller, &of, after, limit)?;
        Ok(Response::new(api::ListTokensResponse {
            tokens: tokens.into_iter().map(token).collect(),
            next_page_token: next.map(shown_id).unwrap_or_default(),
        }))
    }

    async fn get_token(
        &self,
        request: Request<api::GetTokenRequest>,
    ) -> Result<Response<api::Token>, Status> {
        let caller = caller(&request)?;
        let shown = self.0.show_token(&caller, &request.into_inner().token)?;
        Ok(Response::new(token(shown)))
    }

    async fn get_token_uri(
        &self,
        request: Request<api::GetTokenUriRequest>,
    ) -> Result<Response<api::TokenUri>, Status> {
        let caller = caller(&request)?;
        let asked = request.into_inner();
        let uri = self.0.token_uri(&caller, &asked.token, &asked.issuer)?;
        Ok(Response::new(api::TokenUri {
            uri: Some(told(&uri)),
        }))
    }

    async fn remove_token(
        &self,
        request: Request<api::RemoveTokenRequest>,
    ) -> Result<Response<api::Done>, Status> {
        let caller = caller(&request)?;
        let asked = request.into_inner();
        let id = request_id(&asked.request_id)?;
        let expected = asked.expected_revision;
        let removed = self.0.remove_token(&caller, id, &asked.token, expected);
        Ok(Response::new(done(&removed.await?)))
    }

    async fn set_token_state(
        &self,
        request: Request<api::SetTokenStateRequest>,
    ) -> Result<Response<api::Done>, Status> {
        let caller = caller(&request)?;
        let asked = request.into_inner();
        let id = request_id(&asked.request_id)?;
        let state = match asked.state() {
            api::TokenState::Unspecified => {
                return Err(Status::invalid_argument("state: unknown or missing"));
            }
            api::TokenState::Pending => TokenState::Pending,
            api::TokenState::Active => TokenState::Active,
            api::TokenState::Disabled => TokenState::Disabled,
        };
        let code = secret(asked.code);
        let set = self
            .0
            .set_token_state(&caller, id, &asked.token, state, code.as_ref());
        Ok(Response::new(done(&set.await?)))
    }

    async fn assign_token(
        &self,
        request: Request<api::AssignTokenRequest>,
    ) -> Result<Response<api::Done>, Status> {
        let caller = caller(&request)?;
        let asked = request.into_inner();
        let id = request_id(&asked.request_id)?;
        let expected = asked.expected_revision;
        let assigned = self
            .0
            .assign_token(&caller, id, &asked.token, &asked.owner, expected);
        Ok(Response::new(done(&assigned.await?)))
    }

    async fn resync_token(
        &self,
        request: Request<api::ResyncTokenRequest>,
    ) -> Result<Response<api::ResyncTokenResponse>, Status> {
        let caller = caller(&request)?;
        let asked = request.into_inner();
        let id = request_id(&asked.request_id)?;
        let first = needed(asked.first, "first")?;
        let second = needed(asked.second, "second")?;
        let resynced = self
            .0
            .resync_token(&caller, id, &asked.token, [&first, &second]);
        let drift = resynced.await?;
        Ok(Response::new(api::ResyncTokenResponse { drift }))
    }
}

fn parameters(asked: &api::AddTokenRequest) -> Result<Parameters, Status> {
    let algorithm = api::TokenAlgorithm::try_from(asked.algorithm)
        .map_err(|_| Status::invalid_argument("algorithm: unknown"))?;
    let algorithm = match algorithm {
        api::TokenAlgorithm::Unspecified | api::TokenAlgorithm::Sha1 => Algorithm::Sha1,
        api::TokenAlgorithm::Sha256 => Algorithm::Sha256,
        api::TokenAlgorithm::Sha512 => Algorithm::Sha512,
    };
    let digits = match asked.digits {
        0 => Ok(Digits::default()),
        digits => Digits::try_from(digits),
    };
    let period = match asked.period {
        0 => Ok(Period::default()),
        period => Period::try_from(u64::from(period)),
    };
    Ok(Parameters {
        algorithm,
        digits: digits.map_err(|e| Status::invalid_argument(e.to_string()))?,
        period: period.map_err(|e| Status::invalid_argument(e.to_string()))?,
    })
}
