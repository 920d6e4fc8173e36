//! Certificates and keys of a document, which has them as PEM (RFC 7468).

use std::fmt::Write as _;

use countersign_core::base::Secret;
use data_encoding::BASE64;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivatePkcs8KeyDer};

/// The DER of a certificate; nothing of an empty text.
pub(super) fn certificate(text: &str) -> Result<Vec<u8>, &'static str> {
    if text.is_empty() {
        return Ok(Vec::new());
    }
    let read = CertificateDer::from_pem_slice(text.as_bytes());
    read.map(|der| der.to_vec())
        .map_err(|_| "not a certificate in PEM")
}

/// A certificate as a document has it.
pub(super) fn certificate_text(der: &[u8]) -> String {
    if der.is_empty() {
        return String::new();
    }
    let mut text = "-----BEGIN CERTIFICATE-----\n".to_owned();
    for line in BASE64.encode(der).as_bytes().chunks(LINE_OCTETS) {
        let _ = writeln!(text, "{}", String::from_utf8_lossy(line));
    }
    text + "-----END CERTIFICATE-----\n"
}

/// The DER of a private key.
pub(super) fn key(text: &Secret) -> Result<Secret, &'static str> {
    let read = PrivatePkcs8KeyDer::from_pem_slice(text.expose());
    read.map(|der| Secret::from(der.secret_pkcs8_der()))
        .map_err(|_| "not a private key in PEM (PKCS#8)")
}

/// RFC 7468 §2.
const LINE_OCTETS: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_is_shown_as_it_was_given() {
        let pair = rcgen::generate_simple_self_signed(vec!["contoso.example".to_owned()]);
        let pair = pair.expect("a certificate");
        let der = certificate(&pair.cert.pem()).expect("PEM");
        assert_eq!(der, pair.cert.der().to_vec());
        assert_eq!(certificate(&certificate_text(&der)), Ok(der));
        assert_eq!(certificate(""), Ok(Vec::new()));
        assert!(certificate("MIIB").is_err());
        let text = Secret::from(pair.signing_key.serialize_pem());
        let read = key(&text).expect("a key");
        assert_eq!(read.expose(), pair.signing_key.serialize_der());
        assert!(key(&Secret::from(pair.cert.pem())).is_err());
    }
}
