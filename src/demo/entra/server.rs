//! Binds, serves and stops the stand-in.

use std::net::SocketAddr;
use std::ops::Deref;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64};

use anyhow::Context;
use arc_swap::ArcSwap;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::StatusCode;
use axum::middleware::from_fn_with_state;
use axum::response::Response;
use axum::routing::{get, post};
use axum_server::accept::NoDelayAcceptor;
use axum_server::tls_rustls::{RustlsAcceptor, RustlsConfig};
use countersign_core::base::Secret;
use data_encoding::BASE64URL_NOPAD;
use serde::Serialize;
use socket2::{Domain, Socket, Type};
use tokio::signal::unix::{SignalKind, signal};

use super::account::Accounts;
use super::answer::noise;
use super::assertion::{Files, Registered};
use super::certificate::Tls;
use super::control::{self, Faults};
use super::graph::{self, Groups, Signer};
use super::log::{Log, noted, observe};
use super::options::{Options, write_private};
use super::{discovery, token};

/// What the handlers share.
#[derive(Clone, Debug)]
pub(super) struct House(Arc<Rooms>);

#[derive(Debug)]
pub(super) struct Rooms {
    pub(super) authority: String,
    pub(super) tenant: String,
    domain: String,
    pub(super) client_id: String,
    pub(super) confidential_client_id: String,
    pub(super) client_secret: Secret,
    pub(super) certificate: Registered,
    /// What the application's own tokens hold.
    pub(super) roles: Vec<String>,
    pub(super) accounts: Accounts,
    pub(super) groups: Groups,
    /// Knows the application's own tokens again.
    pub(super) signer: ArcSwap<Signer>,
    pub(super) faults: ArcSwap<Faults>,
    pub(super) graph_faults: ArcSwap<Faults>,
    /// Graph leaves out names and states.
    pub(super) graph_hides: AtomicBool,
    /// How often Graph has forgotten how far changes were told.
    pub(super) graph_forgets: AtomicU64,
    /// Questions to Graph that were read.
    pub(super) graph_asked: AtomicU64,
    /// Questions about a password that were read, whether or not answered yet.
    pub(super) asked: AtomicU64,
    pub(super) log: Log,
}

/// Where the stand-in is and what it takes: the line that says that it is ready.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Ready {
    /// `https://host:port`.
    pub(crate) authority: String,
    pub(crate) tenant: String,
    /// Of the public application.
    pub(crate) client_id: String,
    /// Of the application that has a secret.
    pub(crate) confidential_client_id: String,
    pub(crate) client_secret_file: PathBuf,
    /// It is registered with this certificate too.
    pub(crate) client_certificate_file: PathBuf,
    pub(crate) client_key_file: PathBuf,
    pub(crate) ca_file: PathBuf,
    pub(crate) log: PathBuf,
    pub(crate) control: String,
}

impl Deref for House {
    type Target = Rooms;

    fn deref(&self) -> &Rooms {
        &self.0
    }
}

impl Rooms {
    pub(super) fn is_tenant(&self, name: &str) -> bool {
        name.eq_ignore_ascii_case(&self.tenant) || name.eq_ignore_ascii_case(&self.domain)
    }
}

/// Runs the stand-in alone until it is interrupted; says on standard output when it is
/// ready. One thread is enough for it, and leaves the others to what is tried on it.
///
/// # Errors
/// When files cannot be made or the address is taken.
pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let mut terminated = signal(SignalKind::terminate())?;
        let (ready, serving) = start(options)?;
        println!("{}", serde_json::to_string(&ready)?);
        tokio::select! {
            ended = serving => ended?,
            _ = terminated.recv() => {}
            interrupted = tokio::signal::ctrl_c() => interrupted?,
        }
        Ok(())
    })
}

/// Starts the stand-in within a runtime. It listens when this returns, and serves while
/// the returned future is polled.
///
/// # Errors
/// When files cannot be made or the address is taken.
pub(crate) fn start(
    options: &Options,
) -> anyhow::Result<(
    Ready,
    impl Future<Output = std::io::Result<()>> + Send + use<>,
)> {
    let dir = &options.dir;
    std::fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
    let mut names = options.names.clone();
    let own = [
        "localhost".to_owned(),
        "127.0.0.1".to_owned(),
        "::1".to_owned(),
    ];
    names.extend(own);
    names.push(options.listen.ip().to_string());
    let tls = Tls::open(dir, &names)?;
    let listener = listen(options.listen).context("cannot listen")?;
    let ready = ready(options, listener.local_addr()?, tls.ca_file);
    let router = router(house(options, &ready)?);
    let acceptor = RustlsAcceptor::new(RustlsConfig::from_config(tls.config));
    let server = axum_server::from_tcp(listener)?
        .acceptor(acceptor.acceptor(NoDelayAcceptor::new()))
        .http1_only();
    Ok((ready, server.serve(router.into_make_service())))
}

fn ready(options: &Options, address: SocketAddr, ca_file: PathBuf) -> Ready {
    let local = format!("https://{address}");
    let authority = options.authority.clone().unwrap_or_else(|| local.clone());
    let client = Files::of(&options.dir);
    Ready {
        tenant: options.tenant.clone(),
        client_id: options.client_id.clone(),
        confidential_client_id: options.confidential_client_id.clone(),
        client_secret_file: options.dir.join("entra-client-secret"),
        ca_file,
        log: options.dir.join("entra.jsonl"),
        client_certificate_file: client.certificate,
        client_key_file: client.key,
        control: format!("{local}/control"),
        authority,
    }
}

fn house(options: &Options, ready: &Ready) -> anyhow::Result<House> {
    let secret = BASE64URL_NOPAD.encode(&noise::<30>());
    write_private(&ready.client_secret_file, secret.as_bytes())?;
    Ok(House(Arc::new(Rooms {
        authority: ready.authority.clone(),
        tenant: ready.tenant.clone(),
        domain: options.domain.clone(),
        client_id: ready.client_id.clone(),
        confidential_client_id: ready.confidential_client_id.clone(),
        client_secret: secret.into(),
        certificate: Files::of(&options.dir).open()?,
        roles: options.roles.clone(),
        accounts: Accounts::new(options.accounts(), options.smart_lockout),
        groups: Groups::default(),
        signer: ArcSwap::from_pointee(Signer::new()),
        graph_hides: AtomicBool::default(),
        graph_forgets: AtomicU64::default(),
        graph_asked: AtomicU64::default(),
        faults: ArcSwap::default(),
        graph_faults: ArcSwap::default(),
        asked: AtomicU64::default(),
        log: Log::open(&ready.log).context("cannot open the log")?,
    })))
}

fn router(house: House) -> Router {
    let configuration = "/{tenant}/v2.0/.well-known/openid-configuration";
    Router::new()
        .route("/{tenant}/oauth2/v2.0/token", post(token::token))
        .route(configuration, get(discovery::openid_configuration))
        .route("/common/userrealm/{user}", get(discovery::user_realm))
        .route("/v1.0/users/delta", get(graph::user_changes))
        .route("/v1.0/groups/delta", get(graph::group_changes))
        .route("/v1.0/users", get(graph::users))
        .route("/v1.0/users/{user}", get(graph::user))
        .route(MEMBERSHIPS, get(graph::memberships))
        // `users('…')`, which is one part of the path.
        .route("/v1.0/{user}", get(graph::quoted))
        .route("/control", get(control::show).post(control::set))
        .fallback(nothing_here)
        .layer(DefaultBodyLimit::max(FORM_OCTETS_MAX))
        .layer(from_fn_with_state(house.clone(), observe))
        .with_state(house)
}

async fn nothing_here() -> Response {
    let mut response = Response::default();
    *response.status_mut() = StatusCode::NOT_FOUND;
    noted(response, None, "no such path".to_owned())
}

/// With a queue that takes the connections of thousands of questions at once.
fn listen(address: SocketAddr) -> std::io::Result<std::net::TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(QUEUE_CONNECTIONS_MAX)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

const MEMBERSHIPS: &str = "/v1.0/users/{user}/transitiveMemberOf/microsoft.graph.group";
const FORM_OCTETS_MAX: usize = 16 * 1024;
const QUEUE_CONNECTIONS_MAX: i32 = 4096;
