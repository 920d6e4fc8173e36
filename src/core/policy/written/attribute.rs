//! `NAME=VALUE`, where a name is one of the dictionary or a number, and may be followed by
//! a tag (`Tunnel-Type:1`) or, for what the dictionary does not know or a device reads
//! otherwise, a type (`26.32473.1:integer`).
//!
//! A secret is read here and sealed by whoever stores it: [`is_secret`] tells. What is stored
//! is shown as `sealed:` and a name that tells nothing of it, and is read so again.

use super::WrittenError;
use crate::base::Secret;
use crate::base::limits::SALTED_OCTETS_MAX;
use crate::ledger::rules::{Granted, Template};
use crate::ledger::storage::{AttributeType, RuleAttribute};
use crate::radius::{Entry, Number, Type};
use crate::seal::Sealed;

/// Reads an attribute of a rule.
///
/// # Errors
/// The name is not known, or a named value is not.
pub fn attribute(text: &str) -> Result<RuleAttribute, WrittenError> {
    let fault = |why: &str| {
        // The value may be a secret whose name has a slip in it.
        let name = text.split_once('=').map_or(text, |(name, _)| name);
        WrittenError::of(name, why)
    };
    let (name, value) = text
        .split_once('=')
        .ok_or_else(|| fault("an attribute is NAME=VALUE"))?;
    let mut words = name.split(':');
    let (number, entry) = named(words.next().unwrap_or_default())
        .ok_or_else(|| fault("no attribute has this name; a number is 25 or 26.VENDOR.TYPE"))?;
    let (mut tag, mut kind) = (0, entry.map_or(Type::Octets, |entry| entry.kind));
    for word in words {
        match (word.parse(), Type::of_word(word)) {
            (Ok(number), _) => tag = number,
            (Err(_), Some(given)) => kind = given,
            (Err(_), None) => return Err(fault("behind a colon is neither a tag nor a type")),
        }
    }
    let value_named = entry.and_then(|entry| entry.value(value));
    let value = value_named.map_or_else(|| value.to_owned(), |number| number.to_string());
    let (kind_number, vendor, vendor_kind) = number.parts();
    Ok(RuleAttribute {
        kind: kind_number,
        vendor,
        vendor_kind,
        r#type: stored(kind).into(),
        tag,
        value,
        sealed: Vec::new(),
    })
}

/// Whether the value is a secret: one that was just read stands in clear in it, and must be
/// sealed and wiped.
#[must_use]
pub fn is_secret(attribute: &RuleAttribute) -> bool {
    known(attribute.r#type()).is_some_and(Type::is_salted)
}

/// The octets of a secret that was just read.
///
/// # Errors
/// It is none, is too long to be hidden, or has a place for what is known of a login: a secret
/// is the same for all whom the rule lets in.
pub fn secret(attribute: &RuleAttribute) -> Result<Secret, WrittenError> {
    // The value must not come back in a message.
    let fault = |why: String| WrittenError::of(&with_value(attribute, HIDDEN), why);
    let kind = known(attribute.r#type()).unwrap_or(Type::Salted);
    let tag = u8::try_from(attribute.tag).unwrap_or(u8::MAX);
    let octets = kind.octets(tag, &attribute.value);
    let secret = Secret::new(octets.map_err(|why| fault(why.to_string()))?);
    if !(1..=SALTED_OCTETS_MAX).contains(&secret.len()) {
        return Err(fault(format!(
            "a secret has 1 to {SALTED_OCTETS_MAX} octets"
        )));
    }
    if Template::parse(&attribute.value).is_ok_and(|text| text.fixed().is_none()) {
        let why = "a secret is no template: {user} and the like do not stand in it, \
                   write it as hex digits behind 0x if the braces are its own";
        return Err(fault(why.to_owned()));
    }
    Ok(secret)
}

/// What stands for a secret that is stored: `sealed:` and its name.
#[must_use]
pub fn secret_name(sealed: &[u8]) -> String {
    let name = Sealed::decode(sealed).map(|sealed| sealed.fingerprint().to_string());
    format!("{SEALED}{}", name.unwrap_or_default())
}

/// Whether a value that was read names a stored secret, as [`secret_name`] writes it.
#[must_use]
pub fn names_secret(value: &str) -> bool {
    value.starts_with(SEALED)
}

/// An attribute of a rule, as [`attribute`] reads it.
#[must_use]
pub fn shown_attribute(stored: &RuleAttribute) -> String {
    if is_secret(stored) {
        with_value(stored, &secret_name(&stored.sealed))
    } else {
        with_value(stored, &stored.value)
    }
}

/// An attribute of an Accept, in the same form, but for secrets.
#[must_use]
pub fn shown_grant(granted: &Granted) -> String {
    let number = granted.number();
    let entry = Entry::numbered(number);
    let name = entry.map_or_else(|| number.to_string(), |entry| entry.name.to_owned());
    let (tag, value) = match granted {
        Granted::Attribute(attribute) => {
            let kind = entry.map_or(Type::Octets, |entry| entry.kind);
            kind.shown(attribute.value().unwrap_or_default())
        }
        Granted::Sealed(sealed) => (sealed.tag().unwrap_or_default(), HIDDEN.to_owned()),
    };
    named_value(entry, &name, tag.into(), &value)
}

/// An attribute of an Accept whose value is not known before a login.
#[must_use]
pub fn shown_waiting(number: Number) -> String {
    let entry = Entry::numbered(number);
    let name = entry.map_or_else(|| number.to_string(), |entry| entry.name.to_owned());
    format!("{name}={WAITING}")
}

fn with_value(stored: &RuleAttribute, value: &str) -> String {
    let number = Number::of_parts(stored.kind, stored.vendor, stored.vendor_kind);
    let entry = number.ok().and_then(Entry::numbered);
    let kind = known(stored.r#type());
    let name = match (entry, number) {
        (Some(entry), _) if Some(entry.kind) == kind => entry.name.to_owned(),
        (_, Ok(number)) => match kind {
            Some(Type::Octets) if entry.is_none() => number.to_string(),
            Some(kind) => format!("{number}:{}", kind.word()),
            None => number.to_string(),
        },
        (_, Err(_)) => format!("{}.{}.{}", stored.kind, stored.vendor, stored.vendor_kind),
    };
    named_value(entry, &name, stored.tag, value)
}

fn named_value(entry: Option<&Entry>, name: &str, tag: u32, value: &str) -> String {
    let tag = match tag {
        0 => String::new(),
        tag => format!(":{tag}"),
    };
    let number = value.parse().ok();
    let named = entry
        .zip(number)
        .and_then(|(entry, number)| entry.value_name(number));
    let integer = entry.is_some_and(|entry| !entry.values.is_empty());
    let value = named.filter(|_| integer).unwrap_or(value);
    format!("{name}{tag}={value}")
}

fn named(name: &str) -> Option<(Number, Option<&'static Entry>)> {
    if let Some(entry) = Entry::named(name) {
        return Some((entry.number, Some(entry)));
    }
    let number = name.parse().ok()?;
    Some((number, Entry::numbered(number)))
}

const fn stored(kind: Type) -> AttributeType {
    match kind {
        Type::Text => AttributeType::Text,
        Type::Octets => AttributeType::Octets,
        Type::Integer => AttributeType::Integer,
        Type::Ipv4 => AttributeType::Ipv4,
        Type::Ipv6 => AttributeType::Ipv6,
        Type::Ipv6Prefix => AttributeType::Ipv6Prefix,
        Type::Date => AttributeType::Date,
        Type::TaggedText => AttributeType::TaggedText,
        Type::TaggedInteger => AttributeType::TaggedInteger,
        Type::Salted => AttributeType::Salted,
        Type::TaggedSalted => AttributeType::TaggedSalted,
    }
}

fn known(kind: AttributeType) -> Option<Type> {
    let mut types = Type::WORDS.iter().map(|(_, kind)| *kind);
    types.find(|of| stored(*of) == kind)
}

/// Before the name of a stored secret.
const SEALED: &str = "sealed:";
/// In place of a secret that has no name.
const HIDDEN: &str = "(hidden)";
/// In place of groups that are read while a login runs.
const WAITING: &str = "(of the account's groups, which the directory tells)";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::radius::Attribute;

    fn read(text: &str) -> (u32, u32, u32, AttributeType, u32, String) {
        let it = attribute(text).unwrap();
        let kind = it.r#type();
        (it.kind, it.vendor, it.vendor_kind, kind, it.tag, it.value)
    }

    #[test]
    fn an_attribute_is_found_by_name_or_number() {
        let staff = |kind| (26, 12356, 1, kind, 0, "{groups}".to_owned());
        let text = AttributeType::Text;
        assert_eq!(read("Fortinet-Group-Name={groups}"), staff(text));
        assert_eq!(read("26.12356.1={groups}"), staff(text));
        let unknown = (26, 32473, 1, AttributeType::Octets, 0, "0xff".to_owned());
        assert_eq!(read("26.32473.1=0xff"), unknown);
        let class = (25, 0, 0, AttributeType::Octets, 0, "OU=a=b;".to_owned());
        assert_eq!(read("class=OU=a=b;"), class);
    }

    #[test]
    fn tags_types_and_named_values_are_read() {
        let tagged = AttributeType::TaggedInteger;
        let vlan = (64, 0, 0, tagged, 1, "13".to_owned());
        assert_eq!(read("Tunnel-Type:1=VLAN"), vlan);
        let integer = (26, 32473, 2, AttributeType::Integer, 0, "7".to_owned());
        assert_eq!(read("26.32473.2:integer=7"), integer);
    }

    #[test]
    fn what_is_shown_is_read_the_same() {
        for text in [
            "Class=OU={groups:;};",
            "Fortinet-Group-Name={groups}",
            "Tunnel-Type:1=VLAN",
            "Tunnel-Private-Group-ID:1=10",
            "Service-Type=Framed",
            "Session-Timeout=3600",
            "26.32473.1=0xff",
            "26.32473.2:integer=7",
            "25:text=x",
            "11:octets=0xff",
            "11:tagged-text:3=x",
        ] {
            assert_eq!(shown_attribute(&attribute(text).unwrap()), text);
        }
    }

    #[test]
    fn what_no_dictionary_knows_is_refused() {
        for text in ["Class", "Clas=x", "25:tagged=x", "26.9=x", "=x"] {
            assert!(attribute(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_wrong_with_a_name_is_told_without_the_value() {
        for text in ["Tunel-Password:1=s3cret", "Tunnel-Password:x=s3cret"] {
            let error = attribute(text).unwrap_err().to_string();
            assert!(error.contains(":") && !error.contains("s3cret"), "{error}");
        }
    }

    #[test]
    fn a_granted_attribute_is_shown_by_name() {
        let shown = |number: &str, value: &[u8]| {
            let number = number.parse().unwrap();
            shown_grant(&Granted::Attribute(Attribute::new(number, value).unwrap()))
        };
        assert_eq!(shown("25", b"OU=staff;"), "Class=OU=staff;");
        assert_eq!(shown("64", &[1, 0, 0, 13]), "Tunnel-Type:1=VLAN");
        assert_eq!(shown("26.32473.1", &[0xff]), "26.32473.1=0xff");
        assert_eq!(
            shown("8", &[198, 51, 100, 7]),
            "Framed-IP-Address=198.51.100.7"
        );
    }

    #[test]
    fn what_waits_for_the_directory_is_shown_by_name_alone() {
        let shown = |number: &str| shown_waiting(number.parse().unwrap());
        assert_eq!(shown("25"), format!("Class={WAITING}"));
        assert_eq!(shown("26.32473.1"), format!("26.32473.1={WAITING}"));
    }

    #[test]
    fn a_secret_is_shown_by_a_name_that_is_read_again() {
        let mut written = attribute("Tunnel-Password:1=s3cret").unwrap();
        assert!(is_secret(&written) && !names_secret(&written.value));
        assert_eq!(secret(&written).unwrap().expose(), b"s3cret");
        written.value.clear();
        written.sealed = [vec![1], vec![7; 4 + 24 + 6 + 16]].concat();
        let shown = shown_attribute(&written);
        let name = shown.strip_prefix("Tunnel-Password:1=").expect("a secret");
        assert!(names_secret(name) && name.len() == 7 + 16, "{name}");
        let again = attribute(&shown).unwrap();
        assert!(is_secret(&again) && names_secret(&again.value));
        assert_eq!(shown_attribute(&written), shown);
    }

    #[test]
    fn what_is_no_secret_is_told_without_it() {
        let long = format!("Tunnel-Password={}", "s3cret".repeat(40));
        for text in [
            "Tunnel-Password:1=s3cret of {user}",
            "Tunnel-Password=",
            "26.32473.1:salted:1=s3cret",
            "Tunnel-Password=0xs3cret",
            &long,
        ] {
            let error = secret(&attribute(text).unwrap()).unwrap_err().to_string();
            assert!(!error.contains("s3cret"), "{error}");
        }
        let braces = attribute("Tunnel-Password={a}{b").unwrap();
        assert_eq!(secret(&braces).unwrap().expose(), b"{a}{b");
    }
}
