//! The operator's way to each node, over the administrative API.

use std::time::Duration;

use anyhow::Context;
use countersign::admin::api;
use countersign::admin::api::client_service_client::ClientServiceClient;
use countersign::admin::api::cluster_service_client::ClusterServiceClient;
use countersign::admin::api::event_service_client::EventServiceClient;
use countersign::admin::api::user_service_client::UserServiceClient;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint};
use tonic::{Request, Status};

use crate::history::{Standing, Store, What};
use crate::world::World;

/// A node's administrative API.
#[derive(Clone)]
pub(crate) struct Operator {
    pub(crate) node: u16,
    channel: InterceptedService<Channel, Bearer>,
}

/// Puts the API token into each call.
#[derive(Clone)]
struct Bearer(MetadataValue<Ascii>);

impl Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        let metadata = request.metadata_mut();
        metadata.insert("authorization", self.0.clone());
        Ok(request)
    }
}

/// One way to each node.
pub(crate) fn operators(world: &World) -> anyhow::Result<Vec<Operator>> {
    let token = std::fs::read_to_string(&world.admin.token_file)?;
    let bearer = Bearer(format!("Bearer {}", token.trim()).parse()?);
    let ca = std::fs::read(&world.admin.ca_file)?;
    let open = |node: &crate::world::Node| {
        let tls = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(&ca));
        let endpoint = Endpoint::from_shared(node.admin.clone())?.tls_config(tls)?;
        let channel = endpoint
            .connect_timeout(Duration::from_secs(1))
            .timeout(Duration::from_secs(4))
            .connect_lazy();
        Ok(Operator {
            node: node.id,
            channel: InterceptedService::new(channel, bearer.clone()),
        })
    };
    world.nodes.iter().map(open).collect()
}

impl Operator {
    /// Asks for a write once.
    pub(crate) async fn write(&self, what: &What, request_id: [u8; 16]) -> Result<(), Status> {
        let request_id = request_id.to_vec();
        match what {
            What::AddUser(name) => {
                let add = api::AddUserRequest {
                    request_id,
                    name: name.clone(),
                    ..Default::default()
                };
                let mut users = UserServiceClient::new(self.channel.clone());
                users.add_user(add).await.map(drop)
            }
            What::Disable(name) => {
                self.set_status(name, api::UserStatus::Disabled, request_id)
                    .await
            }
            What::Enable(name) => {
                self.set_status(name, api::UserStatus::Active, request_id)
                    .await
            }
            What::Tighten(name) => {
                let factors = api::Factors::PasswordAndCode;
                self.set_client(name, request_id, |it| it.factors = factors.into())
                    .await
            }
            What::Loosen(name) => {
                let factors = api::Factors::Code;
                self.set_client(name, request_id, |it| it.factors = factors.into())
                    .await
            }
        }
    }

    async fn set_status(
        &self,
        name: &str,
        status: api::UserStatus,
        request_id: Vec<u8>,
    ) -> Result<(), Status> {
        let set = api::SetUserStatusRequest {
            request_id,
            name: name.to_owned(),
            status: status.into(),
        };
        let mut users = UserServiceClient::new(self.channel.clone());
        users.set_user_status(set).await.map(drop)
    }

    /// Changes a client's policy; nobody else does meanwhile.
    pub(crate) async fn set_client(
        &self,
        name: &str,
        request_id: Vec<u8>,
        change: impl FnOnce(&mut api::ClientPolicy),
    ) -> Result<(), Status> {
        let mut clients = ClientServiceClient::new(self.channel.clone());
        let name = name.to_owned();
        let get = api::GetClientRequest { name: name.clone() };
        let old = clients.get_client(get).await?.into_inner();
        let mut policy = old.policy.unwrap_or_default();
        change(&mut policy);
        let set = api::SetClientRequest {
            request_id,
            name,
            // A repetition must ask for the very same, or it is refused as another request.
            expected_revision: 0,
            new_name: String::new(),
            ranges: old.ranges,
            certificate_names: old.certificate_names,
            policy: Some(policy),
            learn_anew: false,
        };
        clients.set_client(set).await.map(drop)
    }

    /// Adds a client that is asked for the code alone.
    pub(crate) async fn add_client(
        &self,
        name: &str,
        source: &str,
        secret: &str,
        request_id: Vec<u8>,
    ) -> Result<(), Status> {
        let add = api::AddClientRequest {
            request_id,
            name: name.to_owned(),
            ranges: vec![format!("{source}/32")],
            certificate_names: Vec::new(),
            secret: Some(api::SecretText {
                value: secret.to_owned(),
            }),
            policy: Some(api::ClientPolicy {
                factors: api::Factors::Code.into(),
                timeout_ms: 3000,
                tries: 3,
                servers: 1,
                ..Default::default()
            }),
            profile: String::new(),
        };
        let mut clients = ClientServiceClient::new(self.channel.clone());
        clients.add_client(add).await.map(drop)
    }

    /// How the node stands. The one place that knows where this is told.
    pub(crate) async fn standing(&self) -> Result<Standing, Status> {
        let mut cluster = ClusterServiceClient::new(self.channel.clone());
        let status = cluster
            .get_status(api::GetStatusRequest {})
            .await?
            .into_inner();
        Ok(Standing {
            node: self.node,
            applied: status.applied,
            hash: status.state_hash,
            leader: status.leader.try_into().unwrap_or_default(),
        })
    }

    /// What the node has of what was written.
    pub(crate) async fn store(&self) -> anyhow::Result<Store> {
        let audit = self.audit().await.context("the audit")?;
        let mut store = Store {
            node: self.node,
            ..Store::default()
        };
        for user in self.users().await.context("the users")? {
            if user.status == i32::from(api::UserStatus::Disabled) {
                store.disabled.push(user.name.clone());
            }
            if user.name.starts_with(KEPT) {
                // LIMIT: users added × audit records, a million comparisons in an hour.
                let made = audit.iter().filter(|subject| subject.contains(&user.name));
                let times = made.count();
                store.users.push((user.name, times));
            }
        }
        Ok(store)
    }

    async fn users(&self) -> Result<Vec<api::User>, Status> {
        let mut users = UserServiceClient::new(self.channel.clone());
        let (mut all, mut page_token) = (Vec::new(), String::new());
        loop {
            let page = api::ListUsersRequest {
                page_size: 1000,
                page_token,
                name_prefix: String::new(),
            };
            let page = users.list_users(page).await?.into_inner();
            all.extend(page.users);
            page_token = page.next_page_token;
            if page_token.is_empty() {
                return Ok(all);
            }
        }
    }

    /// The subjects of everything that was carried out, users' making alone.
    async fn audit(&self) -> Result<Vec<String>, Status> {
        let mut events = EventServiceClient::new(self.channel.clone());
        let (mut all, mut before) = (Vec::new(), 0);
        loop {
            let limit = 1000;
            let page = api::ListAuditRequest { before, limit };
            let page = events.list_audit(page).await?.into_inner();
            let Some(last) = page.records.last() else {
                return Ok(all);
            };
            before = last.number;
            let made = page
                .records
                .into_iter()
                .filter(|record| record.action == "user.put" && record.refused.is_empty());
            all.extend(made.map(|record| record.subject));
            if before <= 1 {
                return Ok(all);
            }
        }
    }
}

/// How the names of users begin that a run adds.
pub(crate) const KEPT: &str = "kept-";
