use data_encoding::HEXLOWER;
use proptest::prelude::*;

use super::super::octets::KeyOctets;
use super::*;
use crate::base::SeededEntropy;
use crate::base::limits::SEALED_OCTETS_MAX;

const CLUSTER: ClusterId = ClusterId([3; 16]);

/// `the_sealed_form_is_exactly_this`: computed with Python's `cryptography` and HChaCha20
/// of the draft.
const GOLDEN: &str = "\
    0100000001910a2dec89025cc1beeb8da1658eec67f893a2eefb32555eb581ad022e424682109bd5\
    7222503f2dbd6c7a738136";

fn key(id: u32) -> DataKey {
    let octet = u8::try_from(id).expect("a small number");
    DataKey::new(KeyId(id), Purpose::Fields, KeyOctets::new([octet; 32]))
}

fn ring(ids: &[u32], primary: u32) -> Keyring {
    Keyring::new(ids.iter().copied().map(key), KeyId(primary)).expect("a keyring")
}

fn context(row: &[u8]) -> Context<'_> {
    Context {
        cluster: CLUSTER,
        table: "tokens",
        row,
        field: "seed",
    }
}

fn sealed(ring: &Keyring) -> Sealed {
    let plain = b"a seed".as_slice().into();
    let entropy = &mut SeededEntropy::new(1);
    ring.seal(&context(b"row"), &plain, entropy)
        .expect("sealed")
}

fn tampered() -> Result<Secret, OpenError> {
    let key = KeyId(1);
    Err(OpenError::Tampered {
        key,
        table: "tokens",
        field: "seed",
    })
}

#[test]
fn the_sealed_form_is_exactly_this() {
    assert_eq!(HEXLOWER.encode(&sealed(&ring(&[1], 1)).encode()), GOLDEN);
}

#[test]
fn what_was_stored_opens() {
    let stored = HEXLOWER.decode(GOLDEN.as_bytes()).expect("hexadecimal");
    let sealed = Sealed::decode(&stored).expect("a sealed field");
    let plain = ring(&[1], 1).open(&context(b"row"), &sealed).expect("open");
    assert_eq!(plain.expose(), b"a seed");
}

#[test]
fn no_other_context_opens_it() {
    let ring = ring(&[1], 1);
    let sealed = sealed(&ring);
    let good = context(b"row");
    let cluster = ClusterId([4; 16]);
    assert_eq!(ring.open(&Context { cluster, ..good }, &sealed), tampered());
    assert_eq!(
        ring.open(&Context { row: b"ro", ..good }, &sealed),
        tampered()
    );
    let other = Context {
        table: "clients",
        ..good
    };
    assert!(matches!(
        ring.open(&other, &sealed),
        Err(OpenError::Tampered { .. })
    ));
    let other = Context {
        field: "secret",
        ..good
    };
    assert!(matches!(
        ring.open(&other, &sealed),
        Err(OpenError::Tampered { .. })
    ));
    let cut = Context {
        table: "token",
        row: b"srow",
        ..good
    };
    assert!(matches!(
        ring.open(&cut, &sealed),
        Err(OpenError::Tampered { .. })
    ));
}

#[test]
fn the_number_of_the_key_is_bound_too() {
    let twin = |id| DataKey::new(KeyId(id), Purpose::Fields, KeyOctets::new([1; 32]));
    let ring = Keyring::new([twin(1), twin(2)], KeyId(1)).expect("a keyring");
    let mut stored = sealed(&ring).encode();
    *stored.get_mut(4).expect("the key's number") = 2;
    let renamed = Sealed::decode(&stored).expect("a sealed field");
    assert_eq!(renamed.key(), KeyId(2));
    let opened = ring.open(&context(b"row"), &renamed);
    assert!(matches!(opened, Err(OpenError::Tampered { .. })));
}

#[test]
fn a_turned_keyring_seals_with_the_new_key_and_opens_what_the_old_one_sealed() {
    let old = sealed(&ring(&[1], 1));
    let turned = ring(&[1, 2], 2);
    assert_eq!(sealed(&turned).key(), KeyId(2));
    assert_eq!(turned.primary(), KeyId(2));
    let opened = turned.open(&context(b"row"), &old).expect("open");
    assert_eq!(opened.expose(), b"a seed");
}

#[test]
fn a_key_that_is_gone_is_named() {
    let sealed = sealed(&ring(&[1], 1));
    let opened = ring(&[2], 2).open(&context(b"row"), &sealed);
    assert_eq!(opened, Err(OpenError::UnknownKey { key: KeyId(1) }));
}

#[test]
fn a_keyring_needs_its_primary_key_and_has_each_number_once() {
    let refused = |ids: &[u32], primary| {
        Keyring::new(ids.iter().copied().map(key), KeyId(primary)).expect_err("refused")
    };
    assert_eq!(refused(&[1], 2), KeyringError::NoPrimary { key: KeyId(2) });
    assert_eq!(refused(&[1, 1], 1), KeyringError::Twice { key: KeyId(1) });
    let hashes = DataKey::draw(KeyId(1), Purpose::Hashes, &mut SeededEntropy::new(1));
    let refused = Keyring::new([hashes], KeyId(1)).expect_err("refused");
    assert_eq!(refused, KeyringError::NoPrimary { key: KeyId(1) });
}

#[test]
fn forms_that_are_none_are_told_apart() {
    assert_eq!(Sealed::decode(&[]), Err(OpenError::Malformed));
    assert_eq!(Sealed::decode(&[1; 44]), Err(OpenError::Malformed));
    assert!(Sealed::decode(&[1; 45]).is_ok());
    let version = OpenError::NewerFormat { version: 2 };
    assert_eq!(Sealed::decode(&[2; 99]), Err(version));
    let long = vec![1; 46 + SEALED_OCTETS_MAX];
    assert_eq!(Sealed::decode(&long), Err(OpenError::Malformed));
}

#[test]
fn what_is_too_long_is_not_sealed() {
    let ring = ring(&[1], 1);
    let seal = |octets: usize| {
        let plain = Secret::new(vec![0; octets]);
        ring.seal(&context(b"row"), &plain, &mut SeededEntropy::new(1))
    };
    let octets = SEALED_OCTETS_MAX + 1;
    assert_eq!(seal(octets), Err(SealError::TooLong { octets }));
    let longest = seal(SEALED_OCTETS_MAX).expect("sealed");
    assert!(Sealed::decode(&longest.encode()).is_ok());
}

#[test]
fn the_same_text_never_seals_to_the_same_octets() {
    let ring = ring(&[1], 1);
    let plain = b"a seed".as_slice().into();
    let entropy = &mut SeededEntropy::new(1);
    let one = ring.seal(&context(b"row"), &plain, entropy);
    assert_ne!(one, ring.seal(&context(b"row"), &plain, entropy));
}

#[test]
fn a_hash_key_comes_from_the_data_key_that_is_named() {
    let ring = ring(&[1, 2], 1);
    let derived = ring.derive(KeyId(2), "place").expect("a key");
    assert_eq!(derived, key(2).derive("place"));
    let unknown = OpenError::UnknownKey { key: KeyId(3) };
    assert_eq!(ring.derive(KeyId(3), "place"), Err(unknown));
}

proptest! {
    #[test]
    fn what_is_sealed_opens(
        plain in proptest::collection::vec(any::<u8>(), 0..300),
        row in proptest::collection::vec(any::<u8>(), 0..40),
        seed: u64,
    ) {
        let (ring, plain) = (ring(&[1], 1), Secret::new(plain));
        let entropy = &mut SeededEntropy::new(seed);
        let sealed = ring.seal(&context(&row), &plain, entropy).expect("sealed");
        let stored = Sealed::decode(&sealed.encode()).expect("a sealed field");
        prop_assert_eq!(ring.open(&context(&row), &stored), Ok(plain));
    }

    #[test]
    fn one_flipped_bit_anywhere_keeps_it_shut(bit in 0_usize..51 * 8) {
        let ring = ring(&[1], 1);
        let mut stored = sealed(&ring).encode();
        prop_assert_eq!(stored.len() * 8, 51 * 8);
        *stored.get_mut(bit / 8).expect("within") ^= 1 << (bit % 8);
        let opened = Sealed::decode(&stored)
            .and_then(|sealed| ring.open(&context(b"row"), &sealed));
        prop_assert!(opened.is_err());
    }

    #[test]
    fn no_octets_break_the_reader(octets in proptest::collection::vec(any::<u8>(), 0..100)) {
        if let Ok(sealed) = Sealed::decode(&octets) {
            prop_assert_eq!(sealed.encode(), octets);
        }
    }
}
