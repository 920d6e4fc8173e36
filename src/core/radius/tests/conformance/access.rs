//! Rows A1–A10: what an Access-Request offers and what each reply may carry.

use super::*;
use crate::radius::{
    Attribute, Challenge, Chap, Integrity, NotText, Number, Prompt, Reply, Unencodable,
    Ungrantable, Unreadable,
};

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

fn reply(attributes: Pairs<'_>, reply: &Reply<'_>) -> Result<Vec<u8>, Unencodable> {
    let packet = octets(ACCESS_REQUEST, attributes);
    let secrets = secrets();
    taken(&packet, &secrets).reply(reply)
}

#[test]
fn a5_a_reject_carries_texts_and_proxy_states_alone() {
    let packet = reply(&[(33, b"p")], &Reply::Reject(&["wrong", "ref 7K2M9Q"])).unwrap();
    assert_eq!(packet[0], 3);
    assert_eq!(kinds(&packet), [80, 18, 18, 33]);
}

fn challenge(messages: &[&str], prompt: Option<Prompt>) -> Result<Vec<u8>, Unencodable> {
    let challenge = Challenge {
        state: b"sealed",
        messages,
        prompt,
        wait_secs: Some(60),
    };
    reply(&[(33, b"p")], &Reply::Challenge(challenge))
}

#[test]
fn a5_a_challenge_carries_what_it_may() {
    let packet = challenge(&["Code?"], Some(Prompt::Echo)).unwrap();
    assert_eq!(packet[0], 11);
    assert_eq!(kinds(&packet), [80, 24, 18, 76, 27, 33]);
}

fn attribute(number: &str, value: &[u8]) -> Attribute {
    Attribute::new(number.parse().unwrap(), value).unwrap()
}

#[test]
fn a5_an_accept_carries_each_attribute_in_its_form() {
    let attributes = [
        attribute("25", b"OU=staff;"),
        attribute("27", &36_000_u32.to_be_bytes()),
        attribute("26.12356.1", b"staff"),
    ];
    let packet = reply(&[], &Reply::Accept(&attributes, SALT)).unwrap();
    assert_eq!(packet[0], 2);
    assert_eq!(kinds(&packet), [80, 25, 27, 26]);
    let values = pairs(&packet);
    assert_eq!(values[2].1, 36_000_u32.to_be_bytes());
    assert_eq!(values[3].1, b"\0\0\x30\x44\x01\x07staff");
}

#[test]
fn a5_what_belongs_into_other_packets_cannot_be_granted() {
    // User-Password, NAS-IP-Address, State, Proxy-State, Acct-Session-Id, CHAP-Challenge,
    // EAP-Message, Message-Authenticator, an extended type.
    for number in [2, 4, 24, 33, 44, 60, 79, 80, 241] {
        let made = Attribute::new(Number::Standard(number), b"xxxx");
        let cause = Ungrantable::Elsewhere(number);
        assert_eq!(made, Err(Unencodable::Ungrantable(cause)));
    }
    let numbers = ["0", "26", "26.0.1", "26.9.0", "26.16777216.1"];
    for number in numbers.map(|number| number.parse().unwrap()) {
        let made = Attribute::new(number, b"xxxx");
        let cause = Ungrantable::Unassigned(number);
        assert_eq!(made, Err(Unencodable::Ungrantable(cause)));
    }
    for kind in [2, 12, 16, 17, 26] {
        let number = Number::Vendor(311, kind);
        let cause = Unencodable::Ungrantable(Ungrantable::OfLogin(number));
        assert_eq!(Attribute::new(number, b"xxxx"), Err(cause));
        let salted = Attribute::salted(number, None, Secret::from(&b"x"[..]));
        assert_eq!(salted, Err(cause));
    }
    for number in ["", "256", "26.9", "27.9.1", "26.9.1.1", "26.9.+1", "Class"] {
        assert!(number.parse::<Number>().is_err(), "{number}");
    }
}

#[test]
fn a5_a_tunnel_password_is_granted_hidden_behind_a_tag_and_never_in_clear() {
    let number = Number::Standard(69);
    let hidden = Err(Unencodable::Ungrantable(Ungrantable::Hidden(number)));
    assert_eq!(Attribute::new(number, b"s3cret"), hidden);
    let secret = || Secret::from(&b"s3cret"[..]);
    assert_eq!(Attribute::salted(number, None, secret()), hidden);

    let attribute = Attribute::salted(number, Some(3), secret()).unwrap();
    assert_eq!(attribute.value(), None);
    assert_eq!(format!("{attribute:?}"), "Attribute(69)");
    let packet = reply(&[], &Reply::Accept(std::slice::from_ref(&attribute), SALT)).unwrap();
    assert_eq!(packet.len(), 20 + 18 + attribute.packet_octets());
    let (kind, value) = pairs(&packet).remove(1);
    assert_eq!((kind, value[0], value.len()), (69, 3, 1 + 2 + 16));
    let secrets = secrets();
    assert_eq!(question(&secrets).unsalted(&value[1..]), Some(secret()));
}

#[test]
fn a5_what_is_hidden_fits_by_its_hidden_length() {
    for (number, tag) in [
        (Number::Standard(69), Some(1)),
        (Number::Vendor(9, 1), None),
    ] {
        let made = |octets: usize| {
            let secret = Secret::new(vec![b'x'; octets]);
            let made = Attribute::salted(number, tag, secret);
            made.map(|attribute| attribute.packet_octets())
        };
        let frame = 255 - number.octets_max() + usize::from(tag.is_some());
        assert_eq!(made(15), Ok(frame + 2 + 16));
        assert_eq!(made(16), Ok(frame + 2 + 32));
        assert_eq!(made(239), Ok(frame + 2 + 240));
        let long = Unencodable::ValueLength {
            number,
            octets: 240,
        };
        assert_eq!(made(240), Err(long));
        assert_eq!(made(0), Err(Unencodable::Empty(number)));
    }
}

#[test]
fn a5_a_reply_answers_its_own_kind_of_request() {
    let secrets = secrets();
    let status = signed(STATUS_SERVER, &[UNSIGNED], b"testing123");
    let rejected = taken(&status, &secrets).reply(&Reply::Reject(&[]));
    assert_eq!(rejected.unwrap_err(), Unencodable::WrongReply);
    let recorded = accounting(&[]);
    let accepted = taken(&recorded, &secrets).reply(&Reply::Accept(&[], SALT));
    assert_eq!(accepted.unwrap_err(), Unencodable::WrongReply);
    assert_eq!(
        reply(&[], &Reply::Alive).unwrap_err(),
        Unencodable::WrongReply
    );
}

#[test]
fn a5_values_up_to_253_octets_fit_and_longer_ones_are_refused() {
    let long = [b'x'; 254];
    let made = |number, octets: usize| {
        let made = Attribute::new(number, &long[..octets]);
        made.map(|attribute| attribute.packet_octets())
    };
    let cause = |number, octets| Err(Unencodable::ValueLength { number, octets });
    let (filter, vendor) = (Number::Standard(11), Number::Vendor(9, 1));
    assert_eq!(made(filter, 253), Ok(255));
    assert_eq!(made(filter, 254), cause(filter, 254));
    assert_eq!(made(vendor, 247), Ok(255));
    assert_eq!(made(vendor, 248), cause(vendor, 248));
    assert_eq!(made(filter, 0), Err(Unencodable::Empty(filter)));
    assert_eq!(made(vendor, 0), Err(Unencodable::Empty(vendor)));
}

#[test]
fn a5_a_reply_up_to_4096_octets_fits_and_a_longer_one_is_refused_whole() {
    let class = attribute("25", &[b'x'; 252]);
    // 20 + 18 + 15 × 254 = 3848, so 248 octets are left.
    let fill = |last: usize| {
        let mut attributes = vec![class.clone(); 15];
        attributes.push(attribute("25", &[b'y'; 252][..last]));
        reply(&[], &Reply::Accept(&attributes, SALT)).map(|packet| packet.len())
    };
    assert_eq!(fill(246), Ok(4096));
    assert_eq!(fill(247), Err(Unencodable::PacketLength));

    let packet = octets(ACCESS_REQUEST, &[]);
    let secrets = secrets();
    let mut buffer = b"old".to_vec();
    let oversized = vec![class.clone(); 300];
    let written =
        taken(&packet, &secrets).reply_into(&Reply::Accept(&oversized, SALT), &mut buffer);
    assert_eq!(written, Err(Unencodable::PacketLength));
    assert!(buffer.is_empty(), "half a packet must not be sent");
}

#[test]
fn a6_proxy_states_are_echoed_in_order_unmodified() {
    let long = [0xff; 253];
    let sent: Pairs<'_> = &[
        (33, b"b"),
        (1, b"alice"),
        (33, &long),
        (33, b""),
        (33, b"a"),
    ];
    for answer in [Reply::Accept(&[], SALT), Reply::Reject(&["no"])] {
        let echoed = pairs(&reply(sent, &answer).unwrap());
        let echoed: Vec<_> = echoed.iter().filter(|(kind, _)| *kind == 33).collect();
        let values: Vec<&[u8]> = echoed.iter().map(|(_, value)| &value[..]).collect();
        assert_eq!(values, [b"b", &long[..], b"", b"a"]);
    }
}

#[test]
fn a6_without_proxy_state_none_is_added() {
    assert_eq!(
        kinds(&reply(&[(1, b"alice")], &Reply::Reject(&["no"])).unwrap()),
        [80, 18]
    );
}

#[test]
fn a7_a_challenge_has_one_state_and_the_answer_brings_it_back() {
    let challenge = |state| {
        let challenge = Challenge {
            state,
            messages: &[],
            prompt: None,
            wait_secs: None,
        };
        reply(&[], &Reply::Challenge(challenge))
    };
    assert_eq!(
        pairs(&challenge(b"once").unwrap())[1..],
        [(24, b"once".to_vec())]
    );
    assert_eq!(
        challenge(b"").unwrap_err(),
        Unencodable::Empty(Number::Standard(24))
    );

    let answer = octets(ACCESS_REQUEST, &[PASSWORD, (24, b"once")]);
    let secrets = secrets();
    assert_eq!(
        taken(&answer, &secrets).state_attribute(),
        Some(&b"once"[..])
    );
}

#[test]
fn a8_session_timeout_is_the_wait_in_a_challenge_and_the_session_in_an_accept() {
    let asked = pairs(&challenge(&[], None).unwrap());
    assert_eq!(asked[2], (27, vec![0, 0, 0, 60]));
    let hours = [attribute("27", &36_000_u32.to_be_bytes())];
    let granted = pairs(&reply(&[], &Reply::Accept(&hours, SALT)).unwrap());
    assert_eq!(granted[1], (27, 36_000_u32.to_be_bytes().to_vec()));
    assert_eq!(kinds(&reply(&[], &Reply::Accept(&[], SALT)).unwrap()), [80]);
}

#[test]
fn a9_a_text_of_up_to_253_octets_may_repeat_and_a_longer_one_is_refused_whole() {
    let (fits, long) = ("ä".repeat(126) + "!", "ä".repeat(127));
    let texts = [&fits[..], "ref 7K2M9Q"];
    for packet in [reply(&[], &Reply::Reject(&texts)), challenge(&texts, None)] {
        let attributes = pairs(&packet.unwrap());
        let said = attributes.iter().filter(|(kind, _)| *kind == 18);
        assert!(said.map(|(_, text)| &text[..]).eq(texts.map(str::as_bytes)));
    }
    let cause = Unencodable::ValueLength {
        number: Number::Standard(18),
        octets: 254,
    };
    assert_eq!(reply(&[], &Reply::Reject(&["no", &long])), Err(cause));
    assert_eq!(challenge(&[&long], None), Err(cause));
}

#[test]
fn a9_prompt_says_whether_the_answer_may_be_shown() {
    for (prompt, number) in [(Prompt::NoEcho, 0), (Prompt::Echo, 1)] {
        let packet = pairs(&challenge(&[], Some(prompt)).unwrap());
        assert_eq!(packet[2], (76, vec![0, 0, 0, number]));
    }
}

#[test]
fn a10_class_of_up_to_253_octets_may_repeat_and_comes_back_in_accounting() {
    let long = [b'x'; 253];
    let granted = [attribute("25", b"OU=staff;"), attribute("25", &long)];
    let accepted = pairs(&reply(&[], &Reply::Accept(&granted, SALT)).unwrap());
    let classes: Vec<_> = accepted
        .iter()
        .skip(1)
        .map(|(_, value)| &value[..])
        .collect();
    assert_eq!(classes, [b"OU=staff;", &long[..]]);
    let packet = accounting(&[(25, classes[0]), (25, classes[1])]);
    let secrets = secrets();
    assert!(taken(&packet, &secrets).classes().eq(classes));
}
