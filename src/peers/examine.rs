//! Whether a node's files fit it and each other, and hold today.
//!
//! Each question is asked by itself, so that everything that is wrong can be told at once.

use std::path::Path;

use countersign_core::base::Timestamp;
use rustls_pki_types::CertificateDer;

use super::credentials::CredentialsError;
use super::name::{NameError, PeerName};
use crate::tls::{self, FileError, Files};

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
    let mut noted = |error: FileError| note(error.into());
    let chain = tls::chain(&files.certificate).map_err(&mut noted).ok();
    let key = tls::key(&files.key).map_err(&mut noted).ok();
    let roots = tls::authority(&files.authority).map_err(&mut noted).ok();
    let mut expires = None;
    if let Some(chain) = &chain {
        match named(&files.certificate, chain, own) {
            Ok(leaf) => expires = tls::expiry(leaf).map_err(|error| note(error.into())).ok(),
            Err(error) => note(error),
        }
    }
    if let (Some(chain), Some(key)) = (&chain, &key)
        && let Err(error) = tls::fits(&files.key, chain, key)
    {
        note(error.into());
    }
    if let (Some(chain), Some(roots)) = (&chain, &roots)
        && let Err(error) = tls::standing(&files.certificate, chain, &roots.roots, now)
    {
        note(error.into());
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
