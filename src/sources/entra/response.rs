//! Reads what Entra said. Everything here comes from outside: any octets are accepted as
//! input, and nothing unreadable ever helps a login.
//!
//! Must not know: what a number means.

use std::fmt;

use serde::Deserialize;
use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde_json::Value;

/// What matters of a body. Texts of the source are not kept: they may echo the user.
#[derive(Debug, Default, Eq, PartialEq)]
pub(super) struct Said {
    /// Every AADSTS number, each once, in the order seen. [`UNREADABLE`] stands for one
    /// that is no number.
    pub(super) codes: Vec<u32>,
    /// The OAuth error.
    pub(super) error: Option<String>,
    /// A token was granted.
    pub(super) token: bool,
}

impl Said {
    /// Reads a body; one that is not a JSON object says nothing.
    pub(super) fn read(body: &[u8]) -> Self {
        let body = body.strip_prefix(BYTE_ORDER_MARK).unwrap_or(body);
        // Of values that are passed over, serde_json would not look at the octets.
        let text = std::str::from_utf8(body).unwrap_or_default();
        serde_json::from_str(text).unwrap_or_default()
    }

    fn add(&mut self, code: u32) {
        if self.codes.contains(&code) {
            return;
        }
        if self.codes.len() < CODES_MAX {
            self.codes.push(code);
        } else if let Some(last) = self.codes.last_mut() {
            // LIMIT: more numbers than Entra ever sends; the rest counts as unknown.
            *last = UNREADABLE;
        }
    }

    fn add_listed(&mut self, list: &Value) {
        if let Value::Array(items) = list {
            items.iter().for_each(|item| self.add(listed_code(item)));
        } else if !list.is_null() {
            self.add(listed_code(list));
        }
    }

    /// Only the number at the very start is Entra's. Further in, the text may quote what
    /// the caller typed: a user named "AADSTS50076:" must not let anyone in.
    fn add_described(&mut self, description: &Value) {
        if let Some(code) = description.as_str().and_then(leading_code) {
            self.add(code);
        }
    }
}

/// A hand-written reader: a key that stands twice is read twice and its numbers are
/// united, where a generic one would let the last win.
impl<'de> Deserialize<'de> for Said {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;

        impl<'de> Visitor<'de> for Object {
            type Value = Said;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Said, A::Error> {
                let mut said = Said::default();
                while let Some(key) = map.next_key::<String>()? {
                    match &*key {
                        "error" => said.error = text(map.next_value()?),
                        "error_codes" => said.add_listed(&map.next_value()?),
                        "error_description" => said.add_described(&map.next_value()?),
                        "access_token" => said.token |= is_text(map.next_value()?),
                        _ => drop(map.next_value::<IgnoredAny>()?),
                    }
                }
                Ok(said)
            }
        }

        deserializer.deserialize_map(Object)
    }
}

fn listed_code(item: &Value) -> u32 {
    item.as_u64()
        .and_then(|number| u32::try_from(number).ok())
        .unwrap_or(UNREADABLE)
}

/// The number of `AADSTS50126: …`. One that does not end in a colon, or is too large, is
/// unreadable rather than absent.
fn leading_code(description: &str) -> Option<u32> {
    let rest = description.strip_prefix("AADSTS")?;
    let digits = rest
        .split_once(':')
        .map(|(digits, _)| digits)
        .filter(|digits| digits.bytes().all(|octet| octet.is_ascii_digit()));
    Some(digits.and_then(|d| d.parse().ok()).unwrap_or(UNREADABLE))
}

fn text(value: Value) -> Option<String> {
    if let Value::String(text) = value {
        return Some(text);
    }
    None
}

/// Whether it is a string. The token itself is wiped at once.
fn is_text(value: Value) -> bool {
    use zeroize::Zeroize;
    text(value).is_some_and(|mut token| {
        token.zeroize();
        true
    })
}

/// Stands for a number that could not be read. In no table, so it denies.
pub(super) const UNREADABLE: u32 = 0;
/// Numbers that are read of one answer. Entra sends one or two.
const CODES_MAX: usize = 16;
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

#[cfg(test)]
mod tests;
