//! The recovery key as a line of text that survives paper, a telephone and a bad typist.
//!
//! ```text
//! countersign-recovery-secret-1:8J4K-…   14 groups of 4 signs: 32 octets and 3 of checksum
//! ```
//! Crockford's Base32 (no I, L, O, U; read leniently), so 56 signs with no bit to spare.

use data_encoding::{Encoding, Specification};
use zeroize::Zeroizing;

use super::octets::{KeyOctets, digest};

/// Which half of the pair a line holds.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Half {
    Public,
    Secret,
}

impl Half {
    const fn prefix(self) -> &'static str {
        match self {
            Self::Public => "countersign-recovery-public-1",
            Self::Secret => "countersign-recovery-secret-1",
        }
    }
}

/// Writes the line of one half.
pub(super) fn line(half: Half, octets: &[u8; 32]) -> String {
    let checksum: [u8; CHECKSUM_OCTETS] = digest(half.prefix(), octets);
    let checked = Zeroizing::new([&octets[..], &checksum].concat());
    let signs = Zeroizing::new(crockford().encode(&checked));
    // One allocation: no half-written copy of the key stays behind.
    let mut line = String::with_capacity(half.prefix().len().saturating_add(LINE_SIGNS));
    line.push_str(half.prefix());
    for (place, sign) in signs.chars().enumerate() {
        match place {
            0 => line.push(':'),
            place if place.is_multiple_of(4) => line.push('-'),
            _ => {}
        }
        line.push(sign);
    }
    line
}

/// Reads the line of one half.
pub(super) fn parse(half: Half, line: &str) -> Result<KeyOctets, RecoveryTextError> {
    let (prefix, signs) = line
        .trim()
        .split_once(':')
        .ok_or(RecoveryTextError::Foreign)?;
    let same = |half: Half| prefix.trim().eq_ignore_ascii_case(half.prefix());
    match half {
        half if same(half) => {}
        Half::Public if same(Half::Secret) => return Err(RecoveryTextError::SecretHalf),
        Half::Secret if same(Half::Public) => return Err(RecoveryTextError::PublicHalf),
        Half::Public | Half::Secret => return Err(RecoveryTextError::Foreign),
    }
    // LIMIT: what is longer is no key, blanks included.
    if signs.len() > LINE_SIGNS.saturating_mul(2) {
        return Err(RecoveryTextError::Malformed);
    }
    let checked = crockford()
        .decode(signs.as_bytes())
        .map(Zeroizing::new)
        .map_err(|_| RecoveryTextError::Malformed)?;
    let (octets, checksum) = checked
        .split_first_chunk()
        .ok_or(RecoveryTextError::Malformed)?;
    if checksum.len() != CHECKSUM_OCTETS {
        return Err(RecoveryTextError::Malformed);
    }
    if checksum != digest::<CHECKSUM_OCTETS>(half.prefix(), octets) {
        return Err(RecoveryTextError::Mistyped);
    }
    Ok(KeyOctets::new(*octets))
}

/// Why a line is no recovery key. None of them repeats any of it.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum RecoveryTextError {
    /// It does not begin as a recovery key does.
    #[error("not a recovery key: the line begins with countersign-recovery-")]
    Foreign,
    /// A sign that the alphabet lacks, or too few or too many.
    #[error("the recovery key has a sign too few or too many, or one that no key has")]
    Malformed,
    /// The checksum does not fit.
    #[error("the recovery key is mistyped: its checksum does not fit")]
    Mistyped,
    /// The public half, where the secret one is wanted.
    #[error("this is the public half of the recovery key; the secret one is wanted")]
    PublicHalf,
    /// The secret half, where the public one is wanted.
    #[error("this is the secret half of the recovery key; keep it offline, give the public one")]
    SecretHalf,
    /// A public key that protects nothing.
    #[error("the recovery key is void: no secret key belongs to it")]
    Void,
}

/// 24 bits: of 16 million typing errors, one goes unnoticed.
const CHECKSUM_OCTETS: usize = 3;

/// Colon, 56 signs and 13 dashes.
const LINE_SIGNS: usize = 70;

fn crockford() -> Encoding {
    let mut specification = Specification::new();
    specification
        .symbols
        .push_str("0123456789ABCDEFGHJKMNPQRSTVWXYZ");
    specification
        .translate
        .from
        .push_str("abcdefghjkmnpqrstvwxyzOoIiLl");
    specification
        .translate
        .to
        .push_str("ABCDEFGHJKMNPQRSTVWXYZ001111");
    specification.ignore.push_str("- \t");
    specification
        .encoding()
        .expect("Crockford's alphabet is well formed")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const GOLDEN: &str = "\
    countersign-recovery-secret-1:000G-40R4-0M30-E209-185G-R38E-1W81-24GK-2GAH-C5RR-\
    34D1-P70X-3RFT-ZNVH";

    fn octets() -> [u8; 32] {
        std::array::from_fn(|i| u8::try_from(i).expect("below 32"))
    }

    #[test]
    fn the_line_is_exactly_this() {
        assert_eq!(line(Half::Secret, &octets()), GOLDEN);
    }

    #[test]
    fn case_blanks_dashes_and_lookalikes_do_not_matter() {
        let sloppy = GOLDEN
            .replace('-', " ")
            .replace("0", "O")
            .replace('1', "l")
            .to_lowercase();
        let (_, signs) = sloppy.split_once(':').expect("a colon");
        let sloppy = format!(" {}: {signs} ", Half::Secret.prefix().to_uppercase());
        let read = parse(Half::Secret, &sloppy).expect("the key");
        assert_eq!(read.expose(), &octets());
    }

    #[test]
    fn one_wrong_sign_anywhere_is_noticed() {
        let start = Half::Secret.prefix().len() + 1;
        for place in start..GOLDEN.len() {
            for sign in ["0", "7", "Z"] {
                let mut typo = GOLDEN.to_string();
                typo.replace_range(place..=place, sign);
                let changed = typo != GOLDEN;
                assert_eq!(parse(Half::Secret, &typo).is_err(), changed, "at {place}");
            }
        }
    }

    #[test]
    fn the_halves_are_not_taken_for_each_other() {
        let public = line(Half::Public, &octets());
        let refused = |half, line: &str| parse(half, line).expect_err("refused");
        assert_eq!(
            refused(Half::Secret, &public),
            RecoveryTextError::PublicHalf
        );
        assert_eq!(refused(Half::Public, GOLDEN), RecoveryTextError::SecretHalf);
        let renamed = GOLDEN.replace("secret", "public");
        assert_eq!(refused(Half::Public, &renamed), RecoveryTextError::Mistyped);
    }

    #[test]
    fn what_is_no_key_at_all_is_told_apart() {
        let refused = |line: &str| parse(Half::Secret, line).expect_err("refused");
        assert_eq!(refused("hello"), RecoveryTextError::Foreign);
        assert_eq!(refused("hello:0000"), RecoveryTextError::Foreign);
        let short = GOLDEN.get(..GOLDEN.len() - 1).expect("ASCII");
        assert_eq!(refused(short), RecoveryTextError::Malformed);
        assert_eq!(
            refused(&format!("{GOLDEN}-0000-0000")),
            RecoveryTextError::Malformed
        );
        assert_eq!(
            refused(&GOLDEN.replace('4', "U")),
            RecoveryTextError::Malformed
        );
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(octets in any::<[u8; 32]>()) {
            let read = parse(Half::Public, &line(Half::Public, &octets)).expect("the line");
            prop_assert_eq!(read.expose(), &octets);
        }

        #[test]
        fn no_text_breaks_the_reader(text in "(countersign-recovery-secret-1:)?\\PC*") {
            prop_assert!(parse(Half::Secret, &text).is_err());
        }
    }
}
