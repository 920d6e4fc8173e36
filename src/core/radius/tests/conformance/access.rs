//! Rows A1–A4 and A13: what an Access-Request offers.

use super::*;
use crate::radius::{Chap, Integrity, NotText, Number, Unreadable};

fn credentials_of(attributes: Pairs<'_>) -> Result<&'static str, Uncredentialed> {
    let packet = signed(
        ACCESS_REQUEST,
        &[&[UNSIGNED], attributes].concat(),
        b"testing123",
    );
    let secrets = secrets();
    Ok(match taken(&packet, &secrets).credentials()? {
        Credentials::Chap(_) => "chap",
        Credentials::Eap => "eap",
        Credentials::MsChap2(_) => "ms-chap-2",
        Credentials::Pap(_) => "pap",
        Credentials::State(_) => "state",
    })
}

#[test]
fn a1_each_kind_of_proof_is_told_apart() {
    assert_eq!(credentials_of(&[PASSWORD]), Ok("pap"));
    assert_eq!(credentials_of(&[PASSWORD, (24, b"s")]), Ok("pap"));
    assert_eq!(credentials_of(&[(3, &[0; 17])]), Ok("chap"));
    assert_eq!(credentials_of(&[(79, b"a"), (79, b"b")]), Ok("eap"));
    assert_eq!(credentials_of(&[(24, b"s")]), Ok("state"));
}

#[test]
fn a1_no_proof_or_two_kinds_of_it_are_refused() {
    assert_eq!(
        credentials_of(&[(1, b"alice")]),
        Err(Uncredentialed::Missing)
    );
    let [chap, eap, arap] = [(3, &[0; 17][..]), (79, b"e"), (70, &[0; 16])];
    for both in [
        [PASSWORD, chap],
        [PASSWORD, eap],
        [chap, eap],
        [PASSWORD, arap],
    ] {
        assert_eq!(credentials_of(&both), Err(Uncredentialed::Conflict));
    }
    let unserved = |number| Err(Uncredentialed::Unserved(number));
    assert_eq!(credentials_of(&[arap]), unserved(Number::Standard(70)));
}

/// One of Microsoft's attributes.
fn microsoft(kind: u8, value: &[u8]) -> Vec<u8> {
    let length = u8::try_from(value.len() + 2).unwrap();
    [&[0, 0, 1, 0x37, kind, length], value].concat()
}

#[test]
fn a1_ms_chap_is_told_apart_and_served_in_its_second_version_alone() {
    let of = |values: &[(u8, usize)]| {
        let values = values
            .iter()
            .map(|(kind, size)| microsoft(*kind, &vec![0; *size]));
        let values: Vec<_> = values.collect();
        let pairs: Vec<_> = values.iter().map(|value| (26, &**value)).collect();
        credentials_of(&pairs)
    };
    let vendor = |kind| Number::Vendor(311, kind);
    assert_eq!(of(&[(11, 16), (25, 50)]), Ok("ms-chap-2"));
    for other in [1, 3, 4, 27] {
        let unserved = Err(Uncredentialed::Unserved(vendor(other)));
        assert_eq!(of(&[(11, 16), (other, 50)]), unserved);
    }
    assert_eq!(of(&[(1, 50), (25, 50)]), Err(Uncredentialed::Conflict));
    let twice = Err(Uncredentialed::Repeated(vendor(25)));
    assert_eq!(of(&[(11, 16), (25, 50), (25, 50)]), twice);
    assert_eq!(of(&[(25, 50)]), Err(Uncredentialed::Length(vendor(11), 0)));
    let response = microsoft(25, &[0; 50]);
    assert_eq!(
        credentials_of(&[PASSWORD, (26, &response)]),
        Err(Uncredentialed::Conflict)
    );
}

#[test]
fn a13_a_chap_challenge_stands_in_for_the_request_authenticator() {
    let answered = |challenge: &[u8], attributes: Pairs<'_>| {
        let password = Chap::respond(7, &Secret::from(&b"123456"[..]), challenge);
        let packet = octets(ACCESS_REQUEST, &[&[(3, &*password)], attributes].concat());
        let secrets = secrets();
        match taken(&packet, &secrets).credentials() {
            Ok(Credentials::Chap(chap)) => chap.is_made_with(b"123456"),
            other => panic!("no CHAP: {other:?}"),
        }
    };
    let challenge = (60, &b"a challenge of its own"[..]);
    assert!(answered(&AUTHENTICATOR, &[]) && answered(challenge.1, &[challenge]));
    assert!(!answered(&AUTHENTICATOR, &[challenge]) && !answered(challenge.1, &[]));
}

#[test]
fn a1_what_may_stand_once_must_not_stand_twice() {
    for twice in [(1, &b"alice"[..]), PASSWORD, (3, &[0; 17]), (24, b"s")] {
        let cause = Uncredentialed::Repeated(Number::Standard(twice.0));
        assert_eq!(credentials_of(&[PASSWORD, twice, twice]), Err(cause));
    }
}

#[test]
fn a1_other_requests_offer_no_proof() {
    let packet = accounting(&[PASSWORD]);
    let secrets = secrets();
    let cause = taken(&packet, &secrets).credentials().unwrap_err();
    assert_eq!(cause, Uncredentialed::NotAccess);
}

#[test]
fn a1_the_device_of_a_request_is_read() {
    let packet = octets(
        ACCESS_REQUEST,
        &[
            (1, b"CONTOSO\\alice"),
            (4, &[198, 51, 100, 1]),
            (5, &[0, 0, 0, 9]),
            (31, b"198.51.100.99"),
            (32, b"gateway"),
            (87, b"tunnel0"),
            (95, &[0x20; 16]),
        ],
    );
    let secrets = secrets();
    let request = taken(&packet, &secrets);
    assert_eq!(request.user_name(), Some(&b"CONTOSO\\alice"[..]));
    assert_eq!(request.nas_ip_address(), Some([198, 51, 100, 1].into()));
    assert_eq!(request.nas_ipv6_address(), Some([0x20; 16].into()));
    assert_eq!(request.nas_port(), Some(9));
    assert_eq!(request.calling_station_id(), Some(&b"198.51.100.99"[..]));
    assert_eq!(request.nas_identifier(), Some(&b"gateway"[..]));
    assert_eq!(request.nas_port_id(), Some(&b"tunnel0"[..]));
    assert!(!request.has_eap());
}

/// Hides by the letter of RFC 2865 §5.2; `clear` is padded by the caller.
fn hidden(clear: &[u8]) -> Vec<u8> {
    let mut all = Vec::new();
    let mut previous = AUTHENTICATOR.to_vec();
    for block in clear.chunks(16) {
        let pad = Md5::new_with_prefix(b"testing123")
            .chain_update(&previous)
            .finalize();
        previous = block
            .iter()
            .zip(pad)
            .map(|(octet, pad)| octet ^ pad)
            .collect();
        all.extend(&previous);
    }
    all
}

fn padded(clear: &[u8]) -> Vec<u8> {
    let mut padded = clear.to_vec();
    padded.resize(clear.len().max(1).next_multiple_of(16), 0);
    padded
}

fn password_of(value: &[u8]) -> Result<Password, Uncredentialed> {
    password_in(&octets(ACCESS_REQUEST, &[(2, value)]), &secrets())
}

/// Each as it is typed, and whether a source can be asked with it.
#[test]
fn a2_passwords_come_back_as_they_were_typed() {
    let of_length = |length| (vec![b'p'; length], Ok(()));
    let mut typed = [0, 1, 15, 16, 17, 128, 129, 239, 240]
        .map(of_length)
        .to_vec();
    let digits = b"pa55word1234567890123456";
    typed.extend([
        (digits.to_vec(), Ok(())),
        (
            [b'p'; 234].iter().chain(b"123456").copied().collect(),
            Ok(()),
        ),
        ("grüße€".into(), Ok(())),
        (b"ab\0cd".to_vec(), Err(NotText::Nul)),
        (
            b"\0".iter().chain(digits).copied().collect(),
            Err(NotText::Nul),
        ),
        (b"sixteen octets..\0\0x".to_vec(), Err(NotText::Nul)),
        (b"gr\xfc\xdfe123456".to_vec(), Err(NotText::Utf8)),
        ([0xff; 240].to_vec(), Err(NotText::Utf8)),
    ]);
    for (clear, text) in typed {
        let password = password_of(&hidden(&padded(&clear))).unwrap();
        assert_eq!(
            password.text().map(str::as_bytes),
            text.map(|()| &clear[..])
        );
        assert_eq!(password.into_octets().expose(), clear);
    }
}

#[test]
fn a2_padding_to_any_multiple_of_16_is_stripped() {
    let mut clear = b"secret".to_vec();
    clear.resize(128, 0);
    assert_eq!(password_of(&hidden(&clear)).unwrap().text(), Ok("secret"));
}

#[test]
fn a2_a_password_of_another_length_is_refused_never_cut() {
    for length in [0, 1, 15, 17, 241, 253] {
        let cause = Uncredentialed::Password(Unreadable::Length(length));
        assert_eq!(password_of(&vec![1; length]).unwrap_err(), cause);
    }
}

#[test]
fn a3_a_wrong_secret_makes_noise_that_is_no_text() {
    let packet = octets(
        ACCESS_REQUEST,
        &[(2, &hidden(&padded(b"correct horse 123456")))],
    );
    let wrong = [Secret::from(&b"another"[..])];
    let password = password_in(&packet, &wrong).unwrap();
    assert_eq!(password.text(), Err(NotText::Utf8));
    assert_eq!(taken(&packet, &wrong).integrity(), Integrity::Unproven);
}

#[test]
fn a4_a_name_is_read_as_it_was_typed_whatever_its_form() {
    let secrets = secrets();
    for name in ["alice", "alice@contoso.example", "CONTOSO\\alice", "", "ä"] {
        let packet = octets(ACCESS_REQUEST, &[(1, name.as_bytes()), PASSWORD]);
        assert_eq!(taken(&packet, &secrets).user_name(), Some(name.as_bytes()));
    }
    let nameless = octets(ACCESS_REQUEST, &[PASSWORD]);
    assert_eq!(taken(&nameless, &secrets).user_name(), None);
}
