//! Where a passcode may be sent to.
//!
//! Stricter than the standards: what is stored here goes into a header of an e-mail and into
//! the request of a gateway, and no rare form is worth that. Must not know who sends.

use crate::base::limits::{EMAIL_OCTETS_MAX, PHONE_DIGITS_MAX};

/// Whether it is one address of an e-mail: no comment, no quotes, no list, no blanks.
#[must_use]
pub fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else {
        return false;
    };
    let atom = |part: &str| {
        let sign = |octet: u8| octet.is_ascii_alphanumeric() || ATOM_SIGNS.contains(&octet);
        !part.is_empty() && part.bytes().all(sign)
    };
    text.len() <= EMAIL_OCTETS_MAX && local.split('.').all(atom) && is_domain(domain)
}

/// Whether it is a phone number with its country (ITU-T E.164), in its one spelling.
#[must_use]
pub fn is_phone(text: &str) -> bool {
    let digits = text.strip_prefix('+').unwrap_or_default();
    (PHONE_DIGITS_MIN..=PHONE_DIGITS_MAX).contains(&digits.len())
        && digits.bytes().all(|octet| octet.is_ascii_digit())
        && !digits.starts_with('0')
}

/// What stands for the masked address in the text that asks for a passcode.
pub const ADDRESS_PLACEHOLDER: &str = "{to}";
/// What stands for the passcode in its message.
pub const PASSCODE_PLACEHOLDER: &str = "{code}";

/// Labels of letters, digits and inner hyphens.
fn is_domain(text: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label
                .bytes()
                .all(|octet| octet.is_ascii_alphanumeric() || octet == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    text.contains('.') && text.split('.').all(label)
}

/// What RFC 5322 §3.2.3 allows in an atom beside letters and digits, less what shells and
/// templates are fond of.
const ATOM_SIGNS: &[u8] = b"!#&'*+-/=?^_~";
const PHONE_DIGITS_MIN: usize = 7;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_one_and_nothing_beside_it() {
        for right in [
            "a@contoso.example",
            "alice.b+vpn@mail.contoso.example",
            "o'neil@contoso.example",
        ] {
            assert!(is_email(right), "{right}");
        }
        for wrong in [
            "",
            "alice",
            "@contoso.example",
            "alice@",
            "alice@contoso",
            "alice@contoso..example",
            "alice@-contoso.example",
            "a@b@contoso.example",
            "alice@contoso.example\r\nBcc: m@contoso.example",
            "alice@contoso.example, m@contoso.example",
            "\"a b\"@contoso.example",
            "<alice@contoso.example>",
            "alice{code}@contoso.example",
            "alice.@contoso.example",
            "ali\u{fc}@contoso.example",
        ] {
            assert!(!is_email(wrong), "{wrong}");
        }
        assert!(!is_email(&format!("{}@contoso.example", "a".repeat(250))));
    }

    #[test]
    fn a_number_has_its_country_and_digits_alone() {
        assert!(is_phone("+491701234567") && is_phone("+1234567"));
        for wrong in [
            "",
            "+",
            "491701234567",
            "+0491701234",
            "+49 170 123",
            "+123456",
            "+1234567890123456",
            "+49170&to=1",
        ] {
            assert!(!is_phone(wrong), "{wrong}");
        }
    }
}
