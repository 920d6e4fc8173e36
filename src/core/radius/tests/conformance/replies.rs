//! Rows A5–A10: what each reply may carry.

use super::*;
use crate::radius::{Attribute, Challenge, Number, Prompt, Reply, Unencodable, Ungrantable};

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
