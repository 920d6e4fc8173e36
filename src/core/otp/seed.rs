//! Seeds: how they are drawn, read and written.
//!
//! Reading is lenient, for people and vendors write Base32 in many ways; writing has one
//! form. No error repeats any sign of a seed.

use data_encoding::BASE32_NOPAD;
use zeroize::Zeroizing;

use super::Algorithm;
use crate::base::limits::{SEED_OCTETS_MAX, SEED_OCTETS_MIN, SEED_SIGNS_MAX};
use crate::base::{Entropy, Secret};

/// Draws a new seed, as long as the hash puts out (RFC 6238 §5.1).
pub fn draw_seed(algorithm: Algorithm, entropy: &mut impl Entropy) -> Secret {
    let mut octets = vec![0; algorithm.seed_octets()];
    entropy.fill(&mut octets);
    Secret::new(octets)
}

/// A seed that was read, and whether the text was sloppy.
#[derive(Debug, Eq, PartialEq)]
pub struct Decoded {
    /// The seed.
    pub seed: Secret,
    /// The last sign carried bits that belong to no octet and are not zero. Microsoft's
    /// own samples do; they are dropped, but it may also be a sign of a lost character.
    pub bits_dropped: bool,
}

/// Reads Base32 (RFC 4648 §6) as people write it: either case, blanks and dashes
/// anywhere, `=` at the end or not, bits left over at the end.
///
/// # Errors
/// Names the first sign that is none of `A`–`Z`, `2`–`7` by its position, or the length.
pub fn from_base32(text: &str) -> Result<Decoded, SeedError> {
    decoded(text, 5, |sign| match sign {
        b'A'..=b'Z' => Some(sign.wrapping_sub(b'A')),
        b'a'..=b'z' => Some(sign.wrapping_sub(b'a')),
        b'2'..=b'7' => Some(sign.wrapping_sub(b'2').wrapping_add(26)),
        _ => None,
    })
}

/// Reads hexadecimal, either case, blanks and dashes anywhere.
///
/// # Errors
/// As for [`from_base32`].
pub fn from_hex(text: &str) -> Result<Decoded, SeedError> {
    decoded(text, 4, |sign| match sign {
        b'0'..=b'9' => Some(sign.wrapping_sub(b'0')),
        b'A'..=b'F' => Some(sign.wrapping_sub(b'A').wrapping_add(10)),
        b'a'..=b'f' => Some(sign.wrapping_sub(b'a').wrapping_add(10)),
        _ => None,
    })
}

/// Writes a seed as upper-case Base32 without padding.
#[must_use]
pub fn to_base32(seed: &Secret) -> Secret {
    let mut text = vec![0; BASE32_NOPAD.encode_len(seed.len())];
    BASE32_NOPAD.encode_mut(seed.expose(), &mut text);
    Secret::new(text)
}

/// Why a text is no seed. Positions count characters from 1.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum SeedError {
    /// A character that the encoding does not have.
    #[error("character {position} does not belong to the encoding")]
    ForeignSign {
        /// Its position in the text.
        position: usize,
    },
    /// A number of signs that no number of octets gives.
    #[error("no seed encodes to {signs} signs: some are missing or too many")]
    Length {
        /// Signs, without blanks, dashes and padding.
        signs: usize,
    },
    /// Longer than any token's.
    #[error("the seed is longer than {SEED_OCTETS_MAX} octets")]
    TooLong,
    /// So short that it can be guessed.
    #[error("the seed has {octets} octets; {SEED_OCTETS_MIN} are the least")]
    TooShort {
        /// How many it has.
        octets: usize,
    },
}

/// Gathers `width` bits a sign. A number of signs is possible if the bits left over are
/// fewer than a sign's: for Base32 that rules out 1, 3 and 6 modulo 8.
fn decoded(text: &str, width: u32, value: impl Fn(u8) -> Option<u8>) -> Result<Decoded, SeedError> {
    let signs = signs(text, value)?;
    let mut octets = Zeroizing::new(Vec::with_capacity(SEED_SIGNS_MAX));
    let (mut gathered, mut bits) = (0_u16, 0_u32);
    for &sign in signs.iter() {
        gathered = gathered.wrapping_shl(width) | u16::from(sign);
        bits = bits.saturating_add(width);
        if bits >= 8 {
            bits = bits.saturating_sub(8);
            octets.push(gathered.wrapping_shr(bits).to_le_bytes()[0]);
        }
        gathered &= 1_u16.wrapping_shl(bits).wrapping_sub(1);
    }
    match octets.len() {
        _ if bits >= width => Err(SeedError::Length { signs: signs.len() }),
        octets if octets < SEED_OCTETS_MIN => Err(SeedError::TooShort { octets }),
        octets if octets > SEED_OCTETS_MAX => Err(SeedError::TooLong),
        _ => Ok(Decoded {
            seed: Secret::from(octets.as_slice()),
            bits_dropped: gathered != 0,
        }),
    }
}

/// The values of the signs of `text`, blanks and dashes left out. Padding may only be
/// followed by padding.
fn signs(text: &str, value: impl Fn(u8) -> Option<u8>) -> Result<Zeroizing<Vec<u8>>, SeedError> {
    if text.len() > SEED_SIGNS_MAX {
        return Err(SeedError::TooLong);
    }
    let mut signs = Zeroizing::new(Vec::with_capacity(text.len()));
    let mut padded = false;
    for (position, sign) in (1_usize..).zip(text.chars()) {
        if sign == '-' || sign.is_whitespace() {
            continue;
        }
        padded |= sign == '=';
        let known = u8::try_from(sign).ok().and_then(&value);
        match known {
            _ if sign == '=' => {}
            Some(known) if !padded => signs.push(known),
            Some(_) | None => return Err(SeedError::ForeignSign { position }),
        }
    }
    Ok(signs)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::base::SeededEntropy;

    /// 26 signs and bits over: Microsoft's own sample, which strict decoders refuse.
    const MICROSOFT: &str = "2234567abcdef2234567abcdef";

    fn octets(text: &str) -> Vec<u8> {
        from_base32(text).expect("a seed").seed.expose().to_vec()
    }

    #[test]
    fn a_new_seed_is_as_long_as_the_hash() {
        let mut entropy = SeededEntropy::new(1);
        let lengths = [Algorithm::Sha1, Algorithm::Sha256, Algorithm::Sha512]
            .map(|algorithm| draw_seed(algorithm, &mut entropy).len());
        assert_eq!(lengths, [20, 32, 64]);
        let again = draw_seed(Algorithm::Sha1, &mut entropy);
        assert_ne!(again, draw_seed(Algorithm::Sha1, &mut entropy));
    }

    #[test]
    fn microsofts_samples_are_read_and_their_last_bits_dropped() {
        let decoded = from_base32(MICROSOFT).expect("a seed");
        assert!(decoded.bits_dropped);
        let expected = [
            0xd6, 0xb7, 0xce, 0xfb, 0xe0, 0x08, 0x86, 0x42, 0xeb, 0x5b, 0xe7, 0x7d, 0xf0, 0x04,
            0x43, 0x21,
        ];
        assert_eq!(decoded.seed.expose(), expected);
        assert_eq!(octets("abcdef2234567abcdef2234567").len(), 16);
    }

    #[test]
    fn the_old_samples_with_a_one_are_refused_at_its_position() {
        for (text, position) in [
            ("1234567abcdef1234567abcdef", 1),
            ("C2dE3fH4iJ5kL6mN7oP1qR2sT3uV4w", 20),
        ] {
            assert_eq!(from_base32(text), Err(SeedError::ForeignSign { position }));
        }
    }

    #[test]
    fn case_blanks_dashes_and_padding_do_not_matter() {
        let plain = octets("GEZDGNBVGY3TQOJQGEZDGNBVGY");
        assert_eq!(plain, b"1234567890123456");
        for text in [
            "gezd gnbv gy3t-qojq gezd gnbv gy",
            "GEZDGNBVGY3TQOJQGEZDGNBVGY======",
        ] {
            assert_eq!(octets(text), plain);
        }
    }

    #[test]
    fn signs_after_padding_and_outside_ascii_are_foreign() {
        let refused = |text| from_base32(text).expect_err("no seed");
        assert_eq!(
            refused("GEZDGNBV=GY3T"),
            SeedError::ForeignSign { position: 10 }
        );
        assert_eq!(
            refused("GEZD\u{417}GNBV"),
            SeedError::ForeignSign { position: 5 }
        );
        assert_eq!(refused("\u{e9}"), SeedError::ForeignSign { position: 1 });
    }

    #[test]
    fn lengths_that_no_octets_give_are_refused() {
        for signs in 17..=100_usize {
            let refused = from_base32(&"A".repeat(signs)) == Err(SeedError::Length { signs });
            assert_eq!(refused, matches!(signs % 8, 1 | 3 | 6), "{signs}");
        }
    }

    #[test]
    fn seeds_out_of_bounds_are_refused() {
        assert_eq!(from_base32(""), Err(SeedError::TooShort { octets: 0 }));
        assert_eq!(
            from_base32(&"A".repeat(15)),
            Err(SeedError::TooShort { octets: 9 })
        );
        assert_eq!(octets(&"A".repeat(16)).len(), 10);
        assert_eq!(from_base32(&"A".repeat(208)), Err(SeedError::TooLong));
        assert_eq!(
            from_base32(&"A".repeat(SEED_SIGNS_MAX + 1)),
            Err(SeedError::TooLong)
        );
    }

    #[test]
    fn hexadecimal_is_read_in_either_case() {
        let seed = from_hex("00 11-22334455667788 99aABbCc")
            .expect("a seed")
            .seed;
        assert_eq!(seed.expose().get(9..), Some(&[0x99, 0xaa, 0xbb, 0xcc][..]));
        let odd = from_hex("001122334455667788990");
        assert_eq!(odd, Err(SeedError::Length { signs: 21 }));
    }

    #[test]
    fn no_error_shows_a_sign_of_the_seed() {
        let error = from_base32("QQQQ!QQQQ").expect_err("no seed");
        assert!(!format!("{error} {error:?}").contains('Q'));
        assert!(!format!("{error} {error:?}").contains('!'));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(seed in proptest::collection::vec(any::<u8>(), 10..=128)) {
            let seed = Secret::new(seed);
            let text = to_base32(&seed);
            let text = std::str::from_utf8(text.expose()).expect("ASCII");
            prop_assert_eq!(from_base32(text), Ok(Decoded { seed, bits_dropped: false }));
        }

        #[test]
        fn no_text_breaks_the_reader(text in "\\PC*") {
            let _ = from_base32(&text);
            let _ = from_hex(&text);
        }
    }
}
