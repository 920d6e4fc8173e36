//! Attributes by name.
//!
//! Names are for people: what is stored and replicated is a number and a type, so that
//! nodes whose dictionaries differ still judge alike. Must not know who uses them.

use std::sync::LazyLock;

use super::attribute::Number;
use super::value::Type;

/// One attribute.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Entry {
    /// Its name; case does not tell two apart.
    pub name: &'static str,
    /// Where it stands.
    pub number: Number,
    /// The form of its value.
    pub kind: Type,
    /// Names of an integer's values.
    pub values: Vec<(&'static str, u32)>,
}

impl Entry {
    /// The attribute with this name.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        let mut entries = ENTRIES.iter();
        entries.find(|entry| entry.name.eq_ignore_ascii_case(name))
    }

    /// The attribute with this number.
    #[must_use]
    pub fn numbered(number: Number) -> Option<&'static Self> {
        ENTRIES.iter().find(|entry| entry.number == number)
    }

    /// A value by its name.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<u32> {
        let mut values = self.values.iter();
        let found = values.find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| *value)
    }

    /// The name of a value.
    #[must_use]
    pub fn value_name(&self, value: u32) -> Option<&'static str> {
        let mut values = self.values.iter();
        let found = values.find(|(_, known)| *known == value);
        found.map(|(name, _)| *name)
    }
}

/// The file is ours, and a test reads it: a line that cannot be read is not skipped.
static ENTRIES: LazyLock<Vec<Entry>> = LazyLock::new(|| {
    let lines = include_str!("dictionary.txt").lines().map(str::trim);
    let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|line| entry(line).expect("each line has a name, a number and a type"))
        .collect()
});

fn entry(line: &'static str) -> Option<Entry> {
    let mut words = line.split_whitespace();
    let (name, number, kind) = (words.next()?, words.next()?, words.next()?);
    let value = |word: &'static str| {
        let (name, value) = word.split_once('=')?;
        Some((name, value.parse().ok()?))
    };
    Some(Entry {
        name,
        number: number.parse().ok()?,
        kind: Type::of_word(kind)?,
        values: words.map(value).collect::<Option<_>>()?,
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_two_attributes_share_a_name_or_a_number() {
        let names: BTreeSet<_> = ENTRIES
            .iter()
            .map(|entry| entry.name.to_ascii_lowercase())
            .collect();
        let numbers: BTreeSet<_> = ENTRIES.iter().map(|entry| entry.number).collect();
        assert_eq!((names.len(), numbers.len()), (ENTRIES.len(), ENTRIES.len()));
    }

    #[test]
    fn names_can_be_told_from_numbers_and_hold_no_sign_of_a_rule() {
        for entry in ENTRIES.iter() {
            let plain = |octet: u8| octet.is_ascii_alphanumeric() || octet == b'-';
            assert!(entry.name.bytes().all(plain), "{}", entry.name);
            assert!(entry.name.parse::<Number>().is_err(), "{}", entry.name);
        }
    }

    #[test]
    fn only_numbers_have_named_values_and_no_two_share_one() {
        for entry in ENTRIES.iter() {
            let integer = matches!(entry.kind, Type::Integer | Type::TaggedInteger);
            assert!(integer || entry.values.is_empty(), "{}", entry.name);
            let names: BTreeSet<_> = entry.values.iter().map(|(name, _)| name).collect();
            let values: BTreeSet<_> = entry.values.iter().map(|(_, value)| value).collect();
            assert_eq!(names.len(), entry.values.len(), "{}", entry.name);
            assert_eq!(values.len(), entry.values.len(), "{}", entry.name);
        }
    }

    #[test]
    fn the_numbers_of_rfc_2865_are_those_of_another_table() {
        use super::super::attribute::kind;
        for (name, number) in [
            ("Class", kind::CLASS),
            ("Filter-Id", kind::FILTER_ID),
            ("Framed-Pool", kind::FRAMED_POOL),
            ("Framed-IPv6-Prefix", kind::FRAMED_IPV6_PREFIX),
            ("Idle-Timeout", kind::IDLE_TIMEOUT),
            ("NAS-Port-Type", kind::NAS_PORT_TYPE),
            ("Reply-Message", kind::REPLY_MESSAGE),
            ("Service-Type", kind::SERVICE_TYPE),
            ("Session-Timeout", kind::SESSION_TIMEOUT),
        ] {
            let entry = Entry::named(&name.to_ascii_uppercase()).expect("a known name");
            assert_eq!(entry.number, Number::Standard(number), "{name}");
        }
    }

    #[test]
    fn values_are_found_by_name_and_named_by_value() {
        let entry = Entry::numbered(Number::Standard(64)).unwrap();
        assert_eq!((entry.name, entry.value("vlan")), ("Tunnel-Type", Some(13)));
        assert_eq!(entry.value_name(13), Some("VLAN"));
        assert_eq!((entry.value("VXLAN"), entry.value_name(99)), (None, None));
    }
}
