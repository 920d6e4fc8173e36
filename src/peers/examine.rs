//! Whether a node's files fit it and each other, and hold today.
//!
//! Each question is asked by itself, so that everything that is wrong can be told at once.

use std::path::Path;
use std::time::Duration;

use countersign_core::base::Timestamp;
use rustls::sign::CertifiedKey;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, TrustAnchor, UnixTime};
use webpki::{EndEntityCert, KeyUsage};

use super::credentials::{self, CredentialsError, Files, provider};
use super::name::{NameError, PeerName};

/// Everything that is wrong with `files` for the node `own`, as of `now`, in the order of
/// the files; without `own`, whose they are is not asked. Empty: [`super::Credentials`]
/// can be had from them. Also when the certificate ends, where that can be read.
#[must_use]
pub fn examine(
    own: Option<PeerName>,
    files: &Files,
    now: Timestamp,
) -> (Vec<CredentialsError>, Option<Timestamp>) {
    let mut wrong = Vec::new();
    let mut note = |error| wrong.push(error);
    let chain = credentials::chain(&files.certificate)
        .map_err(&mut note)
        .ok();
    let key = credentials::key(&files.key).map_err(&mut note).ok();
    let roots = credentials::authority(&files.authority)
        .map_err(&mut note)
        .ok();
    let mut expires = None;
    if let Some(chain) = &chain {
        match named(&files.certificate, chain, own) {
            Ok(leaf) => expires = expiry(leaf).map_err(&mut note).ok(),
            Err(error) => note(error),
        }
    }
    if let (Some(chain), Some(key)) = (&chain, &key)
        && let Err(error) = fits(&files.key, chain, key)
    {
        note(error);
    }
    if let (Some(chain), Some(roots)) = (&chain, &roots)
        && let Err(error) = standing(&files.certificate, chain, &roots.roots, now)
    {
        note(error);
    }
    (wrong, expires)
}

/// The certificate at the head of a chain, once it is known to be the node's.
pub(super) fn named<'c>(
    path: &Path,
    chain: &'c [CertificateDer<'static>],
    own: Option<PeerName>,
) -> Result<&'c CertificateDer<'static>, CredentialsError> {
    let unnamed = |error| CredentialsError::Name(path.to_owned(), error);
    let leaf = chain
        .first()
        .ok_or(NameError::Unreadable)
        .map_err(unnamed)?;
    let found = PeerName::of(leaf).map_err(unnamed)?;
    match own {
        Some(own) if own != found => Err(CredentialsError::Foreign {
            path: path.to_owned(),
            found,
            own,
        }),
        Some(_) | None => Ok(leaf),
    }
}

/// Whether the key is the certificate's.
pub(super) fn fits(
    path: &Path,
    chain: &[CertificateDer<'static>],
    key: &PrivateKeyDer<'static>,
) -> Result<(), CredentialsError> {
    CertifiedKey::from_der(chain.to_vec(), key.clone_key(), &provider())
        .map(drop)
        .map_err(|error| CredentialsError::Key(path.to_owned(), error))
}

/// Whether a peer would take the certificate now, at either end of a link.
pub(super) fn standing(
    path: &Path,
    chain: &[CertificateDer<'static>],
    anchors: &[TrustAnchor<'static>],
    now: Timestamp,
) -> Result<(), CredentialsError> {
    let refused = |error| {
        if matches!(error, webpki::Error::CertExpired { .. }) {
            CredentialsError::Expired(path.to_owned())
        } else if matches!(error, webpki::Error::CertNotValidYet { .. }) {
            CredentialsError::NotYetValid(path.to_owned())
        } else {
            CredentialsError::Stranger(path.to_owned(), error)
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

/// When a certificate ends.
pub(super) fn expiry(leaf: &CertificateDer<'_>) -> Result<Timestamp, CredentialsError> {
    let parsed = x509_parser::parse_x509_certificate(leaf);
    let (_, parsed) = parsed.map_err(|error| CredentialsError::Tls(Box::new(error)))?;
    let seconds = u64::try_from(parsed.validity().not_after.timestamp()).unwrap_or_default();
    Ok(Timestamp::from_millis(seconds.saturating_mul(1000)))
}
