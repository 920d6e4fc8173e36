//! The otpauth URI that an authenticator app reads from a QR code ("Key URI Format").
//!
//! Must not know how it is shown. The URI holds the seed, so it is a secret itself.

use super::{Parameters, to_base32};
use crate::base::Secret;

/// The URI that enrols `seed` in an authenticator app, for example
/// `otpauth://totp/Contoso:alice%40contoso.example?secret=…&issuer=Contoso&…`.
///
/// `issuer` and `account` are what the app shows; an empty issuer is left out. Algorithm,
/// digits and period are always spelled out, since apps differ in what they assume.
///
/// # Errors
/// The account is empty, or one of the two has a colon, which separates them in the label.
pub fn provisioning_uri(
    seed: &Secret,
    parameters: &Parameters,
    issuer: &str,
    account: &str,
) -> Result<Secret, UriError> {
    if account.is_empty() {
        return Err(UriError::AccountEmpty);
    }
    if issuer.contains(':') {
        return Err(UriError::IssuerColon);
    }
    if account.contains(':') {
        return Err(UriError::AccountColon);
    }
    let (issuer, account) = (encoded(issuer), encoded(account));
    let (label, parameter) = match &*issuer {
        "" => (account, String::new()),
        issuer => (format!("{issuer}:{account}"), format!("&issuer={issuer}")),
    };
    let settings = format!(
        "{parameter}&algorithm={}&digits={}&period={}",
        parameters.algorithm, parameters.digits, parameters.period
    );
    let secret = to_base32(seed);
    let parts = [
        b"otpauth://totp/",
        label.as_bytes(),
        b"?secret=",
        secret.expose(),
        settings.as_bytes(),
    ];
    // `concat` allocates once: no half-written copy of the seed stays behind.
    Ok(Secret::new(parts.concat()))
}

/// Why no URI can be made.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum UriError {
    /// An app would read the account's part before the colon as the issuer.
    #[error("the account name has a colon, which an authenticator app misreads")]
    AccountColon,
    /// The app would show no name.
    #[error("the account name is empty")]
    AccountEmpty,
    /// An app would read the part after the colon as the account.
    #[error("the issuer has a colon, which an authenticator app misreads")]
    IssuerColon,
}

/// Everything but RFC 3986 §2.3's unreserved characters percent-encoded, octet by octet:
/// the same text is then right in the label and in a parameter, blanks included.
fn encoded(text: &str) -> String {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    let digit = |nibble: u8| {
        let digit = HEX.get(usize::from(nibble)).copied();
        char::from(digit.expect("four bits are below 16"))
    };
    text.bytes()
        .fold(String::with_capacity(text.len()), |mut encoded, octet| {
            if octet.is_ascii_alphanumeric() || b"-._~".contains(&octet) {
                encoded.push(char::from(octet));
            } else {
                encoded.extend(['%', digit(octet >> 4), digit(octet & 15)]);
            }
            encoded
        })
}

#[cfg(test)]
mod tests {
    use super::super::{Algorithm, Digits, Period};
    use super::*;

    fn uri(parameters: &Parameters, issuer: &str, account: &str) -> String {
        let seed = b"12345678901234567890".as_slice().into();
        let uri = provisioning_uri(&seed, parameters, issuer, account).expect("a URI");
        String::from_utf8(uri.expose().to_vec()).expect("ASCII")
    }

    #[test]
    fn the_uri_is_exactly_this() {
        assert_eq!(
            uri(
                &Parameters::default(),
                "Contoso VPN",
                "alice@contoso.example"
            ),
            "otpauth://totp/Contoso%20VPN:alice%40contoso.example\
             ?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ\
             &issuer=Contoso%20VPN&algorithm=SHA1&digits=6&period=30"
        );
    }

    #[test]
    fn what_could_end_the_label_or_add_a_parameter_is_encoded() {
        let uri = uri(&Parameters::default(), "A&B=C?", "x/../é#%");
        assert!(uri.starts_with("otpauth://totp/A%26B%3DC%3F:x%2F..%2F%C3%A9%23%25?secret="));
        assert!(uri.contains("&issuer=A%26B%3DC%3F&"));
    }

    #[test]
    fn another_reader_finds_the_same_token() {
        let parameters = Parameters {
            algorithm: Algorithm::Sha512,
            digits: Digits::try_from(8).expect("eight"),
            period: Period::try_from(60).expect("sixty"),
        };
        let uri = uri(&parameters, "Contoso & Co", "bob@contoso.example");
        let read = totp_rs::Totp::from_url(uri).expect("a token");
        assert_eq!(read.secret().as_bytes(), b"12345678901234567890");
        assert_eq!(read.issuer(), Some("Contoso & Co"));
        assert_eq!(read.account_name(), "bob@contoso.example");
        assert_eq!(read.algorithm(), totp_rs::Algorithm::SHA512);
        assert_eq!((read.digits(), read.step()), (8, 60));
    }

    #[test]
    fn no_issuer_leaves_no_trace() {
        let uri = uri(&Parameters::default(), "", "bob");
        assert!(uri.starts_with("otpauth://totp/bob?secret="));
        assert!(!uri.contains("issuer"));
    }

    #[test]
    fn a_colon_or_no_account_is_refused() {
        let refused = |issuer, account| {
            provisioning_uri(&Secret::default(), &Parameters::default(), issuer, account)
                .expect_err("no URI")
        };
        assert_eq!(refused("a:b", "c"), UriError::IssuerColon);
        assert_eq!(refused("a", "b:c"), UriError::AccountColon);
        assert_eq!(refused("a", ""), UriError::AccountEmpty);
    }
}
