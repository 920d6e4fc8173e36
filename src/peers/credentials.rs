//! What a node shows its peers and what it trusts them by. Read again while running, so
//! that a certificate is renewed without a restart.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwap;
use countersign_core::base::Timestamp;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::server::WebPkiClientVerifier;
use rustls::version::TLS13;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, TrustAnchor};

use super::examine;
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
    /// The key is another certificate's.
    #[error("{0} is not the key to the certificate")]
    Key(PathBuf, #[source] rustls::Error),
    /// The authority's file cannot be used.
    #[error("{0} holds no certificate to trust peers by")]
    Authority(PathBuf, #[source] BoxError),
    /// No peer would take the certificate: another authority's, or not for both ends.
    #[error("{0} is no peer's certificate of this authority")]
    Stranger(PathBuf, #[source] webpki::Error),
    /// The certificate has ended.
    #[error("{0} has expired")]
    Expired(PathBuf),
    /// The certificate has not begun.
    #[error("{0} is not valid yet")]
    NotYetValid(PathBuf),
    /// TLS cannot be set up.
    #[error("TLS between peers cannot be set up")]
    Tls(#[source] BoxError),
}

/// Whatever a library says.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

impl CredentialsError {
    /// The file that is to be mended.
    #[must_use]
    pub fn file(&self) -> Option<&Path> {
        match self {
            Self::Unreadable(path, _)
            | Self::Empty(path, _)
            | Self::Foreign { path, .. }
            | Self::Name(path, _)
            | Self::Key(path, _)
            | Self::Authority(path, _)
            | Self::Stranger(path, _)
            | Self::Expired(path)
            | Self::NotYetValid(path) => Some(path),
            Self::Tls(_) => None,
        }
    }
}

/// A node's credentials, as they are on disk at present.
#[derive(Debug)]
pub struct Credentials {
    own: PeerName,
    files: Files,
    loaded: ArcSwap<Loaded>,
    /// In milliseconds, as it was told last.
    now: AtomicU64,
}

#[derive(Debug)]
struct Loaded {
    /// Counts the authorities that were trusted.
    generation: u64,
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
        Ok(Self {
            own,
            files,
            loaded,
            now: AtomicU64::new(0),
        })
    }

    /// Who the node is.
    #[must_use]
    pub const fn own(&self) -> PeerName {
        self.own
    }

    /// Where they are read from.
    #[must_use]
    pub const fn files(&self) -> &Files {
        &self.files
    }

    /// Reads them again; what no peer would take `now` leaves those of before in force.
    /// Where the authority is another, connections that it did not prove end.
    ///
    /// # Errors
    /// The first thing that is wrong with them.
    pub fn reload(&self, now: Timestamp) -> Result<(), CredentialsError> {
        let mut loaded = read(self.own, &self.files)?;
        let Loaded { chain, anchors, .. } = &loaded;
        examine::standing(&self.files.certificate, chain, anchors, now)?;
        let before = self.loaded.load();
        let another = u64::from(before.anchors != loaded.anchors);
        loaded.generation = before.generation.saturating_add(another);
        self.loaded.store(Arc::new(loaded));
        Ok(())
    }

    /// Says what time it is, for connections: they end with the certificate that was shown
    /// in them. To be called now and then.
    pub fn pass(&self, now: Timestamp) {
        self.now.store(now.as_millis(), Ordering::Relaxed);
    }

    /// Whether the other end of a connection would still be let in.
    pub(super) fn trusts(&self, proof: Proof) -> bool {
        let now = Timestamp::from_millis(self.now.load(Ordering::Relaxed));
        self.loaded.load().generation == proof.generation && now < proof.until
    }

    /// When the certificate ends.
    #[must_use]
    pub fn expires(&self) -> Timestamp {
        self.loaded.load().expires
    }

    /// How to accept a peer: any with a certificate of the authority; and which authority
    /// that is.
    pub(super) fn server(&self) -> (Arc<ServerConfig>, u64) {
        let loaded = self.loaded.load();
        (Arc::clone(&loaded.server), loaded.generation)
    }

    /// How to dial `expected`, and nobody else; and by which authority it is trusted.
    pub(super) fn client(
        &self,
        expected: PeerName,
    ) -> Result<(Arc<ClientConfig>, u64), rustls::Error> {
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
        Ok((Arc::new(config), loaded.generation))
    }
}

/// What the other end of a connection was let in by.
#[derive(Clone, Copy, Debug)]
pub(super) struct Proof {
    /// The authority.
    pub(super) generation: u64,
    /// When its certificate ends.
    pub(super) until: Timestamp,
}

fn read(own: PeerName, files: &Files) -> Result<Loaded, CredentialsError> {
    let chain = chain(&files.certificate)?;
    let leaf = examine::named(&files.certificate, &chain, Some(own))?;
    let key = key(&files.key)?;
    let roots = authority(&files.authority)?;
    let expires = examine::expiry(leaf)?;
    let anchors = roots.roots.clone().into();
    examine::fits(&files.key, &chain, &key)?;
    let server = server(&chain, &key, roots)?;
    Ok(Loaded {
        generation: 0,
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
        .map_err(tls)?;
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13])
        .map_err(tls)?
        .with_client_cert_verifier(verifier)
        .with_single_cert(chain.to_vec(), key.clone_key())
        .map_err(tls)?;
    config.alpn_protocols = vec![HTTP2.to_vec()];
    // A session that is resumed would outlive the certificate that opened it.
    config.session_storage = Arc::new(rustls::server::NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(Arc::new(config))
}

/// The node's certificate and those that signed it; at least one.
pub(super) fn chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, CredentialsError> {
    let chain = CertificateDer::pem_slice_iter(&octets(path)?).collect::<Result<Vec<_>, _>>();
    match chain {
        Ok(chain) if !chain.is_empty() => Ok(chain),
        Ok(_) | Err(_) => Err(CredentialsError::Empty(path.to_owned(), "certificate")),
    }
}

pub(super) fn key(path: &Path) -> Result<PrivateKeyDer<'static>, CredentialsError> {
    PrivateKeyDer::from_pem_slice(&octets(path)?)
        .map_err(|_| CredentialsError::Empty(path.to_owned(), "private key"))
}

/// Several while one authority takes over from another.
pub(super) fn authority(path: &Path) -> Result<RootCertStore, CredentialsError> {
    let mut roots = RootCertStore::empty();
    for certificate in chain(path)? {
        let unfit = |error| CredentialsError::Authority(path.to_owned(), Box::new(error));
        roots.add(certificate).map_err(unfit)?;
    }
    Ok(roots)
}

fn octets(path: &Path) -> Result<Vec<u8>, CredentialsError> {
    std::fs::read(path).map_err(|error| CredentialsError::Unreadable(path.to_owned(), error))
}

pub(super) fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

fn tls(cause: impl std::error::Error + Send + Sync + 'static) -> CredentialsError {
    CredentialsError::Tls(Box::new(cause))
}

const HTTP2: &[u8] = b"h2";
