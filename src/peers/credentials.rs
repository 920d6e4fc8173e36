//! What a node shows its peers and what it trusts them by. Read again while running, so
//! that a certificate is renewed without a restart.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use arc_swap::ArcSwap;
use countersign_core::base::Timestamp;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::server::WebPkiClientVerifier;
use rustls::version::TLS13;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, TrustAnchor};

use super::name::{NameError, PeerName};
use super::verify::OnePeer;

/// Where they are, all PEM.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Files {
    /// The node's certificate, then those that signed it.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
    /// The authority of all peers.
    pub authority: PathBuf,
}

/// Why they cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CredentialsError {
    /// A file cannot be read.
    #[error("{0} cannot be read")]
    Unreadable(PathBuf, #[source] io::Error),
    /// A file holds nothing of its kind.
    #[error("{0} holds no {1} in PEM")]
    Empty(PathBuf, &'static str),
    /// The certificate is another's.
    #[error("{path} is the certificate of {found}, this node is {own}")]
    Foreign {
        /// The certificate's file.
        path: PathBuf,
        /// Whom it names.
        found: PeerName,
        /// Who the node is.
        own: PeerName,
    },
    /// The certificate names no peer.
    #[error("{0} cannot be used")]
    Name(PathBuf, #[source] NameError),
    /// Certificate, key and authority do not fit each other.
    #[error("certificate, key and authority of the peers do not fit each other")]
    Unfit(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// A node's credentials, as they are on disk at present.
#[derive(Debug)]
pub struct Credentials {
    own: PeerName,
    files: Files,
    loaded: ArcSwap<Loaded>,
}

#[derive(Debug)]
struct Loaded {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    anchors: Arc<[TrustAnchor<'static>]>,
    server: Arc<ServerConfig>,
    expires: Timestamp,
}

impl Credentials {
    /// Reads them and holds them against each other.
    ///
    /// # Errors
    /// When a file is missing or they do not fit the node or each other.
    pub fn load(own: PeerName, files: Files) -> Result<Self, CredentialsError> {
        let loaded = ArcSwap::from_pointee(read(own, &files)?);
        Ok(Self { own, files, loaded })
    }

    /// Who the node is.
    #[must_use]
    pub const fn own(&self) -> PeerName {
        self.own
    }

    /// Reads them again; what cannot be used leaves those of before in force.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub fn reload(&self) -> Result<(), CredentialsError> {
        self.loaded.store(Arc::new(read(self.own, &self.files)?));
        Ok(())
    }

    /// When the certificate ends.
    #[must_use]
    pub fn expires(&self) -> Timestamp {
        self.loaded.load().expires
    }

    /// How to accept a peer: any with a certificate of the authority.
    pub(super) fn server(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.loaded.load().server)
    }

    /// How to dial `expected`, and nobody else.
    pub(super) fn client(&self, expected: PeerName) -> Result<Arc<ClientConfig>, rustls::Error> {
        let loaded = self.loaded.load();
        let provider = provider();
        let verifier = OnePeer {
            expected,
            anchors: Arc::clone(&loaded.anchors),
            provider: Arc::clone(&provider),
        };
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&TLS13])?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_client_auth_cert(loaded.chain.clone(), loaded.key.clone_key())?;
        config.alpn_protocols = vec![HTTP2.to_vec()];
        Ok(Arc::new(config))
    }
}

fn read(own: PeerName, files: &Files) -> Result<Loaded, CredentialsError> {
    let chain = certificates(&files.certificate)?;
    let Some(leaf) = chain.first() else {
        let path = files.certificate.clone();
        return Err(CredentialsError::Empty(path, "certificate"));
    };
    let unnamed = |error| CredentialsError::Name(files.certificate.clone(), error);
    let found = PeerName::of(leaf).map_err(unnamed)?;
    if found != own {
        let path = files.certificate.clone();
        return Err(CredentialsError::Foreign { path, found, own });
    }
    let key = PrivateKeyDer::from_pem_slice(&octets(&files.key)?)
        .map_err(|_| CredentialsError::Empty(files.key.clone(), "private key"))?;
    let mut roots = RootCertStore::empty();
    let authorities = certificates(&files.authority)?;
    if authorities.is_empty() {
        let path = files.authority.clone();
        return Err(CredentialsError::Empty(path, "certificate"));
    }
    for authority in authorities {
        roots.add(authority).map_err(unfit)?;
    }
    let expires = expiry(leaf)?;
    let anchors = roots.roots.clone().into();
    let server = server(&chain, &key, roots)?;
    Ok(Loaded {
        chain,
        key,
        anchors,
        server,
        expires,
    })
}

fn server(
    chain: &[CertificateDer<'static>],
    key: &PrivateKeyDer<'static>,
    roots: RootCertStore,
) -> Result<Arc<ServerConfig>, CredentialsError> {
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider())
        .build()
        .map_err(unfit)?;
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13])
        .map_err(unfit)?
        .with_client_cert_verifier(verifier)
        .with_single_cert(chain.to_vec(), key.clone_key())
        .map_err(unfit)?;
    config.alpn_protocols = vec![HTTP2.to_vec()];
    // A session that is resumed would outlive the certificate that opened it.
    config.session_storage = Arc::new(rustls::server::NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(Arc::new(config))
}

fn certificates(path: &PathBuf) -> Result<Vec<CertificateDer<'static>>, CredentialsError> {
    CertificateDer::pem_slice_iter(&octets(path)?)
        .collect::<Result<_, _>>()
        .map_err(|_| CredentialsError::Empty(path.clone(), "certificate"))
}

fn octets(path: &PathBuf) -> Result<Vec<u8>, CredentialsError> {
    std::fs::read(path).map_err(|error| CredentialsError::Unreadable(path.clone(), error))
}

fn expiry(leaf: &CertificateDer<'_>) -> Result<Timestamp, CredentialsError> {
    let (_, parsed) = x509_parser::parse_x509_certificate(leaf).map_err(unfit)?;
    let seconds = u64::try_from(parsed.validity().not_after.timestamp()).unwrap_or_default();
    Ok(Timestamp::from_millis(seconds.saturating_mul(1000)))
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

fn unfit(cause: impl std::error::Error + Send + Sync + 'static) -> CredentialsError {
    CredentialsError::Unfit(Box::new(cause))
}

const HTTP2: &[u8] = b"h2";
