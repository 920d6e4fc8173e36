//! The API over real TLS on loopback: who gets in, and one way through each group.

#![expect(clippy::unwrap_used, reason = "a failed preparation fails the test")]

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use countersign::admin::api::bootstrap_service_client::BootstrapServiceClient;
use countersign::admin::api::client_service_client::ClientServiceClient;
use countersign::admin::api::cluster_service_client::ClusterServiceClient;
use countersign::admin::api::event_service_client::EventServiceClient;
use countersign::admin::api::import_request::Part;
use countersign::admin::api::import_service_client::ImportServiceClient;
use countersign::admin::api::operator_service_client::OperatorServiceClient;
use countersign::admin::api::settings_service_client::SettingsServiceClient;
use countersign::admin::api::token_service_client::TokenServiceClient;
use countersign::admin::api::user_service_client::UserServiceClient;
use countersign::admin::{Tls, api, serve};
use countersign::operate::{Event, NewApiToken, Role};
use countersign_core::base::{Secret, Timestamp};
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint};
use tonic::{Code, Request};

use super::world::{BOOTSTRAP, NOW, World, admin, first_token, request, world};

pub(super) struct Api {
    pub(super) world: World,
    pub(super) channel: Channel,
    _directory: tempfile::TempDir,
}

pub(super) async fn api() -> Api {
    serving(world()).await
}

pub(super) async fn serving(world: World) -> Api {
    let directory = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let tls = Tls {
        certificate: written(&directory, "cert.pem", &made.cert.pem()),
        key: written(&directory, "key.pem", &made.signing_key.serialize_pem()),
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address: SocketAddr = listener.local_addr().unwrap();
    let operate = world.operate.clone();
    tokio::spawn(async move { serve(operate, listener, &tls, std::future::pending()).await });
    let trust = ClientTlsConfig::new()
        .ca_certificate(Certificate::from_pem(made.cert.pem()))
        .domain_name("localhost");
    let endpoint = Endpoint::from_shared(format!("https://{address}")).unwrap();
    let channel = endpoint.tls_config(trust).unwrap().connect().await.unwrap();
    Api {
        world,
        channel,
        _directory: directory,
    }
}

fn written(directory: &tempfile::TempDir, name: &str, text: &str) -> PathBuf {
    let path = directory.path().join(name);
    std::fs::write(&path, text).unwrap();
    path
}

pub(super) fn with<T>(token: &str, message: T) -> Request<T> {
    let mut request = Request::new(message);
    let value = format!("Bearer {token}").parse().unwrap();
    request.metadata_mut().insert("authorization", value);
    request
}

fn text(secret: &Secret) -> String {
    String::from_utf8(secret.expose().to_vec()).unwrap()
}

fn told(text: &str) -> Option<api::SecretText> {
    Some(api::SecretText {
        value: text.to_owned(),
    })
}

/// The first operator, with an API token of everything.
pub(super) async fn bootstrapped(api: &Api) -> String {
    let proof = Secret::from(BOOTSTRAP.to_owned());
    let made =
        api.world
            .operate
            .bootstrap(admin().source, request(90), &proof, "root", first_token());
    text(&made.await.unwrap().secret)
}

pub(super) async fn token(
    api: &Api,
    name: &str,
    role: Role,
    expires: u64,
    network: &str,
) -> String {
    let new = NewApiToken {
        name: name.to_owned(),
        operator: "root".to_owned(),
        role,
        expires,
        networks: vec![network.to_owned()],
    };
    let id = request(name.len() as u8);
    text(
        &api.world
            .operate
            .add_api_token(&admin(), id, new)
            .await
            .unwrap()
            .secret,
    )
}

async fn code_of(api: &Api, token: &str) -> Code {
    let mut users = UserServiceClient::new(api.channel.clone());
    let answer = users
        .list_users(with(token, api::ListUsersRequest::default()))
        .await;
    answer.map_or_else(|status| status.code(), |_| Code::Ok)
}

#[tokio::test]
async fn until_there_is_an_operator_nothing_is_answered() {
    let api = api().await;
    assert_eq!(code_of(&api, "cst_nothing").await, Code::FailedPrecondition);
    let root = bootstrapped(&api).await;
    assert_eq!(code_of(&api, "cst_nothing").await, Code::Unauthenticated);
    assert_eq!(code_of(&api, &root).await, Code::Ok);
}

#[tokio::test]
async fn a_token_works_only_in_its_time_from_its_networks_and_for_its_role() {
    let api = api().await;
    bootstrapped(&api).await;
    let mut bare = UserServiceClient::new(api.channel.clone());
    let none = bare.list_users(api::ListUsersRequest::default()).await;
    assert_eq!(none.unwrap_err().code(), Code::Unauthenticated);
    let good = token(&api, "a", Role::Auditor, NOW + 1, "127.0.0.0/8").await;
    assert_eq!(code_of(&api, &good).await, Code::Ok);
    let foreign = token(&api, "aa", Role::Admin, 0, "198.51.100.0/24").await;
    assert_eq!(code_of(&api, &foreign).await, Code::Unauthenticated);
    let add = api::AddUserRequest {
        request_id: vec![1; 16],
        name: "eve".to_owned(),
        ..Default::default()
    };
    let refused = bare.add_user(with(&good, add)).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied, "{refused}");
    api.world.clock.set(NOW + 1);
    assert_eq!(code_of(&api, &good).await, Code::Unauthenticated);
}

#[tokio::test]
async fn users_tokens_and_clients_go_the_whole_way() {
    let api = api().await;
    let root = bootstrapped(&api).await;
    let mut users = UserServiceClient::new(api.channel.clone());
    let add = api::AddUserRequest {
        request_id: vec![1; 16],
        name: "alice@contoso.example".to_owned(),
        aliases: vec!["alice".to_owned()],
        ..Default::default()
    };
    let added = users.add_user(with(&root, add)).await.unwrap().into_inner();
    let get = api::GetUserRequest {
        name: "alice".to_owned(),
    };
    assert_eq!(
        users.get_user(with(&root, get)).await.unwrap().into_inner(),
        added
    );
    let mut tokens = TokenServiceClient::new(api.channel.clone());
    let add = api::AddTokenRequest {
        request_id: vec![2; 16],
        owner: "alice".to_owned(),
        ..Default::default()
    };
    let added = tokens
        .add_token(with(&root, add))
        .await
        .unwrap()
        .into_inner();
    assert!(
        added
            .uri
            .unwrap()
            .value
            .starts_with("otpauth://totp/alice%40")
    );
    let mut clients = ClientServiceClient::new(api.channel.clone());
    let add = api::AddClientRequest {
        request_id: vec![3; 16],
        name: "vpn".to_owned(),
        ranges: vec!["198.51.100.0/24".to_owned()],
        policy: Some(api::ClientPolicy {
            factors: api::Factors::Code.into(),
            timeout_ms: 3000,
            tries: 3,
            servers: 2,
            ..Default::default()
        }),
        ..Default::default()
    };
    let added = clients
        .add_client(with(&root, add))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(added.secret.unwrap().value.len(), 32);
    let nameless = api::GetUserRequest {
        name: "nobody".to_owned(),
    };
    let missing = users.get_user(with(&root, nameless)).await.unwrap_err();
    assert_eq!(missing.code(), Code::NotFound);
}

#[tokio::test]
async fn settings_operators_events_and_audit_go_the_whole_way() {
    let api = api().await;
    let root = bootstrapped(&api).await;
    let mut settings = SettingsServiceClient::new(api.channel.clone());
    let apply = api::ApplySettingsRequest {
        request_id: vec![1; 16],
        document: told("[limits]\nstrict_failures = 5\n"),
        confirm_within: 0,
    };
    settings.apply_settings(with(&root, apply)).await.unwrap();
    let shown = settings
        .get_settings(with(&root, api::GetSettingsRequest {}))
        .await
        .unwrap();
    assert!(shown.into_inner().document.contains("strict_failures = 5"));
    let mut operators = OperatorServiceClient::new(api.channel.clone());
    let list = operators
        .list_operators(with(&root, api::ListOperatorsRequest {}))
        .await;
    assert_eq!(list.unwrap().into_inner().operators.len(), 1);
    let mut cluster = ClusterServiceClient::new(api.channel.clone());
    let status = cluster
        .get_status(with(&root, api::GetStatusRequest {}))
        .await
        .unwrap();
    assert_eq!(status.into_inner().role, "leader");
    let mut events = EventServiceClient::new(api.channel.clone());
    let follow = api::FollowEventsRequest::default();
    let mut followed = events
        .follow_events(with(&root, follow))
        .await
        .unwrap()
        .into_inner();
    let event = Event {
        at: Timestamp::from_millis(NOW),
        ..Default::default()
    };
    api.world.events.sent.send(event).unwrap();
    assert_eq!(followed.message().await.unwrap().unwrap().at, NOW);
    let audit = events
        .list_audit(with(&root, api::ListAuditRequest::default()))
        .await;
    assert_eq!(
        audit.unwrap().into_inner().records[0].action,
        "settings.put"
    );
}

#[tokio::test]
async fn a_file_is_imported_over_a_stream() {
    let api = api().await;
    let root = bootstrapped(&api).await;
    let options = api::ImportOptions {
        request_id: vec![4; 16],
        ..Default::default()
    };
    let file = "serial number,secret key,time interval,manufacturer,model\n\
                S1,GEZDGNBVGY3TQOJQGEZDGNBVGY,30,,\n";
    let chunk = api::ImportChunk {
        octets: file.as_bytes().to_vec(),
    };
    let parts = [Part::Options(options), Part::Chunk(chunk)];
    let parts = parts.map(|part| api::ImportRequest { part: Some(part) });
    let mut imports = ImportServiceClient::new(api.channel.clone());
    let sent = imports
        .import_azure_csv(with(&root, tokio_stream::iter(parts)))
        .await;
    let progress = sent.unwrap().into_inner().message().await.unwrap().unwrap();
    assert_eq!((progress.rows, &*progress.done[0].refused), (1, ""));
}

#[tokio::test]
async fn a_follower_is_shown_out_once_its_token_is_revoked() {
    let api = api().await;
    bootstrapped(&api).await;
    let auditor = token(&api, "aaa", Role::Auditor, 0, "127.0.0.0/8").await;
    let mut events = EventServiceClient::new(api.channel.clone());
    let follow = with(&auditor, api::FollowEventsRequest::default());
    let mut followed = events.follow_events(follow).await.unwrap().into_inner();
    api.world.events.sent.send(Event::default()).unwrap();
    assert!(followed.message().await.unwrap().is_some());
    let (root, operate) = (admin(), &api.world.operate);
    let revoked = operate.revoke_api_token(&root, request(7), "aaa").await;
    revoked.unwrap();
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(31)).await;
    tokio::time::resume();
    let ended = tokio::time::timeout(Duration::from_secs(10), followed.message()).await;
    assert_eq!(ended.unwrap().unwrap_err().code(), Code::Unauthenticated);
}

#[tokio::test]
async fn whoever_has_no_token_is_heard_for_a_few_octets() {
    let api = api().await;
    let mut bootstrap = BootstrapServiceClient::new(api.channel.clone());
    let long = api::BootstrapRequest {
        operator: "x".repeat(5000),
        ..Default::default()
    };
    let refused = bootstrap.bootstrap(long).await.unwrap_err();
    assert_eq!(refused.code(), Code::OutOfRange, "{refused}");
}
