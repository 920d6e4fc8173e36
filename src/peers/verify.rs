//! Whether the server at the other end is the node that was dialled.
//!
//! rustls' own verifier knows DNS names only; here the name is a URI. The chain is
//! checked by the same library, and nothing but TLS 1.3 is spoken.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls13_signature};
use rustls::{
    CertificateError, DigitallySignedStruct, Error, OtherError, PeerIncompatible, SignatureScheme,
};
use rustls_pki_types::{CertificateDer, ServerName, TrustAnchor, UnixTime};
use webpki::{EndEntityCert, KeyUsage};

use super::name::PeerName;

/// Takes one peer's certificate and no other.
#[derive(Debug)]
pub(super) struct OnePeer {
    pub(super) expected: PeerName,
    pub(super) anchors: Arc<[TrustAnchor<'static>]>,
    pub(super) provider: Arc<CryptoProvider>,
}

/// The certificate is good, but another's.
#[derive(Debug, thiserror::Error)]
#[error("the certificate is of {found}, not of {expected}")]
struct Another {
    found: PeerName,
    expected: PeerName,
}

impl ServerCertVerifier for OnePeer {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let parsed =
            EndEntityCert::try_from(end_entity).map_err(|_| CertificateError::BadEncoding)?;
        let algorithms = self.provider.signature_verification_algorithms.all;
        let usage = KeyUsage::server_auth();
        parsed
            .verify_for_usage(
                algorithms,
                &self.anchors,
                intermediates,
                now,
                usage,
                None,
                None,
            )
            .map_err(unfit)?;
        let found = PeerName::of(end_entity).map_err(unfit)?;
        if found == self.expected {
            return Ok(ServerCertVerified::assertion());
        }
        let expected = self.expected;
        Err(unfit(Another { found, expected }))
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(PeerIncompatible::Tls12NotOffered.into())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let algorithms = &self.provider.signature_verification_algorithms;
        algorithms.supported_schemes()
    }
}

fn unfit(cause: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(cause))))
}
