//! RADIUS clients over gRPC.

use countersign_core::base::NodeId;
use countersign_core::ledger::storage;
use countersign_core::login::Reason;
use tonic::{Request, Response, Status};

use super::api::{self, client_service_server::ClientService};
use super::auth::caller;
use super::convert::{done, request_id, secret, told};
use super::server::Desk;
use crate::login::Ledger;
use crate::operate::{ClientAdded, ClientFacts, Profile, Sighting, SightingsOf, shown_id};

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
        let (given, profile) = (secret(asked.secret), &asked.profile);
        let added = self.0.add_client(&caller, id, facts, profile, given);
        Ok(Response::new(with_secret(added.await?)))
    }

    async fn list_clients(
        &self,
        request: Request<api::ListClientsRequest>,
    ) -> Result<Response<api::ListClientsResponse>, Status> {
        let caller = caller(&request)?;
        let after = request.into_inner().page_token;
        let (clients, next) = self.0.list_clients(&caller, &after)?;
        Ok(Response::new(api::ListClientsResponse {
            clients: clients.into_iter().map(client).collect(),
            next_page_token: next.unwrap_or_default(),
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
        let (name, anew) = (&asked.name, asked.learn_anew);
        let set = self.0.set_client(&caller, id, name, expected, facts, anew);
        let set = set.await?;
        Ok(Response::new(api::Client {
            warnings: set.warnings,
            ..client(set.client)
        }))
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
        if asked.finish {
            if drop_old || given.is_some() {
                let text = "finish: gives no new secret, so neither secret nor drop_old";
                return Err(Status::invalid_argument(text));
            }
            let finished = self.0.finish_rotation(&caller, id, &asked.name);
            return Ok(Response::new(with_secret(finished.await?)));
        }
        let rotated = self
            .0
            .rotate_client_secret(&caller, id, &asked.name, given, drop_old);
        Ok(Response::new(with_secret(rotated.await?)))
    }

    async fn list_profiles(
        &self,
        request: Request<api::ListProfilesRequest>,
    ) -> Result<Response<api::ListProfilesResponse>, Status> {
        let caller = caller(&request)?;
        let profiles = self.0.list_profiles(&caller)?;
        Ok(Response::new(api::ListProfilesResponse {
            profiles: profiles.iter().map(profile).collect(),
        }))
    }

    async fn get_sightings(
        &self,
        request: Request<api::GetSightingsRequest>,
    ) -> Result<Response<api::GetSightingsResponse>, Status> {
        let caller = caller(&request)?;
        let name = request.into_inner().name;
        let SightingsOf {
            nodes,
            secrets_used,
        } = self.0.sightings(&caller, &name).await?;
        let nodes = nodes.into_iter().map(|(node, said)| sighting(node, said));
        Ok(Response::new(api::GetSightingsResponse {
            nodes: nodes.collect(),
            secrets_used,
        }))
    }
}

fn profile(it: &Profile) -> api::Profile {
    api::Profile {
        name: it.name.clone(),
        title: it.title.clone(),
        method: "PAP".to_owned(),
        challenge: it.challenge,
        policy: Some(policy(&it.under(storage::Client::default()))),
        group_attributes: it.groups.clone(),
        notes: it.notes.clone(),
    }
}

fn sighting(node: NodeId, said: Result<Sighting, String>) -> api::Sighting {
    let node = node.0.into();
    let it = match said {
        Ok(it) => it,
        Err(fault) => {
            return api::Sighting {
                node,
                fault,
                ..Default::default()
            };
        }
    };
    let mut all = Reason::ALL.iter();
    let refused = all.find(|reason| reason.code() == it.refused);
    let strangers = it.strangers.into_iter().map(|it| api::sighting::Stranger {
        source: it.source,
        at: it.at,
        packets: it.packets,
    });
    api::Sighting {
        node,
        fault: String::new(),
        authentication: it.authentication,
        accounting: it.accounting,
        now: it.now,
        packets: it.packets,
        packet_at: it.packet_at,
        source: it.source,
        proven_at: it.proven_at,
        message_authenticator_at: it.message_authenticator_at,
        bare_at: it.bare_at,
        session_at: it.session_at,
        certificate: it.certificate,
        refused_at: it.refused_at,
        cause: refused.map_or_else(String::new, |reason| reason.explanation().cause.to_owned()),
        refused: it.refused,
        answered_at: it.answered_at,
        answer: it.answer,
        reason: it.reason,
        strangers: strangers.collect(),
    }
}

fn with_secret(added: ClientAdded) -> api::ClientWithSecret {
    api::ClientWithSecret {
        client: Some(api::Client {
            warnings: added.warnings,
            ..client(added.client)
        }),
        secret: added.secret.as_ref().map(told),
        configuration: added.configuration.as_ref().map(told),
        suggestions: added.suggestions,
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
    let known = known
        && policy
            .name_forms
            .iter()
            .all(|&it| storage::NameForm::try_from(it).is_ok())
        && policy
            .allowed_factors
            .iter()
            .all(|&it| api::Factors::try_from(it).is_ok());
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
        revalidation: policy.revalidation_ms,
        name_forms: policy.name_forms,
        allowed_factors: policy.allowed_factors,
        rate: policy.rate,
        burst: policy.burst,
        ..Default::default()
    }))
}

fn client(client: storage::Client) -> api::Client {
    api::Client {
        id: shown_id(client.id),
        secrets: client.secrets.len().try_into().unwrap_or(u32::MAX),
        revision: client.revision,
        policy: Some(policy(&client)),
        message_authenticator_learnt: client.message_authenticator_learnt,
        profile: client.profile,
        name: client.name,
        ranges: client.ranges,
        certificate_names: client.certificate_names,
        warnings: Vec::new(),
    }
}

fn policy(client: &storage::Client) -> api::ClientPolicy {
    api::ClientPolicy {
        factors: client.factors,
        message_authenticator: client.message_authenticator,
        timeout_ms: client.timeout,
        tries: client.tries,
        servers: client.servers,
        retry_grace_ms: client.retry_grace,
        strict_grace: client.strict_grace,
        default_domain: client.default_domain.clone(),
        burn_code: client.burn_code,
        on_source_down: client.on_source_down,
        revalidation_ms: client.revalidation,
        name_forms: client.name_forms.clone(),
        allowed_factors: client.allowed_factors.clone(),
        rate: client.rate,
        burst: client.burst,
        language: client.language.clone(),
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
            names(
                storage::Factors::try_from(number)
                    .ok()
                    // Of a rule alone, which the API has in words.
                    .filter(|it| *it != storage::Factors::CodeAndAccount)
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
                storage::NameForm::try_from(number)
                    .ok()
                    .map(|it| it.as_str_name()),
                api::NameForm::try_from(number)
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
