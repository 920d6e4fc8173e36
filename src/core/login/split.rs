//! Where in the typed octets the password ends and the code begins.
//!
//! Knows lengths and digits. Must not know whether a code is right.

use super::Apart;
use crate::ledger::Factors;

/// One way to read the typed octets.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Candidate<'a> {
    /// What stands before the code. Empty only where the rule asks for the code alone.
    pub(super) password: &'a [u8],
    /// The last octets, all ASCII digits.
    pub(super) code: &'a [u8],
}

/// The ways to read `typed` for tokens with codes of `lengths`, longest code first.
///
/// Where a password is asked for, a reading without one is left out: it must not be
/// looked at, since an empty password reaches no source and the answer would then tell
/// whether the code alone was right. Where the code alone is asked for, nothing may stand
/// before it.
pub(super) fn candidates(
    typed: &[u8],
    factors: Factors,
    lengths: impl IntoIterator<Item = usize>,
) -> Vec<Candidate<'_>> {
    let mut lengths: Vec<usize> = lengths.into_iter().collect();
    lengths.sort_unstable_by(|a, b| b.cmp(a));
    lengths.dedup();
    lengths
        .into_iter()
        .filter_map(|length| split(typed, length))
        .filter(|candidate| candidate.password.is_empty() == factors.is_code_alone())
        .collect()
}

/// What came each by itself can be read in one way at most.
pub(super) fn given(
    apart: &Apart,
    factors: Factors,
    mut lengths: impl Iterator<Item = usize>,
) -> Vec<Candidate<'_>> {
    let read = apart.reading();
    let is_code = !read.code.is_empty() && read.code.iter().all(u8::is_ascii_digit);
    let fits = is_code
        && lengths.any(|length| length == read.code.len())
        && read.password.is_empty() == factors.is_code_alone();
    Vec::from_iter(fits.then_some(read))
}

/// The reading with a code of `length` digits.
pub(super) fn split(typed: &[u8], length: usize) -> Option<Candidate<'_>> {
    let at = typed.len().checked_sub(length)?;
    let (password, code) = typed.split_at_checked(at)?;
    let digits = !code.is_empty() && code.iter().all(u8::is_ascii_digit);
    digits.then_some(Candidate { password, code })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn readings(typed: &str, factors: Factors, lengths: &[usize]) -> Vec<(String, String)> {
        let text = |octets: &[u8]| String::from_utf8(octets.to_vec()).expect("ASCII");
        candidates(typed.as_bytes(), factors, lengths.iter().copied())
            .into_iter()
            .map(|candidate| (text(candidate.password), text(candidate.code)))
            .collect()
    }

    #[test]
    fn typed_octets_are_read_as_this_table_says() {
        type Row<'a> = (&'a str, &'a [usize], &'a [(&'a str, &'a str)]);
        let table: &[Row<'_>] = &[
            ("secret123456", &[6], &[("secret", "123456")]),
            ("secret99123456", &[6], &[("secret99", "123456")]),
            ("secret123456", &[8], &[]),
            (
                "secret12345678",
                &[6, 8, 6],
                &[("secret", "12345678"), ("secret12", "345678")],
            ),
            ("12345678", &[6, 8], &[("12", "345678")]),
            ("secret12345x", &[6], &[]),
            ("secret", &[6], &[]),
            ("12345", &[6], &[]),
            ("123456", &[6], &[]),
            ("", &[6], &[]),
            ("secret123456", &[], &[]),
            ("pass word123456", &[6], &[("pass word", "123456")]),
        ];
        for (typed, lengths, expected) in table {
            let found = readings(typed, Factors::PasswordAndCode, lengths);
            let found: Vec<_> = found.iter().map(|(p, c)| (&**p, &**c)).collect();
            assert_eq!(found, *expected, "{typed} {lengths:?}");
        }
    }

    #[test]
    fn where_the_code_alone_is_asked_for_nothing_stands_before_it() {
        let code = (String::new(), "123456".to_owned());
        assert_eq!(readings("123456", Factors::Code, &[6, 8]), [code]);
        assert!(readings("secret123456", Factors::Code, &[6, 8]).is_empty());
    }

    #[test]
    fn digits_of_other_scripts_are_no_code() {
        let arabic = "secret\u{661}\u{662}\u{663}";
        assert!(readings(arabic, Factors::PasswordAndCode, &[6]).is_empty());
    }
}
