//! The listener: TLS, bounds, and the services behind the token check.

use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, Response};
use tokio::net::TcpListener;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Identity, Server, ServerTlsConfig};
use tower::util::MapResponseLayer;

use super::api::bootstrap_service_server::BootstrapServiceServer;
use super::api::client_service_server::ClientServiceServer;
use super::api::cluster_service_server::ClusterServiceServer;
use super::api::event_service_server::EventServiceServer;
use super::api::import_service_server::ImportServiceServer;
use super::api::operator_service_server::OperatorServiceServer;
use super::api::rule_service_server::RuleServiceServer;
use super::api::settings_service_server::SettingsServiceServer;
use super::api::token_service_server::TokenServiceServer;
use super::api::user_service_server::UserServiceServer;
use super::auth::Authenticate;
use super::guests::{Bounds, guests};
use crate::login::Ledger;
use crate::operate::Operate;

/// Where the listener's certificate is.
#[derive(Clone, Debug)]
pub struct Tls {
    /// PEM: the certificate, then those that signed it.
    pub certificate: PathBuf,
    /// PEM: its private key.
    pub key: PathBuf,
}

/// Why the API is not served.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// A file of the certificate cannot be read.
    #[error("{path} cannot be read")]
    Certificate {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The certificate does not fit its key, or serving failed.
    #[error("the administrative API cannot be served")]
    Serve(#[from] tonic::transport::Error),
}

/// The services, on whose behalf actions are taken.
pub(super) struct Desk<L>(pub(super) Arc<Operate<L>>);

impl<L> Clone for Desk<L> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

macro_rules! guarded {
    ($service:ident, $operate:expr) => {
        InterceptedService::new(
            $service::new(Desk(Arc::clone($operate))).max_decoding_message_size(MESSAGE_OCTETS_MAX),
            Authenticate(Arc::clone($operate)),
        )
    };
}

/// Serves the API until `stop` resolves; calls in flight then end first.
///
/// # Errors
/// The certificate or its key cannot be used.
pub async fn serve<L: Ledger>(
    operate: Arc<Operate<L>>,
    listener: TcpListener,
    tls: &Tls,
    stop: impl Future<Output = ()>,
) -> Result<(), AdminError> {
    let identity = Identity::from_pem(read(&tls.certificate)?, read(&tls.key)?);
    let tls = ServerTlsConfig::new()
        .identity(identity)
        .timeout(HANDSHAKE_TIME_MAX);
    let bootstrap = BootstrapServiceServer::new(Desk(Arc::clone(&operate)))
        .max_decoding_message_size(BOOTSTRAP_OCTETS_MAX);
    let freshness = Arc::clone(&operate);
    Server::builder()
        .tls_config(tls)?
        .layer(MapResponseLayer::new(move |mut response: Response<_>| {
            tell_freshness(&*freshness, response.headers_mut());
            response
        }))
        .timeout(CALL_TIME_MAX)
        .concurrency_limit_per_connection(CALLS_PER_CONNECTION_MAX)
        .max_concurrent_streams(STREAMS_PER_CONNECTION_MAX)
        .http2_max_header_list_size(HEADER_OCTETS_MAX)
        .http2_keepalive_interval(Some(KEEPALIVE))
        // Bootstrap proves itself by its own token; everything else by an API token.
        .add_service(bootstrap)
        .add_service(guarded!(UserServiceServer, &operate))
        .add_service(guarded!(TokenServiceServer, &operate))
        .add_service(guarded!(ClientServiceServer, &operate))
        .add_service(guarded!(RuleServiceServer, &operate))
        .add_service(guarded!(SettingsServiceServer, &operate))
        .add_service(guarded!(OperatorServiceServer, &operate))
        .add_service(guarded!(ImportServiceServer, &operate))
        .add_service(guarded!(ClusterServiceServer, &operate))
        .add_service(guarded!(EventServiceServer, &operate))
        .serve_with_incoming_shutdown(guests(listener, Bounds::default()), stop)
        .await?;
    Ok(())
}

/// Says in each answer's header whose tables were read, and how far they were.
fn tell_freshness<L: Ledger>(operate: &Operate<L>, headers: &mut HeaderMap) {
    let freshness = operate.freshness();
    headers.insert("countersign-node", freshness.node.0.into());
    headers.insert("countersign-applied", freshness.applied.into());
    headers.insert("countersign-in-sync", u16::from(freshness.in_sync).into());
}

fn read(path: &PathBuf) -> Result<Vec<u8>, AdminError> {
    std::fs::read(path).map_err(|source| AdminError::Certificate {
        path: path.clone(),
        source,
    })
}

/// Longest message. A file to import comes in pieces.
const MESSAGE_OCTETS_MAX: usize = 1024 * 1024;
/// The same of whoever has shown no API token yet: a name and two tokens.
const BOOTSTRAP_OCTETS_MAX: usize = 4 * 1024;
const HEADER_OCTETS_MAX: u32 = 16 * 1024;
const CALLS_PER_CONNECTION_MAX: usize = 32;
const STREAMS_PER_CONNECTION_MAX: u32 = 64;
const HANDSHAKE_TIME_MAX: Duration = Duration::from_secs(10);
/// Until the answer begins; a stream may then last.
const CALL_TIME_MAX: Duration = Duration::from_secs(30);
const KEEPALIVE: Duration = Duration::from_secs(30);
