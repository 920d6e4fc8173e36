//! Values of attributes as people write them, and as octets (RFC 2865 §5, RFC 8044 §3).
//!
//! Knows the forms of types. Must not know which attribute has which.

use std::net::{Ipv4Addr, Ipv6Addr};

use data_encoding::HEXLOWER_PERMISSIVE;
use ipnet::Ipv6Net;
use thiserror::Error;

/// The form of a value.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Type {
    /// UTF-8 (RFC 2865 §5 "text").
    Text,
    /// Any octets: written as text, or as hex digits behind `0x`.
    Octets,
    /// 32 bits.
    Integer,
    /// An IPv4 address.
    Ipv4,
    /// An IPv6 address.
    Ipv6,
    /// Length and bits of a prefix (RFC 3162 §2.3).
    Ipv6Prefix,
    /// Seconds since 1970.
    Date,
    /// A tag and text (RFC 2868 §3.3).
    TaggedText,
    /// A tag and 24 bits (RFC 2868 §3.1).
    TaggedInteger,
    /// Octets that are hidden with the shared secret (RFC 2548 §2.4.2).
    Salted,
    /// A tag and octets that are hidden with the shared secret (RFC 2868 §3.5).
    TaggedSalted,
}

/// Why a text is no value of its type.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum ValueError {
    /// An odd number of hex digits, or other signs.
    #[error("0x is followed by an even number of hex digits")]
    Hex,
    /// No number of so many bits.
    #[error("not a number from 0 to {0}")]
    Integer(u32),
    /// No address of this kind.
    #[error("not an {0} address")]
    Address(&'static str),
    /// No prefix, or one with bits behind its length.
    #[error("not an IPv6 prefix like 2001:db8::/32")]
    Prefix,
    /// No seconds since 1970.
    #[error("not seconds since 1970, up to 2106")]
    Date,
    /// A control in a text: no device shows it, and many cut there.
    #[error("a control character in a text")]
    Control,
    /// A tag where the type has none, or one that is too high.
    #[error("a tag is 1 to 31, and only tagged types have one")]
    Tag,
}

impl Type {
    /// Every type, by the word for it.
    pub const WORDS: &'static [(&'static str, Self)] = &[
        ("text", Self::Text),
        ("octets", Self::Octets),
        ("integer", Self::Integer),
        ("ipv4", Self::Ipv4),
        ("ipv6", Self::Ipv6),
        ("ipv6prefix", Self::Ipv6Prefix),
        ("date", Self::Date),
        ("tagged-text", Self::TaggedText),
        ("tagged-integer", Self::TaggedInteger),
        ("salted", Self::Salted),
        ("tagged-salted", Self::TaggedSalted),
    ];

    /// The type with this word.
    #[must_use]
    pub fn of_word(word: &str) -> Option<Self> {
        let mut words = Self::WORDS.iter();
        words
            .find(|(known, _)| *known == word)
            .map(|(_, kind)| *kind)
    }

    /// The word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        let mut words = Self::WORDS.iter();
        words
            .find(|(_, kind)| *kind == self)
            .map_or("", |(word, _)| word)
    }

    /// Whether its values are texts that may be put together.
    #[must_use]
    pub const fn is_text(self) -> bool {
        matches!(self, Self::Text | Self::Octets | Self::TaggedText)
    }

    /// Whether a value may have a tag.
    #[must_use]
    pub const fn is_tagged(self) -> bool {
        matches!(
            self,
            Self::TaggedText | Self::TaggedInteger | Self::TaggedSalted
        )
    }

    /// Whether values are secrets, which only the device may read.
    #[must_use]
    pub const fn is_salted(self) -> bool {
        matches!(self, Self::Salted | Self::TaggedSalted)
    }

    /// The octets of a value, of a secret those that are then hidden. `tag` 0: none.
    ///
    /// # Errors
    /// Why the text is no such value.
    pub fn octets(self, tag: u8, text: &str) -> Result<Vec<u8>, ValueError> {
        if tag > TAG_MAX || (tag != 0 && !self.is_tagged()) {
            return Err(ValueError::Tag);
        }
        Ok(match self {
            Self::Text => plain(text)?.as_bytes().to_vec(),
            Self::Octets | Self::Salted | Self::TaggedSalted => match text.strip_prefix("0x") {
                Some(hex) => HEXLOWER_PERMISSIVE
                    .decode(hex.as_bytes())
                    .map_err(|_| ValueError::Hex)?,
                None => text.as_bytes().to_vec(),
            },
            Self::Integer => integer(text, u32::MAX)?.to_be_bytes().to_vec(),
            Self::Date => integer(text, u32::MAX)
                .map_err(|_| ValueError::Date)?
                .to_be_bytes()
                .to_vec(),
            Self::Ipv4 => address::<Ipv4Addr>(text, "IPv4")?.octets().to_vec(),
            Self::Ipv6 => address::<Ipv6Addr>(text, "IPv6")?.octets().to_vec(),
            Self::Ipv6Prefix => prefix(text)?,
            Self::TaggedText if tag == 0 => plain(text)?.as_bytes().to_vec(),
            Self::TaggedText => [&[tag], plain(text)?.as_bytes()].concat(),
            Self::TaggedInteger => {
                let [_, rest @ ..] = integer(text, TAGGED_INTEGER_MAX)?.to_be_bytes();
                [&[tag], rest.as_slice()].concat()
            }
        })
    }

    /// A value as [`Self::octets`] reads it, but for a secret's, and its tag, 0 for none;
    /// octets that are no such value as hex digits.
    #[must_use]
    pub fn shown(self, octets: &[u8]) -> (u8, String) {
        let found = match self {
            Self::Text => (0, text(octets)),
            Self::Octets => (0, text(octets).filter(|text| !text.starts_with("0x"))),
            Self::Integer | Self::Date => (0, number(octets)),
            Self::Ipv4 => (
                0,
                bits::<4>(octets).map(|it| Ipv4Addr::from(it).to_string()),
            ),
            Self::Ipv6 => (
                0,
                bits::<16>(octets).map(|it| Ipv6Addr::from(it).to_string()),
            ),
            Self::Ipv6Prefix => (0, shown_prefix(octets)),
            Self::TaggedText => match octets.split_first() {
                Some((&tag @ 1..=TAG_MAX, rest)) => (tag, text(rest)),
                Some(_) | None => (0, text(octets)),
            },
            Self::TaggedInteger => match octets {
                [tag, a, b, c] => (*tag, number(&[0, *a, *b, *c])),
                _ => (0, None),
            },
            Self::Salted => (0, Some(HIDDEN.to_owned())),
            Self::TaggedSalted => match octets.first() {
                Some(&tag @ 1..=TAG_MAX) => (tag, Some(HIDDEN.to_owned())),
                Some(_) | None => (0, Some(HIDDEN.to_owned())),
            },
        };
        let hex = || format!("0x{}", HEXLOWER_PERMISSIVE.encode(octets));
        match found {
            (tag, Some(text)) => (tag, text),
            (_, None) => (0, hex()),
        }
    }
}

fn plain(text: &str) -> Result<&str, ValueError> {
    if text.chars().any(char::is_control) {
        Err(ValueError::Control)
    } else {
        Ok(text)
    }
}

/// Decimal, or hex behind `0x`.
fn integer(text: &str, most: u32) -> Result<u32, ValueError> {
    let (digits, radix) = text.strip_prefix("0x").map_or((text, 10), |hex| (hex, 16));
    let signed = digits.starts_with(['+', '-']);
    let found = u32::from_str_radix(digits, radix).ok();
    found
        .filter(|number| !signed && *number <= most)
        .ok_or(ValueError::Integer(most))
}

fn address<A: std::str::FromStr>(text: &str, kind: &'static str) -> Result<A, ValueError> {
    text.parse().map_err(|_| ValueError::Address(kind))
}

fn prefix(text: &str) -> Result<Vec<u8>, ValueError> {
    let prefix: Ipv6Net = text.parse().map_err(|_| ValueError::Prefix)?;
    if prefix != prefix.trunc() {
        return Err(ValueError::Prefix);
    }
    // RFC 3162 §2.3: octets behind the prefix may be left out; devices expect them.
    let bits = prefix.network().octets();
    Ok([&[0, prefix.prefix_len()], bits.as_slice()].concat())
}

fn shown_prefix(octets: &[u8]) -> Option<String> {
    let (&[0, length], bits) = octets.split_first_chunk()? else {
        return None;
    };
    let address = Ipv6Addr::from(self::bits::<16>(bits)?);
    let prefix = Ipv6Net::new(address, length).ok()?;
    (prefix == prefix.trunc()).then(|| prefix.to_string())
}

fn bits<const N: usize>(octets: &[u8]) -> Option<[u8; N]> {
    octets.try_into().ok()
}

fn number(octets: &[u8]) -> Option<String> {
    Some(u32::from_be_bytes(bits(octets)?).to_string())
}

fn text(octets: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(octets).ok()?;
    plain(text).ok().map(str::to_owned)
}

/// Of a value that only the device may read.
const HIDDEN: &str = "(hidden)";
/// RFC 2868 §3.1: higher octets are no tags.
const TAG_MAX: u8 = 0x1f;
const TAGGED_INTEGER_MAX: u32 = 0x00ff_ffff;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_type_has_the_octets_of_its_rfc() {
        let table: &[(Type, u8, &str, &[u8])] = &[
            (Type::Text, 0, "staff", b"staff"),
            (Type::Octets, 0, "OU=staff;", b"OU=staff;"),
            (Type::Octets, 0, "0x00fF", &[0, 0xff]),
            (Type::Integer, 0, "36000", &[0, 0, 0x8c, 0xa0]),
            (Type::Integer, 0, "0xffffffff", &[0xff; 4]),
            (Type::Date, 0, "1800000000", &[0x6b, 0x49, 0xd2, 0]),
            (Type::Ipv4, 0, "198.51.100.7", &[198, 51, 100, 7]),
            (Type::TaggedText, 0, "10", b"10"),
            (Type::TaggedText, 1, "10", b"\x0110"),
            (Type::TaggedInteger, 0, "13", &[0, 0, 0, 13]),
            (Type::TaggedInteger, 31, "6", &[31, 0, 0, 6]),
            (Type::Salted, 0, "0x00ff", &[0, 0xff]),
            (Type::TaggedSalted, 1, "s3cret", b"s3cret"),
        ];
        for (kind, tag, text, octets) in table {
            let written = kind.octets(*tag, text);
            assert_eq!(written.as_deref(), Ok(*octets), "{kind:?} {text}");
        }
        let prefix = Type::Ipv6Prefix.octets(0, "2001:db8:1::/48").unwrap();
        assert_eq!(prefix[..8], [0, 48, 0x20, 1, 0x0d, 0xb8, 0, 1]);
        assert_eq!(prefix.len(), 18);
        let address = Type::Ipv6.octets(0, "2001:db8::7").unwrap();
        assert_eq!((address.len(), address[15]), (16, 7));
    }

    #[test]
    fn what_is_no_value_is_refused() {
        for (kind, tag, text) in [
            (Type::Text, 0, "a\nb"),
            (Type::Text, 1, "staff"),
            (Type::Octets, 0, "0xf"),
            (Type::Octets, 0, "0xzz"),
            (Type::Integer, 0, "4294967296"),
            (Type::Integer, 0, "-1"),
            (Type::Integer, 0, "+1"),
            (Type::Integer, 0, "0x+1"),
            (Type::Integer, 0, ""),
            (Type::Date, 0, "tomorrow"),
            (Type::Ipv4, 0, "198.51.100"),
            (Type::Ipv4, 0, "2001:db8::1"),
            (Type::Ipv6, 0, "198.51.100.7"),
            (Type::Ipv6Prefix, 0, "2001:db8::1/32"),
            (Type::Ipv6Prefix, 0, "2001:db8::/129"),
            (Type::TaggedText, 32, "10"),
            (Type::TaggedInteger, 1, "16777216"),
            (Type::Salted, 1, "s3cret"),
            (Type::TaggedSalted, 32, "s3cret"),
        ] {
            assert!(kind.octets(tag, text).is_err(), "{kind:?} {tag} {text}");
        }
    }

    #[test]
    fn what_is_shown_can_be_written_again() {
        for (kind, tag, written) in [
            (Type::Text, 0, "Zürich"),
            (Type::Octets, 0, "0x00ff"),
            (Type::Octets, 0, "0x3078"),
            (Type::Octets, 0, "OU=staff;"),
            (Type::Integer, 0, "7"),
            (Type::Ipv4, 0, "203.0.113.9"),
            (Type::Ipv6, 0, "2001:db8::9"),
            (Type::Ipv6Prefix, 0, "2001:db8::/32"),
            (Type::Date, 0, "7"),
            (Type::TaggedText, 3, "vlan"),
            (Type::TaggedText, 0, "vlan"),
            (Type::TaggedInteger, 3, "13"),
        ] {
            let octets = kind.octets(tag, written).unwrap();
            assert_eq!(kind.shown(&octets), (tag, written.to_owned()), "{kind:?}");
        }
        assert_eq!(Type::Integer.shown(&[1, 2]), (0, "0x0102".to_owned()));
    }

    #[test]
    fn of_a_hidden_value_nothing_but_its_tag_is_shown() {
        let hidden = |tag| (tag, "(hidden)".to_owned());
        assert_eq!(Type::Salted.shown(b"\x80\0sixteen octets.."), hidden(0));
        assert_eq!(Type::TaggedSalted.shown(b"\x03\x80\0x"), hidden(3));
        assert_eq!(Type::TaggedSalted.shown(b"\0\x80\0x"), hidden(0));
    }
}
