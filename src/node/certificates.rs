//! Certificates that the house makes for itself.

use countersign_core::base::Secret;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, SanType,
};

use crate::peers::PeerName;

/// A certificate authority of our own.
#[derive(Debug)]
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: String,
    key: Secret,
}

/// A server's certificate and its key, both PEM.
#[derive(Debug)]
pub struct ServerCertificate {
    /// The server's certificate, then its authority's.
    pub chain: String,
    /// The private key.
    pub key: Secret,
}

/// A certificate could not be made.
#[derive(Debug, thiserror::Error)]
#[error("a certificate cannot be made")]
pub struct CertificateError(#[from] rcgen::Error);

impl Authority {
    /// Makes one, named so that an operator recognises it.
    ///
    /// # Errors
    /// When the library cannot make it.
    pub fn new(name: &str) -> Result<Self, CertificateError> {
        let key = KeyPair::generate()?;
        let mut params = named(name);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let certificate = params.self_signed(&key)?.pem();
        let secret = key.serialize_pem().into();
        Ok(Self {
            issuer: Issuer::new(params, key),
            certificate,
            key: secret,
        })
    }

    /// Its certificate, PEM.
    #[must_use]
    pub fn certificate(&self) -> &str {
        &self.certificate
    }

    /// Its private key, PEM.
    #[must_use]
    pub const fn key(&self) -> &Secret {
        &self.key
    }

    /// Makes a peer's certificate: it calls and is called by that name alone.
    ///
    /// # Errors
    /// When the library cannot make it.
    pub fn peer(&self, peer: PeerName) -> Result<ServerCertificate, CertificateError> {
        let mut params = named(&format!("Countersign node {}", peer.node));
        let uri = SanType::URI(peer.to_string().try_into()?);
        params.subject_alt_names = vec![uri];
        params.extended_key_usages = vec![
            ExtendedKeyUsagePurpose::ServerAuth,
            ExtendedKeyUsagePurpose::ClientAuth,
        ];
        self.sign(params)
    }

    /// Makes a server's certificate for DNS names and addresses.
    ///
    /// # Errors
    /// When a name is neither, or the library cannot make it.
    pub fn server(&self, names: &[&str]) -> Result<ServerCertificate, CertificateError> {
        let mut params =
            CertificateParams::new(names.iter().map(ToString::to_string).collect::<Vec<_>>())?;
        params.distinguished_name = DistinguishedName::new();
        params
            .distinguished_name
            .push(DnType::CommonName, names.first().copied().unwrap_or(""));
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        self.sign(params)
    }

    fn sign(&self, mut params: CertificateParams) -> Result<ServerCertificate, CertificateError> {
        let key = KeyPair::generate()?;
        params.use_authority_key_identifier_extension = true;
        let certificate = params.signed_by(&key, &self.issuer)?.pem();
        let chain = format!("{certificate}{}", self.certificate);
        Ok(ServerCertificate {
            chain,
            key: key.serialize_pem().into(),
        })
    }
}

fn named(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params
}
