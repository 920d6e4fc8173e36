//! Authorities and certificates for tests of both listeners.

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    SanType, date_time_ymd,
};

/// What a certificate says.
#[derive(Default)]
pub(crate) struct Shown {
    pub(crate) uris: Vec<String>,
    pub(crate) dns: Vec<String>,
    pub(crate) common_name: String,
    pub(crate) expired: bool,
    pub(crate) server_only: bool,
}

/// Certificate and key, PEM.
pub(crate) type Identity = (String, String);

pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: String,
}

impl Authority {
    pub(crate) fn new(name: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).unwrap().pem();
        let issuer = Issuer::new(params, key);
        Self {
            issuer,
            certificate,
        }
    }

    /// PEM.
    pub(crate) fn certificate(&self) -> &str {
        &self.certificate
    }

    pub(crate) fn issue(&self, shown: &Shown) -> Identity {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        let uris = shown.uris.iter().cloned();
        let uris = uris.map(|uri| SanType::URI(uri.try_into().unwrap()));
        let dns = shown.dns.iter().cloned();
        let dns = dns.map(|name| SanType::DnsName(name.try_into().unwrap()));
        params.subject_alt_names = uris.chain(dns).collect();
        if !shown.common_name.is_empty() {
            let name = &mut params.distinguished_name;
            name.push(DnType::CommonName, shown.common_name.clone());
        }
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        if !shown.server_only {
            let usages = &mut params.extended_key_usages;
            usages.push(ExtendedKeyUsagePurpose::ClientAuth);
        }
        if shown.expired {
            params.not_after = date_time_ymd(2020, 1, 1);
        }
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        (certificate.pem(), key.serialize_pem())
    }
}
