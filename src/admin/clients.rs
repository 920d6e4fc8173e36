//! RADIUS clients over gRPC.

use countersign_core::ledger::storage;
use tonic::{Request, Response, Status};

use super::api::{self, client_service_server::ClientService};
use super::auth::caller;
use super::convert::{done, request_id, secret, told};
use super::server::Desk;
use crate::login::Ledger;
use crate::operate::{ClientAdded, ClientFacts, shown_id};

#[tonic::async_trait]
impl<L: Ledger> ClientService for Desk<L> {
    async fn add_client(
        &self,
        request: Request<api::AddClientRequest>,
    ) -> Result<Response<api::ClientWithSecret>, Status> {
        let caller = caller(&request)?;
        let asked = request.into_inner();
        let id = request_id(&asked.request_id)?;
        let mut facts = facts(asked.name, asked.ranges, asked.policy)?;
        facts.0.certificate_names = asked.certificate_names;
        let added = self.0.add_client(&caller, id, facts, secret(asked.secret));
        Ok(Response::new(with_secret(added.await?)))
    }

    async fn list_clients(
        &self,
        request: Request<api::ListClientsRequest>,
    ) -> Result<Response<api::ListClientsResponse>, Status> {
        let caller = caller(&request)?;
        let clients = self.0.list_clients(&caller)?;
        Ok(Response::new(api::ListClientsResponse {
            clients: clients.into_iter().map(client).collect(),
        }))
    }

    async fn get_client(
        &self,
        request: Request<api::GetClientRequest>,
    ) -> Result<Response<api::Client>, Status> {
        let caller = caller(&request)?;
        let shown = self.0.show_client(&caller, &request.into_inner().name)?;
        Ok(Response::new(client(shown)))
    }

    async fn set_client(
        &self,
        request: Request<api::SetClientRequest>,
    ) -> Result<Response<api::Client>, Status> {
        let caller = caller(&request)?;
        let asked = request.into_inner();
        let id = request_id(&asked.request_id)?;
        let new_name = if asked.new_name.is_empty() {
            asked.name.clone()
        } else {
            asked.new_name
        };
        let mut facts = facts(new_name, asked.ranges, asked.policy)?;
        facts.0.certificate_names = asked.certificate_names;
        let expected = asked.expected_revision;
        let set = self.0.set_client(&caller, id, &asked.name, expected, facts);
        Ok(Response::new(client(set.await?)))
    }

    async fn remove_client(
        &self,
        request: Request<api::RemoveClientRequest>,
    ) -> Result<Response<api::Done>, Status> {
        let caller = caller(&request)?;
        let asked = request.into_inner();
        let id = request_id(&asked.request_id)?;
        let expected = asked.expected_revision;
        let removed = self.0.remove_client(&caller, id, &asked.name, expected);
        Ok(Response::new(done(&removed.await?)))
    }

    async fn rotate_client_secret(
        &self,
        request: Request<api::RotateClientSecretRequest>,
    ) -> Result<Response<api::ClientWithSecret>, Status> {
        let caller = caller(&request)?;
        let asked = request.into_inner();
        let id = request_id(&asked.request_id)?;
        let (given, drop_old) = (secret(asked.secret), asked.drop_old);
        let rotated = self
            .0
            .rotate_client_secret(&caller, id, &asked.name, given, drop_old);
        Ok(Response::new(with_secret(rotated.await?)))
    }
}

fn with_secret(added: ClientAdded) -> api::ClientWithSecret {
    api::ClientWithSecret {
        client: Some(client(added.client)),
        secret: added.secret.as_ref().map(told),
    }
}

/// The choices of a policy have the same numbers in the API as in the store, which the
/// tests hold. Numbers that nobody knows are refused.
fn facts(
    name: String,
    ranges: Vec<String>,
    policy: Option<api::ClientPolicy>,
) -> Result<ClientFacts, Status> {
    let policy = policy.ok_or_else(|| Status::invalid_argument("policy: missing"))?;
    let known = api::Factors::try_from(policy.factors).is_ok()
        && storage::MessageAuthenticatorMode::try_from(policy.message_authenticator).is_ok()
        && storage::BurnCode::try_from(policy.burn_code).is_ok()
        && storage::OnSourceDown::try_from(policy.on_source_down).is_ok();
    if !known {
        return Err(Status::invalid_argument("policy: has an unknown choice"));
    }
    Ok(ClientFacts(storage::Client {
        name,
        ranges,
        factors: policy.factors,
        message_authenticator: policy.message_authenticator,
        timeout: policy.timeout_ms,
        tries: policy.tries,
        servers: policy.servers,
        retry_grace: policy.retry_grace_ms,
        strict_grace: policy.strict_grace,
        default_domain: policy.default_domain,
        burn_code: policy.burn_code,
        on_source_down: policy.on_source_down,
        language: policy.language,
        ..Default::default()
    }))
}

fn client(client: storage::Client) -> api::Client {
    api::Client {
        id: shown_id(client.id),
        secrets: client.secrets.len().try_into().unwrap_or(u32::MAX),
        revision: client.revision,
        policy: Some(api::ClientPolicy {
            factors: client.factors,
            message_authenticator: client.message_authenticator,
            timeout_ms: client.timeout,
            tries: client.tries,
            servers: client.servers,
            retry_grace_ms: client.retry_grace,
            strict_grace: client.strict_grace,
            default_domain: client.default_domain,
            burn_code: client.burn_code,
            on_source_down: client.on_source_down,
            language: client.language,
        }),
        name: client.name,
        ranges: client.ranges,
        certificate_names: client.certificate_names,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn choices_have_the_same_numbers_in_the_api_and_in_the_store() {
        for number in 0..8 {
            let names = |stored: Option<&str>, api: Option<&str>| {
                let plain = |name: &str| name.replace("_MODE", "");
                assert_eq!(stored.map(plain), api.map(plain), "{number}");
            };
            // The password alone is a rule's to ask for.
            names(
                storage::Factors::try_from(number)
                    .ok()
                    .filter(|it| *it != storage::Factors::Password)
                    .map(|it| it.as_str_name()),
                api::Factors::try_from(number)
                    .ok()
                    .map(|it| it.as_str_name()),
            );
            names(
                storage::MessageAuthenticatorMode::try_from(number)
                    .ok()
                    .map(|it| it.as_str_name()),
                api::MessageAuthenticator::try_from(number)
                    .ok()
                    .map(|it| it.as_str_name()),
            );
            names(
                storage::BurnCode::try_from(number)
                    .ok()
                    .map(|it| it.as_str_name()),
                api::BurnCode::try_from(number)
                    .ok()
                    .map(|it| it.as_str_name()),
            );
            names(
                storage::OnSourceDown::try_from(number)
                    .ok()
                    .map(|it| it.as_str_name()),
                api::OnSourceDown::try_from(number)
                    .ok()
                    .map(|it| it.as_str_name()),
            );
        }
    }
}
