//! The one function that every string from outside passes before it is shown or logged.

use std::fmt;

use super::limits::SHOWN_CHARS_MAX;

/// Octets from outside, shown so that they cannot forge a log line or steer a terminal:
/// control, format and bidi characters and broken UTF-8 are escaped, the length is bounded.
#[derive(Clone, Copy, Debug)]
pub struct Shown<'a>(pub &'a [u8]);

impl<'a> From<&'a str> for Shown<'a> {
    fn from(text: &'a str) -> Self {
        Self(text.as_bytes())
    }
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut room = SHOWN_CHARS_MAX;
        for chunk in self.0.utf8_chunks() {
            for c in chunk.valid().chars() {
                if room == 0 {
                    return f.write_str("…");
                }
                room = room.saturating_sub(1);
                if is_unsafe(c) {
                    write!(f, "\\u{{{:x}}}", u32::from(c))?;
                } else {
                    write!(f, "{c}")?;
                }
            }
            for octet in chunk.invalid() {
                if room == 0 {
                    return f.write_str("…");
                }
                room = room.saturating_sub(1);
                write!(f, "\\x{octet:02x}")?;
            }
        }
        Ok(())
    }
}

/// Whether a character must be escaped: what steers, and the escape sign itself.
fn is_unsafe(c: char) -> bool {
    c == '\\' || steers(c)
}

/// Whether a character may steer the reader's screen instead of being read: controls,
/// separators of lines, zero-width and bidirectional marks, tags.
pub(super) fn steers(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_forge_a_line_is_escaped() {
        let name = Shown("a\nb\u{202e}c\\".as_bytes());
        assert_eq!(name.to_string(), r"a\u{a}b\u{202e}c\u{5c}");
    }

    #[test]
    fn broken_utf8_is_escaped_octet_by_octet() {
        assert_eq!(Shown(b"a\xff\xfe").to_string(), r"a\xff\xfe");
    }

    #[test]
    fn length_is_bounded() {
        let long = "x".repeat(SHOWN_CHARS_MAX + 9);
        assert_eq!(
            Shown::from(&*long).to_string().chars().count(),
            SHOWN_CHARS_MAX + 1
        );
    }
}
