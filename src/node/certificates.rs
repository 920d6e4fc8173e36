//! Certificates that the house makes for itself.

use std::time::Duration;

use countersign_core::base::{Secret, Timestamp};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, SanType,
};
use time::OffsetDateTime;

use crate::peers::PeerName;

/// A certificate authority of our own.
#[derive(Debug)]
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: String,
    key: Secret,
    now: Timestamp,
}

/// A certificate of one end and its key, both PEM.
#[derive(Debug)]
pub struct ServerCertificate {
    /// The certificate, then its authority's.
    pub chain: String,
    /// The private key.
    pub key: Secret,
}

/// A certificate could not be made.
#[derive(Debug, thiserror::Error)]
#[error("a certificate cannot be made")]
pub struct CertificateError(#[from] rcgen::Error);

impl Authority {
    /// Makes one, named so that an operator recognises it. It lasts ten years from `now`.
    ///
    /// # Errors
    /// When the library cannot make it.
    pub fn new(name: &str, now: Timestamp) -> Result<Self, CertificateError> {
        Self::with_key(name, KeyPair::generate()?, now)
    }

    /// The one that [`Self::new`] made under this name, from its key in PEM, with a
    /// certificate that lasts ten years from `now`: good wherever the first one is.
    ///
    /// # Errors
    /// When the key cannot be read.
    pub fn open(name: &str, key: &Secret, now: Timestamp) -> Result<Self, CertificateError> {
        let key = String::from_utf8_lossy(key.expose());
        Self::with_key(name, KeyPair::from_pem(&key)?, now)
    }

    fn with_key(name: &str, key: KeyPair, now: Timestamp) -> Result<Self, CertificateError> {
        let mut params = named(name);
        last(&mut params, now, AUTHORITY_LIFE);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let certificate = params.self_signed(&key)?.pem();
        let secret = key.serialize_pem().into();
        Ok(Self {
            issuer: Issuer::new(params, key),
            certificate,
            key: secret,
            now,
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

    /// Makes a peer's certificate: it calls and is called by that name alone, for two
    /// years.
    ///
    /// # Errors
    /// When the library cannot make it.
    pub fn peer(&self, peer: PeerName) -> Result<ServerCertificate, CertificateError> {
        let mut params = named(&format!("Countersign node {}", peer.node));
        last(&mut params, self.now, PEER_LIFE);
        let uri = SanType::URI(peer.to_string().try_into()?);
        params.subject_alt_names = vec![uri];
        params.extended_key_usages = vec![
            ExtendedKeyUsagePurpose::ServerAuth,
            ExtendedKeyUsagePurpose::ClientAuth,
        ];
        self.sign(params)
    }

    /// Makes a server's certificate for DNS names and addresses. It lasts as long as its
    /// authority, whose key nobody keeps.
    ///
    /// # Errors
    /// When a name is neither, or the library cannot make it.
    pub fn server(&self, names: &[&str]) -> Result<ServerCertificate, CertificateError> {
        self.end(names, ExtendedKeyUsagePurpose::ServerAuth)
    }

    /// Makes a client's certificate for DNS names, likewise.
    ///
    /// # Errors
    /// When a name is none, or the library cannot make it.
    pub fn client(&self, names: &[&str]) -> Result<ServerCertificate, CertificateError> {
        self.end(names, ExtendedKeyUsagePurpose::ClientAuth)
    }

    fn end(
        &self,
        names: &[&str],
        usage: ExtendedKeyUsagePurpose,
    ) -> Result<ServerCertificate, CertificateError> {
        let mut params =
            CertificateParams::new(names.iter().map(ToString::to_string).collect::<Vec<_>>())?;
        last(&mut params, self.now, AUTHORITY_LIFE);
        params.distinguished_name = DistinguishedName::new();
        params
            .distinguished_name
            .push(DnType::CommonName, names.first().copied().unwrap_or(""));
        params.extended_key_usages = vec![usage];
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

/// A machine whose clock is a little behind takes the certificate, too.
fn last(params: &mut CertificateParams, now: Timestamp, life: Duration) {
    let at = |time: Timestamp| {
        let seconds = i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
        OffsetDateTime::from_unix_timestamp(seconds)
    };
    // A time that no certificate can hold leaves the library's own bounds.
    if let (Ok(from), Ok(until)) = (at(now.minus(DAY)), at(now.plus(life))) {
        params.not_before = from;
        params.not_after = until;
    }
}

const DAY: Duration = Duration::from_secs(24 * 3600);
/// Ten years.
const AUTHORITY_LIFE: Duration = Duration::from_secs(3653 * 24 * 3600);
/// Two years.
const PEER_LIFE: Duration = Duration::from_secs(731 * 24 * 3600);
