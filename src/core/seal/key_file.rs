//! The key file of a node: the key-encryption keys, one a line.
//!
//! ```text
//! # Countersign key file. Whoever has it and a node's disk can read every seed.
//! kek1 5f0c3a9e11d2b477 <64 hexadecimal digits>
//! ```
//! The second word is the key's fingerprint, so that a damaged line is noticed. Blank
//! lines and those that begin with `#` are skipped. Must not know where the file lies.

use data_encoding::{HEXLOWER, HEXLOWER_PERMISSIVE};
use zeroize::Zeroizing;

use super::octets::{Fingerprint, KeyOctets};
use crate::base::limits::{KEKS_MAX, KEY_FILE_OCTETS_MAX};
use crate::base::{Entropy, Secret};

/// A key that data keys are wrapped with. It never leaves its node's key file.
#[derive(Debug, Eq, PartialEq)]
pub struct KeyEncryptionKey {
    fingerprint: Fingerprint,
    octets: KeyOctets,
}

impl KeyEncryptionKey {
    /// Draws a new key.
    pub fn draw(entropy: &mut impl Entropy) -> Self {
        Self::new(KeyOctets::draw(entropy))
    }

    fn new(octets: KeyOctets) -> Self {
        let fingerprint = Fingerprint::of("countersign key-encryption key v1", octets.expose());
        Self {
            fingerprint,
            octets,
        }
    }

    /// Names it.
    #[must_use]
    pub const fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    pub(super) const fn octets(&self) -> &KeyOctets {
        &self.octets
    }
}

/// At least one and at most [`KEKS_MAX`] key-encryption keys, no two of them the same.
#[derive(Debug, Eq, PartialEq)]
pub struct KeyFile(Vec<KeyEncryptionKey>);

impl KeyFile {
    /// A file of one key.
    #[must_use]
    pub fn new(key: KeyEncryptionKey) -> Self {
        Self(vec![key])
    }

    /// Reads a key file.
    ///
    /// # Errors
    /// Names the line and what to do; see [`KeyFileError`]. None repeats any of the file.
    pub fn parse(file: &[u8]) -> Result<Self, KeyFileError> {
        if file.len() > KEY_FILE_OCTETS_MAX {
            return Err(KeyFileError::TooLong);
        }
        let mut keys: Vec<(usize, KeyEncryptionKey)> = Vec::new();
        for (line, text) in (1_usize..).zip(file.split(|&octet| octet == b'\n')) {
            let Some(key) = key_of(line, text)? else {
                continue;
            };
            if let Some(&(first, _)) = keys.iter().find(|(_, other)| *other == key) {
                return Err(KeyFileError::Twice { line, first });
            }
            if keys.len() == KEKS_MAX {
                return Err(KeyFileError::TooMany { line });
            }
            keys.push((line, key));
        }
        if keys.is_empty() {
            return Err(KeyFileError::Empty);
        }
        Ok(Self(keys.into_iter().map(|(_, key)| key).collect()))
    }

    /// The file's text, to be written where only the node can read it.
    #[must_use]
    pub fn text(&self) -> Secret {
        // LIMIT: the capacity holds all lines, so that no half-written copy stays behind.
        let mut text = String::with_capacity(KEY_FILE_OCTETS_MAX);
        text.push_str(HEADING);
        for key in &self.0 {
            let octets = Zeroizing::new(HEXLOWER.encode(key.octets.expose()));
            let fingerprint = key.fingerprint.to_string();
            text.extend([TAG, " ", &fingerprint, " ", &octets, "\n"]);
        }
        text.into()
    }

    /// Its keys, in the order of the file.
    pub fn keys(&self) -> impl Iterator<Item = &KeyEncryptionKey> {
        self.0.iter()
    }
}

/// Why a key file cannot be used.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum KeyFileError {
    /// No key in it.
    #[error("the file has no key: copy it from another node, or make one by `cluster new`")]
    Empty,
    /// A line that is neither a key nor a comment.
    #[error("line {line} is no key: it should be `kek1`, a fingerprint and 64 hex digits")]
    Malformed {
        /// Its number, from 1.
        line: usize,
    },
    /// The fingerprint does not fit the key.
    #[error("line {line} is damaged, its fingerprint does not fit: copy it anew")]
    Mistyped {
        /// Its number, from 1.
        line: usize,
    },
    /// Written by a newer release.
    #[error("line {line} has a key of a newer format: install the release that wrote it")]
    NewerFormat {
        /// Its number, from 1.
        line: usize,
    },
    /// More than any key file has.
    #[error("the file has more than {KEY_FILE_OCTETS_MAX} octets: it is no key file")]
    TooLong,
    /// More keys than the keyring wraps for.
    #[error("line {line} is key number {} of at most {KEKS_MAX}: drop an old one", KEKS_MAX + 1)]
    TooMany {
        /// Its number, from 1.
        line: usize,
    },
    /// The same key once more.
    #[error("line {line} repeats the key of line {first}: delete one of them")]
    Twice {
        /// Its number, from 1.
        line: usize,
        /// The number of the line that had it first.
        first: usize,
    },
}

/// The key of one line, if it is not blank or a comment.
fn key_of(line: usize, text: &[u8]) -> Result<Option<KeyEncryptionKey>, KeyFileError> {
    let malformed = KeyFileError::Malformed { line };
    let text = std::str::from_utf8(text).map_err(|_| malformed)?;
    let mut words = text.split_ascii_whitespace();
    let tag = match words.next() {
        None => return Ok(None),
        Some(word) if word.starts_with('#') => return Ok(None),
        Some(word) => word,
    };
    if tag != TAG {
        let newer = tag
            .strip_prefix("kek")
            .is_some_and(|n| n.parse::<u32>().is_ok());
        return Err(if newer {
            KeyFileError::NewerFormat { line }
        } else {
            malformed
        });
    }
    let (Some(fingerprint), Some(octets), None) = (words.next(), words.next(), words.next()) else {
        return Err(malformed);
    };
    let octets = HEXLOWER_PERMISSIVE
        .decode(octets.as_bytes())
        .map(Zeroizing::new)
        .map_err(|_| malformed)?;
    let octets = KeyOctets::try_from(octets.as_slice()).map_err(|_| malformed)?;
    let key = KeyEncryptionKey::new(octets);
    if !key
        .fingerprint
        .to_string()
        .eq_ignore_ascii_case(fingerprint)
    {
        return Err(KeyFileError::Mistyped { line });
    }
    Ok(Some(key))
}

const TAG: &str = "kek1";

const HEADING: &str = "\
# Countersign key file. Whoever has it and a node's disk can read every seed.
# Keep it off the disk's backups. One key a line; all nodes need one in common.
";

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::base::SeededEntropy;

    const ZEROS: &str = "0000000000000000000000000000000000000000000000000000000000000000";

    fn file(keys: u64) -> KeyFile {
        let draw = |seed| KeyEncryptionKey::draw(&mut SeededEntropy::new(seed));
        KeyFile((0..keys).map(draw).collect())
    }

    fn text(file: &KeyFile) -> String {
        String::from_utf8(file.text().expose().to_vec()).expect("ASCII")
    }

    fn refused(text: &str) -> KeyFileError {
        KeyFile::parse(text.as_bytes()).expect_err("refused")
    }

    #[test]
    fn what_is_written_is_read() {
        let file = file(8);
        assert_eq!(KeyFile::parse(file.text().expose()), Ok(file));
    }

    #[test]
    fn the_line_is_exactly_this() {
        let line = format!("kek1 df49fc9f0786a6ac {ZEROS}\r\n");
        let file = KeyFile::parse(line.as_bytes()).expect("a key file");
        assert_eq!(
            file.keys().next().map(|key| key.octets.expose()),
            Some(&[0; 32])
        );
    }

    #[test]
    fn every_fault_names_its_line() {
        let good = text(&file(1));
        let line = good.lines().count() + 1;
        let with = |more: &str| refused(&format!("{good}{more}\n"));
        assert_eq!(with("hello"), KeyFileError::Malformed { line });
        assert_eq!(with("kek1"), KeyFileError::Malformed { line });
        assert_eq!(with("kek1 00 11"), KeyFileError::Malformed { line });
        assert_eq!(
            with(&format!("kek1 00 {ZEROS} x")),
            KeyFileError::Malformed { line }
        );
        assert_eq!(
            with(&format!("kek1 00 {ZEROS}")),
            KeyFileError::Mistyped { line }
        );
        assert_eq!(with("kek2 anything"), KeyFileError::NewerFormat { line });
        let again = good.lines().last().expect("the key");
        let twice = KeyFileError::Twice {
            line,
            first: line - 1,
        };
        assert_eq!(with(again), twice);
    }

    #[test]
    fn a_file_without_keys_or_with_too_many_is_refused() {
        assert_eq!(refused(""), KeyFileError::Empty);
        assert_eq!(refused(HEADING), KeyFileError::Empty);
        assert_eq!(refused(&text(&file(9))), KeyFileError::TooMany { line: 11 });
        assert_eq!(
            refused(&"#".repeat(KEY_FILE_OCTETS_MAX + 1)),
            KeyFileError::TooLong
        );
    }

    #[test]
    fn a_changed_digit_of_the_key_is_noticed() {
        let good = text(&file(1));
        let changed = match good.trim_end().strip_suffix('0') {
            Some(rest) => format!("{rest}1"),
            None => format!("{}0", good.get(..good.len() - 2).expect("ASCII")),
        };
        assert_eq!(refused(&changed), KeyFileError::Mistyped { line: 3 });
    }

    #[test]
    fn no_key_is_printed() {
        let shown = format!("{:?}", file(1));
        assert!(shown.contains("octets: …"), "{shown}");
    }

    proptest! {
        #[test]
        fn no_file_breaks_the_reader(file in proptest::collection::vec(any::<u8>(), 0..300)) {
            prop_assert!(KeyFile::parse(&file).is_err());
        }
    }
}
