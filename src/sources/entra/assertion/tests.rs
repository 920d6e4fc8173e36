use aws_lc_rs::signature::{RSA_PSS_2048_8192_SHA256, UnparsedPublicKey};
use rcgen::{CertificateParams, KeyPair, PKCS_RSA_SHA256, RsaKeySize};
use serde_json::Value;

use super::*;

/// A certificate and its key, both DER.
fn made() -> (Vec<u8>, Secret) {
    let key = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).expect("a key");
    let params = CertificateParams::new(Vec::new()).expect("parameters");
    let certificate = params.self_signed(&key).expect("a certificate");
    (certificate.der().to_vec(), Secret::new(key.serialize_der()))
}

const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_123);

fn claims() -> Claims<'static> {
    Claims {
        audience: "https://login.example/t/oauth2/v2.0/token",
        client_id: "app",
        id: "one",
        now: NOW,
    }
}

fn decoded(part: &str) -> Value {
    let octets = BASE64URL_NOPAD.decode(part.as_bytes()).expect("base64url");
    serde_json::from_slice(&octets).expect("JSON")
}

#[test]
fn an_assertion_says_who_for_whom_and_until_when_and_is_signed() {
    let (certificate, key) = made();
    let signer = Certificate::new(&certificate, &key).expect("they fit");
    let text = signer.assertion(claims()).expect("it signs");
    let (signed, signature) = text.rsplit_once('.').expect("three parts");
    let (header, body) = signed.split_once('.').expect("three parts");
    let thumbprint = BASE64URL_NOPAD.encode(digest(&SHA256, &certificate).as_ref());
    assert_eq!(
        decoded(header),
        json!({"alg": "PS256", "typ": "JWT", "x5t#S256": thumbprint})
    );
    let expected = json!({
        "aud": "https://login.example/t/oauth2/v2.0/token",
        "iss": "app", "sub": "app", "jti": "one",
        "iat": 1_800_000_000, "nbf": 1_800_000_000, "exp": 1_800_000_300,
    });
    assert_eq!(decoded(body), expected);
    let signature = BASE64URL_NOPAD
        .decode(signature.as_bytes())
        .expect("octets");
    let (_, parsed) = parse_x509_certificate(&certificate).expect("a certificate");
    let public = parsed.public_key().subject_public_key.data.to_vec();
    let public = UnparsedPublicKey::new(&RSA_PSS_2048_8192_SHA256, public);
    assert!(public.verify(signed.as_bytes(), &signature).is_ok());
    assert!(public.verify(header.as_bytes(), &signature).is_err());
}

#[test]
fn one_statement_serves_a_minute_and_no_clock_that_was_set_back() {
    let (certificate, key) = made();
    let signer = Certificate::new(&certificate, &key).expect("they fit");
    let at = |seconds: u64, id| {
        let now = Timestamp::from_millis(NOW.as_millis() + seconds * 1000);
        let claims = Claims {
            id,
            now,
            ..claims()
        };
        signer.assertion(claims).expect("it signs")
    };
    let first = at(10, "one");
    assert_eq!(at(69, "two"), first);
    let second = at(70, "three");
    assert_ne!(second, first);
    let body = second.split('.').nth(1).expect("three parts");
    assert_eq!(decoded(body)["jti"], "three");
    let before = at(9, "four");
    assert_ne!(before, second);
    assert_eq!(at(10, "five"), before);
}

#[test]
fn a_key_of_another_certificate_is_refused() {
    let ((certificate, key), (_, other)) = (made(), made());
    let new = |certificate: &[u8], key: &Secret| Certificate::new(certificate, key).err();
    assert!(new(&certificate, &key).is_none());
    assert!(matches!(
        new(&certificate, &other),
        Some(CertificateError::Mismatch)
    ));
    let mut longer = certificate.clone();
    longer.push(0);
    for odd in [&[][..], b"-----BEGIN CERTIFICATE-----", &longer] {
        assert!(matches!(
            new(odd, &key),
            Some(CertificateError::Certificate)
        ));
    }
    let curve = KeyPair::generate().expect("a key on a curve");
    for odd in [Vec::new(), curve.serialize_der()] {
        assert!(matches!(
            new(&certificate, &Secret::new(odd)),
            Some(CertificateError::Key)
        ));
    }
}

#[test]
fn it_prints_without_its_key() {
    let (certificate, key) = made();
    let printed = format!("{:?}", Certificate::new(&certificate, &key));
    assert!(printed.contains("thumbprint"), "{printed}");
    assert!(!printed.contains("key"), "{printed}");
}
