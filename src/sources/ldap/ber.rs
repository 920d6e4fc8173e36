//! The part of BER that LDAP allows (RFC 4511 §5.1): definite lengths, tags of one octet.
//!
//! The reader goes down one named step at a time, never by itself: no depth of nesting in
//! an answer costs any stack. Must not know: what the elements mean.

use zeroize::Zeroizing;

pub(super) const BOOLEAN: u8 = 0x01;
pub(super) const INTEGER: u8 = 0x02;
pub(super) const OCTET_STRING: u8 = 0x04;
pub(super) const ENUMERATED: u8 = 0x0a;
pub(super) const SEQUENCE: u8 = 0x30;
pub(super) const SET: u8 = 0x31;

/// Octets that are not what the protocol has at this place.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("malformed")]
pub(super) struct Malformed;

/// One element: a tag, and its parts put together. It may hold a password, so it is wiped.
pub(super) fn element(tag: u8, parts: &[&[u8]]) -> Zeroizing<Vec<u8>> {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    // All at once: a buffer that grows would leave copies behind.
    let mut octets = Zeroizing::new(Vec::with_capacity(length.saturating_add(HEADER_OCTETS_MAX)));
    octets.push(tag);
    if let Ok(short @ 0..=0x7f) = u8::try_from(length) {
        octets.push(short);
    } else {
        let length = u32::try_from(length).unwrap_or(u32::MAX);
        octets.push(0x84);
        octets.extend_from_slice(&length.to_be_bytes());
    }
    for part in parts {
        octets.extend_from_slice(part);
    }
    octets
}

/// A number that is not negative, of the kind that `tag` names.
pub(super) fn number(tag: u8, value: u32) -> Zeroizing<Vec<u8>> {
    let octets = u64::from(value).to_be_bytes();
    let leading = octets.iter().take_while(|octet| **octet == 0).count();
    let mut digits = octets.get(leading..).unwrap_or_default();
    // A set first bit would make it negative.
    if digits.first().is_none_or(|first| first & 0x80 != 0) {
        digits = octets.get(leading.saturating_sub(1)..).unwrap_or_default();
    }
    element(tag, &[digits])
}

/// How long the whole element at the start of `octets` is; `None`: too little to tell.
pub(super) fn whole_length(octets: &[u8]) -> Result<Option<usize>, Malformed> {
    let [tag, first, rest @ ..] = octets else {
        return Ok(None);
    };
    if tag & 0x1f == 0x1f {
        return Err(Malformed);
    }
    if let short @ 0..=0x7f = *first {
        return Ok(Some(usize::from(short).saturating_add(2)));
    }
    let size = usize::from(first & 0x7f);
    // 0: an indefinite length, which LDAP forbids.
    if !(1..=LENGTH_OCTETS_MAX).contains(&size) {
        return Err(Malformed);
    }
    let Some(digits) = rest.get(..size) else {
        return Ok(None);
    };
    let length = digits
        .iter()
        .fold(0_usize, |length, digit| (length << 8) | usize::from(*digit));
    Ok(Some(length.saturating_add(size).saturating_add(2)))
}

/// Reads elements one after another.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(super) const fn new(octets: &'a [u8]) -> Self {
        Self(octets)
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The next element, whatever it is: tag and content.
    pub(super) fn any(&mut self) -> Result<(u8, &'a [u8]), Malformed> {
        let whole = whole_length(self.0)?.ok_or(Malformed)?;
        let (element, rest) = self.0.split_at_checked(whole).ok_or(Malformed)?;
        let header = match element.get(1) {
            Some(0..=0x7f) => 2,
            Some(size) => usize::from(size & 0x7f).saturating_add(2),
            None => return Err(Malformed),
        };
        let content = element.get(header..).ok_or(Malformed)?;
        self.0 = rest;
        Ok((*element.first().ok_or(Malformed)?, content))
    }

    /// The next element's content; it must have this tag.
    pub(super) fn expect(&mut self, tag: u8) -> Result<&'a [u8], Malformed> {
        match self.any()? {
            (found, content) if found == tag => Ok(content),
            _ => Err(Malformed),
        }
    }

    /// The next element's content, if it has this tag; otherwise nothing is read.
    pub(super) fn optional(&mut self, tag: u8) -> Result<Option<&'a [u8]>, Malformed> {
        if self.0.first() != Some(&tag) {
            return Ok(None);
        }
        self.expect(tag).map(Some)
    }

    /// A number of the kind that `tag` names, of at most four octets and not negative.
    pub(super) fn number(&mut self, tag: u8) -> Result<u32, Malformed> {
        unsigned(self.expect(tag)?)
    }

    /// A text in UTF-8.
    pub(super) fn text(&mut self) -> Result<&'a str, Malformed> {
        std::str::from_utf8(self.expect(OCTET_STRING)?).map_err(|_| Malformed)
    }
}

/// The content of a number.
pub(super) fn unsigned(content: &[u8]) -> Result<u32, Malformed> {
    match content {
        [] | [0x80..=0xff, ..] | [_, _, _, _, _, ..] => Err(Malformed),
        digits => Ok(digits
            .iter()
            .fold(0, |value, digit| (value << 8) | u32::from(*digit))),
    }
}

/// LIMIT: what an element needs beside its content, at most.
const HEADER_OCTETS_MAX: usize = 6;
/// LIMIT: octets of a length; Active Directory always sends four.
const LENGTH_OCTETS_MAX: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        for length in [0, 1, 127, 128, 255, 256, 70_000] {
            let content = vec![7; length];
            let written = element(OCTET_STRING, &[&content]);
            assert_eq!(whole_length(&written), Ok(Some(written.len())));
            let mut reader = Reader::new(&written);
            assert_eq!(reader.expect(OCTET_STRING), Ok(&*content));
            assert!(reader.is_empty());
        }
    }

    #[test]
    fn numbers_have_the_shortest_form_and_stay_positive() {
        for (value, octets) in [
            (0, &[2, 1, 0][..]),
            (127, &[2, 1, 127]),
            (128, &[2, 2, 0, 128]),
            (0x7fff_ffff, &[2, 4, 0x7f, 0xff, 0xff, 0xff]),
        ] {
            assert_eq!(*number(INTEGER, value), octets);
            assert_eq!(Reader::new(octets).number(INTEGER), Ok(value));
        }
    }

    #[test]
    fn a_length_that_leads_out_of_the_message_is_refused() {
        for octets in [
            &[4, 5, 1, 2][..],
            &[4, 0x80, 0, 0],
            &[4, 0x85, 0, 0, 0, 0, 1, 7],
            &[4, 0x84, 0xff, 0xff, 0xff, 0xff],
            &[0x1f, 1, 0],
            &[4],
            &[],
        ] {
            assert!(Reader::new(octets).any().is_err(), "{octets:?}");
        }
    }

    #[test]
    fn a_negative_or_long_number_is_refused() {
        for octets in [&[2, 0][..], &[2, 1, 0xff], &[2, 5, 1, 0, 0, 0, 0], &[2, 1]] {
            assert!(Reader::new(octets).number(INTEGER).is_err(), "{octets:?}");
        }
    }
}
