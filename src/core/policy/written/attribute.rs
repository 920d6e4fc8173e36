//! `NAME=VALUE`, where a name is one of the dictionary or a number, and may be followed by
//! a tag (`Tunnel-Type:1`) or, for what the dictionary does not know or a device reads
//! otherwise, a type (`26.32473.1:integer`).

use super::WrittenError;
use crate::ledger::storage::{AttributeType, RuleAttribute};
use crate::radius::{Attribute, Entry, Number, Type};

/// Reads an attribute of a rule.
///
/// # Errors
/// The name is not known, or a named value is not.
pub fn attribute(text: &str) -> Result<RuleAttribute, WrittenError> {
    let fault = |why: &str| WrittenError::of(text, why);
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
    })
}

/// An attribute of a rule, as [`attribute`] reads it.
#[must_use]
pub fn shown_attribute(stored: &RuleAttribute) -> String {
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
    with_value(entry, &name, stored.tag, &stored.value)
}

/// An attribute of an Accept, in the same form.
#[must_use]
pub fn shown_grant(attribute: &Attribute) -> String {
    let number = attribute.number();
    let entry = Entry::numbered(number);
    let kind = entry.map_or(Type::Octets, |entry| entry.kind);
    let (tag, value) = kind.shown(attribute.value());
    let name = entry.map_or_else(|| number.to_string(), |entry| entry.name.to_owned());
    with_value(entry, &name, tag.into(), &value)
}

fn with_value(entry: Option<&Entry>, name: &str, tag: u32, value: &str) -> String {
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
    }
}

fn known(kind: AttributeType) -> Option<Type> {
    let mut types = Type::WORDS.iter().map(|(_, kind)| *kind);
    types.find(|of| stored(*of) == kind)
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn a_granted_attribute_is_shown_by_name() {
        let shown = |number: &str, value: &[u8]| {
            let number = number.parse().unwrap();
            shown_grant(&Attribute::new(number, value).unwrap())
        };
        assert_eq!(shown("25", b"OU=staff;"), "Class=OU=staff;");
        assert_eq!(shown("64", &[1, 0, 0, 13]), "Tunnel-Type:1=VLAN");
        assert_eq!(shown("26.32473.1", &[0xff]), "26.32473.1=0xff");
        assert_eq!(
            shown("8", &[198, 51, 100, 7]),
            "Framed-IP-Address=198.51.100.7"
        );
    }
}
