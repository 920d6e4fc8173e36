use proptest::prelude::*;

use super::super::{Digits, Period};
use super::*;

const SHA1_SEED: &[u8] = b"12345678901234567890";
const SHA256_SEED: &[u8] = b"12345678901234567890123456789012";
const SHA512_SEED: &[u8] = b"1234567890123456789012345678901234567890123456789012345678901234";

/// RFC 6238 Appendix B: seconds, then the codes for SHA-1, SHA-256 and SHA-512. The seeds
/// of the longer hashes are those of erratum 2866.
const APPENDIX_B: [(u64, [&str; 3]); 6] = [
    (59, ["94287082", "46119246", "90693936"]),
    (1_111_111_109, ["07081804", "68084774", "25091201"]),
    (1_111_111_111, ["14050471", "67062674", "99943326"]),
    (1_234_567_890, ["89005924", "91819424", "93441116"]),
    (2_000_000_000, ["69279037", "90698825", "38618901"]),
    (20_000_000_000, ["65353130", "77737706", "47863826"]),
];

fn parameters(algorithm: Algorithm, digits: u32, period: u64) -> Parameters {
    Parameters {
        algorithm,
        digits: Digits::try_from(digits).expect("6 to 8"),
        period: Period::try_from(period).expect("30 or 60"),
    }
}

fn at(seconds: u64) -> Timestamp {
    Timestamp::from_millis(seconds.saturating_mul(1000))
}

fn typed(seed: &Secret, parameters: &Parameters, step: u64) -> Vec<u8> {
    code_at(seed, parameters, step)
        .expect("a step of our time")
        .as_bytes()
        .to_vec()
}

#[test]
fn every_code_of_rfc_6238_appendix_b_matches_at_its_time() {
    let hashes = [
        (Algorithm::Sha1, SHA1_SEED),
        (Algorithm::Sha256, SHA256_SEED),
        (Algorithm::Sha512, SHA512_SEED),
    ];
    for (seconds, codes) in APPENDIX_B {
        for ((algorithm, seed), code) in hashes.into_iter().zip(codes) {
            let parameters = parameters(algorithm, 8, 30);
            let found = matches(
                &seed.into(),
                &parameters,
                code.as_bytes(),
                at(seconds),
                0,
                0,
            );
            let expected = Matched {
                step: seconds / 30,
                offset: 0,
            };
            assert_eq!(found, [expected], "{algorithm} at {seconds}");
        }
    }
}

#[test]
fn a_shorter_code_is_the_end_of_a_longer_one() {
    let seed = SHA1_SEED.into();
    for (digits, end) in [(6, "287082"), (7, "4287082"), (8, "94287082")] {
        let parameters = parameters(Algorithm::Sha1, digits, 30);
        assert_eq!(
            code_at(&seed, &parameters, 1).expect("step 1").as_str(),
            end
        );
    }
}

#[test]
fn a_sixty_second_token_has_half_the_steps() {
    let seed = SHA1_SEED.into();
    let parameters = parameters(Algorithm::Sha1, 6, 60);
    let code = typed(&seed, &parameters, 33);
    let found = matches(&seed, &parameters, &code, at(33 * 60 + 59), 0, 0);
    assert_eq!(
        found,
        [Matched {
            step: 33,
            offset: 0
        }]
    );
}

#[test]
fn the_window_reaches_as_far_as_told_and_no_further() {
    let seed = SHA1_SEED.into();
    let parameters = Parameters::default();
    for offset in -4_i64..=4 {
        let step = 1000_u64.saturating_add_signed(offset);
        let code = typed(&seed, &parameters, step);
        let found = matches(&seed, &parameters, &code, at(30_000), 0, 1);
        assert_eq!(!found.is_empty(), offset.abs() <= 1, "offset {offset}");
    }
}

#[test]
fn no_setting_widens_the_window_over_its_bound() {
    let seed = SHA1_SEED.into();
    let parameters = Parameters::default();
    let code = typed(&seed, &parameters, 1003);
    assert_eq!(
        matches(&seed, &parameters, &code, at(30_000), 0, u8::MAX),
        []
    );
}

#[test]
fn drift_moves_the_window_and_the_offset_is_told_without_it() {
    let seed = SHA1_SEED.into();
    let parameters = Parameters::default();
    let code = typed(&seed, &parameters, 1004);
    let found = matches(&seed, &parameters, &code, at(30_000), 3, 1);
    assert_eq!(
        found,
        [Matched {
            step: 1004,
            offset: 4
        }]
    );
    let unmoved = typed(&seed, &parameters, 1000);
    assert_eq!(matches(&seed, &parameters, &unmoved, at(30_000), 3, 1), []);
}

#[test]
fn drift_counts_only_up_to_its_bound() {
    let seed = SHA1_SEED.into();
    let parameters = Parameters::default();
    for (drift, step) in [(i32::MAX, 1005), (i32::MIN, 995)] {
        let code = typed(&seed, &parameters, step);
        let found = matches(&seed, &parameters, &code, at(30_000), drift, 0);
        assert_eq!(found.len(), 1, "drift {drift}");
    }
}

/// Two steps of one window may share a code. Both are reported: were one left out, the
/// code could be used again at it.
#[test]
fn all_steps_that_share_a_code_are_reported() {
    let seed = SHA1_SEED.into();
    let parameters = Parameters::default();
    let step = 910_737;
    let code = typed(&seed, &parameters, step);
    assert_eq!(code, b"911617");
    let found = matches(&seed, &parameters, &code, at(step * 30), 0, 1);
    let expected = [
        Matched { step, offset: 0 },
        Matched {
            step: step + 1,
            offset: 1,
        },
    ];
    assert_eq!(found, expected);
}

#[test]
fn what_is_no_code_matches_nothing() {
    let seed = SHA1_SEED.into();
    let parameters = parameters(Algorithm::Sha1, 8, 30);
    for code in ["", "9428708", "942870820", "+4287082", " 4287082", "٩٤٢٨"] {
        assert_eq!(
            matches(&seed, &parameters, code.as_bytes(), at(59), 0, 1),
            []
        );
    }
}

#[test]
fn the_first_steps_of_1970_and_the_last_of_all_time_do_not_wrap() {
    let seed = SHA1_SEED.into();
    let parameters = Parameters::default();
    let code = typed(&seed, &parameters, 0);
    assert_eq!(matches(&seed, &parameters, &code, at(0), -5, 2), []);
    let end = Timestamp::from_millis(u64::MAX);
    assert!(matches(&seed, &parameters, b"000000", end, 5, 2).len() <= 5);
    assert!(code_at(&seed, &parameters, u64::MAX).is_none());
}

#[test]
fn the_codes_to_try_are_those_of_the_window_and_the_late_ones_before_it() {
    let (seed, parameters) = (SHA1_SEED.into(), Parameters::default());
    let tried = codes(&seed, &parameters, at(1000 * 30), 1, (2, 3));
    let tried: Vec<_> = tried.iter().map(|code| code.as_bytes().to_vec()).collect();
    let steps = 996..=1003;
    let expected: Vec<_> = steps.map(|step| typed(&seed, &parameters, step)).collect();
    assert_eq!(tried, expected);
    // Nothing that is stored or set makes them more.
    let most = codes(&seed, &parameters, at(1000 * 30), 99, (99, 0));
    assert_eq!(most.len(), 5);
}

#[test]
fn a_code_is_not_printed() {
    let code = code_at(&SHA1_SEED.into(), &Parameters::default(), 1).expect("step 1");
    assert_eq!(format!("{code:?}"), "Code(…)");
}

proptest! {
    #[test]
    fn the_code_of_a_step_in_the_window_is_found_at_its_offset(
        seed in proptest::collection::vec(any::<u8>(), 10..=64),
        step in 100_u64..100_000_000,
        drift in -5_i32..=5,
        beside in -2_i64..=2,
        digits in 6_u32..=8,
    ) {
        let seed = Secret::new(seed);
        let parameters = parameters(Algorithm::Sha256, digits, 30);
        let target = step.saturating_add_signed(i64::from(drift) + beside);
        let code = typed(&seed, &parameters, target);
        let found = matches(&seed, &parameters, &code, at(step * 30 + 29), drift, 2);
        let offset = drift + i32::try_from(beside).expect("two at most");
        let expected = Matched { step: target, offset };
        prop_assert!(found.contains(&expected));
    }
}
