use data_encoding::HEXLOWER;

use super::*;
use crate::base::SeededEntropy;

const CLUSTER: ClusterId = ClusterId([3; 16]);
const OTHER_CLUSTER: ClusterId = ClusterId([4; 16]);
const KEY: KeyId = KeyId(7);

/// Computed with Python's `cryptography`.
const GOLDEN_BY_KEK: &str = "\
    0112051b30260f5677c2b0937db5566eeed83abb8860e800fbd993b84cadb6968fc58c8a4a3ac902\
    463fdf8846f8f61e34cf15ade34823c03506aa26bb8376afe0aea5e68ccc871183";
const GOLDEN_RECOVERY: &str = "\
    016a6d0bd394e22088dfaf12518eec147d155cb8d535fb4417cbaadccb272448621b190bd5b1260b\
    217adf49f0842ec3dbbd71d5829babf0d123d8dff5584cab3673283f6a727f663b283c8de14ec6f2\
    0567d1a1ddac352bdc";

/// A key file of the keys that are drawn from these numbers.
fn file(numbers: &[u64]) -> KeyFile {
    let lines: Vec<Vec<u8>> = numbers
        .iter()
        .map(|&number| KeyEncryptionKey::draw(&mut SeededEntropy::new(number)))
        .map(|kek| KeyFile::new(kek).text().expose().to_vec())
        .collect();
    KeyFile::parse(&lines.concat()).expect("a key file")
}

fn paper(number: u64) -> RecoverySecretKey {
    RecoverySecretKey::draw(&mut SeededEntropy::new(number))
}

fn data_key() -> DataKey {
    DataKey::draw(KEY, Purpose::Fields, &mut SeededEntropy::new(50))
}

fn wrapped(file: &KeyFile) -> WrappedKey {
    let entropy = &mut SeededEntropy::new(60);
    WrappedKey::wrap(&data_key(), CLUSTER, file, &paper(70).public(), entropy)
}

fn fingerprints(file: &KeyFile) -> Vec<Fingerprint> {
    let mut fingerprints: Vec<_> = file.keys().map(KeyEncryptionKey::fingerprint).collect();
    fingerprints.sort();
    fingerprints
}

#[test]
fn the_wrapped_forms_are_exactly_these() {
    let wrapped = wrapped(&file(&[1]));
    let by_kek = wrapped.by_kek.values().next().expect("one");
    assert_eq!(HEXLOWER.encode(by_kek), GOLDEN_BY_KEK);
    assert_eq!(HEXLOWER.encode(&wrapped.recovery), GOLDEN_RECOVERY);
}

#[test]
fn each_key_encryption_key_and_the_paper_unwrap_alone() {
    let wrapped = wrapped(&file(&[1, 2, 3]));
    for number in 1..=3 {
        assert_eq!(
            wrapped.unwrap_with(CLUSTER, &file(&[number])),
            Ok(data_key())
        );
    }
    assert_eq!(wrapped.unwrap_with(CLUSTER, &file(&[9, 3])), Ok(data_key()));
    assert_eq!(wrapped.recover(CLUSTER, &paper(70)), Ok(data_key()));
}

#[test]
fn a_wrong_key_file_is_told_from_a_changed_wrapping() {
    let mut wrapped = wrapped(&file(&[1]));
    let wanted = fingerprints(&file(&[1]));
    let wrong = UnwrapError::WrongKeyFile { key: KEY, wanted };
    assert_eq!(wrapped.unwrap_with(CLUSTER, &file(&[2])), Err(wrong));
    let tampered = Err(UnwrapError::Tampered { key: KEY });
    assert_eq!(wrapped.unwrap_with(OTHER_CLUSTER, &file(&[1])), tampered);
    wrapped.key = KeyId(8);
    let tampered = Err(UnwrapError::Tampered { key: KeyId(8) });
    assert_eq!(wrapped.unwrap_with(CLUSTER, &file(&[1])), tampered);
}

#[test]
fn a_wrong_recovery_key_is_told_from_a_changed_wrapping() {
    let wrapped = wrapped(&file(&[1]));
    let wrong = UnwrapError::WrongRecoveryKey {
        key: KEY,
        wanted: paper(70).public().fingerprint(),
        given: paper(71).public().fingerprint(),
    };
    assert_eq!(wrapped.recover(CLUSTER, &paper(71)), Err(wrong));
    let tampered = Err(UnwrapError::Tampered { key: KEY });
    assert_eq!(wrapped.recover(OTHER_CLUSTER, &paper(70)), tampered);
}

#[test]
fn the_purpose_is_bound() {
    let mut wrapped = wrapped(&file(&[1]));
    wrapped.purpose = Purpose::Hashes;
    let tampered = Err(UnwrapError::Tampered { key: KEY });
    assert_eq!(wrapped.unwrap_with(CLUSTER, &file(&[1])), tampered);
    assert_eq!(wrapped.recover(CLUSTER, &paper(70)), tampered);
}

#[test]
fn a_wrapping_for_one_key_is_no_wrapping_for_another() {
    let mut wrapped = wrapped(&file(&[1, 2]));
    let blobs: Vec<Vec<u8>> = wrapped.by_kek.values().rev().cloned().collect();
    for (blob, other) in wrapped.by_kek.values_mut().zip(blobs) {
        *blob = other;
    }
    let tampered = Err(UnwrapError::Tampered { key: KEY });
    assert_eq!(wrapped.unwrap_with(CLUSTER, &file(&[1])), tampered);
}

#[test]
fn turning_the_key_encryption_keys_never_leaves_a_node_without() {
    let entropy = &mut SeededEntropy::new(80);
    let old = wrapped(&file(&[1]));
    let both = old
        .rewrap(CLUSTER, &file(&[1, 2]), entropy)
        .expect("rewrapped");
    assert_eq!(both.unwrap_with(CLUSTER, &file(&[1])), Ok(data_key()));
    let new = both
        .rewrap(CLUSTER, &file(&[2]), entropy)
        .expect("rewrapped");
    assert_eq!(new.unwrap_with(CLUSTER, &file(&[2])), Ok(data_key()));
    assert!(new.unwrap_with(CLUSTER, &file(&[1])).is_err());
    assert_eq!(new.recover(CLUSTER, &paper(70)), Ok(data_key()));
    assert_eq!(both.by_kek.len(), 2);
    let kept = old
        .by_kek
        .iter()
        .all(|(kek, blob)| both.by_kek.get(kek) == Some(blob));
    assert!(kept, "what is there is not wrapped anew");
}

#[test]
fn nobody_rewraps_without_a_key() {
    let wrapped = wrapped(&file(&[1]));
    let refused = wrapped.rewrap(CLUSTER, &file(&[2]), &mut SeededEntropy::new(80));
    assert!(matches!(refused, Err(UnwrapError::WrongKeyFile { .. })));
}

#[test]
fn forms_that_are_none_are_told_apart() {
    let mut wrapped = wrapped(&file(&[1]));
    let fingerprint = *wrapped.by_kek.keys().next().expect("one");
    let mut with = |blob: &[u8]| {
        wrapped.by_kek.insert(fingerprint, blob.to_vec());
        wrapped.recovery = blob.to_vec();
        let by_kek = wrapped
            .unwrap_with(CLUSTER, &file(&[1]))
            .expect_err("refused");
        (
            by_kek,
            wrapped.recover(CLUSTER, &paper(70)).expect_err("refused"),
        )
    };
    let malformed = UnwrapError::Malformed { key: KEY };
    let newer = UnwrapError::NewerFormat {
        key: KEY,
        version: 2,
    };
    assert_eq!(with(&[]), (malformed.clone(), malformed.clone()));
    assert_eq!(with(&[2; 9]), (newer.clone(), newer));
    assert_eq!(
        with(&[1; 5]),
        (UnwrapError::Tampered { key: KEY }, malformed)
    );
}

#[test]
fn one_flipped_bit_anywhere_keeps_it_shut() {
    let (good, file, paper) = (wrapped(&file(&[1])), file(&[1]), paper(70));
    let flip = |blob: &mut Vec<u8>, place: usize, bit: usize| {
        *blob.get_mut(place).expect("within") ^= 1 << bit;
    };
    for (place, bit) in (0..73).flat_map(|place| (0..8).map(move |bit| (place, bit))) {
        let mut bad = good.clone();
        bad.by_kek
            .values_mut()
            .for_each(|blob| flip(blob, place, bit));
        assert!(
            bad.unwrap_with(CLUSTER, &file).is_err(),
            "octet {place}, bit {bit}"
        );
    }
    for place in 0..89 {
        let mut bad = good.clone();
        flip(&mut bad.recovery, place, place % 8);
        // X25519 ignores the top bit of a point (RFC 7748 §5), the HPKE context does not.
        assert!(bad.recover(CLUSTER, &paper).is_err(), "octet {place}");
    }
}
