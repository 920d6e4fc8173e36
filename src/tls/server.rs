//! The server's side of TLS where the other end must show a certificate.
//!
//! Must not know whose it is, nor what is said in a session.

use std::sync::Arc;

use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::{RootCertStore, ServerConfig, SupportedProtocolVersion};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use super::{FileError, provider};

/// Shows `chain`, trusts whoever has a certificate of `roots`, and speaks one of `protocols`
/// (ALPN) in one of `versions`.
///
/// # Errors
/// When TLS cannot be set up with them.
pub fn server(
    chain: &[CertificateDer<'static>],
    key: &PrivateKeyDer<'static>,
    roots: &Arc<RootCertStore>,
    versions: &[&'static SupportedProtocolVersion],
    protocols: Vec<Vec<u8>>,
) -> Result<Arc<ServerConfig>, FileError> {
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::clone(roots), provider())
        .build()
        .map_err(FileError::tls)?;
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(versions)
        .map_err(FileError::tls)?
        .with_client_cert_verifier(verifier)
        .with_single_cert(chain.to_vec(), key.clone_key())
        .map_err(FileError::tls)?;
    config.alpn_protocols = protocols;
    // A session that is resumed would outlive the certificate that opened it.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(Arc::new(config))
}
