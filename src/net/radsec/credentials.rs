//! What a node shows RadSec clients and what it trusts them by. Read again while running.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwap;
use countersign_core::base::Timestamp;
use countersign_core::radius::Version;
use rustls::ServerConfig;
use rustls::version::{TLS12, TLS13};
use rustls_pki_types::TrustAnchor;

use crate::tls::{self, FileError, Files, Proof};

/// A node's credentials for RadSec, as they are on disk at present.
#[derive(Debug)]
pub struct Credentials {
    files: Files,
    loaded: ArcSwap<Loaded>,
    /// In milliseconds, as it was told last.
    now: AtomicU64,
}

#[derive(Debug)]
struct Loaded {
    /// Counts the authorities that were trusted.
    generation: u64,
    anchors: Vec<TrustAnchor<'static>>,
    /// For those who can speak TLS 1.3.
    modern: Arc<ServerConfig>,
    historic: Arc<ServerConfig>,
    expires: Timestamp,
}

impl Credentials {
    /// Reads them and holds them against each other.
    ///
    /// # Errors
    /// When a file is missing or they do not fit each other.
    pub fn load(files: Files) -> Result<Self, FileError> {
        let loaded = ArcSwap::from_pointee(read(&files)?);
        Ok(Self {
            files,
            loaded,
            now: AtomicU64::new(0),
        })
    }

    /// Where they are read from.
    #[must_use]
    pub const fn files(&self) -> &Files {
        &self.files
    }

    /// Reads them again; what no client would take `now` leaves those of before in force.
    /// Where the authority is another, connections that it did not prove end.
    ///
    /// # Errors
    /// The first thing that is wrong with them.
    pub fn reload(&self, now: Timestamp) -> Result<(), FileError> {
        let chain = tls::chain(&self.files.certificate)?;
        tls::validity(&self.files.certificate, &chain, now)?;
        let mut loaded = read(&self.files)?;
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

    /// When the certificate ends.
    #[must_use]
    pub fn expires(&self) -> Timestamp {
        self.loaded.load().expires
    }

    /// Whether the other end of a connection would still be let in.
    pub(super) fn trusts(&self, proof: Proof) -> bool {
        let now = Timestamp::from_millis(self.now.load(Ordering::Relaxed));
        self.loaded.load().generation == proof.generation && now < proof.until
    }

    /// How to meet a client that offers TLS 1.3, or does not; and the authority it is
    /// trusted by.
    pub(super) fn server(&self, modern: bool) -> (Arc<ServerConfig>, u64) {
        let loaded = self.loaded.load();
        let config = if modern {
            &loaded.modern
        } else {
            &loaded.historic
        };
        (Arc::clone(config), loaded.generation)
    }
}

/// Everything that is wrong with `files` as of `now`, in the order of the files. Empty:
/// [`Credentials`] can be had from them. Also when the certificate ends, where that can be
/// read. Who signed it is the clients' to judge.
#[must_use]
pub fn examine(files: &Files, now: Timestamp) -> (Vec<FileError>, Option<Timestamp>) {
    let mut wrong = Vec::new();
    let mut note = |error| wrong.push(error);
    let chain = tls::chain(&files.certificate).map_err(&mut note).ok();
    let key = tls::key(&files.key).map_err(&mut note).ok();
    let _roots = tls::authority(&files.authority).map_err(&mut note);
    let mut expires = None;
    if let Some(chain) = &chain {
        expires = tls::validity(&files.certificate, chain, now)
            .map_err(&mut note)
            .ok();
    }
    if let (Some(chain), Some(key)) = (&chain, &key)
        && let Err(error) = tls::fits(&files.key, chain, key)
    {
        note(error);
    }
    (wrong, expires)
}

fn read(files: &Files) -> Result<Loaded, FileError> {
    let chain = tls::chain(&files.certificate)?;
    let key = tls::key(&files.key)?;
    let roots = tls::authority(&files.authority)?;
    tls::fits(&files.key, &chain, &key)?;
    let anchors = roots.roots.clone();
    let roots = Arc::new(roots);
    let leaf = chain.first().map(tls::expiry).transpose()?;
    // RFC 9765 §3.4: RADIUS/1.1 asks for TLS 1.3.
    let server = |versions: &[Version]| {
        let protocols = versions.iter().map(|it| it.alpn().to_vec()).collect();
        tls::server(&chain, &key, &roots, &[&TLS13, &TLS12], protocols)
    };
    Ok(Loaded {
        generation: 0,
        anchors,
        modern: server(&[Version::WithoutMd5, Version::Historic])?,
        historic: server(&[Version::Historic])?,
        expires: leaf.unwrap_or_default(),
    })
}
