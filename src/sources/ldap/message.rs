//! The messages of LDAP (RFC 4511 §4) that a password source needs, to and fro.
//!
//! Must not know: connections, what a result means.

use std::collections::BTreeMap;

use zeroize::Zeroizing;

use super::ber::{
    BOOLEAN, ENUMERATED, INTEGER, Malformed, OCTET_STRING, Reader, SEQUENCE, SET, element, number,
    unsigned,
};

/// How far below its base a search looks.
#[derive(Clone, Copy, Debug)]
pub(super) enum Scope {
    /// At the base alone.
    Base,
    /// At all below, and at the base.
    Subtree,
}

/// A question to a directory. Aliases are not followed.
#[derive(Clone, Debug)]
pub(super) struct Search<'a> {
    pub(super) base: &'a str,
    pub(super) scope: Scope,
    /// Encoded.
    pub(super) filter: Vec<u8>,
    pub(super) attributes: &'a [&'a str],
    /// More entries than this are an error at the directory; 0: as many as it gives.
    pub(super) entries_max: u32,
    /// Only a part of them (RFC 2696).
    pub(super) page: Option<Page<'a>>,
}

/// Which part of what a search finds is wanted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Page<'a> {
    /// Entries, at most.
    pub(super) size: u32,
    /// What came with the part before; empty: the first one.
    pub(super) cookie: &'a [u8],
}

/// What a directory answers.
#[derive(Debug)]
pub(super) enum Response {
    Bind(Outcome),
    Done(Outcome),
    Entry(Entry),
    Extended(Outcome),
    /// Where else to ask, or something on the way; not followed.
    Other,
}

/// How an operation ended.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Outcome {
    pub(super) code: u32,
    /// Of Active Directory: the Win32 number in the text. The text itself is not kept.
    pub(super) data: Option<u32>,
    /// What the password policy says (the control's error, draft-behera-ldap-password-policy).
    pub(super) policy: Option<u32>,
    /// By what the next part is asked for; empty: this was the last. `None`: it is no part.
    pub(super) cookie: Option<Vec<u8>>,
}

/// An entry of the directory. Names of attributes are in lower case.
#[derive(Clone, Debug, Default)]
pub(super) struct Entry {
    pub(super) dn: String,
    attributes: BTreeMap<String, Vec<Vec<u8>>>,
}

impl Entry {
    /// The values of an attribute.
    pub(super) fn values(&self, attribute: &str) -> &[Vec<u8>] {
        let name = attribute.to_ascii_lowercase();
        self.attributes.get(&name).map_or(&[], Vec::as_slice)
    }

    /// Its values that are texts.
    pub(super) fn texts(&self, attribute: &str) -> impl Iterator<Item = &str> {
        let values = self.values(attribute).iter();
        values.filter_map(|value| std::str::from_utf8(value).ok())
    }

    /// Whether only some values of an attribute are there: Active Directory says which, behind
    /// the attribute's name.
    pub(super) fn is_cut(&self, attribute: &str) -> bool {
        let begins = attribute.to_ascii_lowercase() + ";range=";
        let mut names = self.attributes.keys();
        names.any(|name| name.starts_with(&begins))
    }

    /// Its first value, as a number.
    pub(super) fn number(&self, attribute: &str) -> Option<i64> {
        self.texts(attribute).next()?.parse().ok()
    }

    #[cfg(test)]
    pub(super) fn of(dn: &str, attributes: &[(&str, &[&str])]) -> Self {
        let of_one = |(name, values): &(&str, &[&str])| {
            let values = values.iter().map(|value| value.as_bytes().to_vec());
            (name.to_ascii_lowercase(), values.collect())
        };
        Self {
            dn: dn.to_owned(),
            attributes: attributes.iter().map(of_one).collect(),
        }
    }
}

/// A simple bind. It asks for the policy's word where there is one.
pub(super) fn bind(id: u32, name: &str, password: &[u8]) -> Zeroizing<Vec<u8>> {
    let version = number(INTEGER, 3);
    let name = element(OCTET_STRING, &[name.as_bytes()]);
    let password = element(SIMPLE, &[password]);
    let request = element(BIND_REQUEST, &[&version, &name, &password]);
    let policy = element(OCTET_STRING, &[PASSWORD_POLICY]);
    let control = element(SEQUENCE, &[&policy]);
    message(id, &[&request, &element(CONTROLS, &[&control])])
}

/// A search.
pub(super) fn search(id: u32, search: &Search<'_>) -> Zeroizing<Vec<u8>> {
    let scope = match search.scope {
        Scope::Base => 0,
        Scope::Subtree => 2,
    };
    let attributes = search.attributes.iter();
    let attributes: Vec<_> = attributes
        .map(|name| element(OCTET_STRING, &[name.as_bytes()]))
        .collect();
    let attributes: Vec<&[u8]> = attributes.iter().map(|name| name.as_slice()).collect();
    let request = element(
        SEARCH_REQUEST,
        &[
            &element(OCTET_STRING, &[search.base.as_bytes()]),
            &number(ENUMERATED, scope),
            &number(ENUMERATED, NEVER_DEREFERENCE),
            &number(INTEGER, search.entries_max),
            &number(INTEGER, SEARCH_SECS_MAX),
            &element(BOOLEAN, &[&[0]]),
            &search.filter,
            &element(SEQUENCE, &attributes),
        ],
    );
    let Some(page) = search.page else {
        return message(id, &[&request]);
    };
    let (size, cookie) = (
        number(INTEGER, page.size),
        element(OCTET_STRING, &[page.cookie]),
    );
    let value = element(SEQUENCE, &[&size, &cookie]);
    let control = element(
        SEQUENCE,
        &[
            &element(OCTET_STRING, &[PAGED_RESULTS]),
            // Critical: a directory that does not page must not cut the list instead.
            &element(BOOLEAN, &[&[0xff]]),
            &element(OCTET_STRING, &[&value]),
        ],
    );
    message(id, &[&request, &element(CONTROLS, &[&control])])
}

/// The wish to go on in TLS (RFC 4511 §4.14).
pub(super) fn start_tls(id: u32) -> Zeroizing<Vec<u8>> {
    let name = element(0x80, &[START_TLS]);
    message(id, &[&element(EXTENDED_REQUEST, &[&name])])
}

fn message(id: u32, parts: &[&[u8]]) -> Zeroizing<Vec<u8>> {
    let id = number(INTEGER, id);
    let mut all: Vec<&[u8]> = vec![&id];
    all.extend_from_slice(parts);
    element(SEQUENCE, &all)
}

/// Reads one whole message: its number, and what it says.
pub(super) fn read(octets: &[u8]) -> Result<(u32, Response), Malformed> {
    let mut message = Reader::new(Reader::new(octets).expect(SEQUENCE)?);
    let id = message.number(INTEGER)?;
    let (tag, content) = message.any()?;
    let controls = controls(message)?;
    let outcome = || outcome(content, controls);
    let response = match tag {
        BIND_RESPONSE => Response::Bind(outcome()?),
        SEARCH_DONE => Response::Done(outcome()?),
        EXTENDED_RESPONSE => Response::Extended(outcome()?),
        SEARCH_ENTRY => Response::Entry(entry(content)?),
        SEARCH_REFERENCE | INTERMEDIATE_RESPONSE => Response::Other,
        _ => return Err(Malformed),
    };
    Ok((id, response))
}

fn outcome(content: &[u8], controls: Controls) -> Result<Outcome, Malformed> {
    let mut result = Reader::new(content);
    let code = result.number(ENUMERATED)?;
    let _matched = result.expect(OCTET_STRING)?;
    let text = result.expect(OCTET_STRING)?;
    Ok(Outcome {
        code,
        data: data(text),
        policy: controls.policy,
        cookie: controls.cookie,
    })
}

/// What stands beside an answer.
#[derive(Default)]
struct Controls {
    /// The error in the answer of the password policy, if there is such an answer.
    policy: Option<u32>,
    /// Of a part of what a search finds.
    cookie: Option<Vec<u8>>,
}

fn controls(mut rest: Reader<'_>) -> Result<Controls, Malformed> {
    let mut read = Controls::default();
    let Some(controls) = rest.optional(CONTROLS)? else {
        return Ok(read);
    };
    let mut controls = Reader::new(controls);
    while !controls.is_empty() {
        let mut control = Reader::new(controls.expect(SEQUENCE)?);
        let kind = control.expect(OCTET_STRING)?;
        control.optional(BOOLEAN)?;
        let value = control.optional(OCTET_STRING)?;
        match (kind, value) {
            (PASSWORD_POLICY, Some(value)) => read.policy = policy_error(value)?,
            (PAGED_RESULTS, Some(value)) => read.cookie = Some(cookie(value)?),
            _ => (),
        }
    }
    Ok(read)
}

fn cookie(value: &[u8]) -> Result<Vec<u8>, Malformed> {
    let mut value = Reader::new(Reader::new(value).expect(SEQUENCE)?);
    // How many there may be in all; many directories say 0.
    value.expect(INTEGER)?;
    Ok(value.expect(OCTET_STRING)?.to_vec())
}

fn policy_error(value: &[u8]) -> Result<Option<u32>, Malformed> {
    let mut value = Reader::new(Reader::new(value).expect(SEQUENCE)?);
    value.optional(POLICY_WARNING)?;
    value.optional(POLICY_ERROR)?.map(unsigned).transpose()
}

fn entry(content: &[u8]) -> Result<Entry, Malformed> {
    let mut content = Reader::new(content);
    let dn = content.text()?.to_owned();
    let mut list = Reader::new(content.expect(SEQUENCE)?);
    let mut attributes = BTreeMap::<_, Vec<_>>::new();
    while !list.is_empty() {
        let mut attribute = Reader::new(list.expect(SEQUENCE)?);
        let name = attribute.text()?.to_ascii_lowercase();
        let mut set = Reader::new(attribute.expect(SET)?);
        let values = attributes.entry(name).or_default();
        while !set.is_empty() {
            values.push(set.expect(OCTET_STRING)?.to_vec());
        }
    }
    Ok(Entry { dn, attributes })
}

/// The number in `…AcceptSecurityContext error, data 52e, v1db1`.
fn data(text: &[u8]) -> Option<u32> {
    let (start, _) = text
        .windows(DATA.len())
        .enumerate()
        .find(|(_, window)| *window == DATA)?;
    let rest = text.get(start.saturating_add(DATA.len())..)?;
    let end = rest.iter().position(|octet| !octet.is_ascii_hexdigit());
    let digits = rest.get(..end.unwrap_or(rest.len()))?;
    if !(3..=8).contains(&digits.len()) {
        return None;
    }
    u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

/// For `Search::attributes`: the entry's name is all that is wanted (RFC 4511 §4.5.1.8).
pub(super) const NAME_ALONE: &[&str] = &["1.1"];
const BIND_REQUEST: u8 = 0x60;
const BIND_RESPONSE: u8 = 0x61;
const SEARCH_REQUEST: u8 = 0x63;
const SEARCH_ENTRY: u8 = 0x64;
const SEARCH_DONE: u8 = 0x65;
const SEARCH_REFERENCE: u8 = 0x73;
const EXTENDED_REQUEST: u8 = 0x77;
const EXTENDED_RESPONSE: u8 = 0x78;
const INTERMEDIATE_RESPONSE: u8 = 0x79;
/// Of a bind: the password as it is.
const SIMPLE: u8 = 0x80;
const CONTROLS: u8 = 0xa0;
const POLICY_WARNING: u8 = 0xa0;
const POLICY_ERROR: u8 = 0x81;
const PASSWORD_POLICY: &[u8] = b"1.3.6.1.4.1.42.2.27.8.5.1";
const PAGED_RESULTS: &[u8] = b"1.2.840.113556.1.4.319";
const START_TLS: &[u8] = b"1.3.6.1.4.1.1466.20037";
const DATA: &[u8] = b" data ";
const NEVER_DEREFERENCE: u32 = 0;
/// LIMIT: for how long a directory may look; nobody waits longer.
const SEARCH_SECS_MAX: u32 = 30;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_active_directory_is_found_in_its_text() {
        let text = b"80090308: LdapErr: DSID-0C090447, comment: AcceptSecurityContext error, \
            data 52e, v3839\0";
        assert_eq!(data(text), Some(0x52e));
        for other in ["", " data", " data 0, v1", " data 123456789", " data xyz"] {
            assert_eq!(data(other.as_bytes()), None, "{other}");
        }
    }

    #[test]
    fn a_message_cut_anywhere_is_refused() {
        let result = [
            &number(ENUMERATED, 49)[..],
            &element(OCTET_STRING, &[]),
            &element(OCTET_STRING, &[b"no"]),
        ];
        let whole = message(1, &[&element(BIND_RESPONSE, &result)]);
        assert!(matches!(read(&whole), Ok((1, Response::Bind(_)))));
        for length in 0..whole.len() {
            assert!(read(&whole[..length]).is_err(), "{length} octets");
        }
    }

    #[test]
    fn depth_costs_no_stack() {
        let deep = [SEQUENCE, 0x84, 0, 0x10, 0, 0].repeat(500_000);
        assert!(read(&deep).is_err());
        let deep = element(
            SEQUENCE,
            &[&number(INTEGER, 1), &element(SEARCH_ENTRY, &[&deep])],
        );
        assert!(read(&deep).is_err());
    }
}
