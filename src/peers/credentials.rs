//! What a node shows its peers and what it trusts them by. Read again while running, so
//! that a certificate is renewed without a restart.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwap;
use countersign_core::base::Timestamp;
use rustls::version::TLS13;
use rustls::{ClientConfig, ServerConfig};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, TrustAnchor};

use super::examine;
use super::name::{NameError, PeerName};
use super::verify::OnePeer;
use crate::tls::{self, FileError, Files, Proof, provider};

/// Why they cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CredentialsError {
    /// A file cannot be used.
    #[error(transparent)]
    File(#[from] FileError),
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
}

impl CredentialsError {
    /// The file that is to be mended.
    #[must_use]
    pub fn file(&self) -> Option<&Path> {
        match self {
            Self::File(error) => error.file(),
            Self::Foreign { path, .. } | Self::Name(path, _) => Some(path),
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
        tls::standing(&self.files.certificate, chain, anchors, now)?;
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

fn read(own: PeerName, files: &Files) -> Result<Loaded, CredentialsError> {
    let chain = tls::chain(&files.certificate)?;
    let leaf = examine::named(&files.certificate, &chain, Some(own))?;
    let key = tls::key(&files.key)?;
    let roots = tls::authority(&files.authority)?;
    let expires = tls::expiry(leaf)?;
    let anchors = roots.roots.clone().into();
    tls::fits(&files.key, &chain, &key)?;
    let server = tls::server(
        &chain,
        &key,
        &Arc::new(roots),
        &[&TLS13],
        vec![HTTP2.to_vec()],
    )?;
    Ok(Loaded {
        generation: 0,
        chain,
        key,
        anchors,
        server,
        expires,
    })
}

const HTTP2: &[u8] = b"h2";
