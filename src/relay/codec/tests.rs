use countersign_core::base::SeededEntropy;
use countersign_core::radius::{Chap, MsChap2};
use zeroize::{Zeroize, ZeroizeOnDrop};

use super::*;

const NOW: Timestamp = Timestamp::from_millis(1_000_000);
const LEFT: Duration = Duration::from_millis(2_000);

fn request() -> Request {
    Request {
        client: ClientId(7),
        client_revision: 3,
        user_name: b"alice".to_vec(),
        password: Secret::from(b"secret123456".as_slice()),
        state: Some(vec![7; 60]),
        response: None,
        proven: true,
        caller: Caller {
            calling_station_id: Some(b"198.51.100.7".to_vec()),
            nas_identifier: Some(Vec::new()),
            nas_ip_address: Some([192, 0, 2, 1].into()),
            nas_port: Some(0),
            nas_port_id: None,
        },
        arrived: NOW,
        call: Call {
            called_station_id: Some(b"vpn".to_vec()),
            nas_port_type: Some(5),
            echoed_octets: 17,
        },
    }
}

fn words(message: &str, state: &[u8]) -> Option<Box<Words>> {
    let (message, state) = (message.to_owned(), state.to_vec());
    Some(Box::new(Words { message, state }))
}

fn message() -> wire::LoginRequest {
    login_message(&request(), LEFT).expect("time is left")
}

#[test]
fn a_login_arrives_as_it_was() {
    let (arrived, remaining) = login(message()).unwrap();
    let sent = request();
    assert_eq!(remaining, LEFT);
    assert_eq!(arrived.client, sent.client);
    assert_eq!(arrived.client_revision, sent.client_revision);
    assert_eq!(arrived.user_name, sent.user_name);
    assert_eq!(arrived.password, sent.password);
    assert_eq!(arrived.state, sent.state);
    assert_eq!(arrived.proven, sent.proven);
    assert_eq!(arrived.caller, sent.caller);
    assert_eq!(arrived.arrived, sent.arrived);
    assert_eq!(arrived.call, sent.call);
}

#[test]
fn what_no_packet_could_have_brought_is_refused() {
    let long = || vec![b'1'; ATTRIBUTE_OCTETS_MAX + 1];
    let changes: [fn(&mut wire::LoginRequest, Vec<u8>); 9] = [
        |message, long| message.password = long,
        |message, long| message.user_name = long,
        |message, long| message.state = Some(long),
        |message, long| message.calling_station_id = Some(long),
        |message, long| message.nas_identifier = Some(long),
        |message, long| message.nas_port_id = Some(long),
        |message, long| message.called_station_id = Some(long),
        |message, _| message.remaining = 0,
        |message, _| message.remaining = 120_001,
    ];
    for (number, change) in changes.iter().enumerate() {
        let mut message = message();
        change(&mut message, long());
        let refused = login(message);
        assert!(matches!(refused, Err(CodecError::Bounds(_))), "{number}");
    }
    assert!(login_message(&request(), Duration::from_micros(999)).is_none());
}

#[test]
fn a_response_arrives_as_it_was_made_and_in_one_form_alone() {
    let chap = Chap::new(&[7; 17], &[8; 16]).expect("lengths are right");
    let made = MsChap2::new(&[7; 50], &[8; 16], b"alice").expect("lengths are right");
    for response in [Response::Chap(chap), Response::MsChap2(made)] {
        let sent = Request {
            password: Secret::default(),
            response: Some(Arc::new(response)),
            ..request()
        };
        let message = login_message(&sent, LEFT).expect("time is left");
        let changes: [fn(&mut wire::LoginRequest); 3] = [
            |message| message.challenge.clear(),
            |message| message.chap.push(0),
            |message| message.ms_chap2.push(0),
        ];
        for (number, change) in changes.iter().enumerate() {
            let mut broken = message.clone();
            change(&mut broken);
            assert!(login(broken).is_err(), "{number}");
        }
        let (heard, _) = login(message).expect("a login");
        assert_eq!(heard.response, sent.response);
    }
}

#[test]
fn what_answers_ms_chap_arrives_as_it_was() {
    let made = MsChap2::new(&[7; 50], &[8; 16], b"alice").expect("lengths are right");
    let mut sent = granting();
    let answer = made.success(b"123456").attributes().expect("fixed lengths");
    sent.grants.extend(answer);
    let heard = outcome(reply_message(&sent, LEFT), ClientId(7), NodeId(2)).unwrap();
    assert_eq!(heard.grants, sent.grants);
}

#[test]
fn an_outcome_names_who_judged() {
    let sent = Outcome {
        decision: Decision::Reject,
        grants: Vec::new(),
        words: words("Access denied", b""),
        reason: Reason::WrongPassword,
        source_code: 50126,
        reference: Reference::draw(&mut SeededEntropy::new(1)),
        user: Some(UserId(7)),
        client: ClientId(7),
        judged_by: None,
        stages: Stages::default(),
    };
    let reply = reply_message(&sent, LEFT);
    let heard = outcome(reply, ClientId(7), NodeId(2)).unwrap();
    let expected = Outcome {
        judged_by: Some(NodeId(2)),
        stages: Stages {
            waited: LEFT,
            ..Stages::default()
        },
        ..sent
    };
    assert_eq!(heard, expected);
}

fn granting() -> Outcome {
    let attribute = |number: &str, value: &[u8]| {
        Attribute::new(number.parse().unwrap(), value).expect("an Accept may carry it")
    };
    Outcome {
        decision: Decision::Accept,
        grants: vec![
            attribute("25", b"OU=staff;"),
            attribute("26.12356.1", b"staff"),
            Attribute::salted(Number::Standard(69), Some(1), Secret::from(&b"s3cret"[..])).unwrap(),
        ],
        words: None,
        reason: Reason::Accepted,
        source_code: 0,
        reference: Reference::draw(&mut SeededEntropy::new(1)),
        user: None,
        client: ClientId(7),
        judged_by: None,
        stages: Stages::default(),
    }
}

#[test]
fn what_an_accept_grants_arrives_as_it_was() {
    let sent = granting();
    let reply = reply_message(&sent, LEFT);
    let heard = outcome(reply, ClientId(7), NodeId(2)).unwrap();
    assert_eq!(heard.grants, sent.grants);
}

#[test]
fn a_login_that_a_peer_has_revalidated_is_let_in_as_one() {
    let sent = Outcome {
        reason: Reason::Revalidated,
        ..granting()
    };
    let heard = outcome(reply_message(&sent, LEFT), ClientId(7), NodeId(2)).unwrap();
    assert_eq!((heard.decision, heard.reason), (sent.decision, sent.reason));
}

#[test]
fn grants_that_no_rule_could_make_let_nobody_in() {
    let good = reply_message(&granting(), LEFT);
    let changes: [fn(&mut wire::LoginReply); 10] = [
        |reply| reply.attributes[2].salted = false,
        |reply| reply.attributes[2].tag = None,
        |reply| reply.attributes[2].tag = Some(256),
        |reply| reply.attributes[2].value = vec![b'x'; 240],
        |reply| reply.attributes[0].kind = 24,
        |reply| reply.attributes[0].vendor = 9,
        |reply| reply.attributes[1].vendor_kind = 256,
        |reply| reply.attributes[0].value.clear(),
        |reply| reply.attributes[0].value = vec![b'x'; 254],
        |reply| reply.attributes = vec![reply.attributes[0].clone(); 129],
    ];
    for (number, change) in changes.iter().enumerate() {
        let mut reply = good.clone();
        change(&mut reply);
        assert!(outcome(reply, ClientId(7), NodeId(2)).is_err(), "{number}");
    }
    let refused = wire::LoginReply {
        decision: REJECT,
        reason: Reason::WrongPassword.number(),
        ..good
    };
    assert!(outcome(refused, ClientId(7), NodeId(2)).is_err());
}

#[test]
fn a_challenge_arrives_as_it_was() {
    let sent = Outcome {
        decision: Decision::Challenge,
        grants: Vec::new(),
        words: words("Einmalcode: ", &[7; 60]),
        reason: Reason::Challenged,
        ..granting()
    };
    let reply = reply_message(&sent, LEFT);
    let heard = outcome(reply.clone(), ClientId(7), NodeId(2)).unwrap();
    assert_eq!((heard.decision, heard.reason), (sent.decision, sent.reason));
    assert_eq!(heard.words, sent.words);
    let changes: [fn(&mut wire::LoginReply); 6] = [
        |reply| reply.state.clear(),
        |reply| reply.message.clear(),
        |reply| reply.state = vec![7; 254],
        |reply| reply.message = "x".repeat(254),
        |reply| reply.reason = Reason::WrongCode.number(),
        |reply| reply.decision = REJECT,
    ];
    for (number, change) in changes.iter().enumerate() {
        let mut reply = reply.clone();
        change(&mut reply);
        assert!(outcome(reply, ClientId(7), NodeId(2)).is_err(), "{number}");
    }
}

#[test]
fn an_answer_that_is_not_clear_lets_nobody_in() {
    let good = wire::LoginReply {
        decision: ACCEPT,
        reason: Reason::Accepted.number(),
        reference: Reference::draw(&mut SeededEntropy::new(1)).to_string(),
        ..wire::LoginReply::default()
    };
    assert!(outcome(good.clone(), ClientId(7), NodeId(2)).is_ok());
    let changes: [fn(&mut wire::LoginReply); 6] = [
        |reply| reply.decision = 0,
        |reply| reply.decision = 4,
        |reply| reply.decision = REJECT,
        |reply| reply.reason = 9999,
        |reply| reply.reason = Reason::WrongPassword.number(),
        |reply| reply.reference = "no reference".into(),
    ];
    for (number, change) in changes.iter().enumerate() {
        let mut reply = good.clone();
        change(&mut reply);
        assert!(outcome(reply, ClientId(7), NodeId(2)).is_err(), "{number}");
    }
}

#[test]
fn a_set_of_keys_arrives_as_it_was_and_is_not_printed() {
    let mut entropy = SeededEntropy::new(1);
    let first = AttemptMacs::draw(5, NOW, &mut entropy);
    let turned = first.turned(6, NOW, &mut entropy);
    let folded = turned.folded(NOW.plus(Duration::from_secs(61)));
    assert!(turned.next.is_some() && folded.previous.is_some());
    for set in [first, turned, folded] {
        let message = keys_message(Some(&set));
        let octets = format!("{:?}", set.current.expose());
        assert!(!format!("{message:?}").contains(&octets));
        assert_eq!(keys(&message), Ok(Some(set)));
    }
    assert_eq!(keys(&keys_message(None)), Ok(None));
}

#[test]
fn keys_of_another_length_are_no_keys() {
    let set = AttemptMacs::draw(5, NOW, &mut SeededEntropy::new(1));
    let changes: [fn(&mut wire::AttemptKeysReply); 3] = [
        |message| message.current.clear(),
        |message| message.previous = vec![1; 31],
        |message| message.next = vec![1; 33],
    ];
    for change in changes {
        let mut message = keys_message(Some(&set));
        change(&mut message);
        assert_eq!(keys(&message), Err(CodecError::Bounds("a key")));
    }
}

#[test]
fn the_secrets_in_a_message_are_wiped_with_it() {
    fn is_wiped<M: Zeroize + ZeroizeOnDrop>(mut message: M) -> M {
        message.zeroize();
        message
    }
    assert!(is_wiped(message()).password.is_empty());
    let now = AttemptMacs::draw(5, NOW, &mut SeededEntropy::new(1));
    let turned = now.turned(6, NOW, &mut SeededEntropy::new(2));
    let sent = is_wiped(keys_message(Some(&turned)));
    assert_eq!(
        (&*sent.current, &*sent.previous, &*sent.next),
        (&[][..], &[][..], &[][..])
    );
}
