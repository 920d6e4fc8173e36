//! The octets of a file as text: Excel writes UTF-8 with and without mark, and UTF-16.

use std::borrow::Cow;

/// The file as octets of UTF-8, where it claims to be UTF-16; else as it is, without its
/// mark. Broken UTF-8 stays: it is the fault of one row, not of the file. `None` if UTF-16
/// is broken: then nothing after the break can be trusted to be aligned.
pub(super) fn as_utf8(file: &[u8]) -> Option<Cow<'_, [u8]>> {
    match file {
        [0xef, 0xbb, 0xbf, text @ ..] => Some(Cow::Borrowed(text)),
        [0xff, 0xfe, text @ ..] => utf16(text, u16::from_le_bytes),
        [0xfe, 0xff, text @ ..] => utf16(text, u16::from_be_bytes),
        // Without a mark: a header begins with two ASCII signs.
        [a, 0, b, 0, ..] if *a != 0 && *b != 0 => utf16(file, u16::from_le_bytes),
        [0, a, 0, b, ..] if *a != 0 && *b != 0 => utf16(file, u16::from_be_bytes),
        _ => Some(Cow::Borrowed(file)),
    }
}

fn utf16(text: &[u8], unit: fn([u8; 2]) -> u16) -> Option<Cow<'_, [u8]>> {
    let (pairs, rest) = text.as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    let characters = char::decode_utf16(pairs.iter().map(|&pair| unit(pair)));
    let text: Result<String, _> = characters.collect();
    text.ok().map(|text| Cow::Owned(text.into_bytes()))
}

/// The delimiter: told by Excel's `sep=` line, or the sign among comma, semicolon and tab
/// that the header has most of. Excel takes the semicolon where the comma is decimal.
pub(super) struct Delimiter {
    /// The sign.
    pub(super) sign: u8,
    /// Octets of the `sep=` line, to be skipped.
    pub(super) skip: usize,
}

impl Delimiter {
    pub(super) fn of(text: &[u8]) -> Self {
        let first = text
            .split(|&octet| octet == b'\n')
            .next()
            .unwrap_or_default();
        if let [
            b's' | b'S',
            b'e' | b'E',
            b'p' | b'P',
            b'=',
            sign,
            b'\r' | b' ',
            ..,
        ]
        | [b's' | b'S', b'e' | b'E', b'p' | b'P', b'=', sign] = *first
            && SIGNS.contains(&sign)
        {
            let skip = first.len();
            return Self { sign, skip };
        }
        let header = text
            .split(|&octet| octet == b'\n')
            .find(|line| !line.trim_ascii().is_empty())
            .unwrap_or_default();
        let count = |sign: u8| header.iter().filter(|&&octet| octet == sign).count();
        // Of equal counts the last wins: the comma, which is the format's own.
        let sign = SIGNS.into_iter().max_by_key(|&sign| count(sign));
        Self {
            sign: sign.unwrap_or(b','),
            skip: 0,
        }
    }
}

const SIGNS: [u8; 3] = *b"\t;,";

/// The line of each record, as an editor counts it. The reader's own count is off after
/// blank lines, which it skips without a word.
pub(super) struct Lines<'a> {
    text: &'a [u8],
    at: usize,
    line: u64,
}

impl<'a> Lines<'a> {
    pub(super) const fn of(text: &'a [u8]) -> Self {
        Self {
            text,
            at: 0,
            line: 1,
        }
    }

    /// The line of the record whose blanks or first field begin at octet `start`. Asked in
    /// ascending order, the whole text is walked once.
    pub(super) fn line_at(&mut self, start: usize) -> u64 {
        while let Some(octet) = self.text.get(self.at) {
            let blank = matches!(octet, b'\n' | b'\r');
            if self.at >= start && !blank {
                break;
            }
            self.at = self.at.saturating_add(1);
            // CR LF is one end of a line, and so is either alone.
            let half = *octet == b'\r' && self.text.get(self.at) == Some(&b'\n');
            self.line = self.line.saturating_add(u64::from(blank && !half));
        }
        self.line
    }
}
