//! What a challenge keeps, and for whom it opens.

use std::time::Duration;

use super::super::{ATTEMPT_KEYS_NOTICE, Call, Caller};
use super::*;
use crate::base::{ClientId, SeededEntropy};

const NOW: Timestamp = Timestamp::from_millis(1_000_000);
const SECOND: Duration = Duration::from_secs(1);

fn macs() -> AttemptMacs {
    AttemptMacs::draw(1, NOW, &mut SeededEntropy::new(1))
}

fn request(typed: &[u8]) -> Request {
    Request {
        client: ClientId(1),
        client_revision: 1,
        user_name: b"alice".to_vec(),
        password: Secret::from(typed),
        state: None,
        response: None,
        proven: true,
        caller: Caller {
            calling_station_id: Some(b"198.51.100.7".to_vec()),
            ..Caller::default()
        },
        arrived: NOW,
        call: Call::default(),
    }
}

fn answer(code: &[u8], state: Vec<u8>) -> Request {
    Request {
        state: Some(state),
        ..request(code)
    }
}

fn ask(dialogue: &Dialogue, request: &Request) -> Result<Vec<u8>, Stop> {
    dialogue.ask(request, &macs(), NOW, &mut SeededEntropy::new(2))
}

fn state(password: &[u8]) -> Vec<u8> {
    ask(&Dialogue::Joined, &request(password)).expect("a State")
}

fn apart(request: &Request, macs: &AttemptMacs) -> Option<(Vec<u8>, Vec<u8>)> {
    let dialogue = Dialogue::open(request, macs).expect("a dialogue");
    let apart = dialogue.apart();
    apart.map(|it| (it.password.expose().to_vec(), it.code.expose().to_vec()))
}

fn refusal(request: &Request) -> Reason {
    match Dialogue::open(request, &macs()) {
        Err(Stop::Ended(ending)) => ending.reason,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_answer_brings_back_the_password_of_the_first_round() {
    for password in [&b""[..], b"secret", b"secret\xc3\xa4 123456", &[b'x'; 135]] {
        let answered = answer(b"123456", state(password));
        let expected = (password.to_vec(), b"123456".to_vec());
        assert_eq!(apart(&answered, &macs()), Some(expected));
    }
}

#[test]
fn a_state_fits_into_an_attribute_and_a_password_that_does_not_is_refused_uncut() {
    let longest = vec![b'x'; PASSWORD_CARRIED_OCTETS_MAX];
    assert_eq!(state(&longest).len(), 252);
    let longer = vec![b'x'; PASSWORD_CARRIED_OCTETS_MAX + 1];
    let refused = ask(&Dialogue::Joined, &request(&longer));
    let Err(Stop::Ended(ending)) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(ending.reason, Reason::PasswordUncarried);
}

#[test]
fn a_state_is_text_for_devices_that_end_it_at_a_nul() {
    assert!(state(b"secret").iter().all(u8::is_ascii_graphic));
}

#[test]
fn a_state_opens_for_its_client_name_and_caller_alone() {
    let changes: [fn(&mut Request); 8] = [
        |it| it.client = ClientId(2),
        |it| it.user_name = b"bob".to_vec(),
        |it| it.caller.calling_station_id = Some(b"198.51.100.8".to_vec()),
        |it| it.caller.calling_station_id = None,
        |it| it.caller.nas_identifier = Some(Vec::new()),
        |it| it.caller.nas_ip_address = Some([192, 0, 2, 1].into()),
        |it| it.caller.nas_port = Some(1),
        |it| it.caller.nas_port_id = Some(b"1".to_vec()),
    ];
    for (number, change) in changes.into_iter().enumerate() {
        let mut answered = answer(b"123456", state(b"secret"));
        change(&mut answered);
        assert_eq!(refusal(&answered), Reason::StateInvalid, "change {number}");
    }
}

#[test]
fn a_forged_or_foreign_state_is_refused_and_never_a_first_round() {
    let mut forged = state(b"secret");
    let sign = if forged[20] == b'A' { b'B' } else { b'A' };
    forged[20] = sign;
    let foreign = AttemptMacs::draw(1, NOW, &mut SeededEntropy::new(9));
    let mut entropy = SeededEntropy::new(2);
    let foreign = Dialogue::Joined.ask(&request(b"secret"), &foreign, NOW, &mut entropy);
    for state in [forged, foreign.expect("a State"), Vec::new(), vec![0; 253]] {
        assert_eq!(refusal(&answer(b"123456", state)), Reason::StateInvalid);
    }
}

#[test]
fn a_state_lives_for_a_minute_by_clocks_that_may_differ() {
    let at = |arrived| Request {
        arrived,
        ..answer(b"123456", state(b"secret"))
    };
    let last = NOW.plus(STATE_LIFE);
    assert!(apart(&at(last), &macs()).is_some());
    assert_eq!(refusal(&at(last.plus(SECOND))), Reason::StateExpired);
    let first = NOW.minus(CLOCKS_APART_MAX);
    assert!(apart(&at(first), &macs()).is_some());
    assert_eq!(refusal(&at(first.minus(SECOND))), Reason::StateExpired);
}

#[test]
fn what_can_be_no_code_is_asked_for_again_and_at_most_three_times() {
    let mut state = state(b"secret");
    for typed in [&b""[..], b"12345x"] {
        let answered = answer(typed, state);
        let dialogue = Dialogue::open(&answered, &macs()).expect("a dialogue");
        assert!(matches!(dialogue, Dialogue::Unanswered(_)));
        state = ask(&dialogue, &answered).expect("another round");
    }
    let right = answer(b"123456", state.clone());
    assert_eq!(apart(&right, &macs()).expect("apart").0, b"secret");
    let answered = answer(b"123456789", state);
    let dialogue = Dialogue::open(&answered, &macs()).expect("a dialogue");
    let Err(Stop::Ended(ending)) = ask(&dialogue, &answered) else {
        panic!("a fourth round");
    };
    assert_eq!(ending.reason, Reason::ChallengeRounds);
}

#[test]
fn a_state_of_before_a_turn_of_the_keys_opens_after_it() {
    let turned = macs().turned(2, NOW, &mut SeededEntropy::new(3));
    let answered = |state| answer(b"123456", state);
    assert!(apart(&answered(state(b"secret")), &turned).is_some());
    let after = NOW.plus(ATTEMPT_KEYS_NOTICE);
    let mut entropy = SeededEntropy::new(4);
    let new = Dialogue::Joined.ask(&request(b"secret"), &turned, after, &mut entropy);
    let new = new.expect("a State");
    // Whose entry time is behind has the key already.
    assert!(apart(&answered(new.clone()), &turned).is_some());
    assert!(apart(&answered(new), &turned.folded(after)).is_some());
    assert!(apart(&answered(state(b"secret")), &turned.folded(after)).is_some());
}

#[test]
fn a_prompt_asks_by_the_form_of_what_was_typed_alone() {
    let asks = |prompt, typed: &[u8]| Dialogue::Joined.asks(prompt, &request(typed));
    for typed in [&b"secret"[..], b"secret123456", b""] {
        assert!(!asks(Prompt::Append, typed));
        assert!(asks(Prompt::Challenge, typed));
    }
    assert!(asks(Prompt::Either, b"secret"));
    assert!(asks(Prompt::Either, b"secret12345"));
    assert!(asks(Prompt::Either, b""));
    assert!(!asks(Prompt::Either, b"secret123456"));
    assert!(!asks(Prompt::Either, b"123456"));
}

#[test]
fn a_static_challenge_is_password_and_code_each_by_itself() {
    let typed = format!(
        "SCRV1:{}:{}",
        BASE64.encode("p\u{e4}ss:1".as_bytes()),
        BASE64.encode(b"123456")
    );
    let parts = apart(&request(typed.as_bytes()), &macs()).expect("apart");
    assert_eq!(
        parts,
        ("p\u{e4}ss:1".as_bytes().to_vec(), b"123456".to_vec())
    );
    let asked = Dialogue::open(&request(typed.as_bytes()), &macs()).expect("a dialogue");
    assert!(!asked.asks(Prompt::Challenge, &request(typed.as_bytes())));
}

#[test]
fn what_only_looks_like_a_static_challenge_is_a_password() {
    for typed in [
        "SCRV1:",
        "SCRV1:cGFzcw==",
        "SCRV1:cGFzcw:MTIz",
        "SCRV1:YQ==:Yg==:Yw==",
        "scrv1:YQ==:Yg==",
    ] {
        assert_eq!(apart(&request(typed.as_bytes()), &macs()), None, "{typed}");
    }
    let nul = format!(
        "SCRV1:{}:{}",
        BASE64.encode(b"a\0b"),
        BASE64.encode(b"123456")
    );
    assert_eq!(
        refusal(&request(nul.as_bytes())),
        Reason::UnreadablePassword
    );
}

#[test]
fn noise_is_silence_without_proof_and_a_reject_with_it() {
    let silent = Request {
        proven: false,
        ..request(b"\xff")
    };
    let Err(Stop::Ended(ending)) = Dialogue::open(&silent, &macs()) else {
        panic!("it is noise");
    };
    assert_eq!(ending, Ending::silent(Reason::UnreadablePassword));
    assert_eq!(refusal(&request(b"\xff")), Reason::UnreadablePassword);
}

#[test]
fn an_empty_answer_or_the_word_asks_for_a_passcode_and_nothing_else_does() {
    let asks = |typed: &[u8]| {
        let answered = answer(typed, state(b"secret"));
        match Dialogue::open(&answered, &macs()).expect("a dialogue") {
            Dialogue::Unanswered(opened) => opened.asks_passcode,
            Dialogue::Joined | Dialogue::Apart(_) => false,
        }
    };
    for typed in [&b""[..], b"send", b"SEND", b" Send "] {
        assert!(asks(typed), "{typed:?}");
    }
    for typed in [
        &b"sende"[..],
        b"sent",
        b"12345",
        b"12345678",
        b"\xc5\xbfend",
    ] {
        assert!(!asks(typed), "{typed:?}");
    }
    assert!(matches!(
        Dialogue::open(&request(b""), &macs()),
        Ok(Dialogue::Joined)
    ));
}

#[test]
fn where_a_passcode_was_sent_there_is_more_time_to_answer() {
    let asking = Dialogue::open(&answer(b"send", state(b"secret")), &macs()).expect("a dialogue");
    let sent = asking.ask_sent(&request(b"send"), &macs(), NOW, &mut SeededEntropy::new(3));
    let sent = sent.expect("a State");
    let at = |state: &[u8], seconds: u32| {
        let mut answered = answer(b"12345678", state.to_vec());
        answered.arrived = NOW.plus(SECOND * seconds);
        Dialogue::open(&answered, &macs()).map(|it| it.apart().map(|it| it.password))
    };
    let password = at(&sent, 100).expect("in time").expect("password and code");
    assert_eq!(password.expose(), b"secret");
    assert!(at(&sent, 101).is_err());
    assert!(at(&state(b"secret"), 61).is_err(), "none was sent");
}

#[test]
fn asking_for_passcodes_counts_as_a_round() {
    let mut state = state(b"secret");
    for _ in 1..CHALLENGE_ROUNDS_MAX {
        let asked = answer(b"send", state);
        let asking = Dialogue::open(&asked, &macs()).expect("a dialogue");
        let sent = asking.ask_sent(&asked, &macs(), NOW, &mut SeededEntropy::new(3));
        state = sent.expect("another round");
    }
    let asked = answer(b"send", state);
    let asking = Dialogue::open(&asked, &macs()).expect("a dialogue");
    let sent = asking.ask_sent(&asked, &macs(), NOW, &mut SeededEntropy::new(3));
    assert!(sent.is_err());
}
