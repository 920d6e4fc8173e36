//! Certificates, keys and authorities as they lie on disk, and whether they fit each other.
//!
//! Each question is asked by itself, so that everything that is wrong can be told at once.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use countersign_core::base::Timestamp;
use rustls::RootCertStore;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, TrustAnchor, UnixTime};
use webpki::{EndEntityCert, KeyUsage};

/// Where they are, all PEM.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Files {
    /// The certificate that is shown, then those that signed it.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
    /// The authority by which the other end is trusted.
    pub authority: PathBuf,
}

/// Why they cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// A file cannot be read.
    #[error("{0} cannot be read")]
    Unreadable(PathBuf, #[source] io::Error),
    /// A file holds nothing of its kind.
    #[error("{0} holds no {1} in PEM")]
    Empty(PathBuf, &'static str),
    /// The key is another certificate's.
    #[error("{0} is not the key to the certificate")]
    Key(PathBuf, #[source] rustls::Error),
    /// The authority's file cannot be used.
    #[error("{0} holds no certificate to trust others by")]
    Authority(PathBuf, #[source] BoxError),
    /// Nobody of the authority would take the certificate: another's, or for another use.
    #[error("{0} is no peer's certificate of this authority")]
    Stranger(PathBuf, #[source] webpki::Error),
    /// The certificate has ended.
    #[error("{0} has expired")]
    Expired(PathBuf),
    /// The certificate has not begun.
    #[error("{0} is not valid yet")]
    NotYetValid(PathBuf),
    /// TLS cannot be set up.
    #[error("TLS cannot be set up")]
    Tls(#[source] BoxError),
}

/// Whatever a library says.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

impl FileError {
    /// TLS cannot be set up.
    #[must_use]
    pub fn tls(cause: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self::Tls(Box::new(cause))
    }

    /// The file that is to be mended.
    #[must_use]
    pub fn file(&self) -> Option<&Path> {
        match self {
            Self::Unreadable(path, _)
            | Self::Empty(path, _)
            | Self::Key(path, _)
            | Self::Authority(path, _)
            | Self::Stranger(path, _)
            | Self::Expired(path)
            | Self::NotYetValid(path) => Some(path),
            Self::Tls(_) => None,
        }
    }
}

/// A certificate and those that signed it; at least one.
///
/// # Errors
/// When the file has none.
pub fn chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, FileError> {
    let chain = CertificateDer::pem_slice_iter(&octets(path)?).collect::<Result<Vec<_>, _>>();
    match chain {
        Ok(chain) if !chain.is_empty() => Ok(chain),
        Ok(_) | Err(_) => Err(FileError::Empty(path.to_owned(), "certificate")),
    }
}

/// A private key.
///
/// # Errors
/// When the file has none.
pub fn key(path: &Path) -> Result<PrivateKeyDer<'static>, FileError> {
    PrivateKeyDer::from_pem_slice(&octets(path)?)
        .map_err(|_| FileError::Empty(path.to_owned(), "private key"))
}

/// An authority; several while one takes over from another.
///
/// # Errors
/// When the file has none, or one that nobody can be trusted by.
pub fn authority(path: &Path) -> Result<RootCertStore, FileError> {
    let mut roots = RootCertStore::empty();
    for certificate in chain(path)? {
        let unfit = |error| FileError::Authority(path.to_owned(), Box::new(error));
        roots.add(certificate).map_err(unfit)?;
    }
    Ok(roots)
}

/// Whether the key, of the file `path`, is the certificate's.
///
/// # Errors
/// When it is not.
pub fn fits(
    path: &Path,
    chain: &[CertificateDer<'static>],
    key: &PrivateKeyDer<'static>,
) -> Result<(), FileError> {
    CertifiedKey::from_der(chain.to_vec(), key.clone_key(), &provider())
        .map(drop)
        .map_err(|error| FileError::Key(path.to_owned(), error))
}

/// Whether those who trust `anchors` would take the certificate now, at either end.
///
/// # Errors
/// Why they would not.
pub fn standing(
    path: &Path,
    chain: &[CertificateDer<'static>],
    anchors: &[TrustAnchor<'static>],
    now: Timestamp,
) -> Result<(), FileError> {
    let refused = |error| {
        if matches!(error, webpki::Error::CertExpired { .. }) {
            FileError::Expired(path.to_owned())
        } else if matches!(error, webpki::Error::CertNotValidYet { .. }) {
            FileError::NotYetValid(path.to_owned())
        } else {
            FileError::Stranger(path.to_owned(), error)
        }
    };
    let Some((leaf, others)) = chain.split_first() else {
        return Err(refused(webpki::Error::BadDer));
    };
    let leaf = EndEntityCert::try_from(leaf).map_err(refused)?;
    let now = UnixTime::since_unix_epoch(Duration::from_millis(now.as_millis()));
    let algorithms = provider().signature_verification_algorithms.all;
    for usage in [KeyUsage::server_auth(), KeyUsage::client_auth()] {
        leaf.verify_for_usage(algorithms, anchors, others, now, usage, None, None)
            .map_err(refused)?;
    }
    Ok(())
}

/// Whether the certificate of the file `path` is within its time; whoever signed it.
///
/// # Errors
/// When it is not, or cannot be read.
pub fn validity(
    path: &Path,
    chain: &[CertificateDer<'_>],
    now: Timestamp,
) -> Result<Timestamp, FileError> {
    let empty = || FileError::Empty(path.to_owned(), "certificate");
    let (from, until) = times(chain.first().ok_or_else(empty)?)?;
    if now >= until {
        Err(FileError::Expired(path.to_owned()))
    } else if now < from {
        Err(FileError::NotYetValid(path.to_owned()))
    } else {
        Ok(until)
    }
}

/// When a certificate ends.
///
/// # Errors
/// When it cannot be read.
pub fn expiry(leaf: &CertificateDer<'_>) -> Result<Timestamp, FileError> {
    times(leaf).map(|(_, until)| until)
}

fn times(leaf: &CertificateDer<'_>) -> Result<(Timestamp, Timestamp), FileError> {
    let parsed = x509_parser::parse_x509_certificate(leaf);
    let (_, parsed) = parsed.map_err(FileError::tls)?;
    let at = |seconds: i64| {
        let seconds = u64::try_from(seconds).unwrap_or_default();
        Timestamp::from_millis(seconds.saturating_mul(1000))
    };
    let validity = parsed.validity();
    let (from, until) = (validity.not_before, validity.not_after);
    Ok((at(from.timestamp()), at(until.timestamp())))
}

/// The one cryptography of the house.
#[must_use]
pub fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

fn octets(path: &Path) -> Result<Vec<u8>, FileError> {
    std::fs::read(path).map_err(|error| FileError::Unreadable(path.to_owned(), error))
}
