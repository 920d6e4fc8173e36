//! A client that proves itself by a certificate: each request carries a statement that is
//! signed with its key (RFC 7523 §2.2), and no secret.
//!
//! One statement serves the requests of a minute. A signature takes a third of a millisecond:
//! a core would be busy with signing for 3,000 logins a second.
//!
//! Must not know users, or where the key is kept.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{KeyPair as _, RSA_PSS_SHA256, RsaKeyPair};
use countersign_core::base::{Secret, Timestamp};
use data_encoding::BASE64URL_NOPAD;
use serde_json::json;
use x509_parser::parse_x509_certificate;
use zeroize::Zeroizing;

/// A certificate with its key, for one application at one token endpoint.
pub(super) struct Certificate {
    key: RsaKeyPair,
    /// As Entra finds the certificate: `x5t#S256`.
    thumbprint: String,
    /// When it ends.
    pub(super) expires: Timestamp,
    last: Mutex<Option<Statement>>,
}

/// A statement as a JWT, and when it was signed. Whoever has it is the client until it ends.
struct Statement {
    signed: Timestamp,
    text: Arc<Zeroizing<String>>,
}

/// Why a certificate cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// Not one certificate in DER.
    #[error("the client certificate is not one X.509 certificate in DER")]
    Certificate,
    /// Not a key in PKCS#8, or of another kind.
    #[error("the client key is no RSA key of 2048 to 8192 bits in PKCS#8")]
    Key,
    /// The key is another certificate's.
    #[error("the client key is not the key of the client certificate")]
    Mismatch,
}

/// The signature failed: the library is broken.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the client assertion cannot be signed")]
pub(super) struct Unsigned;

/// What a statement is about.
#[derive(Clone, Copy, Debug)]
pub(super) struct Claims<'a> {
    /// The token endpoint: a statement for one is worth nothing at another.
    pub(super) audience: &'a str,
    pub(super) client_id: &'a str,
    /// Of no statement before.
    pub(super) id: &'a str,
    pub(super) now: Timestamp,
}

impl Certificate {
    /// Takes a certificate and its key, both DER.
    pub(super) fn new(certificate: &[u8], key: &Secret) -> Result<Self, CertificateError> {
        let (rest, parsed) =
            parse_x509_certificate(certificate).map_err(|_| CertificateError::Certificate)?;
        if !rest.is_empty() {
            return Err(CertificateError::Certificate);
        }
        let key = RsaKeyPair::from_pkcs8(key.expose()).map_err(|_| CertificateError::Key)?;
        if *parsed.public_key().subject_public_key.data != *key.public_key().as_ref() {
            return Err(CertificateError::Mismatch);
        }
        let expires = parsed.validity().not_after.timestamp();
        let expires = u64::try_from(expires).unwrap_or_default();
        Ok(Self {
            key,
            thumbprint: BASE64URL_NOPAD.encode(digest(&SHA256, certificate).as_ref()),
            expires: Timestamp::from_millis(expires.saturating_mul(1000)),
            last: Mutex::default(),
        })
    }

    /// A statement of the last minute, or else a new one with these claims.
    pub(super) fn assertion(&self, claims: Claims<'_>) -> Result<Arc<Zeroizing<String>>, Unsigned> {
        // Whoever comes meanwhile waits for this signature rather than for one of its own.
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(statement) = last.as_ref().filter(|it| it.serves(claims.now)) {
            return Ok(Arc::clone(&statement.text));
        }
        let text = Arc::new(Zeroizing::new(self.signed(claims)?));
        *last = Some(Statement {
            signed: claims.now,
            text: Arc::clone(&text),
        });
        Ok(text)
    }

    /// PS256, which Entra prefers to RS256.
    fn signed(&self, claims: Claims<'_>) -> Result<String, Unsigned> {
        let issued = claims.now.as_secs();
        let header = json!({"alg": "PS256", "typ": "JWT", "x5t#S256": self.thumbprint});
        let body = json!({
            "aud": claims.audience,
            "iss": claims.client_id,
            "sub": claims.client_id,
            "jti": claims.id,
            "iat": issued,
            "nbf": issued,
            "exp": issued.saturating_add(LIFE.as_secs()),
        });
        let part = |value: &serde_json::Value| BASE64URL_NOPAD.encode(value.to_string().as_bytes());
        let mut text = format!("{}.{}", part(&header), part(&body));
        let mut signature = vec![0; self.key.public_modulus_len()];
        let signed = self.key.sign(
            &RSA_PSS_SHA256,
            &SystemRandom::new(),
            text.as_bytes(),
            &mut signature,
        );
        signed.map_err(|_| Unsigned)?;
        text.push('.');
        text.push_str(&BASE64URL_NOPAD.encode(&signature));
        Ok(text)
    }
}

impl Statement {
    /// Also where the clock was set back: from there it would be one of the future.
    fn serves(&self, now: Timestamp) -> bool {
        (self.signed..self.signed.plus(SERVES)).contains(&now)
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificate")
            .field("thumbprint", &self.thumbprint)
            .finish_non_exhaustive()
    }
}

/// How long a statement is good for: as long as clocks may be apart, and no longer, since
/// whoever finds one may use it until then.
const LIFE: Duration = Duration::from_secs(300);
/// For how long requests carry the same statement; far less than its life.
const SERVES: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests;
