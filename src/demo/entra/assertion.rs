//! The confidential application's certificate: made here, and what it signs is checked here.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::signature::{RSA_PSS_2048_8192_SHA256, UnparsedPublicKey};
use data_encoding::BASE64URL_NOPAD;
use rcgen::{CertificateParams, DnType, KeyPair, PKCS_RSA_SHA256, RsaKeySize};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use x509_parser::parse_x509_certificate;

use super::answer::Refusal;
use super::options::write_private;

/// The certificate that the application is registered with.
#[derive(Debug)]
pub(super) struct Registered {
    thumbprint: String,
    public_key: Vec<u8>,
}

/// Where the certificate and its key are, both PEM, for who wants to be the application.
#[derive(Clone, Debug)]
pub(super) struct Files {
    pub(super) certificate: PathBuf,
    pub(super) key: PathBuf,
}

/// What an assertion must say.
#[derive(Clone, Copy, Debug)]
pub(super) struct Expected<'a> {
    pub(super) audiences: &'a [String],
    pub(super) client_id: &'a str,
    /// Seconds since 1970.
    pub(super) now: f64,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    #[serde(rename = "x5t#S256")]
    thumbprint: Option<String>,
}

#[derive(Deserialize)]
struct Claims {
    aud: String,
    iss: String,
    sub: String,
    jti: String,
    /// Seconds, also parts of one (RFC 7519 §2): Microsoft's library sends those.
    exp: f64,
    nbf: Option<f64>,
}

impl Files {
    pub(super) fn of(dir: &Path) -> Self {
        Self {
            certificate: dir.join("entra-client.pem"),
            key: dir.join("entra-client.key"),
        }
    }

    /// Takes the files, or makes them.
    pub(super) fn open(&self) -> anyhow::Result<Registered> {
        if !self.certificate.exists() || !self.key.exists() {
            let key = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048)?;
            let mut params = CertificateParams::new(Vec::new())?;
            params
                .distinguished_name
                .push(DnType::CommonName, "RADIUS at the stand-in");
            write_private(&self.key, key.serialize_pem().as_bytes())?;
            fs::write(&self.certificate, params.self_signed(&key)?.pem())?;
        }
        let shown = || format!("cannot read {}", self.certificate.display());
        let der = CertificateDer::from_pem_file(&self.certificate).with_context(shown)?;
        let (_, parsed) = parse_x509_certificate(&der).with_context(shown)?;
        Ok(Registered {
            thumbprint: BASE64URL_NOPAD.encode(digest(&SHA256, &der).as_ref()),
            public_key: parsed.public_key().subject_public_key.data.to_vec(),
        })
    }
}

impl Registered {
    /// `None`: it is the application's, for this endpoint and this moment.
    pub(super) fn judge(&self, assertion: &str, expected: Expected<'_>) -> Option<Refusal> {
        let Some(claims) = self.signed(assertion) else {
            return Some(Refusal::WRONG_ASSERTION);
        };
        let ours = |name: &str| name.eq_ignore_ascii_case(expected.client_id);
        if !ours(&claims.iss) || !ours(&claims.sub) || claims.jti.is_empty() {
            return Some(Refusal::WRONG_SUBJECT);
        }
        if !expected.audiences.contains(&claims.aud) {
            return Some(Refusal::WRONG_AUDIENCE);
        }
        let begun = claims
            .nbf
            .is_none_or(|nbf| nbf <= expected.now + CLOCKS_APART_SECS);
        let in_time = claims.exp > expected.now - CLOCKS_APART_SECS;
        let short = claims.exp <= expected.now + LIFE_SECS_MAX;
        (!begun || !in_time || !short).then_some(Refusal::LATE_ASSERTION)
    }

    /// What it claims, if the key of this certificate has signed it.
    fn signed(&self, assertion: &str) -> Option<Claims> {
        let (signed, signature) = assertion.rsplit_once('.')?;
        let (header, claims) = signed.split_once('.')?;
        let header: Header = part(header)?;
        let thumbprint = header.thumbprint.unwrap_or_default();
        if header.alg != "PS256" || thumbprint.trim_end_matches('=') != self.thumbprint {
            return None;
        }
        let signature = BASE64URL_NOPAD.decode(signature.as_bytes()).ok()?;
        let key = UnparsedPublicKey::new(&RSA_PSS_2048_8192_SHA256, &self.public_key);
        key.verify(signed.as_bytes(), &signature).ok()?;
        part(claims)
    }
}

fn part<T: DeserializeOwned>(text: &str) -> Option<T> {
    let octets = BASE64URL_NOPAD.decode(text.as_bytes()).ok()?;
    serde_json::from_slice(&octets).ok()
}

/// As Entra has it.
const CLOCKS_APART_SECS: f64 = 300.0;
const LIFE_SECS_MAX: f64 = 24.0 * 3600.0;
